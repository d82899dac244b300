"""The files that a control plane reads at its start: keys, certificates, kubeconfigs and the audit policy."""

import json

from testcluster import certs, commands, kubeconfig

API_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


def write(layout: commands.Layout) -> bytes:
    """Write them all into the layout's folder; returns the authority's certificate."""
    authority = certs.Authority()
    layout.folder.mkdir(parents=True, exist_ok=True)
    authority.pair.write(layout.folder, "ca")
    server = authority.issue("kube-apiserver", hosts=(*API_NAMES, commands.HOST, commands.SERVICE_ADDRESS))
    server.write(layout.folder, "apiserver")
    certs.signing_key().write(layout.folder, "tokens")
    layout.audit_policy.write_text(json.dumps(commands.AUDIT_POLICY))
    users = {
        "admin": authority.issue("admin", ["system:masters"]),
        "controller-manager": authority.issue("system:kube-controller-manager"),
    }
    for name, pair in users.items():
        user = kubeconfig.certificate_user(pair)
        kubeconfig.write(layout.file(f"{name}.kubeconfig"), layout.url, authority.pair.certificate, user)
    return authority.pair.certificate
