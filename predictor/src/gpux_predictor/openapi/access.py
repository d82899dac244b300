"""API keys in the document: how they are sent, where, and what is said without one."""

from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.access.paths import is_open
from gpux_predictor.openapi.parts import answer, errors, ref

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key of a client, as it is."},
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same in a header of its own.",
    },
}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "What is missing or wrong (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
    }
}


def secured(document: dict[str, Any], model: GpuxModel) -> dict[str, Any]:
    """The document with the keys that the manifest asks for; unchanged where it asks for none."""
    access = model.spec.access
    if access is None or access.api_keys is None:
        return document
    described = access.api_keys.public_description
    paths = {
        path: {
            method: _open(operation) if is_open(path, described=described) else _closed(path, operation)
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    return {
        **document,
        "paths": paths,
        "components": {**document["components"], "securitySchemes": _SCHEMES},
        "security": [{name: []} for name in _SCHEMES],
    }


def _open(operation: dict[str, Any]) -> dict[str, Any]:
    return {**operation, "security": []}


def _closed(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """With the answers of the gate; 429 is its, too, where there is a limit."""
    schema = "Error" if path.startswith(("/v1/", "/v2")) else "Detail"
    refused = answer(ref(schema), "There is no key, more than one, or one of nobody.", _CHALLENGE)
    limited = errors((429,), schema)["429"]
    return {
        **operation,
        "responses": dict(sorted(({"429": limited} | operation["responses"] | {"401": refused}).items())),
    }
