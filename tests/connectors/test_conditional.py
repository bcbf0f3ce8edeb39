"""Conditional orders and leverage on both futures products of Binance, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.binance.conditional import PREFIX
from connectors.venue import Cancelled
from core.numbers import multiple_down
from models import (
    AccountSnapshot,
    Ack,
    AmendOrder,
    AskAccount,
    AskOrder,
    CancelOrder,
    Execution,
    LeverageReport,
    Notice,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    OrdType,
    Reject,
    SetLeverage,
    Side,
    SubmitOrder,
    TimeInForce,
    Trigger,
    VenueDown,
    VenueUp,
)
from tests.connectors.conftest import COINM, USDM, Exchange, Product, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]
BOTH = pytest.mark.parametrize("product", [USDM, COINM], ids=["usdm", "coinm"])


def conditional(terminal: Terminal, side: Side, kind: OrdType, share: str, *, limit: str = "", callback: str = "",
                by_mark: bool = False, qty: str = "", reduce_only: bool = False) -> SubmitOrder:
    """A conditional order whose trigger is so far from the best bid."""
    price = terminal.low(share)
    plain = terminal.order(side, qty, reduce_only=reduce_only)
    at = None if callback else price
    return replace(plain, ord_type=kind, price=terminal.low(limit) if limit else None,
                   trigger=Trigger(at, Decimal(callback) if callback else None, by_mark))


def move(terminal: Terminal, share: str) -> Decimal:
    """Trade the frozen market to a share of its best bid."""
    key, exchange = terminal.product.key, terminal.exchange
    price = multiple_down(terminal.low("1") * Decimal(share), terminal.board.instruments[key].tick)
    exchange.control("price", market=key.market, category=key.category.value, symbol=key.symbol, price=str(price))
    return price


def reports(terminal: Terminal, order: SubmitOrder) -> list[OrderReport]:
    return [one for one in terminal.of(OrderReport) if one.cl_ord_id == order.cl_ord_id]


@pytest.fixture(autouse=True, scope="module")
def left_as_found(running: Exchange) -> Iterator[None]:
    """Other tests find neither positions nor another leverage."""
    yield
    running.calm()
    for product in (USDM, COINM):
        terminal = Terminal(running, product=product).start()
        terminal.venue.cancel_everything()
        flat(terminal)
        terminal.venue.post(SetLeverage(product.key, 20))
        terminal.got(LeverageReport, lambda one: one.leverage == 20)
        terminal.close()


def snapshot(terminal: Terminal) -> AccountSnapshot:
    before = len(terminal.of(AccountSnapshot))
    terminal.venue.post(AskAccount(terminal.product.key.market, terminal.product.key.category))
    return terminal.got(AccountSnapshot, count=before + 1)


@BOTH
@pytest.mark.parametrize(("side", "kind", "share", "limit"), [
    (Side.SELL, OrdType.STOP_MARKET, "0.97", ""), (Side.SELL, OrdType.TAKE_PROFIT_MARKET, "1.03", ""),
    (Side.BUY, OrdType.STOP_LIMIT, "1.03", "1.04"), (Side.BUY, OrdType.TAKE_PROFIT_LIMIT, "0.97", "0.96")])
def test_each_type_waits_is_found_and_is_cancelled(
        make: Make, product: Product, side: Side, kind: OrdType, share: str, limit: str) -> None:
    terminal = make(product=product).start()
    order = conditional(terminal, side, kind, share, limit=limit, by_mark=kind is OrdType.STOP_MARKET)
    placed = terminal.answer(order)
    held = next(one for one in snapshot(terminal).orders if one.cl_ord_id == order.cl_ord_id)
    found = terminal.answer(AskOrder(order.key, order.cl_ord_id, "", conditional=True))
    ended = terminal.answer(CancelOrder(order.key, order.cl_ord_id, held.order_id, time.monotonic(), True))
    told = wait_for(lambda: [one for one in reports(terminal, order) if one.status is OrdStatus.CANCELED])
    twice = terminal.answer(CancelOrder(order.key, order.cl_ord_id, "", time.monotonic(), True))

    assert isinstance(placed, Ack) and isinstance(found, OrderFound) and isinstance(ended, Ack)
    for one in (placed.report, held, found.report):
        assert one is not None and one.order_id.startswith(PREFIX) and one.status is OrdStatus.NEW
        assert (one.ord_type, one.trigger, one.price, one.qty, one.side) == (
            kind, order.trigger, order.price, order.qty, side)
    assert told and told[-1].order_id == held.order_id
    assert isinstance(twice, Reject) and twice.gone


@BOTH
def test_a_triggered_stop_goes_on_under_its_new_id_and_its_fills_are_its_own(
        make: Make, exchange: Exchange, product: Product) -> None:
    terminal = make(product=product).start()
    opened = terminal.order(Side.BUY)
    terminal.answer(opened)
    terminal.got(Execution, lambda one: one.cl_ord_id == opened.cl_ord_id)
    exchange.of(product).fault("freeze", symbol=product.key.symbol)
    since = round(time.time() * 1000) - 60_000
    stop = conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.995", reduce_only=True)
    placed = terminal.answer(stop)
    move(terminal, "0.99")
    fill = terminal.got(Execution, lambda one: one.cl_ord_id == stop.cl_ord_id)
    wait_for(lambda: any(one.status is OrdStatus.FILLED for one in reports(terminal, stop)))
    found = terminal.answer(AskOrder(stop.key, stop.cl_ord_id, placed.report.order_id, conditional=True))
    again = terminal.answer(AskOrder(stop.key, stop.cl_ord_id, fill.order_id, conditional=True))
    gone = terminal.answer(CancelOrder(stop.key, stop.cl_ord_id, placed.report.order_id, time.monotonic(), True))
    # Another program with the same account has heard nothing of it.
    other = make(product=product).start()
    told = [one for page in other.history(since) for one in page.executions if one.order_id == fill.order_id]

    states = [(one.order_id.startswith(PREFIX), one.status) for one in reports(terminal, stop)]
    assert states[-1] == (False, OrdStatus.FILLED) and (False, OrdStatus.NEW) in states
    assert all(one.trigger is None for one in reports(terminal, stop) if not one.order_id.startswith(PREFIX))
    for answer in (found, again):
        assert isinstance(answer, OrderFound) and answer.report.status is OrdStatus.FILLED
        assert (answer.report.order_id, answer.report.cl_ord_id) == (fill.order_id, stop.cl_ord_id)
    assert isinstance(gone, Reject) and gone.gone
    assert told and {one.cl_ord_id for one in told} == {stop.cl_ord_id}
    assert all(one.cl_ord_id in (None, opened.cl_ord_id, stop.cl_ord_id) for one in terminal.of(Execution))


def test_fills_that_come_before_the_join_are_held_until_it_is_known(make: Make, exchange: Exchange) -> None:
    """The stream does not tell of the trigger: the venue is asked."""
    terminal = make().start()
    exchange.of(USDM).fault("freeze", symbol="BTCUSDT")
    stop = conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.995")
    terminal.answer(stop)
    exchange.fault("mute", stream="private ALGO_UPDATE")
    move(terminal, "0.99")
    fill = terminal.got(Execution, lambda one: one.cl_ord_id == stop.cl_ord_id, seconds=8.0)

    told = [one for one in terminal.of(Execution) if one.order_id == fill.order_id]
    assert told and {one.cl_ord_id for one in told} == {stop.cl_ord_id}
    assert not [one for one in terminal.of(OrderReport) if one.order_id == fill.order_id
                and one.cl_ord_id != stop.cl_ord_id]


def test_a_resting_triggered_limit_is_known_cancelled_and_listed_under_its_own_name(
        make: Make, exchange: Exchange) -> None:
    terminal = make().start()
    exchange.of(USDM).fault("freeze", symbol="BTCUSDT")
    order = conditional(terminal, Side.SELL, OrdType.STOP_LIMIT, "0.995", limit="1.02")
    terminal.answer(order)
    move(terminal, "0.99")
    rests = wait_for(lambda: [one for one in reports(terminal, order) if not one.order_id.startswith(PREFIX)])
    listed = [one for one in snapshot(make().start()).orders if one.order_id == rests[-1].order_id]
    ended = terminal.answer(terminal.cancel(order, rests[-1].order_id))

    assert [one.cl_ord_id for one in listed] == [order.cl_ord_id]
    assert rests[-1].ord_type is OrdType.LIMIT and rests[-1].price == order.price
    assert isinstance(ended, Ack) and ended.report and ended.report.cl_ord_id == order.cl_ord_id
    assert ended.report.status is OrdStatus.CANCELED


def test_a_trailing_stop_tells_its_distance_and_triggers(make: Make, exchange: Exchange) -> None:
    terminal = make().start()
    exchange.of(USDM).fault("freeze", symbol="BTCUSDT")
    order = conditional(terminal, Side.SELL, OrdType.TRAILING_STOP, "1", callback="0.5")
    placed = terminal.answer(order)
    move(terminal, "1.005")
    move(terminal, "0.99")
    fill = terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)

    assert placed.report.ord_type is OrdType.TRAILING_STOP and placed.report.trigger == Trigger(None, Decimal("0.5"))
    assert fill.side is Side.SELL


def test_a_trigger_while_the_line_is_cut_is_known_afterwards(make: Make, exchange: Exchange) -> None:
    terminal = make().start()
    exchange.of(USDM).fault("freeze", symbol="BTCUSDT")
    since = round(time.time() * 1000) - 60_000
    stop = conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.995")
    terminal.answer(stop)
    exchange.fault("cut", seconds=1)
    terminal.got(VenueDown)
    move(terminal, "0.99")
    terminal.got(VenueUp, count=2, seconds=10.0)
    fills = [one for page in terminal.history(since) for one in page.executions if one.cl_ord_id == stop.cl_ord_id]

    assert sum(one.last_qty for one in fills) == stop.qty


def test_refusals_are_told_in_the_venues_words(make: Make, exchange: Exchange) -> None:
    terminal = make().start()
    exchange.of(USDM).fault("freeze", symbol="BTCUSDT")
    wrong = terminal.answer(conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "1.02"))
    order = conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.97")
    placed = terminal.answer(order)
    twice = terminal.answer(replace(order, asked=time.monotonic()))
    moved = terminal.answer(AmendOrder(order.key, order.cl_ord_id, placed.report.order_id, order.side, order.qty,
                                       terminal.low("0.96"), time.monotonic()))
    absent = terminal.answer(AskOrder(order.key, "77.nobody", "", conditional=True))

    assert isinstance(wrong, Reject) and wrong.code == -2021 and "immediately trigger" in wrong.text
    assert isinstance(twice, Reject) and twice.code == -20132 and twice.duplicate
    assert isinstance(moved, Reject) and not moved.sent and "cancel it and place it anew" in moved.text
    assert isinstance(absent, OrderAbsent)


@pytest.mark.parametrize(("code", "text"), [(-4120, "Use the Algo Order API endpoints instead."),
                                            (-4045, "Reach max stop order limit.")])
def test_other_refusals_are_final(make: Make, exchange: Exchange, code: int, text: str) -> None:
    terminal = make().start()
    exchange.fault("status", path="POST /fapi/v1/algoOrder", http=400, body={"code": code, "msg": text},
                   after="before")

    told = terminal.answer(conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.97"))

    assert isinstance(told, Reject) and (told.code, told.text, told.sent, told.duplicate) == (code, text, True, False)


def test_a_stop_rejected_at_its_trigger_ends_with_the_reason(make: Make, exchange: Exchange) -> None:
    terminal = make().start()
    exchange.of(USDM).fault("freeze", symbol="BTCUSDT")
    stop = conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.995", reduce_only=True)
    flat(terminal)
    placed = terminal.answer(stop)
    move(terminal, "0.99")
    told = wait_for(lambda: [one for one in reports(terminal, stop) if one.status.is_terminal])

    assert isinstance(placed, Ack) and told[-1].status is OrdStatus.REJECTED and told[-1].reason


def flat(terminal: Terminal) -> None:
    """Close what tests before this one left open."""
    for one in snapshot(terminal).positions:
        if one.key == terminal.product.key and one.qty:
            side = Side.SELL if one.qty > 0 else Side.BUY
            order = replace(terminal.order(side, str(abs(one.qty))), tif=TimeInForce.GTC)
            terminal.answer(order)
            terminal.got(Execution, lambda fill, name=order.cl_ord_id: fill.cl_ord_id == name)  # type: ignore[misc]


@BOTH
def test_cancel_everything_ends_conditional_orders_too(make: Make, exchange: Exchange, product: Product) -> None:
    terminal = make(product=product).start()
    orders = [terminal.order(price=terminal.low()), conditional(terminal, Side.SELL, OrdType.STOP_MARKET, "0.95")]
    for order in orders:
        terminal.answer(order)

    assert terminal.venue.cancel_everything() == Cancelled(1, 1, "", ((product.key.symbol, 2),))
    mine = {order.cl_ord_id for order in orders}
    assert not [one for one in snapshot(terminal).orders if one.cl_ord_id in mine]


@BOTH
def test_leverage_is_told_changed_and_refused(make: Make, exchange: Exchange, product: Product) -> None:
    terminal = make(product=product).start()
    key = product.key
    first = terminal.got(LeverageReport, lambda one: one.key == key)
    wanted = 7 if first.leverage != 7 else 8
    terminal.venue.post(SetLeverage(key, wanted))
    told = terminal.got(LeverageReport, lambda one: one.key == key and one.leverage == wanted)
    terminal.venue.post(SetLeverage(key, 500))
    notice = terminal.got(Notice)
    terminal.venue.watch(product.other)
    other = terminal.got(LeverageReport, lambda one: one.key == product.other)

    assert first.leverage and first.isolated is False and first.most == 125
    assert told.leverage == wanted and other.leverage
    assert key.symbol in notice.text and "500" in notice.text


def test_leverage_changed_elsewhere_is_told_by_the_stream(make: Make, exchange: Exchange) -> None:
    here, there = make().start(), make().start()
    first = here.got(LeverageReport).leverage
    wanted = 9 if first != 9 else 11
    there.venue.post(SetLeverage(USDM.key, wanted))

    assert here.got(LeverageReport, lambda one: one.leverage == wanted).key == USDM.key

