"""Every product passes the shared suite, and what one of them alone must do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors import venue_class
from connectors.binance.venue import Binance
from connectors.bitmex import venue as bitmex
from connectors.bitmex.venue import WITHDRAWS, Bitmex
from connectors.http import Call
from connectors.limiter import Limiter
from core.errors import ConfigError
from models import (
    AccountSnapshot,
    Ack,
    AskAccount,
    Category,
    Execution,
    Health,
    Key,
    Notice,
    Reject,
    Side,
    Silence,
    VenueUp,
)
from tests.connectors.conftest import COINM, USDM, Exchange, Product, Terminal, wait_for
from tests.connectors.suite import PATIENT, ConnectorSuite, DerivativeSuite

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]

ORDER = "POST /api/v1/order"
XBTUSD = Key("Bitmex", Category.INVERSE, "XBTUSD")
INVERSE = Product(Bitmex, XBTUSD, None, "BitMEX-I", "100", "1000", "400", ORDER, "orderBook10:XBTUSD")
LINEAR = Product(Bitmex, Key("Bitmex", Category.LINEAR, "XBTUSDT"), None, "BitMEX-L", "1000", "10000", "4000", ORDER,
                 "orderBook10:XBTUSDT")
QUANTO = Product(Bitmex, Key("Bitmex", Category.QUANTO, "ETHUSD"), None, "BitMEX-Q", "10", "50", "20", ORDER,
                 "orderBook10:ETHUSD")
SPOT = Product(Bitmex, Key("Bitmex", Category.SPOT, "XBT_USDT"), Key("Bitmex", Category.SPOT, "ETH_USDT"),
               "BitMEX-spot", "0.001", "0.05", "0.02", ORDER, "orderBook10:XBT_USDT")


class TestBinanceLinear(DerivativeSuite):
    """Binance USD-M."""

    product = USDM


class TestBinanceInverse(DerivativeSuite):
    """Binance COIN-M."""

    product = COINM


class TestBinanceInverseAlone:
    """Rules that COIN-M alone has."""

    product = COINM

    def test_fills_are_contracts_with_fees_in_the_coin_and_balances_are_coins(self, terminal: Terminal) -> None:
        order = terminal.order(side=Side.BUY)
        terminal.answer(order)
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        known = [one for page in terminal.history() for one in page.executions if one.cl_ord_id == order.cl_ord_id]
        snapshot = self.account(terminal)

        worth = fill.last_qty * 100 / fill.last_px
        assert fill.exec_id.startswith("inverse:BTCUSD_PERP:") and fill.fee_currency == "BTC"
        assert fill.fee is not None and abs(fill.fee - worth * Decimal("0.0005")) <= Decimal("1e-8")
        assert known and known[0].fee == fill.fee
        assert {one.currency for one in snapshot.balances} >= {"BTC", "ETH"}
        assert all(one.key.category is Category.INVERSE for one in snapshot.positions)

    def test_candles_older_than_the_longest_question_are_paged_from_the_end(self, make: Make) -> None:
        terminal = make()
        terminal.venue._pool._loader._wanted = 600
        asked: list[dict[str, str]] = []
        send = terminal.venue._loader_rest.send

        def counted(call: Call) -> object:
            if call.path.endswith("klines"):
                asked.append(dict(call.params))
            return send(call)

        terminal.venue._loader_rest.send = counted
        terminal.start()
        terminal.venue.want_candles(COINM.key, "1d")
        wait_for(lambda: (told := terminal.board.candles.get((COINM.key, "1d"))) and told.complete)

        paged = [one for one in asked if "endTime" in one]
        assert paged and all(int(one["endTime"]) - int(one["startTime"]) <= 200 * 86_400_000 for one in paged)

    def test_both_futures_products_count_against_one_limit(self, make: Make) -> None:
        limiter = Limiter(())
        coin, usd = make(limiter=limiter).start(), make(product=USDM, limiter=limiter).start()
        kinds = {(one.budget.kind, one.budget.seconds) for one in limiter._windows}
        order = coin.order()
        coin.answer(order)
        coin.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

        assert coin.venue.limiter is usd.venue.limiter is limiter
        assert kinds == {("weight", 60), ("orders", 10), ("orders", 60)}
        assert coin.got(VenueUp).account == usd.got(VenueUp).account and usd.of(Execution) == []

    @staticmethod
    def account(terminal: Terminal) -> AccountSnapshot:
        terminal.venue.post(AskAccount("Binance", Category.INVERSE))
        return terminal.got(AccountSnapshot)


class TestBitmexInverse(DerivativeSuite):
    """BitMEX XBTUSD."""

    product = INVERSE


class TestBitmexLinear(DerivativeSuite):
    """BitMEX XBTUSDT."""

    product = LINEAR


class TestBitmexQuanto(DerivativeSuite):
    """BitMEX ETHUSD."""

    product = QUANTO


class TestBitmexSpot(ConnectorSuite):
    """BitMEX XBT_USDT."""

    product = SPOT

    def test_coins_and_money_are_told_in_whole_coins(self, terminal: Terminal) -> None:
        order = terminal.order(qty="0.00123")
        terminal.answer(order)
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        instrument = terminal.board.instruments[order.key]
        terminal.venue.post(AskAccount("Bitmex", Category.SPOT))
        account = terminal.got(AccountSnapshot)

        assert (instrument.base, instrument.settle, instrument.lot) == ("XBt", "USDt", Decimal("0.00001"))
        assert fill.value == -fill.last_qty * fill.last_px and fill.fee_currency == "USDt"
        assert fill.fee == round(fill.last_qty * fill.last_px * Decimal("0.0005"), 6)
        assert {one.currency for one in account.balances} == {"XBt", "USDt", "ETH"} and account.positions == ()

    def test_a_sale_that_reduces_is_an_ordinary_sale(self, terminal: Terminal) -> None:
        told = terminal.answer(terminal.order(side=Side.SELL, reduce_only=True))

        assert isinstance(told, Ack) and terminal.of(Notice) == []


class TestBitmexAlone:
    """Rules that BitMEX alone has, on XBTUSD."""

    product = INVERSE

    def test_every_level_by_id(self, make: Make, exchange: Exchange) -> None:
        terminal = make(full_book=True).start()
        terminal.low()
        for side in ("BUY", "SELL", "BUY"):
            exchange.of(INVERSE).trade(side, "1000")
        time.sleep(0.5)

        book = terminal.board.books[XBTUSD]
        assert book.live and len(book.bids) > 10 and book.resyncs == 0
        assert terminal.board.tops[XBTUSD].bid == book.bids[0][0]

    def test_value_and_fee_are_told_as_the_exchange_reports_them(self, terminal: Terminal) -> None:
        order = terminal.order(side=Side.BUY)
        terminal.answer(order)
        fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

        exact = fill.last_qty / fill.last_px
        assert fill.value is not None and abs(fill.value - exact) <= Decimal("1e-8") * fill.last_qty / 100
        assert fill.fee is not None and abs(fill.fee - exact * Decimal("0.0005")) <= Decimal("2e-8")
        assert fill.fee_currency == "XBt" and fill.exec_id.count("-") == 4

    def test_overload_is_sent_once_more_and_no_other_5xx(self, make: Make, exchange: Exchange) -> None:
        terminal = make(timings=PATIENT).start()
        price = terminal.low()
        body = {"error": {"message": "The system is currently overloaded. Please try again later."}}
        exchange.fault("status", path=ORDER, http=503, body=body, after="before")
        first = terminal.answer(terminal.order(price=price))
        exchange.calm()
        exchange.fault("status", path=ORDER, http=503, after="before", times=3, body=body)
        twice = terminal.answer(terminal.order(price=price))
        met = exchange.hits("status")
        exchange.calm()
        exchange.fault("status", path=ORDER, http=503, after="accept",
                       body={"error": {"message": "Service unavailable", "name": "HTTPError"}})
        unclear = terminal.answer(terminal.order(price=price))

        assert isinstance(first, Ack) and isinstance(unclear, Silence)
        assert isinstance(twice, Reject) and twice.sent and met == 2

    def test_symbols_of_another_category_are_named_with_their_list(self, make: Make) -> None:
        terminal = make(("XBTUSD", "XBTUSDT"))
        terminal.venue.start()

        notice = terminal.got(Notice)

        assert "XBTUSDT is linear, not inverse: move it to LINEAR_SYMBOLS" in notice.text

    def test_a_key_that_may_withdraw_is_refused(self, make: Make, exchange: Exchange) -> None:
        exchange.fault("withdraw")
        terminal = make()
        terminal.venue.start()
        up = terminal.got(VenueUp)
        refused = terminal.answer(terminal.order())

        assert not up.can_trade and up.text == WITHDRAWS
        assert isinstance(refused, Reject) and not refused.sent and "withdraw" in refused.text

    def test_options_are_answered(self, make: Make) -> None:
        terminal = make()
        terminal.venue.config = replace(terminal.venue.config, options=("XBT-C-100000",))
        terminal.start()

        assert "no options" in terminal.got(Notice).text and "XBT-C-100000" in terminal.got(Notice).text

    def test_the_closed_venue_is_asked_once_and_stays_off(
            self, make: Make, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bitmex, "is_public_address", lambda http: True)
        terminal = make()
        asked: list[Call] = []
        send = terminal.venue._keeper_rest.send

        def counted(call: Call) -> object:
            asked.append(call)
            return send(call)

        terminal.venue._keeper_rest.send = counted
        terminal.venue.start()
        state = wait_for(lambda: terminal.state and terminal.state.health is Health.OFF and terminal.state)
        order, cancel = terminal.order(), terminal.cancel(terminal.order())
        refused, no_cancel = terminal.answer(order), terminal.answer(cancel)
        terminal.venue.watch(XBTUSD)
        terminal.venue.want_candles(XBTUSD, "1m")
        time.sleep(0.5)

        assert state and state.problem.startswith("BitMEX closed on 2026-09-23") and len(asked) == 1
        assert "closed" in refused.text and "closed" in no_cancel.text and terminal.of(VenueUp) == []
        assert terminal.venue._pool.streams == () and not terminal.venue._private.status.opens
        assert len(terminal.of(Notice)) == 1
        terminal.has_keys = False

    def test_several_categories_count_against_one_limit(self, make: Make) -> None:
        limiter = Limiter(())
        made = [make(product=product, limiter=limiter).start() for product in (INVERSE, LINEAR)]

        assert all(terminal.venue.limiter is limiter for terminal in made)
        accounts = {terminal.got(VenueUp).account for terminal in made}
        order = made[0].order()
        made[0].answer(order)
        made[0].got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        assert len(accounts) == 1 and made[1].of(Execution) == []


@pytest.mark.parametrize(("http", "is_public"), [
    ("https://www.bitmex.com/api/v1", True), ("https://testnet.bitmex.com/api/v1", True),
    ("http://127.0.0.1:1/api/v1", False), ("https://bitmex.example.org", False)])
def test_addresses_of_the_closed_venue(http: str, is_public: bool) -> None:
    assert bitmex.is_public_address(http) is is_public


def test_markets_by_name() -> None:
    assert (venue_class("Binance"), venue_class("Bitmex")) == (Binance, Bitmex)
    with pytest.raises(ConfigError, match="Bitmex"):
        venue_class("Nosuch")
