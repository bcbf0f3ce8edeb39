"""What a bot's thread is given, what it tells, and how it talks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core.board import Board
from core.clock import Clock
from core.titles import title_of
from engine.commands import PlaceOrder, Verdict
from models import BotPosition, CandleSeries, Key, Notice, Robot, Timings
from strategies.loader import Loader


@dataclass(frozen=True)
class BotParts:
    """What the engine gives to its bots; the callables are called on any bot's thread."""

    place: Callable[[PlaceOrder, float], Verdict | None]   # waits at most that long; None = no answer in time
    suspend: Callable[[str, str], None]                    # EMI, reason
    want_candles: Callable[[Key, str], None]               # the engine's thread, in `Bots.sync`
    note: Callable[[Notice], None]
    board: Board
    clock: Clock
    timings: Timings
    loader: Loader


@dataclass(frozen=True, slots=True)
class BotStats:
    """How a bot's strategy does. `busy_since`: monotonic, while the strategy's code runs."""

    calls: int = 0
    last_run: int = 0                # ms, wall clock
    last_ms: float = 0.0
    last_signal: int = 0
    busy_since: float | None = None
    event: str = ""                  # what happened last, for the Bots panel


@dataclass(frozen=True, slots=True)
class Published:
    """A bot's book as the engine told it. `news` grows each time, `moves` when orders or fills are in it."""

    position: BotPosition = field(default_factory=BotPosition)
    news: int = 0
    moves: int = 0

    def then(self, position: BotPosition) -> Published:
        """The next one."""
        moved = position.open_orders > 0 or position.fills != self.position.fills
        return Published(position, self.news + 1, self.moves + moved)


class BotDesk:
    """What the parts of one bot share. `row` and `published` are put in place by the engine's thread, `series` by the
    stream's, each by one assignment; `stats` is the bot's own and read by anybody.
    """

    def __init__(self, parts: BotParts, row: Robot, published: Published) -> None:
        self.parts = parts
        self.row = row
        self.published = published
        self.series: CandleSeries | None = None
        self.stats = BotStats()
        self.quiet_until = 0.0       # monotonic: asks for no order before; a replaced bot's last one may be on its way

    def say(self, text: str, level: str = "info") -> None:
        """A line for the Messages panel and the bot's last event."""
        self.stats = replace(self.stats, event=text)
        self.parts.note(Notice(title_of(self.row.key), text, level, self.row.emi))
