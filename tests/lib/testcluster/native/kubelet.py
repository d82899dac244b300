"""The kubelet and kube-proxy: what makes the machine a node."""

import json
from collections.abc import Mapping
from pathlib import Path

from testcluster.native.daemons import Daemons
from testcluster.native.layout import CGROUP, CLUSTER_DOMAIN, NODE_IP, NODE_NAME, POD_CIDR, Layout


def start(layout: Layout, daemons: Daemons, tools: dict[str, Path]) -> None:
    """Start both; the node turns Ready seconds later."""
    _start_kubelet(layout, daemons, tools["kubelet"])
    _start_proxy(layout, daemons, tools["kube-proxy"])


def _start_kubelet(layout: Layout, daemons: Daemons, program: Path) -> None:
    no_upstream = layout.root / "resolv.conf"
    no_upstream.write_text(f"nameserver {NODE_IP}\n")
    file = _write(layout.root / "kubelet.json", _kubelet_config(layout, no_upstream))
    daemons.start(
        "kubelet",
        [
            program,
            f"--config={file}",
            f"--kubeconfig={layout.kubeconfig}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_IP}",
            f"--root-dir={layout.root}/kubelet",
            f"--cert-dir={layout.root}/kubelet-pki",
        ],
    )


def _kubelet_config(layout: Layout, no_upstream: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.certs / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,  # 1.34 still runs on cgroup v1
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "clusterDNS": [NODE_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(no_upstream),
        "failSwapOn": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,  # what is loaded by hand cannot be pulled again
        "enforceNodeAllocatable": [],
        "podLogsDir": str(layout.root / "pod-logs"),
        "volumePluginDir": str(layout.root / "volume-plugins"),
        "nodeStatusUpdateFrequency": "5s",
        "serializeImagePulls": False,
        "syncFrequency": "10s",
    }


def _start_proxy(layout: Layout, daemons: Daemons, program: Path) -> None:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig)},
        "mode": "iptables",
        "iptables": {"minSyncPeriod": "200ms"},
        "clusterCIDR": POD_CIDR,
        # the connection table's size is the machine's, not the namespace's: leave it alone
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    file = _write(layout.root / "kube-proxy.json", config)
    daemons.start("kube-proxy", [program, f"--config={file}", f"--hostname-override={NODE_NAME}"])


def _write(file: Path, config: Mapping[str, object]) -> Path:
    file.write_text(json.dumps(config, indent=1))
    return file
