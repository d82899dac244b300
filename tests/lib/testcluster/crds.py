"""CustomResourceDefinitions come and go a moment after the API server has agreed to it; these wait for it."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from testcluster.api import NOT_FOUND, Api, ApiError
from testcluster.waiting import eventually

API_VERSION = "apiextensions.k8s.io/v1"
KIND = "CustomResourceDefinition"
SERVED_SECONDS = 60.0


def install(api: Api, crds: Iterable[Mapping[str, Any]]) -> None:
    """Apply the CRDs and return when their kinds can be used."""
    names = [api.apply(crd)["metadata"]["name"] for crd in crds]
    for name in names:
        eventually(partial(is_served, api, name), SERVED_SECONDS, f"the kind of {name} can be used")


def remove(api: Api, name: str) -> None:
    """Remove a CRD with all its objects, and return when they are gone."""
    api.delete(API_VERSION, KIND, name)
    eventually(lambda: api.find(API_VERSION, KIND, name) is None, SERVED_SECONDS, f"{name} is gone")
    resource, group = name.split(".", 1)
    eventually(lambda: not _in_discovery(api, group, resource), SERVED_SECONDS, f"{resource} are not served any more")


def is_served(api: Api, name: str) -> bool:
    """Whether the kind can be used; an assertion error with the server's reason if it cannot yet."""
    crd = api.get(API_VERSION, KIND, name)
    conditions = {item["type"]: item for item in crd.get("status", {}).get("conditions", [])}
    assert conditions.get("Established", {}).get("status") == "True", conditions
    return all(_listable(api, crd, version["name"]) for version in crd["spec"]["versions"] if version["served"])


def _listable(api: Api, crd: Mapping[str, Any], version: str) -> bool:
    """Discovery and the conditions are a moment ahead of the handler that answers."""
    try:
        api.list(f"{crd['spec']['group']}/{version}", crd["spec"]["names"]["kind"])
    except ApiError as error:
        if error.status == NOT_FOUND:
            return False
        raise
    return True


def _in_discovery(api: Api, group: str, resource: str) -> bool:
    groups = api.request("GET", "/apis")["groups"]
    versions = [version["groupVersion"] for item in groups if item["name"] == group for version in item["versions"]]
    return any(
        served["name"] == resource
        for version in versions
        for served in api.request("GET", f"/apis/{version}")["resources"]
    )
