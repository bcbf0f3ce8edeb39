"""Malformed and unknown messages: counted, and logged once a minute. Owned by one connection's thread."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

EVERY = 60.0


class Complaints:
    """Counts what could not be read."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name, self._told_at, self._told_count = name, -EVERY, 0

    def add(self, text: str, now: float) -> None:
        """One more; logged with the number since the last line."""
        self.count += 1
        if now - self._told_at >= EVERY:
            log.warning("%s: %d unreadable messages, the last: %s", self._name, self.count - self._told_count, text)
            self._told_at, self._told_count = now, self.count
