"""Every record and enum that crosses a folder border. Frozen, slotted, standard library only.

Money, prices and quantities are `Decimal`, made from the text on the wire. `time` fields are the venue's, in whole
milliseconds since 1970 UTC; `received` fields are our monotonic clock, in seconds. `None` means "not known".
Quantities are in contracts (USD-M and spot: base coin), positive on orders and executions, signed where summed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

ZERO = Decimal(0)


class Mode(StrEnum):
    """Which kind of account the session talks to; never mixed within one session."""

    SIM = "SIM"
    PAPER = "PAPER"
    TESTNET = "TESTNET"
    LIVE = "LIVE"


class Category(StrEnum):
    """How an instrument's value is computed (spec of the ledger, section 1)."""

    LINEAR = "linear"
    INVERSE = "inverse"
    QUANTO = "quanto"
    SPOT = "spot"


class Side(StrEnum):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that closes what this one opens."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrdType(StrEnum):
    """Order type (FIX tag 40)."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"
    STOP_LIMIT = "STOP_LIMIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"

    @property
    def is_conditional(self) -> bool:
        """Rests outside the book until its trigger is reached."""
        return self not in (OrdType.LIMIT, OrdType.MARKET)

    @property
    def has_price(self) -> bool:
        """Works in the book at a price of its own, once it works."""
        return self in (OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.TAKE_PROFIT_LIMIT)


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a conditional order begins to work (FIX tags 99 StopPx, 1100 TriggerType)."""

    price: Decimal | None            # where it triggers; trailing: where it begins to trail (None: now)
    callback: Decimal | None = None  # trailing: distance from the best price since then, in percent
    by_mark: bool = False            # watched is the mark price instead of the last one


class TimeInForce(StrEnum):
    """How long an order works (FIX tag 59); GTX is Binance's post-only."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class OrdStatus(StrEnum):
    """Order states (FIX tag 39, plus UNKNOWN: the outcome of a request is not known)."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def is_terminal(self) -> bool:
        """Nothing more is expected of the order (late facts are booked all the same)."""
        return self in _TERMINAL


_TERMINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})


class ExecKind(StrEnum):
    """What made an execution."""

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    SETTLEMENT = "SETTLEMENT"


class Key(NamedTuple):
    """An instrument's identity everywhere: board, bots, caps, cursors, ledger."""

    market: str
    category: Category
    symbol: str

    @property
    def reserved(self) -> str:
        """The EMI of the line for everything without a bot's tag."""
        return f"{self.symbol}.{self.category.value}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What may be traded and in which steps; all numbers as the venue's filters say."""

    key: Key
    base: str
    quote: str
    settle: str                      # settlement currency
    tick: Decimal                    # price step
    lot: Decimal                     # quantity step
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal            # 0: none
    multiplier: Decimal = Decimal(1)  # value of one contract per unit of price, in the settlement currency
    trading: bool = True             # the venue takes orders for it
    taker_fee: Decimal = Decimal("0.0005")
    maker_fee: Decimal = Decimal("0.0002")


# ---------------------------------------------------------------- market data, on the board

Level = tuple[Decimal, Decimal]      # price, quantity


@dataclass(frozen=True, slots=True)
class Book:
    """Bids (best first) and asks (best first), as deep as the board was asked for. Only trusted while `live`."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    time: int
    received: float
    live: bool
    reason: str = ""                 # why not live, for people
    resyncs: int = 0                 # how often this book had to be fetched anew


@dataclass(frozen=True, slots=True)
class Top:
    """The best pair."""

    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal
    time: int
    received: float


@dataclass(frozen=True, slots=True)
class Ticker:
    """What is known about an instrument's price besides the book."""

    last: Decimal | None = None
    last_side: Side | None = None    # the taker's
    mark: Decimal | None = None
    index: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding: int | None = None
    change_24h: Decimal | None = None  # percent
    day_open: Decimal | None = None  # first price since 00:00 UTC
    time: int = 0
    received: float = 0.0


class Candle(NamedTuple):
    """Open-high-low-close-volume of one timeframe; `time` is its start in ms."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class CandleSeries:
    """Closed candles, oldest first and without gaps, and the one still forming."""

    closed: tuple[Candle, ...]
    forming: Candle | None
    wanted: int                      # how many closed candles the history load aims at
    complete: bool                   # the history is loaded


TIMEFRAMES: dict[str, int] = {       # name → milliseconds
    "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000,
    "1h": 3_600_000, "2h": 7_200_000, "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000,
    "12h": 43_200_000, "1d": 86_400_000,
}


class Health(StrEnum):
    """State of a venue, as its market line shows it."""

    OFF = "OFF"                      # not configured, or switched off by a problem (text says which)
    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    LOST = "LOST"                    # was live, is not now
    BANNED = "BANNED"


@dataclass(frozen=True, slots=True)
class VenueState:
    """One venue, one product, seen from outside; published by its keeper thread only."""

    market: str
    category: Category
    title: str                       # "Binance-F"
    health: Health
    text: str = ""                   # for people: what it is doing or why it does not work
    account: str = ""
    has_keys: bool = False
    latency_ms: float | None = None  # round trip of the last request
    clock_offset_ms: float | None = None
    weight_used: float = 0.0         # 0…1 of the request budget
    reconnects: int = 0
    attempt: int = 0                 # of the running reconnection
    retry_at: float | None = None    # monotonic
    banned_until: int | None = None  # ms, venue's time
    last_data: float | None = None   # monotonic: last data frame on any public stream
    problem: str = ""                # a configuration problem that keeps it off, naming the field


# ---------------------------------------------------------------- opinions and facts from a venue

@dataclass(frozen=True, slots=True)
class OrderReport:
    """An opinion of the venue about one order, by stream or as an answer."""

    key: Key
    order_id: str
    cl_ord_id: str | None            # as on the wire, ours or anybody's; None: it has none
    side: Side
    ord_type: OrdType | None         # None: a type we do not place (shown, cancellable)
    tif: TimeInForce | None
    qty: Decimal
    price: Decimal | None            # None: market order
    cum_qty: Decimal
    status: OrdStatus
    time: int                        # venue's time of this state
    reduce_only: bool = False
    avg_px: Decimal | None = None
    type_text: str = ""              # the venue's own word for the type
    reason: str = ""
    trigger: Trigger | None = None   # of a conditional order


@dataclass(frozen=True, slots=True)
class Execution:
    """A fact: one report of a trade, as the venue told it."""

    key: Key
    account: str
    exec_id: str                     # unique within the account: "linear:BTCUSDT:28457"
    order_id: str
    cl_ord_id: str | None            # as on the wire; None: not placed with an id (or not told)
    side: Side
    last_qty: Decimal
    last_px: Decimal
    fee: Decimal | None              # in fee_currency, positive = paid; None: not told
    fee_currency: str | None
    time: int
    maker: bool | None = None
    order_price: Decimal | None = None
    order_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    kind: ExecKind = ExecKind.TRADE
    value: Decimal | None = None     # SUMREAL as the venue told it, in the settlement currency; None: computed


@dataclass(frozen=True, slots=True)
class Funding:
    """A fact: what the venue took or paid for the account's position in one instrument at one funding time."""

    key: Key
    account: str
    exec_id: str                     # unique within the account: "linear:BTCUSDT:F9001"
    amount: Decimal                  # in `currency`, positive = paid by the account
    currency: str
    time: int                        # of the funding: positions count as they were just before
    rate: Decimal | None = None      # with `mark`: shares by the formula; without: by share of the position
    mark: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """A fact: money that came to a wallet or left it otherwise than by trades and funding."""

    market: str
    category: Category               # whose wallet; where products share one, the product that told it
    account: str
    move_id: str                     # unique within the account: "linear:TRANSFER:9002"
    kind: str                        # the venue's word: TRANSFER, DEPOSIT, WITHDRAWAL, INSURANCE_CLEAR, …
    currency: str
    amount: Decimal                  # positive = came in
    time: int


@dataclass(frozen=True, slots=True)
class PositionReport:
    """An opinion: the account's position in one instrument."""

    key: Key
    qty: Decimal                     # signed
    entry: Decimal | None
    mark: Decimal | None = None
    liquidation: Decimal | None = None
    margin: Decimal | None = None
    leverage: Decimal | None = None
    time: int = 0


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """An opinion: one currency of the account."""

    market: str
    category: Category
    currency: str
    wallet: Decimal
    margin_balance: Decimal | None = None
    available: Decimal | None = None
    time: int = 0


@dataclass(frozen=True, slots=True)
class LeverageReport:
    """An opinion: how one instrument is margined; read when the account is read, on change and after `SetLeverage`."""

    key: Key
    leverage: Decimal | None         # None: not known
    isolated: bool | None = None     # margin type: isolated, or shared with other positions (cross)
    most: int | None = None          # the largest leverage the venue takes


# ---------------------------------------------------------------- timings: every wait of the program

@dataclass(frozen=True, slots=True)
class Timings:
    """Every wait, in seconds. Tests hand in `Timings.quick()`, ten times shorter."""

    connect: float = 5.0             # TCP and websocket handshake
    answer: float = 10.0             # a REST answer; later it is silence
    resend_within: float = 5.0       # a refused-to-take request may be sent again this long after it was asked
    queue_limit: float = 5.0         # an order that waited longer for the limiter is refused
    request_life: float = 5.0        # recvWindow: until when the venue may accept a request
    absent_margin: float = 30.0      # "not found" counts only this long after the request's expiry
    ask_unknown: float = 2.0         # between questions about an order whose outcome is not known
    check_account: float = 60.0      # positions and balances compared
    read_history: float = 900.0      # history read that moves the cursors while all is well
    read_money: float = 5.0          # after a hint that money moved; the venue's history may lag, so it is read again
    sync_clock: float = 3600.0
    listen_key: float = 1800.0       # renew
    silence_book: float = 5.0        # without a diff: stale
    silence_stream: float = 15.0     # without any data frame: reconnect
    silence_private: float = 25.0    # without a frame or pong: reconnect
    resync: float = 1.0              # first pause before another snapshot
    backoff_first: float = 0.5
    backoff_max: float = 30.0
    connections: float = 10.0        # at most five are made to a host in this time, as far as they can wait
    day_cut: float = 86_000.0        # a connection is renewed before the venue's 24 h
    stop: float = 5.0                # everything has ended by then
    stop_requests: float = 3.0       # requests in flight are waited for
    verdict: float = 2.0             # a bot waits this long for the engine's local answer
    view: float = 0.05               # at most one view per this time, sooner after an order event
    keeper: float = 0.5              # the keeper's own beat
    db_retry: float = 0.5            # between attempts while the database is away

    def scaled(self, factor: float) -> Timings:
        """All waits times `factor`."""
        return Timings(*(getattr(self, name) * factor for name in self.__slots__))

    @classmethod
    def quick(cls) -> Timings:
        """Ten times shorter, for tests."""
        return cls().scaled(0.1)


# ---------------------------------------------------------------- what the engine asks of a venue

@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """Send one new order. Committed before it is queued; sent at most once while its fate is open."""

    key: Key
    cl_ord_id: str
    side: Side
    qty: Decimal
    price: Decimal | None
    ord_type: OrdType
    tif: TimeInForce
    reduce_only: bool
    asked: float                     # monotonic, when the person or bot asked
    trigger: Trigger | None = None   # of a conditional order


@dataclass(frozen=True, slots=True)
class AmendOrder:
    """Change price and quantity of a resting order; absolute target values."""

    key: Key
    cl_ord_id: str
    order_id: str
    side: Side
    qty: Decimal
    price: Decimal
    asked: float


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel one order, by the venue's id where known, else by ours ("" = not known)."""

    key: Key
    cl_ord_id: str
    order_id: str
    asked: float
    conditional: bool = False        # it has not triggered yet


@dataclass(frozen=True, slots=True)
class AskOrder:
    """A question: what became of this order?"""

    key: Key
    cl_ord_id: str
    order_id: str = ""
    conditional: bool = False        # it was placed as a conditional order


@dataclass(frozen=True, slots=True)
class SetLeverage:
    """Change the leverage of one instrument; answered by `LeverageReport` or a `Notice` with the venue's no."""

    key: Key
    leverage: int


@dataclass(frozen=True, slots=True)
class AskAccount:
    """A question: open orders, positions and balances now."""

    market: str
    category: Category
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AskHistory:
    """A question: all fills of an instrument since a time (ms); answered page by page."""

    key: Key
    since: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AskMoney:
    """A question: fundings and movements of an account since a time (ms); answered page by page."""

    market: str
    category: Category
    since: int
    reason: str = ""


Request = SubmitOrder | AmendOrder | CancelOrder | AskOrder | AskAccount | AskHistory | AskMoney | SetLeverage


# ---------------------------------------------------------------- what a venue tells the engine

@dataclass(frozen=True, slots=True)
class Ack:
    """The venue took the request; `report` is what it said of the order, where it said something."""

    request: SubmitOrder | AmendOrder | CancelOrder
    report: OrderReport | None


@dataclass(frozen=True, slots=True)
class Reject:
    """The venue's no (or our limiter's: `sent` False). `code` is the venue's number, 0 where it gave none."""

    request: SubmitOrder | AmendOrder | CancelOrder
    code: int
    text: str
    sent: bool = True
    duplicate: bool = False          # the venue already has an order with this id: compare, then adopt
    gone: bool = False               # cancel or amend: the order is not open any more
    anew: bool = False               # amend: it stands, partly filled; only a cancel and an order for the rest move it


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer, or one that does not say whether it was done. Nothing is known; nothing is sent again."""

    request: SubmitOrder | AmendOrder | CancelOrder
    text: str
    sent: float                      # monotonic
    expires: int                     # venue's time in ms after which it cannot be accepted any more


@dataclass(frozen=True, slots=True)
class OrderFound:
    """Answer to `AskOrder`: the order as the venue has it."""

    request: AskOrder
    report: OrderReport


@dataclass(frozen=True, slots=True)
class OrderAbsent:
    """Answer to `AskOrder`: the venue knows no such order; `venue_time` (ms) is when it said so."""

    request: AskOrder
    venue_time: int


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """Answer to `AskAccount`: everything the venue holds for us, asked at `asked` (venue's time, ms)."""

    market: str
    category: Category
    account: str
    asked: int                       # venue's time just before the questions were sent
    orders: tuple[OrderReport, ...]
    positions: tuple[PositionReport, ...]
    balances: tuple[BalanceReport, ...]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Fills, oldest first. The last page of a read has `last`; only then may a cursor move, to `read_start`."""

    key: Key
    account: str
    executions: tuple[Execution, ...]
    last: bool
    read_start: int                  # venue's time when the read began
    since: int                       # from where it was read
    reason: str = ""
    missing_from: int | None = None  # the venue's history does not reach back to `since`: it begins here
    fundings: tuple[Funding, ...] = ()   # where the venue tells them among its executions


@dataclass(frozen=True, slots=True)
class MoneyPage:
    """Fundings and movements, oldest first; `last` and `read_start` as in `HistoryPage`. The instruments' funding that
    comes among the executions is not repeated here."""

    market: str
    category: Category
    account: str
    facts: tuple[Funding | Movement, ...]
    last: bool
    read_start: int
    since: int
    reason: str = ""
    missing_from: int | None = None


@dataclass(frozen=True, slots=True)
class MoneyMoved:
    """The venue hints that money moved (funding, a transfer) without the facts: they are asked for."""

    market: str
    category: Category
    text: str = ""


@dataclass(frozen=True, slots=True)
class VenueUp:
    """The venue is reachable and knows who we are; the private stream is open and buffering. Recovery may begin."""

    market: str
    category: Category
    account: str
    instruments: tuple[Instrument, ...]   # of the configured and watched symbols
    venue_time: int
    can_trade: bool = True
    text: str = ""
    wallet: str = ""                 # products of one account that name the same one share their balances; "": its own


@dataclass(frozen=True, slots=True)
class VenueDown:
    """The private connection is lost: opinions may be missing until the next `VenueUp`."""

    market: str
    category: Category
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the Messages panel."""

    market: str
    text: str
    level: str = "info"              # info, warning, error
    emi: str = ""


VenueMessage = (
    Ack | Reject | Silence | OrderFound | OrderAbsent | AccountSnapshot | HistoryPage | MoneyPage | MoneyMoved | VenueUp
    | VenueDown | OrderReport | Execution | Funding | Movement | PositionReport | BalanceReport | LeverageReport
    | Notice
)


# ---------------------------------------------------------------- bots

class BotState(StrEnum):
    """STATE of a row in `robots`."""

    WORK = "WORK"
    OFF = "OFF"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True)
class Robot:
    """A row of `robots`."""

    emi: str
    key: Key
    sort: int
    timeframe: str                   # "1m"; from TIMEFR in minutes
    capital: int                     # in smallest tradable quantities
    strategy: str                    # resolved name of the strategy; "": only keeps books
    params: dict[str, object] = field(default_factory=dict)
    state: BotState = BotState.WORK
    reason: str = ""                 # of SUSPENDED


@dataclass(frozen=True, slots=True)
class BotPosition:
    """What a bot's thread may know of its own book; published by the engine after each commit."""

    qty: Decimal = ZERO              # signed
    entry: Decimal | None = None
    open_orders: int = 0             # open, pending or unknown orders of the bot, its stop at the venue apart
    fills: int = 0                   # grows with each booked fill
    stopped: bool = False            # a stop for the whole position rests at the venue


@dataclass(frozen=True, slots=True)
class StrategyInfo:
    """What the loader knows of a strategy file."""

    name: str                        # "ma_cross"
    file: str
    title: str                       # first line of its docstring
    parameters: tuple[tuple[str, str, object, str], ...]   # name, type, default, sentence
    error: str = ""                  # file:line and reason when it cannot be loaded
