"""What the operations of the document share: answers, errors and their headers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from gpux_predictor.openapi.tensors import Schema, exactly

JSON = "application/json"
Response = dict[str, Any]
_WHY = {
    400: "The request is wrong; the detail says which input and what was expected.",
    404: "There is no such model, version, task or entity.",
    405: "Another method; the header Allow has those that there are.",
    413: "The body is too large: send fewer samples at once.",
    422: "The Idempotency-Key was used with another body.",
    415: "The body is of a type or an encoding that this model does not take.",
    429: "The backlog is too long for the request's deadline.",
    500: "The graph failed on input that looked right.",
    503: "The model is loading, has failed, or is stopping.",
    504: "The deadline passed (runtime.timeoutSeconds).",
    507: "There is no room for more tasks (spec.async.maxStored, or the disk).",
}
_RETRY_AFTER = {
    "description": "Seconds until the backlog has gone far enough.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
TIMING = {
    "Server-Timing": {
        "description": "Milliseconds of each stage: queue, preprocess, run, postprocess (W3C Server Timing).",
        "required": True,
        "schema": {
            "type": "string",
            "pattern": r"^queue;dur=\d+\.\d+, preprocess;dur=.*, run;dur=.*, postprocess;dur=.*$",
        },
    }
}
CALL = (400, 413, 415, 429, 500, 503, 504)
"""The errors of a call that runs the graph."""
SCHEMAS: dict[str, Schema] = {
    "Detail": exactly({"detail": {"type": "string"}}),
    "Error": exactly({"error": {"type": "string"}}),
}


def ref(name: str) -> Schema:
    """A schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(
    schema: Schema, description: str, headers: Mapping[str, Any] | None = None, example: object = None
) -> Response:
    """A JSON answer."""
    media: dict[str, Any] = {"schema": schema} | ({} if example is None else {"example": example})
    found: Response = {"description": description, "content": {JSON: media}}
    return found | ({"headers": dict(headers)} if headers else {})


def errors(codes: tuple[int, ...], schema: str) -> dict[str, Response]:
    """Errors by their codes.

    Args:
        codes: HTTP statuses.
        schema: `Detail` or `Error`. A method or a size is refused before a protocol is known, which makes its error a `Detail`.
    """
    found = {}
    for code in codes:
        of = "Detail" if code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else schema
        headers = {"Retry-After": _RETRY_AFTER} if code == HTTPStatus.TOO_MANY_REQUESTS else None
        found[str(code)] = answer(ref(of), _WHY[code], headers)
    allow = {"Allow": {"description": "The methods that there are.", "required": True, "schema": {"type": "string"}}}
    return found | {"405": answer(ref("Detail"), _WHY[405], allow)}


def operation(tag: str, identifier: str, summary: str, responses: Mapping[str, Response]) -> dict[str, Any]:
    """An operation without a body."""
    return {"tags": [tag], "operationId": identifier, "summary": summary, "responses": dict(sorted(responses.items()))}


def takes(content: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an operation, by media type."""
    return {"requestBody": {"required": True, "content": dict(content)}}
