"""The reference at /docs: every operation of this very model's document, in the browser."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from predictorserver import Server

Open = Callable[..., Page]
MODELS = ["review", "match_outcome", "digits_image", "several"]


def opened(open_page: Open, server: Server, anchor: str = "", **context: Any) -> Page:
    page = open_page(f"{server.http.base_url}/docs{anchor}".replace("//docs", "/docs"), wait=False, **context)
    expect(page.locator("#reference")).to_be_visible()
    return page


def article(page: Page, name: str) -> Any:
    return page.get_by_role("article", name=name, exact=True)


@pytest.mark.parametrize("server", MODELS, indirect=True)
def test_all_of_the_document_is_shown(server: Server, open_page: Open) -> None:
    page = opened(open_page, server)
    document = server.http.get("/openapi.json").json()
    expect(page).to_have_title(f"{document['info']['title']}: HTTP API")
    count = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            count += 1
            text = article(page, f"{method.upper()} {path}").evaluate("element => element.textContent")
            wanted = [
                operation["summary"],
                *operation["responses"],
                *(p["name"] for p in operation.get("parameters", [])),
            ]
            wanted += operation.get("requestBody", {}).get("content", {})
            for answer in operation["responses"].values():
                wanted += [answer["description"], *answer.get("headers", {}), *answer["content"]]
            assert [part for part in wanted if part not in text] == []
            assert "undefined" not in text
            assert "[object" not in text
            assert "NaN" not in text
            assert "$ref" not in text
    assert page.get_by_role("article").count() == count
    for tag in document["tags"]:
        expect(page.get_by_role("heading", name=tag["name"], exact=True)).to_be_visible()


def table(page: Page, caption: str) -> dict[str, str]:
    """The rows of a schema: the name, and the rest of its text."""
    rows = page.get_by_role("table", name=caption, exact=True).locator("tbody tr").all()
    found = {}
    for row in rows:
        names = row.locator(".row-name").all_inner_texts()
        text = re.sub(r"\s+", " ", row.inner_text())
        found[names[0] if names else ""] = text.removeprefix(names[0] if names else "").strip()
    return found


def test_a_body_of_features(match_outcome: Server, open_page: Open) -> None:
    rows = table(opened(open_page, match_outcome), "Body of predict, application/json")
    assert rows[""] == "one of"
    assert rows["One entity"] == "object"
    assert rows["Entities"] == "object · n"
    assert rows["match_id"] == "string or number"
    assert rows["home_elo_pre"].startswith("number or null optional")
    assert rows["home_elo_pre"].endswith("Between \u00b13.4028e+38. Default 1500.")
    assert rows["X"].startswith("number · n \u00d7 4")


def test_a_tensor_of_the_open_inference_protocol(review: Server, open_page: Open) -> None:
    rows = table(opened(open_page, review), "Body of v2Infer, application/json")
    assert rows["inputs"].startswith("one of · 2")
    assert rows["input_ids"] == "object"
    assert rows["datatype"] == '"INT64"'
    assert "any shape of up to 7 dimensions" in rows["data"]
    assert "-9223372036854775808 to 9223372036854775807" in rows["data"]  # exact, where a number would be rounded


def test_parameters_headers_and_limits(several: Server, open_page: Open) -> None:
    page = opened(open_page, several)
    rows = table(page, "Parameters of tasks")
    assert rows["limit"] == "integer, in query optional At most. 1 to 1000. Default 100."
    assert (
        rows["status"]
        == 'string, in query optional Only these; may be repeated. One of "pending" | "success" | "failure".'
    )
    assert table(page, "Parameters of taskStatus")["task_id"] == "string, in path As it was submitted."
    assert table(page, "Headers of submitTask, 202")["Queue-Position"].startswith("integer How many wait")


@pytest.mark.parametrize("server", MODELS, indirect=True)
def test_each_call_works_as_it_is_shown(server: Server, open_page: Open, tmp_path: Path) -> None:
    page = opened(open_page, server)
    document = server.http.get("/openapi.json").json()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    task = server.http.post("/predict/async", json=body).json()["task_id"]
    called = 0
    for program in page.locator(".program pre").all_inner_texts():
        if "FILE" in program:
            continue
        command = program.replace("curl -sS", "curl -sS -o answer -w '%{http_code}'")
        done = subprocess.run(
            ["sh", "-c", command],
            check=False,
            cwd=tmp_path,
            env=os.environ | {"TASK_ID": task, "ENTITY": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        wanted = (
            {"404"} if "/predict/batch/" in program or "/upcoming" in program else {"200", "202"}
        )  # no table was predicted
        assert done.stdout in wanted, f"{program}: {done.stdout} {done.stderr}"
        called += 1
    assert called >= sum(map(len, document["paths"].values()))


def test_a_picture_is_sent_as_a_file(digits_image: Server, open_page: Open) -> None:
    shown = article(opened(open_page, digits_image), "POST /predict").locator(".program pre").all_inner_texts()
    assert [text.rpartition("\n")[2].strip() for text in shown[1:]] == [
        "-F 'image=@FILE'",
        *["--data-binary @FILE"] * 3,
    ]


def test_the_filter(review: Server, open_page: Open) -> None:
    page = opened(open_page, review)
    whole = page.get_by_role("article").count()
    expect(page.get_by_role("status").filter(has_text="calls")).to_have_text(f"{whole} calls")
    page.get_by_label("Filter").fill("task CANCEL")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(article(page, "DELETE /monitoring/task_status/{task_id}")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="calls")).to_have_text(f"1 of {whole} calls")
    expect(page.get_by_role("heading", name="V2", exact=True)).to_be_hidden()
    page.evaluate("location.hash = 'operation-health'")  # a link to what is filtered away
    expect(article(page, "GET /health")).to_be_in_viewport()
    expect(page.get_by_role("article")).to_have_count(whole)


def test_a_link_to_a_call(review: Server, open_page: Open) -> None:
    page = opened(open_page, review, "#operation-v2Infer")
    expect(article(page, "POST /v2/models/review/infer")).to_be_in_viewport()
    page.get_by_role("navigation", name="Calls").get_by_role("link", name="POST /predict", exact=True).click()
    expect(article(page, "POST /predict")).to_be_in_viewport()
    assert page.url.endswith("/docs#operation-predict")
