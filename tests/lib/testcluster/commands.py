"""The command lines of a control plane that has no nodes: pure functions from folders and ports to arguments."""

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
ISSUER = "https://kubernetes.default.svc"

# What the tests can notice. Left out: everything about nodes, clouds, volumes and certificates.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)

# Who changed what: a test can then prove that something was written once, or not at all.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]}],
}


@dataclass(frozen=True)
class Layout:
    """Where the files of one control plane are, and its ports."""

    folder: Path
    api_port: int
    etcd_port: int
    etcd_peer_port: int

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.api_port}"

    @property
    def etcd_data(self) -> Path:
        return self.folder / "etcd"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    @property
    def audit_policy(self) -> Path:
        return self.folder / "audit-policy.json"

    def file(self, name: str) -> Path:
        """A file of the control plane, by name."""
        return self.folder / name


def etcd(layout: Layout) -> list[str]:
    """An etcd that forgets nothing while it runs and need not survive a power cut: without fsync it is much faster."""
    client, peer = f"http://{HOST}:{layout.etcd_port}", f"http://{HOST}:{layout.etcd_peer_port}"
    return [
        f"--data-dir={layout.etcd_data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def apiserver(layout: Layout) -> list[str]:
    """An API server with real authentication, RBAC, admission and auditing, on the loopback device."""
    return [
        f"--etcd-servers=http://{HOST}:{layout.etcd_port}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={layout.api_port}",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={layout.file('apiserver.crt')}",
        f"--tls-private-key-file={layout.file('apiserver.key')}",
        f"--client-ca-file={layout.file('ca.crt')}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={layout.file('tokens.crt')}",
        f"--service-account-signing-key-file={layout.file('tokens.key')}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=RBAC",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        "--allow-privileged",
        f"--audit-policy-file={layout.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-mode=blocking",
    ]


def controller_manager(layout: Layout) -> list[str]:
    """The controllers that make a cluster without nodes behave like a real one; it serves nothing itself."""
    return [
        f"--kubeconfig={layout.file('controller-manager.kubeconfig')}",
        f"--root-ca-file={layout.file('ca.crt')}",
        f"--service-account-private-key-file={layout.file('tokens.key')}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--horizontal-pod-autoscaler-sync-period=1s",
        "--horizontal-pod-autoscaler-downscale-stabilization=2s",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
