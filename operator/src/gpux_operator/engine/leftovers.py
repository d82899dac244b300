"""What older versions of a model leave behind, and when it can go."""

from gpux_operator.build.metadata import is_controlled_by
from gpux_operator.engine.observe import run_pods
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import CONFIG_MAPS, KubeApi
from gpux_operator.status.observed import Observed


def remove_old_config_maps(api: KubeApi, key: Key, uid: str, current: str, observed: Observed) -> None:
    """Removes the ConfigMaps of older versions. Only after a rollout: pods of the old version still mount theirs.

    So do runs of the schedule: what they mount stays until a pass after they have ended.
    """
    kept = {current} | _mounted_by_revisions(observed)
    old = [
        item
        for item in observed.config_maps
        if item["metadata"]["name"] not in kept
        and is_controlled_by(item, uid)
        and "deletionTimestamp" not in item["metadata"]
    ]
    in_use = _mounted_by_runs(api, key) if old else set()
    for metadata in (item["metadata"] for item in old):
        if metadata["name"] not in in_use:
            api.delete(CONFIG_MAPS, metadata["namespace"], metadata["name"], metadata["uid"])


def _mounted_by_runs(api: KubeApi, key: Key) -> set[str]:
    """The ConfigMaps of runs that have not succeeded: a Job tries again after a pod that failed, with the same ones."""
    return {
        volume["configMap"]["name"]
        for pod in run_pods(api, key)
        if (pod.get("status") or {}).get("phase") != "Succeeded"
        for volume in pod["spec"].get("volumes") or ()
        if "configMap" in volume
    }


def _mounted_by_revisions(observed: Observed) -> set[str]:
    """Knative starts pods of any revision that still gets requests, or gets them again; it deletes old ones itself, in time."""
    volumes = (volume for item in observed.revisions for volume in item["spec"].get("volumes") or ())
    return {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
