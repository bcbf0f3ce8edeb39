"""How often connections are made to one host, whichever stream makes them. May be called from any thread.

Connections that broke are made anew at once and are only counted here. Those that are made ahead of an announced end
have time: they wait until there is room.
"""

from __future__ import annotations

import threading
from collections import deque

MOST_MADE = 4          # in a window, of those that have time; one is left for a connection that breaks meanwhile
LONGEST_WINDOWS = 12   # what waited so long is made whatever else was: notice is given ten minutes before the end


class Pace:
    """When connections were made, by host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()         # held for a look at a short list only
        self._made: dict[str, deque[float]] = {}

    def note(self, host: str, now: float) -> None:
        """One is made now, whatever was made before."""
        with self._lock:
            self._made.setdefault(host, deque(maxlen=MOST_MADE)).append(now)

    def claim(self, host: str, due: float, now: float, window: float) -> bool:
        """Whether one that is due since `due` may be made now; then it is counted. At most four in `window` seconds."""
        with self._lock:
            made = self._made.setdefault(host, deque(maxlen=MOST_MADE))
            is_free = len(made) < MOST_MADE or now - made[0] > window
            if is_free or now - due > window * LONGEST_WINDOWS:
                made.append(now)
                return True
            return False
