"""What people and bots ask: refusals, numbering, switches, moving, cancelling."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.rows import BookRow, OrderRow
from engine.commands import (
    AskNow,
    Cancel,
    CancelAll,
    KillSwitch,
    MoveOrder,
    PlaceOrder,
    Rearm,
    SetBot,
    SetTrading,
    Watch,
)
from engine.state import Difference, Sight
from models import (
    Ack,
    AmendOrder,
    AskAccount,
    AskOrder,
    BotState,
    CancelOrder,
    Category,
    Key,
    OrderFound,
    OrdStatus,
    OrdType,
    Reject,
    Side,
    Silence,
    SubmitOrder,
    TimeInForce,
)
from tests.support.build import ACCOUNT, BTC, ETH, T0, execution, instrument, order, place, report, robot, sight
from tests.support.drive import Driver

S = OrdStatus
D = Decimal
HAND = "BTCUSDT.linear"


def auto(ticket: str = "", **more: object) -> PlaceOrder:
    """An order of bot A."""
    return replace(place(ticket, owner="A", by_hand=False, price=None), **more)  # type: ignore[arg-type]


def trading(*robots: str) -> Driver:
    """Bots on WORK, trading ON."""
    driver = Driver(*(robot(emi) for emi in robots or ("A",)))
    driver.send(SetTrading("on", True))
    return driver


def resting(driver: Driver, **more: str) -> OrderRow:
    """An order by hand that the venue has taken."""
    return acked(driver, driver.verdict(place(**more)).cl_ord_id)  # type: ignore[arg-type]


def acked(driver: Driver, name: str) -> OrderRow:
    """The venue takes the order."""
    request = submit(driver, name)
    driver.send(Ack(request, report(S.NEW, name, order_id=f"v{name}", qty=str(request.qty),
                                    price=None if request.price is None else str(request.price))))
    return driver.order(name)


def submit(driver: Driver, name: str) -> SubmitOrder:
    """The one request that placed this order."""
    sent = [r for r in driver.requests if isinstance(r, SubmitOrder) and r.cl_ord_id == name]
    assert len(sent) == 1
    return sent[0]


# ---------------------------------------------------------------- placing


def test_accepted_order_is_written_before_it_is_requested() -> None:
    driver = Driver()

    decision = driver.send(place("t", qty="2", price="49000", wanted="49000.5"))

    row = driver.order(f"1.{HAND}")
    assert decision.verdict is not None and decision.verdict.ok and decision.verdict.cl_ord_id == row.name
    assert row in decision.rows and driver.counters == [1]
    assert (row.status, row.qty, row.price, row.wanted, row.owner, row.account) == (
        S.PENDING_NEW, D(2), D(49000), D("49000.5"), HAND, ACCOUNT)
    request = submit(driver, row.name)
    assert (request.side, request.qty, request.price, request.ord_type, request.tif, request.reduce_only) == (
        Side.BUY, D(2), D(49000), OrdType.LIMIT, TimeInForce.GTC, False)
    assert row.expires >= driver.now.venue + 10_000


def test_post_only_goes_out_as_gtx() -> None:
    driver = Driver()

    name = driver.verdict(place(post_only=True)).cl_ord_id

    assert submit(driver, name).tif is TimeInForce.GTX


def test_numbers_grow_over_owners_and_go_on_from_the_ledger() -> None:
    driver = trading("A")
    driver.state.number = 41

    names = [driver.verdict(auto()).cl_ord_id for _ in range(2)]

    assert names == ["42.A", "43.A"] and driver.counters == [42, 43]


def test_ticket_asked_twice_has_the_same_verdict_and_no_second_order() -> None:
    driver = Driver()
    command = place("once")

    first, second = driver.verdict(command), driver.verdict(command)

    assert first == second and first.ok
    assert len(driver.asked(SubmitOrder)) == 1 and driver.counters == [1]


def test_refused_ticket_stays_refused() -> None:
    driver = Driver()
    command = place("once")
    assert driver.refusal(command, sight(book_problem="stale"))

    assert not driver.verdict(command).ok


@pytest.mark.parametrize(("command", "seen", "words"), [
    (place(qty="0"), sight(), "must be above 0"),
    (place(qty="-5"), sight(), "must be above 0"),
    (place(qty="NaN"), sight(), "is no quantity"),
    (place(qty="1e9"), sight(), "above the largest quantity 1000"),
    (place(qty="0.0005"), sight(), "not a multiple of 0.001"),
    (place(price="49000.05"), sight(), "not a multiple of the tick 0.1"),
    (place(qty="0.001", price="100"), sight(), "below the least value 5"),
    (place(key=Key("Binance", Category.LINEAR, "NOPE")), Sight(), "NOPE is not known at Binance-F"),
    (place(key=ETH), sight(ETH), "ETHUSDT is not in the list: add it to LINEAR_SYMBOLS in .env.Binance"),
    (place(owner="9lives"), sight(), "owner “9lives”"),
    (place(owner="ETHUSDT.linear"), sight(), "owner “ETHUSDT.linear”"),
    (place(), sight(book_problem="the book of BTCUSDT is stale for 6.0 s"), "stale for 6.0 s"),
    (place(), sight(venue_problem="Binance-F: reconnecting"), "Binance-F: reconnecting"),
    (place(), replace(sight(), instrument=instrument(trading=False)), "not open for trading"),
    (place(post_only=True, price="50000.1"), sight(), "post-only: 50000.1 would trade at once against 50000.1"),
    (place(post_only=True, price="50000", side=Side.SELL), replace(sight(bid="50000.2", ask="50000.3")),
     "would trade at once against 50000.2"),
])
def test_refusals(command: PlaceOrder, seen: Sight, words: str) -> None:
    assert words in Driver().refusal(command, seen)


def test_refused_while_the_venue_recovers_or_is_away() -> None:
    driver = Driver(recovered=False)
    assert "Binance" in driver.refusal(place())

    driver = Driver()
    venue = driver.state.venues[("Binance", Category.LINEAR)]
    driver.state.venues[venue.id] = replace(venue, recovered=False)
    assert driver.refusal(place()) == "Binance-F is recovering"

    driver.state.venues[venue.id] = replace(venue, can_trade=False, text="the key may not trade")
    assert driver.refusal(place()) == "the key may not trade"


def test_refused_while_the_ledger_cannot_write() -> None:
    driver = Driver()
    driver.state.database_problem = "database is locked"

    assert driver.refusal(place(reduce_only=True)) == "the ledger cannot write: database is locked"


def test_refused_while_the_outcome_of_an_order_is_not_known_for_this_owner_only() -> None:
    driver = trading("A", "B")
    driver.remember(order(S.UNKNOWN, name="7.A"))

    assert "outcome of 7.A is not known yet" in driver.refusal(auto())
    assert driver.verdict(auto(owner="B")).ok


def test_reduce_only_may_go_where_new_risk_may_not() -> None:
    driver = Driver()
    driver.state.differences[BTC] = Difference(BTC, D(0), D(1), 2)

    assert driver.verdict(place(reduce_only=True, side=Side.SELL, price=None), sight(book_problem="stale")).ok


def test_difference_blocks_new_orders_of_its_instrument() -> None:
    driver = Driver(keys=(BTC, ETH))
    driver.state.differences[BTC] = Difference(BTC, D(0), D(1), 2)

    assert "BTCUSDT_Binance-F books 0, exchange 1, difference +1" in driver.refusal(place())
    assert driver.verdict(place(key=ETH, price="50000")).ok


@pytest.mark.parametrize("symbol", ["币安人生USDT", "A123456789012345678901234567USDT"])
def test_owner_that_fits_no_client_id_is_refused_and_harms_nothing(symbol: str) -> None:
    key = Key("Binance", Category.LINEAR, symbol)
    driver = Driver(keys=(key,))

    assert "clOrdID" in driver.refusal(place(key=key, price="50000"), sight(key))


def test_same_order_by_hand_at_once_asks_again() -> None:
    driver = Driver()
    assert driver.verdict(place()).ok

    again = driver.verdict(place())

    assert not again.ok and again.refusal is not None and again.refusal.again
    assert driver.verdict(place(repeat_confirmed=True)).ok
    assert driver.verdict(place(price="48000")).ok
    driver.clock.advance(1.5)
    assert driver.verdict(place(price="48000")).ok


def test_bot_may_repeat_itself() -> None:
    driver = trading()

    assert driver.verdict(auto()).ok and driver.verdict(auto()).ok


# ---------------------------------------------------------------- F9, bots


def test_f9_on_leaves_the_hand_reduce_only_and_cancels() -> None:
    driver = Driver(robot())
    name = resting(driver).name
    driver.send(SetTrading("on", True))

    assert driver.refusal(place(price="48000")) == "Trading is ON. F9 to trade by hand."
    assert driver.verdict(place(reduce_only=True, side=Side.SELL, price=None)).ok
    assert driver.verdict(Cancel("c", BTC, name)).ok


def test_f9_off_keeps_bots_silent() -> None:
    driver = Driver(robot())

    assert driver.refusal(auto()) == "trading is OFF"
    assert driver.refusal(auto(reduce_only=True)) == "trading is OFF"
    assert driver.verdict(SetTrading("on", True)).ok
    assert driver.verdict(auto()).ok


@pytest.mark.parametrize("state", [BotState.OFF, BotState.SUSPENDED])
def test_only_a_bot_on_work_may_trade(state: BotState) -> None:
    driver = trading("A", "B")
    driver.send(SetBot("s", "A", state, "why"))

    assert driver.refusal(auto()) == "A is not on WORK"
    assert driver.refusal(auto(owner="ghost")) == "ghost is not on WORK"
    assert driver.verdict(auto(owner="B")).ok
    assert driver.verdict(SetBot("w", "A", BotState.WORK)).ok
    assert driver.verdict(auto()).ok


def test_bot_whose_row_is_bad_cannot_be_switched_on() -> None:
    driver = trading()
    driver.core.set_robots([robot()], {"A": "TIMEFR 7"})

    assert driver.refusal(SetBot("w", "A", BotState.WORK)) == "A: TIMEFR 7"
    assert driver.refusal(auto()) == "A is not on WORK"
    assert driver.verdict(SetBot("o", "A", BotState.OFF)).ok
    assert "no bot ghost" in driver.refusal(SetBot("g", "ghost", BotState.OFF))


# ---------------------------------------------------------------- cancelling


def test_cancel_names_the_venues_id_and_waits_for_the_venue() -> None:
    driver = Driver()
    row = resting(driver)

    assert driver.verdict(Cancel("c", BTC, row.name)).ok

    assert driver.order(row.name).status is S.PENDING_CANCEL
    request = driver.asked(CancelOrder)[0]
    assert isinstance(request, CancelOrder)
    assert (request.cl_ord_id, request.order_id) == (row.name, row.order_id)


@pytest.mark.parametrize("sign_of_life", ["ack", "report", "fill"])
def test_cancel_before_the_acknowledgement_is_sent_once_after_it(sign_of_life: str) -> None:
    driver = Driver()
    name = driver.verdict(place(qty="10")).cl_ord_id
    assert driver.verdict(Cancel("c", BTC, name)).ok
    assert not driver.asked(CancelOrder)

    ack, seen = Ack(submit(driver, name), report(S.NEW, name)), report(S.NEW, name)
    messages = {"ack": ack, "report": seen, "fill": execution(cl_ord_id=name)}
    driver.send(messages[sign_of_life])  # type: ignore[arg-type]

    assert len(driver.asked(CancelOrder)) == 1
    assert driver.order(name).status is S.PENDING_CANCEL


def test_cancel_of_an_unknown_order_goes_out_and_it_stays_unknown() -> None:
    driver = Driver()
    name = driver.verdict(place()).cl_ord_id
    driver.send(Silence(submit(driver, name), "timeout", 0.0, T0 + 5_000))

    assert driver.verdict(Cancel("c", BTC, name)).ok

    assert driver.order(name).status is S.UNKNOWN
    assert len(driver.asked(CancelOrder)) == 1


@pytest.mark.parametrize(("status", "words"), [
    (S.FILLED, "already filled"), (S.CANCELED, "already canceled"), (S.REJECTED, "already rejected")])
def test_cancel_of_an_ended_order_says_how_it_ended(status: OrdStatus, words: str) -> None:
    driver = Driver()
    driver.remember(order(status, name="7.A"))

    assert driver.refusal(Cancel("c", BTC, "7.A")) == words


def test_cancel_of_an_order_nobody_has() -> None:
    assert Driver().refusal(Cancel("c", BTC, "7.A")) == "7.A is not open any more"


def test_cancel_works_while_everything_else_is_refused() -> None:
    driver = Driver()
    name = resting(driver).name
    driver.state.database_problem = "locked"

    assert driver.verdict(Cancel("c", BTC, name), Sight()).ok


def test_cancel_answered_gone_asks_what_became_of_the_order() -> None:
    driver = Driver()
    row = resting(driver, qty="10")
    driver.send(Cancel("c", BTC, row.name))
    request = driver.asked(CancelOrder)[0]
    assert isinstance(request, CancelOrder)

    driver.send(Reject(request, -2011, "Unknown order sent.", gone=True))

    assert driver.order(row.name).status is S.PENDING_CANCEL
    asked = driver.asked(AskOrder)[0]
    assert isinstance(asked, AskOrder)
    driver.send(execution(cl_ord_id=row.name, last_qty="10"))
    driver.send(OrderFound(asked, report(S.FILLED, row.name, cum="10", time=T0 + 5)))
    assert driver.order(row.name).status is S.FILLED and not driver.said("CANCELED")
    assert driver.positions() == {HAND: D(10)}


def test_cancel_refused_leaves_the_order_as_it_was() -> None:
    driver = Driver()
    row = resting(driver)
    driver.send(Cancel("c", BTC, row.name))
    request = driver.asked(CancelOrder)[0]
    assert isinstance(request, CancelOrder)

    driver.send(Reject(request, -1003, "Too many requests."))

    assert driver.order(row.name).status is S.NEW
    assert driver.said("cancel refused, -1003: Too many requests.")


def test_cancel_that_is_not_answered_is_asked_about_and_repeated_a_few_times() -> None:
    driver = Driver()
    row = resting(driver)
    driver.send(Cancel("c", BTC, row.name))
    for _ in range(6):
        asked = AskOrder(BTC, row.name, row.order_id)
        driver.send(OrderFound(asked, report(S.NEW, row.name, time=T0 + 1)))

    assert len(driver.asked(CancelOrder)) == 4
    assert driver.said("not cancelled after 4 tries")


def test_cancel_all_hits_what_fits() -> None:
    driver = Driver(robot("A"), keys=(BTC, ETH))
    driver.remember(order(S.NEW, name="1.A"), order(S.NEW, name="2.B", owner="B"),
                    order(S.UNKNOWN, name="3.A", key=ETH), order(S.FILLED, name="4.A"))

    def hit(command: CancelAll) -> list[str]:
        return [r.cl_ord_id for r in driver.core.decide(command, driver.now, Sight()).requests
                if isinstance(r, CancelOrder)]

    assert hit(CancelAll("a")) == ["1.A", "2.B", "3.A"]
    assert hit(CancelAll("b", key=BTC)) == ["1.A", "2.B"]
    assert hit(CancelAll("c", owner="B")) == ["2.B"]
    assert hit(CancelAll("d", bots_only=True)) == ["1.A", "3.A"]


# ---------------------------------------------------------------- kill switch


def test_kill_switch_cancels_counts_and_locks_until_rearmed() -> None:
    driver = trading()
    names = [acked(driver, driver.verdict(auto(price=D(49000 - i), ord_type=OrdType.LIMIT)).cl_ord_id).name
             for i in range(7)]

    assert driver.verdict(KillSwitch("k")).ok

    assert len(driver.asked(CancelOrder)) == 7 and driver.asked(AskAccount)
    assert not driver.state.trading
    assert driver.refusal(place()) == "the kill switch is on: re-arm first"
    assert driver.refusal(SetTrading("on2", True)) == "the kill switch is on: re-arm first"
    assert driver.verdict(place(reduce_only=True, side=Side.SELL, price=None)).ok
    for name in names[:3]:
        driver.send(report(S.CANCELED, name, time=T0 + 900))
    driver.tick(1)
    assert (driver.state.kill.total, driver.state.kill.done) == (7, 3)
    for name in names[3:]:
        driver.send(report(S.CANCELED, name, time=T0 + 900))
    driver.tick(1)
    assert driver.state.kill.done == 7

    assert driver.verdict(Rearm("r")).ok
    assert not driver.state.trading and not driver.state.kill.locked
    assert driver.verdict(place()).ok


def test_order_on_its_way_when_the_kill_switch_falls_is_cancelled_when_it_arrives() -> None:
    driver = trading()
    name = driver.verdict(auto()).cl_ord_id

    driver.send(KillSwitch("k"))
    acked(driver, name)

    assert [r.cl_ord_id for r in driver.asked(CancelOrder)] == [name]  # type: ignore[union-attr]


# ---------------------------------------------------------------- moving


def test_move_sends_absolute_values() -> None:
    driver = Driver()
    row = resting(driver, qty="10", price="49000")

    assert driver.verdict(MoveOrder("m", BTC, row.name, price=D(48000))).ok

    request = driver.asked(AmendOrder)[0]
    assert isinstance(request, AmendOrder)
    assert (request.price, request.qty, request.order_id) == (D(48000), D(10), row.order_id)
    assert driver.order(row.name).status is S.PENDING_REPLACE
    driver.send(Ack(request, report(S.NEW, row.name, price="48000", time=T0 + 900)))
    assert (driver.order(row.name).status, driver.order(row.name).price) == (S.NEW, D(48000))


@pytest.mark.parametrize(("price", "qty", "words"), [
    ("49000.05", None, "not a multiple of the tick"), (None, "0.0001", "not a multiple of 0.001"),
    ("49000", "10", "nothing to change"), (None, None, "nothing to change"), (None, "4", "4 is filled already")])
def test_move_refusals(price: str | None, qty: str | None, words: str) -> None:
    driver = Driver()
    driver.remember(order(S.PARTIALLY_FILLED, name="1.A", price="49000", booked="4"))

    assert words in driver.refusal(MoveOrder("m", BTC, "1.A", D(price) if price else None, D(qty) if qty else None))


def test_move_needs_a_resting_limit_order() -> None:
    driver = Driver()
    driver.remember(order(S.PENDING_CANCEL, name="1.A"), order(S.NEW, name="2.A", ord_type=None, price=None),
                    order(S.FILLED, name="3.A"))

    assert "is PENDING_CANCEL" in driver.refusal(MoveOrder("a", BTC, "1.A", D(1)))
    assert driver.refusal(MoveOrder("b", BTC, "2.A", D(1))) == (
        "only limit orders and those that wait for their trigger can be moved")
    assert driver.refusal(MoveOrder("c", BTC, "3.A", D(1))) == "already filled"


def test_move_may_not_enlarge_while_trading_is_on_or_locked() -> None:
    driver = Driver(robot())
    name = resting(driver, qty="10").name
    driver.send(SetTrading("on", True))

    assert "Trading is ON" in driver.refusal(MoveOrder("m", BTC, name, qty=D(11)))
    driver.send(KillSwitch("k"))
    driver.state.orders[(BTC, name)] = order(S.NEW, name=name, owner=HAND)
    assert "kill switch" in driver.refusal(MoveOrder("n", BTC, name, qty=D(9)))


def test_move_refused_by_the_venue_keeps_the_order() -> None:
    driver = Driver()
    row = resting(driver, price="49000")
    driver.send(MoveOrder("m", BTC, row.name, price=D(48000)))
    request = driver.asked(AmendOrder)[0]
    assert isinstance(request, AmendOrder)

    driver.send(Reject(request, -4014, "Price not increased by tick size."))

    assert (driver.order(row.name).status, driver.order(row.name).price) == (S.NEW, D(49000))
    assert driver.said("move refused")


# ---------------------------------------------------------------- watchlist, F5


def test_watch_adds_and_takes_off() -> None:
    driver = Driver()

    assert driver.verdict(Watch("w", ETH, True), sight(ETH)).ok
    assert ETH in driver.state.configured and ETH in driver.state.watched
    assert driver.verdict(Watch("o", ETH, False), sight(ETH)).ok
    assert ETH not in driver.state.configured


def test_watch_refuses_the_unknown_and_keeps_what_is_in_use() -> None:
    driver = Driver()
    driver.remember(BookRow(BTC, ACCOUNT, "A", "USDT", pos=D(1), entry=D(50000)))

    assert "not known" in driver.refusal(Watch("w", ETH, True), Sight())
    assert "orders or a position" in driver.refusal(Watch("o", BTC, False))


def test_ask_now_asks_every_venue_that_is_up() -> None:
    driver = Driver()

    assert driver.verdict(AskNow("f5")).ok

    assert driver.asked(AskAccount) == [AskAccount("Binance", Category.LINEAR, "asked")]
