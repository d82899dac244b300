"""The routes of V1 and of the Open Inference Protocol; errors are `{"error": "…"}`, as both protocols have them."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.errors import ClientGone, RequestError, TooManyRequests, UnsupportedMedia
from gpux_predictor.protocols import calls, oip_metadata
from gpux_predictor.protocols.disconnect import cancelled_on_disconnect
from gpux_predictor.protocols.oip_checks import check_model
from gpux_predictor.protocols.oip_request import HEADER_LENGTH
from gpux_predictor.serving.service import ModelService, Waiting

logger = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


def routes(service: ModelService) -> list[Route]:
    """The routes of one model; on the same path they come before KServe's."""
    version = service.model.spec.model.version

    def check(request: Request) -> None:
        check_model(service.name, version, request.path_params["name"], request.path_params.get("version"))

    async def predict(request: Request) -> Response:
        check(request)
        return Response(
            await calls.predict_v1(service, await body_of(request), _waiting(request)), media_type="application/json"
        )

    async def explain(request: Request) -> Response:
        check(request)
        return _error(HTTPStatus.NOT_IMPLEMENTED, {"error": "explanations are not served: ask for predictions"})

    async def infer(request: Request) -> Response:
        check(request)
        body, headers = await calls.infer_v2(
            service, await body_of(request), request.headers.get(HEADER_LENGTH), _waiting(request)
        )
        return Response(body, headers=headers)

    async def server_live(_: Request) -> Response:
        return as_json({"live": service.live}, HTTPStatus.OK if service.live else HTTPStatus.SERVICE_UNAVAILABLE)

    async def server_ready(_: Request) -> Response:
        return _readiness(service, {})

    async def model_ready(request: Request) -> Response:
        check(request)
        return _readiness(service, {"name": service.name})

    async def server_metadata(_: Request) -> Response:
        return as_json(oip_metadata.server())

    async def model_metadata(request: Request) -> Response:
        check(request)
        return as_json(oip_metadata.model(service.name, version, service.ready_model().signature))

    return [
        _route("/v1/models/{name}:predict", predict, "POST"),
        _route("/v1/models/{name}:explain", explain, "POST"),
        _route("/v2", server_metadata, "GET"),
        _route("/v2/health/live", server_live, "GET"),
        _route("/v2/health/ready", server_ready, "GET"),
        *(
            _route(f"/v2/models/{{name}}{versions}{call}", handler, method)
            for versions in ("", "/versions/{version}")
            for call, handler, method in (
                ("", model_metadata, "GET"),
                ("/ready", model_ready, "GET"),
                ("/infer", infer, "POST"),
            )
        ),
    ]


def as_json(content: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def _readiness(service: ModelService, named: Mapping[str, str]) -> Response:
    """200 only if the model answers: a probe of any other kind would let a bad model take traffic."""
    health = service.health
    if health.ready:
        return as_json({**named, "ready": True})
    why = {"error": f"The model is not ready: {health.reason}: {health.detail}"}
    return as_json({**named, "ready": False, **why}, HTTPStatus.SERVICE_UNAVAILABLE)


async def body_of(request: Request) -> bytes:
    """The body, of any content type.

    Raises:
        UnsupportedMedia: it is compressed.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMedia(f"Unsupported content encoding '{encoding}': send the body uncompressed")
    return await request.body()


def _waiting(request: Request) -> Waiting:
    return lambda: cancelled_on_disconnect(request.receive)


def _route(path: str, handler: Handler, method: str) -> Route:
    return Route(path, answering_errors(handler), methods=[method])


def answering_errors(handler: Handler, key: str = "error") -> Handler:
    """The handler, with every error answered: nothing goes on to KServe, whose own handlers show Python's texts.

    Args:
        key: of the text in the answer.
    """

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except RequestError as error:
            later = error.retry_after_seconds if isinstance(error, TooManyRequests) else None
            return _error(error.status, {key: error.detail}, later)
        except (ClientDisconnect, ClientGone):
            return _error(HTTPStatus.BAD_REQUEST, {key: "the client went away"})  # nobody reads it
        except HTTPException:
            raise  # BodyLimit's 413
        except Exception as error:
            logger.exception("a request to %s broke", request.url.path)
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, {key: f"Inference failed: {type(error).__name__}"})

    return answered


def _error(status: int, content: Mapping[str, str], retry_after_seconds: int | None = None) -> Response:
    headers = None if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return as_json(content, status, headers)
