"""From pydantic to a structural schema: what comes out, and what is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from gpux_api.base import ATOMIC, ApiModel, Rule, list_map, unsupported
from gpux_api.crdgen.crd import custom_resource_definition
from gpux_api.crdgen.schema import SchemaError, structural


class Leaf(ApiModel):
    """A leaf."""

    name: str
    kind: Literal["one"] = "one"
    size: int | None = None


class Tree(ApiModel):
    """A tree."""

    leaves: Annotated[list[Leaf], Field(json_schema_extra=list_map("name"))] = Field(
        default_factory=list, description="Its leaves."
    )
    labels: dict[str, str] | None = None
    later: int | None = unsupported("wait")
    rules = (Rule("size(self.leaves) > 0", lambda tree: bool(tree.leaves), "a tree has leaves"),)


class Union(ApiModel):
    value: int | str


class Recursive(ApiModel):
    children: Annotated[list[Recursive], Field(json_schema_extra=ATOMIC)] | None = None


class Untyped(ApiModel):
    anything: Any


class PlainList(ApiModel):
    items: list[int]


def test_a_model() -> None:
    leaf = {
        "description": "A leaf.",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "kind": {"type": "string", "default": "one", "enum": ["one"]},
            "size": {"type": "integer"},
        },
    }
    assert structural(Tree) == {
        "description": "A tree.",
        "type": "object",
        "properties": {
            "leaves": {
                "type": "array",
                "description": "Its leaves.",
                "items": leaf,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "later": {"type": "integer", "description": "Not supported yet: wait."},
        },
        "x-kubernetes-validations": [
            {"rule": "!has(self.later)", "message": "later is not supported yet: wait"},
            {"rule": "size(self.leaves) > 0", "message": "a tree has leaves"},
        ],
    }


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Union, "a union of 2 types"),
        (Recursive, "contains itself"),
        (Untyped, "no type"),
        (PlainList, "a list without a list type"),
    ],
)
def test_what_a_structural_schema_cannot_say_is_refused(model: type[ApiModel], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        structural(model)


FORBIDDEN = {
    "$ref",
    "const",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "title",
    "prefixItems",
    "oneOf",
    "x-gpux-unsupported",
}


def test_the_crd_is_structural_and_described() -> None:
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, node in nodes(schema):
        assert not FORBIDDEN & node.keys(), path
        assert "anyOf" not in node or node.get("x-kubernetes-int-or-string"), path
        for name, child in node.get("properties", {}).items():
            refused = any(
                rule["message"].startswith(f"{name} is not supported yet")
                for rule in node.get("x-kubernetes-validations", ())
            )
            assert child.get("description") or refused or path == "", f"{path}.{name}"
        if node.get("type") == "string" and path.startswith(".spec") and "enum" not in node:
            assert "maxLength" in node, f"{path}: unbounded text makes CEL rules too costly"
        if node.get("type") == "array" and path.startswith(".spec"):
            assert "maxItems" in node, path


def nodes(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = [(path, schema)]
    for name, child in schema.get("properties", {}).items():
        found += nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            found += nodes(schema[key], path + mark)
    return found
