"""The JSON fields of a request of the Open Inference Protocol, of the kinds that it gives them."""

from collections.abc import Mapping
from typing import Any

from gpux_predictor.errors import BadRequest
from gpux_predictor.protocols.oip_checks import shown


def objects(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The tensors in a list of the request.

    Raises:
        BadRequest: no list, or one of them is no object with a name.
    """
    items = document.get(key)
    if not isinstance(items, list):
        raise BadRequest(f"Invalid request body: {key}: expected an array of tensors")
    for position, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise BadRequest(f"Invalid request body: {key}[{position}]: expected an object with a name")
    return items


def parameters_of(item: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The parameters of a request or a tensor, empty if it has none.

    Raises:
        BadRequest: no object.
    """
    parameters = item.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise BadRequest(f"Invalid request body: {place(what, item)}: parameters must be an object")
    return parameters


def flag(item: Mapping[str, Any], what: str, key: str) -> bool | None:
    """A parameter that is true or false, None if it is not there.

    Raises:
        BadRequest: anything else.
    """
    value = parameters_of(item, what).get(key)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"Invalid request body: {place(what, item)}: {key} must be true or false")
    return value


def place(what: str, item: Mapping[str, Any]) -> str:
    """Where something is, for a message: `input 'x'`."""
    return f"{what} '{shown(item['name'])}'" if "name" in item else what
