"""Rows of the ledger, as they travel between the engine and the database. One record per table, plain values.

The three that each fill makes are msgspec's records instead of dataclasses: frozen and compared alike, made and changed
(`msgspec.structs.replace`) ten times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from models import ZERO, Category, Key, OrdStatus, OrdType, Side, TimeInForce, Trigger


class CoinRow(Struct, frozen=True):
    """A row of `coins`. `side` 0 buy, 1 sell, −1 funding; `qty` signed; `time` the venue's ms, `booked` ours in µs."""

    exec_id: str
    part: int
    emi: str
    refer: str
    key: Key
    account: str
    currency: str
    ticker: str
    side: int
    qty: Decimal
    qty_rest: Decimal
    price: Decimal
    theor_price: Decimal
    trade_price: Decimal
    sumreal: Decimal
    commiss: Decimal
    time: int
    booked: int
    cl_ord_number: int
    id: int = 0


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A row of `moves`: money that came to a wallet (positive) or left it. `time`, `booked` as in `CoinRow`.

    `wallet` names what shares a balance: the category, or the word of products that share one.
    """

    market: str
    account: str
    wallet: str
    move_id: str
    kind: str                        # the venue's word, or OPENING: what was there when the books began
    currency: str
    amount: Decimal
    time: int
    booked: int


class OrderRow(Struct, frozen=True):
    """A row of `orders`: everything we know of one order. `name` = its clOrdID, or "#orderID" without our tag."""

    key: Key
    account: str
    name: str
    cl_ord_id: str                   # on the wire; "" = none known
    order_id: str                    # the venue's; "" = not known yet
    owner: str
    side: Side
    ord_type: OrdType | None
    tif: TimeInForce | None
    qty: Decimal
    price: Decimal | None
    wanted: Decimal | None           # THEOR_PRICE
    status: OrdStatus
    reduce_only: bool
    created: int                     # ms, by the venue's clock as we know it
    updated: int                     # venue's time of the newest opinion
    expires: int                     # venue's time after which an unanswered request cannot be taken any more
    booked_qty: Decimal = ZERO       # Σ of facts
    told_qty: Decimal = ZERO         # what the venue says is filled
    text: str = ""
    type_text: str = ""
    trigger: Trigger | None = None   # of a conditional order that has not triggered; told anew by the venue at a start

    @property
    def is_adopted(self) -> bool:
        """Taken up from the venue's word (`from_report`), not written before it was sent."""
        return not self.expires

    @property
    def is_waiting(self) -> bool:
        """A conditional order that has not triggered, as far as anybody knows: outside the venue's book."""
        conditional = self.ord_type is not None and self.ord_type.is_conditional
        return conditional and (self.trigger is not None or not self.order_id)

    @property
    def cum_qty(self) -> Decimal:
        """Filled, as far as anybody knows."""
        return max(self.booked_qty, self.told_qty)

    @property
    def leaves(self) -> Decimal:
        """Still open; 0 when the order has ended."""
        return ZERO if self.status.is_terminal else max(ZERO, self.qty - self.cum_qty)


class BookRow(Struct, frozen=True):
    """A row of `books`: kept sums of one owner in one instrument and currency."""

    key: Key
    account: str
    emi: str
    currency: str
    pos: Decimal = ZERO
    entry: Decimal | None = None
    volume: Decimal = ZERO
    sumreal: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    fills: int = 0


@dataclass(frozen=True, slots=True)
class DayRow:
    """A row of `days`: what an owner's books are worth in one currency at `time` (ms)."""

    market: str
    account: str
    emi: str
    currency: str
    time: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class CursorRow:
    """A row of `cursors`: up to where history is booked (ms)."""

    key: Key
    account: str
    kind: str                        # "fills", "funding"
    time: int


@dataclass(frozen=True, slots=True)
class CounterRow:
    """A row of `counters`: the newest number handed out."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class RobotState:
    """A change of STATE and REASON of a row of `robots`."""

    emi: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConfirmRow:
    """A person has typed the id of a LIVE account: it may be traded from now on. `time`: ours, ms."""

    market: str
    account: str
    time: int


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A row of `watchlist`, added or taken off."""

    key: Key
    on: bool


@dataclass(frozen=True, slots=True)
class RobotRow:
    """A row of `robots` as a person may have typed it: nothing is checked yet."""

    emi: str
    symbol: str
    category: str
    market: str
    sort: int
    timefr: int
    capital: Decimal
    strategy: str
    params: str
    state: str
    reason: str
    odd: str = ""                    # "TIMEFR 'abc'": a column that holds no whole number, as it was typed


@dataclass(frozen=True, slots=True)
class RobotAdded:
    """A new row of `robots`."""

    row: RobotRow


@dataclass(frozen=True, slots=True)
class RobotRenamed:
    """Another EMI of a row of `robots`. `strategy` is written out: a row may have gone by its old name alone."""

    emi: str
    new: str
    strategy: str


@dataclass(frozen=True, slots=True)
class RobotRemoved:
    """A row of `robots` goes; what it traded stays in the ledger."""

    emi: str


Row = (CoinRow | MoveRow | OrderRow | BookRow | CursorRow | CounterRow | RobotState | RobotAdded | RobotRenamed
       | RobotRemoved | WatchRow | ConfirmRow | DayRow)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything a start reads of one account's ledger."""

    orders: tuple[OrderRow, ...] = ()
    books: tuple[BookRow, ...] = ()
    cursors: tuple[CursorRow, ...] = ()
    trades: tuple[CoinRow, ...] = ()             # newest first, at most 200
    today: tuple[CoinRow, ...] = ()              # since 00:00 UTC
    counters: dict[str, int] = field(default_factory=dict)
    moves: tuple[MoveRow, ...] = ()
    funded: dict[Key, int] = field(default_factory=dict)   # time of the newest funding of an instrument
    renamed: tuple[tuple[str, str], ...] = ()    # bots: old name, new name, oldest first


TRANSFER = "MOVE:"                               # begins the EXECID of rows that move books between owners
RENAMED = ":was"                                 # … and ends it where a bot was renamed

BOOK_KEY = tuple[str, Key, str, str]             # account, key, emi, currency


def book_key(row: BookRow) -> BOOK_KEY:
    """The unique key of a row of `books`."""
    return (row.account, row.key, row.emi, row.currency)


CATEGORY_OF = {category.value: category for category in Category}
