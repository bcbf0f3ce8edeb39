"""What only USD-M is asked over real sockets; the journeys of every product are those of `suite`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from models import (
    Execution,
    Reject,
    SubmitOrder,
    TimeInForce,
    VenueUp,
)
from tests.connectors.conftest import BTC, ETH, Exchange, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]


def test_account_and_executions_are_named_as_the_ledger_needs_them(terminal: Terminal) -> None:
    order = terminal.order(qty="0.010")
    terminal.answer(order)
    fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

    assert terminal.of(VenueUp)[0].account.startswith("SIM-")
    assert fill.exec_id.startswith("linear:BTCUSDT:") and fill.account.startswith("SIM-")


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
