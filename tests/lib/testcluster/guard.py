"""Runs one command for as long as somebody holds the other end of its standard input.

A test process that is killed cannot tidy up. The kernel closes its pipes all the same, and that is what ends the command
here: whatever happens to the tests, nothing stays behind. (A parent-death signal would come too early: it is bound to
the thread that started the process, not to the process.)

Usage: guard.py COMMAND ARGS…   What is written to its standard input before the end is the grace period in seconds.
"""

import contextlib
import subprocess
import sys
import threading

DEFAULT_GRACE_SECONDS = 5.0


def end_with_owner(child: "subprocess.Popen[bytes]") -> None:
    """Wait for the owner to let go, then end the command: politely if there is time, by force at the latest then."""
    grace = float(sys.stdin.read().strip() or DEFAULT_GRACE_SECONDS)
    if grace > 0:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace)
    child.kill()


if __name__ == "__main__":
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=end_with_owner, args=[process], daemon=True).start()
    sys.exit(process.wait())
