"""A real single-node Kubernetes as root on Linux, without Docker: every program in one network namespace without uplink."""

from testcluster.native.errors import NodeError
from testcluster.native.node import NativeNode

__all__ = ["NativeNode", "NodeError"]
