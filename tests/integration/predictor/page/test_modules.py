"""The page's own modules, in the browser: JSON as text, and how answers of all shapes are drawn."""

import ast
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from predictorserver import Server

Open = Callable[..., Page]
NESTED = {
    "a": [[1, 2.50], [3, 4]],
    "b": {"c": None, "d": [True, False, 'it\'s "x" \\ \n é 🙂']},
    "e": [],
    "f": {},
    "long": list(range(300)),
}


@pytest.fixture
def call(review: Server, open_page: Open) -> Callable[..., Any]:
    """Calls a function of a module with JSON."""
    page = open_page(review.http.base_url)

    def call(module: str, name: str, *arguments: Any) -> Any:
        script = "async ([module, name, given]) => (await import(`./page/${module}.js`))[name](...given)"
        return page.evaluate(script, [module, name, list(arguments)])

    return call


@pytest.fixture
def drawn(review: Server, open_page: Open) -> Callable[..., str]:
    """The text of an answer as it is drawn."""
    page = open_page(review.http.base_url)
    script = """async ([value, outputs]) => {
        const { answer } = await import("./page/answer.js");
        const element = answer(value, outputs);
        document.getElementById("answer").replaceChildren(element);
        return element.innerText;
    }"""
    return lambda value, outputs=(): page.evaluate(script, [value, list(outputs)])


def test_json_is_laid_out_and_stays_what_it_is(call: Callable[..., Any]) -> None:
    text = json.dumps(NESTED)
    laid_out = call("json", "indent", text)
    assert json.loads(laid_out) == NESTED
    assert max(map(len, laid_out.splitlines())) <= 76
    assert call("json", "indent", '{"x": 9007199254740993, "y": 1.0}') == '{"x": 9007199254740993, "y": 1.0}'
    assert call("json", "indent", "5") == "5"


def test_python_literals(call: Callable[..., Any]) -> None:
    for value in (NESTED, {"x": 2**63}):
        assert ast.literal_eval(call("json", "python", json.dumps(value))) == value
    assert ast.literal_eval(call("json", "python", r'{"x": "a\/b A"}')) == {"x": "a/b A"}


@pytest.mark.parametrize(
    ("typed", "number"),
    [("1.0", "1.0"), ("-2e3", "-2e3"), (" 9007199254740993 ", "9007199254740993"), (".5", "0.5"), ("+1", "1"), ("01", "1"),
     ("", None), ("x", None), ("1,5", None), ("Infinity", None)],
)  # fmt: skip
def test_numbers_as_they_are_typed(call: Callable[..., Any], typed: str, number: str | None) -> None:
    assert call("json", "number", typed) == number


def test_numbers_that_javascript_does_not_hold(call: Callable[..., Any]) -> None:
    assert call("json", "exact", '{"x": [1, 9007199254740991, 0.1, "9007199254740993"]}')
    assert not call("json", "exact", '{"x": 9007199254740993}')


def test_stages_of_a_header(call: Callable[..., Any]) -> None:
    assert call("timing", "stages", "queue;dur=0.000, run;dur=1.5") == {"queue": 0, "run": 1.5}
    assert call("timing", "stages", None) == {}


def test_labels_come_from_a_description_that_names_as_many(call: Callable[..., Any]) -> None:
    labels = {"of home win, draw, away win": 3, "negative, positive": 2}
    for description, count in labels.items():
        assert len(call("answer", "labelsOf", {"description": description}, count)) == count
        assert call("answer", "labelsOf", {"description": description}, count + 1) is None
    assert (
        call("answer", "labelsOf", {"description": "a long sentence, which says that it is no list of names"}, 2)
        is None
    )
    assert call("answer", "labelsOf", None, 2) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"y": 3}, ["y", "3"]),
        ({"y": None}, ["y", "NaN"]),
        ({"y": "text"}, ["text"]),
        ({"y": True}, ["true"]),
        ({"y": []}, ["empty"]),
        ({"y": ["a", "b"]}, ["a", "b"]),
        ({"y": [0.25, 0.75]}, ["25.0 %", "75.0 %"]),
        ({"y": [-1.5, 2]}, ["-1.5", "2"]),
        ({"y": [None, 2]}, ["NaN", "2"]),
        ({"y": {"cat": 0.9, "dog": 0.1}}, ["cat", "90.0 %", "dog", "10.0 %"]),
        ({"y": [{"label": "cat", "score": 0.9995}, {"label": "dog", "score": 0.0001}]}, ["cat", "100.0 %", "< 0.1 %"]),
        ({"y": [{"index": 7, "score": None}]}, ["7", "NaN"]),
        ({"y": [[{"label": "cat", "score": 1}], [{"label": "dog", "score": 1}]]}, ["Sample 0", "cat", "Sample 1", "dog"]),
        ({"y": [{"1": 0.5, "2": 0.5}]}, ["Sample 0", "50.0 %"]),
        ({"y": [[1, 2], [3]]}, ["Sample 0", "1", "2", "3"]),
        ({"y": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}, ["Part 0", "Part 1", "8"]),
        ([{"id": "a", "prediction": {"predicted_value": 2.5}}], ["Entity 0", "id a", "predicted_value", "2.5"]),
        ({"predicted_value": [1, 2], "model_version": "1", "model_run_id": None}, ["predicted_value", "by version 1"]),
        ({"y": list(range(30))}, ["18 more"]),
        ({"y": [[i] for i in range(50)]}, ["The first of 50 \u00d7 1"]),
    ],
)  # fmt: skip
def test_answers_of_all_shapes(drawn: Callable[..., str], value: Any, shown: list[str]) -> None:
    text = drawn(value)
    assert [part for part in shown if part not in text] == []
