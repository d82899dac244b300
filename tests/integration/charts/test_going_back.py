"""What docs/operations.md and the chart's README say of going back, and of another release that takes the CRD over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testcluster import history
from testcluster.api import Object
from testcluster.chart import CHART
from testcluster.errors import ClusterError

if TYPE_CHECKING:
    from tests.integration.charts.conftest import Helm

BEFORE = "782ddc5"
"""A commit whose CRD has no `serving.mode`."""
GPUX = "gpux.io/v1alpha1"
CRD = "apiextensions.k8s.io/v1", "CustomResourceDefinition", "gpuxmodels.gpux.io"


@pytest.fixture
def cleared(bare: Helm) -> Iterator[Helm]:
    """The cluster, with neither a release nor the CRD before and after the test."""
    yield bare
    for release in ("gpux", "other"):
        bare("uninstall", release, "--ignore-not-found")
    bare.api.delete(*CRD)


def model(helm: Helm) -> Object:
    """One with a field that the chart before does not know."""
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}, "serving": {"mode": "Knative"}}
    return helm.api.apply({"apiVersion": GPUX, "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": spec}, "default")


def test_a_rollback_takes_the_crd_back_and_drops_what_is_written_then(cleared: Helm, tmp_path: Path) -> None:
    api = cleared.api
    before = history.chart(BEFORE, tmp_path)
    cleared.install(chart=before)
    old = api.get(*CRD)["spec"]["versions"]
    cleared.install()
    assert api.get(*CRD)["spec"]["versions"] != old
    made = model(cleared)
    cleared("rollback", "gpux")
    assert api.get(*CRD)["spec"]["versions"] == old
    api.patch(GPUX, "GpuxModel", "m", {"spec": {"model": {"version": "2"}}}, "default")
    cleared.install()
    found = api.get(GPUX, "GpuxModel", "m", "default")
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert "Knative" not in found["spec"]["serving"], "back up first, as the page says"


def test_another_release_takes_the_crd_over(cleared: Helm) -> None:
    api = cleared.api
    cleared.install()
    made = model(cleared)
    cleared("uninstall", "gpux")
    with pytest.raises(ClusterError, match="invalid ownership metadata"):
        cleared.install(release="other")
    cleared("install", "other", str(CHART), "--take-ownership", values={})
    assert api.get(*CRD)["metadata"]["annotations"]["meta.helm.sh/release-name"] == "other"
    found = api.get(GPUX, "GpuxModel", "m", "default")
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert found["spec"] == made["spec"]
