"""Whether a stored object carries what is wanted: values, and ownership as real API servers write it down."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gpux_operator.kube.diff import carries

Manifest = dict[str, Any]
DESIRED: Manifest = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "m", "namespace": "ns", "labels": {"a": "b"}, "ownerReferences": [{"uid": "u", "name": "m"}]},
    "spec": {
        "predictor": {
            "minReplicas": 1,
            "containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}],
            "topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}],
            "set": ["x"],
        }
    },
}
OWNED: Manifest = {
    "f:metadata": {"f:labels": {".": {}, "f:a": {}}, "f:ownerReferences": {'k:{"uid":"u"}': {}}},
    "f:spec": {
        "f:predictor": {
            "f:minReplicas": {},
            "f:containers": {},
            "f:topologySpreadConstraints": {
                'k:{"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}': {".": {}, "f:maxSkew": {}}
            },
            "f:set": {'v:"x"': {}},
        }
    },
}


def live(owned: Manifest = OWNED) -> Manifest:
    found = copy.deepcopy(DESIRED)
    entries = [
        {"manager": "kserve", "operation": "Update", "fieldsV1": {"f:metadata": {"f:finalizers": {}}}},
        {"manager": "gpux-operator", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "gpux-operator", "operation": "Apply", "fieldsV1": owned},
    ]
    found["metadata"] |= {"uid": "1", "resourceVersion": "5", "managedFields": entries}
    found["spec"]["predictor"]["name"] = ""  # a default
    found["status"] = {}
    return found


def test_the_same_is_carried() -> None:
    assert carries(live(), DESIRED)


@pytest.mark.parametrize(
    "path",
    [("metadata", "labels", "a"), ("spec", "predictor", "minReplicas"), ("spec", "predictor", "containers", 0, "name")],
)
@pytest.mark.parametrize("change", ["other", "gone"])
def test_a_value_that_differs_is_not(path: tuple[Any, ...], change: str) -> None:
    stored: Any = live()
    at = stored
    for part in path[:-1]:
        at = at[part]
    if change == "gone":
        del at[path[-1]]
    else:
        at[path[-1]] = "other"
    assert not carries(stored, DESIRED)


def test_an_item_more_or_less_in_a_list_is_not() -> None:
    more, less = live(), live()
    more["spec"]["predictor"]["containers"][0]["env"].append({"name": "B"})
    less["spec"]["predictor"]["containers"][0]["env"].clear()
    assert not carries(more, DESIRED)
    assert not carries(less, DESIRED)


def test_true_is_not_one() -> None:
    stored = live()
    stored["spec"]["predictor"]["minReplicas"] = True
    assert not carries(stored, DESIRED)


@pytest.mark.parametrize(
    "extra",
    [
        {"f:spec": {"f:predictor": {"f:nodeSelector": {}}}},
        {"f:metadata": {"f:labels": {"f:old": {}}}},
        {"f:metadata": {"f:ownerReferences": {'k:{"uid":"old"}': {}}}},
        {"f:spec": {"f:predictor": {"f:set": {'v:"y"': {}}}}},
        {"f:spec": {"f:predictor": {"f:minReplicas": {"f:below": {}}}}},
    ],
    ids=str,
)
def test_a_field_that_is_owned_and_not_wanted_is_not(extra: Manifest) -> None:
    assert not carries(live(extra), DESIRED)


def test_an_object_that_was_never_applied_is_not() -> None:
    stored = live()
    stored["metadata"]["managedFields"].pop()
    assert not carries(stored, DESIRED)
    del stored["metadata"]["managedFields"]
    assert not carries(stored, DESIRED)
