"""The fields of the API as a tree: what stands where, for the writer of a field that does not."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from gpux_api.base import ApiModel


def instead(root: type[ApiModel], location: Sequence[str | int]) -> str | None:
    """The field that an unknown one was probably meant to be: a similar name at its place, or the same name elsewhere.

    Args:
        root: the model that the location starts at.
        location: the unknown field's, as pydantic gives it; numbers are places in lists.
    """
    names = [part for part in location if isinstance(part, str)]
    parent = _at(root, names[:-1])
    if parent is None:
        return None
    unknown = names[-1]
    here = {name.casefold(): name for name, _ in _children(parent)}
    if close := get_close_matches(unknown.replace("_", "").casefold(), here, n=1, cutoff=0.75):
        return here[close[0]]
    places = [path for path in paths(root) if path[-1] == unknown]
    return ".".join(places[0]) if len(places) == 1 else None


def model_in(annotation: Any) -> type[ApiModel] | None:  # noqa: ANN401  (any type, which typing has no name for)
    """The model that a field's type holds, by itself, optional or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)


def _children(model: type[ApiModel]) -> Iterator[tuple[str, type[ApiModel] | None]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, model_in(field.annotation)


def _at(root: type[ApiModel], names: Sequence[str]) -> type[ApiModel] | None:
    model: type[ApiModel] | None = root
    for name in names:
        model = dict(_children(model)).get(name) if model else None
    return model


def paths(model: type[ApiModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where every field below a model is, the status left out; an object comes before its fields."""
    for name, child in _children(model):
        if (*above, name) == ("status",):
            continue  # nobody writes there
        yield (*above, name)
        if child is not None:
            yield from paths(child, (*above, name))
