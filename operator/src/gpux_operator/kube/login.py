"""The way to the API server: a pod's ServiceAccount, or a kubeconfig.

In a cluster nothing but the mounted files is needed. A kubeconfig may name programs and providers that fetch tokens, so it is read
by the official client, which is not in the image: it is 75 MB of generated code, and a second of every start.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts it: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/."""
_TOKEN_SECONDS = 60.0
"""A token of a ServiceAccount lives an hour, and is written anew well before it ends."""


class LoginError(Exception):
    """There is no way to an API server, or it cannot be used."""


@dataclass(frozen=True)
class Connection:
    """How to reach an API server.

    Args:
        server: its URL.
        authorization: the header's value at this moment, None for none.
        ca_path: what signs its certificate; None: what this machine trusts.
        verify: whether its certificate is checked.
        certificate_path: this client's certificate.
        private_key_path: and its key.
        proxy: URL of the proxy on the way, None for none.
    """

    server: str
    authorization: Callable[[], str | None] = lambda: None
    ca_path: str | None = None
    verify: bool = True
    certificate_path: str | None = None
    private_key_path: str | None = None
    proxy: str | None = None


def log_in(kubeconfig: str | None) -> Connection:
    """By the kubeconfig given, else the pod's ServiceAccount, else $KUBECONFIG or ~/.kube/config.

    Raises:
        LoginError: there is none of them, or it cannot be used.
    """
    if kubeconfig is None and (SERVICE_ACCOUNT / "token").is_file():
        return in_cluster()
    return by_kubeconfig(kubeconfig)


def in_cluster(folder: Path = SERVICE_ACCOUNT, environment: Mapping[str, str] = os.environ) -> Connection:
    """By the pod's ServiceAccount, and the addresses that the kubelet gives each container.

    Raises:
        LoginError: it is no pod, or its token is not mounted.
    """
    try:
        host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    except KeyError as error:
        raise LoginError(f"a ServiceAccount is mounted, but {error.args[0]} is not set") from None
    ca = folder / "ca.crt"
    if not ca.is_file():
        raise LoginError(f"{ca} is missing")
    host = f"[{host}]" if ":" in host else host
    token = _TokenFile(folder / "token")
    token()  # an error now, not in each request
    return Connection(f"https://{host}:{port}", token, str(ca))


def by_kubeconfig(path: str | None) -> Connection:
    """By the current context of a kubeconfig; None: $KUBECONFIG or ~/.kube/config.

    Raises:
        LoginError: it cannot be read or used, or the official client is not installed.
    """
    try:
        from kubernetes import client, config  # noqa: PLC0415  (see above)
        from kubernetes.client.rest import should_bypass_proxies  # noqa: PLC0415
    except ImportError:
        raise LoginError(
            "no ServiceAccount is mounted, and a kubeconfig needs the official client: pip install 'gpux-operator[kubeconfig]'"
        ) from None
    found = client.Configuration()
    try:
        config.load_kube_config(path, client_configuration=found)
    except Exception as error:  # ConfigException, and whatever a broken file raises
        raise LoginError(f"{path or '$KUBECONFIG or ~/.kube/config'}: {error}") from error
    if found.tls_server_name:
        raise LoginError(
            f"{path or 'the kubeconfig'} has tls-server-name, which the watches cannot honour: use a name that the certificate has"
        )
    return Connection(
        found.host,
        lambda: _header(found),
        found.ssl_ca_cert,
        found.verify_ssl,
        found.cert_file,
        found.key_file,
        None if should_bypass_proxies(found.host, found.no_proxy or "") else found.proxy or None,
    )


def _header(configuration: Any) -> str | None:  # noqa: ANN401  (the client has no types)
    """Asks the provider again where the token has ended."""
    return next((auth["value"] for auth in configuration.auth_settings().values()), None)


class _TokenFile:
    """A token that somebody else keeps fresh."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = float("-inf")
        self._header = ""

    def __call__(self) -> str:
        if time.monotonic() - self._read_at > _TOKEN_SECONDS:
            try:
                self._header = f"Bearer {self._path.read_text().strip()}"
            except OSError as error:
                if not self._header:
                    raise LoginError(f"the ServiceAccount's token cannot be read: {error}") from error
            self._read_at = time.monotonic()
        return self._header
