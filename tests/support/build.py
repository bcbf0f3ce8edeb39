"""Records for tests, with values that need no thought: `execution(last_qty="2")`. Numbers are given as text."""

from __future__ import annotations

import itertools
from decimal import Decimal

from msgspec import structs

from core.rows import CoinRow, OrderRow
from engine.commands import PlaceOrder
from engine.state import Sight
from models import (
    AccountSnapshot,
    BotState,
    Category,
    ExecKind,
    Execution,
    Instrument,
    Key,
    OrderReport,
    OrdStatus,
    OrdType,
    PositionReport,
    Robot,
    Side,
    TimeInForce,
    Top,
    Trigger,
    VenueUp,
)

ACCOUNT = "SIM-1"
BTC = Key("Binance", Category.LINEAR, "BTCUSDT")
ETH = Key("Binance", Category.LINEAR, "ETHUSDT")
T0 = 1_700_000_000_000             # where HandClock starts

_tickets = itertools.count(1)


def dec(text: str | None) -> Decimal | None:
    """A number, or None."""
    return None if text is None else Decimal(text)


def instrument(key: Key = BTC, settle: str = "USDT", multiplier: str = "1", min_notional: str = "5",
               trading: bool = True) -> Instrument:
    """Tick 0.1, lot 0.001, at most 1000 (market: 100)."""
    return Instrument(key=key, base=key.symbol[:3], quote=settle, settle=settle, tick=Decimal("0.1"),
                      lot=Decimal("0.001"), min_qty=Decimal("0.001"), max_qty=Decimal(1000),
                      market_max_qty=Decimal(100), min_notional=Decimal(min_notional), trading=trading,
                      multiplier=Decimal(multiplier), taker_fee=Decimal("0.0004"), maker_fee=Decimal("0.0002"))


def sight(key: Key = BTC, book_problem: str = "", venue_problem: str = "", mark: str = "50000",
          bid: str = "49999.9", ask: str = "50000.1") -> Sight:
    """A market that can be trusted."""
    one = Decimal(1)
    return Sight(instrument(key), book_problem, venue_problem, Decimal(mark),
                 Top(Decimal(bid), one, Decimal(ask), one, T0, 0.0))


def order(status: OrdStatus = OrdStatus.NEW, name: str = "1.A", owner: str = "A", qty: str = "10",
          price: str | None = "50000", side: Side = Side.BUY, booked: str = "0", told: str = "0", order_id: str = "",
          updated: int = T0, created: int = T0, text: str = "", key: Key = BTC, expires: int = T0 + 10_000,
          ord_type: OrdType | None = OrdType.LIMIT, reduce_only: bool = False,
          trigger: Trigger | None = None) -> OrderRow:
    """A row of `orders`."""
    return OrderRow(key=key, account=ACCOUNT, name=name, cl_ord_id=name if not name.startswith("#") else "",
                    order_id=order_id, owner=owner, side=side, ord_type=ord_type, tif=TimeInForce.GTC,
                    qty=Decimal(qty), price=dec(price), wanted=dec(price), status=status, reduce_only=reduce_only,
                    created=created, updated=updated, expires=expires, booked_qty=Decimal(booked),
                    told_qty=Decimal(told), text=text, trigger=trigger)


def report(status: OrdStatus = OrdStatus.NEW, cl_ord_id: str | None = "1.A", order_id: str = "100", qty: str = "10",
           price: str | None = "50000", cum: str = "0", time: int = T0 + 100, side: Side = Side.BUY, key: Key = BTC,
           reason: str = "", ord_type: OrdType | None = OrdType.LIMIT, type_text: str = "",
           trigger: Trigger | None = None) -> OrderReport:
    """An opinion of the venue."""
    return OrderReport(key=key, order_id=order_id, cl_ord_id=cl_ord_id, side=side, ord_type=ord_type,
                       tif=TimeInForce.GTC, qty=Decimal(qty), price=dec(price), cum_qty=Decimal(cum), status=status,
                       time=time, reason=reason, type_text=type_text, trigger=trigger)


def execution(exec_id: str = "linear:BTCUSDT:1", cl_ord_id: str | None = "1.A", order_id: str = "100",
              side: Side = Side.BUY, last_qty: str = "1", last_px: str = "50000", fee: str | None = "0.1",
              fee_currency: str | None = "USDT", time: int = T0 + 200, key: Key = BTC, leaves: str | None = None,
              kind: ExecKind = ExecKind.TRADE, maker: bool | None = None, order_price: str | None = None) -> Execution:
    """A fact."""
    return Execution(key=key, account=ACCOUNT, exec_id=exec_id, order_id=order_id, cl_ord_id=cl_ord_id, side=side,
                     last_qty=Decimal(last_qty), last_px=Decimal(last_px), fee=dec(fee), fee_currency=fee_currency,
                     time=time, maker=maker, leaves_qty=dec(leaves), kind=kind, order_price=dec(order_price))


def place(ticket: str = "", key: Key = BTC, owner: str = "", side: Side = Side.BUY, qty: str = "1",
          price: str | None = "49000", by_hand: bool = True, ord_type: OrdType | None = None,
          tif: TimeInForce = TimeInForce.GTC, post_only: bool = False, reduce_only: bool = False,
          repeat_confirmed: bool = False, wanted: str | None = None, trigger: Trigger | None = None) -> PlaceOrder:
    """An asking for one order, by hand for the RESERVED line unless told otherwise; each has its own ticket."""
    return PlaceOrder(ticket=ticket or f"t{next(_tickets)}", key=key, owner=owner or key.reserved, side=side,
                      qty=Decimal(qty), price=dec(price), by_hand=by_hand,
                      ord_type=ord_type or (OrdType.LIMIT if price is not None else OrdType.MARKET), tif=tif,
                      post_only=post_only, reduce_only=reduce_only, repeat_confirmed=repeat_confirmed,
                      wanted=dec(wanted), trigger=trigger)


def robot(emi: str = "A", key: Key = BTC, state: BotState = BotState.WORK, sort: int = 0) -> Robot:
    """A bot of `ma_cross`."""
    return Robot(emi=emi, key=key, sort=sort, timeframe="1m", capital=1, strategy="ma_cross", state=state)


def position(qty: str, key: Key = BTC, entry: str | None = "50000") -> PositionReport:
    """The venue's opinion about a position."""
    return PositionReport(key=key, qty=Decimal(qty), entry=dec(entry), time=T0)


def snapshot(orders: tuple[OrderReport, ...] = (), positions: tuple[PositionReport, ...] = (),
             asked: int = T0 + 1000) -> AccountSnapshot:
    """Everything the venue holds for us."""
    return AccountSnapshot("Binance", Category.LINEAR, ACCOUNT, asked, orders, positions, ())


def venue_up(*keys: Key, can_trade: bool = True, text: str = "") -> VenueUp:
    """The venue of BTC (and more) can be reached."""
    return VenueUp("Binance", Category.LINEAR, ACCOUNT, tuple(instrument(k) for k in keys or (BTC,)), T0,
                   can_trade, text)


def coin(exec_id: str = "linear:BTCUSDT:1", part: int = 0, emi: str = "A", qty: str = "1", price: str = "50000",
         time: int = T0, key: Key = BTC, **more: str) -> CoinRow:
    """A row of `coins`; further columns as text numbers or text."""
    row = CoinRow(exec_id=exec_id, part=part, emi=emi, refer="", key=key, account=ACCOUNT, currency="USDT",
                  ticker=key.symbol, side=0 if Decimal(qty) > 0 else 1, qty=Decimal(qty), qty_rest=Decimal(0),
                  price=Decimal(price), theor_price=Decimal(price), trade_price=Decimal(price),
                  sumreal=-Decimal(qty) * Decimal(price), commiss=Decimal("0.1"), time=time, booked=time * 1000,
                  cl_ord_number=1)
    texts = {name: value for name, value in more.items() if isinstance(getattr(row, name), str)}
    numbers = {name: Decimal(value) for name, value in more.items() if name not in texts}
    return structs.replace(row, **texts, **numbers)
