"""What is generated in the chart and about it: the table of values in its README, and the Grafana dashboards."""

from pathlib import Path

from chartfiles.fleet_dashboard import fleet
from chartfiles.grafana import as_json
from chartfiles.model_dashboard import model
from chartfiles.values import with_table

CHART = Path(__file__).resolve().parents[3] / "charts" / "gpux"


def generated() -> dict[Path, str]:
    """Each file with what it has to be."""
    readme, values = CHART / "README.md", (CHART / "values.yaml").read_text()
    return {
        readme: with_table(readme.read_text(), values),
        CHART / "files" / "dashboard-model.json": as_json(model()),
        CHART / "files" / "dashboard-fleet.json": as_json(fleet()),
    }
