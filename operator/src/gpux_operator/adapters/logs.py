"""Log lines: JSON for machines, plain for people."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `extra={"fields": {…}}` becomes keys of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(form: str, level: str) -> None:
    """Send all log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level.upper() == "DEBUG":
        return
    handler.addFilter(_without_traceback)
    for noisy in ("kopf", "urllib3", "asyncio", "kubernetes"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for expected in (
        "running",
        "observation",
    ):  # signals are not kopf's to handle, and missing kinds are adapters.discovery's to tell
        logging.getLogger(f"kopf._core.reactor.{expected}").setLevel(logging.ERROR)


def is_trouble(error: BaseException | None) -> bool:
    """Whether it is the API server or the network that ended a watch, not a bug."""
    return isinstance(error, TimeoutError) or type(error).__module__.startswith(("kopf._cogs.clients", "aiohttp"))


def _without_traceback(record: logging.LogRecord) -> bool:
    """kopf tells each trouble of each watch with its traceback, and asyncio once more: a line is enough."""
    error = record.exc_info[1] if record.exc_info else None
    if record.name == "asyncio" and "stream.<locals>.request_cancel_callback" in record.getMessage():
        return False  # kopf asserts that no watch is ended while it is being opened
    if not record.name.startswith(("kopf", "asyncio")) or not is_trouble(error):
        return True
    record.exc_info = None
    return record.name != "asyncio"
