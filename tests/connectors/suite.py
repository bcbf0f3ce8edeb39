"""What every product's connector must do, over real sockets. Subclassed once for each: `product` is all it says.

    class TestBitmexInverse(ConnectorSuite):
        product = INVERSE

A rule that one product alone has is tested beside its subclass, not here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import ClassVar

import pytest

from connectors.product import NO_KEYS
from connectors.venue import Cancelled
from models import (
    AccountSnapshot,
    Ack,
    AmendOrder,
    AskAccount,
    AskOrder,
    BalanceReport,
    Book,
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
    Silence,
    TimeInForce,
    Timings,
    VenueDown,
    VenueUp,
)
from tests.connectors.conftest import Exchange, ExchangeProduct, Product, Terminal, wait_for
from tests.connectors.money_suite import MoneySuite, PositionMoneySuite

Make = Callable[..., Terminal]
# A request may wait for the limiter of a busy test run, or for the second that its time is rounded to.
PATIENT = replace(Timings.quick(), resend_within=4.0, queue_limit=4.0)


def now_ms() -> int:
    """Our clock."""
    return round(time.time() * 1000)


class ConnectorSuite(MoneySuite):
    """The journeys."""

    product: ClassVar[Product]

    @pytest.fixture
    def controls(self, exchange: Exchange) -> ExchangeProduct:
        """The exchange's controls for this product."""
        return exchange.of(self.product)

    def accepted(self, controls: ExchangeProduct, cl_ord_id: str) -> int:
        """How many orders the exchange took under this id."""
        return sum(row["client_id"] == cl_ord_id for row in controls.truth("orders"))

    def frozen(self, terminal: Terminal, controls: ExchangeProduct) -> Book:
        """The book once nobody else trades and what they did last has come."""
        controls.fault("freeze", symbol=self.product.key.symbol)
        time.sleep(0.4)
        terminal.low()
        return terminal.board.books[self.product.key]

    # ------------------------------------------------------------ coming up, market data

    def test_comes_up_with_account_instruments_and_a_live_book(self, terminal: Terminal) -> None:
        key = self.product.key
        up = terminal.got(VenueUp)
        book = wait_for(lambda: (told := terminal.board.books.get(key)) and told.live and told)
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE and terminal.state)

        assert up.account and up.can_trade and [one.key for one in up.instruments] == [key]
        assert self.product.other is None or terminal.board.instruments[self.product.other].tick > 0
        assert book and book.bids[0][0] < book.asks[0][0]
        assert state and state.has_keys and state.account == up.account and abs(state.clock_offset_ms or 0) < 1000

    def test_ticker_best_prices_and_candles_reach_the_board(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        key = self.product.key
        for timeframe in ("1m", "3m"):
            terminal.venue.want_candles(key, timeframe)
        wait_for(lambda: all((told := terminal.board.candles.get((key, name))) and told.complete
                             for name in ("1m", "3m")))
        controls.trade("BUY", self.product.qty)

        ticker = wait_for(lambda: (told := terminal.board.tickers.get(key)) and told.last and told.day_open
                          and (told.index or key.category is Category.SPOT) and told)
        wait_for(lambda: terminal.board.candles[(key, "1m")].forming and terminal.board.candles[(key, "3m")].forming)
        top = wait_for(lambda: terminal.board.tops.get(key))
        assert ticker and top and top.bid < top.ask
        for timeframe, step in (("1m", 60_000), ("3m", 180_000)):
            series = terminal.board.candles[(key, timeframe)]
            assert len(series.closed) == 50
            assert all(after.time - before.time == step for before, after in pairwise(series.closed))

    def test_best_prices_only_needs_no_book(self, make: Make) -> None:
        terminal = make(quote_only=True).start()

        wait_for(lambda: self.product.key in terminal.board.tops)
        assert self.product.key not in terminal.board.books

    def test_leaving_a_symbol_and_watching_it_again(self, terminal: Terminal) -> None:
        key, other = self.product.key, self.product.other
        terminal.low()
        if other is not None:
            terminal.venue.watch(other)
            wait_for(lambda: (book := terminal.board.books.get(other)) and book.live)
        terminal.venue.unwatch(key)
        wait_for(lambda: not terminal.board.books[key].live)
        assert other is None or terminal.board.books[other].live

        terminal.venue.watch(key)

        wait_for(lambda: terminal.board.books[key].live)

    def test_a_muted_book_is_stale_within_its_bound_and_comes_back(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        key = self.product.key
        terminal.low()
        controls.fault("mute", stream=self.product.book_stream)
        begun = time.monotonic()
        controls.trade("BUY", self.product.large)

        wait_for(lambda: not terminal.board.books[key].live, 2.0)
        assert time.monotonic() - begun < 3 * terminal.timings.silence_book
        controls.exchange.calm()
        wait_for(lambda: terminal.board.books[key].live, 8.0)

    # ------------------------------------------------------------ orders

    def test_limit_order_is_placed_amended_and_cancelled(self, terminal: Terminal) -> None:
        price = terminal.low()
        order = terminal.order(price=price)
        placed = terminal.answer(order)
        lower, more = price - terminal.board.instruments[order.key].tick, order.qty * 2
        amended = terminal.answer(AmendOrder(order.key, order.cl_ord_id, placed.report.order_id, Side.BUY, more, lower,
                                             time.monotonic()))
        ended = terminal.answer(terminal.cancel(order, placed.report.order_id))

        assert isinstance(placed, Ack) and placed.report and placed.report.status is OrdStatus.NEW
        assert placed.report.cl_ord_id == order.cl_ord_id
        assert isinstance(amended, Ack) and amended.report and amended.report.cl_ord_id == order.cl_ord_id
        assert (amended.report.qty, amended.report.price) == (more, lower)
        assert isinstance(ended, Ack) and ended.report and ended.report.status is OrdStatus.CANCELED

    def test_market_order_gives_fill_balance_and_position(self, terminal: Terminal) -> None:
        order = terminal.order()
        ack = terminal.answer(order)
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

        assert isinstance(ack, Ack) and ack.report and ack.report.status is OrdStatus.FILLED
        instrument = terminal.board.instruments[order.key]
        pays = instrument.base if self.product.fee_in_base else instrument.settle
        assert fill.fee and fill.fee_currency == pays and fill.maker is False and fill.account
        terminal.got(BalanceReport, lambda one: one.currency == instrument.settle)
        if not self.product.is_spot:
            terminal.got(PositionReport, lambda one: one.key == order.key)

    def test_partial_fill_is_told_with_what_is_left(self, terminal: Terminal, controls: ExchangeProduct) -> None:
        book = self.frozen(terminal, controls)
        tick = terminal.board.instruments[self.product.key].tick
        price = book.bids[0][0] + tick if book.asks[0][0] - book.bids[0][0] > tick else book.bids[0][0]
        order = terminal.order(qty=self.product.large, price=price, tif=TimeInForce.GTX)
        terminal.answer(order)
        before = sum(qty for level, qty in book.bids if level >= price)
        controls.trade("SELL", str(before + Decimal(self.product.step)))
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

        assert fill.leaves_qty and 0 < fill.leaves_qty < order.qty and fill.maker is True
        terminal.answer(terminal.cancel(order))

    def test_refusals_say_what_they_mean(self, terminal: Terminal) -> None:
        order = terminal.order(price=terminal.low())
        terminal.answer(order)
        again = terminal.answer(replace(order, asked=time.monotonic()))
        gone = terminal.answer(terminal.cancel(terminal.order()))

        assert isinstance(again, Reject) and again.duplicate and again.sent
        assert isinstance(gone, Reject) and gone.gone and gone.text

    def test_post_only_that_would_take_does_not_trade(self, terminal: Terminal) -> None:
        high = terminal.low("1.01") + terminal.board.instruments[self.product.key].tick
        order = terminal.order(price=high, tif=TimeInForce.GTX)
        told = terminal.answer(order)

        refused = isinstance(told, Reject) and told.sent
        ended = isinstance(told, Ack) and told.report and told.report.status in (OrdStatus.CANCELED, OrdStatus.EXPIRED)
        assert refused or ended
        assert not [one for one in terminal.of(Execution) if one.cl_ord_id == order.cl_ord_id]

    @pytest.mark.parametrize(("fault", "taken"), [
        ({"name": "withhold", "seconds": 3}, 1), ({"name": "drop", "seconds": 3}, 0),
        ({"name": "status", "http": 502, "body": "<html>bad gateway</html>", "after": "accept"}, 1),
        ({"name": "status", "http": 200, "body": "{", "after": "accept"}, 1), ({"name": "reset", "after": "accept"}, 1),
    ], ids=["withheld", "dropped", "502", "half", "reset"])
    def test_unclear_outcomes_are_silence_and_never_sent_again(
            self, make: Make, controls: ExchangeProduct, fault: dict[str, object], taken: int) -> None:
        terminal = make(timings=replace(PATIENT, answer=1.0)).start()
        order = terminal.order(price=terminal.low())
        args = {name: value for name, value in fault.items() if name != "name"}
        controls.fault(str(fault["name"]), path=self.product.order_path, **args)

        outcome = terminal.answer(replace(order, asked=time.monotonic()))

        assert isinstance(outcome, Silence) and abs(outcome.expires - now_ms()) < 5_000
        time.sleep(0.3)
        assert self.accepted(controls, order.cl_ord_id) == taken
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id), 12.0)
        assert isinstance(found, OrderFound if taken else OrderAbsent)

    # ------------------------------------------------------------ questions

    def test_questions_about_orders_and_account(self, terminal: Terminal) -> None:
        key = self.product.key
        order = terminal.order(price=terminal.low())
        terminal.answer(order)
        found = terminal.answer(AskOrder(key, order.cl_ord_id))
        absent = terminal.answer(AskOrder(key, "1.never"))
        terminal.venue.post(AskAccount(key.market, key.category, "test"))
        account = terminal.got(AccountSnapshot)

        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.NEW
        assert isinstance(absent, OrderAbsent) and abs(absent.venue_time - now_ms()) < 5_000
        assert order.cl_ord_id in {one.cl_ord_id for one in account.orders}
        assert account.positions == () or not self.product.is_spot
        assert terminal.board.instruments[key].settle in {one.currency for one in account.balances}

    def test_history_equals_what_the_stream_told(self, terminal: Terminal) -> None:
        orders = [terminal.order(side=side) for side in (Side.BUY, Side.SELL, Side.BUY, Side.SELL)]
        for order in orders:
            terminal.answer(order)
        ids = {order.cl_ord_id for order in orders}
        terminal.got(Execution, lambda one: one.cl_ord_id in ids, count=4)
        time.sleep(0.2)
        told = {one.exec_id: one for one in terminal.of(Execution)}

        pages = terminal.history(since=now_ms() - 3_600_000)

        read = {one.exec_id: one for page in pages for one in page.executions}
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert set(told) <= set(read)
        for exec_id, fill in told.items():
            same = read[exec_id]
            assert (same.cl_ord_id, same.last_qty, same.fee, same.time, same.value) == (
                fill.cl_ord_id, fill.last_qty, fill.fee, fill.time, fill.value)

    # ------------------------------------------------------------ lines that break

    def test_fills_of_a_cut_are_all_in_the_history(self, make: Make, controls: ExchangeProduct) -> None:
        terminal = make(timings=PATIENT).start()
        terminal.low()
        since = now_ms() - 1000
        controls.fault("cut", seconds=1)
        terminal.got(VenueDown)
        orders = [terminal.order(side=side) for side in (Side.BUY, Side.SELL) * 3]
        for order in orders:
            told = terminal.answer(order)
            assert isinstance(told, Ack), told
        terminal.got(VenueUp, count=2, seconds=10.0)

        fills = {one.exec_id: one for page in terminal.history(since) for one in page.executions}

        ids = {order.cl_ord_id for order in orders}
        truth = {row["exec_id"]: row["client_id"] for row in controls.truth("executions") if row["client_id"] in ids}
        assert {exec_id: one.cl_ord_id for exec_id, one in fills.items() if one.cl_ord_id in ids} == truth
        assert set(truth.values()) == ids

    def test_an_order_that_fills_while_the_line_is_cut_is_known_afterwards(
            self, make: Make, controls: ExchangeProduct) -> None:
        terminal = make(timings=PATIENT).start()
        book = self.frozen(terminal, controls)
        since = now_ms() - 1000
        order = terminal.order(qty=self.product.large, price=book.bids[0][0], tif=TimeInForce.GTX)
        terminal.answer(order)
        before = book.bids[0][1]
        controls.trade("SELL", str(before + Decimal(self.product.step)))
        first = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        controls.fault("cut", seconds=1)
        terminal.got(VenueDown)
        controls.trade("SELL", str(order.qty))
        terminal.got(VenueUp, count=2, seconds=10.0)

        fills = [one for page in terminal.history(since) for one in page.executions
                 if one.cl_ord_id == order.cl_ord_id]
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id))

        assert first.exec_id in {one.exec_id for one in fills}
        assert sum(one.last_qty for one in fills) == order.qty
        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.FILLED

    def test_reconnect_on_wish_brings_everything_up_again(self, terminal: Terminal) -> None:
        terminal.low()
        terminal.venue.reconnect()
        terminal.got(VenueDown)
        terminal.got(VenueUp, count=2)
        wait_for(lambda: terminal.board.books[self.product.key].live)

        kinds = [type(one) for one in terminal.messages if isinstance(one, VenueUp | VenueDown)]
        assert kinds == [VenueUp, VenueDown, VenueUp]

    def test_a_clock_that_is_off_is_measured(self, make: Make, exchange: Exchange) -> None:
        exchange.control("clock", offset_ms=-10_000)
        terminal = make(timings=PATIENT).start()
        order = terminal.order(price=terminal.low())

        told = terminal.answer(order)
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE and terminal.state)

        assert isinstance(told, Ack) and state and abs((state.clock_offset_ms or 0) - 10_000) < 1_500

    def test_a_clock_that_jumps_while_we_run_costs_one_refusal(self, make: Make, exchange: Exchange) -> None:
        terminal = make(timings=PATIENT).start()
        price = terminal.low()
        exchange.control("clock", offset_ms=10_000)

        told = [terminal.answer(terminal.order(price=price)) for _ in range(2)]

        assert [type(one) for one in told] == [Ack, Ack]

    # ------------------------------------------------------------ keys and symbols

    def test_without_keys_there_is_market_data_only(self, make: Make) -> None:
        terminal = make(keys=False)
        terminal.venue.start()
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE and terminal.state)
        refused = terminal.answer(terminal.order())

        assert state and not state.has_keys and state.text == NO_KEYS
        assert isinstance(refused, Reject) and not refused.sent and NO_KEYS in refused.text
        assert terminal.of(VenueUp) == []

    def test_wrong_keys_leave_the_product_off_and_are_said_once(self, make: Make) -> None:
        terminal = make(secret="x" * 64)
        terminal.venue.start()
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.OFF and terminal.state)

        assert state and "not accepted" in state.problem and terminal.of(VenueUp) == []
        assert terminal.venue.wrong_setting().startswith("API_KEY: ")
        assert isinstance(terminal.answer(terminal.order()), Reject)
        assert len(terminal.of(Notice)) == 1 and self.product.key not in terminal.board.books
        terminal.venue.reconnect()
        terminal.got(Notice, count=2)

    def test_an_unknown_symbol_leaves_the_product_off_and_is_named(self, make: Make) -> None:
        terminal = make((self.product.key.symbol, "NOSUCHUSDT"))
        terminal.venue.start()
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.OFF and terminal.state)

        assert state and "NOSUCHUSDT is not listed" in state.problem and "NOSUCHUSDT" in terminal.got(Notice).text
        named = f"{self.product.key.category.value.upper()}_SYMBOLS: NOSUCHUSDT"
        assert terminal.venue.wrong_setting().startswith(named)
        assert self.product.key not in terminal.board.books and terminal.of(VenueUp) == []

    def test_what_rests_can_be_cancelled_while_a_wrong_symbol_keeps_the_product_off(
            self, terminal: Terminal, make: Make, controls: ExchangeProduct) -> None:
        order = terminal.order(price=terminal.low())
        terminal.answer(order)
        off = make((self.product.key.symbol, "NOSUCHUSDT"))
        off.venue.start()
        wait_for(lambda: off.state and off.state.health is Health.OFF)

        assert off.venue.cancel_everything() == Cancelled(1, 1, "", ((self.product.key.symbol, 1),))
        states = [str(row["status"]).upper() for row in controls.truth("orders")
                  if row["client_id"] == order.cl_ord_id]
        assert states == ["CANCELED"]

    # ------------------------------------------------------------ ending

    def test_cancel_everything_ends_all_orders_on_the_callers_thread(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        orders = [terminal.order(price=terminal.low()), terminal.order(price=terminal.low("0.97"))]
        for order in orders:
            terminal.answer(order)

        assert terminal.venue.cancel_everything() == Cancelled(1, 1, "", ((self.product.key.symbol, 2),))
        mine = {order.cl_ord_id for order in orders}
        states = {str(row["status"]).upper() for row in controls.truth("orders") if row["client_id"] in mine}
        assert states == {"CANCELED"}


class DerivativeSuite(ConnectorSuite, PositionMoneySuite):
    """The same, and what only products with positions have: funding, and what the venue does to a position."""
