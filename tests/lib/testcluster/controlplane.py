"""A Kubernetes control plane of ordinary processes: etcd, kube-apiserver and kube-controller-manager, without nodes.

Pods are stored and never run. What is real: admission, RBAC, service accounts, server-side apply, CRDs with CEL, status
subresources, watches, garbage collection, namespaces and deployments.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from testcluster import commands, crds, files, kubeconfig, ports, readiness
from testcluster.api import Api, Object
from testcluster.errors import ClusterError
from testcluster.processes import Program
from testcluster.tools import ensure

ETCD, APISERVER, CONTROLLERS = TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager")
READY_SECONDS = 120.0
POLL_SECONDS = 0.05
TOKEN_SECONDS = 24 * 60 * 60


class ControlPlane:
    """One control plane with its data in `folder`. Use it as a context manager, or call `stop` whatever happens."""

    def __init__(self, folder: Path) -> None:
        self._layout = commands.Layout(folder, *ports.free_ports(3))
        self._authority = files.write(self._layout)
        self._programs: dict[str, Program] = {}
        self.api = Api(self.admin_kubeconfig)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self._layout.url

    @property
    def admin_kubeconfig(self) -> Path:
        """A kubeconfig for a member of system:masters; `api` is a client with it."""
        return self._layout.file("admin.kubeconfig")

    def start(self, custom_resources: Iterable[Mapping[str, Any]] = ()) -> None:
        """Start everything and return when it works.

        These CRDs are installed before the controllers start, so that these know all kinds at once: the garbage
        collector looks for kinds that came later only every 30 seconds.
        """
        paths = ensure(TOOLS)
        for name, arguments in zip(
            TOOLS, (commands.etcd, commands.apiserver, commands.controller_manager), strict=True
        ):
            command: list[str | Path] = [paths[name], *arguments(self._layout)]
            self._programs[name] = Program(name, command, self._layout.file(f"{name}.log"))
        try:
            self._programs[ETCD].start()
            self.start_apiserver()
            crds.install(self.api, custom_resources)
            self.start_controller_manager()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything for good: no process is left, and no data but the logs. Harmless when nothing runs."""
        for program in reversed(self._programs.values()):
            program.stop(grace=0.0)
        shutil.rmtree(self._layout.etcd_data, ignore_errors=True)
        self.api.close()

    def start_apiserver(self) -> None:
        """Start the API server, on the same port as ever, and wait until it is ready."""
        self._programs[APISERVER].start()
        self._wait((ETCD, APISERVER), lambda: readiness.api_serves(self.api))

    def stop_apiserver(self, grace: float = 0.0) -> None:
        """Stop the API server; at once, as in a crash, unless it is given a time to say goodbye to its clients."""
        self._programs[APISERVER].stop(grace)

    def freeze_apiserver(self) -> None:
        """Let the API server keep its connections and answer nothing, until `thaw_apiserver`."""
        self._programs[APISERVER].send(signal.SIGSTOP)

    def thaw_apiserver(self) -> None:
        """Let it go on."""
        self._programs[APISERVER].send(signal.SIGCONT)

    def start_controller_manager(self) -> None:
        """Start the controllers and wait until the garbage collector works, the last of them to do so."""
        self._programs[CONTROLLERS].start()
        with readiness.orphan(self.api) as name:
            self._wait(TOOLS, lambda: readiness.controllers_work(self.api, name))

    def stop_controller_manager(self) -> None:
        """Stop all controllers: nothing is garbage-collected until they start again."""
        self._programs[CONTROLLERS].stop(grace=0.0)

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of this (existing) service account: it may do what a pod of it may do."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.api.request("POST", path, {"spec": {"expirationSeconds": TOKEN_SECONDS}})
        user = kubeconfig.token_user(answer["status"]["token"])
        return kubeconfig.write(self._layout.file(f"{namespace}.{name}.kubeconfig"), self.url, self._authority, user)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints (it is built when first asked for)."""
        command = [str(ensure(["kubectl"])["kubectl"]), *arguments]
        environment = dict(os.environ, KUBECONFIG=str(self.admin_kubeconfig))
        done = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed", "kubectl's message says it", done.stderr)
        return done.stdout

    def writes(self, user: str = "") -> list[Object]:
        """The audit events of all writes so far (of one user): who changed what, and with which answer."""
        whole, _, _ = self._layout.audit_log.read_text().rpartition("\n")  # the last line may be half written
        events: list[Object] = [json.loads(line) for line in whole.splitlines()]
        return [event for event in events if user in {"", event["user"]["username"]}]

    def _wait(self, needed: Iterable[str], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            for name in needed:
                self._programs[name].check()
            if time.monotonic() > deadline:
                raise self._late(list(needed)[-1])
            time.sleep(POLL_SECONDS)

    def _late(self, name: str) -> ClusterError:
        log = self._layout.file(f"{name}.log")
        return ClusterError.with_log(f"{name} does not serve after {READY_SECONDS:g} s", "see its log above", log)
