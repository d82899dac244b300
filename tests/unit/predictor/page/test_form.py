"""The form of models of all kinds: which fields, and with which values they begin."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.page import files
from gpux_predictor.page.form import form
from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

MakeModel = Callable[..., GpuxModel]
TYPES = {element.name: element for element in ELEMENT_TYPES}
TEXT = {"text": {"pairWith": "second"}}
IMAGE = {"image": {"input": "picture"}}
TABLE = {"tabular": {"entityKey": "id", "features": ["a", "b"], "missing": "nan", "defaults": {"b": 1.5}}}


def tensors(*described: tuple[str, str, tuple[Dim, ...]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, TYPES[dtype], shape) for name, dtype, shape in described)


def graph(*described: tuple[str, str, tuple[Dim, ...]]) -> Graph:
    signature = Signature(tensors(*described), tensors(("y", "float32", ("batch", 2))))
    return Graph(signature, batch_axis.find(signature))


IDS = graph(("input_ids", "int64", ("batch", "tokens")), ("attention_mask", "int64", ("batch", "tokens")))
PIXELS = graph(("pixels", "float32", ("batch", 3, 8, 8)))


@pytest.mark.parametrize(
    ("dtype", "shape", "kind", "item"),
    [
        ("float32", ("batch",), "number", "0.5"),
        ("int64", (None, 1), "integer", "1"),
        ("string", ("batch",), "string", '"text"'),
        ("bool", ("batch", 1), "boolean", "true"),
        ("float32", ("batch", 2), "tensor", "0.5"),
        ("float32", (1,), "tensor", "0.5"),
        ("float32", (), "tensor", "0.5"),
    ],
)
def test_kinds(make_model: MakeModel, dtype: str, shape: tuple[Dim, ...], kind: str, item: str) -> None:
    [field] = form(make_model(), graph(("x", dtype, shape)))["fields"]
    assert (field["kind"], field["item"], field["type"]) == (kind, item, dtype)


def test_a_small_tensor_has_an_example_and_a_large_one_its_sizes(make_model: MakeModel) -> None:
    [small] = form(make_model(), graph(("x", "float32", ("batch", 2))))["fields"]
    [large] = form(make_model(), graph(("x", "float32", ("batch", 3, 224, 224))))["fields"]
    assert orjson.loads(small["example"]) == [0.5, 0.5]
    assert "example" not in large
    assert large["sizes"] == [3, 224, 224]


def test_numbers_stay_as_they_are_written(make_model: MakeModel) -> None:
    samples = [{"request": {"x": [2**53 + 1, 1]}, "response": {"y": [0, 0]}}]
    [field] = form(make_model(samples=samples), graph(("x", "int64", ("batch", 2))))["fields"]
    assert field["example"] == "[9007199254740993,1]"


def test_text_in_the_place_of_token_ids(make_model: MakeModel) -> None:
    samples: list[dict[str, Any]] = [
        {"request": {"input_ids": [1], "attention_mask": [1]}, "response": {"y": [0, 0]}},
        {"request": {"text": ["a", "b"], "second": "c"}, "response": {"y": [[0, 0]]}},
        {"request": {"text": "first", "second": "other"}, "response": {"y": [0, 0]}},
    ]
    fields = form(make_model(preprocessing=TEXT, samples=samples), IDS)["fields"]
    found = [(field["kind"], field["name"], field["example"]) for field in fields]
    assert found == [("text", "text", '"first"'), ("text", "second", '"other"')]


@pytest.mark.parametrize("picture", ["iVBORw0=", {"b64": "iVBORw0="}])
def test_an_image(make_model: MakeModel, picture: Any) -> None:
    samples = [{"request": {"picture": picture}, "response": {"y": [0, 0]}}]
    [field] = form(make_model(preprocessing=IMAGE, samples=samples), PIXELS)["fields"]
    assert (field["kind"], field["name"], field["example"]) == ("image", "picture", "iVBORw0=")


def test_pixels_of_a_sample_are_no_file(make_model: MakeModel) -> None:
    samples = [{"request": {"picture": [[0, 1], [2, 3]]}, "response": {"y": [0, 0]}}]
    [field] = form(make_model(preprocessing=IMAGE, samples=samples), PIXELS)["fields"]
    assert field["example"].startswith("iVBOR")


def test_features(make_model: MakeModel) -> None:
    samples = [{"request": {"id": "x", "features": {"a": 2.0}}, "response": {"id": "x"}}]
    found = form(make_model(preprocessing=TABLE, samples=samples), graph(("X", "float32", ("N", 2))))
    [field] = found["fields"]
    assert (field["kind"], field["key"], field["example"]) == ("features", "id", '"x"')
    common = {"type": "float32", "kind": "number", "required": False}
    assert field["features"] == [
        {"name": "a", **common, "default": None, "example": "2.0"},
        {"name": "b", **common, "default": "1.5"},
    ]


def test_outputs_have_the_names_of_the_answer(make_model: MakeModel) -> None:
    steps = {"outputs": [{"output": "y", "activation": "softmax", "name": "score"}]}
    found = form(make_model(postprocessing=steps), graph(("x", "float32", ("batch", 2))))
    assert [output["name"] for output in found["outputs"]] == ["score"]


def test_tasks_that_are_off(make_model: MakeModel) -> None:
    model = make_model(**{"async": {"enabled": False}})
    assert form(model, graph(("x", "float32", ("batch", 2))))["tasks"] is False


def test_the_tag_is_of_the_content() -> None:
    assert files.made(b"a", "js").tag == files.made(b"a", "css").tag != files.made(b"b", "js").tag


def test_every_file_is_named_in_another() -> None:
    """A file that nothing loads is dead."""
    found = files.read()
    text = b"".join(file.content for file in found.values()).decode()
    assert [name for name in found if name not in (files.INDEX, files.REFERENCE) and f'/{name}"' not in text] == []


def test_both_pages_have_what_they_share() -> None:
    found = files.read()
    for name in (files.INDEX, files.REFERENCE):
        page = found[name].content.decode()
        assert "<!--" not in page
        assert page.count('<meta name="color-scheme"') == page.count("<footer>") == 1
    assert [name for name in found if name.startswith("shared-")] == []
