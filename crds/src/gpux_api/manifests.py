"""Reading a GpuxModel from a YAML file, with errors that name the field and what to write."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gpux_api.v1alpha1 import API_VERSION, KIND, GpuxModel


class ManifestError(ValueError):
    """A manifest that cannot be used; the message says where and why, one problem a line."""


def parse(document: Any, origin: str = "manifest") -> GpuxModel:  # noqa: ANN401  (whatever YAML holds)
    """The GpuxModel in a parsed YAML document.

    Raises:
        ManifestError: not a mapping, another kind, or an invalid spec.
    """
    if not isinstance(document, dict):
        raise ManifestError(f"{origin}: expected a {KIND} object, found {type(document).__name__}")
    found = (document.get("apiVersion"), document.get("kind"))
    if found != (API_VERSION, KIND):
        raise ManifestError(
            f"{origin}: expected apiVersion {API_VERSION} and kind {KIND}, found {found[0]} and {found[1]}"
        )
    try:
        return GpuxModel.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ManifestError("\n".join(f"{origin}: {problem}" for problem in problems(error))) from None


def problems(error: ValidationError) -> list[str]:
    """One line for each problem: `spec.model.source.uri: what is wrong`."""
    lines = []
    for detail in error.errors(include_url=False):
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "unknown field"
        lines.append(f"{where}: {message}" if where else message)
    return lines


def documents(path: Path) -> list[dict[str, Any]]:
    """All non-empty YAML documents of a file.

    Raises:
        ManifestError: the file cannot be read or is not YAML.
    """
    try:
        return [item for item in yaml.safe_load_all(path.read_text(encoding="utf-8")) if item is not None]
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: not YAML: {error}") from None


def load(path: Path) -> GpuxModel:
    """The one GpuxModel of a file; documents of other kinds beside it are left alone.

    Raises:
        ManifestError: as `documents` and `parse`, or none or several GpuxModels.
    """
    found = documents(path)
    models = [item for item in found if isinstance(item, dict) and item.get("kind") == KIND] or found
    if len(models) != 1:
        raise ManifestError(f"{path}: expected one {KIND}, found {len(models)}")
    return parse(models[0], str(path))
