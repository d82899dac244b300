"""What a tree of processes uses, from /proc (proc(5)): CPU time, memory, and the cores that its threads may use."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """One process: its parent, CPU seconds and resident bytes."""

    parent: int
    cpu_seconds: float
    rss_bytes: int


def parse(stat: str) -> Usage:
    """A line of /proc/<pid>/stat."""
    fields = stat[stat.rindex(")") + 2 :].split()  # the name before may hold anything
    return Usage(int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)


def descendants(root: int, parents: Mapping[int, int]) -> list[int]:
    """The process and all below it, parents first."""
    found = [root] if root in parents else []
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def tree(root: int) -> dict[int, Usage]:
    """The usage of a process and of all below it."""
    every: dict[int, Usage] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                every[int(folder.name)] = parse((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                continue
    return {pid: every[pid] for pid in descendants(root, {pid: usage.parent for pid, usage in every.items()})}


def cpu_seconds(usages: Mapping[int, Usage]) -> float:
    """CPU time of all together."""
    return sum(usage.cpu_seconds for usage in usages.values())


def rss_megabytes(usages: Mapping[int, Usage]) -> float:
    """Resident memory of all together, in MB (10^6); pages that they share count for each."""
    return sum(usage.rss_bytes for usage in usages.values()) / 1e6


def strays(pids: Mapping[int, Usage], core: int) -> int:
    """How many threads may run on another core than this one."""
    count = 0
    for pid in pids:
        try:
            threads = [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
            count += sum(os.sched_getaffinity(thread) != {core} for thread in threads)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return count


def busy_seconds() -> float:
    """CPU time that the whole machine has spent working, steal by the hypervisor included."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS
