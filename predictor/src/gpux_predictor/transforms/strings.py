"""The texts of a request."""

from typing import Any

from gpux_predictor.errors import BadRequest


def strings(name: str, value: Any) -> tuple[list[str], bool]:  # noqa: ANN401
    """One string or a list of strings, as a list, and whether it was one.

    Raises:
        BadRequest: another type, an empty list, or a lone surrogate (JSON can write "\\ud800", UTF-8 cannot).
    """
    single = isinstance(value, str)
    texts = [value] if single else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest(f"Invalid input type for '{name}': expected string or array of strings")
    if not texts:
        raise BadRequest(f"Invalid input shape for '{name}': the array is empty")
    for text in texts:
        check_unicode(name, text)
    return texts, single


def check_unicode(name: str, text: str) -> None:
    """Holds a string against what UTF-8 can write.

    Raises:
        BadRequest: a lone surrogate.
    """
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"Invalid input value for '{name}': character {error.start} is a lone surrogate, which is no Unicode text"
        ) from None
