"""URIs in messages: without what may be secret."""


def shown(uri: str) -> str:
    """A uri without user, password, query and fragment, which may hold secrets (signed URLs)."""
    _, host, path, _ = _parts(uri)
    return f"{uri.partition('://')[0]}://{host}{path}"


def redacted(text: str, uri: str) -> str:
    """A text without the parts of `uri` that `shown` leaves out."""
    user, _, _, query = _parts(uri)
    text = text.replace(uri, shown(uri))
    for secret in (f"{user}@", f"?{query}", query, user.partition(":")[2]):
        text = text.replace(secret, "") if secret not in {"", "@", "?"} else text
    return text


def _parts(uri: str) -> tuple[str, str, str, str]:
    """User with password, host, path, and what follows; of any text, where urlsplit would raise."""
    location, _, query = uri.partition("://")[2].replace("#", "?", 1).partition("?")
    authority, slash, path = location.partition("/")
    user, _, host = authority.rpartition("@")
    return user, host, slash + path, query
