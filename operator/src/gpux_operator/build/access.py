"""What a pod needs for its model's access: the Secrets, mounted as files, which the kubelet keeps up to date."""

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import Manifest

KEYS_VOLUME, TLS_VOLUME = "gpux-api-keys", "gpux-tls"
_KEYS, _TLS = "/etc/gpux-api-keys", "/etc/gpux-tls"


def _secrets(model: GpuxModel) -> list[tuple[str, str, str, str]]:
    """Volume, Secret, where it is mounted, and the predictor's option for that."""
    access = model.spec.access
    found = []
    if access is not None and access.api_keys is not None:
        found.append((KEYS_VOLUME, access.api_keys.secret_ref.name, _KEYS, "--api-keys-dir"))
    if access is not None and access.tls is not None:
        found.append((TLS_VOLUME, access.tls.secret_ref.name, _TLS, "--tls-dir"))
    return found


def volumes(model: GpuxModel) -> list[Manifest]:
    """The Secrets; a pod does not start before they exist."""
    return [{"name": volume, "secret": {"secretName": secret}} for volume, secret, _, _ in _secrets(model)]


def mounts(model: GpuxModel) -> list[Manifest]:
    """Where they are mounted; whole, since the kubelet never renews a subPath."""
    return [{"name": volume, "mountPath": path, "readOnly": True} for volume, _, path, _ in _secrets(model)]


def arguments(model: GpuxModel) -> list[str]:
    """What the predictor is told of them."""
    return [part for _, _, path, option in _secrets(model) for part in (option, path)]


def has_tls(model: GpuxModel) -> bool:
    """Whether its pods speak TLS."""
    return model.spec.access is not None and model.spec.access.tls is not None


def has_keys(model: GpuxModel) -> bool:
    """Whether its callers need an API key."""
    return model.spec.access is not None and model.spec.access.api_keys is not None


def is_undescribed(model: GpuxModel) -> bool:
    """Whether the model is described to those only who have one."""
    access = model.spec.access
    return access is not None and access.api_keys is not None and not access.api_keys.public_description


def probe_scheme(model: GpuxModel) -> Manifest:
    """How probes ask; nothing for HTTP, which is the default. The kubelet verifies no certificate."""
    return {"scheme": "HTTPS"} if has_tls(model) else {}
