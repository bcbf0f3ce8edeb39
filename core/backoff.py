"""Growing waits with jitter."""

from __future__ import annotations

import random
from collections.abc import Iterator


def backoff(first: float, longest: float, chance: random.Random | None = None) -> Iterator[float]:
    """Waits in seconds: doubling from `first` up to `longest`, each between half and the whole of its value."""
    source = chance or random.Random()
    wait = first
    while True:
        yield wait * (0.5 + source.random() / 2)
        wait = min(wait * 2, longest)
