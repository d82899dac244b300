"""What of the server is in the document: every call of a client's, and no page."""

from collections.abc import Callable
from pathlib import Path

from starlette.routing import Route

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.http import batch, page, tasks
from gpux_predictor.http.routes import routes
from gpux_predictor.openapi.document import document
from gpux_predictor.protocols import rest
from gpux_predictor.serving.loading import Origin
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.build import task_service

LEFT_OUT = {
    "/docs": "for people",
    "/page/form.json": "what the document says, for drawing",
    "/page/{name}": "the page's files",
    "/": "the page; to others what /v2/health/live says, too",
    "/predict/": "another spelling",
    "/predict/async/": "another spelling",
    "/v1/models/{name}:explain": "says that there is none",
}


def test_every_call_is_in_the_document_and_no_page(make_model: Callable[..., GpuxModel], tmp_path: Path) -> None:
    output = {"output": {"uri": "file://results"}}
    model = make_model(model={"version": "3"}, batch=output, **{"async": {"listed": True}})
    service = ModelService(model, Origin(tmp_path))
    own_tasks = task_service(service, tmp_path)
    assert own_tasks is not None
    served: list[Route] = [
        *routes(service),
        *page.routes(service, shown=True),
        *tasks.routes(own_tasks, listed=True),
        *batch.routes("none"),
        *rest.routes(service),
    ]
    described = document(model, None)["paths"]
    unlisted = {route.path for route in served if not any(route.path_regex.match(path) for path in described)}
    assert unlisted == LEFT_OUT.keys()
