"""`python -m testcluster.native`: the node by hand."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from testcluster.errors import ClusterError
from testcluster.native import cgroups, cleanup, images, network
from testcluster.native.errors import NodeError
from testcluster.native.layout import NETNS_FILE
from testcluster.native.node import NativeNode


def main() -> int:
    """Run one command; its exit status is ours."""
    parser = argparse.ArgumentParser(prog="python -m testcluster.native", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the node (after taking down what is there)")
    commands.add_parser("down", help="stop the node and remove everything of it")
    commands.add_parser("status", help="say what of a node is there")
    for name, text in (("exec", "run a command inside the node's network"), ("kubectl", "run kubectl on the node")):
        commands.add_parser(name, help=text, prefix_chars="\0").add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("load", help="load an image archive").add_argument("archive", type=Path)
    commands.add_parser("gpus", help="have the node claim GPUs").add_argument("count", type=int)
    build = commands.add_parser("images", help="build the operator's and the predictor's images; prints their names")
    build.add_argument("--load", action="store_true", help="and load them into the node")
    options = parser.parse_args()
    node = NativeNode()
    actions: dict[str, Callable[[], int | None]] = {
        "up": node.up,
        "down": node.down,
        "status": lambda: _status(node),
        "exec": lambda: _replace(node, options.arguments),
        "kubectl": lambda: _replace(node, [str(node.tool("kubectl")), *options.arguments]),
        "load": lambda: node.load_image(options.archive),
        "images": lambda: _images(node, load=options.load),
        "gpus": lambda: node.set_gpus(options.count),
    }
    try:
        return actions[options.command]() or 0
    except ClusterError as error:
        print(f"node: error: {error}", file=sys.stderr)
        return 1


def _replace(node: NativeNode, arguments: list[str]) -> int:
    if not arguments:
        raise NodeError("there is no command to run", "name one after `exec`")
    network.require()
    command = node.command(arguments)
    os.execvp(command[0], command)


def _images(node: NativeNode, *, load: bool) -> None:
    for image in images.build().values():
        if load:
            node.load_image(image.archive)
        print(image.reference, image.archive)


def _status(node: NativeNode) -> int:
    """Print what is there; 0 only for a node that answers, 3 for leftovers, 1 for nothing."""
    left = {
        "processes": len(cleanup.processes(node.layout)),
        "mounts": len(cleanup.mounts(node.layout)),
        "cgroups": len(cgroups.existing()),
        "namespace": int(NETNS_FILE.exists()),
        "data": int(node.layout.root.exists()),
    }
    up = left["namespace"] == 1 and node.is_up
    state = "up" if up else "leftovers" if any(left.values()) else "down"
    print(state, *(f"{name}={count}" for name, count in left.items()))
    return {"up": 0, "leftovers": 3, "down": 1}[state]


if __name__ == "__main__":
    sys.exit(main())
