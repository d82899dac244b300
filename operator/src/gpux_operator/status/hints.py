"""What to do, where the words of the cluster say only what is wrong. Each begins with a space, or is empty."""

import re
from collections.abc import Iterator

from gpux_operator.build.access import KEYS_VOLUME, TLS_VOLUME
from gpux_operator.build.metadata import Manifest

STORAGE_INITIALIZER = "storage-initializer"
_MISSING_ACCOUNT = re.compile(r'serviceaccount "(?P<name>[^"]+)" not found')
_MISSING_SECRET = re.compile(r'secret "(?P<name>[^"]+)" not found')
_SECRETS = (
    (KEYS_VOLUME, "spec.access.apiKeys.secretRef",
     'kubectl create secret generic {name} --from-literal=my-client="$(openssl rand -hex 32)" in the model\'s namespace'),
    (TLS_VOLUME, "spec.access.tls.secretRef",
     "kubectl create secret tls {name} --cert=FILE --key=FILE in the model's namespace, or let cert-manager make it"),
)  # fmt: skip
_NODES = re.compile(r"^\d+/(?P<all>\d+) nodes are available: ")
_LACKS = re.compile(r"(?P<count>\d+) Insufficient (?P<resource>[\w./-]*\w)")
_PLACES = {
    "untolerated taint": "spec.serving.tolerations lets a model onto nodes with a taint",
    "node affinity/selector": "no such node fits spec.serving.nodeSelector or affinity, or what runtime.gpu asks of nodes",
    "were unschedulable": "a cordoned node takes no pods before `kubectl uncordon`",
    "persistentvolumeclaim": "create the claim, or correct the one that the spec names",
    "unbound immediate PersistentVolumeClaims": "a claim waits for its volume: `kubectl get pvc` says why",
    "volume node affinity conflict": "the claim's volume is on other nodes than the model may run on",
}


def refused(message: str) -> str:
    """What helps where pods are refused: for want of a quota or an account, or for a container of KServe's.

    The storage initializer's security context is KServe's to set.
    """
    if "exceeded quota" in message:
        return " (raise the ResourceQuota, or ask for less in spec.serving.resources or replicas)"
    if account := _MISSING_ACCOUNT.search(message):
        return f" (create the ServiceAccount {account['name']}, or correct spec.model.source.serviceAccountName)"
    if STORAGE_INITIALIZER not in message:
        return ""
    context = "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true}"
    return (
        f" ({STORAGE_INITIALIZER} is KServe's: set spec.container.securityContext of the ClusterStorageContainer "
        f"`default` to {context}, or use a pvc:// source, which needs no such container)"
    )


def creation(container: Manifest, message: str) -> str:
    """What helps where the kubelet cannot create a container: an image that runs as root, or a missing Secret or ConfigMap."""
    if "runAsNonRoot" in message:
        image = container.get("image", "?")
        return f" (pods here never run as root: use an image with a numeric USER other than 0 instead of {image})"
    if "secret" in message and "not found" in message:
        return " (create it in the model's namespace, or correct the spec that names it)"
    return ""


def starting(message: str) -> str:
    """What helps where a volume cannot be mounted."""
    if "Multi-Attach" in message:
        return " (the claim's volume can be on one node only: let the old pod go first with spec.rollout.strategy: Recreate)"
    secret = _MISSING_SECRET.search(message)
    for volume, field, command in _SECRETS:
        if secret is not None and f'volume "{volume}"' in message:
            return f" ({command.format(name=secret['name'])}, or correct {field})"
    return " (create it, or correct the spec that names it)" if "not found" in message else ""


def pull(message: str) -> str:
    """What helps where an image cannot be pulled."""
    if re.search(r"\b(401|403|unauthorized|denied|forbidden|authentication required)\b", message, re.IGNORECASE):
        return " (check its name, and the imagePullSecrets of the pods' ServiceAccount)"
    return " (check its name: spec.serving.image, or the operator's --predictor-image)"


def scheduling(scheduled: Manifest) -> str:
    """What helps where no node takes a pod: which resource is missing on how many nodes, from the scheduler's own words."""
    message = str(scheduled.get("message"))
    found = "; ".join(_advice(message))
    return f" ({found})" if found else ""


def _advice(message: str) -> Iterator[str]:
    nodes = _NODES.match(message)
    found = message.partition(" preemption:")[0]  # which says the same again of the pods that could be evicted
    for lack in _LACKS.finditer(found):
        of = f" of {nodes['all']}" if nodes else ""
        yield (
            f"{lack['count']}{of} nodes have too little {lack['resource']} left: free it, add a node that has it, or ask for less in "
            f"{_asked_in(lack['resource'])}"
        )
    yield from (advice for words, advice in _PLACES.items() if words in found)


def _asked_in(resource: str) -> str:
    return "spec.runtime.gpu" if "/" in resource else "spec.serving.resources"
