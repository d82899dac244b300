"""CPU, memory and GPUs of the predictor container.

KServe's webhook fills each missing cpu and memory value with its own default (1 CPU, 2Gi), which can leave a request above
its limit; so all four are always set here. It also reads and writes each quantity through Go's resource.Quantity, which
rewrites `1024Mi` to `1Gi`: quantities are written in that canonical form, so that what is stored is what was meant.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from gpux_api.projection import resource_name
from gpux_api.quantity import value_of
from gpux_api.v1alpha1 import GpuxModel, ResourcesSpec

DEFAULTS = {"cpu": "1", "memory": "2Gi"}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def container_resources(model: GpuxModel, own: ResourcesSpec | None = None) -> dict[str, dict[str, str]]:
    """Requests and limits: a missing one of a pair is the other, a missing pair the default; the GPUs as a limit.

    Args:
        own: instead of those of `spec.serving`.
    """
    spec = own or model.spec.serving.resources
    requests = dict(spec.requests) if spec else {}
    limits = dict(spec.limits) if spec else {}
    for name, default in DEFAULTS.items():
        request, limit = requests.get(name), limits.get(name)
        requests[name] = next(value for value in (request, limit, default) if value is not None)
        limits[name] = next(value for value in (limit, request, default) if value is not None)
    gpu, gpu_resource = model.spec.runtime.gpu, resource_name(model)
    if gpu is not None and gpu_resource is not None:
        limits[gpu_resource] = gpu.effective_count()
    return {"requests": _canonical_all(requests), "limits": _canonical_all(limits)}


def _canonical_all(quantities: Mapping[str, int | str]) -> dict[str, str]:
    return {name: canonical(quantities[name]) for name in sorted(quantities)}


def canonical(quantity: int | str) -> str:
    """The quantity as Go's resource.Quantity writes it, as far as users write them; exponents become suffixes.

    Source: k8s.io/apimachinery/pkg/api/resource/quantity.go, CanonicalizeBytes.
    """
    value = value_of(quantity)
    binary = str(quantity).endswith("i")
    if binary and abs(value) >= 1024:
        return _binary(int(value.to_integral_value(rounding=ROUND_CEILING)))
    return _decimal(value)


def _binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < len(_BINARY) - 1:
        value, power = value // 1024, power + 1
    return f"{value}{_BINARY[power]}"


def _decimal(value: Decimal) -> str:
    nano = int((value * 10**9).to_integral_value(rounding=ROUND_CEILING))
    if nano == 0:
        return "0"
    exponent = -9
    while nano % 1000 == 0 and exponent < 18:
        nano, exponent = nano // 1000, exponent + 3
    return f"{nano}{_DECIMAL[exponent]}"
