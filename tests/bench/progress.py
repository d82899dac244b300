"""What the benchmark says while it works."""

import sys
import time


def say(text: str) -> None:
    """A line of progress, on the error stream: the other one is for results."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
