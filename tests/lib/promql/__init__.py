"""What PromQL asks of the programs that it is about: names of metrics, and of their labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
from prometheus_client.parser import text_string_to_metric_families

SCRAPED = {"namespace", "pod", "gpux_io_model"}
"""Labels that the chart's PodMonitors add to everything."""
EXTERNAL = {"DCGM_FI_DEV_FB_USED"}
"""Metrics of others, where the cluster has them: NVIDIA's DCGM exporter."""
_ANY = {".*"}


@dataclass(frozen=True)
class Wanted:
    """A metric, and the labels that an expression uses of it; `values` are those that are asked for by name."""

    metric: str
    labels: frozenset[str]
    values: frozenset[tuple[str, str]]


def wanted(expression: str) -> list[Wanted]:
    """Everything that an expression reads.

    Raises:
        ValueError: it is no PromQL.
    """
    return list(_walk(promql_parser.parse(expression), frozenset()))


def exported(text: str) -> dict[str, list[dict[str, str]]]:
    """The labels of every sample of a /metrics page, by the sample's name."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def missing(need: Wanted, pages: dict[str, list[dict[str, str]]]) -> str:
    """What no page has of it, in words; empty: nothing."""
    if need.metric in EXTERNAL:
        return ""
    if need.metric not in pages:
        return f"no metric {need.metric}"
    known = {label for sample in pages[need.metric] for label in sample} | SCRAPED
    if unknown := need.labels - known:
        return f"{need.metric} has no label {', '.join(sorted(unknown))}"
    seen = {item for sample in pages[need.metric] for item in sample.items()}
    unseen = {f"{label}={value}" for label, value in need.values if (label, value) not in seen}
    return f"{need.metric} never has {', '.join(sorted(unseen))}" if unseen else ""


def _walk(node: Any, grouped: frozenset[str]) -> Iterator[Wanted]:  # the parser has no types
    if isinstance(node, promql_parser.VectorSelector):
        matchers = [item for item in node.matchers.matchers if item.value not in _ANY]
        equal = frozenset(
            (item.name, item.value)
            for item in matchers
            if item.op == promql_parser.MatchOp.Equal and item.name not in SCRAPED and item.value
        )
        if node.name is None:
            raise ValueError(f"a selector without a metric's name: {node}")
        yield Wanted(node.name, frozenset(item.name for item in matchers) | grouped, equal)
        return
    if isinstance(node, promql_parser.AggregateExpr):
        labels = frozenset(node.modifier.labels) if node.modifier is not None else frozenset()
        yield from _walk(node.expr, labels)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _walk(argument, grouped)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _walk(node.lhs, grouped)
        yield from _walk(node.rhs, grouped)
    elif isinstance(node, promql_parser.MatrixSelector):
        yield from _walk(node.vector_selector, grouped)
    elif isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr | promql_parser.SubqueryExpr):
        yield from _walk(node.expr, grouped)
    elif not isinstance(node, promql_parser.NumberLiteral | promql_parser.StringLiteral):
        raise ValueError(f"unknown part of PromQL: {node}")
