"""Time that several processes share and one moves: the exchange and the terminals of a soak live in it.

Only test processes read it: the exchange is started by `python -m tests.faults.virtual FILE …` (more words as for
`python -m simulator`), a terminal by the driver's plan (`clock`). The product has no switch for it.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.clock import SystemClock

_TWO = struct.Struct("=qq")


class SharedClock:
    """Milliseconds that are added to the machine's time: `world` everywhere, `error` at the terminals' clocks only."""

    def __init__(self, path: Path) -> None:
        """A file that is not there yet begins with zeros."""
        if not path.exists():
            path.write_bytes(_TWO.pack(0, 0))
        self.path = path
        with open(path, "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _TWO.size)

    @property
    def world(self) -> int:
        """What everybody adds."""
        return int(_TWO.unpack_from(self._shared)[0])

    @property
    def error(self) -> int:
        """How wrong the terminals' clocks are set besides."""
        return int(_TWO.unpack_from(self._shared)[1])

    def now(self) -> int:
        """The world's time in milliseconds."""
        return time.time_ns() // 1_000_000 + self.world

    def set(self, world: int, error: int = 0) -> None:
        """A step that everybody sees at once."""
        _TWO.pack_into(self._shared, 0, world, error)


def bend_terminal(clock: SharedClock) -> None:
    """The terminals of this process read it, for good; see also `bent`."""
    setattr(SystemClock, "wall_ms", lambda _: clock.now() + clock.error)  # noqa: B010  mypy: assigned to a method


@contextmanager
def bent(clock: SharedClock) -> Iterator[None]:
    """The terminals of this process read it meanwhile."""
    usual = SystemClock.wall_ms
    bend_terminal(clock)
    try:
        yield
    finally:
        setattr(SystemClock, "wall_ms", usual)  # noqa: B010


def bend_exchange(clock: SharedClock) -> None:
    """The exchange of this process reads it; what control adds is added."""
    from simulator.clock import Clock

    def added(made: Clock) -> int:
        return clock.world + int(vars(made).get("own_offset", 0))

    def add(made: Clock, offset_ms: int) -> None:
        vars(made)["own_offset"] = offset_ms

    setattr(Clock, "offset_ms", property(added, add))  # noqa: B010


def main() -> int:
    """The bundled exchange in this time."""
    from simulator.__main__ import main as run

    bend_exchange(SharedClock(Path(sys.argv.pop(1))))
    return run()


if __name__ == "__main__":
    sys.exit(main())
