"""The venue's clock: wall time plus an offset, or the time of a recording."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Milliseconds since 1970 as the venue sees them. `offset_ms` shifts the whole venue (control clock)."""

    def __init__(self) -> None:
        self.offset_ms = 0
        self._base_ms: int | None = None  # recorded start; None: wall time
        self._since = 0.0
        self._still: int | None = None

    def now(self) -> int:
        """The venue's time in whole milliseconds."""
        if self._still is not None:
            return self._still
        if self._base_ms is None:
            return int(time.time() * 1000) + self.offset_ms
        elapsed = time.monotonic() - self._since if self._since else 0.0
        return self._base_ms + int(elapsed * 1000) + self.offset_ms

    @contextmanager
    def standing(self, at: int | None = None) -> Iterator[int]:
        """One moment, now or the one told: whatever is done within happens at the same time."""
        self._still = self.now() if at is None else at
        try:
            yield self._still
        finally:
            self._still = None

    def hold_at(self, start_ms: int) -> None:
        """Switch to recorded time and stand still there until `release`."""
        self._base_ms = start_ms
        self._since = 0.0

    def release(self) -> None:
        """Let a held recorded clock run; harmless when it runs already."""
        if self._base_ms is not None and not self._since:
            self._since = time.monotonic()
