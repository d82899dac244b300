"""A table predicted by the model's CronJob on a node, and looked up through the ingress."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from testcluster.e2e import models_claim
from testcluster.e2e.cluster import Cluster
from testcluster.e2e.models_claim import EXAMPLES
from testcluster.waiting import eventually

Object = dict[str, Any]
EXAMPLE = EXAMPLES / "match-outcome"
MANIFEST: Object = yaml.safe_load((EXAMPLE / "gpuxmodel.yaml").read_text())
NAME = MANIFEST["metadata"]["name"]
RESULTS = "predictions"
"""The claim that the example's results are written to."""


@pytest.fixture
def models(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    """The cluster with our chart, a claim with the model and its table, and an empty one for results."""
    folders = tmp_path / "models", tmp_path / RESULTS
    for folder in folders:
        folder.mkdir()
    table = {"match-outcome/matches.csv": EXAMPLE / "matches.csv"}
    with models_claim.filled(installed, namespace, folders[0], table) as found:
        models_claim.provide(found, namespace, folders[1], RESULTS)
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": RESULTS}, "spec": spec}
        found.apply(claim, namespace=namespace)
        yield found
    models_claim.remove_volume(installed, namespace, RESULTS)


def test_the_cron_job_runs_and_its_rows_are_looked_up(models: Cluster, namespace: str) -> None:
    models.apply(MANIFEST, namespace=namespace)
    where = ["-n", namespace]
    models.kubectl("wait", "--for=condition=Ready", f"gpuxmodel/{NAME}", *where, "--timeout=180s")
    host = str(urlsplit(models.get("gpuxmodel", NAME, namespace)["status"]["url"]).hostname)

    def asked(path: str, status: int) -> Any:
        answer = models.http(host, path)
        assert answer.status_code == status, answer.text
        return answer.json()

    before = eventually(lambda: asked("/predict/batch/42", 404), 30, "the ingress leads to the model")
    assert before["detail"] == "No batch result yet: the first run has not finished"
    assert models.select("jobs", namespace) == [], "nothing ran by itself"

    # as docs/batch.md writes it
    models.kubectl("create", "job", f"--from=cronjob/{NAME}", "now", *where)
    models.kubectl("wait", "--for=condition=Complete", "job/now", *where, "--timeout=120s")
    log = models.kubectl("logs", "job/now", *where)
    rows = (EXAMPLE / "matches.csv").read_text().splitlines()
    assert f"{len(rows) - 1} rows" in log

    def succeeded() -> bool:
        status = models.get("gpuxmodel", NAME, namespace)["status"]
        [said] = [item for item in status["conditions"] if item["type"] == "BatchSucceeded"]
        return said["status"] == "True" and "lastSuccessfulTime" in status["batch"]

    eventually(succeeded, 60, "the model says so")
    found = eventually(lambda: asked("/predict/batch/42", 200), 30, "the result is served")
    features = MANIFEST["spec"]["preprocessing"]["tabular"]["features"]
    [row] = [row for row in map(dict, _table(rows)) if row["match_id"] == "42"]
    body = {"match_id": 42, "features": {name: float(row[name]) for name in features if row[name]}}
    assert found == models.http(host, "/predict", "POST", json=body).json()
    listed = asked("/predict/upcoming", 200)
    assert [str(match["match_id"]) for match in listed] == [row["match_id"] for row in map(dict, _table(rows))]
    told = f"prediction_batch_result_rows {len(listed)}.0\n"
    eventually(
        lambda: told in models.http(host, "/metrics").text, 30, "the metrics, which are as of the scrape before, say so"
    )


def _table(rows: list[str]) -> Iterator[Iterator[tuple[str, str]]]:
    head = rows[0].split(",")
    return (zip(head, row.split(","), strict=True) for row in rows[1:])
