"""Pages of other origins in a real browser: what they send without a preflight makes a model without keys do nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.integration.predictor.page.test_answers import manifest

import onnxmodels
import pagebrowser
from predictorserver import Server, serve

SIMPLE = """async (url) => {
    const body = new Blob(['{"x": [1, 2]}']); // no type: no content type, and no preflight
    await fetch(url, { method: "POST", mode: "no-cors", body });
}"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("target")
    onnxmodels.identity(folder / "model.onnx")
    with serve(manifest(folder)) as server:
        yield server


@pytest.mark.parametrize("call", ["predict", "predict/async"])
@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 403), ("127.0.0.1", 403), (None, 200)],
    ids=["another site", "another port", "the server's own"],
)
def test_a_page_of_another_origin(
    target: Server, review: Server, browser: Browser, tmp_path: Path, host: str | None, status: int, call: str
) -> None:
    asked = f"{target.http.base_url}".rstrip("/")
    shown = f"http://{host}:{review.http.base_url.port}" if host else asked
    with pagebrowser.opened(browser) as (page, _):
        page.goto(f"{shown}/health")  # a document without a policy of its own
        with page.expect_response(f"{asked}/{call}") as answered:
            page.evaluate(SIMPLE, f"{asked}/{call}")
        assert answered.value.status == (202 if status == 200 and call.endswith("async") else status)
