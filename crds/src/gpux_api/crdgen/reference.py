"""docs/reference.md, generated: every field of a GpuxModel with its type, default, limits and meaning, and the rules that join them."""

import json
from collections.abc import Iterator
from typing import Any

from gpux_api.crdgen.crd import openapi_schema
from gpux_api.crdgen.schema import Schema

_HEAD = """<!-- Generated from gpux_api by `make crds`; do not edit. -->
# The GpuxModel reference

Every field of `gpux.io/v1alpha1` GpuxModel, as the API server, `gpux-operator validate` and `gpux-predictor` know it. **Required**
fields are bold. A field that is not here is refused. What the fields are for: [concepts.md](concepts.md); manifests that work:
[../examples/README.md](../examples/README.md).

`kubectl explain gpuxmodel.spec.serving --recursive` says the same in a cluster.

"""


def reference() -> str:
    """The page."""
    schema = openapi_schema()
    sections = list(_sections("spec", schema["properties"]["spec"])) + list(
        _sections("status", schema["properties"]["status"])
    )
    contents = "".join(f"- [`{path}`](#{_anchor(path)})\n" for path, _ in sections)
    return _HEAD + contents + "".join(_section(path, node) for path, node in sections) + _metadata(schema)


def _sections(path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    """The objects that have fields of their own, depth first."""
    yield path, node
    for name, child in node["properties"].items():
        if inner := _inner(child):
            yield from _sections(f"{path}.{name}{'[]' if child['type'] == 'array' else ''}", inner)


def _inner(node: Schema) -> Schema | None:
    """The object with fields that a node is, or is a list of."""
    node = node.get("items", node)
    return node if "properties" in node else None


def _section(path: str, node: Schema) -> str:
    rows = "".join(
        _row(path, name, child, name in node.get("required", ())) for name, child in node["properties"].items()
    )
    rules = "".join(f"- {_cell(rule['message'])}\n" for rule in _rules(node))
    table = f"| field | type | default | meaning |\n|---|---|---|---|\n{rows}"
    return f"\n## `{path}`\n\n{_cell(node.get('description', ''))}\n\n{table}" + (
        f"\nRefused:\n\n{rules}" if rules else ""
    )


def _rules(node: Schema) -> list[Schema]:
    """The rules without those for fields that are not supported yet, which the fields themselves say."""
    said = tuple(f"{name} is not supported yet: " for name in node["properties"])
    return [rule for rule in node.get("x-kubernetes-validations", ()) if not rule["message"].startswith(said)]


def _row(path: str, name: str, node: Schema, required: bool) -> str:
    inner = _inner(node)
    anchor = f"{path}.{name}{'[]' if node.get('type') == 'array' else ''}"
    shown = f"[`{name}`](#{_anchor(anchor)})" if inner else f"`{name}`"
    default = f"`{json.dumps(node['default'])}`" if "default" in node and node["default"] != {} else ""
    field = f"**{shown}**" if required else shown
    return f"| {field} | {_type(node)} | {default} | {_cell(node.get('description', ''))} |\n"


def _type(node: Schema) -> str:
    """The type with its limits, in a cell."""
    if node.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "array":
        return f"list of {_type(node['items'])}{_limits(node, 'Items', ' items')}"
    if node["type"] == "object":
        return _object(node)
    if node["type"] == "string":
        pattern = f", `{node['pattern']}`".replace("|", "\\|") if "pattern" in node else ""
        return f"{node.get('format', 'text')}{_limits(node, 'Length', ' characters')}{pattern}"
    return str(node["type"]) + _range(node)


def _object(node: Schema) -> str:
    if isinstance(node.get("additionalProperties"), dict):
        return f"map of text to {_type(node['additionalProperties'])}"
    return "object" if "properties" in node else "any object"


def _range(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is None and high is None:
        return ""
    if high is None or high == 2**31 - 1:
        return f", at least {low}"
    return f", {low} to {high}" if low is not None else f", at most {high}"


def _limits(node: Schema, what: str, unit: str) -> str:
    low, high = node.get(f"min{what}"), node.get(f"max{what}")
    if high is None:
        return ""
    return f", {high}{unit}" if low == high else f", at most {high}{unit}"


def _metadata(schema: Schema) -> str:
    rules = "".join(f"- {_cell(rule['message'])}\n" for rule in schema["x-kubernetes-validations"])
    limit = (
        "- name and namespace together must have at most 52 characters (the chart's admission policy, `NameTooLong`)\n"
    )
    return f"\n## `metadata`\n\nRefused:\n\n{rules}{limit}"


def _anchor(path: str) -> str:
    """GitHub's anchor of a heading."""
    return "".join(c for c in path.lower() if c.isalnum() or c in "-_")


def _cell(text: Any) -> str:  # noqa: ANN401  (a schema's value)
    """Text for a table's cell: what stands in angle brackets or between bars is no markup."""
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("*.", "\\*.")
