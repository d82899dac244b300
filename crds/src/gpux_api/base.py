"""What all models of the API share: camelCase names, strictness like the API server's, and rules written once for two readers.

A rule that one OpenAPI keyword cannot say is a `Rule`: a CEL expression for the API server and the same check in Python for
laptops and tests, with one message. The corpus in `crds/samples` holds the two to the same answers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

UNSUPPORTED_KEY = "x-gpux-unsupported"


@dataclass(frozen=True)
class Rule:
    """One validation rule of a model.

    Args:
        cel: the expression for `x-kubernetes-validations`; `self` is the object.
        check: the same rule on the parsed model; True means valid.
        message: what is wrong and what to write instead.
        transition: for a rule with `oldSelf` the same on the old and the new model; None for all others.
    """

    cel: str
    check: Callable[[Any], bool]
    message: str
    transition: Callable[[Any, Any], bool] | None = None


def unsupported(instead: str = "remove it") -> Any:  # noqa: ANN401  (pydantic's own type for a field default)
    """A field of the design that this release does not act on yet: refused when set, never ignored."""
    return Field(
        default=None, description=f"Not supported yet: {instead}.", json_schema_extra={UNSUPPORTED_KEY: instead}
    )


def list_map(*keys: str) -> dict[str, Any]:
    """`x-kubernetes-list-type: map`: items are told apart by these keys, so two writers can own different items."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def distinct(*keys: str) -> AfterValidator:
    """What the API server checks of a list map, no two items with the same keys, and without keys of a set: no item twice.

    The error is the later item's.
    """

    def check(items: list[Any]) -> list[Any]:
        seen: set[object] = set()
        for index, item in enumerate(items):
            value = tuple(getattr(item, key) for key in keys) if keys else item
            if value in seen:
                named = ", ".join(f"{key} {getattr(item, key)!r}" for key in keys) or repr(item)
                error = PydanticCustomError("duplicate", "{named} is there twice: remove one", {"named": named})
                raise ValidationError.from_exception_data("list", [{"type": error, "loc": (index,), "input": item}])
            seen.add(value)
        return items

    return AfterValidator(check)


ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
FREE_FORM: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


def _text_keys(value: Any) -> Any:  # noqa: ANN401  (any YAML)
    if isinstance(value, dict):
        return {_as_text(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _as_text(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str).strip('"')


JsonObject = Annotated[dict[str, Any], Field(json_schema_extra=FREE_FORM), BeforeValidator(_text_keys)]
NonEmptyJsonObject = Annotated[
    dict[str, Any], Field(min_length=1, json_schema_extra=FREE_FORM), BeforeValidator(_text_keys)
]
"""Any JSON object. Keys that YAML reads as numbers or booleans become text, as kubectl makes them on its way to JSON."""


class ApiModel(BaseModel):
    """A pydantic model that accepts and refuses what a Kubernetes API server does for its generated schema.

    Unknown fields are refused (as by `fieldValidation=Strict`, kubectl's default), there is no coercion between JSON types,
    and a null is a field that is absent (the API server prunes nulls of fields that are not nullable).
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True)

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_absent(cls, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item is not None}
        return value

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.all_rules():
            if not rule.check(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def all_rules(cls) -> tuple[Rule, ...]:
        """The rules of this model, those for its unsupported fields first."""
        return (
            tuple(_unsupported_rule(name, alias, hint) for name, alias, hint in cls._unsupported_fields()) + cls.rules
        )

    @classmethod
    def _unsupported_fields(cls) -> list[tuple[str, str, str]]:
        found = []
        for name, field in cls.model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and UNSUPPORTED_KEY in extra:
                found.append((name, field.alias or name, str(extra[UNSUPPORTED_KEY])))
        return found


CEL_RESERVED = frozenset({"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop",
                          "namespace", "package", "return", "var", "void", "while", "true", "false", "null"})  # fmt: skip


def cel_name(alias: str) -> str:
    """A property's name as CEL spells it: its reserved words are escaped (`__namespace__`)."""
    return f"__{alias}__" if alias in CEL_RESERVED else alias


def _unsupported_rule(name: str, alias: str, hint: str) -> Rule:
    return Rule(
        cel=f"!has(self.{cel_name(alias)})",
        check=lambda model: getattr(model, name) is None,
        message=f"{alias} is not supported yet: {hint}",
    )


def inside_the_source(field: str, example: str) -> Rule:
    """A field that names a file of the model's source leads nowhere else."""
    here = f"self.{field}"

    def check(model: ApiModel) -> bool:
        path = getattr(model, field)
        return path is None or (not path.startswith("/") and ".." not in path.split("/"))

    return Rule(
        cel=f"!has({here}) || (!{here}.startsWith('/') && !{here}.split('/').exists(part, part == '..'))",
        check=check,
        message=f"{field} is relative to the source, without '..': write for instance {example}",
    )
