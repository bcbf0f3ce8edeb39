"""Conditional orders of futures: REST rows and ALGO_UPDATE → our reports (binance.md 8.3 and 9.4). Total, as `parse`.

Such an order has an id of its own until it triggers, told as "algo-<id>". Then a plain order with another id, and with
a client id the exchange makes up, goes on in its place: `Algo.actual_id` joins the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from connectors.binance.parse import MARKET, decoder, finite, side_of, tif_of
from core.errors import BadMessage
from core.numbers import printable
from models import Category, Key, OrderReport, OrdStatus, OrdType, Side, TimeInForce, Trigger

PREFIX = "algo-"
WORDS = {OrdType.STOP_MARKET: "STOP_MARKET", OrdType.STOP_LIMIT: "STOP",
         OrdType.TAKE_PROFIT_MARKET: "TAKE_PROFIT_MARKET", OrdType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT",
         OrdType.TRAILING_STOP: "TRAILING_STOP_MARKET"}
TYPES = {word: kind for kind, word in WORDS.items()}
MARK, LAST = "MARK_PRICE", "CONTRACT_PRICE"
_STATUSES = {
    "NEW": OrdStatus.NEW, "TRIGGERING": OrdStatus.NEW, "TRIGGERED": OrdStatus.NEW, "CANCELED": OrdStatus.CANCELED,
    "REJECTED": OrdStatus.REJECTED, "EXPIRED": OrdStatus.EXPIRED,
    "FINISHED": OrdStatus.EXPIRED,       # without ever becoming a plain order
}
FINISHED = "FINISHED"       # the order it became has ended: that order's own reports say how
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Algo:
    """One conditional order as the venue tells it."""

    key: Key
    algo_id: int
    client_id: str
    state: str
    actual_id: str                   # of the plain order it became; "": none yet
    side: Side
    type_text: str
    tif: TimeInForce | None
    qty: Decimal
    price: Decimal | None
    trigger: Trigger
    reduce_only: bool
    time: int
    reason: str

    @property
    def is_waiting(self) -> bool:
        """It has not become a plain order, nor ended."""
        return self.state in ("NEW", "TRIGGERING") and not self.actual_id


class _Row(msgspec.Struct, rename="camel"):
    algo_id: int
    symbol: str
    side: str
    algo_status: str
    client_algo_id: str = ""
    order_type: str = ""
    type: str = ""              # older rows say this instead
    time_in_force: str = ""
    quantity: str | None = None
    price: str | None = None
    trigger_price: str | None = None
    activate_price: str | None = None
    callback_rate: str | None = None
    working_type: str = LAST
    reduce_only: bool = False
    close_position: bool = False
    actual_order_id: str | int | None = None
    create_time: int = 0
    update_time: int = 0


class _Told(msgspec.Struct):
    algo_id: int = msgspec.field(name="aid")
    symbol: str = msgspec.field(name="s")
    side: str = msgspec.field(name="S")
    state: str = msgspec.field(name="X")
    client_id: str = msgspec.field(name="caid", default="")
    type: str = msgspec.field(name="o", default="")
    tif: str = msgspec.field(name="f", default="")
    qty: str | None = msgspec.field(name="q", default=None)
    price: str | None = msgspec.field(name="p", default=None)
    trigger: str | None = msgspec.field(name="tp", default=None)
    activate: str | None = msgspec.field(name="AP", default=None)
    callback: str | None = msgspec.field(name="cr", default=None)
    working: str = msgspec.field(name="wt", default=LAST)
    reduce_only: bool = msgspec.field(name="R", default=False)
    close_position: bool = msgspec.field(name="cp", default=False)
    actual_id: str | int | None = msgspec.field(name="ai", default=None)
    reason: str = msgspec.field(name="rm", default="")


class _Event(msgspec.Struct):
    order: _Told = msgspec.field(name="o")
    time: int = msgspec.field(name="T", default=0)
    event_time: int = msgspec.field(name="E", default=0)


_row = decoder(_Row)
_rows = decoder(list[_Row])
_event = decoder(_Event)


def row(raw: bytes, category: Category) -> Algo:
    """One conditional order, from an acknowledgement or a question."""
    return _of_row(_row(raw), category)


def rows(raw: bytes, category: Category) -> tuple[Algo, ...]:
    """A list of them."""
    return tuple(_of_row(one, category) for one in _rows(raw))


def event(raw: bytes, category: Category) -> Algo:
    """An ALGO_UPDATE."""
    told = _event(raw)
    one = told.order
    return Algo(
        Key(MARKET, category, one.symbol), one.algo_id, one.client_id, _state(one.state), _id(one.actual_id),
        side_of(one.side), one.type, tif_of(one.tif), _qty("o.q", one.qty), _price("o.p", one.price),
        _trigger("o.tp", one.type, one.trigger, one.activate, one.callback, one.working),
        one.reduce_only or one.close_position, told.time or told.event_time, printable(one.reason, 120))


def report(algo: Algo) -> OrderReport | None:
    """The venue's opinion; None when the order it became tells it better. A triggered one has the plain order's id."""
    if algo.state == FINISHED and algo.actual_id:
        return None
    state = _STATUSES[algo.state]
    kind: OrdType | None = TYPES.get(algo.type_text)
    if algo.actual_id and state is OrdStatus.NEW:
        kind = OrdType.MARKET if algo.type_text.endswith("MARKET") else OrdType.LIMIT
    return OrderReport(
        key=algo.key, order_id=algo.actual_id or f"{PREFIX}{algo.algo_id}", cl_ord_id=algo.client_id or None,
        side=algo.side, ord_type=kind, tif=algo.tif, qty=algo.qty, price=algo.price, cum_qty=_ZERO, status=state,
        time=algo.time, reduce_only=algo.reduce_only, type_text=printable(algo.type_text, 40),
        reason=algo.reason if state.is_terminal else "", trigger=None if algo.actual_id else algo.trigger)


def forgotten(algo: Algo) -> OrderReport:
    """A triggered one whose plain order the venue does not keep: filled ones it would (binance.md 8.2)."""
    told = report(replace(algo, state="CANCELED"))
    assert told is not None
    return replace(told, reason="ended unfilled; the exchange keeps no more of it")


def _of_row(one: _Row, category: Category) -> Algo:
    kind = one.order_type or one.type
    return Algo(
        Key(MARKET, category, one.symbol), one.algo_id, one.client_algo_id, _state(one.algo_status),
        _id(one.actual_order_id),
        side_of(one.side), kind, tif_of(one.time_in_force), _qty("quantity", one.quantity),
        _price("price", one.price),
        _trigger("triggerPrice", kind, one.trigger_price, one.activate_price, one.callback_rate, one.working_type),
        one.reduce_only or one.close_position, one.update_time or one.create_time, "")


def _trigger(name: str, kind: str, trigger: str | None, activate: str | None, callback: str | None,
             working: str) -> Trigger:
    by_mark = working == MARK
    if kind == WORDS[OrdType.TRAILING_STOP]:
        return Trigger(_price("activatePrice", activate), _price("callbackRate", callback), by_mark)
    return Trigger(_price(name, trigger), None, by_mark)


def _state(word: str) -> str:
    if word not in _STATUSES:
        raise BadMessage(MARKET, f"field algoStatus = {printable(repr(word), 40)}: not known")
    return word


def _id(told: str | int | None) -> str:
    """"", "0" and 0 stand for none."""
    text = "" if told is None else str(told)
    if text and not (text.isascii() and text.isdigit()):
        raise BadMessage(MARKET, f"field actualOrderId = {printable(repr(text), 40)}: not an id")
    return "" if not text.strip("0") else text


def _qty(name: str, told: str | None) -> Decimal:
    """0: the whole position."""
    return _price(name, told) or _ZERO


def _price(name: str, told: str | None) -> Decimal | None:
    """None for "", "0" and nothing: there is none."""
    if not told:
        return None
    try:
        value = Decimal(told)
    except ArithmeticError:
        raise BadMessage(MARKET, f"field {name} = {printable(repr(told), 40)}: not a number") from None
    return finite(name, value, _ZERO) or None
