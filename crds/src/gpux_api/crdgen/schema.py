"""From a pydantic model to a structural schema.

A structural schema (Kubernetes, "Specifying a structural schema") is OpenAPI 3.0 with a type at every node and without `$ref`,
`const`, `additionalProperties: false`, numeric exclusive bounds or unions; pydantic writes JSON Schema 2020-12 with all of them.
"""

from typing import Any

from pydantic import BaseModel

from gpux_api.base import UNSUPPORTED_KEY, ApiModel

Schema = dict[str, Any]

_DROPPED = ("title", "additionalProperties", UNSUPPORTED_KEY)


class SchemaError(TypeError):
    """A model says something that a structural schema cannot."""


def structural(model: type[BaseModel]) -> Schema:
    """The structural OpenAPI v3 schema of `model`.

    Raises:
        SchemaError: the model holds a union, a recursion or a tuple.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(raw, raw.get("$defs", {}), {m.__name__: m for m in _models(model)}, model.__name__, ())


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and all models that its fields name, however deep."""
    found: set[type[BaseModel]] = set()
    todo: list[Any] = [model]
    while todo:
        item = todo.pop()
        todo.extend(getattr(item, "__args__", ()))
        if isinstance(item, type) and issubclass(item, BaseModel) and item not in found:
            found.add(item)
            todo.extend(field.annotation for field in item.model_fields.values())
    return found


def _convert(
    node: Schema, defs: Schema, models: dict[str, type[BaseModel]], name: str, path: tuple[str, ...]
) -> Schema:
    node = _without_null(dict(node), path)
    if "$ref" in node:
        target = node.pop("$ref").rpartition("/")[2]
        if target in path:
            raise SchemaError(f"{'.'.join(path)}: {target} contains itself")
        converted = _convert(defs[target], defs, models, target, (*path, target))
        return {**converted, **{key: value for key, value in node.items() if key not in _DROPPED}}
    out = {
        key: value
        for key, value in node.items()
        if key not in (*_DROPPED, "properties", "items", "$defs", "const", "anyOf")
    }
    if node.get("x-kubernetes-int-or-string"):
        out["anyOf"] = node["anyOf"]
    if "const" in node:
        out["enum"] = [node["const"]]
    if "properties" in node:
        out["properties"] = {
            key: _convert(item, defs, models, "", (*path, key)) for key, item in node["properties"].items()
        }
    if "items" in node:
        out["items"] = _convert(node["items"], defs, models, "", (*path, "[]"))
    if isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = _convert(node["additionalProperties"], defs, models, "", (*path, "{}"))
    _add_rules(out, models.get(name))
    return _checked(out, path)


def _without_null(node: Schema, path: tuple[str, ...]) -> Schema:
    """`anyOf: [X, null]` with the default null is an optional X; no other union can be said."""
    if node.get("default", ...) is None:
        node.pop("default")
    if node.get("x-kubernetes-int-or-string") or "anyOf" not in node:
        return node
    choices = [choice for choice in node.pop("anyOf") if choice != {"type": "null"}]
    if len(choices) != 1:
        raise SchemaError(f"{'.'.join(path)}: a union of {len(choices)} types")
    return {**choices[0], **node}


def _add_rules(out: Schema, model: type[BaseModel] | None) -> None:
    if model is not None and issubclass(model, ApiModel) and model.all_rules():
        out["x-kubernetes-validations"] = [{"rule": rule.cel, "message": rule.message} for rule in model.all_rules()]


def _checked(out: Schema, path: tuple[str, ...]) -> Schema:
    if "type" not in out and not out.get("x-kubernetes-int-or-string"):
        raise SchemaError(f"{'.'.join(path)}: no type")
    if out.get("type") == "array" and "x-kubernetes-list-type" not in out:
        raise SchemaError(f"{'.'.join(path)}: a list without a list type")
    return out
