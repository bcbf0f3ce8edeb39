"""Binance spot passes the shared suite; and what it alone must do, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.binance import auth
from connectors.binance.rights import WITHDRAWS
from connectors.binance.spot import desk as spot_desk
from connectors.binance.spot.venue import NO_DEAD_MAN, NO_TRADE, BinanceSpot
from connectors.http import Call, Security
from core.secrets import Credentials, KnownSecrets
from models import (
    AccountSnapshot,
    Ack,
    AmendOrder,
    AskAccount,
    AskOrder,
    Book,
    CancelOrder,
    Category,
    Execution,
    Health,
    Key,
    Notice,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    Reject,
    Side,
    Silence,
    SubmitOrder,
    TimeInForce,
    Trigger,
    VenueDown,
    VenueUp,
)
from tests.connectors.conftest import Exchange, ExchangeProduct, Product, Terminal, wait_for
from tests.connectors.suite import PATIENT, ConnectorSuite

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]

BTC = Key("Binance", Category.SPOT, "BTCUSDT")
ETH = Key("Binance", Category.SPOT, "ETHUSDT")
SPOT = Product(BinanceSpot, BTC, ETH, "Binance", "0.001", "0.02", "0.008", "POST /api/v3/order", "btcusdt@depth")


@pytest.fixture(scope="module", autouse=True)
def stock(running: Exchange) -> None:
    """Some coins to sell: the account begins with money only."""
    running.calm()
    terminal = Terminal(running, product=SPOT).start()
    order = terminal.order(qty="0.02")
    assert isinstance(terminal.answer(order), Ack)
    terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
    terminal.close()


class TestBinanceSpot(ConnectorSuite):
    """Binance spot."""

    product = SPOT


class TestSpotAlone:
    """Rules that spot alone has."""

    product = SPOT

    def frozen(self, terminal: Terminal, controls: ExchangeProduct) -> Book:
        """The book once nobody else trades."""
        return ConnectorSuite.frozen(cast(ConnectorSuite, self), terminal, controls)

    def placed(self, terminal: Terminal, price: Decimal, tif: TimeInForce = TimeInForce.GTC,
               side: Side = Side.BUY, qty: str = "") -> tuple[SubmitOrder, OrderReport]:
        """An order that rests."""
        order = terminal.order(side=side, qty=qty, price=price, tif=tif)
        ack = terminal.answer(order)
        assert isinstance(ack, Ack) and ack.report
        return order, ack.report

    def move(self, terminal: Terminal, order: SubmitOrder, report: OrderReport, qty: str, price: Decimal) -> Any:
        """The answer to a move."""
        return terminal.answer(AmendOrder(order.key, order.cl_ord_id, report.order_id, order.side, Decimal(qty), price,
                                          time.monotonic()))

    # ------------------------------------------------------------ moving

    def test_a_smaller_quantity_keeps_the_order(self, terminal: Terminal) -> None:
        price = terminal.low()
        order, report = self.placed(terminal, price, qty="0.002")
        moved = self.move(terminal, order, report, "0.001", price)

        assert isinstance(moved, Ack) and moved.report and moved.report.order_id == report.order_id
        assert (moved.report.qty, moved.report.cl_ord_id) == (Decimal("0.001"), order.cl_ord_id)

    @pytest.mark.parametrize("tif", [TimeInForce.GTC, TimeInForce.GTX])
    def test_another_price_is_another_order_of_the_same_id_and_no_end_is_told(
            self, terminal: Terminal, tif: TimeInForce) -> None:
        price = terminal.low()
        order, report = self.placed(terminal, price, tif)
        moved = self.move(terminal, order, report, "0.001", price - 10)
        assert isinstance(moved, Ack) and moved.report
        again = self.move(terminal, order, report, "0.001", price - 20)     # by the venue id of the first
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id, report.order_id))
        time.sleep(0.2)

        assert moved.report.order_id != report.order_id and moved.report.cl_ord_id == order.cl_ord_id
        assert moved.report.tif is tif and moved.report.price == price - 10
        assert isinstance(again, Ack) and again.report and again.report.price == price - 20
        assert isinstance(found, OrderFound) and found.report.order_id == again.report.order_id
        told = [one for one in terminal.of(OrderReport) if one.cl_ord_id == order.cl_ord_id]
        assert told and {one.status for one in told} == {OrdStatus.NEW}
        ended = terminal.answer(terminal.cancel(order, report.order_id))
        assert isinstance(ended, Ack) and ended.report and ended.report.status is OrdStatus.CANCELED

    def test_a_move_whose_answer_is_lost_is_found_by_asking(self, make: Make, exchange: Exchange) -> None:
        terminal = make(timings=replace(PATIENT, answer=1.0)).start()
        price = terminal.low()
        order, report = self.placed(terminal, price)
        exchange.fault("reset", path="POST /api/v3/order/cancelReplace", after="accept")
        silence = self.move(terminal, order, report, "0.001", price - 10)
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id, report.order_id), 12.0)

        assert isinstance(silence, Silence)
        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.NEW
        assert found.report.order_id != report.order_id and found.report.price == price - 10

    def test_a_partly_filled_order_stands_and_can_only_be_placed_anew(
            self, terminal: Terminal, exchange: Exchange) -> None:
        book = self.frozen(terminal, exchange.of(SPOT))
        price = book.bids[0][0]
        order, report = self.placed(terminal, price, TimeInForce.GTX, qty="0.02")
        exchange.of(SPOT).trade("SELL", str(book.bids[0][1] + Decimal("0.008")))
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        refused = self.move(terminal, order, report, "0.02", price - 10)
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id))
        smaller = self.move(terminal, order, report, "0.015", price)

        assert isinstance(refused, Reject) and refused.text == spot_desk.PARTLY_FILLED and not refused.gone
        assert refused.anew
        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.PARTIALLY_FILLED
        assert isinstance(smaller, Ack) and smaller.report and smaller.report.cum_qty == Decimal("0.008")

    def test_a_move_that_ends_half_done_says_that_the_order_has_ended(self, terminal: Terminal) -> None:
        order, report = self.placed(terminal, terminal.low(), TimeInForce.GTX)
        crossing = terminal.low("1.01")
        moved = self.move(terminal, order, report, "0.001", crossing)
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id))

        assert isinstance(moved, Ack) and moved.report and moved.report.status is OrdStatus.CANCELED
        assert "refused" in moved.report.reason and "immediately match" in moved.report.reason
        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.CANCELED

    def test_a_fill_in_the_middle_of_a_move_refuses_it(self, terminal: Terminal, exchange: Exchange) -> None:
        price = terminal.low("0.9995")
        order, report = self.placed(terminal, price)
        exchange.fault("fill_on_cancel", symbol="BTCUSDT", category="spot")
        told = self.move(terminal, order, report, "0.001", price - 10)

        assert isinstance(told, Reject) and told.gone and told.sent
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        assert exchange.of(SPOT).truth("orders")[-1]["client_id"] == order.cl_ord_id
        assert exchange.of(SPOT).truth("orders")[-1]["status"] == "FILLED"

    def test_a_fill_that_the_move_finds_is_told_like_one_that_was_known(
            self, terminal: Terminal, exchange: Exchange) -> None:
        book = self.frozen(terminal, exchange.of(SPOT))
        order, report = self.placed(terminal, book.bids[0][0], TimeInForce.GTX, qty="0.02")
        time.sleep(1.2)
        exchange.fault("lag", path="GET /api/v3/order", seconds=1)      # the question shows it unfilled
        exchange.of(SPOT).trade("SELL", str(book.bids[0][1] + Decimal("0.008")))
        told = self.move(terminal, order, report, "0.02", book.bids[0][0] - 10)
        exchange.calm()

        assert isinstance(told, Reject) and told.anew and "cancel restrictions" in told.text
        found = terminal.answer(AskOrder(order.key, order.cl_ord_id))
        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.PARTIALLY_FILLED

    def test_an_ended_order_cannot_be_moved(self, terminal: Terminal) -> None:
        price = terminal.low()
        order, report = self.placed(terminal, price)
        terminal.answer(terminal.cancel(order))

        told = self.move(terminal, order, report, "0.001", price - 10)

        assert isinstance(told, Reject) and told.gone

    # ------------------------------------------------------------ orders

    def test_there_is_no_short_and_the_venues_no_says_so(self, terminal: Terminal) -> None:
        terminal.low()
        told = terminal.answer(terminal.order(side=Side.SELL, qty="5"))

        assert isinstance(told, Reject) and told.sent and told.code == -2010
        assert "insufficient balance" in told.text and "no short" in told.text

    @pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
    def test_what_may_not_rest_ends(self, terminal: Terminal, tif: TimeInForce) -> None:
        told = terminal.answer(terminal.order(price=terminal.low(), tif=tif))

        assert isinstance(told, Ack) and told.report and told.report.status is OrdStatus.EXPIRED
        assert told.report.tif is tif and not told.report.cum_qty

    def test_filters_are_the_venues_words(self, terminal: Terminal) -> None:
        price = terminal.low()
        told = [terminal.answer(terminal.order(price=one, qty=qty)) for one, qty in (
            (price + Decimal("0.001"), "0.001"), (price, "0.00001"), (price, "0.0010000001"))]

        assert all(isinstance(one, Reject) and one.sent for one in told)
        assert [one.code for one in told] in ([-1013, -1013, -1013], [-1013, -1013, -1111])
        assert "NOTIONAL" in told[1].text

    def test_a_stop_rests_triggers_and_fills_under_its_id(self, terminal: Terminal, exchange: Exchange) -> None:
        book = self.frozen(terminal, exchange.of(SPOT))
        below, above = book.bids[0][0] - 20, book.asks[0][0] + 20
        stop, wrong = (replace(terminal.order(side=Side.SELL), ord_type=OrdType.STOP_MARKET, trigger=Trigger(one))
                       for one in (below, above))
        placed, refused = terminal.answer(stop), terminal.answer(replace(wrong, asked=time.monotonic()))
        terminal.venue.post(AskAccount("Binance", Category.SPOT))
        resting = {one.cl_ord_id: one for one in terminal.got(AccountSnapshot).orders}[stop.cl_ord_id]
        exchange.control("price", market="Binance", category="spot", symbol="BTCUSDT", price=str(below - 5))
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == stop.cl_ord_id)
        found = terminal.answer(AskOrder(stop.key, stop.cl_ord_id, conditional=True))

        assert isinstance(placed, Ack) and placed.report and placed.report.status is OrdStatus.NEW
        assert isinstance(refused, Reject) and "trigger immediately" in refused.text
        assert (resting.ord_type, resting.trigger) == (OrdType.STOP_MARKET, Trigger(below))
        assert fill.order_id == placed.report.order_id
        assert isinstance(found, OrderFound) and found.report.status is OrdStatus.FILLED
        assert found.report.ord_type is OrdType.MARKET and found.report.trigger is None

    @pytest.mark.parametrize(("ord_type", "price", "trigger"), [
        (OrdType.STOP_LIMIT, "-40", Trigger(Decimal("-30"))), (OrdType.TAKE_PROFIT_LIMIT, "40", Trigger(Decimal(30))),
        (OrdType.TAKE_PROFIT_MARKET, None, Trigger(Decimal(30))),
        (OrdType.TRAILING_STOP, None, Trigger(None, Decimal("1.5")))])
    def test_conditional_orders_rest_and_are_cancelled(
            self, terminal: Terminal, ord_type: OrdType, price: str | None, trigger: Trigger) -> None:
        at = terminal.low("1")
        given = replace(trigger, price=None if trigger.price is None else at + trigger.price)
        order = replace(terminal.order(side=Side.SELL), ord_type=ord_type, trigger=given,
                        price=None if price is None else at + Decimal(price))
        placed = terminal.answer(order)
        ended = terminal.answer(replace(terminal.cancel(order), conditional=True))

        assert isinstance(placed, Ack) and placed.report and placed.report.ord_type is ord_type
        assert placed.report.trigger is not None and placed.report.trigger.callback == trigger.callback
        assert trigger.price is None or placed.report.trigger == given
        assert isinstance(ended, Ack) and ended.report and ended.report.status is OrdStatus.CANCELED

    def test_what_spot_does_not_know_is_not_sent(self, terminal: Terminal) -> None:
        at = terminal.low()
        by_mark = replace(terminal.order(side=Side.SELL), ord_type=OrdType.STOP_MARKET, trigger=Trigger(at, None, True))
        told = terminal.answer(by_mark)

        assert isinstance(told, Reject) and not told.sent and spot_desk.BY_MARK in told.text

    # ------------------------------------------------------------ faults

    @pytest.mark.parametrize("kind", ["drop", "swap"])
    def test_a_missing_diff_is_stale_then_live(self, terminal: Terminal, exchange: Exchange, kind: str) -> None:
        terminal.low()
        seen: list[Book] = []
        builder = terminal.venue._pool._public[0].stream._feed._symbols[BTC].book
        show = builder._publish

        def look(book: Book) -> None:
            seen.append(book)
            show(book)

        builder._publish = look
        exchange.fault("diff", kind=kind, symbol="BTCUSDT", category="spot")
        for _ in range(6):
            exchange.of(SPOT).trade("BUY", "0.01")
            time.sleep(0.05)
        wait_for(lambda: terminal.board.books[BTC].resyncs >= 1 and terminal.board.books[BTC].live)

        lost = next(book for book in seen if not book.live)
        assert "missing" in lost.reason and all(book.bids[0][0] <= book.asks[0][0] for book in seen if book.live)

    def test_at_quiet_the_book_equals_the_exchanges(self, terminal: Terminal, exchange: Exchange) -> None:
        self.frozen(terminal, exchange.of(SPOT))
        exchange.of(SPOT).trade("BUY", "0.05")
        time.sleep(0.4)
        told = requests.get(exchange.binance["http"] + "/api/v3/depth?symbol=BTCUSDT&limit=20", timeout=5).json()

        book = terminal.board.books[BTC]
        assert book.live
        for side, mine in (("bids", book.bids), ("asks", book.asks)):
            assert [(Decimal(price), Decimal(qty)) for price, qty in told[side][:10]] == list(mine[:10])

    def test_repeated_events_pass_with_the_same_ids(self, terminal: Terminal, exchange: Exchange) -> None:
        exchange.fault("event", kind="repeat", copies=3, event="executionReport", category="spot")
        order = terminal.order()
        terminal.answer(order)
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id, count=3)

        mine = {one.exec_id for one in terminal.of(Execution) if one.cl_ord_id == order.cl_ord_id}
        truth = {row["exec_id"] for row in exchange.of(SPOT).truth("executions") if row["client_id"] == order.cl_ord_id}
        assert mine == truth

    def test_an_ended_subscription_is_begun_anew(self, terminal: Terminal, exchange: Exchange) -> None:
        exchange.fault("listen_key")
        down = terminal.got(VenueDown)
        terminal.got(VenueUp, count=2)
        order = terminal.order()
        terminal.answer(order)

        assert "ended the account's stream" in down.text
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

    def test_a_subscription_refused_for_its_time_is_made_with_the_right_one(
            self, terminal: Terminal, exchange: Exchange) -> None:
        terminal.low()
        exchange.control("clock", offset_ms=10_000)
        exchange.fault("cut")
        terminal.got(VenueDown)

        terminal.got(VenueUp, count=2, seconds=10.0)

        assert abs((terminal.venue._sync.offset_ms() or 0) + 10_000) < 1_500

    def test_a_ban_is_shown_and_no_request_leaves(self, terminal: Terminal, exchange: Exchange) -> None:
        terminal.low()
        exchange.fault("ban", seconds=2)
        terminal.venue.post(AskAccount("Binance", Category.SPOT))
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.BANNED and terminal.state)
        refused = terminal.answer(terminal.order(price=Decimal(60000)))

        assert state and state.banned_until and "banned" in state.text
        assert isinstance(refused, Reject) and not refused.sent and "waited" in refused.text
        terminal.got(AccountSnapshot, seconds=8.0)

    def test_a_key_that_may_withdraw_is_refused(self, make: Make, exchange: Exchange) -> None:
        exchange.fault("withdraw")
        terminal = make().start()
        up = terminal.got(VenueUp)
        refused = terminal.answer(terminal.order())

        assert not up.can_trade and up.text == WITHDRAWS
        assert isinstance(refused, Reject) and not refused.sent and "withdraw" in refused.text

    def test_an_account_that_may_not_trade_is_said(self, make: Make, exchange: Exchange) -> None:
        exchange.fault("status", path="GET /api/v3/account", http=200,
                       body={"uid": 7, "canTrade": False, "balances": []})
        up = make().start().got(VenueUp)

        assert not up.can_trade and up.text == NO_TRADE and up.account == "7"

    def test_an_ed25519_key_signs_requests_and_the_subscription(
            self, make: Make, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        key = exchange.control("key", public_key=public)["api_key"]
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        monkeypatch.setitem(exchange.ready, "binance", {**exchange.binance, "api_key": key, "api_secret": pem})
        terminal = make().start()
        order = terminal.order()
        told = terminal.answer(order)

        assert isinstance(told, Ack)
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

    def test_the_dead_man_switch_that_spot_lacks_is_told(self, make: Make) -> None:
        terminal = make()
        terminal.venue.config = replace(terminal.venue.config, dead_man_s=60.0)
        terminal.start()

        assert [one.text for one in terminal.of(Notice)] == [NO_DEAD_MAN]

    def test_orders_of_the_web_site_are_shown_and_cancelled_by_their_venue_id(
            self, terminal: Terminal, exchange: Exchange) -> None:
        price = terminal.low()
        told, now_ms = exchange.ready["binance"], terminal.venue._sync.now_ms()
        credentials = Credentials(told["api_key"], told["api_secret"], KnownSecrets())
        made = auth.prepare(Call("POST", "/api/v3/order", (
            ("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("quantity", "0.001"),
            ("price", str(price)), ("newClientOrderId", "web_12-x")), Security.SIGNED), credentials, now_ms, 5000)
        answer = requests.post(told["http"] + made.url, data=made.body, headers=dict(made.headers), timeout=5)
        assert answer.status_code == 200, answer.text

        report = terminal.got(OrderReport, lambda one: one.cl_ord_id == "web_12-x")
        ended = terminal.answer(CancelOrder(BTC, "web_12-x", report.order_id, time.monotonic()))

        assert isinstance(ended, Ack) and ended.report and ended.report.cl_ord_id == "web_12-x"
        terminal.got(OrderReport, lambda one: one.cl_ord_id == "web_12-x" and one.status is OrdStatus.CANCELED)
