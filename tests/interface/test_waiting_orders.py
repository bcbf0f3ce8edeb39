"""Conditional orders where orders are shown: table, book, chart; labels of near prices do not hide each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands import Cancel
from engine.view import OrderLine
from interface.presenters.chart import Box, free_place
from interface.presenters.ladder import chips, make_ladder
from interface.presenters.tables import order_type
from models import OrdType, Side, Trigger

from .conftest import Driver
from .demo_feed import BTC, instrument, order

D = Decimal
T = OrdType


def waiting(number: int, ord_type: OrdType, trigger: Trigger, price: str | None = None, reduce: bool = False,
            side: Side = Side.SELL) -> OrderLine:
    """A conditional order that has not triggered."""
    return replace(order(number, "1", side), ord_type=ord_type, trigger=trigger, reduce_only=reduce, type_text="stop",
                   price=D(price) if price else None)


@pytest.mark.parametrize(("line", "words"), [
    (waiting(1, T.STOP_MARKET, Trigger(D("60000"))), "STOP 60\u2009000"),
    (waiting(1, T.STOP_LIMIT, Trigger(D("60000.50")), "60001", reduce=True), "STOP LMT 60\u2009000.5 RO"),
    (waiting(1, T.TAKE_PROFIT_MARKET, Trigger(D("62000"))), "TP 62\u2009000"),
    (waiting(1, T.TRAILING_STOP, Trigger(D("62000"), D("0.80"))), "TRAIL 0.8 %"),
    (replace(waiting(1, T.STOP_MARKET, Trigger(None)), trigger=None), "stop")])
def test_the_type_says_what_it_waits_for(line: OrderLine, words: str) -> None:
    assert order_type(line) == words


def test_a_waiting_order_stands_at_its_trigger_in_the_book() -> None:
    rules = instrument("BTCUSDT")
    ladder = make_ladder(D("61204.5"), D("0.1"), 10, rules)

    found, above, below = chips(ladder, (
        waiting(1, T.STOP_LIMIT, Trigger(D("61204.0")), "61000"), waiting(2, T.STOP_MARKET, Trigger(D("60000"))),
        waiting(3, T.TRAILING_STOP, Trigger(None, D(1)))), rules)

    assert [(ladder.prices[chip.row], chip.text, chip.kind) for chip in found] == [
        (D("61204.0"), "◇0.050 ✕", "waiting")]
    assert (above, below) == (0, 1)


def test_its_line_on_the_chart_is_dashed_and_its_cross_cancels(window: Driver) -> None:
    window.stage.change(orders=(waiting(1, T.STOP_MARKET, Trigger(D("61150"))), order(2, "61100.0")))
    window.draw()
    chart = window.app.layout.chart
    dashes = {place[4].side: window.item(chart.canvas, items[0], "dash")
              for place, items in zip(chart.marks._places, chart.marks._orders, strict=False)}
    assert dashes == {Side.SELL: "5 3", Side.BUY: ""}
    _left, right, top, bottom, _line = next(place for place in chart.marks._places if place[4].trigger is not None)
    window.click(chart.canvas, right - 8, (top + bottom) // 2)

    assert [cancel.order for cancel in window.sent(Cancel)] == ["1.BTCUSDT.linear"]


# ---------------------------------------------------------------- labels


@pytest.fixture
def small() -> Iterator[Driver]:
    driver = Driver((1280, 720))
    yield driver
    driver.app.destroy()


def test_three_orders_at_nearly_one_price_all_have_their_label(small: Driver) -> None:
    small.stage.change(orders=(*(order(n, f"61150.{n}") for n in range(3)), order(8, "61151", Side.SELL)))
    small.draw()

    places = [place[:4] for place in small.app.layout.chart.marks._places]
    assert len(places) == 4
    assert not [(a, b) for a in places for b in places if a is not b and hides(a, b)]
    edge = small.app.layout.chart.canvas.winfo_width() - small.app.layout.chart.axis
    assert all(0 <= left < right <= edge for left, right, _top, _bottom in places)


@given(st.lists(st.tuples(st.integers(40, 360), st.integers(60, 260)), max_size=9))
def test_no_label_hides_another(labels: list[tuple[int, int]]) -> None:
    taken: list[Box] = []
    for y, width in sorted(labels):
        place = free_place(taken, y, width, 8, 500, 8, 4, 0, 400)
        if place is not None:
            taken.append((place[0], place[0] + width, place[1] - 8, place[1] + 8))

    assert not [(a, b) for a in taken for b in taken if a is not b and hides(a, b)]


def hides(a: Box, b: Box) -> bool:
    """Whether two labels overlap."""
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def test_the_count_of_orders_out_of_sight_makes_way_for_a_chip(window: Driver) -> None:
    book = window.app.layout.book
    assert book.ladder is not None
    top = str(book.ladder.prices[0])
    window.stage.change(orders=(order(1, top, Side.SELL), order(2, "61900", Side.SELL)))
    window.draw()

    shown = [window.item(book.canvas, row.mine) for row in book.ladder_canvas._rows[:2]]
    assert shown == ["0.050 ✕", "▲ 1 more"]
    assert window.app.desk.key == BTC
