"""The keeper: account questions, clock, identity, `VenueState`. A question here is a generator (see `asker`).

The state is built from what the other threads publish: connection status, limits, measured time. Only this thread
writes it to the board.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.asker import Question
from connectors.limiter import Limiter
from connectors.stream import Stream
from connectors.timesync import TimeSync
from core.board import Board
from core.clock import Clock
from models import Category, Health, VenueState

RANK_STATE, RANK_CLOCK, RANK_START, RANK_ORDER, RANK_ACCOUNT, RANK_HISTORY = range(6)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the account; replaced whole by the keeper."""

    account: str = ""
    text: str = ""               # what it is doing, or why it does not work
    problem: str = ""            # a configuration problem: no trading until it is put right
    keys_refused: bool = False
    ready: bool = False          # instruments (and account, with keys) are known
    off: bool = False            # a wrong setting, shown by the exchange: nothing is asked or streamed until F3

    @property
    def can_trade(self) -> bool:
        """Whether orders may be sent."""
        return bool(self.account) and not self.problem and not self.keys_refused


@dataclass(frozen=True, slots=True)
class Watched:
    """What the state is made of."""

    market: str
    category: Category
    title: str
    has_keys: bool
    public: Callable[[], Sequence[Stream]]
    private: Stream | None
    standing: Callable[[], Standing]
    latency_ms: Callable[[], float | None]


def state_loop(watched: Watched, board: Board, limiter: Limiter, sync: TimeSync, clock: Clock,
               beat: float) -> Question:
    """Publish the state each `beat` seconds, when it changed."""
    was_live = False
    while True:
        state = venue_state(watched, limiter, sync, clock.monotonic(), was_live)
        was_live = was_live or state.health is Health.LIVE
        board.venues[(watched.market, watched.category)] = state
        yield beat


def venue_state(watched: Watched, limiter: Limiter, sync: TimeSync, now: float, was_live: bool) -> VenueState:
    """The venue as its market line shows it."""
    standing = watched.standing()
    public = list(watched.public())
    needed = [*public, watched.private] if _needs_private(watched, standing) and watched.private else public
    down = [stream for stream in needed if not stream.status.is_open]
    ban_left = limiter.ban_left(now)
    has_been = bool(needed) and all(stream.status.opens for stream in needed)     # between two beats, maybe
    health = _health(standing, bool(public), bool(down), ban_left, was_live or has_been)
    trying = max(down, key=lambda stream: stream.status.attempt, default=None)
    seen = [stream.last_data for stream in public if stream.last_data is not None]
    return VenueState(
        watched.market, watched.category, watched.title, health,
        text=_text(standing, trying, limiter.pause_left(now), ban_left), account=standing.account,
        has_keys=watched.has_keys, latency_ms=watched.latency_ms(), clock_offset_ms=sync.offset_ms(),
        weight_used=limiter.usage(now), reconnects=sum(max(0, stream.status.opens - 1) for stream in needed),
        attempt=trying.status.attempt if trying else 0, retry_at=trying.status.retry_at if trying else None,
        banned_until=sync.now_ms() + round(ban_left * 1000) if ban_left > 0 else None,
        last_data=max(seen, default=None), problem=standing.problem)


def _needs_private(watched: Watched, standing: Standing) -> bool:
    return watched.has_keys and not standing.keys_refused and not standing.problem


def _health(standing: Standing, has_streams: bool, is_down: bool, ban_left: float, was_live: bool) -> Health:
    if standing.off:
        return Health.OFF
    if ban_left > 0:
        return Health.BANNED
    if has_streams and not is_down and standing.ready:
        return Health.LIVE
    if standing.problem and not has_streams:
        return Health.OFF
    return Health.LOST if was_live else Health.CONNECTING


def _text(standing: Standing, trying: Stream | None, pause: float, ban_left: float) -> str:
    if ban_left > 0:
        return f"banned by the exchange for {ban_left:.0f} s: no request is sent until then"
    if standing.problem or standing.keys_refused:
        return standing.problem or standing.text
    if trying is not None and trying.status.text:
        return trying.status.text
    if pause > 1:
        return f"the exchange asked to wait {pause:.0f} s"
    return standing.text
