"""OpenAPI schemas out of the models of two generated Python clients: the KServe SDK and, below it, Kubernetes' own.

The two come from different generators. KServe's classes carry `openapi_types` and `attribute_map`, Kubernetes' are pydantic
models. Both say which fields there are and of which type, and that is what makes an API server refuse a misspelled one.
"""

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

INT_OR_STRING: Schema = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
QUANTITY: Schema = {
    **INT_OR_STRING,
    "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
}
FREE_FORM: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SCALARS: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
    "Any": {"x-kubernetes-preserve-unknown-fields": True},
    "ResourceQuantity": QUANTITY,
}


@dataclass(frozen=True)
class Field:
    """One field of a model: its name in JSON, its type as the client notes it, and whether it must be there."""

    name: str
    kind: Any
    required: bool


@dataclass
class Schemas:
    """Makes the schema of a model and of all that it consists of.

    Args:
        find: the class of this name, or None.
        known: schemas of types that the clients describe differently from what goes over the wire.
        left_out: for each class the fields (as in JSON) that its schema shall not have.
        refine: the last word on the schema of a class, before it is used.
    """

    find: Callable[[str], type | None]
    known: Mapping[str, Schema]
    left_out: Mapping[str, Set[str]]
    refine: Callable[[str, Schema], Schema] = lambda _, schema: schema
    _made: dict[str, Schema] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def of(self, name: str) -> Schema:
        """The schema of a type, by its name."""
        if name in self.known or name in SCALARS:
            return {**SCALARS, **self.known}[name]
        if name not in self._made:
            self._made[name] = self._model(name)
        return self._made[name]

    def _model(self, name: str) -> Schema:
        if name in self._open:
            raise ValueError(f"a CRD cannot hold the recursive type {' > '.join([*self._open, name])}")
        if (model := self.find(name)) is None:
            raise LookupError(f"the SDK has no class {name}, which a field of {self._open} is said to be")
        self._open.append(name)
        every = _pydantic_fields(model) if issubclass(model, BaseModel) else _generated_fields(model)
        fields = [field for field in every if field.name not in self.left_out.get(name, ())]
        schema: Schema = {"type": "object", "properties": {field.name: self._schema(field.kind) for field in fields}}
        self._open.pop()
        if required := [field.name for field in fields if field.required]:
            schema["required"] = required
        return self.refine(name, schema)

    def _schema(self, kind: Any) -> Schema:
        return self._declared(kind) if isinstance(kind, str) else self._annotated(kind)

    def _declared(self, kind: str) -> Schema:
        """KServe's notation: `str`, `list[V1Container]`, `dict(str, ResourceQuantity)`."""
        if match := re.fullmatch(r"list\[(.+)\]", kind):
            return {"type": "array", "items": self._declared(match[1])}
        if match := re.fullmatch(r"dict\(str, (.+)\)", kind):
            return {"type": "object", "additionalProperties": self._declared(match[1])}
        return self.of(kind)

    def _annotated(self, kind: Any) -> Schema:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self._annotated(arguments[0])
        if origin in {typing.Union, types.UnionType}:
            choices = [choice for choice in arguments if choice is not types.NoneType]
            return self._annotated(choices[0]) if len(choices) == 1 else INT_OR_STRING
        if origin is list:
            return {"type": "array", "items": self._annotated(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._annotated(arguments[1])}
        return self.of(kind.__name__)


def _generated_fields(model: Any) -> list[Field]:
    names, declared = model.attribute_map, model.openapi_types
    return [Field(names[key], kind, _is_required(model, key)) for key, kind in declared.items()]


def _pydantic_fields(model: type[BaseModel]) -> list[Field]:
    return [
        Field(info.serialization_alias or key, info.annotation, info.is_required())
        for key, info in model.model_fields.items()
    ]


def _is_required(model: Any, key: str) -> bool:
    """The generator writes the rule into the setter only."""
    return "must not be `None`" in inspect.getsource(getattr(model, key).fset)
