"""Spot's questions as generators against a venue in memory: walking by ids, windows, moved orders; and how to move."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.asker import Question
from connectors.binance.spot import desk as spot_desk
from connectors.binance.spot.desk import Move
from connectors.binance.spot.questions import SpotQuestions
from connectors.binance.spot.rest import SpotEndpoints
from connectors.http import Call
from connectors.timesync import TimeSync
from core.clock import HandClock
from core.errors import BadMessage, Rejected
from models import (
    AccountSnapshot,
    AmendOrder,
    AskAccount,
    AskHistory,
    AskOrder,
    BalanceReport,
    Category,
    Execution,
    HistoryPage,
    Key,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    VenueMessage,
)

BTC = Key("Binance", Category.SPOT, "BTCUSDT")
NOW = 1_700_000_000_000
DAY = 86_400_000


class Account:
    """Fills and orders of one symbol, answered by the venue's rules. `newest`: a window that is cut shows its end."""

    def __init__(self, newest: bool = False) -> None:
        self.trades: list[dict[str, Any]] = []
        self.rows: dict[int, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.newest = newest

    def order(self, order_id: int, name: str, status: str = "FILLED") -> None:
        self.rows[order_id] = {
            "orderId": order_id, "symbol": "BTCUSDT", "status": status, "side": "BUY", "type": "LIMIT", "origQty": "1",
            "executedQty": "0", "price": "10", "clientOrderId": name, "updateTime": NOW, "timeInForce": "GTC"}

    def fill(self, time: int, order_id: int) -> None:
        if order_id not in self.rows:
            self.order(order_id, f"{order_id}-bot")
        self.trades.append({"symbol": "BTCUSDT", "id": 5 + 3 * len(self.trades), "orderId": order_id, "price": "10",
                            "qty": "1", "commission": "0.01", "commissionAsset": "USDT", "time": time, "isBuyer": True,
                            "isMaker": False})

    def answer(self, call: Call) -> bytes:
        self.calls.append(call)
        params = dict(call.params)
        match call.path.removeprefix("/api/v3/"):
            case "myTrades":
                return json.dumps(self._trades(params)).encode()
            case "allOrders":
                begin = int(params["orderId"])
                return json.dumps([self.rows[one] for one in sorted(self.rows) if one >= begin]).encode()
            case "openOrders":
                return json.dumps([row for row in self.rows.values() if row["status"] == "NEW"]).encode()
            case "account":
                return json.dumps({"uid": 1, "balances": [{"asset": "BTC", "free": "1", "locked": "2"}]}).encode()
        for row in self.rows.values():
            if params.get("orderId") == str(row["orderId"]) or params.get("origClientOrderId") == row["clientOrderId"]:
                return json.dumps(row).encode()
        raise Rejected("Binance", "Order does not exist.", -2013)

    def _trades(self, params: dict[str, str]) -> list[dict[str, Any]]:
        assert not {"fromId", "startTime"} <= set(params)
        limit = int(params["limit"])
        if "fromId" in params:
            return [row for row in self.trades if row["id"] >= int(params["fromId"])][:limit]
        start, end = int(params["startTime"]), int(params["endTime"])
        assert end - start < DAY
        rows = [row for row in self.trades if start <= row["time"] <= end]
        return rows[-limit:] if self.newest else rows[:limit]


def ask(account: Account, make: Any, limit: int = 400) -> list[VenueMessage]:
    """What the asker does, without its thread."""
    messages: list[VenueMessage] = []
    question: Question = make(SpotQuestions(SpotEndpoints(), TimeSync(HandClock(NOW)), messages.append, lambda: "A"))
    try:
        call = next(question)
        for _ in range(limit):
            assert isinstance(call, Call)
            try:
                body = account.answer(call)
            except Rejected as error:
                call = question.throw(error)
            else:
                call = question.send(body)
    except StopIteration:
        return messages
    raise AssertionError("the question does not end")


def read(account: Account, since: int) -> list[Execution]:
    pages = [one for one in ask(account, lambda questions: questions.history(AskHistory(BTC, since)))
             if isinstance(one, HistoryPage)]
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert all(page.read_start == NOW and page.missing_from is None for page in pages)
    return [one for page in pages for one in page.executions]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("since", [NOW - 2 * DAY, 0])
def test_2500_fills_at_one_timestamp_are_read_once_each(newest: bool, since: int) -> None:
    account = Account(newest)
    for number in range(2500):
        account.fill(NOW - DAY, 100 + number)

    fills = read(account, since)

    assert [one.exec_id for one in fills] == [f"spot:BTCUSDT:{5 + 3 * number}" for number in range(2500)]
    assert all(one.cl_ord_id == f"{one.order_id}.bot" for one in fills)


@pytest.mark.parametrize("newest", [False, True])
def test_a_full_window_is_halved_until_its_first_fill_is_known(newest: bool) -> None:
    account = Account(newest)
    for number in range(3000):
        account.fill(NOW - DAY + number * 20_000, 5)

    assert len(read(account, NOW - 2 * DAY)) == 3000
    assert len(account.calls) < 25


def test_only_what_is_not_older_than_asked_is_told() -> None:
    account = Account()
    for day in (80, 40, 20, 10, 1):
        account.fill(NOW - day * DAY, 1000 + day)

    assert [one.order_id for one in read(account, NOW - 15 * DAY)] == ["1010", "1001"]
    assert [one.order_id for one in read(account, NOW - 50 * DAY)] == ["1040", "1020", "1010", "1001"]
    assert len(read(account, 0)) == 5


def test_a_day_without_many_fills_costs_one_page() -> None:
    account = Account()
    account.fill(NOW - 5_000, 7)
    account.fill(NOW, 7)

    assert len(read(account, NOW - 300_000)) == 2
    assert sum(call.path.endswith("myTrades") for call in account.calls) == 1


def test_nothing_is_one_empty_last_page() -> None:
    assert read(Account(), NOW - 3 * DAY) == []


def test_names_are_ours_or_as_the_venue_tells_them() -> None:
    account = Account()
    for order_id, name in ((7, "12-BTCbot"), (8, "web_1"), (9, "3-BTCUSDT-spot")):
        account.order(order_id, name)
        account.fill(NOW - 5, order_id)
    account.fill(NOW - 4, 10)
    del account.rows[10]

    assert [one.cl_ord_id for one in read(account, NOW - DAY)] == ["12.BTCbot", "web_1", "3.BTCUSDT.spot", None]


def test_a_venue_that_repeats_a_full_page_does_not_hold_us_for_ever() -> None:
    account = Account()
    for _ in range(1000):
        account.fill(NOW - 1000, 1)
    account._trades = lambda params: account.trades  # type: ignore[method-assign]

    with pytest.raises(BadMessage, match="without a new one"):
        read(account, 0)


def test_a_moved_order_is_found_under_its_new_venue_id() -> None:
    account = Account()
    account.order(70, "12-bot", "CANCELED")
    account.order(71, "13-bot", "NEW")
    account.order(72, "12-bot", "NEW")

    found = ask(account, lambda questions: questions.order(AskOrder(BTC, "12.bot", "70")))[0]
    ended = ask(account, lambda questions: questions.order(AskOrder(BTC, "web", "70")))[0]

    assert isinstance(found, OrderFound) and (found.report.order_id, found.report.status) == ("72", OrdStatus.NEW)
    assert isinstance(ended, OrderFound) and ended.report.order_id == "72"


def test_orders_that_nobody_knows_are_absent() -> None:
    told = ask(Account(), lambda questions: questions.order(AskOrder(BTC, "1.never")))

    assert isinstance(told[0], OrderAbsent) and told[0].venue_time == NOW


def test_the_account_has_orders_and_balances_and_no_position() -> None:
    account = Account()
    account.order(5, "5-bot", "NEW")
    told = ask(account, lambda questions: questions.account(AskAccount("Binance", Category.SPOT)))[0]

    assert isinstance(told, AccountSnapshot) and told.positions == ()
    assert [one.cl_ord_id for one in told.orders] == ["5.bot"] and told.balances[0].wallet == Decimal(3)


def test_balances_alone_are_told_one_by_one() -> None:
    told = ask(Account(), lambda questions: questions.balances())

    assert [(one.currency, one.wallet) for one in told if isinstance(one, BalanceReport)] == [("BTC", Decimal(3))]


# ---------------------------------------------------------------- how an order is moved

@pytest.mark.parametrize(("qty", "price", "filled", "way"), [
    ("0.5", "100", "0", Move.LOWER), ("0.5", "100", "0.2", Move.LOWER), ("2", "100", "0", Move.REPLACE),
    ("1", "101", "0", Move.REPLACE), ("0.5", "101", "0", Move.REPLACE), ("1", "101", "0.2", spot_desk.PARTLY_FILLED),
    ("2", "100", "0.2", spot_desk.PARTLY_FILLED), ("1", "100.0", "0", spot_desk.NOTHING)])
def test_how_an_order_is_moved(qty: str, price: str, filled: str, way: Move | str) -> None:
    now = OrderReport(BTC, "5", "5.bot", Side.BUY, OrdType.LIMIT, TimeInForce.GTC, Decimal(1), Decimal(100),
                      Decimal(filled), OrdStatus.NEW, NOW)

    assert spot_desk.how(AmendOrder(BTC, "5.bot", "5", Side.BUY, Decimal(qty), Decimal(price), 0.0), now) == way
