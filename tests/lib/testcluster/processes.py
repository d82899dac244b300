"""Programs that a test starts, each with its own log, none of which outlives the test."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from testcluster.errors import ClusterError

GUARD = Path(__file__).with_name("guard.py")
DEFAULT_GRACE_SECONDS = 5.0
SLACK_SECONDS = 5.0


def tied(command: Sequence[str | Path]) -> list[str]:
    """The command as one that the kernel kills when the thread that starts it ends, so that a killed test leaves it not behind.

    For a program that a test itself waits for and sends signals to: it becomes the very process that is started. Start it from the
    main thread. Where there is no `setpriv` (util-linux), it is the command as it is.
    """
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []), *map(str, command)]


class Program:
    """A long-running program. It can be started again after it was stopped; the log goes on."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._environment = dict(os.environ if environment is None else environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C in the terminal reaches the tests alone, and they stop it."""
        if self.running:
            raise ClusterError(f"{self.name} is running already", "stop it first")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *self.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def stop(self, grace: float = DEFAULT_GRACE_SECONDS) -> int | None:
        """Stop it with SIGTERM, or by force after `grace` seconds (0: at once). The exit code, None if it never ran."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return None
        try:
            process.stdin.write(str(grace).encode())
            process.stdin.close()
        except BrokenPipeError:  # it has ended by itself
            pass
        try:
            return process.wait(grace + SLACK_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()

    @property
    def pid(self) -> int:
        """Of the program itself, not of its guard. Linux only."""
        self.check()
        assert self._process is not None
        guard = self._process.pid
        [child] = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
        return int(child)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it, not to its guard: one that is stopped could not end it any more. Linux only."""
        os.kill(self.pid, number)

    def check(self) -> None:
        """Raise, with the end of the log, if it is not running any more."""
        if not self.running:
            code = None if self._process is None else self._process.returncode
            raise ClusterError.with_log(
                f"{self.name} is not running (exit code {code})", "read the log above; its last lines say why", self.log
            )
