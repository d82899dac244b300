"""What is open without a key: what probes and Prometheus ask, which have none, and the page, which asks its reader for one."""

OPEN = frozenset({"/health", "/metrics", "/v2/health/live", "/v2/health/ready", "/"})
DESCRIPTION = frozenset({"/info", "/model/info", "/openapi.json", "/docs", "/page/form.json"})
"""What tells of the model and runs nothing."""
_FILES = "/page/"


def is_open(path: str, *, described: bool) -> bool:
    """Whether a path is open.

    Args:
        path: of the request, decoded.
        described: whether the model is described without a key.
    """
    if path in OPEN:
        return True
    if path in DESCRIPTION:
        return described
    return path.startswith(_FILES) and "/" not in path[len(_FILES) :]
