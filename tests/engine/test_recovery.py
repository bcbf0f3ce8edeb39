"""Start = reconnect = F3, the comparison with the venue, and what happens by itself as time passes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.rows import BookRow, CursorRow, Loaded
from engine.commands import TakeOver
from engine.state import Decision, Difference
from models import (
    AccountSnapshot,
    AskAccount,
    AskHistory,
    AskOrder,
    Category,
    HistoryPage,
    Key,
    OrderAbsent,
    OrderFound,
    OrdStatus,
    VenueDown,
)
from tests.support.build import (
    ACCOUNT,
    BTC,
    ETH,
    T0,
    execution,
    order,
    place,
    position,
    report,
    robot,
    sight,
    snapshot,
    venue_up,
)
from tests.support.drive import Driver

S = OrdStatus
D = Decimal
HAND = "BTCUSDT.linear"
LINEAR = ("Binance", Category.LINEAR)
YEAR_2000 = 946_684_800_000


def page(reason: str = "recovery", key: Key = BTC, last: bool = True, read_start: int = T0 + 500) -> HistoryPage:
    """An empty page of history."""
    return HistoryPage(key, ACCOUNT, (), last, read_start, 0, reason)


def checked(driver: Driver, *held: str, asked: int = 0) -> Decision:
    """The venue tells its positions in BTC: one text, or nothing for flat."""
    return driver.send(snapshot(positions=tuple(position(q) for q in held), asked=asked or driver.now.venue))


def blocked(driver: Driver, theirs: str = "5") -> None:
    """A difference that both re-reads did not explain."""
    for reason in ("check", "difference", "difference"):
        checked(driver, theirs)
        driver.send(page(reason))
    checked(driver, theirs)
    assert driver.state.differences[BTC].stage == 2


# ---------------------------------------------------------------- venue up → recovered


def test_recovery_asks_for_account_history_and_orders_in_doubt() -> None:
    driver = Driver(recovered=False)
    driver.core.adopt("Binance", ACCOUNT, Loaded(orders=(order(S.UNKNOWN), order(S.NEW, name="2.A"))), 0, driver.now)

    driver.send(venue_up())

    assert driver.asked(AskOrder) == [AskOrder(BTC, "1.A", "")]
    assert driver.asked(AskAccount) == [AskAccount(*LINEAR, "recovery")]
    assert driver.asked(AskHistory) == [AskHistory(BTC, YEAR_2000, "recovery")]
    assert driver.refusal(place()) == "Binance-F is recovering"


def test_history_is_read_from_the_cursor_less_five_minutes() -> None:
    driver = Driver(recovered=False)
    driver.remember(CursorRow(BTC, ACCOUNT, "fills", T0))

    driver.send(venue_up())

    assert driver.asked(AskHistory) == [AskHistory(BTC, T0 - 300_000, "recovery")]


def test_recovered_when_account_and_every_history_have_come_in_any_order() -> None:
    driver = Driver(keys=(BTC, ETH), recovered=False)
    driver.send(venue_up(BTC, ETH))

    for message in (page(key=ETH), snapshot(), page(last=False)):
        driver.send(message)
        assert not driver.state.venues[LINEAR].recovered
    driver.send(page())

    assert driver.state.venues[LINEAR].recovered and driver.said("recovered: account SIM-1")
    assert driver.asked(AskAccount)[-1] == AskAccount(*LINEAR, "check")
    assert driver.verdict(place()).ok


def test_a_completed_read_moves_the_cursor_to_its_start_and_the_stream_never() -> None:
    driver = Driver()
    where = (ACCOUNT, BTC, "fills")
    before = driver.state.cursors[where]

    driver.send(execution(time=before + 10_000))
    driver.send(page("hourly", last=False, read_start=before + 20_000))
    driver.send(page("difference", read_start=before + 20_000))
    driver.send(page("hourly", read_start=before - 20_000))
    assert driver.state.cursors[where] == before

    decision = driver.send(page("hourly", read_start=before + 20_000))

    assert decision.rows == [CursorRow(BTC, ACCOUNT, "fills", before + 20_000)]
    assert driver.state.cursors[where] == before + 20_000


def test_a_page_moves_the_cursor_to_its_newest_fill() -> None:
    driver = Driver()
    where = (ACCOUNT, BTC, "fills")
    before = driver.state.cursors[where]
    fills = tuple(execution(f"x{number}", time=before + number * 1000) for number in (1, 3, 2))

    driver.send(replace(page("difference", last=False), executions=fills))
    assert driver.state.cursors[where] == before
    driver.send(replace(page("recovery", last=False), executions=fills))
    assert driver.state.cursors[where] == before + 3000
    driver.send(replace(page("recovery", last=False), executions=(execution("x0", time=before - 1),)))

    assert driver.state.cursors[where] == before + 3000


def test_held_instruments_that_are_not_configured_are_read_too() -> None:
    driver = Driver(recovered=False)
    driver.core.adopt("Binance", ACCOUNT, Loaded(books=(BookRow(ETH, ACCOUNT, "A", "USDT", pos=D(1)),)), 0, driver.now)

    driver.send(venue_up())

    assert {r.key for r in driver.asked(AskHistory)} == {BTC, ETH}  # type: ignore[union-attr]


def test_position_in_an_instrument_nobody_named_is_read_before_recovery_ends() -> None:
    driver = Driver(recovered=False)
    driver.send(venue_up())
    driver.send(page())

    driver.send(snapshot(positions=(position("1", ETH), position("0", replace_symbol("XRPUSDT")))))
    assert not driver.state.venues[LINEAR].recovered
    driver.send(page(key=ETH))

    assert driver.state.venues[LINEAR].recovered
    assert {r.key for r in driver.asked(AskHistory)} == {BTC, ETH}  # type: ignore[union-attr]


def replace_symbol(symbol: str) -> Key:
    """Another instrument of the same product."""
    return BTC._replace(symbol=symbol)


def test_connection_lost_stops_new_orders_until_the_next_recovery() -> None:
    driver = Driver()

    driver.send(VenueDown(*LINEAR, "private stream lost"))

    assert driver.refusal(place()) == "Binance-F is recovering"
    assert driver.verdict(place(reduce_only=True, price=None)).ok
    driver.recover()
    assert driver.verdict(place()).ok


def test_the_same_recovery_twenty_times_changes_nothing() -> None:
    driver = Driver(robot())
    fact = execution(last_qty="3")
    driver.send(fact)
    before = driver.positions(), len(driver.coins)

    for _ in range(20):
        driver.send(VenueDown(*LINEAR, "again"))
        driver.send(venue_up())
        driver.send(HistoryPage(BTC, ACCOUNT, (fact,), True, T0 + 900, 0, "recovery"))
        driver.send(snapshot(positions=(position("3"),)))

    assert (driver.positions(), len(driver.coins)) == before
    assert driver.state.venues[LINEAR].recovered and not driver.state.differences


# ---------------------------------------------------------------- a start


def test_what_was_on_its_way_when_the_program_ended_is_unknown() -> None:
    driver = Driver(recovered=False)
    loaded = Loaded(orders=(order(S.PENDING_NEW, name="5.A"), order(S.PENDING_CANCEL, name="6.A", booked="2")),
                    counters={"clOrdID": 6})

    decision = driver.core.adopt("Binance", ACCOUNT, loaded, 0, driver.now)
    driver.carry_out(decision)

    assert driver.order("5.A").status is S.UNKNOWN
    assert driver.order("6.A").status is S.UNKNOWN
    assert driver.state.number == 6
    driver.send(venue_up())
    assert {request.cl_ord_id for request in driver.requests if isinstance(request, AskOrder)} == {"5.A", "6.A"}


def test_order_the_venue_never_got_is_closed_after_a_restart() -> None:
    driver = Driver(recovered=False)
    pending = order(S.PENDING_NEW, name="5.A", expires=T0 + 10_000)
    driver.carry_out(driver.core.adopt("Binance", ACCOUNT, Loaded(orders=(pending,)), 0, driver.now))
    driver.recover()
    asked = AskOrder(BTC, "5.A")

    driver.send(OrderAbsent(asked, T0 + 10_000))
    assert driver.order("5.A").status is S.UNKNOWN
    for _ in range(2):
        driver.send(OrderAbsent(asked, T0 + 41_000))

    assert (driver.order("5.A").status, driver.order("5.A").text) == (S.REJECTED, "never arrived")


def test_reading_memory_anew_forgets_what_was_there_before() -> None:
    driver = Driver()
    driver.remember(order(S.NEW, name="5.A"), BookRow(BTC, ACCOUNT, "A", "USDT", pos=D(1), entry=D(1)))

    driver.core.adopt("Binance", ACCOUNT, Loaded(orders=(order(S.NEW, name="6.A"),)), 0, driver.now)

    assert set(driver.state.orders) == {(BTC, "6.A")} and driver.state.position(BTC) == 0


# ---------------------------------------------------------------- orders in the snapshot


def test_open_orders_nobody_here_placed_are_adopted() -> None:
    driver = Driver()

    driver.send(snapshot((report(S.NEW, "web_1", order_id="900"),)))

    assert driver.order("#900").owner == HAND


def test_orders_missing_from_the_list_are_asked_about_and_ended_by_the_answer() -> None:
    driver = Driver()
    driver.remember(order(S.NEW, order_id="100", updated=T0 - 10, created=T0 - 20))

    driver.send(snapshot(asked=T0))
    assert driver.asked(AskOrder) == [AskOrder(BTC, "1.A", "100")]
    driver.send(OrderFound(AskOrder(BTC, "1.A", "100"), report(S.CANCELED, time=T0 - 5)))

    assert driver.order("1.A").status is S.CANCELED


def test_orders_younger_than_the_question_or_without_outcome_are_not_missing() -> None:
    driver = Driver()
    driver.remember(order(S.NEW, name="1.A", updated=T0 + 5), order(S.NEW, name="2.A", updated=0, created=T0 + 5),
                    order(S.PENDING_NEW, name="3.A", updated=0, created=T0 - 5), order(S.FILLED, name="4.A"))

    driver.send(snapshot(asked=T0))

    assert not driver.asked(AskOrder)


def test_listed_orders_are_not_missing() -> None:
    driver = Driver()
    driver.remember(order(S.NEW, order_id="100", updated=T0 - 10, created=T0 - 20),
                    order(S.NEW, name="#55", owner=HAND, order_id="55", updated=T0 - 10, created=T0 - 20))

    driver.send(snapshot((report(order_id="100", time=T0 - 10), report(cl_ord_id=None, order_id="55", time=T0 - 10)),
                         asked=T0))

    assert not driver.asked(AskOrder)


# ---------------------------------------------------------------- differences


def test_agreement_is_compared_and_said() -> None:
    driver = Driver()
    driver.send(execution(last_qty="3"))
    driver.clock.advance(60)

    checked(driver, "3")

    assert not driver.state.differences and driver.state.venues[LINEAR].compared == driver.now.wall


def test_difference_is_read_again_a_day_then_a_week_then_blocks() -> None:
    driver = Driver()
    asked = driver.now.venue

    checked(driver, "5")
    assert driver.asked(AskHistory) == [AskHistory(BTC, asked - 86_400_000, "difference")]
    assert driver.verdict(place()).ok
    driver.send(page("difference"))
    assert driver.asked(AskAccount)[-1] == AskAccount(*LINEAR, "difference")
    checked(driver, "5")
    assert driver.asked(AskHistory)[1:] == [AskHistory(BTC, asked - 7 * 86_400_000, "difference")]
    driver.send(page("difference"))
    checked(driver, "5")

    assert driver.said("BTCUSDT_Binance-F books 0, exchange 5, difference +5. New orders for it are blocked until they "
                       "agree")
    assert "books 0, exchange 5" in driver.refusal(place(price="48000"))
    assert driver.verdict(place(reduce_only=True, price=None)).ok


def test_difference_that_stays_is_read_again_with_each_comparison_and_said_once() -> None:
    """The venue's history may lag behind its positions."""
    driver = Driver()
    blocked(driver)
    before, asked = len(driver.notices), driver.now.venue
    driver.requests.clear()

    checked(driver, "5")
    driver.send(page("again"))

    assert driver.requests == [AskHistory(BTC, asked - 86_400_000, "again")], "one read, and no question behind it"
    assert len(driver.notices) == before
    driver.send(HistoryPage(BTC, ACCOUNT, (execution(last_qty="5"),), True, T0 + 900, 0, "again"))
    assert driver.asked(AskAccount) == [AskAccount(*LINEAR, "difference")], "what was found is compared at once"
    checked(driver, "5")
    assert not driver.state.differences


def test_difference_that_history_explains_is_cleared() -> None:
    driver = Driver()
    checked(driver, "5")
    driver.send(HistoryPage(BTC, ACCOUNT, (execution(last_qty="5"),), True, T0 + 900, 0, "difference"))
    driver.clock.advance(10)

    checked(driver, "5")

    assert not driver.state.differences


def test_blocked_instrument_is_freed_when_they_agree() -> None:
    driver = Driver()
    blocked(driver)
    driver.send(execution(last_qty="5"))
    driver.clock.advance(10)

    checked(driver, "5")

    assert driver.said("BTCUSDT: ledger and venue agree again")
    assert driver.verdict(place()).ok


def test_position_held_a_moment_ago_is_no_difference() -> None:
    driver = Driver()
    driver.send(execution("x:1", last_qty="3"))
    driver.clock.advance(60)
    driver.send(execution("x:2", last_qty="2"))
    driver.send(execution("x:3", last_qty="1"))

    for held in ("3", "5", "6"):
        checked(driver, held)
        assert not driver.state.differences
    driver.clock.advance(10)
    checked(driver, "5")

    assert driver.state.differences[BTC].ours == D(6)


def test_flat_before_the_first_fill_is_no_difference_for_a_moment() -> None:
    driver = Driver()
    driver.send(execution(last_qty="3"))

    checked(driver)

    assert not driver.state.differences


def test_position_the_venue_no_longer_names_is_a_difference() -> None:
    driver = Driver()
    driver.send(execution(last_qty="3"))
    driver.clock.advance(60)

    checked(driver)

    assert driver.state.differences[BTC] == Difference(BTC, D(3), D(0), 0, None)


def test_position_of_another_product_under_the_same_account_is_not_compared() -> None:
    driver = Driver()
    coin_m = Key("Binance", Category.INVERSE, "BTCUSD_PERP")
    driver.remember(BookRow(coin_m, ACCOUNT, "A", "BTC", pos=D(7), entry=D(50000)))

    checked(driver)

    assert not driver.state.differences


# ---------------------------------------------------------------- opening rows


def test_take_over_books_the_rest_as_an_opening_row() -> None:
    driver = Driver()
    blocked(driver)

    verdict = driver.verdict(TakeOver("t", *BTC))

    assert verdict.ok and not driver.state.differences
    row = driver.coins[0]
    assert (row.emi, row.qty, row.trade_price, row.commiss) == (HAND, D(5), D(50000), D(0))
    assert row.exec_id == f"OPEN:{ACCOUNT}:linear:BTCUSDT:{driver.now.venue}"
    assert driver.state.position(BTC) == D(5)
    assert "nothing to take over" in driver.refusal(TakeOver("again", *BTC))
    driver.clock.advance(10)
    checked(driver, "5")
    assert not driver.state.differences and driver.verdict(place()).ok


def test_take_over_needs_a_difference_that_stays() -> None:
    driver = Driver()
    checked(driver, "5")

    assert "nothing to take over" in driver.refusal(TakeOver("t", *BTC))


def test_take_over_of_a_position_that_moved_since_is_refused() -> None:
    driver = Driver()
    blocked(driver)
    driver.send(execution(last_qty="5"))

    assert "changed since it was compared" in driver.refusal(TakeOver("t", *BTC))
    assert driver.positions() == {HAND: D(5)}


def test_take_over_without_the_venues_entry_takes_the_mark() -> None:
    driver = Driver()
    blocked(driver)
    driver.state.differences[BTC] = replace(driver.state.differences[BTC], entry=None)

    assert driver.verdict(TakeOver("t", *BTC), sight(mark="51000")).ok

    assert driver.coins[0].trade_price == D(51000)


# ---------------------------------------------------------------- by itself


def test_account_is_compared_each_minute_and_history_read_each_quarter() -> None:
    driver = Driver()

    for _ in range(16 * 60):
        driver.tick(1)

    checks = [r for r in driver.asked(AskAccount) if isinstance(r, AskAccount) and r.reason == "check"]
    hourly = [r for r in driver.asked(AskHistory) if isinstance(r, AskHistory) and r.reason == "hourly"]
    assert len(checks) in (15, 16, 17) and len(hourly) == 1


def test_nothing_is_asked_by_itself_before_recovery() -> None:
    driver = Driver(recovered=False)
    driver.send(venue_up())
    driver.requests.clear()

    for _ in range(200):
        driver.tick(1)

    assert not driver.requests


def test_ended_orders_are_let_go_after_a_while_and_open_ones_kept() -> None:
    driver = Driver()
    driver.remember(order(S.FILLED, name="1.A", booked="10", order_id="100"), order(S.NEW, name="2.A"),
                    order(S.FILLED, name="3.A", told="10"))

    driver.clock.advance(700)
    driver.core.prune(driver.now)

    assert set(driver.state.orders) == {(BTC, "2.A"), (BTC, "3.A")}
    assert driver.state.find(BTC, None, "100") is None


def test_new_day_starts_its_sums_at_what_is_kept() -> None:
    driver = Driver(robot())
    driver.send(execution(cl_ord_id="1.A", last_qty="3"))

    driver.core.new_day(T0 + 86_400_000)

    assert driver.state.day_books == driver.state.books


def test_sums_of_the_day_are_what_was_before_todays_rows() -> None:
    driver = Driver(robot(), recovered=False)
    driver.send(venue_up())
    driver.send(execution("x:1", cl_ord_id="1.A", last_qty="3", fee="0.1"))
    driver.send(execution("x:2", cl_ord_id="1.A", last_qty="2", fee="0.2"))
    books = tuple(driver.state.books.values())

    driver.core.adopt("Binance", ACCOUNT, Loaded(books=books, today=tuple(driver.coins[1:])), 0, driver.now)

    day = driver.state.day_books[(ACCOUNT, BTC, "A", "USDT")]
    assert (day.pos, day.sumreal, day.fees, day.volume) == (D(3), D(-150000), D("0.1"), D(3))


def test_snapshot_of_an_unknown_venue_changes_nothing() -> None:
    driver = Driver(recovered=False)

    assert not driver.send(AccountSnapshot(*LINEAR, ACCOUNT, T0, (report(),), (), ())).rows
