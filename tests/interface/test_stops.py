"""The strip that names positions without a resting stop."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.view import OrderLine, PositionLine, View
from interface.presenters.stops import stop_strip, unstopped
from models import Category, Key, OrdStatus, OrdType, Side, Trigger

from .demo_feed import BTC, bot, instrument, key_of, make_view, order

D = Decimal
SOL = key_of("SOLUSDT")
RULES = {BTC: instrument("BTCUSDT"), SOL: instrument("SOLUSDT", "0.01", "1")}


def held(key: Key = BTC, qty: str = "0.250", owner: str = "grid1") -> PositionLine:
    return PositionLine(key, D(qty), D(1), D(qty), None, None, None, ((owner, D(qty)),))


def stop(qty: str = "0.250", side: Side = Side.SELL, owner: str = "grid1", key: Key = BTC,
         ord_type: OrdType = OrdType.STOP_MARKET, status: OrdStatus = OrdStatus.NEW) -> OrderLine:
    return replace(order(1, "1", side, owner, qty, key=key, status=status), price=None, ord_type=ord_type,
                   trigger=Trigger(D(60000)))


def view(*orders: OrderLine, positions: tuple[PositionLine, ...] = (held(),)) -> View:
    return replace(make_view(), orders=orders, positions=positions,
                   bots=(bot("grid1", "WORK"), bot("fund1", "SUSPENDED", SOL), bot(BTC.reserved, "RESERVED")))


def always(_key: Key) -> bool:
    return True


def test_a_position_without_a_stop_is_named() -> None:
    strip = stop_strip(view(positions=(held(), held(SOL, "-12", "fund1"))), RULES, always)

    assert strip is not None and strip.level == "warning"
    assert strip.text == "No stop at the venue: BTCUSDT +0.250 (grid1), SOLUSDT -12 (fund1)."


@pytest.mark.parametrize("ord_type", [OrdType.STOP_MARKET, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP])
def test_a_resting_stop_covers_it(ord_type: OrdType) -> None:
    assert stop_strip(view(stop(ord_type=ord_type)), RULES, always) is None
    short = held(SOL, "-12", "fund1")
    assert stop_strip(view(stop("12", Side.BUY, "fund1", SOL), positions=(short,)), RULES, always) is None


@pytest.mark.parametrize("other", [
    stop(side=Side.BUY), stop(owner="trend1"), stop(key=SOL), stop(ord_type=OrdType.TAKE_PROFIT_MARKET),
    stop(status=OrdStatus.UNKNOWN), stop(status=OrdStatus.PENDING_NEW), order(1, "61000", Side.SELL, "grid1")])
def test_what_is_no_stop_of_this_position_does_not(other: OrderLine) -> None:
    assert unstopped(view(other), always) == [(BTC, "grid1", D("0.250"))]


def test_a_stop_that_is_too_small_leaves_the_rest_named() -> None:
    assert unstopped(view(stop("0.100")), always) == [(BTC, "grid1", D("0.150"))]


def test_hand_made_positions_and_products_without_stops_are_left_out() -> None:
    assert stop_strip(view(positions=(held(owner=BTC.reserved),)), RULES, always) is None
    assert stop_strip(view(), RULES, lambda key: False) is None


def test_a_symbol_of_two_products_is_named_in_full() -> None:
    spot = BTC._replace(category=Category.SPOT)
    strip = stop_strip(replace(view(), configured=(BTC, spot)), RULES, always)

    assert strip is not None and strip.text == "No stop at the venue: BTCUSDT_Binance-F +0.250 (grid1)."


def test_many_are_counted() -> None:
    keys = [key_of(f"C{n}USDT") for n in range(6)]
    many = replace(view(positions=tuple(held(key) for key in keys)), bots=tuple(bot("grid1", "WORK", key)
                                                                               for key in keys))

    strip = stop_strip(many, RULES, always)
    assert strip is not None and strip.text.endswith("and 2 more.")
