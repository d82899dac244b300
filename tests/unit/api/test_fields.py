"""The field that an unknown one was meant to be."""

import pytest

from gpux_api.fields import instead
from gpux_api.v1alpha1 import GpuxModel


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        (("spek",), "spec"),
        (("spec", "serving", "replica"), "replicas"),
        (("spec", "runtime", "timeout_seconds"), "timeoutSeconds"),
        (("spec", "inputs", 0, "maxlength"), "maxLength"),
        (("spec", "preprocessing", "image", "shortest_edge"), "shortestEdge"),
        (("spec", "replicas"), "spec.serving.replicas"),
        (("spec", "runtime", "batchAxis"), "spec.runtime.batching.batchAxis"),
        (("spec", "runtime", "name"), None),  # there are many
        (("spec", "runtime", "quantumEntanglement"), None),
        (("spec", "nothing", "here"), None),
    ],
)
def test_instead(location: tuple[str | int, ...], meant: str | None) -> None:
    assert instead(GpuxModel, location) == meant
