"""What is sent: the page to browsers, the old answer to programs, files with an ETag; and nothing of it with --no-page."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from predictorserver import Server, serve

EXAMPLE = Path(__file__).parents[4] / "examples" / "sentiment"
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def without() -> Iterator[Server]:
    with serve(EXAMPLE / "gpuxmodel.yaml", "--model-dir", str(EXAMPLE), "--no-page") as server:
        yield server


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0", "text/html;q=x", ""]
)
def test_programs_get_what_they_got(sentiment: Server, accept: str) -> None:
    answer = sentiment.http.get("/", headers={"Accept": accept})
    assert (answer.status_code, answer.json(), answer.headers["vary"]) == (200, {"status": "alive"}, "Accept")


@pytest.mark.parametrize("accept", [HTML["Accept"], "text/html", "application/json;q=0.5, TEXT/HTML ; q=0.5"])
def test_browsers_get_the_page(sentiment: Server, accept: str) -> None:
    answer = sentiment.http.get("/", headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert sentiment.http.head("/", headers=HTML).headers["etag"] == answer.headers["etag"]


def test_files_are_sent_once(sentiment: Server) -> None:
    page = sentiment.http.get("/", headers=HTML)
    urls = ["/page/main.js", "/page/theme.css", "/page/icon.svg"]
    kinds = ["text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"]
    for url, kind in zip(urls, kinds, strict=True):
        assert url.removeprefix("/") in page.text
        first = sentiment.http.get(url)
        assert (first.status_code, first.headers["content-type"]) == (200, kind)
        assert first.headers["x-content-type-options"] == "nosniff"
        for known in (first.headers["etag"], f'"x", W/{first.headers["etag"]}'):
            again = sentiment.http.get(url, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
        assert sentiment.http.get(url, headers={"If-None-Match": '"x"'}).content == first.content


@pytest.mark.parametrize(
    "path", ["/page/no.js", "/page/index.html", "/page/../form.py", "/page/%2e%2e/form.py", "/page/"]
)
def test_no_other_files(sentiment: Server, path: str) -> None:
    assert sentiment.http.get(path).status_code == 404


def test_other_methods(sentiment: Server) -> None:
    assert sentiment.http.post("/").status_code == 405
    assert sentiment.http.post("/page/main.js").status_code == 405


@pytest.mark.parametrize("prefix", ["//elsewhere.example", '/a"><script>', "https://elsewhere.example", "/a//b", "x"])
def test_a_prefix_that_is_none(sentiment: Server, prefix: str) -> None:
    answer = sentiment.http.get("/", headers={**HTML, "X-Forwarded-Prefix": prefix})
    assert answer.content == sentiment.http.get("/", headers=HTML).content


def test_a_prefix(sentiment: Server) -> None:
    plain = sentiment.http.get("/", headers=HTML)
    answer = sentiment.http.get("/", headers={**HTML, "X-Forwarded-Prefix": "/models/sentiment/"})
    assert '<base href="/models/sentiment/">' in answer.text
    assert answer.headers["etag"] != plain.headers["etag"]


def test_without_the_page(without: Server) -> None:
    assert without.http.get("/", headers=HTML).json() == {"status": "alive"}
    for path in ("/page/main.js", "/page/form.json"):
        assert without.http.get(path).status_code == 404
    assert "a page" not in without.log.read_text()


def test_without_it_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUX_PAGE", "0")
    with serve(EXAMPLE / "gpuxmodel.yaml", "--model-dir", str(EXAMPLE)) as server:
        assert server.http.get("/", headers=HTML).json() == {"status": "alive"}


def test_the_form_of_a_model_that_is_not_loaded(tmp_path: Path) -> None:
    with serve(EXAMPLE / "gpuxmodel.yaml", "--model-dir", str(tmp_path), ready=False) as server:
        answer: httpx.Response = server.http.get("/page/form.json")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unhealthy"
