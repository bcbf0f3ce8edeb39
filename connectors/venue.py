"""Venue: what every exchange offers. One object per market and product; it owns its threads and talks by messages.

Threads (architecture, section 3): one per public connection (frame → parse → board), one per private connection
(frame → parse → `sink`), the trader (order requests, cancels first, one send each → `sink`) and the keeper (slow
questions, clock, listenKey, silence watch, `VenueState`). Nothing here keeps orders or positions: that is the engine's.

What a venue promises the engine:

* `VenueUp` once instruments and account are known **and** the private stream is open; from then on private messages
  flow into `sink`. After each loss: `VenueDown`, then another `VenueUp`. The engine asks the recovery questions.
* Every `SubmitOrder`, `AmendOrder`, `CancelOrder` is answered by exactly one `Ack`, `Reject` or `Silence`; each
  `AskOrder` by `OrderFound` or `OrderAbsent` once the venue answered (unanswered questions prove nothing: they are
  asked again by the keeper until stopped); `AskAccount` by one `AccountSnapshot`; `AskHistory` and `AskMoney` by pages,
  the last with `last=True`. Questions survive a reconnection: they stay queued and are asked when the venue can be
  reached again.
* Money beyond trades is told once, by id: funding where the venue tells it (`Execution`'s sister in stream and history,
  or `MoneyPage`), movements by `MoneyPage`, or by the stream where there is no history; `MoneyMoved` is a hint to ask.
* A request is sent again only by the rule in `trader`: after proof that the venue refused to take it, once, within
  `Timings.resend_within` of the asking.
* `Execution.cl_ord_id` is told for history rows too (the connector joins what the venue splits over two endpoints).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.limiter import Limiter
from connectors.pace import Pace
from core.board import Board
from core.clock import Clock
from core.errors import Throttled, VenueError
from core.secrets import Credentials, KnownSecrets
from models import CandleSeries, Category, Key, Request, Timings, VenueMessage

Sink = Callable[[VenueMessage], None]
OnCandle = Callable[[Key, str, CandleSeries, bool], None]     # key, timeframe, series, "a candle has just closed"
OnDeath = Callable[[str, BaseException], None]


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """Addresses and choices of one product. Stream bases are without a trailing slash."""

    category: Category
    title: str                       # as the window names it: "Binance-F"
    http: str                        # "https://demo-fapi.binance.com"
    public_ws: str                   # base that takes /ws/<stream> and /stream?streams=…
    market_ws: str
    private_ws: str
    symbols: tuple[str, ...]
    quote_only: bool = False         # ORDER_BOOK_DEPTH=quote: best prices only, no depth stream
    full_book: bool = False          # ORDER_BOOK_DEPTH=full: every level, where the venue has a choice
    options: tuple[str, ...] = ()    # OPTION_SYMBOLS: accepted, and answered that there are none
    currencies: tuple[str, ...] = ()  # CURRENCIES: settlement currencies allowed for `symbols`; empty: any
    candles: int = 500               # closed candles loaded per timeframe
    dead_man_s: float = 0.0          # the exchange cancels our orders so long after it last heard of us; 0: it does not


@dataclass(frozen=True, slots=True)
class VenueParts:
    """What main hands every venue."""

    board: Board
    sink: Sink
    on_candle: OnCandle
    on_death: OnDeath
    clock: Clock
    timings: Timings
    credentials: Credentials | None  # None: market data only
    known: KnownSecrets | None = None  # listen keys are added to what the log hides
    limiter: Limiter | None = None   # one for all products whose requests the venue counts together
    pace: Pace = field(default_factory=Pace)     # of new connections, for all venues that are made from these


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What the kill switch's direct path reached: symbols answered "done" of those asked, the orders that were open in
    them, and the text of the first failure."""

    done: int
    asked: int
    failure: str = ""
    orders: tuple[tuple[str, int], ...] = ()     # symbol, how many were ended (0: not known)
    wait: float = 0.0                            # seconds until the venue lets requests through again

    @property
    def is_clean(self) -> bool:
        """Nothing was open any more, and nothing failed."""
        return not self.asked and not self.failure


def wait_of(error: VenueError) -> float:
    """Seconds until the venue lets requests through again; 0: it is not about that."""
    return (error.retry_after or 0.0) if isinstance(error, Throttled) else 0.0


class Venue(ABC):
    """One product of one exchange. All methods may be called from any thread and return at once."""

    market: str
    config: VenueConfig
    limiter: Limiter                 # the one of `VenueParts`, or its own

    @abstractmethod
    def start(self) -> None:
        """Start the threads; returns at once, progress shows in `VenueState`."""

    @abstractmethod
    def stop(self) -> None:
        """No new request is sent; those in flight are answered or reported as `Silence`; the streams close."""

    @abstractmethod
    def join(self, timeout: float) -> tuple[str, ...]:
        """Wait for the threads; the names of those that still run."""

    @abstractmethod
    def post(self, request: Request) -> None:
        """Queue a request; cancels overtake orders, questions go to the keeper."""

    @abstractmethod
    def reconnect(self) -> None:
        """F3: close all connections and build them anew, without losing what is queued."""

    @abstractmethod
    def watch(self, key: Key) -> None:
        """Stream this instrument too (idempotent)."""

    @abstractmethod
    def unwatch(self, key: Key) -> None:
        """End its streams."""

    @abstractmethod
    def want_candles(self, key: Key, timeframe: str) -> None:
        """Load and stream candles of this timeframe (idempotent); they appear on the board and in `on_candle`."""

    @abstractmethod
    def cancel_everything(self) -> Cancelled:
        """The kill switch's direct path, on the caller's thread, blocking: cancel all open orders of the account.

        Works without engine and streams, and before `start`; it reads open orders, cancels them and sends nothing else.
        """

    def look(self, since: int) -> str:
        """One look at the account on the caller's thread, blocking, instead of `start`; the account's name.

        The fills of the configured symbols since a time (ms), then open orders, positions and balances go to the sink.
        Nothing is streamed or changed. Raises a VenueError.
        """
        raise VenueError(self.market, f"cannot be looked at from {since} on without being started")

    def wrong_setting(self) -> str:
        """What the exchange has shown to be wrong in this product's settings, naming the key; "" = nothing so far."""
        return ""
