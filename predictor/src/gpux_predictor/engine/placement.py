"""Where each node of a graph runs."""

from collections import Counter
from typing import Any

_CONTROL_FLOW = {"Loop", "Scan", "If"}


def placement(session: Any) -> dict[str, dict[str, int]]:  # noqa: ANN401  (onnxruntime has no types)
    """For each execution provider the operators that it runs and how often, as ONNX Runtime assigned them.

    Empty for builds of ONNX Runtime that don't record it (`session.record_ep_graph_assignment_info`, since 1.24).
    """
    try:
        assigned = session.get_provider_graph_assignment_info()
    except (AttributeError, RuntimeError):
        return {}
    found: dict[str, Counter[str]] = {}
    for part in assigned:
        found.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return {provider: dict(counts.most_common()) for provider, counts in found.items()}


def has_control_flow(placed: dict[str, dict[str, int]]) -> bool:
    """Whether a run's time can depend on the values it gets; True where the nodes are not known."""
    return not placed or any(_CONTROL_FLOW & counts.keys() for counts in placed.values())
