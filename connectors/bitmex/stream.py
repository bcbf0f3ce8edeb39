"""The public topics by name, and their frames decoded: one typed decode per kind, only the used fields.

Sources: bitmex.md section 10. The wire's names of public frames stay here. Prices are kept as the wire's bytes until
they are published.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar, cast

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType

from connectors.bitmex.auth import MARKET
from connectors.reading import bad
from core.errors import VenueError
from core.numbers import printable

TEN, QUOTE, FULL = "orderBook10", "quote", "orderBookL2"
TRADES, INSTRUMENT = "trade", "instrument"
BINS = {"1m": "tradeBin1m", "5m": "tradeBin5m", "1h": "tradeBin1h", "1d": "tradeBin1d"}
PRIVATE = ("execution", "order", "position", "margin", "wallet")
Row = TypeVar("Row")


def name(topic: str, symbol: str) -> str:
    """A topic of one symbol."""
    return f"{topic}:{symbol}"


def by_topic(names: list[str], is_on: bool, number: int = 0) -> str:
    """The message that begins or ends topics; answers name the topic, so the number is not sent."""
    return json.dumps({"op": "subscribe" if is_on else "unsubscribe", "args": names})


class Filter(msgspec.Struct, gc=False):
    """What a partial is of."""

    symbol: str = ""
    pool: str = ""


class Frame(msgspec.Struct, Generic[Row], gc=False):
    """A table's message."""

    action: str
    data: list[Row]
    filter: Filter | None = None


class Ten(msgspec.Struct, gc=False):
    """Ten levels a side, whole."""

    symbol: str
    bids: msgspec.Raw
    asks: msgspec.Raw
    timestamp: str = ""


class Named(msgspec.Struct, gc=False):
    """Whose row it is: enough where only the newest one is read."""

    symbol: str
    pool: str = ""


class Quote(msgspec.Struct, gc=False):
    """The best pair; a side may be missing."""

    symbol: str
    bid: msgspec.Raw = msgspec.field(name="bidPrice", default_factory=msgspec.Raw)
    bid_qty: msgspec.Raw = msgspec.field(name="bidSize", default_factory=msgspec.Raw)
    ask: msgspec.Raw = msgspec.field(name="askPrice", default_factory=msgspec.Raw)
    ask_qty: msgspec.Raw = msgspec.field(name="askSize", default_factory=msgspec.Raw)
    timestamp: str = ""
    pool: str = ""


class Level(msgspec.Struct, gc=False):
    """One level of the full book by its id; an update repeats the price at most, a delete names the id alone."""

    symbol: str
    id: int
    side: str
    size: int = 0
    price: msgspec.Raw | UnsetType = UNSET
    pool: str = ""


class Trade(msgspec.Struct, gc=False):
    """A trade; `side` is the taker's. Indices print with size 0."""

    symbol: str
    timestamp: str
    price: Decimal
    side: str = ""
    size: Decimal = Decimal(0)
    type: str = msgspec.field(name="trdType", default="Regular")
    pool: str = ""


class Live(msgspec.Struct, rename="camel", gc=False):
    """What an instrument's row tells besides its rules; only what changed."""

    symbol: str
    state: str | UnsetType = UNSET
    last_price: Decimal | UnsetType | None = UNSET
    mark_price: Decimal | UnsetType | None = UNSET
    indicative_settle_price: Decimal | UnsetType | None = UNSET
    funding_rate: Decimal | UnsetType | None = UNSET
    funding_timestamp: str | UnsetType | None = UNSET
    last_change_pcnt: Decimal | UnsetType | None = UNSET
    timestamp: str = ""


class TradeBin(msgspec.Struct, gc=False):
    """A finished bar, stamped with its end."""

    symbol: str
    timestamp: str
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    volume: Decimal | None = None


class Head(msgspec.Struct):
    """Of a frame of any kind, what tells whether a topic has begun."""

    table: str = ""
    action: str = ""
    filter: Filter | None = None
    error: str = ""


class Partials:
    """What is answered on a connection that takes over: the partial of each topic. Its rows are known already, and
    are left out: what the old connection brought after them would not be taken again.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self._missing = set(topics)

    @property
    def is_done(self) -> bool:
        """Whether all have begun."""
        return not self._missing

    def takes(self, raw: bytes) -> bool:
        """Words and partials; changes of tables are to be told."""
        try:
            head = read_head(raw)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise bad(MARKET, raw, error) from None
        if head.error:
            raise VenueError(MARKET, f"a topic is refused: {printable(head.error, 120)}")
        if head.action == "partial":
            symbol = head.filter.symbol if head.filter is not None else ""
            self._missing.discard(name(head.table, symbol) if symbol else head.table)
        return head.action == "partial" or not head.table


class Word(msgspec.Struct):
    """What is no table: welcome, acknowledgement, refusal."""

    table: str = ""
    info: str = ""
    timestamp: str = ""
    subscribe: str = ""
    unsubscribe: str = ""
    success: bool = False
    error: str = ""
    status: int = 0


read_ten = msgspec.json.Decoder(Frame[Ten]).decode
read_names = msgspec.json.Decoder(Frame[Named]).decode
read_quote = msgspec.json.Decoder(Frame[Quote]).decode
read_levels = msgspec.json.Decoder(Frame[Level]).decode
read_trades = msgspec.json.Decoder(Frame[Trade]).decode
read_live = msgspec.json.Decoder(Frame[Live]).decode
read_bins = msgspec.json.Decoder(Frame[TradeBin]).decode
read_head = msgspec.json.Decoder(Head).decode
read_word = msgspec.json.Decoder(Word).decode
read_pairs = msgspec.json.Decoder(list[tuple[Decimal, Decimal]]).decode
read_number = msgspec.json.Decoder(Decimal).decode


def changes_of(symbols: Iterable[str]) -> Callable[[bytes], list[Level]]:
    """Reads levels of these symbols; any other symbol, and a side that is none, is a DecodeError.

    Words that are known beforehand are not made anew for each row.
    """
    words: Any = Literal
    known = {"symbol": words[tuple(symbols)], "side": words["Buy", "Sell"]}
    fields: list[Any] = [(field.name, known.get(field.name, field.type)) if field.default is NODEFAULT else
                         (field.name, field.type, field.default) for field in msgspec.structs.fields(Level)]
    change = msgspec.defstruct("Change", fields, gc=False)
    return cast(Callable[[bytes], list[Level]], msgspec.json.Decoder(list[change]).decode)   # type: ignore[valid-type]
