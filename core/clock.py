"""Time: the wall clock for records, the monotonic clock for waits; one that tests drive by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a part that needs the time is handed."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...


class SystemClock:
    """The machine's own."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()


class HandClock:
    """Moves only when told to."""

    def __init__(self, wall_ms: int = 1_700_000_000_000, monotonic: float = 1000.0) -> None:
        self._wall, self._monotonic = wall_ms, monotonic

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._wall += round(seconds * 1000)
        self._monotonic += seconds


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
