"""The control plane: etcd, kube-apiserver, controller-manager and scheduler."""

from pathlib import Path

from testcluster.native.daemons import Daemons
from testcluster.native.layout import NODE_IP, POD_CIDR, SERVICE_CIDR, Layout

ETCD = "http://127.0.0.1:2379"


def start_api(layout: Layout, daemons: Daemons, tools: dict[str, Path]) -> None:
    """Start etcd and the API server on it."""
    peer = "http://127.0.0.1:2380"
    etcd = [
        f"--data-dir={layout.root}/etcd",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # nothing in it outlives the node
    ]
    daemons.start("etcd", [tools["etcd"], *etcd])
    certs = layout.certs
    api = [
        f"--etcd-servers={ETCD}",
        f"--advertise-address={NODE_IP}",
        "--bind-address=0.0.0.0",
        f"--tls-cert-file={certs}/api.crt",
        f"--tls-private-key-file={certs}/api.key",
        f"--client-ca-file={certs}/ca.crt",
        f"--kubelet-client-certificate={certs}/kubelet-client.crt",
        f"--kubelet-client-key={certs}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        f"--service-account-key-file={certs}/tokens.crt",
        f"--service-account-signing-key-file={certs}/tokens.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--allow-privileged",
        "--endpoint-reconciler-type=lease",
        f"--cert-dir={layout.root}/apiserver",
    ]
    daemons.start("kube-apiserver", [tools["kube-apiserver"], *api])


def start_controllers(layout: Layout, daemons: Daemons, tools: dict[str, Path]) -> None:
    """Start all the controllers and the scheduler; there is one of each, so nobody is elected."""
    certs = layout.certs
    manager = [
        f"--kubeconfig={layout.kubeconfig}",
        f"--service-account-private-key-file={certs}/tokens.key",
        f"--root-ca-file={certs}/ca.crt",
        f"--cluster-signing-cert-file={certs}/ca.crt",
        f"--cluster-signing-key-file={certs}/ca.key",
        "--use-service-account-credentials",
        "--leader-elect=false",
        f"--cluster-cidr={POD_CIDR}",
        "--horizontal-pod-autoscaler-sync-period=5s",
        f"--cert-dir={layout.root}/controller-manager",
        f"--flex-volume-plugin-dir={layout.root}/volume-plugins",
    ]
    daemons.start("kube-controller-manager", [tools["kube-controller-manager"], *manager])
    scheduler = [f"--kubeconfig={layout.kubeconfig}", "--leader-elect=false", f"--cert-dir={layout.root}/scheduler"]
    daemons.start("kube-scheduler", [tools["kube-scheduler"], *scheduler])
