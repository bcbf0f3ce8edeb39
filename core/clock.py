"""Time: the wall clock for records, the monotonic clock for waits; one that tests drive by hand."""

from __future__ import annotations

import time
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
