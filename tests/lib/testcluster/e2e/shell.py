"""What a user types: the commands of the documentation, in this checkout, against the cluster."""

import shlex
from pathlib import Path

from docblocks import ROOT
from testcluster import tools
from testcluster.e2e.cluster import Cluster
from testcluster.errors import ClusterError

PROGRAMS = ("kubectl", "helm")


class Shell:
    """bash with `kubectl`, whose own namespace is the given one, and `helm`.

    Args:
        cluster: where they lead.
        namespace: of what names none.
        folder: an empty one, for the programs and the kubeconfig.
    """

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        for name, path in tools.ensure(list(PROGRAMS)).items():
            (folder / name).symlink_to(path)
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_bytes(cluster.kubeconfig.read_bytes())
        self._kubeconfig.chmod(0o600)
        self.run(f"kubectl config set-context --current --namespace={namespace}")

    def run(self, script: str, stdin: str | None = None) -> str:
        """What the script prints; ClusterError with what it said when one of its commands fails."""
        prelude = f'export KUBECONFIG={shlex.quote(str(self._kubeconfig))} PATH="{self._folder}:$PATH"; cd {ROOT}\n'
        done = self._cluster.exec(["bash", "-euo", "pipefail", "-c", prelude + script], stdin=stdin)
        if done.returncode:
            raise ClusterError(f"`{script.strip()}` failed", "see what it says", f"{done.stdout}{done.stderr}".strip())
        return done.stdout
