"""Why a request is not let in."""

from http import HTTPStatus

from gpux_predictor.errors import RequestError, TooManyRequests

_MOST_SHOWN = 200
_SEND = "send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"


class Unauthorized(RequestError):
    """There is no key that is known (RFC 6750).

    Args:
        detail: what is missing or wrong; nothing of the key.
        challenge: the parameters of `WWW-Authenticate` after the realm, empty where no key was sent.
    """

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str, challenge: str = "") -> None:
        super().__init__(detail)
        self.challenge = challenge


def missing() -> Unauthorized:
    """No key came."""
    return Unauthorized(f"This model wants an API key: {_SEND}")


def unknown() -> Unauthorized:
    """A key came that is nobody's."""
    return Unauthorized(
        "Unknown API key: it is none of this model's, or no longer",
        ', error="invalid_token", error_description="unknown key"',
    )


def several() -> Unauthorized:
    """Keys came in more than one place: which one counts would depend on who reads."""
    return Unauthorized(
        f"More than one API key in a request: {_SEND}, once",
        ', error="invalid_request", error_description="more than one key"',
    )


class CrossOrigin(RequestError):
    """A browser says that a web page of another origin asks, which the manifest does not name.

    Args:
        origin: the page's; empty or `null` where the browser does not tell.
    """

    status = HTTPStatus.FORBIDDEN

    def __init__(self, origin: str) -> None:
        told = origin if origin.startswith(("http://", "https://")) else "its origin"
        super().__init__(
            f"A web page of another origin may not ask this model: if it should, put {told[:_MOST_SHOWN]} into "
            "spec.access.cors.allowedOrigins"
        )


class RateLimited(TooManyRequests):
    """A client asks faster than the manifest lets it.

    Args:
        client: its name.
        rate: requests a second that it may send.
        retry_after_seconds: until it may send one.
        headers: `RateLimit` and `RateLimit-Policy`.
    """

    def __init__(self, client: str, rate: int, retry_after_seconds: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().__init__(
            f"Client '{client}' sends more than {rate} requests a second (spec.access.apiKeys.rateLimit): try again in "
            f"{retry_after_seconds} s",
            retry_after_seconds,
        )
        self.headers = headers
