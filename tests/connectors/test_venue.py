"""The connector against the bundled exchange over real sockets: the plain journeys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.product import NO_KEYS
from models import (
    Ack,
    AmendOrder,
    AskAccount,
    AskOrder,
    BalanceReport,
    Category,
    Execution,
    Health,
    Notice,
    OrderAbsent,
    OrderFound,
    OrdStatus,
    PositionReport,
    Reject,
    Side,
    SubmitOrder,
    TimeInForce,
    VenueDown,
    VenueUp,
)
from tests.connectors.conftest import BTC, ETH, Exchange, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]


def test_comes_up_with_account_instruments_and_a_live_book(terminal: Terminal) -> None:
    up = terminal.got(VenueUp)
    book = wait_for(lambda: (book := terminal.board.books.get(BTC)) and book.live and book)
    state = wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE and terminal.state)

    assert up.account.startswith("SIM-")
    assert up.can_trade
    assert [one.key for one in up.instruments] == [BTC]
    assert terminal.board.instruments[ETH].tick > 0
    assert book and book.bids[0][0] < book.asks[0][0]
    assert state and state.has_keys and state.account == up.account and abs(state.clock_offset_ms or 0) < 1000


def test_ticker_top_and_candles_reach_the_board(terminal: Terminal) -> None:
    terminal.venue.want_candles(BTC, "1m")
    terminal.venue.want_candles(BTC, "1m")
    wait_for(lambda: (series := terminal.board.candles.get((BTC, "1m"))) and series.complete)
    terminal.exchange.trade("BUY", "0.020")
    ticker = wait_for(lambda: (told := terminal.board.tickers.get(BTC)) and told.last and told.mark and told.day_open
                      and told.change_24h is not None and told.funding_rate is not None and told)
    wait_for(lambda: terminal.board.candles[(BTC, "1m")].forming)

    series = terminal.board.candles[(BTC, "1m")]
    assert ticker and ticker.next_funding
    assert len(series.closed) == 50
    assert all(after.time - before.time == 60_000
               for before, after in zip(series.closed, series.closed[1:], strict=False))
    assert terminal.board.tops[BTC].bid < terminal.board.tops[BTC].ask


def test_limit_order_is_placed_amended_and_cancelled(terminal: Terminal) -> None:
    price = terminal.low()
    order = terminal.order(price=price)
    placed = terminal.answer(order)
    amended = terminal.answer(AmendOrder(BTC, order.cl_ord_id, placed.report.order_id, Side.BUY, Decimal("0.02"),
                                         price - 1, time.monotonic()))
    ended = terminal.answer(terminal.cancel(order, placed.report.order_id))

    assert isinstance(placed, Ack) and placed.report and placed.report.status is OrdStatus.NEW
    assert placed.report.cl_ord_id == order.cl_ord_id
    assert isinstance(amended, Ack) and amended.report and amended.report.qty == Decimal("0.02")
    assert isinstance(ended, Ack) and ended.report and ended.report.status is OrdStatus.CANCELED


def test_market_order_gives_fill_balance_and_position(terminal: Terminal) -> None:
    order = terminal.order(qty="0.010")
    ack = terminal.answer(order)
    fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

    assert isinstance(ack, Ack) and ack.report and ack.report.status is OrdStatus.FILLED
    assert fill.exec_id.startswith("linear:BTCUSDT:") and fill.fee and fill.fee_currency == "USDT"
    assert fill.maker is False
    terminal.got(PositionReport)
    terminal.got(BalanceReport)


def test_partial_fill_is_told_with_what_is_left(terminal: Terminal) -> None:
    terminal.exchange.fault("freeze", symbol="BTCUSDT")
    terminal.low()
    book = terminal.board.books[BTC]
    price = book.bids[0][0] + Decimal("0.1") if book.asks[0][0] - book.bids[0][0] > Decimal("0.1") else book.bids[0][0]
    order = terminal.order(qty="0.500", price=price)
    terminal.answer(order)
    terminal.exchange.trade("SELL", str(sum(qty for level, qty in book.bids if level >= price) + Decimal("0.2")))
    fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

    assert fill.leaves_qty and 0 < fill.leaves_qty < Decimal("0.5") and fill.maker is True
    terminal.answer(terminal.cancel(order))


def test_post_only_that_would_take_and_cancel_of_nothing_are_rejects(terminal: Terminal) -> None:
    terminal.low()
    high = (terminal.board.books[BTC].asks[0][0] * Decimal("1.01")).quantize(Decimal("0.1"))
    refused = terminal.answer(terminal.order(price=high, tif=TimeInForce.GTX))
    gone = terminal.answer(terminal.cancel(terminal.order()))

    assert isinstance(refused, Reject) and refused.sent
    assert isinstance(gone, Reject) and gone.gone and gone.code == -2011


def test_second_order_with_an_open_id_is_a_duplicate(terminal: Terminal) -> None:
    order = terminal.order(price=terminal.low())
    terminal.answer(order)
    again = terminal.answer(replace(order, asked=time.monotonic()))

    assert isinstance(again, Reject) and again.duplicate


def test_questions_about_orders_and_account(terminal: Terminal) -> None:
    order = terminal.order(price=terminal.low())
    terminal.answer(order)
    found = terminal.answer(AskOrder(BTC, order.cl_ord_id))
    absent = terminal.answer(AskOrder(BTC, "1.never"))
    terminal.venue.post(AskAccount("Binance", Category.LINEAR, "test"))

    assert isinstance(found, OrderFound) and found.report.status is OrdStatus.NEW
    assert isinstance(absent, OrderAbsent) and abs(absent.venue_time - time.time() * 1000) < 5_000
    wait_for(lambda: any(type(one).__name__ == "AccountSnapshot" and
                         any(report.cl_ord_id == order.cl_ord_id for report in one.orders)  # type: ignore[union-attr]
                         for one in list(terminal.messages)))


def test_history_equals_what_the_stream_told(terminal: Terminal) -> None:
    orders = [terminal.order(side=side) for side in (Side.BUY, Side.SELL, Side.BUY, Side.SELL)]
    for order in orders:
        terminal.answer(order)
    ids = {order.cl_ord_id for order in orders}
    terminal.got(Execution, lambda one: one.cl_ord_id in ids, count=4)
    time.sleep(0.2)
    told = {one.exec_id: one for one in terminal.of(Execution)}

    pages = terminal.history(since=round(time.time() * 1000) - 3_600_000)

    read = {one.exec_id: one for page in pages for one in page.executions}
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert set(told) <= set(read)
    for exec_id, fill in told.items():
        assert (read[exec_id].cl_ord_id, read[exec_id].last_qty, read[exec_id].fee, read[exec_id].time) == (
            fill.cl_ord_id, fill.last_qty, fill.fee, fill.time)


def test_history_older_than_the_venue_keeps_says_where_it_begins(terminal: Terminal) -> None:
    pages = terminal.history(since=1_500_000_000_000)

    assert pages[-1].missing_from and pages[-1].missing_from > 1_500_000_000_000


def test_watching_another_symbol_and_leaving_it(terminal: Terminal) -> None:
    terminal.venue.watch(ETH)
    wait_for(lambda: (book := terminal.board.books.get(ETH)) and book.live)
    terminal.venue.unwatch(ETH)

    wait_for(lambda: not terminal.board.books[ETH].live)
    assert terminal.board.books[BTC].live


def test_a_deeper_book_is_published_when_it_is_wanted(terminal: Terminal) -> None:
    terminal.low()
    assert len(terminal.board.books[BTC].bids) <= 25

    terminal.board.wanted_depth[BTC] = 100

    wait_for(lambda: len(terminal.board.books[BTC].bids) > 25)


def test_best_prices_only_needs_no_book(make: Make) -> None:
    terminal = make(quote_only=True).start()

    wait_for(lambda: BTC in terminal.board.tops)
    assert BTC not in terminal.board.books


def test_without_keys_there_is_market_data_only(make: Make) -> None:
    terminal = make(keys=False)
    terminal.venue.start()
    state = wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE and terminal.state)
    refused = terminal.answer(terminal.order())

    assert state and not state.has_keys and state.text == NO_KEYS
    assert isinstance(refused, Reject) and not refused.sent and NO_KEYS in refused.text
    assert terminal.of(VenueUp) == []


def test_an_unknown_symbol_leaves_the_product_off_and_is_named(make: Make) -> None:
    terminal = make(("BTCUSDT", "NOSUCHUSDT"))
    terminal.venue.start()
    state = wait_for(lambda: terminal.state and terminal.state.health is Health.OFF and terminal.state)

    assert state and "NOSUCHUSDT is not listed" in state.problem and "NOSUCHUSDT" in terminal.got(Notice).text
    assert terminal.venue.wrong_setting().startswith("LINEAR_SYMBOLS: NOSUCHUSDT")
    assert BTC not in terminal.board.books and terminal.of(VenueUp) == []


def test_wrong_keys_leave_the_product_off_and_are_said_once(make: Make) -> None:
    terminal = make(secret="x" * 64)
    terminal.venue.start()
    state = wait_for(lambda: terminal.state and terminal.state.health is Health.OFF and terminal.state)

    assert state and "not accepted" in state.problem and terminal.of(VenueUp) == []
    assert terminal.venue.wrong_setting().startswith("API_KEY: ")
    assert isinstance(terminal.answer(terminal.order()), Reject)
    assert len(terminal.of(Notice)) == 1 and BTC not in terminal.board.books
    terminal.venue.reconnect()
    terminal.got(Notice, count=2)


def test_reconnect_on_wish_brings_everything_up_again(terminal: Terminal) -> None:
    terminal.low()
    terminal.venue.reconnect()
    terminal.got(VenueDown)
    terminal.got(VenueUp, count=2)
    wait_for(lambda: terminal.board.books[BTC].live)

    kinds = [type(one) for one in terminal.messages if isinstance(one, VenueUp | VenueDown)]
    assert kinds == [VenueUp, VenueDown, VenueUp]


def test_cancel_everything_ends_all_orders_on_the_callers_thread(terminal: Terminal, exchange: Exchange) -> None:
    orders = [terminal.order(price=terminal.low()), terminal.order(price=terminal.low("0.97"))]
    for order in orders:
        terminal.answer(order)

    assert terminal.venue.cancel_everything() == (1, 1, "")
    mine = {order.cl_ord_id for order in orders}
    assert {row["status"] for row in exchange.truth()["orders"] if row["client_id"] in mine} == {"CANCELED"}


def test_what_waits_at_the_stop_is_answered_as_not_sent(exchange: Exchange) -> None:
    terminal = Terminal(exchange).start()
    orders: list[SubmitOrder] = [terminal.order(price=terminal.low()) for _ in range(3)]
    exchange.fault("withhold", path="POST /fapi/v1/order", seconds=5)
    for order in orders:
        terminal.venue.post(order)
    time.sleep(0.2)
    terminal.close()

    answers = [one for order in orders for one in terminal.messages if getattr(one, "request", None) is order]
    assert [type(one).__name__ for one in answers] == ["Silence", "Reject", "Reject"]
    assert all(not one.sent for one in answers if isinstance(one, Reject))
    assert exchange.truth()["orders"][-1]["client_id"] == orders[0].cl_ord_id
