"""`python -m gpux_predictor.engine.download_main`: downloads one source with kserve-storage, as KServe does in a cluster.

In on stdin: one line of JSON with `uri` and `folder`, then `GO`. Out on stdout, each on a line after `MARK`: what there is
(`total` bytes and `version`, or null), and then `done`, or `error` and whether it is `transient`. Without a parent it ends and
leaves nothing.
"""

import json
import os
import re
import shutil
import signal
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

MARK, GO = "\x1egpux ", "go"
_TRANSIENT = re.compile(
    r"timed? ?out|connect|connection|reset|incomplete|temporar|name resolution|not known|slow ?down|too many requests"
    r"|\b(?:408|429|500|502|503|504)\b",
    re.IGNORECASE,
)
_FINAL = re.compile(r"\b(?:400|401|403|404)\b|not found|does not exist|denied|forbidden|certificate", re.IGNORECASE)


def main() -> None:
    """Says what there is, waits for `GO`, downloads."""
    order = json.loads(sys.stdin.readline())
    from gpux_predictor.engine import download_plan  # noqa: PLC0415  (it imports what may be missing or broken)

    try:
        plan = download_plan.plan(order["uri"])
    except Exception:  # the download itself will meet the same, and say it better
        plan = download_plan.Plan()
    _say(total=plan.total, version=plan.version)
    if sys.stdin.readline().strip() != GO:
        return
    threading.Thread(target=_end_with_the_parent, args=(order["folder"],), daemon=True).start()
    try:
        download_plan.download(order["uri"], order["folder"])
    except Exception as error:
        text = answer(error)
        _say(error=text, transient=is_transient(text, order["uri"]))
    else:
        _say(done=True)


def answer(error: BaseException) -> str:
    """What a storage client says, in one line: kserve-storage's words, and its cause's in brackets."""
    texts = [_line(item) for item in (error, error.__cause__) if item is not None]
    return texts[0] if len(texts) == 1 or texts[1] in texts[0] else f"{texts[0]} ({texts[1]})"


def is_transient(text: str, uri: str) -> bool:
    """Whether the same request may succeed another time; the clients of the stores have no common type for it.

    The words of the uri itself say nothing: a path may well be called /404/connection.onnx.
    """
    path = urlsplit(uri).path
    text = text.replace(uri, "").replace(path, "") if len(path) > 1 else text.replace(uri, "")
    return _FINAL.search(text) is None and _TRANSIENT.search(text) is not None


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 400 else text[:400] + "…"


def _say(**message: Any) -> None:  # noqa: ANN401  (JSON)
    sys.stdout.write(f"\n{MARK}{json.dumps(message)}\n")
    sys.stdout.flush()


def _end_with_the_parent(folder: str) -> None:
    """Nobody will write to stdin again: when it ends, the parent has gone, and the workers have to go as well.

    Read without sys.stdin: its lock, held here, would be copied into kserve-storage's forked workers, which close sys.stdin.
    """
    os.read(0, 1)
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
