"""What the operator would apply for a manifest, with no cluster."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from gpux_api.manifests import Problem
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.inference_service import Platform
from gpux_operator.build.metadata import Manifest
from gpux_operator.build.modes import renamed
from gpux_operator.build.scaling import autoscaler_problem
from gpux_operator.engine.desired import desired_children
from gpux_operator.validation.checking import Finding, model_of
from gpux_operator.validation.reading import Unread, read


def render(
    files: Sequence[str | Path],
    namespace: str,
    platform: Platform,
    new_names: bool = True,
    stdin: TextIO = sys.stdin,
) -> tuple[list[Manifest], list[str]]:
    """The children of each GpuxModel in the files, which are read and checked as `validate` does.

    Args:
        files: files, folders, `-` for standard input; documents of other kinds are passed over.
        namespace: of models that name none.
        platform: as the operator is configured.
        new_names: whether the cluster's KServe is 0.16 or newer.
        stdin: what `-` reads.

    Returns:
        The manifests, and one line for each problem.
    """
    manifests: list[Manifest] = []
    problems: list[Finding] = []
    for item in read(list(map(str, files)), stdin):
        if isinstance(item, Unread):
            problems.append(Finding(item.source, Problem("", item.message)))
            continue
        model, found = model_of(item.content, namespace, new_names)
        missing = None if model is None else autoscaler_problem(model, platform.prometheus, has_keda=True)
        found += [] if missing is None else [Problem("", missing.message)]
        problems += [Finding(item.source, problem) for problem in found]
        if model is not None and not found:
            manifests += _children(model, model.metadata.namespace or namespace, platform, new_names)
    return manifests, list(map(str, problems))


def _children(model: GpuxModel, namespace: str, platform: Platform, new_names: bool) -> list[Manifest]:
    without_uid = model.model_copy(update={"metadata": model.metadata.model_copy(update={"uid": None})})
    manifests = desired_children(without_uid, namespace, platform.images, platform.prometheus).manifests()
    if new_names:
        return manifests
    return [renamed(item) if item["kind"] == "InferenceService" else item for item in manifests]
