"""All answers about a set of documents."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpux_api.manifests import ManifestError, Problem, parse
from gpux_api.transitions import transition_problems
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build import checks
from gpux_operator.build.checks import spec_problems
from gpux_operator.build.inference_service import Images, inference_service
from gpux_operator.build.metadata import MODE
from gpux_operator.build.modes import renamed
from gpux_operator.engine.admission import stopping_problem
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


def check(
    items: Iterable[Document | Unread], namespace: str, old: Mapping[Name, GpuxModel], new_names: bool = True
) -> Result:
    """What the API server, the admission policy and the operator would say.

    Args:
        items: as read.
        namespace: of models that name none.
        old: what is there before, to find changes that are refused.
        new_names: whether the cluster's KServe is 0.16 or newer.
    """
    findings: list[Finding] = []
    seen: dict[Name, Source] = {}
    models = 0
    for item in items:
        if isinstance(item, Unread):
            findings.append(Finding(item.source, Problem("", item.message)))
            continue
        models += 1
        model, problems = model_of(item.content, namespace, new_names)
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


def model_of(
    content: Any,  # noqa: ANN401  (whatever YAML holds)
    namespace: str,
    new_names: bool = True,
) -> tuple[GpuxModel | None, list[Problem]]:
    """The model in a document, None if its fields are wrong, and all that is wrong with it.

    Args:
        content: the document.
        namespace: the model's, if it names none.
        new_names: whether the cluster's KServe is 0.16 or newer.
    """
    metadata = content.get("metadata") if isinstance(content, dict) else None
    problems = list(metadata_problems(metadata)) if isinstance(metadata, dict) else []
    try:
        model = parse(content)
    except ManifestError as error:
        return None, [*error.problems, *problems]
    return model, [*problems, *_in_a_cluster(model, model.metadata.namespace or namespace, new_names)]


def _in_a_cluster(model: GpuxModel, namespace: str, new_names: bool) -> Iterator[Problem]:
    problems = list(spec_problems(model, namespace))
    refused = None if new_names or problems else _too_old(model, namespace)
    for problem in [*problems, *([refused] if refused else [])]:
        found = _PATH.fullmatch(problem.message)
        yield Problem(*found.groups()) if found else Problem("", problem.message)


def _too_old(model: GpuxModel, namespace: str) -> checks.Problem | None:
    """What the operator says once a KServe before 0.16 has told the mode that it runs the model in."""
    isvc = inference_service(model, namespace, "", Images(""))
    return stopping_problem(
        {**isvc, "status": {"deploymentMode": renamed(isvc)["metadata"]["annotations"][MODE]}}, isvc
    )
