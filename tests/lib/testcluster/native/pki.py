"""The node's certificates, keys and the administrator's kubeconfig, made anew by each `up`."""

from testcluster import certs, kubeconfig
from testcluster.native.layout import API_SERVICE_IP, CLUSTER_DOMAIN, NODE_IP, Layout

IN_CLUSTER = "kubernetes.default.svc"
HOSTS = [
    "kubernetes",
    "kubernetes.default",
    IN_CLUSTER,
    f"{IN_CLUSTER}.{CLUSTER_DOMAIN}",
    "localhost",
    "127.0.0.1",
    API_SERVICE_IP,
    NODE_IP,
]


def create(layout: Layout) -> None:
    """Write the authority, what it signs, the key of the service accounts' tokens, and the kubeconfig."""
    layout.certs.mkdir(mode=0o700)
    authority = certs.Authority("gpux-node")
    authority.pair.write(layout.certs, "ca")
    authority.issue("kube-apiserver", hosts=HOSTS).write(layout.certs, "api")
    # what `kubectl logs` and `exec` come to the kubelet with
    authority.issue("kube-apiserver", ["system:masters"]).write(layout.certs, "kubelet-client")
    certs.signing_key().write(layout.certs, "tokens")
    admin = kubeconfig.certificate_user(authority.issue("admin", ["system:masters"]))
    kubeconfig.write(layout.kubeconfig, layout.server, authority.pair.certificate, admin)
