"""The folder of an embedded store: one process holds it at a time, and its disk has so much room."""

import fcntl
import os
from pathlib import Path

from gpux_predictor.tasks.embedded import schema
from gpux_predictor.tasks.store import StoreUnavailable

_RESERVE = 64 * 2**20
"""Bytes of the disk that bodies leave free, a quarter of it at the most: ends and removals need room, too."""


class Folder:
    """A folder for the tasks of one model.

    Args:
        path: made once it is held, if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def hold(self) -> None:
        """Takes the folder for this process, which death lets go.

        Raises:
            StoreUnavailable: another process has it.
            OSError: it cannot be made.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreUnavailable(
                f"Another process works on the tasks in {self.path}: stop it, or choose another --state-dir"
            ) from None
        self._lock = lock

    def let_go(self) -> None:
        """Leaves it to the next process."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def room(self) -> int:
        """Bytes of the disk that bodies may take: what is in the write-ahead log needs its place in the file yet."""
        disk = os.statvfs(self.path)
        reserve = min(_RESERVE, disk.f_blocks * disk.f_frsize // 4)
        log = self.path / f"{schema.FILE}-wal"
        return disk.f_bavail * disk.f_frsize - reserve - (log.stat().st_size if log.exists() else 0)
