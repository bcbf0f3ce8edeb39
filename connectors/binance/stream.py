"""The public streams by name, and their frames decoded: one typed decode per kind, only the used fields.

Sources: binance.md 9.1 (which path serves what), 9.2 (fields) and 7 (spot). The wire's names stay here.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

DEPTH, TOP = "@depth@100ms", "@bookTicker"                              # served on /public
TRADES, MARK, DAY, KLINE = "@aggTrade", "@markPrice@1s", "@ticker", "@kline_"    # served on /market
INDEX = "@indexPrice@1s"                                                # of a pair; COIN-M only


def name(symbol: str, kind: str) -> str:
    """A stream's name."""
    return f"{symbol.lower()}{kind}"


class _Depth(msgspec.Struct, gc=False):
    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    previous: int = msgspec.field(name="pu")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")
    time: int = msgspec.field(name="T", default=0)


class _SpotDepth(msgspec.Struct, gc=False):
    """Spot tells no pu and no T."""

    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")
    time: int = msgspec.field(name="E", default=0)
    previous: int = 0


class TopText(msgspec.Struct, gc=False):
    """The best pair; kept as text until it is published."""

    bid: str = msgspec.field(name="b")
    bid_qty: str = msgspec.field(name="B")
    ask: str = msgspec.field(name="a")
    ask_qty: str = msgspec.field(name="A")
    time: int = msgspec.field(name="T", default=0)


class _Trade(msgspec.Struct, gc=False):
    price: Decimal = msgspec.field(name="p")
    qty: Decimal = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    buyer_made: bool = msgspec.field(name="m")


class _Mark(msgspec.Struct, gc=False):
    mark: Decimal = msgspec.field(name="p")
    time: int = msgspec.field(name="E")
    index: Decimal | None = msgspec.field(name="i", default=None)
    rate: str = msgspec.field(name="r", default="")        # "" for contracts without funding
    next_funding: int = msgspec.field(name="T", default=0)


class _Index(msgspec.Struct, gc=False):
    price: Decimal = msgspec.field(name="p")


class _Day(msgspec.Struct, gc=False):
    last: Decimal = msgspec.field(name="c")
    change: Decimal = msgspec.field(name="P")
    time: int = msgspec.field(name="E", default=0)


class Bar(msgspec.Struct, gc=False):
    """A candle; kept as text until it is published."""

    time: int = msgspec.field(name="t")
    open: str = msgspec.field(name="o")
    high: str = msgspec.field(name="h")
    low: str = msgspec.field(name="l")
    close: str = msgspec.field(name="c")
    volume: str = msgspec.field(name="v")
    is_closed: bool = msgspec.field(name="x")


class _Kline(msgspec.Struct, gc=False):
    bar: Bar = msgspec.field(name="k")


class _DepthFrame(msgspec.Struct, gc=False):
    data: _Depth


class _SpotDepthFrame(msgspec.Struct, gc=False):
    data: _SpotDepth


class _TopFrame(msgspec.Struct, gc=False):
    data: TopText


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade


class _MarkFrame(msgspec.Struct, gc=False):
    data: _Mark


class _IndexFrame(msgspec.Struct, gc=False):
    data: _Index


class _DayFrame(msgspec.Struct, gc=False):
    data: _Day


class _KlineFrame(msgspec.Struct, gc=False):
    data: _Kline


read_depth = msgspec.json.Decoder(_DepthFrame).decode
read_spot_depth = msgspec.json.Decoder(_SpotDepthFrame).decode
read_top = msgspec.json.Decoder(_TopFrame).decode
read_trade = msgspec.json.Decoder(_TradeFrame).decode
read_mark = msgspec.json.Decoder(_MarkFrame).decode
read_index = msgspec.json.Decoder(_IndexFrame).decode
read_day = msgspec.json.Decoder(_DayFrame).decode
read_kline = msgspec.json.Decoder(_KlineFrame).decode

PUBLIC_STREAMS = 2       # of one symbol: depth and best prices
MARKET_STREAMS = 3       # of one symbol, beside candles: trades, mark price, day
