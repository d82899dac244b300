"""From a body and its content type to the object of input names to values that `/predict` means."""

from io import BytesIO
from typing import Any

import orjson

from gpux_predictor.errors import BadRequest, UnsupportedMedia

JSON = "application/json"
_IMAGES = ("image/jpeg", "image/png", "image/webp")


def media_type(content_type: str) -> str:
    """The media type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether the body is JSON; most are."""
    return content_type == JSON or (kind := media_type(content_type)) == JSON or kind.endswith("+json")


def parse_json(body: bytes) -> Any:  # noqa: ANN401
    """A JSON body.

    Raises:
        BadRequest: no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Invalid JSON: {error}") from None


def parse(body: bytes, content_type: str, image_key: str | None) -> Any:  # noqa: ANN401
    """A body of another type than JSON: a raw image, or a form.

    Args:
        body: as it came.
        content_type: the header, with its parameters.
        image_key: the request's key for images; None if the model takes none.

    Returns:
        The request as JSON would have given it, with bytes for files.

    Raises:
        UnsupportedMedia: a type that this model does not take.
        BadRequest: a form that cannot be read.
    """
    kind = media_type(content_type)
    if kind in _IMAGES and image_key is not None:
        return {image_key: body}
    if kind == "multipart/form-data":
        return _form(body, content_type)
    takes = ", ".join([JSON, "multipart/form-data", *(_IMAGES if image_key else ())])
    raise UnsupportedMedia(f"Unsupported content type '{kind}': send {takes if image_key else JSON}")


def _form(body: bytes, content_type: str) -> dict[str, Any]:
    """Fields by name: files as bytes, other fields as JSON where they are, else as text; a name that is there twice is a list."""
    from python_multipart import parse_form  # noqa: PLC0415
    from python_multipart.exceptions import FormParserError  # noqa: PLC0415

    found: dict[str, list[Any]] = {}

    def on_field(field: Any) -> None:  # noqa: ANN401
        found.setdefault(_name(field.field_name), []).append(_value(field.value or b""))

    def on_file(file: Any) -> None:  # noqa: ANN401
        file.file_object.seek(0)
        found.setdefault(_name(file.field_name), []).append(file.file_object.read())

    headers = {"Content-Type": content_type.encode("latin-1"), "Content-Length": str(len(body)).encode()}
    try:
        parse_form(headers, BytesIO(body), on_field, on_file)
    except (FormParserError, ValueError) as error:
        raise BadRequest(f"Invalid form: {error}") from None
    if not found:
        raise BadRequest("Invalid form: it has no fields")
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _name(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "replace")


def _value(text: bytes) -> Any:  # noqa: ANN401
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode("utf-8", "replace")
