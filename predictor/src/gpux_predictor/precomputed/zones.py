"""Time zones by their IANA names."""

from datetime import UTC as _UTC
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC = "Etc/UTC"


def is_zone(name: str) -> bool:
    """Whether this machine knows the zone; UTC needs no data."""
    return name == UTC or _zone(name) is not None


def today(name: str) -> date:
    """The date there; UTC's where this machine does not know the zone, which the one that made the result did."""
    return datetime.now(zone(name)).date()


def zone(name: str) -> tzinfo:
    """The zone; UTC where this machine does not know it."""
    return _zone(name) or _UTC


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
