"""Names of spans: one for each route of the API, and none that a caller makes up."""

from collections.abc import Callable

import pytest

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.http.tracing import route_of
from gpux_predictor.openapi.document import document


def test_every_path_of_the_api_has_its_route(make_model: Callable[..., GpuxModel]) -> None:
    batch = {"output": {"uri": "file://results"}}
    model = make_model(model={"version": "3"}, batch=batch, **{"async": {"listed": True}})
    for path in document(model, None)["paths"]:
        asked = path.replace("{", "").replace("}", "")
        expected = path.replace("/models/test", "/models/{name}").replace("/versions/3", "/versions/{version}")
        expected = expected.replace("{task_id}", "{id}")
        assert route_of(asked) == expected


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/predict/", "/predict"),
        ("/predict/async/", "/predict/async"),
        ("/predict/batch/a/b", "/predict/batch/{entity}"),
        ("/page/main.js", "/page/{name}"),
        ("/page/form.json", "/page/form.json"),
        ("/predictor", None),
        ("/wp-login.php", None),
        ("/v2/repository/models/m/load", None),
        ("/v1/anything", None),
        ("/monitoring/task_status/a/b", None),
        ("", "/"),
    ],
)
def test_what_callers_make_up_has_none(path: str, route: str | None) -> None:
    assert route_of(path) == route
