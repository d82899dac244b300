"""When to look again at what tells nobody that it has changed."""

from datetime import datetime

SHORTEST, LONGEST = 2.0, 60.0
_SHARE = 0.25


def pause_seconds(since: str | None, now: datetime) -> float:
    """A share of the time that it has lasted: it backs off by itself, with nothing to remember.

    Args:
        since: when it began, RFC 3339; what is no time is taken for long ago.
        now: the time, in UTC.
    """
    age = age_seconds(since, now)
    return LONGEST if age is None else min(max(age * _SHARE, SHORTEST), LONGEST)


def age_seconds(since: str | None, now: datetime) -> float | None:
    """Seconds since an RFC 3339 time in UTC; None if it is none."""
    try:
        return (now - datetime.fromisoformat(since or "")).total_seconds()
    except (ValueError, TypeError):  # no time, or one without its zone
        return None
