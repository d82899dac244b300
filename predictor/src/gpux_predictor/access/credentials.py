"""The key that a request shows: `Authorization: Bearer` (RFC 6750) or `X-API-Key`."""

from collections.abc import Iterable

from gpux_predictor.access.errors import missing, several

_SCHEME = b"bearer"


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key, not looked at.

    An `Authorization` of another scheme (an ingress' Basic) is not ours to read; an empty header is none.

    Args:
        headers: of the request, names in lower case.

    Raises:
        Unauthorized: there is none, or more than one.
    """
    found = None
    for name, value in headers:
        if name == b"x-api-key":
            key = value.strip()
        elif name == b"authorization":
            scheme, _, rest = value.strip().partition(b" ")
            if scheme.lower() != _SCHEME:
                continue
            key = rest.strip()
        else:
            continue
        if key and found is not None:
            raise several()
        found = key or found
    if found is None:
        raise missing()
    return found
