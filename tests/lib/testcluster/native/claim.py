"""There is one node on a machine: whoever uses it claims it, and the kernel gives it back when that process ends."""

import fcntl
import os
from typing import TextIO

from testcluster.native.errors import NodeError
from testcluster.native.layout import LOCK


class Claim:
    """A file lock that names its holder."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    def take(self) -> None:
        """Claim the node for this process; NodeError when another process has it."""
        if self._file is not None:
            return
        LOCK.parent.mkdir(parents=True, exist_ok=True)
        file = LOCK.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise NodeError(f"process {holder} uses the node", "wait until it has ended, or end it") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the node back."""
        if self._file is not None:
            self._file.close()
            self._file = None
