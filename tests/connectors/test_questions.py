"""Questions as generators against a venue in memory: paging, joining of ids, reach."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.binance.products import LINEAR
from connectors.binance.questions import Questions
from connectors.binance.rest import Endpoints
from connectors.http import Call
from connectors.pages import PAGE
from connectors.timesync import TimeSync
from core.clock import HandClock
from core.errors import BadMessage, Rejected
from models import AskAccount, AskHistory, Category, Execution, HistoryPage, Key, VenueMessage
from tests.support.asked import drive

BTC = Key("Binance", Category.LINEAR, "BTCUSDT")
NOW = 1_700_000_000_000
DAY = 86_400_000


class Account:
    """Fills and orders of one symbol, answered by the venue's rules."""

    def __init__(self) -> None:
        self.trades: list[dict[str, Any]] = []
        self.names: dict[int, str] = {}
        self.calls: list[Call] = []
        self.listed = True        # whether allOrders knows the orders

    def fill(self, time: int, order_id: int) -> None:
        number = len(self.trades) + 1
        self.names.setdefault(order_id, f"{order_id}.bot")
        self.trades.append({"symbol": "BTCUSDT", "id": number, "orderId": order_id, "side": "BUY", "price": "10",
                            "qty": "1", "commission": "0.01", "commissionAsset": "USDT", "time": time,
                            "buyer": True, "maker": False})

    def answer(self, call: Call) -> bytes:
        self.calls.append(call)
        params = dict(call.params)
        if call.path.endswith("userTrades"):
            if "fromId" in params:
                rows = [row for row in self.trades if row["id"] >= int(params["fromId"])]
            else:
                assert int(params["endTime"]) - int(params["startTime"]) < 7 * DAY
                rows = [row for row in self.trades if int(params["startTime"]) <= row["time"] <= int(params["endTime"])]
            return json.dumps(rows[:int(params["limit"])]).encode()
        if call.path.endswith("allOrders"):
            ids = [one for one in sorted(self.names) if self.listed and one >= int(params["orderId"])][:1000]
            return json.dumps([self.order(one) for one in ids]).encode()
        if int(params["orderId"]) not in self.names:
            raise Rejected("Binance", "Order does not exist.", -2013)
        return json.dumps(self.order(int(params["orderId"]))).encode()

    def order(self, order_id: int) -> dict[str, Any]:
        return {"orderId": order_id, "symbol": "BTCUSDT", "status": "FILLED", "side": "BUY", "type": "LIMIT",
                "origQty": "1", "executedQty": "1", "price": "10", "clientOrderId": self.names[order_id]}


def read(account: Account, since: int) -> tuple[list[HistoryPage], list[Execution]]:
    messages: list[VenueMessage] = []
    questions = Questions(Endpoints(LINEAR), TimeSync(HandClock(NOW)), messages.append, lambda: "A")
    drive(questions.history(AskHistory(BTC, since)), account.answer)
    pages = [one for one in messages if isinstance(one, HistoryPage)]
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert all(page.read_start == NOW and len(page.executions) <= PAGE for page in pages)
    return pages, [one for page in pages for one in page.executions]


def test_2500_fills_at_one_timestamp_are_read_once_each() -> None:
    account = Account()
    for number in range(2500):
        account.fill(NOW - DAY, 100 + number)

    _, fills = read(account, NOW - 2 * DAY)

    assert [one.exec_id for one in fills] == [f"linear:BTCUSDT:{number}" for number in range(1, 2501)]
    assert all(one.cl_ord_id == f"{one.order_id}.bot" for one in fills)
    assert len(account.calls) < 12


def test_windows_cover_everything_between_since_and_now() -> None:
    account = Account()
    for day in range(80, 0, -1):
        for _ in range(30):
            account.fill(NOW - day * DAY, 1000 + day)

    pages, fills = read(account, NOW - 81 * DAY)

    assert len(fills) == 2400 and len({one.exec_id for one in fills}) == 2400
    assert [one.time for one in fills] == sorted(one.time for one in fills)
    assert pages[-1].missing_from is None


def test_a_full_page_that_runs_into_the_next_window_loses_nothing() -> None:
    account = Account()
    for number in range(1500):
        account.fill(NOW - 10 * DAY + number * 600_000, 5)

    _, fills = read(account, NOW - 10 * DAY)

    assert len(fills) == 1500


def test_nothing_is_one_empty_last_page() -> None:
    pages, fills = read(Account(), NOW - DAY)

    assert fills == [] and len(pages) == 1


def test_beyond_the_reach_the_page_says_where_history_begins() -> None:
    pages, _ = read(Account(), 0)

    assert pages[-1].missing_from == NOW - LINEAR.history_reach_ms


@pytest.mark.parametrize("listed", [True, False])
def test_orders_that_are_not_listed_are_asked_one_by_one_and_forgotten_ones_have_no_name(listed: bool) -> None:
    account = Account()
    account.listed = listed
    for order_id in (7, 8, 9, 10, 11):
        account.fill(NOW - 1000, order_id)
    del account.names[9]

    _, fills = read(account, NOW - DAY)

    assert [one.cl_ord_id for one in fills] == ["7.bot", "8.bot", None, "10.bot", "11.bot"]


def test_a_venue_that_repeats_a_full_page_does_not_hold_us_for_ever() -> None:
    account = Account()
    for _ in range(1000):
        account.fill(NOW - 1000, 1)

    def stuck(call: Call) -> bytes:
        is_fills = call.path.endswith("userTrades")
        return json.dumps(account.trades).encode() if is_fills else Account.answer(account, call)

    account.answer = stuck  # type: ignore[method-assign]
    with pytest.raises(BadMessage, match="without a new one"):
        read(account, NOW - DAY)


def test_a_refusal_the_question_does_not_know_is_raised() -> None:
    questions = Questions(Endpoints(LINEAR), TimeSync(HandClock(NOW)), print, lambda: "A")
    question = questions.account(AskAccount("Binance", Category.LINEAR))
    next(question)
    with pytest.raises(Rejected):
        question.throw(Rejected("Binance", "Invalid symbol.", -1121))
