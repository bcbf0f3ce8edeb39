"""The private stream by the WebSocket API, without a socket: what is asked, when it is up, why it ends."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.binance import auth
from connectors.binance.rest import Rest
from connectors.binance.spot.private import SpotFeed, Subscriber
from connectors.complaints import Complaints
from connectors.http import Client
from connectors.limiter import RAW, WEIGHT, Budget, Limiter
from connectors.line import Renew
from connectors.timesync import TimeSync
from core.clock import HandClock
from core.errors import KeysRejected, Throttled, VenueError
from core.secrets import Credentials, KnownSecrets
from models import BalanceReport, Category, MoneyMoved, Movement, Timings, VenueDown, VenueMessage, VenueUp

NOW = 1_700_000_000_000
UP = VenueUp("Binance", Category.SPOT, "A", (), NOW)
BALANCE = {"e": "outboundAccountPosition", "E": NOW, "u": NOW, "B": [{"a": "BTC", "f": "1", "l": "0"}]}
DONE = {"id": "account", "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}


class Line:
    """A feed, what it says and what it sends."""

    def __init__(self, budgets: tuple[Budget, ...] = (), has_history: bool = True) -> None:
        self.clock = HandClock(NOW)
        self.told: list[VenueMessage] = []
        self.sent: list[str] = []
        self.refused: list[KeysRejected] = []
        self.asked_clock = self.asked_balances = 0
        self.credentials = Credentials("the-key", "the-secret", KnownSecrets())
        self.limiter, sync, timings = Limiter(budgets), TimeSync(self.clock), Timings()
        client = Client("Binance", "http://127.0.0.1:1", 1, 1)
        rest = Rest(client, self.credentials, sync, self.limiter, self.clock, 5.0)
        self.feed = SpotFeed(
            Subscriber(rest, "ws://127.0.0.1:1/ws-api/v3", self.credentials, sync, self._clock), self.told.append,
            lambda: UP, lambda: "A", self.refused.append, self._balances, self.clock, timings, Complaints("test"),
            has_history)

    def _clock(self, rest: Rest) -> None:
        self.asked_clock += 1

    def _balances(self) -> None:
        self.asked_balances += 1

    def open(self) -> Line:
        self.feed.opened(self.sent.append)
        return self

    def say(self, *frames: object) -> Line:
        for frame in frames:
            self.feed.frame(json.dumps(frame).encode(), 0.0)
        return self

    def refuse(self, status: int, code: int, text: str) -> str:
        self.say({"id": "account", "status": status, "error": {"code": code, "msg": text}})
        return self.feed.tick(self.clock.monotonic())


def test_each_connection_begins_with_a_signed_subscription() -> None:
    line = Line().open()
    asked: dict[str, Any] = json.loads(line.sent[0])
    told = auth.socket_params(line.credentials, asked["params"]["timestamp"], 5000)

    assert asked["method"] == "userDataStream.subscribe.signature"
    assert asked["params"] == told and set(told) == {"apiKey", "recvWindow", "timestamp", "signature"}
    assert abs(asked["params"]["timestamp"] - NOW) < 10
    line.feed.closed("x")
    assert line.told == []


def test_up_is_told_first_and_once_and_down_last() -> None:
    line = Line().open().say({"subscriptionId": 0, "event": BALANCE}, DONE, DONE, BALANCE)
    line.feed.closed("gone")
    line.feed.closed("gone")

    kinds = [type(one) for one in line.told]
    assert kinds == [VenueUp, BalanceReport, BalanceReport, VenueDown]


def test_a_shutdown_that_is_announced_is_a_wish_for_another_connection() -> None:
    line = Line().open().say(DONE, {"event": {"e": "serverShutdown", "E": NOW}})

    assert isinstance(line.feed.tick(0.0), Renew) and line.feed.tick(0.0) == ""
    grant = line.feed.renewed(line.sent.append)
    assert json.loads(line.sent[1])["method"] == "userDataStream.subscribe.signature" and not grant.is_done
    assert not grant.takes(json.dumps(BALANCE).encode()) and grant.takes(json.dumps(DONE).encode()) and grant.is_done
    with pytest.raises(VenueError, match="refuses the account's stream"):
        grant.takes(json.dumps({"id": "account", "status": 400, "error": {"code": -1021, "msg": "late"}}).encode())
    assert line.told == [UP]


def test_what_ends_a_subscription_ends_the_connection_and_the_next_asks_anew() -> None:
    line = Line().open().say(DONE, {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": NOW}})

    assert "ended the account's stream" in line.feed.tick(0.0)
    line.feed.closed("x")
    line.open()
    assert line.feed.tick(line.clock.monotonic()) == "" and len(line.sent) == 2


def test_a_refused_time_is_measured_before_the_next_connection() -> None:
    line = Line().open()
    text = line.refuse(400, -1021, "Timestamp for this request is outside of the recvWindow.")

    assert "recvWindow" in text and line.refused == []
    assert line.feed.address().endswith("/ws-api/v3") and line.feed.address() and line.asked_clock == 1


@pytest.mark.parametrize(("status", "code"), [(401, -2015), (400, -1022), (400, -2014)])
def test_refused_keys_are_told_as_such(status: int, code: int) -> None:
    line = Line().open()
    text = line.refuse(status, code, "Invalid API-key, IP, or permissions for action.")

    assert [one.code for one in line.refused] == [code] and "API-key" in text


def test_a_subscription_that_is_not_granted_ends_the_connection() -> None:
    line = Line().open()
    line.clock.advance(Timings().answer + 1)

    assert "not granted in time" in line.feed.tick(line.clock.monotonic())
    assert Line().open().say(DONE).feed.tick(1e6) == ""


def test_a_ban_told_here_holds_back_every_request() -> None:
    line = Line().open()
    text = line.refuse(418, -1003, f"Way too much request weight used; IP banned until {NOW + 90_000}.")

    assert "banned" in text and 80 < line.limiter.ban_left(line.clock.monotonic()) <= 90
    with pytest.raises(Throttled, match="budget"):
        line.feed.address()


MOVED = {"subscriptionId": 0, "event": {"e": "balanceUpdate", "E": NOW, "a": "BTC", "d": "-1.25", "T": NOW - 5}}


def test_money_from_outside_is_asked_for_where_a_history_tells_it() -> None:
    line = Line().open().say(DONE, MOVED)

    assert line.asked_balances == 1
    assert line.told == [UP, MoneyMoved("Binance", Category.SPOT, "BTC -1.25 outside of trades")]


def test_money_from_outside_is_a_fact_of_the_stream_where_no_history_tells_it() -> None:
    line = Line(has_history=False).open().say(MOVED, DONE, MOVED)

    movement = Movement("Binance", Category.SPOT, "A", f"spot:BALANCE:{NOW - 5}:-1.25:BTC", "BALANCE", "BTC",
                        Decimal("-1.25"), NOW - 5)
    assert line.told == [UP, movement, movement] and line.asked_balances == 2


def test_connections_are_counted_and_wait_for_the_budget() -> None:
    line = Line((Budget(WEIGHT, 60, 6), Budget(RAW, 300, 100)))
    line.feed.address()

    with pytest.raises(Throttled, match="budget"):
        line.feed.address()
