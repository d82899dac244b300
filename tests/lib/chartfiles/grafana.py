"""As much of Grafana's dashboard model (schema version 39, Grafana 11 and newer) as ours need."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 8, 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One chart, or one number.

    Args:
        title: above it.
        queries: PromQL by legend.
        unit: Grafana's name of it (`s`, `reqps`, `bytes`, `percentunit`, `short`).
        kind: `timeseries` or `stat`.
        about: what a reader has to know.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    about: str = ""


def dashboard(uid: str, title: str, panels: Sequence[Panel], variables: dict[str, str]) -> dict[str, Any]:
    """A dashboard, three panels in a row.

    Args:
        uid: stays the same, so that links and updates find it.
        title: its name.
        panels: in reading order.
        variables: `label_values(…)` by name; each may have several values or all.
    """
    return {
        "uid": uid,
        "title": title,
        "tags": ["gpux"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_data_source(), *(_variable(name, query) for name, query in variables.items())]},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def as_json(content: dict[str, Any]) -> str:
    """The file's text."""
    return json.dumps(content, indent=1) + "\n"


def expressions(content: dict[str, Any]) -> list[str]:
    """All PromQL of a dashboard, with Grafana's variables as plain words that PromQL can be parsed with."""
    found = [target["expr"] for panel in content["panels"] for target in panel["targets"]]
    return [expression.replace("$__rate_interval", "5m") for expression in found]


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    place = {"w": WIDTH, "h": HEIGHT, "x": number % 3 * WIDTH, "y": number // 3 * HEIGHT}
    targets = [
        {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
        for index, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": targets,
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
    }
