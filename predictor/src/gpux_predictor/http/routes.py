"""The routes of one model beside `/predict`, which has its own way in `lean`."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.http.lean import PATHS
from gpux_predictor.openapi.document import document
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.protocols.rest import as_json
from gpux_predictor.serving import about
from gpux_predictor.serving.service import ModelService


def routes(service: ModelService) -> list[Route]:
    """All routes of ours; on the same path they come before KServe's."""

    wrong_method = as_json({"detail": "Method Not Allowed"}, HTTPStatus.METHOD_NOT_ALLOWED)
    wrong_method.headers["allow"] = "POST"

    async def health(_: Request) -> Response:
        status = HTTPStatus.OK if service.health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return as_json(service.health.describe(service.name), status)

    async def info(_: Request) -> Response:
        return as_json(about.info(service.model, service.loaded))

    async def model_info(_: Request) -> Response:
        return as_json(about.short_info(service.model, service.loaded))

    async def openapi(_: Request) -> Response:
        loaded = service.loaded
        graph = None if loaded is None else Graph(loaded.signature, loaded.pipeline.axis)
        return as_json(document(service.model, graph))

    return [
        *(Route(path, wrong_method) for path in PATHS),  # a response is an ASGI app, which a route gives every method
        Route("/health", health, methods=["GET"]),
        Route("/info", info, methods=["GET"]),
        Route("/model/info", model_info, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
    ]
