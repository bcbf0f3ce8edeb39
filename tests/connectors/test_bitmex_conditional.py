"""BitMEX's conditional orders and leverage: in the venue's words, and over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.bitmex import conditional, parse
from connectors.bitmex.rest import Endpoints
from core.numbers import multiple_down
from models import (
    Ack,
    AskOrder,
    CancelOrder,
    Execution,
    LeverageReport,
    Notice,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    Reject,
    SetLeverage,
    Side,
    SubmitOrder,
    TimeInForce,
    Trigger,
)
from tests.connectors.bitmex_rows import ORDER, XBT, contracts, raw
from tests.connectors.conftest import Exchange, Terminal, wait_for
from tests.connectors.test_products import INVERSE, LINEAR

Make = Callable[..., Terminal]
D = Decimal


def submitted(kind: OrdType, side: Side, trigger: Trigger, price: str = "",
              reduce_only: bool = False) -> dict[str, Any]:
    """The body of a placing at a price of 50000."""
    order = SubmitOrder(XBT, "7.bot", side, D(100), D(price) if price else None, kind, TimeInForce.GTC, reduce_only,
                        0.0, trigger)
    body: dict[str, Any] = json.loads(Endpoints(contracts, lambda key: D(50000)).submit(order).body)
    return body


@pytest.mark.parametrize(("kind", "price", "word"), [
    (OrdType.STOP_MARKET, "", "Stop"), (OrdType.STOP_LIMIT, "48900", "StopLimit"),
    (OrdType.TAKE_PROFIT_MARKET, "", "MarketIfTouched"), (OrdType.TAKE_PROFIT_LIMIT, "48900", "LimitIfTouched")])
def test_type_trigger_and_the_price_that_triggers_are_always_said(kind: OrdType, price: str, word: str) -> None:
    body = submitted(kind, Side.SELL, Trigger(D("49000.5"), None, True), price, reduce_only=True)

    assert (body["ordType"], body["stopPx"], body["execInst"]) == (word, 49000.5, "ReduceOnly,MarkPrice")
    assert body.get("price") == (48900 if price else None)
    assert body.get("timeInForce") == ("GoodTillCancel" if price else None)
    assert submitted(kind, Side.SELL, Trigger(D(49000)), price)["execInst"] == "LastPrice"


@pytest.mark.parametrize(("side", "callback", "offset"), [
    (Side.SELL, "1", -500), (Side.BUY, "1", 500), (Side.SELL, "0.0001", -0.1), (Side.BUY, "0.1234", 61.7)])
def test_a_trailing_stop_keeps_a_distance_in_price(side: Side, callback: str, offset: float) -> None:
    body = submitted(OrdType.TRAILING_STOP, side, Trigger(None, D(callback)))

    assert (body["ordType"], body["pegPriceType"], body["pegOffsetValue"]) == ("Stop", "TrailingStopPeg", offset)
    assert "stopPx" not in body


def test_what_a_trailing_stop_cannot_do_here_is_refused() -> None:
    order = SubmitOrder(XBT, "7.bot", Side.SELL, D(100), None, OrdType.TRAILING_STOP, TimeInForce.GTC, False, 0.0,
                        Trigger(D(51000), D(1)))

    assert "trails from its placing" in conditional.refusal(order, D(50000))
    assert "not known yet" in conditional.refusal(replace(order, trigger=Trigger(None, D(1))), None)
    assert conditional.refusal(replace(order, trigger=Trigger(None, D(1))), D(50000)) == ""


@pytest.mark.parametrize(("fields", "kind", "trigger"), [
    ({"ordType": "Stop", "stopPx": 49000, "execInst": "MarkPrice"}, OrdType.STOP_MARKET, Trigger(D(49000), None, True)),
    ({"ordType": "StopLimit", "stopPx": 49000, "execInst": "LastPrice"}, OrdType.STOP_LIMIT, Trigger(D(49000))),
    ({"ordType": "LimitIfTouched", "stopPx": 51000, "triggered": "NotTriggered"}, OrdType.TAKE_PROFIT_LIMIT,
     Trigger(D(51000))),
    ({"ordType": "Stop", "stopPx": 49500, "pegPriceType": "TrailingStopPeg", "pegOffsetValue": -500},
     OrdType.TRAILING_STOP, Trigger(None, D("1.00"))),
    ({"ordType": "Stop", "stopPx": 49000, "triggered": "StopOrderTriggered"}, OrdType.MARKET, None),
    ({"ordType": "StopLimit", "stopPx": 49000, "ordStatus": "PartiallyFilled"}, OrdType.LIMIT, None),
    ({"ordType": "Pegged", "stopPx": 49000}, None, None)])
def test_rows_say_whether_they_wait(fields: dict[str, Any], kind: OrdType | None, trigger: Trigger | None) -> None:
    told = parse.report(parse.order(raw({**ORDER, **fields})), contracts()["XBTUSD"])

    assert (told.ord_type, told.trigger) == (kind, trigger)


# ---------------------------------------------------------------- over real sockets

def at(terminal: Terminal, kind: OrdType, share: str, limit: str = "", callback: str = "") -> SubmitOrder:
    """A conditional sell order so far from the best bid."""
    price = terminal.low(share)
    wait_for(lambda: (told := terminal.board.tickers.get(terminal.product.key)) and told.last)
    return replace(terminal.order(Side.SELL), ord_type=kind, price=terminal.low(limit) if limit else None,
                   trigger=Trigger(None, D(callback)) if callback else Trigger(price))


def move(terminal: Terminal, share: str) -> None:
    """Trade the frozen market to a share of its best bid."""
    key = terminal.product.key
    price = multiple_down(terminal.low("1") * D(share), terminal.board.instruments[key].tick)
    terminal.exchange.control("price", market=key.market, category=key.category.value, symbol=key.symbol,
                              price=str(price))


def reports(terminal: Terminal, order: SubmitOrder) -> list[OrderReport]:
    return [one for one in terminal.of(OrderReport) if one.cl_ord_id == order.cl_ord_id]


@pytest.mark.late
class TestOverTheWire:
    """On XBTUSD."""

    product = INVERSE

    @pytest.mark.parametrize(("kind", "share", "limit", "callback"), [
        (OrdType.STOP_MARKET, "0.97", "", ""), (OrdType.TAKE_PROFIT_LIMIT, "1.03", "1.02", ""),
        (OrdType.TRAILING_STOP, "1", "", "2")])
    def test_it_waits_is_found_and_is_cancelled(
            self, terminal: Terminal, kind: OrdType, share: str, limit: str, callback: str) -> None:
        order = at(terminal, kind, share, limit, callback)
        placed = terminal.answer(order)
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id, "", conditional=True))
        ended = terminal.answer(CancelOrder(order.key, order.cl_ord_id, "", time.monotonic(), True))

        assert isinstance(placed, Ack) and isinstance(found, OrderFound) and isinstance(ended, Ack)
        for told in (placed.report, found.report):
            assert told is not None and told.status is OrdStatus.NEW and told.ord_type is kind
            assert (told.trigger, told.price) == (order.trigger and replace(
                order.trigger, callback=D(callback).quantize(D("0.01")) if callback else None), order.price)
        assert ended.report is not None and ended.report.status is OrdStatus.CANCELED

    def test_it_triggers_under_the_same_ids_and_fills(self, terminal: Terminal, exchange: Exchange) -> None:
        terminal.low()
        exchange.of(INVERSE).fault("freeze", symbol="XBTUSD")
        order = at(terminal, OrdType.STOP_MARKET, "0.995")
        placed = terminal.answer(order)
        move(terminal, "0.99")
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        last = wait_for(lambda: [one for one in reports(terminal, order) if one.status is OrdStatus.FILLED])

        assert fill.order_id == placed.report.order_id == last[-1].order_id
        assert last[-1].ord_type is OrdType.MARKET and last[-1].trigger is None

    def test_a_refusal_is_told_in_the_venues_words(self, terminal: Terminal) -> None:
        order = at(terminal, OrdType.STOP_MARKET, "0.97")
        wrong = replace(order, trigger=Trigger(D("49000.05")))

        told = terminal.answer(wrong)

        assert isinstance(told, Reject) and "stopPx" in told.text

    def test_leverage_is_told_changed_and_refused(self, make: Make) -> None:
        terminal = make(product=LINEAR).start()
        key = LINEAR.key
        first = terminal.got(LeverageReport, lambda one: one.key == key)
        wanted = 7 if first.leverage != 7 else 8
        terminal.venue.post(SetLeverage(key, wanted))
        told = terminal.got(LeverageReport, lambda one: one.leverage == wanted)
        terminal.venue.post(SetLeverage(key, 5000))
        notice = terminal.got(Notice)
        terminal.venue.post(SetLeverage(key, 0))
        cross = terminal.got(LeverageReport, lambda one: one.isolated is False)

        assert first.most == 100 and told.isolated is True and "Invalid leverage" in notice.text
        assert cross.key == key
