"""The routes of one model beside `/predict`, which has its own way in `lean`."""

from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.http.lean import PATHS
from gpux_predictor.serving import loading
from gpux_predictor.serving.service import ModelService


def routes(service: ModelService) -> list[Route]:
    """All routes of ours; on the same path they come before KServe's."""

    async def wrong_method(_: Request) -> Response:
        response = as_json({"detail": "Method Not Allowed"}, HTTPStatus.METHOD_NOT_ALLOWED)
        response.headers["allow"] = "POST"
        return response

    async def health(_: Request) -> Response:
        status = HTTPStatus.OK if service.health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return as_json(service.health.describe(service.name), status)

    async def info(_: Request) -> Response:
        return as_json(loading.info(service.model, service.loaded))

    async def model_info(_: Request) -> Response:
        return as_json(loading.short_info(service.model, service.loaded))

    async def closed(request: Request) -> Response:
        return as_json(
            {"detail": f"{request.url.path} is closed: which model is served is the manifest's business"},
            HTTPStatus.NOT_FOUND,
        )

    others = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return [
        *(Route(path, wrong_method, methods=others) for path in PATHS),
        Route("/health", health, methods=["GET"]),
        Route("/info", info, methods=["GET"]),
        Route("/model/info", model_info, methods=["GET"]),
        Route("/v2/repository/{rest:path}", closed, methods=["GET", "POST"]),
    ]


def as_json(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(content), status, media_type="application/json")
