"""Conditional orders and leverage through the engine: what is asked, how an order triggers, what the view tells."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine import orders
from engine.commands import Cancel, ChangeLeverage
from engine.lines import type_text
from models import (
    Ack,
    CancelOrder,
    Category,
    Key,
    LeverageReport,
    OrdStatus,
    OrdType,
    SetLeverage,
    Side,
    SubmitOrder,
    Trigger,
)
from tests.support.build import BTC, T0, order, place, report
from tests.support.drive import Driver

D = Decimal
STOP = Trigger(D(48000))


def stop(driver: Driver) -> str:
    """A sell stop that the venue has taken, outside its book."""
    name = driver.verdict(place(side=Side.SELL, price=None, ord_type=OrdType.STOP_MARKET, trigger=STOP,
                                reduce_only=False)).cl_ord_id
    request = next(r for r in driver.requests if isinstance(r, SubmitOrder))
    driver.send(Ack(request, report(cl_ord_id=name, order_id="algo-7", qty="1", price=None, side=Side.SELL,
                                    ord_type=OrdType.STOP_MARKET, trigger=STOP)))
    return name


def test_the_trigger_goes_out_and_stays_with_the_row() -> None:
    driver = Driver()

    name = stop(driver)

    request = next(r for r in driver.requests if isinstance(r, SubmitOrder))
    assert (request.ord_type, request.price, request.trigger) == (OrdType.STOP_MARKET, None, STOP)
    row = driver.order(name)
    assert (row.status, row.order_id, row.trigger, row.is_waiting) == (OrdStatus.NEW, "algo-7", STOP, True)
    assert type_text(row) == "stop"


def test_an_order_that_triggered_goes_on_under_its_new_id_and_is_cancelled_as_a_plain_one() -> None:
    driver = Driver()
    name = stop(driver)

    driver.send(report(cl_ord_id=name, order_id="9001", qty="1", price=None, side=Side.SELL, ord_type=OrdType.MARKET,
                       time=T0 + 500))
    row = driver.order(name)
    driver.send(Cancel("c", BTC, name))

    assert (row.order_id, row.trigger, row.is_waiting) == ("9001", None, False)
    sent = next(r for r in driver.requests if isinstance(r, CancelOrder))
    assert (sent.order_id, sent.conditional) == ("9001", False)


def test_a_late_word_about_the_waiting_order_does_not_take_it_back() -> None:
    row = order(ord_type=OrdType.STOP_MARKET, price=None, order_id="9001", updated=T0 + 500)

    told = orders.reported(row, report(order_id="algo-7", ord_type=OrdType.STOP_MARKET, price=None, trigger=STOP,
                                       time=T0 + 100))

    assert (told.order_id, told.trigger) == ("9001", None)


def test_a_waiting_order_is_cancelled_as_a_conditional_one() -> None:
    driver = Driver()
    name = stop(driver)

    driver.send(Cancel("c", BTC, name))

    sent = next(r for r in driver.requests if isinstance(r, CancelOrder))
    assert (sent.order_id, sent.conditional) == ("algo-7", True)


def test_leverage_is_asked_for_within_what_the_venue_offers() -> None:
    driver = Driver()
    driver.send(LeverageReport(BTC, D(10), False, 50))

    assert driver.verdict(ChangeLeverage("a", BTC, 20)).ok
    assert driver.requests[-1] == SetLeverage(BTC, 20)
    no = driver.verdict(ChangeLeverage("b", BTC, 51))
    assert no.refusal is not None and "1 to 50" in no.refusal.text
    spot = driver.verdict(ChangeLeverage("c", Key("Binance", Category.SPOT, "BTCUSDT"), 2))
    assert spot.refusal is not None and spot.refusal.text == "spot has no leverage"


def test_leverage_told_before_the_venue_is_up_is_kept() -> None:
    driver = Driver(recovered=False)
    driver.send(LeverageReport(BTC, D(10), False, 50))

    driver.recover(BTC)

    assert driver.core.state.venues[("Binance", Category.LINEAR)].leverages == (LeverageReport(BTC, D(10), False, 50),)


@pytest.mark.parametrize("kept", [D(10), None])
def test_a_report_of_the_margin_type_alone_keeps_the_leverage(kept: Decimal | None) -> None:
    driver = Driver()
    driver.send(LeverageReport(BTC, kept, False, 50))

    driver.send(LeverageReport(BTC, None, True))

    assert driver.core.state.venues[("Binance", Category.LINEAR)].leverages == (LeverageReport(BTC, kept, True, 50),)
