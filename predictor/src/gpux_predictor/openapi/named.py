"""Schemas with a title as components of the document: said once, and classes with names in clients that are generated from it."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from gpux_predictor.openapi.parts import ref
from gpux_predictor.openapi.tensors import Schema

_DATA = frozenset({"example", "const", "enum", "default"})
"""Keywords whose values are no schemas."""


def gathered(document: dict[str, Any]) -> dict[str, Any]:
    """The document with each object schema that has a title under `components`, by its title in PascalCase.

    Equal ones are one; different ones of one name are numbered.
    """
    components = document["components"]
    schemas: dict[str, Schema] = dict(components["schemas"])
    paths = _without(document["paths"], schemas)
    return {**document, "paths": paths, "components": {**components, "schemas": schemas}}


def _without(value: Any, schemas: dict[str, Schema]) -> Any:  # noqa: ANN401
    """The value with references in place of the schemas, which are added to those that there are."""
    if isinstance(value, list):
        return [_without(item, schemas) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: item if name in _DATA else _without(item, schemas) for name, item in value.items()}
    title = found.get("title")
    if found.get("type") != "object" or not isinstance(title, str):
        return found
    return ref(_name(title, found, schemas))


def _name(title: str, schema: Schema, schemas: dict[str, Schema]) -> str:
    """The name of a schema, under which it is found from now on."""
    words = re.findall("[A-Za-z0-9]+", title)
    first = "".join(word[0].upper() + word[1:] for word in words) or "Schema"
    name = next(name for name in _numbered(first) if schemas.get(name, schema) == schema)
    schemas[name] = schema
    return name


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}{number}" for number in count(2))
