"""`gpux-operator check`: whether a cluster takes GpuxModels, and whether an operator acts on them. Nothing is stored."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import click

from gpux_api.v1alpha1 import API_VERSION, KIND
from gpux_operator.engine.supported import LEAST, complaint
from gpux_operator.kube.api import GPUX_MODELS, INFERENCE_SERVICES, LEASES, Manifest, Resource
from gpux_operator.kube.client import Client
from gpux_operator.kube.errors import ApiError, Forbidden, Rejected
from gpux_operator.kube.login import LoginError, log_in
from gpux_operator.kube.transport import Transport

_POLL_SECONDS = 1.0
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


class Asks(Protocol):
    """What is asked of the API server; all requests raise `kube.errors.ApiError`."""

    def serves(self, resource: Resource) -> bool:
        """Whether it knows the kind."""

    def admit(self, resource: Resource, obj: Manifest) -> None:
        """Whether it would create the object."""

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """The object."""

    def version(self) -> str:
        """The API server's `gitVersion`."""


@dataclass(frozen=True)
class Finding:
    """One line of the answer.

    Args:
        level: `failed` where models cannot be served, `warning` where they cannot yet, or where it is not known.
        message: what was found, and what to do.
    """

    level: Literal["ok", "warning", "failed"]
    message: str


@dataclass(frozen=True)
class Question:
    """What to look at.

    Args:
        namespace: where a GpuxModel is tried.
        lease: namespace and name of the operator's Lease; None: it is not looked at.
        wait_seconds: how long an operator may take to begin.
    """

    namespace: str
    lease: tuple[str, str] | None = None
    wait_seconds: float = 20.0


def report(kubeconfig: str | None, question: Question, output: str = "text") -> int:
    """Asks the cluster of a kubeconfig (None: as `kube.login` finds it), prints the findings, and returns the exit code.

    Args:
        output: `text`, a line when each is known, or `json`, `[{"level": …, "message": …}, …]`.
    """
    try:
        api = Client(Transport(log_in(kubeconfig)))
    except LoginError as error:
        raise click.ClickException(f"cannot find a way to the API server: {error}") from error
    findings = []
    for finding in check(api, question):
        findings.append(finding)
        if output == "text":
            click.echo(f"{click.style(f'{finding.level:8}', fg=_COLOURS[finding.level])} {finding.message}")
    if output == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    return 1 if any(finding.level == "failed" for finding in findings) else 0


def check(api: Asks, question: Question, sleep: Callable[[float], None] = time.sleep) -> Iterator[Finding]:
    """The findings, one by one; the first that makes the others pointless is the last."""
    try:
        yield _version(api)
        if not api.serves(GPUX_MODELS):
            message = f"the API server does not know {KIND} ({API_VERSION}): install the chart with crds.enabled=true"
            yield Finding("failed", message)
            return
    except ApiError as error:
        yield Finding("failed", f"the API server does not answer: {error}")
        return
    yield Finding("ok", f"the API server knows {KIND} ({API_VERSION})")
    yield _admission(api, question.namespace)
    if question.lease is not None:
        yield _leader(api, question.lease, question.wait_seconds, sleep)
    yield _kserve(api)


def _version(api: Asks) -> Finding:
    """Raises: ApiError: the API server does not answer."""
    try:
        version = api.version()
    except Forbidden as error:
        return Finding(
            "warning", f"the version of Kubernetes cannot be asked (system:public-info-viewer allows it): {error}"
        )
    wrong = complaint(version)
    least = ".".join(map(str, LEAST))
    if wrong:
        return Finding("failed", wrong)
    if not version:
        return Finding("warning", f"the API server does not tell its version: {least} and newer are supported")
    return Finding("ok", f"Kubernetes {version}: {least} and newer are supported")


def _admission(api: Asks, namespace: str) -> Finding:
    """A good model is let in, and a bad one is not: the CRD is there with its rules."""
    try:
        api.admit(GPUX_MODELS, _model(namespace, "s3://bucket/model"))
    except Forbidden as error:
        return Finding("failed", f"this user may not make a {KIND} in namespace {namespace}: {error}")
    except ApiError as error:
        return Finding("failed", f"a valid {KIND} is refused in namespace {namespace}: {error}")
    try:
        api.admit(GPUX_MODELS, _model(namespace, "nowhere"))
    except Rejected:
        return Finding("ok", f"a valid {KIND} is accepted in namespace {namespace}, a wrong one is refused")
    except ApiError as error:
        return Finding("failed", f"a wrong {KIND} is not checked: {error}")
    return Finding("failed", "a wrong GpuxModel is accepted: the CRD is of another version, upgrade it with the chart")


def _leader(api: Asks, lease: tuple[str, str], wait_seconds: float, sleep: Callable[[float], None]) -> Finding:
    """The Lease is renewed while we look: what clocks say of each other does not matter."""
    where = f"the Lease {lease[1]} in namespace {lease[0]}"
    problem, first = f"nobody holds {where}", ""
    for turn in range(int(wait_seconds / _POLL_SECONDS) + 1):
        if turn:
            sleep(_POLL_SECONDS)
        try:
            found = api.get(LEASES, *lease)
        except ApiError as error:
            problem = f"{where} cannot be read: {error}"
            continue
        holder, renewed = found["spec"].get("holderIdentity") or "", found["spec"].get("renewTime") or ""
        if holder and first and renewed != first:
            return Finding("ok", f"an operator leads: {holder}")
        first = first or renewed
        problem = f"{holder} holds {where} and does not renew it" if holder else f"nobody holds {where}"
    return Finding("failed", f"no operator acts: {problem}; see the logs of the operator's pods")


def _kserve(api: Asks) -> Finding:
    try:
        installed = api.serves(INFERENCE_SERVICES)
    except ApiError as error:
        return Finding("failed", f"whether KServe is installed cannot be asked: {error}")
    if installed:
        return Finding("ok", "KServe is installed")
    return Finding("warning", "KServe is not installed: models say KServeNotInstalled until it is")


def _model(namespace: str, uri: str) -> Manifest:
    """A model of a short name, which a long namespace has room for: both together have at most `MAX_NAME_AND_NAMESPACE` characters."""
    metadata = {"generateName": "c-", "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {"model": {"source": {"uri": uri}}}}
