"""Dashboards as Grafana would lay them out: whole panels in its grid, and only variables, labels and units that there are.

Fields and units were also read by grafana-foundation-sdk 10.1 and 11.6, which know every one of them. Whether the metrics are exported
is `tests/integration/operator/test_monitoring.py`.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from testcluster.chart import CHART

COLUMNS = 24
UNITS = {"short", "s", "bytes", "reqps", "ops", "percentunit"}
"""Of Grafana's categories (packages/grafana-data/src/valueFormats/categories.ts), those that are used."""
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
BUILT_IN = {"__rate_interval"}
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((CHART / "files").glob("dashboard-*.json"))}
Json = dict[str, Any]
every_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def panels(name: str) -> list[Json]:
    found: list[Json] = DASHBOARDS[name]["panels"]
    return found


def cells(panel: Json) -> set[tuple[int, int]]:
    at = panel["gridPos"]
    return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}


def targets(name: str) -> Iterator[tuple[str, Json]]:
    return ((panel["title"], target) for panel in panels(name) for target in panel["targets"])


def test_there_are_two_and_none_is_the_other() -> None:
    assert DASHBOARDS.keys() == {"dashboard-fleet", "dashboard-model"}
    assert len({content["uid"] for content in DASHBOARDS.values()}) == 2


@every_dashboard
def test_panels_lie_side_by_side(name: str) -> None:
    for panel in panels(name):
        at = panel["gridPos"]
        assert at["w"] > 0, panel["title"]
        assert at["h"] > 0, panel["title"]
        assert at["x"] in range(COLUMNS + 1 - at["w"]), panel["title"]
    over = [(a["title"], b["title"]) for a, b in itertools.combinations(panels(name), 2) if cells(a) & cells(b)]
    assert over == []


@every_dashboard
def test_panels_say_what_they_show(name: str) -> None:
    for panel in panels(name):
        assert panel["title"].strip()
        assert panel["type"] in {"timeseries", "stat"}
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
    for key in ("title", "id"):
        assert len({panel[key] for panel in panels(name)}) == len(panels(name)), key


@every_dashboard
def test_the_reader_chooses_the_prometheus(name: str) -> None:
    first, *others = DASHBOARDS[name]["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert [item["name"] for item in others if item["datasource"] != SOURCE] == []
    for panel in panels(name):
        assert panel["datasource"] == SOURCE
        assert [target["refId"] for target in panel["targets"] if target["datasource"] != SOURCE] == []
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@every_dashboard
def test_every_variable_that_is_asked_for_is_there_and_asked_for(name: str) -> None:
    """A variable stands after those that it depends on: Grafana fills them in this order."""
    known: set[str] = set()
    asked: set[str] = set()
    for variable in DASHBOARDS[name]["templating"]["list"]:
        query = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
        asked |= (wanted := set(re.findall(r"\$\{?(\w+)", query)))
        assert wanted <= known, variable["name"]
        known.add(variable["name"])
    for title, target in targets(name):
        asked |= (wanted := set(re.findall(r"\$\{?(\w+)", target["expr"])))
        assert wanted <= known | BUILT_IN, title
    assert known - {"datasource"} <= asked


@every_dashboard
def test_legends_name_labels_that_are_left(name: str) -> None:
    """What `sum by (a)` leaves are series with the label a; another one in the legend would be an empty name for all."""
    for title, target in targets(name):
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        left = re.match(r"(?:histogram_quantile\([\d.]+, )?(?:sum|max)(?: by \(([\w, ]+)\))?\s?\(", target["expr"])
        if left is not None:
            assert named == set((left[1] or "").replace(" ", "").split(",")) - {"le", ""}, title


@every_dashboard
def test_rates_are_over_what_fits_the_scrape(name: str) -> None:
    for title, target in targets(name):
        assert re.findall(r"rate\(.*?\[(.+?)\]", target["expr"]) == ["$__rate_interval"] * target["expr"].count(
            "rate("
        ), title
