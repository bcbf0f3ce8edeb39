"""The connector when things go wrong, over real sockets: the O, M and C rows of faults.md that are the connector's."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from connectors.binance.rights import WITHDRAWS
from connectors.binance.venue import HEDGE, MULTI
from models import (
    Ack,
    AskAccount,
    AskOrder,
    Category,
    Execution,
    Health,
    OrderAbsent,
    OrderFound,
    Reject,
    Side,
    Silence,
    SubmitOrder,
    Timings,
    VenueDown,
    VenueUp,
)
from tests.connectors.conftest import BTC, Exchange, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]
ORDER = "POST /fapi/v1/order"


def accepted(exchange: Exchange, order: SubmitOrder) -> int:
    """How many orders the exchange took under this id."""
    return sum(row["client_id"] == order.cl_ord_id for row in exchange.truth()["orders"])


# ---------------------------------------------------------------- orders

@pytest.mark.parametrize(("fault", "taken"), [
    ({"name": "withhold", "seconds": 3}, 1),                                                          # O1
    ({"name": "drop", "seconds": 3}, 0),                                                              # O2
    ({"name": "status", "http": 503, "code": -1000, "after": "accept"}, 1),                           # O5
    ({"name": "status", "http": 503, "after": "accept",
      "body": {"code": 0, "msg": "Unknown error, please check your request or try again later."}}, 1),
    ({"name": "status", "http": 400, "code": -1007, "after": "accept"}, 1),
    ({"name": "status", "http": 200, "body": "<html>busy</html>", "after": "accept"}, 1),             # O7
    ({"name": "status", "http": 200, "body": '{"orderId": 12', "after": "accept"}, 1),
    ({"name": "status", "http": 502, "body": "<html>bad gateway</html>", "after": "before"}, 0),
    ({"name": "reset", "after": "accept"}, 1),                                                        # O8
], ids=lambda value: "-".join(map(str, value.values()))[:40] if isinstance(value, dict) else str(value))
def test_unclear_outcomes_are_silence_and_never_sent_again(
        terminal: Terminal, exchange: Exchange, fault: dict[str, object], taken: int) -> None:
    order = terminal.order(price=terminal.low())
    exchange.fault(str(fault["name"]), path=ORDER, **{name: value for name, value in fault.items() if name != "name"})

    outcome = terminal.answer(replace(order, asked=time.monotonic()))

    assert isinstance(outcome, Silence)
    assert abs(outcome.expires - time.time() * 1000) < 5_000
    time.sleep(0.3)
    assert accepted(exchange, order) == taken
    answer = terminal.answer(AskOrder(BTC, order.cl_ord_id))
    assert isinstance(answer, OrderFound if taken else OrderAbsent)


@pytest.mark.parametrize("body", [
    {"code": -1008, "msg": "Request throttled by system-level protection."},
    {"code": 0, "msg": "Service Unavailable."},
    {"code": -1001, "msg": "Internal error; unable to process your request. Please try again."},
])
def test_what_was_provably_not_taken_is_sent_once_more(
        make: Make, exchange: Exchange, body: dict[str, object]) -> None:
    terminal = make(timings=replace(Timings.quick(), resend_within=3.0, queue_limit=3.0)).start()
    order = terminal.order(price=terminal.low())
    exchange.fault("status", path=ORDER, http=503, body=body, after="before")

    outcome = terminal.answer(replace(order, asked=time.monotonic()))

    assert isinstance(outcome, Ack)
    assert accepted(exchange, order) == 1


def test_not_taken_twice_is_a_reject(make: Make, exchange: Exchange) -> None:
    terminal = make(timings=replace(Timings.quick(), resend_within=3.0, queue_limit=3.0)).start()
    order = terminal.order(price=terminal.low())
    exchange.fault("status", path=ORDER, http=503, body={"code": -1008, "msg": "throttled"}, after="before", times=3)

    outcome = terminal.answer(replace(order, asked=time.monotonic()))

    assert isinstance(outcome, Reject) and outcome.code == -1008
    assert exchange.hits("status") == 2


def test_definite_reject_keeps_the_venues_words(terminal: Terminal, exchange: Exchange) -> None:
    order = terminal.order(price=terminal.low())
    exchange.fault("status", path=ORDER, http=400, body={"code": -2019, "msg": "Margin is insufficient."})

    outcome = terminal.answer(order)

    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.text, outcome.sent) == (-2019, "Margin is insufficient.", True)


def test_cancel_of_an_order_just_filled_is_gone_and_the_fill_comes(terminal: Terminal, exchange: Exchange) -> None:
    order = terminal.order(price=terminal.low())
    terminal.answer(order)
    exchange.fault("fill_on_cancel", symbol="BTCUSDT")

    outcome = terminal.answer(terminal.cancel(order))

    assert isinstance(outcome, Reject) and outcome.gone
    terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)


def test_a_dead_kept_socket_does_not_lose_a_request(terminal: Terminal, exchange: Exchange) -> None:
    first = terminal.answer(terminal.order(price=terminal.low()))
    exchange.fault("cut", code=1006)
    time.sleep(0.3)
    terminal.got(VenueUp, count=2)

    second = terminal.answer(terminal.order(price=terminal.low()))

    assert isinstance(first, Ack) and isinstance(second, Ack)


def test_an_order_without_a_line_is_refused_and_a_cancel_waits(tmp_path: Path) -> None:
    gone = Exchange(tmp_path)
    terminal = Terminal(gone).start()
    price = terminal.low()
    resting = terminal.order(price=price)
    terminal.answer(resting)
    gone.close()
    order, cancel = terminal.order(price=price), terminal.cancel(resting)
    terminal.venue.post(order)
    terminal.venue.post(cancel)

    refused = terminal.got(Reject, lambda one: one.request is order)
    assert not refused.sent and "waited" in refused.text
    assert not any(getattr(one, "request", None) is cancel for one in terminal.messages)
    terminal.close()
    last = terminal.got(Reject, lambda one: one.request is cancel)
    assert not last.sent and "stopping" in last.text


# ---------------------------------------------------------------- private stream and history

def test_fills_of_a_cut_are_all_in_the_history(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    since = round(time.time() * 1000) - 1000
    exchange.fault("cut", seconds=1)
    terminal.got(VenueDown)
    orders = [terminal.order(side=side) for side in (Side.BUY, Side.SELL) * 5]
    for order in orders:
        assert isinstance(terminal.answer(order), Ack)
    terminal.got(VenueUp, count=2)

    fills = {one.exec_id: one for page in terminal.history(since) for one in page.executions}

    ids = {order.cl_ord_id for order in orders}
    truth = {row["exec_id"]: row["client_id"] for row in exchange.truth()["executions"] if row["client_id"] in ids}
    assert {exec_id: one.cl_ord_id for exec_id, one in fills.items() if one.cl_ord_id in ids} == truth
    assert len({one.cl_ord_id for one in fills.values()} & ids) == 10


def test_expired_listen_key_is_replaced(terminal: Terminal, exchange: Exchange) -> None:
    exchange.fault("listen_key")

    down = terminal.got(VenueDown)
    terminal.got(VenueUp, count=2)

    assert "key" in down.text
    order = terminal.order()
    terminal.answer(order)
    terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)


def test_repeated_events_pass_through_with_the_same_ids(terminal: Terminal, exchange: Exchange) -> None:
    exchange.fault("event", kind="repeat", copies=3, event="ORDER_TRADE_UPDATE")
    order = terminal.order()
    terminal.answer(order)

    terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id, count=3)

    mine = [one for one in terminal.of(Execution) if one.cl_ord_id == order.cl_ord_id]
    truth = {row["exec_id"] for row in exchange.truth()["executions"] if row["client_id"] == order.cl_ord_id}
    assert {one.exec_id for one in mine} == truth


def test_a_lagging_copy_answers_absent_then_found(terminal: Terminal, exchange: Exchange) -> None:
    order = terminal.order(price=terminal.low())
    terminal.answer(order)
    exchange.fault("lag", path="/fapi/v1/order", seconds=2, times=1)

    assert isinstance(terminal.answer(AskOrder(BTC, order.cl_ord_id)), OrderAbsent)
    assert isinstance(terminal.answer(AskOrder(BTC, order.cl_ord_id)), OrderFound)


def test_unanswered_questions_are_asked_again(terminal: Terminal, exchange: Exchange) -> None:
    exchange.fault("drop", path="GET /fapi/v1/openOrders", times=1, seconds=5)
    exchange.fault("status", path="GET /fapi/v3/positionRisk", http=500, times=2)

    terminal.venue.post(AskAccount("Binance", Category.LINEAR))

    wait_for(lambda: any(type(one).__name__ == "AccountSnapshot" for one in list(terminal.messages)))


# ---------------------------------------------------------------- market data

@pytest.mark.parametrize("kind", ["drop", "swap"])
def test_a_missing_diff_is_stale_at_the_next_message_then_live(
        terminal: Terminal, exchange: Exchange, kind: str) -> None:
    terminal.low()
    seen: list[tuple[bool, str, float]] = []
    stop = threading.Event()

    def look() -> None:
        last = None
        while not stop.wait(0.0005):
            book = terminal.board.books[BTC]
            if book is not last:
                seen.append((book.live, book.reason, time.monotonic()))
                assert not book.live or book.bids[0][0] <= book.asks[0][0]
                last = book

    watcher = threading.Thread(target=look)
    watcher.start()
    exchange.fault("diff", kind=kind, symbol="BTCUSDT")
    for _ in range(10):
        exchange.trade("BUY", "0.010")
        time.sleep(0.05)
    wait_for(lambda: terminal.board.books[BTC].resyncs >= 1 and terminal.board.books[BTC].live)
    stop.set()
    watcher.join()

    lost = next(index for index, one in enumerate(seen) if not one[0])
    assert "missing" in seen[lost][1]
    back = next(one for one in seen[lost:] if one[0])
    assert back[2] - seen[lost][2] < 3.0


def test_a_repeated_diff_changes_nothing(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    exchange.fault("diff", kind="repeat", symbol="BTCUSDT", times=3)
    for _ in range(5):
        exchange.trade("BUY", "0.010")
        time.sleep(0.12)

    assert terminal.board.books[BTC].live
    assert terminal.board.books[BTC].resyncs == 0


def test_at_quiet_the_book_equals_the_exchanges(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    exchange.fault("freeze", symbol="BTCUSDT")
    exchange.trade("BUY", "0.050")
    time.sleep(0.4)
    told = requests.get(exchange.binance["http"] + "/fapi/v1/depth?symbol=BTCUSDT&limit=20", timeout=5).json()

    book = terminal.board.books[BTC]
    assert book.live
    assert [(Decimal(price), Decimal(qty)) for price, qty in told["bids"][:10]] == list(book.bids[:10])
    assert [(Decimal(price), Decimal(qty)) for price, qty in told["asks"][:10]] == list(book.asks[:10])


def test_a_quiet_market_stays_live_for_it_is_asked(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    exchange.fault("freeze", symbol="BTCUSDT")
    time.sleep(0.3)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert terminal.board.books[BTC].live
        time.sleep(0.01)


def test_a_muted_stream_is_stale_within_its_bound_and_comes_back(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    exchange.fault("mute", stream="btcusdt@depth")
    begun = time.monotonic()
    exchange.trade("BUY", "0.300")

    wait_for(lambda: not terminal.board.books[BTC].live, 2.0)
    assert time.monotonic() - begun < 3 * terminal.timings.silence_book
    exchange.calm()
    wait_for(lambda: terminal.board.books[BTC].live, 8.0)


def test_a_muted_mark_price_is_subscribed_anew_and_then_reconnected(terminal: Terminal, exchange: Exchange) -> None:
    wait_for(lambda: BTC in terminal.board.tickers)
    exchange.fault("mute", stream="markPrice")

    wait_for(lambda: any(stream.status.opens > 1 for stream in terminal.venue._pool.streams), 8.0)

    assert len(terminal.of(VenueDown)) == 0


def test_all_sockets_cut_and_refused_are_built_anew(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE)
    before = threading.active_count()
    exchange.fault("cut", seconds=1, code=1012)
    wait_for(lambda: not terminal.board.books[BTC].live)
    wait_for(lambda: terminal.state and terminal.state.health is Health.LOST)
    wait_for(lambda: terminal.board.books[BTC].live, 8.0)
    wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE)

    assert threading.active_count() <= before
    assert terminal.state and terminal.state.reconnects >= 2


def test_an_exchange_that_hangs_is_left_and_found_again(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    hanging = Exchange(tmp_path_factory.mktemp("hanging"))
    try:
        terminal = Terminal(hanging).start()
        terminal.low()
        os.kill(hanging.process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        wait_for(lambda: not terminal.board.books[BTC].live)
        terminal.got(VenueDown)
        assert time.monotonic() - begun < 4.0
        os.kill(hanging.process.pid, signal.SIGCONT)
        terminal.got(VenueUp, count=2, seconds=10)
        wait_for(lambda: terminal.board.books[BTC].live, 8.0)
        terminal.close()
    finally:
        os.kill(hanging.process.pid, signal.SIGCONT)
        hanging.close()


# ---------------------------------------------------------------- clock, limits, accounts

def test_an_exchange_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    gone = Exchange(tmp_path)
    gone.close()
    terminal = Terminal(gone)
    terminal.venue.start()

    state = wait_for(lambda: terminal.state and "no connection" in terminal.state.text and terminal.state)
    assert state and state.health is Health.CONNECTING
    terminal.close()


def test_keys_refused_for_the_private_stream_are_said(make: Make, exchange: Exchange) -> None:
    exchange.fault("status", path="POST /fapi/v1/listenKey", http=401, code=-2015, times=0)
    terminal = make()
    terminal.venue.start()
    wait_for(lambda: terminal.state and "not accepted" in terminal.state.text)
    time.sleep(0.5)

    assert exchange.hits("status") == 1
    exchange.calm()
    terminal.venue.reconnect()
    terminal.got(VenueUp)


def test_a_ban_is_shown_and_no_request_leaves(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    exchange.fault("ban", seconds=2)
    terminal.venue.post(AskAccount("Binance", Category.LINEAR))
    state = wait_for(lambda: terminal.state and terminal.state.health is Health.BANNED and terminal.state)
    order = terminal.order(price=Decimal(1))
    refused = terminal.answer(replace(order, asked=time.monotonic()))

    assert state and state.banned_until and "banned" in state.text
    assert isinstance(refused, Reject) and not refused.sent and "waited" in refused.text
    wait_for(lambda: terminal.state and terminal.state.health is Health.LIVE, 8.0)
    wait_for(lambda: any(type(one).__name__ == "AccountSnapshot" for one in list(terminal.messages)))
    assert accepted(exchange, order) == 0


def test_orders_wait_for_a_429_and_the_cancel_goes_first(make: Make, exchange: Exchange) -> None:
    terminal = make(timings=replace(Timings.quick(), queue_limit=5.0)).start()
    resting = terminal.order(price=terminal.low())
    terminal.answer(resting)
    exchange.fault("status", path="GET /fapi/v1/openOrders", http=429, code=-1003, headers={"Retry-After": "1"})
    terminal.venue.post(AskAccount("Binance", Category.LINEAR))
    wait_for(lambda: exchange.hits("status") == 0 and terminal.venue.limiter.pause_left(time.monotonic()) > 0)
    begun = time.monotonic()
    order, cancel = terminal.order(price=terminal.low()), terminal.cancel(resting)
    terminal.venue.post(order)
    terminal.venue.post(cancel)
    wait_for(lambda: sum(getattr(one, "request", None) in (order, cancel) for one in list(terminal.messages)) == 2)

    answered = [one.request for one in terminal.messages if isinstance(one, Ack) and one.request in (order, cancel)]
    assert answered == [cancel, order]
    assert time.monotonic() - begun > 0.5


@pytest.mark.parametrize(("path", "field", "words"), [
    ("/fapi/v1/positionSide/dual", "dualSidePosition", HEDGE),
    ("/fapi/v1/multiAssetsMargin", "multiAssetsMargin", MULTI),
])
def test_modes_that_do_not_fit_are_refused_with_what_to_change(
        make: Make, exchange: Exchange, path: str, field: str, words: str) -> None:
    exchange.fault("status", path=f"GET {path}", http=200, body={field: True})
    terminal = make().start()
    up = terminal.got(VenueUp)

    assert not up.can_trade and up.text == words
    state = wait_for(lambda: terminal.state and terminal.state.problem and terminal.state)
    assert state and state.problem == words
    refused = terminal.answer(terminal.order())
    assert isinstance(refused, Reject) and not refused.sent

    terminal.venue.reconnect()      # meanwhile changed by the person

    terminal.got(VenueUp, lambda one: one.can_trade)


def test_keys_withdrawn_while_running_end_trading_without_hammering(terminal: Terminal, exchange: Exchange) -> None:
    terminal.low()
    exchange.fault("status", path="GET /fapi/v1/openOrders", http=401, code=-2015, times=0)
    terminal.venue.post(AskAccount("Binance", Category.LINEAR))
    terminal.got(VenueDown)
    state = wait_for(lambda: terminal.state and "not accepted" in terminal.state.text and terminal.state)
    time.sleep(0.5)

    assert state and exchange.hits("status") == 1
    assert terminal.board.books[BTC].live


def test_a_key_that_may_withdraw_is_refused(make: Make, exchange: Exchange) -> None:
    exchange.fault("withdraw")
    terminal = make().start()
    up = terminal.got(VenueUp)
    refused = terminal.answer(terminal.order())

    assert not up.can_trade and up.text == WITHDRAWS
    assert isinstance(refused, Reject) and not refused.sent and "withdraw" in refused.text


@pytest.mark.parametrize("http", [403, 404])
def test_a_network_that_does_not_tell_the_rights_of_a_key_is_used(make: Make, exchange: Exchange, http: int) -> None:
    exchange.fault("status", path="GET /sapi/v1/account/apiRestrictions", http=http, body="<html>no</html>")
    up = make().start().got(VenueUp)

    assert up.can_trade and exchange.hits("status") == 0
