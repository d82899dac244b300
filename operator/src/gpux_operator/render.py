"""What the operator would apply for a manifest, with no cluster."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from gpux_api import manifests as api
from gpux_api.manifests import ManifestError, documents, documents_in, parse
from gpux_api.v1alpha1 import KIND, GpuxModel
from gpux_operator.build.checks import spec_problems
from gpux_operator.build.inference_service import Images
from gpux_operator.build.metadata import Manifest
from gpux_operator.build.scaling import autoscaler_problem
from gpux_operator.engine.children import desired_children

STDIN = "-"


def render(
    files: Sequence[Path],
    namespace: str | None,
    images: Images,
    prometheus: str | None = None,
    stdin: TextIO = sys.stdin,
) -> tuple[list[Manifest], list[str]]:
    """The children of each GpuxModel in the files.

    Args:
        files: YAML files, `-` for standard input; documents of other kinds are passed over.
        namespace: for models without one; None: `default`.
        images: as the operator is configured.
        prometheus: likewise.
        stdin: what `-` reads.

    Returns:
        The manifests, and one line for each problem.
    """
    manifests: list[Manifest] = []
    problems: list[str] = []
    for file in map(str, files):
        try:
            found = documents_in(stdin.read(), file) if file == STDIN else documents(Path(file))
            models = [item for item in found if not isinstance(item, dict) or item.get("kind") == KIND]
        except ManifestError as error:
            problems.append(str(error))
            continue
        if not models:
            problems.append(f"{file}: holds no {KIND}")
        for document in models:
            try:
                manifests += _children(parse(document, file), file, namespace, images, prometheus)
            except ManifestError as error:
                problems += str(error).splitlines()
    return manifests, problems


def _children(
    model: GpuxModel, origin: str, default_namespace: str | None, images: Images, prometheus: str | None
) -> list[Manifest]:
    namespace = model.metadata.namespace or default_namespace or "default"
    found = [api.Problem("", problem.message) for problem in spec_problems(model, namespace)]
    missing = autoscaler_problem(model, prometheus, has_keda=True)
    found += [api.Problem("", missing.message)] if missing is not None else []
    if found:
        raise ManifestError(origin, found)
    without_uid = model.model_copy(update={"metadata": model.metadata.model_copy(update={"uid": None})})
    return desired_children(without_uid, namespace, images, prometheus).manifests()
