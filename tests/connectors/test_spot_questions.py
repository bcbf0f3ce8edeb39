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
    AskMoney,
    AskOrder,
    BalanceReport,
    Category,
    Execution,
    HistoryPage,
    Key,
    MoneyPage,
    Movement,
    Notice,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    VenueMessage,
)
from tests.support.asked import drive

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
        self.has_history = self.serves_wallet = True
        self.deposits: list[dict[str, Any]] = []
        self.withdrawals: list[dict[str, Any]] = []
        self.transfers: list[dict[str, Any]] = []

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
        if call.path.startswith("/sapi/v1/"):
            return self.wallet(call.path.removeprefix("/sapi/v1/"), params)
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

    def wallet(self, path: str, params: dict[str, str]) -> bytes:
        """Deposits and withdrawals newest first, by offset; transfers one way at a time, by page."""
        if not self.serves_wallet:
            raise Rejected("Binance", "Path is invalid", -5000)
        start, end = int(params["startTime"]), int(params["endTime"])
        if path == "asset/transfer":
            found = [one for one in self.transfers
                     if one["type"] == params["type"] and start <= one["timestamp"] <= end]
            size, page = int(params["size"]), int(params["current"])
            assert size <= 100 and start > NOW - 183 * DAY
            return json.dumps({"total": len(found), "rows": found[::-1][(page - 1) * size:page * size]}
                              if found else {"total": 0}).encode()
        assert end - start < 90 * DAY
        rows = [one for one in (self.deposits if "deposit" in path else self.withdrawals)
                if start <= one["_listed"] <= end]
        begin = int(params["offset"])
        return json.dumps(rows[::-1][begin:begin + int(params["limit"])]).encode()

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
    drive(make(SpotQuestions(SpotEndpoints(), TimeSync(HandClock(NOW)), messages.append, lambda: "A",
                             account.has_history)), account.answer, limit)
    return messages


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


# ---------------------------------------------------------------- money from outside

def money(account: Account, since: int = NOW - DAY) -> list[Movement]:
    messages = ask(account, lambda questions: questions.money(AskMoney("Binance", Category.SPOT, since, "test")))
    pages = [one for one in messages if isinstance(one, MoneyPage)]
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert all(page.read_start == NOW and page.since == since for page in pages)
    return [one for page in pages for one in page.facts if isinstance(one, Movement)]


def deposit(number: int, time: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "coin": "BTC", "amount": "0.5", "status": 1, "insertTime": time, "_listed": time,
            "completeTime": time + 600_000, "walletType": 0, "transferType": 0} | more


def withdrawal(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "coin": "USDT", "amount": "8.91", "transactionFee": "0.09", "status": 6, "walletType": 0,
            "applyTime": "2023-11-14 21:00:00", "_listed": NOW - 4_400_000} | more


def test_deposits_withdrawals_and_transfers_are_movements() -> None:
    account = Account()
    account.deposits = [deposit(1, NOW - 3_000_000), deposit(2, NOW - 2_000_000, status=0),
                        deposit(3, NOW - 2_000_000, walletType=1), deposit(4, NOW - 1_000_000, status=6)]
    account.withdrawals = [withdrawal("w1"), withdrawal("w2", status=3, completeTime="2023-11-14 22:00:00"),
                           withdrawal("w3", status=4, walletType=1)]
    account.transfers = [
        {"type": way, "asset": "USDT", "amount": "100", "status": status, "tranId": 7, "timestamp": NOW - 9_000_000}
        for way, status in (("MAIN_UMFUTURE", "CONFIRMED"), ("UMFUTURE_MAIN", "CONFIRMED"), ("MAIN_FUNDING", "FAILED"))]

    told = money(account)

    assert {(one.move_id, one.currency, str(one.amount)) for one in told} == {
        ("spot:DEPOSIT:1:BTC", "BTC", "0.5"), ("spot:DEPOSIT:4:BTC", "BTC", "0.5"),
        ("spot:WITHDRAW:w1:USDT", "USDT", "-9.00"), ("spot:WITHDRAW:w2:USDT", "USDT", "-9.00"),
        ("spot:WITHDRAW_RETURNED:w2:USDT", "USDT", "9.00"),
        ("spot:MAIN_UMFUTURE:7:USDT", "USDT", "-100"), ("spot:UMFUTURE_MAIN:7:USDT", "USDT", "100")}
    assert [one.time for one in told] == sorted(one.time for one in told)
    assert {one.move_id: one.time for one in told}["spot:DEPOSIT:1:BTC"] == NOW - 2_400_000


def test_a_deposit_confirmed_days_after_it_was_seen_is_told() -> None:
    account = Account()
    account.deposits = [deposit(1, NOW - 5 * DAY, completeTime=NOW - 1000)]

    assert [one.time for one in money(account, NOW - 300_000)] == [NOW - 1000]


def test_2500_movements_at_one_time_are_read_once_each() -> None:
    account = Account()
    account.deposits = [deposit(number, NOW - DAY) for number in range(2500)]
    account.transfers = [{"type": "MAIN_FUNDING", "asset": "BNB", "amount": "1", "status": "CONFIRMED",
                          "tranId": number, "timestamp": NOW - DAY} for number in range(250)]

    told = money(account)

    assert len(told) == len({one.move_id for one in told}) == 2750 and len(account.calls) < 25


def test_half_a_year_is_read_in_windows_and_what_lies_before_is_said() -> None:
    account = Account()
    account.deposits = [deposit(day, NOW - day * DAY, completeTime=None) for day in range(200, 0, -1)]

    messages = ask(account, lambda questions: questions.money(AskMoney("Binance", Category.SPOT, 0)))

    pages = [one for one in messages if isinstance(one, MoneyPage)]
    assert {page.missing_from for page in pages} == {NOW - 180 * DAY}
    assert sum(len(page.facts) for page in pages) == 180


@pytest.mark.parametrize(("has_history", "words"), [(False, "not told by this network"), (True, "Path is invalid")])
def test_a_network_without_the_wallets_history_says_so_once(has_history: bool, words: str) -> None:
    account = Account()
    account.has_history, account.serves_wallet = has_history, False

    def twice(questions: SpotQuestions) -> Question:
        for _ in range(2):
            yield from questions.money(AskMoney("Binance", Category.SPOT, NOW - DAY))

    messages = ask(account, twice)

    assert [one for one in messages if isinstance(one, MoneyPage)] == [
        MoneyPage("Binance", Category.SPOT, "A", (), True, NOW, NOW - DAY)] * 2
    assert [words in one.text for one in messages if isinstance(one, Notice)] == [True]
    assert has_history or account.calls == []


@pytest.mark.parametrize("spoilt", [
    [deposit(1, NOW - 5_000_000) | {"amount": "NaN"}], [deposit(1, NOW - 5_000_000) | {"id": ""}],
    [deposit(1, NOW - 5_000_000) | {"status": "done"}]])
def test_absurd_rows_of_the_wallet_are_named(spoilt: list[dict[str, Any]]) -> None:
    account = Account()
    account.deposits = spoilt

    with pytest.raises(BadMessage, match="field"):
        money(account)


# ---------------------------------------------------------------- how an order is moved

@pytest.mark.parametrize(("qty", "price", "filled", "way"), [
    ("0.5", "100", "0", Move.LOWER), ("0.5", "100", "0.2", Move.LOWER), ("2", "100", "0", Move.REPLACE),
    ("1", "101", "0", Move.REPLACE), ("0.5", "101", "0", Move.REPLACE), ("1", "101", "0.2", spot_desk.PARTLY_FILLED),
    ("2", "100", "0.2", spot_desk.PARTLY_FILLED), ("1", "100.0", "0", spot_desk.NOTHING)])
def test_how_an_order_is_moved(qty: str, price: str, filled: str, way: Move | str) -> None:
    now = OrderReport(BTC, "5", "5.bot", Side.BUY, OrdType.LIMIT, TimeInForce.GTC, Decimal(1), Decimal(100),
                      Decimal(filled), OrdStatus.NEW, NOW)

    assert spot_desk.how(AmendOrder(BTC, "5.bot", "5", Side.BUY, Decimal(qty), Decimal(price), 0.0), now) == way
