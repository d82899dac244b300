"""Reading a GpuxModel from a YAML file, with errors that name the field and what to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gpux_api.fields import instead
from gpux_api.v1alpha1 import API_VERSION, KIND, GpuxModel


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place of a manifest.

    Attributes:
        path: of the field, `spec.inputs[0].type`; empty for the whole.
        message: what is wrong, and what to write instead.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ManifestError(ValueError):
    """A manifest that cannot be used; the message says where and why, one problem a line.

    Args:
        origin: the file, or what else the manifest comes from.
        found: what is wrong with it.
    """

    def __init__(self, origin: str | Path, found: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{origin}: {problem}" for problem in found))
        self.problems = tuple(found)


def _error(origin: str | Path, message: str) -> ManifestError:
    return ManifestError(origin, [Problem("", message)])


def parse(document: Any, origin: str = "manifest") -> GpuxModel:  # noqa: ANN401  (whatever YAML holds)
    """The GpuxModel in a parsed YAML document.

    Raises:
        ManifestError: not a mapping, another kind, or an invalid spec.
    """
    if not isinstance(document, dict):
        raise _error(origin, f"expected a {KIND} object, found {type(document).__name__}")
    found = (document.get("apiVersion"), document.get("kind"))
    if found != (API_VERSION, KIND):
        raise _error(origin, f"expected apiVersion {API_VERSION} and kind {KIND}, found {found[0]} and {found[1]}")
    try:
        return GpuxModel.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ManifestError(origin, problems(error)) from None


def problems(error: ValidationError) -> list[Problem]:
    """Each problem that pydantic found; an unknown field with the one that was probably meant."""
    found = []
    for detail in error.errors(include_url=False):
        where = _path(detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            meant = instead(GpuxModel, detail["loc"])
            message = f"unknown field: did you mean {meant}?" if meant else "unknown field"
        found.append(Problem(where, message))
    return found


def _path(location: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def without_unknown(document: dict[str, Any], error: ValidationError) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The document, in place, without the unknown fields that pydantic found in it, and their paths."""
    unknown = [detail["loc"] for detail in error.errors(include_url=False) if detail["type"] == "extra_forbidden"]
    for *above, name in unknown:
        parent: Any = document
        for part in above:
            parent = parent[part]
        del parent[name]
    return document, tuple(map(_path, unknown))


def documents(path: Path) -> list[dict[str, Any]]:
    """All non-empty YAML documents of a file.

    Raises:
        ManifestError: the file cannot be read or is not YAML.
    """
    try:
        return documents_in(path.read_bytes(), str(path))
    except OSError as error:
        raise _error(path, str(error.strerror)) from None


def documents_in(text: str | bytes, origin: str) -> list[dict[str, Any]]:
    """All non-empty YAML documents of a text, bytes in UTF-8.

    Raises:
        ManifestError: it is not YAML.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        return [item for item in yaml.safe_load_all(decoded) if item is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _error(origin, not_yaml(error)) from None


def not_yaml(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """What a parser found, in one line: PyYAML draws on several, and names a file that there is not."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "not YAML: " + " ".join(str(error).split())
    mark, begun = error.problem_mark, error.context_mark
    during = f" {error.context}" if error.context else ""
    since = f" that begins in line {begun.line + 1}" if during and begun is not None else ""
    return f"not YAML: line {mark.line + 1}, column {mark.column + 1}: {error.problem}{during}{since}"


def load(path: Path) -> GpuxModel:
    """The one GpuxModel of a file; documents of other kinds beside it are left alone.

    Raises:
        ManifestError: as `documents` and `parse`, or none or several GpuxModels.
    """
    found = documents(path)
    models = [item for item in found if isinstance(item, dict) and item.get("kind") == KIND] or found
    if len(models) != 1:
        raise _error(path, f"expected one {KIND}, found {len(models)}")
    return parse(models[0], str(path))
