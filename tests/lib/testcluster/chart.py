"""The project's chart through the real helm."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from testcluster.api import Object
from testcluster.errors import ClusterError
from testcluster.tools import ensure

CHART = Path(__file__).resolve().parents[3] / "charts" / "gpux"
RELEASE = "gpux"
NAMESPACE = "gpux-system"


def chart_manifests(
    values: Mapping[str, Any] | None = None,
    *,
    namespace: str = NAMESPACE,
    release: str = RELEASE,
    api_versions: Iterable[str] = (),
    chart: Path = CHART,
    tests: bool = False,
) -> list[Object]:
    """What `helm install` would apply, in helm's order, CRDs first; with `tests` what `helm test` would, too.

    `api_versions` are kinds that the cluster is said to have (`monitoring.coreos.com/v1/ServiceMonitor`).
    """
    offered = [f"--api-versions={version}" for version in api_versions]
    arguments = [
        "template",
        release,
        str(chart),
        f"--namespace={namespace}",
        "--include-crds",
        *([] if tests else ["--skip-tests"]),
        *offered,
    ]
    rendered = helm(*arguments, "--values=-", stdin=json.dumps(values or {}))
    return [document for document in yaml.safe_load_all(rendered) if document]


def helm(*arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> str:
    """What helm prints, with a cluster where it is given one."""
    command = [str(ensure(["helm"])["helm"]), *arguments]
    environment = os.environ | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
    done = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"helm {' '.join(arguments)} failed", "helm's message says it", done.stderr)
    return done.stdout
