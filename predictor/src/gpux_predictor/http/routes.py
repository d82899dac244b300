"""The routes of one model."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.errors import RequestError
from gpux_predictor.http.body import read_json
from gpux_predictor.serving import loading
from gpux_predictor.serving.service import ModelService

Handler = Callable[[Request], Awaitable[Response]]


def routes(service: ModelService) -> list[Route]:
    """All routes of ours; on the same path they come before KServe's."""

    async def predict(request: Request) -> Response:
        body = await read_json(request)
        return Response(await service.predict(body), media_type="application/json")

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

    return [
        *(Route(path, answering_errors(predict), methods=["POST"]) for path in ("/predict", "/predict/")),
        Route("/health", health, methods=["GET"]),
        Route("/info", info, methods=["GET"]),
        Route("/model/info", model_info, methods=["GET"]),
        Route("/v2/repository/{rest:path}", closed, methods=["GET", "POST"]),
    ]


def as_json(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def answering_errors(handler: Handler) -> Handler:
    """The handler, with `RequestError`s answered as `{"detail": "…"}`: the one place where errors become responses."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except RequestError as error:
            return as_json({"detail": error.detail}, error.status)
        except ClientDisconnect:
            return as_json({"detail": "the client went away"}, HTTPStatus.BAD_REQUEST)  # nobody reads it

    return answered
