"""The venue's time, measured: carried by the monotonic clock, so that jumps of our wall clock do not touch it.

`TimeSync.take` may be called from any thread: the measurement is one record, put in place by one assignment.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock

TRADE_LIMIT_MS = 60_000      # further off than this: no trading, no history
RECORDED_MS = 86_400_000     # on this computer's own exchange: more than a day off is a recorded session, played anew
DRIFT_MS = 1_000             # wall and monotonic clock disagree by more: measure again (sleep, NTP step)


@dataclass(frozen=True, slots=True)
class _Measured:
    venue_ms: float          # venue's time …
    monotonic: float         # … at this moment of ours
    wall_ms: int
    round_trip: float


class TimeSync:
    """Offset between the venue's clock and ours. `may_be_recorded`: the venue is a loopback address, whose clock may
    stand at the day of a recorded session."""

    def __init__(self, clock: Clock, may_be_recorded: bool = False) -> None:
        self._clock = clock
        self._may_be_recorded = may_be_recorded
        self._measured: _Measured | None = None

    def take(self, server_ms: int, sent: float, received: float) -> None:
        """A server time that was asked at `sent` and had come by `received` (monotonic): true half-way between."""
        lag = self._clock.monotonic() - received
        self._measured = _Measured(server_ms, (sent + received) / 2,
                                   self._clock.wall_ms() - round((lag + (received - sent) / 2) * 1000),
                                   received - sent)

    @property
    def is_known(self) -> bool:
        """Whether the venue's clock was ever read."""
        return self._measured is not None

    def now_ms(self) -> int:
        """The venue's time; our own clock's until it was measured."""
        measured = self._measured
        if measured is None:
            return self._clock.wall_ms()
        return int(measured.venue_ms + (self._clock.monotonic() - measured.monotonic) * 1000)

    def offset_ms(self) -> float | None:
        """How far our clock was ahead of the venue's when measured (negative: behind); None: never measured."""
        measured = self._measured
        return None if measured is None else measured.wall_ms - measured.venue_ms

    def has_jumped(self) -> bool:
        """Whether our wall clock moved against the monotonic one since the measurement."""
        measured = self._measured
        if measured is None:
            return False
        passed = (self._clock.monotonic() - measured.monotonic) * 1000
        return abs(self._clock.wall_ms() - measured.wall_ms - passed) > DRIFT_MS

    def problem(self) -> str:
        """Why the clock forbids trading, in one sentence; "" when it does not."""
        offset = self.offset_ms()
        if offset is None or abs(offset) <= TRADE_LIMIT_MS:
            return ""
        if self._may_be_recorded and abs(offset) > RECORDED_MS:
            return ""
        way = "ahead of" if offset > 0 else "behind"
        return (f"this computer's clock is {abs(offset) / 1000:.0f} s {way} the exchange's (60 s are allowed): "
                "no trading and no history until it is set")
