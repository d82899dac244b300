"""Cluster DNS: CoreDNS on the node's address, where the kubelet points the pods' resolv.conf."""

import socket
import struct
from pathlib import Path

from testcluster.native import network
from testcluster.native.daemons import Daemons
from testcluster.native.layout import CLUSTER_DOMAIN, NODE_IP, Layout

COREFILE = """\
.:53 {{
  bind {ip}
  errors
  kubernetes {domain} in-addr.arpa ip6.arpa {{
    kubeconfig {kubeconfig}
    pods insecure
    ttl 2
  }}
}}
"""


def start(layout: Layout, daemons: Daemons, program: Path) -> None:
    """Start CoreDNS. There is no uplink, so no name outside the cluster resolves."""
    corefile = layout.root / "Corefile"
    corefile.write_text(COREFILE.format(ip=NODE_IP, domain=CLUSTER_DOMAIN, kubeconfig=layout.kubeconfig))
    daemons.start("coredns", [program, "-conf", corefile])


def answers() -> bool:
    """Tell whether the API server's own name resolves."""
    return network.call(lambda: _query(f"kubernetes.default.svc.{CLUSTER_DOMAIN}"))


def _query(name: str) -> bool:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(0.5)
        try:
            channel.sendto(question, (NODE_IP, 53))
            reply = channel.recv(512)
        except OSError:
            return False
    no_error, answers_in_it = reply[3] & 0xF == 0, int.from_bytes(reply[6:8], "big")
    return no_error and answers_in_it > 0
