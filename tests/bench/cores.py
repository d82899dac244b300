"""Which core serves and which one asks."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


@dataclass(frozen=True)
class Cores:
    """Two logical CPUs."""

    load: int
    server: int


def choose(allowed: Iterable[int], siblings: Mapping[int, str]) -> Cores | None:
    """The first core for the load and the last for the server, of different physical cores where there are some.

    Args:
        allowed: the logical CPUs of this process.
        siblings: the kernel's list of the hardware threads that share a core with each.
    """
    cpus = sorted(allowed)
    if len(cpus) < 2:
        return None
    apart = [cpu for cpu in cpus if siblings.get(cpu, str(cpu)) != siblings.get(cpus[0], str(cpus[0]))]
    return Cores(load=cpus[0], server=(apart or cpus)[-1])


def find() -> Cores | None:
    """This machine's; None if this process may use only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = os.sched_getaffinity(0)
    files = {cpu: Path(_SIBLINGS.format(cpu)) for cpu in allowed}
    return choose(allowed, {cpu: file.read_text().strip() for cpu, file in files.items() if file.exists()})
