"""BitMEX's private tables and questions: merging, order of tables, grants, paging. A venue in memory, no socket."""

# Decimals are compared with whole numbers here: easier to read.
# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.asker import Question
from connectors.bitmex.desk import OrderDesk
from connectors.bitmex.events import Tables
from connectors.bitmex.private import Doorkeeper, PrivateFeed
from connectors.bitmex.questions import Questions
from connectors.bitmex.rest import EXECUTIONS_A_PAGE, MOVEMENTS_A_PAGE, Endpoints, Rest
from connectors.bitmex.values import iso, time_ms
from connectors.complaints import Complaints
from connectors.http import Answer, Call, Client, Prepared
from connectors.keeper import Standing
from connectors.limiter import Limiter
from connectors.timesync import TimeSync
from core.clock import HandClock
from core.errors import BadMessage, KeysRejected, Rejected, Throttled
from core.secrets import Credentials, KnownSecrets
from models import (
    AccountSnapshot,
    AskAccount,
    AskHistory,
    AskMoney,
    AskOrder,
    BalanceReport,
    CancelOrder,
    Category,
    Execution,
    Funding,
    HistoryPage,
    MoneyMoved,
    MoneyPage,
    Movement,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    PositionReport,
    Side,
    SubmitOrder,
    TimeInForce,
    Timings,
    VenueDown,
    VenueMessage,
    VenueUp,
)
from tests.connectors.bitmex_rows import ETH, FILL, FUNDING, ORDER, XBT, contracts, frame, raw

POSITION = {"account": 42, "symbol": "XBTUSD", "currency": "XBt", "strategy": "OneWay", "currentQty": 100,
            "avgEntryPrice": 50000, "markPrice": 50000, "timestamp": "2026-05-21T14:39:07.060Z"}
MARGIN = {"account": 42, "currency": "XBt", "walletBalance": 100000000, "marginBalance": 100000000}
KEYS = {"order": ["orderID"], "position": ["account", "symbol", "strategy"], "margin": ["account", "currency"],
        "wallet": ["account", "currency"]}


class Account:
    """The tables of one category, and what was complained about."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.tables = Tables(Category.INVERSE, lambda: "42", lambda: contracts(XBT), self.complaints.append)
        for table, keys in KEYS.items():
            self.say(table, "partial", keys=keys)

    def say(self, table: str, action: str, *rows: dict[str, Any], now: float = 0.0, **more: Any) -> list[VenueMessage]:
        told = self.tables.messages(frame(table, action, *rows, **more), now)
        assert told is not None
        return told


# ---------------------------------------------------------------- tables

def test_an_order_is_merged_by_its_key() -> None:
    account = Account()
    account.say("order", "insert", ORDER)

    told = account.say("order", "update", {"orderID": ORDER["orderID"], "cumQty": 100, "ordStatus": "PartiallyFilled",
                                           "avgPx": 5.0e4})

    assert len(told) == 1 and isinstance(told[0], OrderReport)
    assert (told[0].cl_ord_id, told[0].qty, told[0].cum_qty, told[0].status) == (
        "7.bot", 200, 100, OrdStatus.PARTIALLY_FILLED)


def test_a_partial_replaces_and_before_it_nothing_counts() -> None:
    account = Account()
    account.tables.forget()
    assert account.say("order", "insert", ORDER) == []

    assert len(account.say("order", "partial", ORDER, keys=["orderID"])) == 1
    account.say("order", "partial", keys=["orderID"])
    assert account.say("order", "update", {"orderID": ORDER["orderID"], "cumQty": 1}) == []
    assert len(account.complaints) == 1


def test_executions_need_no_partial_and_no_order() -> None:
    account = Account()
    account.tables.forget()

    told = account.say("execution", "insert", FILL)

    assert len(told) == 1 and isinstance(told[0], Execution) and told[0].value == Decimal("0.002")


def test_fills_and_funding_are_told_and_nothing_else() -> None:
    account = Account()
    told = account.say("execution", "insert", FILL | {"execType": "New"}, FUNDING, FILL | {"execType": "Canceled"},
                       FILL | {"execType": "SomethingNew"}, FILL)

    assert [type(one) for one in told] == [Funding, Execution]
    assert told[0] == Funding(XBT, "42", "0193-f", Decimal("-0.0000002"), "XBt", time_ms("2026-05-21T12:00:00Z"),
                              Decimal("-0.0001"), Decimal("50000.5"))


def test_a_funding_without_its_amount_is_complained_about() -> None:
    account = Account()

    assert account.say("execution", "insert", FUNDING | {"execComm": None}, FUNDING | {"settlCurrency": "Doge"}) == []
    assert len(account.complaints) == 2 and "execComm" in account.complaints[0]


def test_a_wallet_that_got_or_gave_money_is_a_hint() -> None:
    account = Account()
    wallet = {"account": 42, "currency": "XBt", "deposited": 5, "withdrawn": 0, "amount": 100}
    account.say("wallet", "partial", wallet, keys=["account", "currency"])

    assert account.say("wallet", "update", wallet | {"amount": 90}) == []
    told = account.say("wallet", "update", {"account": 42, "currency": "XBt", "deposited": 6, "amount": 91})
    assert told == [MoneyMoved("Bitmex", Category.INVERSE, "the wallet of XBt changed")]
    account.tables.forget()
    assert account.say("wallet", "partial", wallet | {"deposited": 6}, keys=["account", "currency"]) == []
    account.tables.forget()
    again = account.say("wallet", "partial", wallet | {"deposited": 6, "withdrawn": 2}, keys=["account", "currency"])
    assert [type(one) for one in again] == [MoneyMoved]


def test_rows_of_other_categories_are_left_to_their_own_connection() -> None:
    account = Account()

    assert account.say("execution", "insert", FILL | {"symbol": "ETHUSD"}) == []
    assert account.say("order", "insert", ORDER | {"symbol": "ETHUSD"}) == []
    assert account.say("position", "insert", POSITION | {"symbol": "ETHUSD"}) == []
    assert account.say("margin", "insert", MARGIN | {"currency": "USDt"}) == []
    assert account.complaints == []


def test_a_spoilt_row_does_not_spoil_its_frame() -> None:
    account = Account()

    told = account.say("execution", "insert", FILL | {"lastPx": None}, FILL)

    assert len(told) == 1 and len(account.complaints) == 1


def test_a_position_is_told_at_once_when_it_changes_and_seldom_when_only_its_mark_does() -> None:
    account = Account()
    assert isinstance(account.say("position", "insert", POSITION)[0], PositionReport)
    key = {"account": 42, "symbol": "XBTUSD", "strategy": "OneWay"}
    for mark in (50001, 50002, 50003):
        assert account.say("position", "update", key | {"markPrice": mark}, now=0.5) == []

    assert account.tables.due(1.0) == []
    told = account.tables.due(1.6)
    assert len(told) == 1 and isinstance(told[0], PositionReport) and told[0].mark == 50003
    flat = account.say("position", "update", key | {"currentQty": 0}, now=2.0)
    assert isinstance(flat[0], PositionReport) and flat[0].qty == 0


def test_margin_is_told_in_coins() -> None:
    told = Account().say("margin", "insert", MARGIN)

    assert isinstance(told[0], BalanceReport) and (told[0].currency, told[0].wallet) == ("XBt", 1)


def test_ended_orders_are_forgotten_in_time_and_open_ones_kept() -> None:
    account = Account()
    account.say("order", "insert", ORDER)
    account.say("order", "insert", *({**ORDER, "orderID": str(number), "ordStatus": "Filled"}
                                     for number in range(2_100)))

    assert account.say("order", "update", {"orderID": ORDER["orderID"], "cumQty": 1}) != []
    assert account.say("order", "update", {"orderID": "0", "cumQty": 1}) == []


@pytest.mark.parametrize("told", [b"", b"[", b'{"table":"order","action":"insert","data":7}'])
def test_what_cannot_be_read_is_a_bad_message(told: bytes) -> None:
    with pytest.raises(BadMessage):
        Account().tables.messages(told, 0.0)


def test_numbers_of_an_impossible_size_are_refused() -> None:
    account = Account()
    for size in ("1e99999", "-1", '"x"', "1e400"):
        row = json.dumps(ORDER).replace('"orderQty": 200', f'"orderQty": {size}')
        assert account.tables.messages(b'{"table":"order","action":"insert","data":[' + row.encode() + b"]}", 0.0) == []

    assert len(account.complaints) == 4


def test_a_position_that_no_partial_told_of_is_taken_when_it_is_whole() -> None:
    account = Account()
    account.say("position", "partial", keys=KEYS["position"])

    assert len(account.say("position", "update", POSITION)) == 1
    assert account.say("position", "update", {"account": 1, "symbol": "XBTUSD", "strategy": "OneWay"}) == []


# ---------------------------------------------------------------- the connection

class Line(Client):
    """A client whose answers are made by a function."""

    def __init__(self, function: Callable[[Prepared], Answer]) -> None:
        self.function, self.sent = function, list[Prepared]()

    def send(self, prepared: Prepared) -> Answer:
        self.sent.append(prepared)
        return self.function(prepared)


def rest(function: Callable[[Prepared], Answer]) -> Rest:
    clock = HandClock()
    return Rest(Line(function), Credentials("k" * 8, "s" * 8, KnownSecrets()), TimeSync(clock), Limiter(()), clock, 5.0,
                lambda: True)


def good(body: object) -> Answer:
    return Answer(200, {}, raw(body), 0.1)


def no(status: int, text: str) -> Answer:
    return Answer(status, {}, raw({"error": {"message": text, "name": "HTTPError"}}), 0.1)


class Connection:
    """A private feed and what it told."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.told: list[VenueMessage] = []
        self.sent: list[str] = []
        self.refused: list[str] = []
        self.clock = HandClock()
        sync = TimeSync(self.clock)
        self.clocks = 0
        door = Doorkeeper(rest(lambda prepared: answer or good([MARGIN])), Endpoints(contracts), "ws://127.0.0.1:9",
                          None, sync, 5.0, self._read_clock)
        self.complaints = Complaints("test")
        up = VenueUp("Bitmex", Category.INVERSE, "42", (), 1)
        self.feed = PrivateFeed(Category.INVERSE, door, self.told.append, lambda: up, lambda: "42",
                                lambda: contracts(XBT), lambda error: self.refused.append(error.text), self.clock,
                                Timings(), self.complaints)

    def _read_clock(self, rest: Rest) -> None:
        self.clocks += 1

    def say(self, told: object) -> None:
        self.feed.frame(told if isinstance(told, bytes) else raw(told), 1.0)

    def grant(self, *tables: str) -> None:
        for table in tables:
            self.say({"success": True, "subscribe": table, "request": {}})


def test_up_comes_after_all_tables_are_granted_and_keeps_what_came_before() -> None:
    line = Connection()
    assert line.feed.address() == "ws://127.0.0.1:9/realtime"
    line.feed.opened(line.sent.append)
    line.say({"info": "Welcome to the BitMEX Realtime API.", "timestamp": "2026-05-21T14:39:07.060Z"})
    line.grant("execution", "order", "position")
    line.say(frame("execution", "insert", FILL))
    assert line.told == [] and json.loads(line.sent[0])["args"] == [
        "execution", "order", "position", "margin", "wallet"]

    line.grant("margin", "wallet")
    line.feed.closed("gone")
    line.feed.closed("gone")

    assert [type(one) for one in line.told] == [VenueUp, Execution, VenueDown]


def test_a_refused_table_ends_the_connection() -> None:
    line = Connection()
    line.feed.opened(line.sent.append)
    line.say({"status": 401, "error": "User requested an account-locked subscription", "request": {}})

    assert "account-locked" in line.feed.tick(1.0)
    line.feed.closed("x")
    assert line.told == []


def test_tables_that_are_not_granted_in_time_end_it_too() -> None:
    line = Connection()
    line.feed.opened(line.sent.append)
    line.grant("execution")
    line.clock.advance(26)

    assert "margin, order, position" in line.feed.tick(line.clock.monotonic())


def test_a_bad_key_is_learnt_before_the_handshake() -> None:
    line = Connection(no(401, "Invalid API Key."))
    with pytest.raises(KeysRejected):
        line.feed.address()

    assert line.refused == ["Invalid API Key."]


def test_a_refused_time_is_measured_before_the_next_attempt() -> None:
    line = Connection(no(400, "This request has expired - `expires` is in the past. Current time: 1"))
    with pytest.raises(Throttled):
        line.feed.address()

    assert line.clocks == 1 and line.refused == []


def test_unknown_messages_are_counted() -> None:
    line = Connection()
    line.feed.opened(line.sent.append)
    for told in (b"{}", b"\xff", frame("chat", "insert", {"a": 1})):
        line.say(told)

    assert line.complaints.count == 3


# ---------------------------------------------------------------- orders

def desk(function: Callable[[Prepared], Answer], standing: Standing | None = None) -> OrderDesk:
    clock = HandClock()
    return OrderDesk(rest(function), Endpoints(contracts), TimeSync(clock), clock,
                     lambda: standing or Standing("42", ready=True), lambda: contracts(XBT))


def order(**changed: Any) -> SubmitOrder:
    given: dict[str, Any] = {"key": XBT, "cl_ord_id": "7.bot", "side": Side.BUY, "qty": Decimal(100),
                             "price": Decimal(50000), "ord_type": OrdType.LIMIT, "tif": TimeInForce.GTC,
                             "reduce_only": False, "asked": 0.0} | changed
    return SubmitOrder(**given)


CANCEL = CancelOrder(XBT, "7.bot", "8f19", 0.0)


def test_a_cancel_that_failed_is_a_refusal_in_a_good_answer() -> None:
    row = {"orderID": "8f19", "error": "Unable to cancel order due to existing state", "workingIndicator": False}
    one = desk(lambda prepared: good([row]))
    with pytest.raises(Rejected) as caught:
        one.send(CANCEL)

    assert one.reject(CANCEL, caught.value).gone


def test_a_cancel_that_worked_and_one_with_a_strange_answer() -> None:
    told = desk(lambda prepared: good([ORDER | {"ordStatus": "Canceled"}])).send(CANCEL)

    assert told is not None and told.status is OrdStatus.CANCELED
    with pytest.raises(BadMessage):
        desk(lambda prepared: good([])).send(CANCEL)


def test_duplicates_are_told_as_such() -> None:
    one = desk(lambda prepared: no(400, "Duplicate clOrdID"))
    with pytest.raises(Rejected) as caught:
        one.send(order())

    assert one.reject(order(), caught.value).duplicate and not one.reject(CANCEL, caught.value).gone


def test_orders_wait_for_an_account_and_cancels_do_not() -> None:
    closed = Standing(problem="BitMEX closed on 2026-09-23", text="BitMEX closed on 2026-09-23")
    working = Standing("42", problem="hedge mode", ready=True)

    assert desk(lambda prepared: good([]), closed).refusal(CANCEL).startswith("BitMEX closed")
    assert desk(lambda prepared: good([]), working).refusal(CANCEL) == ""
    assert desk(lambda prepared: good([]), working).refusal(order()) == "hedge mode"
    assert "quanto" in desk(lambda prepared: good([])).refusal(order(key=ETH))


# ---------------------------------------------------------------- questions

class Venue:
    """Answers questions from rows in memory."""

    def __init__(self, fills: list[dict[str, Any]] | None = None, orders: list[dict[str, Any]] | None = None) -> None:
        self.fills, self.orders = fills or [], orders or []
        self.wallet: list[dict[str, Any]] = []
        self.calls: list[Call] = []
        self.told: list[VenueMessage] = []
        self.clock = HandClock()
        self.questions = Questions(Endpoints(contracts), TimeSync(self.clock), self.told.append, Category.INVERSE,
                                   lambda: "42", lambda: contracts(XBT))

    def run(self, question: Question) -> None:
        call = next(question)
        while True:
            assert isinstance(call, Call)
            self.calls.append(call)
            try:
                call = question.send(raw(self.answer(call.path, dict(call.params))))
            except StopIteration:
                return

    def answer(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        if path == "/position":
            return [POSITION, POSITION | {"symbol": "ETHUSD"}]
        if path == "/user/margin":
            return [MARGIN, MARGIN | {"currency": "USDt"}]
        if path == "/order":
            wanted = json.loads(params["filter"])
            rows = [row for row in self.orders if all(row.get(name) == value for name, value in wanted.items()
                                                      if name != "open")]
            start = int(params.get("start", 0))
            return rows[start:start + int(params["count"])]
        if path == "/user/walletHistory":
            newest_first = sorted(self.wallet, key=lambda row: str(row["timestamp"] or "9"), reverse=True)
            return newest_first[int(params["start"]):int(params["start"]) + int(params["count"])]
        rows = sorted((row for row in self.fills if row["timestamp"] >= params["startTime"]),
                      key=lambda row: str(row["timestamp"]))
        return rows[int(params["start"]):int(params["start"]) + int(params["count"])]

    def read(self, since: int = 0) -> list[Execution]:
        self.run(self.questions.history(AskHistory(XBT, since, "test")))
        pages = [one for one in self.told if isinstance(one, HistoryPage)]
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        return [one for page in pages for one in page.executions]

    def money(self, since: int) -> list[Movement]:
        self.run(self.questions.money(AskMoney("Bitmex", Category.INVERSE, since, "test")))
        pages = [one for one in self.told if isinstance(one, MoneyPage)]
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        facts = [one for page in pages for one in page.facts]
        assert all(isinstance(one, Movement) for one in facts)
        return [one for one in facts if isinstance(one, Movement)]


def fills(count: int, apart_ms: int, begin: int = 1_779_374_347_060) -> list[dict[str, Any]]:
    return [FILL | {"execID": f"e{number}", "timestamp": iso(begin + number * apart_ms)}
            for number in range(count)]


@pytest.mark.parametrize(("count", "apart"), [
    (0, 1), (1, 1), (EXECUTIONS_A_PAGE, 1), (EXECUTIONS_A_PAGE + 1, 1), (1_700, 10), (2_500, 0), (1_000, 0)])
def test_history_brings_every_fill_once(count: int, apart: int) -> None:
    told = Venue(fills(count, apart)).read()

    assert [one.exec_id for one in told] == [f"e{number}" for number in range(count)]


def test_history_with_many_fills_in_one_millisecond_between_others() -> None:
    begin = 1_779_374_347_060
    rows = [row | {"execID": f"{name}{row['execID']}"} for name, part in (
        ("a", fills(300, 5, begin)), ("b", fills(1_300, 0, begin + 1_500)), ("c", fills(700, 2, begin + 1_500)))
        for row in part]

    told = Venue(rows).read()

    assert len(told) == len({one.exec_id for one in told}) == 2_300


def test_funding_in_the_history_is_told_beside_the_fills_of_its_page() -> None:
    venue = Venue([*fills(2, 1), FUNDING | {"timestamp": "2026-05-21T20:00:00.000Z"}])

    assert len(venue.read()) == 2
    assert [[one.exec_id for one in page.fundings] for page in venue.told if isinstance(page, HistoryPage)] == [
        ["0193-f"]]


# ---------------------------------------------------------------- movements of money

MOVEMENT: dict[str, Any] = {
    "transactID": "m1", "account": 42, "currency": "XBt", "transactType": "Deposit", "amount": 100_000_000, "fee": 0,
    "transactStatus": "Completed", "transactTime": "2026-05-21T10:00:00.000Z", "timestamp": "2026-05-21T10:30:00.000Z"}
DONE_MS = time_ms(MOVEMENT["timestamp"])


def test_movements_are_what_trades_and_funding_do_not_tell() -> None:
    rows = [MOVEMENT,
            MOVEMENT | {"transactID": "m2", "transactType": "Withdrawal", "currency": "USDt", "amount": -5_000_001},
            MOVEMENT | {"transactID": "m3", "transactType": "Transfer", "amount": -1},
            *(MOVEMENT | {"transactID": f"t{number}", "transactType": word} for number, word in enumerate(
                ("RealisedPNL", "UnrealisedPNL", "Funding", "SpotTrade"))),
            MOVEMENT | {"transactID": "w", "transactStatus": "Pending", "timestamp": None},
            MOVEMENT | {"transactID": "x", "currency": "Doge"}]
    venue = Venue()
    venue.wallet = rows

    told = venue.money(DONE_MS)

    assert [(one.move_id, one.kind, one.currency, str(one.amount)) for one in told] == [
        ("m1", "Deposit", "XBt", "1"), ("m2", "Withdrawal", "USDt", "-5.000001"), ("m3", "Transfer", "XBt", "-1E-8")]
    assert {(one.account, one.time, one.category) for one in told} == {("42", DONE_MS, Category.INVERSE)}


@pytest.mark.parametrize(("count", "apart"), [(0, 1), (MOVEMENTS_A_PAGE, 1), (2_500, 0), (2_500, 60_000)])
def test_the_wallets_history_brings_every_movement_once_and_oldest_first(count: int, apart: int) -> None:
    venue = Venue()
    venue.wallet = [MOVEMENT | {"transactID": f"m{number}", "timestamp": iso(DONE_MS + number * apart)}
                    for number in range(count)]

    told = venue.money(DONE_MS)

    assert sorted(one.move_id for one in told) == sorted(f"m{number}" for number in range(count))
    assert [one.time for one in told] == sorted(one.time for one in told)


def test_the_wallets_history_is_read_back_to_what_may_still_have_waited() -> None:
    day = 86_400_000
    venue = Venue()
    venue.wallet = [MOVEMENT | {"transactID": f"m{number}", "timestamp": iso(DONE_MS + number * day)}
                    for number in range(-2_990, 10)]

    told = venue.money(DONE_MS)

    assert [one.move_id for one in told] == [f"m{number}" for number in range(-7, 10)]
    assert [dict(call.params)["start"] for call in venue.calls] == ["0", "1000"]     # of three pages


def test_a_history_that_repeats_itself_is_refused() -> None:
    venue = Venue(fills(600, 0))
    venue.answer = lambda path, params: venue.fills[:EXECUTIONS_A_PAGE]  # type: ignore[method-assign]

    with pytest.raises(BadMessage, match="without a new one"):
        venue.read()


def test_account_of_one_category() -> None:
    orders = [ORDER | {"orderID": f"o{number}"} for number in range(700)] + [ORDER | {"symbol": "ETHUSD"}]
    venue = Venue(orders=orders)
    venue.run(venue.questions.account(AskAccount("Bitmex", Category.INVERSE)))

    told = venue.told[0]
    assert isinstance(told, AccountSnapshot) and told.account == "42" and len(told.orders) == 700
    assert [one.key for one in told.positions] == [XBT] and [one.currency for one in told.balances] == ["XBt"]


def test_what_became_of_an_order() -> None:
    venue = Venue(orders=[ORDER])
    for ask in (AskOrder(XBT, "7.bot"), AskOrder(XBT, "7.bot", ORDER["orderID"]), AskOrder(XBT, "8.bot")):
        venue.run(venue.questions.order(ask))

    assert [type(one) for one in venue.told] == [OrderFound, OrderFound, OrderAbsent]
