"""`gpux-operator validate`: from arguments to what is printed, and to an exit code."""

import json
from collections.abc import Sequence
from typing import TextIO

import click

from gpux_api.manifests import Problem
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.validation.checking import Finding, Name, Result, check, model_of
from gpux_operator.validation.reading import Unread, read

INVALID = 1


def validate(  # noqa: PLR0913, PLR0917
    files: Sequence[str], against: str | None, namespace: str, output: str, stdin: TextIO, new_names: bool = True
) -> int:
    """Checks, prints what is found, and returns the exit code."""
    old, unusable = _old(against, namespace, stdin)
    result = check(read(files, stdin), namespace, old, new_names)
    result = Result((*unusable, *result.findings), result.models)
    if output == "json":
        click.echo(json.dumps(_described(result), indent=2))
    else:
        for finding in result.findings:
            click.echo(_line(finding))
        click.echo(_summary(result), err=True)
    return 0 if result.valid else INVALID


def _old(against: str | None, namespace: str, stdin: TextIO) -> tuple[dict[Name, GpuxModel], list[Finding]]:
    """The models to compare with; those that cannot be read are found wrong, not passed over."""
    old: dict[Name, GpuxModel] = {}
    unusable = []
    for item in read([against], stdin) if against is not None else ():
        if isinstance(item, Unread):
            unusable.append(Finding(item.source, Problem("", item.message)))
            continue
        model, problems = model_of(item.content, namespace)
        if model is None:
            unusable += [Finding(item.source, problem) for problem in problems]
        else:
            old[model.metadata.namespace or namespace, model.metadata.name] = model
    return old, unusable


def _line(finding: Finding) -> str:
    kind = click.style("warning: ", fg="yellow") if finding.warning else ""
    path = click.style(finding.problem.path, bold=True) + ": " if finding.problem.path else ""
    return f"{finding.source}: {kind}{path}{finding.problem.message}"


def _summary(result: Result) -> str:
    warnings = sum(finding.warning for finding in result.findings)
    parts = [
        _count(result.models, "GpuxModel"),
        _count(len(result.findings) - warnings, "problem"),
        _count(warnings, "warning"),
    ]
    return click.style(", ".join(parts), fg="green" if result.valid else "red")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _described(result: Result) -> dict[str, object]:
    return {
        "valid": result.valid,
        "models": result.models,
        "findings": [
            {
                "file": finding.source.file,
                "document": finding.source.document or None,
                "item": finding.source.item,
                "severity": "warning" if finding.warning else "error",
                "path": finding.problem.path,
                "message": finding.problem.message,
            }
            for finding in result.findings
        ],
    }
