"""Milliseconds since 1970 UTC as dates and back. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(ms: int) -> datetime:
    """Milliseconds as an aware UTC date and time."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def to_ms(moment: datetime) -> int:
    """A date and time (naive = UTC) as milliseconds."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 1000 + aware.microsecond // 1000


def day_start(ms: int) -> int:
    """00:00 UTC of the day `ms` lies in."""
    return ms - ms % 86_400_000


def hms(ms: int) -> str:
    """"18:30:01" of a time in ms."""
    seconds = ms // 1000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
