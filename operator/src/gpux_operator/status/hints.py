"""What to do, where the words of the cluster say only what is wrong. Each begins with a space, or is empty."""

from gpux_operator.build.metadata import Manifest

STORAGE_INITIALIZER = "storage-initializer"


def refused(message: str) -> str:
    """What helps where pods are refused for a container of KServe's, whose security context is KServe's to set."""
    if STORAGE_INITIALIZER not in message:
        return ""
    context = "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true}"
    return (
        f" ({STORAGE_INITIALIZER} is KServe's: set spec.container.securityContext of the ClusterStorageContainer "
        f"`default` to {context}, or use a pvc:// source, which needs no such container)"
    )


def as_root(container: Manifest, message: str) -> str:
    """What helps where the kubelet refuses an image that runs as root, or of which it cannot tell."""
    return (
        f" (pods here never run as root: use an image with a numeric USER other than 0 instead of {container.get('image', '?')})"
        if "runAsNonRoot" in message
        else ""
    )


def scheduling(scheduled: Manifest) -> str:
    """What helps where no node has a resource."""
    return (
        " (free that resource, add a node that has it, or ask for less)"
        if "Insufficient" in str(scheduled.get("message"))
        else ""
    )
