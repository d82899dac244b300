"""CustomResourceDefinitions as their projects publish them, read out of the pinned Go modules in `tests/tools`."""

import json
import subprocess
from pathlib import Path

import yaml

from testcluster.api import Object
from testcluster.errors import ClusterError
from testcluster.golang import build_environment, find_go, required_version
from testcluster.tools import MODULES, cache_folder


def prometheus_operator() -> list[Object]:
    """Those that a chart or a user of ours makes objects of: PodMonitor, ServiceMonitor and PrometheusRule."""
    folder = source("prometheus-operator", "github.com/prometheus-operator/prometheus-operator")
    kinds = ("podmonitors", "servicemonitors", "prometheusrules")
    return [
        _read(folder / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{kind}.yaml") for kind in kinds
    ]


def gateway_api() -> list[Object]:
    """Gateway and HTTPRoute of the standard channel."""
    folder = source("gateway-api", "sigs.k8s.io/gateway-api") / "config" / "crd" / "standard"
    return [_read(folder / f"gateway.networking.k8s.io_{kind}.yaml") for kind in ("gateways", "httproutes")]


def source(tool: str, module: str) -> Path:
    """The module's source, in the version and with the checksum of `tests/tools/<tool>`; downloaded if it is not there."""
    home = MODULES / tool
    go = find_go(required_version(home / "go.mod"))
    command = [str(go), "mod", "download", "-json", module]
    environment = build_environment(cache_folder())
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(
            f"downloading {module} failed in {home}",
            "the first time needs the Go module proxy (see 'go env GOPROXY')",
            done.stdout + done.stderr,
        )
    return Path(json.loads(done.stdout)["Dir"])


def _read(path: Path) -> Object:
    found: Object = yaml.safe_load(path.read_text())
    return found
