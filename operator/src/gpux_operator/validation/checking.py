"""All answers about a set of documents."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpux_api.manifests import ManifestError, Problem, parse
from gpux_api.transitions import transition_problems
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.checks import spec_problems
from gpux_operator.validation.advice import advice
from gpux_operator.validation.metadata import metadata_problems
from gpux_operator.validation.reading import Document, Source, Unread

Name = tuple[str, str]
"""A namespace and a name in it."""
_PATH = re.compile(r"((?:spec|metadata)\.[\w.\[\]]+): (.+)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """A problem or a warning, and where it is."""

    source: Source
    problem: Problem
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.source}: {'warning: ' if self.warning else ''}{self.problem}"


@dataclass(frozen=True)
class Result:
    """What was found.

    Attributes:
        models: how many GpuxModels were looked at.
    """

    findings: tuple[Finding, ...]
    models: int

    @property
    def valid(self) -> bool:
        """Whether everything would be accepted."""
        return all(finding.warning for finding in self.findings)


def check(items: Iterable[Document | Unread], namespace: str, old: Mapping[Name, GpuxModel]) -> Result:
    """What the API server, the admission policy and the operator would say.

    Args:
        items: as read.
        namespace: of models that name none.
        old: what is there before, to find changes that are refused.
    """
    findings: list[Finding] = []
    seen: dict[Name, Source] = {}
    models = 0
    for item in items:
        if isinstance(item, Unread):
            findings.append(Finding(item.source, Problem("", item.message)))
            continue
        models += 1
        model, problems = model_of(item.content, namespace)
        findings += [Finding(item.source, problem) for problem in problems]
        if model is None:
            continue
        name = (model.metadata.namespace or namespace, model.metadata.name)
        warnings = list(advice(item.content, model))
        if name in seen:
            warnings.append(
                Problem("metadata.name", f"{'/'.join(name)} is in {seen[name]} too: what is applied last counts")
            )
        seen[name] = item.source
        findings += [Finding(item.source, warning, warning=True) for warning in warnings]
        if name in old:
            findings += [Finding(item.source, problem) for problem in transition_problems(old[name], model)]
    return Result(tuple(findings), models)


def model_of(content: Any, namespace: str) -> tuple[GpuxModel | None, list[Problem]]:  # noqa: ANN401  (whatever YAML holds)
    """The model in a document, None if its fields are wrong, and all that is wrong with it."""
    metadata = content.get("metadata") if isinstance(content, dict) else None
    problems = list(metadata_problems(metadata)) if isinstance(metadata, dict) else []
    try:
        model = parse(content)
    except ManifestError as error:
        return None, [*error.problems, *problems]
    return model, [*problems, *_in_a_cluster(model, namespace)]


def _in_a_cluster(model: GpuxModel, namespace: str) -> Iterator[Problem]:
    for problem in spec_problems(model, model.metadata.namespace or namespace):
        found = _PATH.fullmatch(problem.message)
        yield Problem(*found.groups()) if found else Problem("", problem.message)
