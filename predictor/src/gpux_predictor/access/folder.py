"""Notices that the files of a folder have changed: those of a mounted Secret, which the kubelet swaps by a symlink.

By looking every second: it costs microseconds, and works where inotify does not (network file systems, bind mounts).
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
_VERSION = "..data"
"""The kubelet's symlink to the folder of the newest version, by which all files change at once."""

Print = tuple[tuple[str, int, int, int], ...]


def versioned(folder: Path) -> bool:
    """Whether it is a mounted Secret, whose files change all at once; those of any other folder may be seen half-written."""
    return (folder / _VERSION).is_symlink()


def newest(folder: Path) -> Path:
    """The folder of one version of a mounted Secret; any other folder itself."""
    return (folder / _VERSION).resolve() if versioned(folder) else folder


def fingerprint(folder: Path) -> Print:
    """What differs when a file was added, removed, written or replaced; names that begin with '.' do not count.

    Raises:
        OSError: the folder cannot be read, or a file went meanwhile.
    """
    found = []
    for path in sorted(newest(folder).iterdir()):
        if path.name.startswith("."):
            continue
        try:
            stat = path.stat()
        except OSError:  # a link that leads nowhere
            stat = path.lstat()
        found.append((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


async def watch(folder: Path, seen: Print, changed: Callable[[], None]) -> None:
    """Calls `changed` after each change, until it is cancelled; again in a second if it raises, for a half-written file.

    Args:
        folder: to look at.
        seen: its fingerprint before what is known now was read.
        changed: takes in what is there.
    """
    complaint = None
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            now = fingerprint(folder)
            if now != seen:
                changed()
                seen, complaint = now, None
        except OSError as error:  # ssl.SSLError is one, too
            if str(error) != complaint:
                complaint = str(error)
                logger.warning(
                    "%s has changed and cannot be used, what was there before still counts: %s", folder, error
                )
