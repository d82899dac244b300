"""Paths of KServe's app that are closed: its repository's, and those of the protocols that the manifest does not have."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_api.v1alpha1.serving import ServingSpec
from gpux_predictor.protocols.rest import as_json

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PATHS = {"v1": ("/v1/{rest:path}",), "v2": ("/v2", "/v2/models", "/v2/models/{rest:path}")}
"""The paths of a protocol. `/v2/health/…` stays: it tells of the server, and anybody's probes ask it."""


def routes(serving: ServingSpec) -> list[Route]:
    """Routes that answer 404 and say why; they go before those that they close."""
    repository = _closed("detail", "which model is served is the manifest's business")
    found = [Route("/v2/repository/{rest:path}", repository, methods=_METHODS)]
    for protocol in sorted(_PATHS.keys() - serving.open_protocols):
        why = _closed("error", f"spec.serving.protocols does not have {protocol}")
        found += [Route(path, why, methods=_METHODS) for path in _PATHS[protocol]]
    return found


def tasks() -> list[Route]:
    """Routes in the place of those of tasks, for a manifest that has none."""
    why = _closed("detail", "this model takes no tasks: set spec.async")
    paths = ("/predict/async", "/predict/async/", "/monitoring/{rest:path}")
    return [Route(path, why, methods=_METHODS) for path in paths]


def _closed(key: str, why: str) -> Callable[[Request], Awaitable[Response]]:
    async def closed(request: Request) -> Response:
        return as_json({key: f"{request.url.path} is closed: {why}"}, HTTPStatus.NOT_FOUND)

    return closed
