"""What every pod that the operator asks for is, whatever the manifest says: the golden files have all kinds of manifests."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gpux_api.manifests import parse
from gpux_api.projection import serving_manifest

Manifest = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden"


def pods() -> list[tuple[str, Manifest]]:
    found = []
    for path in sorted(GOLDEN.glob("*.out.yaml")):
        for item in yaml.safe_load_all(path.read_text()):
            spec = item.get("spec") or {}
            if item["kind"] == "InferenceService":
                found.append((f"{path.name} server", spec["predictor"]))
            if item["kind"] == "CronJob":
                found.append((f"{path.name} run", spec["jobTemplate"]["spec"]["template"]["spec"]))
    return found


PODS = pods()


def test_there_are_pods_of_both_kinds() -> None:
    assert {name.split()[1] for name, _ in PODS} == {"server", "run"}


@pytest.mark.parametrize("pod", [pod for _, pod in PODS], ids=[name for name, _ in PODS])
def test_every_pod_keeps_the_restricted_standard(pod: Manifest) -> None:
    """Of the Pod Security Standards, 'restricted'; and beyond it no token and no file system to write to."""
    seccomp = {"seccompProfile": {"type": "RuntimeDefault"}}
    of_the_pod = pod.get("securityContext")  # which no Knative revision may have
    if of_the_pod is not None:
        assert of_the_pod["runAsNonRoot"] is True
        assert seccomp.items() <= of_the_pod.items()
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            **({} if of_the_pod else seccomp),
        }


def test_secrets_reach_pods_by_name_only() -> None:
    """The operator writes where a Secret is, and knows nothing of what is in it: keys and certificates are files of the kubelet's."""
    [pod] = [pod for name, pod in PODS if name == "access.out.yaml server"]
    secrets = {volume["name"]: volume["secret"] for volume in pod["volumes"] if "secret" in volume}
    assert secrets == {"gpux-api-keys": {"secretName": "callers"}, "gpux-tls": {"secretName": "certificate"}}
    mounts = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] in secrets]
    assert [set(mount) for mount in mounts] == [{"name", "mountPath", "readOnly"}] * 2, (
        "the kubelet never renews a subPath"
    )
    assert all(mount["readOnly"] for mount in mounts)


def test_probes_ask_over_what_the_pod_speaks() -> None:
    for name, pod in PODS:
        if name.endswith("server"):
            [container] = pod["containers"]
            probes = [container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
            expected = "HTTPS" if "--tls-dir" in container["args"] else None
            assert {probe.get("scheme") for probe in probes} == {expected}


def test_what_a_pod_is_told_of_access_is_a_manifest_that_asks_for_keys() -> None:
    """A predictor that is given it without the folder of keys does not serve (tests/integration/predictor/test_access.py)."""
    told = serving_manifest(parse(yaml.safe_load((GOLDEN / "access.in.yaml").read_text())))
    access = parse(told).spec.access
    assert access is not None
    assert access.api_keys is not None
    assert access.tls is None, (
        "which is an argument, since the rule about visibility needs more of the spec than a pod is told"
    )
