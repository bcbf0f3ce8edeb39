"""Two products of one market share account and symbol: nothing of the one is taken for the other's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Event

from core.rows import BookRow, Loaded, RobotRow
from engine.commands import CancelAll, Recover
from engine.lines import Lines
from engine.products import Exchange
from engine.view import LedgerState
from models import (
    AccountSnapshot,
    AskHistory,
    AskOrder,
    BalanceReport,
    CancelOrder,
    Category,
    HistoryPage,
    Key,
    Mode,
    OrdStatus,
    VenueUp,
)
from tests.support.build import ACCOUNT, BTC, execution, instrument, order, place, position, report, snapshot, venue_up
from tests.support.desk import Desk, Lock, StubVenue, until
from tests.support.drive import Driver

S = OrdStatus
D = Decimal
SPOT = Key("Binance", Category.SPOT, "BTCUSDT")
ROBOT = ("INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN, STRATEGY) "
         "VALUES ('{}', 'BTCUSDT', 'linear', 'Binance', 1, 1, 1, 0, 'ma_cross')")


def spot_up() -> VenueUp:
    """Spot can be reached, with the account of the futures."""
    return VenueUp("Binance", Category.SPOT, ACCOUNT, (instrument(SPOT),), 0)


def spot_snapshot(driver: Driver) -> AccountSnapshot:
    """The spot account: nothing held, nothing open."""
    return AccountSnapshot("Binance", Category.SPOT, ACCOUNT, driver.now.venue, (), (), ())


def both() -> Driver:
    """Futures and spot of the same symbol, both recovered."""
    driver = Driver(keys=(BTC, SPOT), recovered=False)
    driver.recover(BTC)
    driver.send(spot_up())
    driver.send(spot_snapshot(driver))
    driver.send(HistoryPage(SPOT, ACCOUNT, (), True, driver.now.wall, 0, "recovery"))
    assert driver.state.venues[("Binance", Category.SPOT)].recovered
    driver.requests.clear()
    return driver


def held(key: Key, qty: str) -> BookRow:
    """A position of the RESERVED line."""
    return BookRow(key, ACCOUNT, key.reserved, "USDT", D(qty), entry=D(50000), fees=D(3))


def test_a_position_of_one_product_is_not_compared_with_the_other() -> None:
    driver = both()
    driver.remember(held(BTC, "5"))

    for _ in range(4):
        driver.send(replace(spot_snapshot(driver)))
    driver.send(snapshot(positions=(position("5"),), asked=driver.now.venue))

    assert not driver.state.differences and not driver.asked(AskHistory)


def test_orders_in_doubt_are_asked_of_their_own_product_only() -> None:
    driver = Driver(keys=(BTC, SPOT), recovered=False)
    loaded = Loaded(orders=(order(S.UNKNOWN, name="1.A"), order(S.UNKNOWN, name="2.B", key=SPOT)))
    driver.core.adopt("Binance", ACCOUNT, loaded, 0, driver.now)

    driver.send(spot_up())

    assert driver.asked(AskOrder) == [AskOrder(SPOT, "2.B", "")]


def test_a_held_symbol_that_only_the_other_product_lists_is_read_back() -> None:
    driver = Driver(keys=(SPOT,), recovered=False)
    driver.send(replace(venue_up(), instruments=()))

    driver.send(snapshot(positions=(position("5"),)))

    assert [request.key for request in driver.asked(AskHistory) if isinstance(request, AskHistory)] == [BTC]


def test_the_account_line_counts_its_own_product() -> None:
    driver = both()
    driver.remember(held(BTC, "5"))
    for category in (Category.LINEAR, Category.SPOT):
        driver.send(BalanceReport("Binance", category, "USDT", D(1000), D(1000), D(900)))

    view = Lines(Mode.SIM, {BTC: instrument(), SPOT: instrument(SPOT)}.get, lambda _robot: None).view(
        driver.state, LedgerState("sqlite"), driver.now)

    assert {line.category: line.commission for line in view.balances} == {Category.LINEAR: D(3), Category.SPOT: D(0)}


def test_orders_fills_and_cancels_stay_apart() -> None:
    driver = both()
    futures = driver.verdict(place(price="49000")).cl_ord_id
    spot = driver.verdict(place(key=SPOT, price="49000")).cl_ord_id
    for key, name in ((BTC, futures), (SPOT, spot)):
        driver.send(report(cl_ord_id=name, order_id="7", price="49000", qty="1", key=key))

    driver.send(execution("spot:BTCUSDT:1", cl_ord_id=spot, order_id="7", last_qty="0.4", key=SPOT))
    driver.requests.clear()
    driver.send(CancelAll("c", SPOT))

    assert driver.order(futures).booked_qty == 0 and driver.order(spot, SPOT).booked_qty == D("0.4")
    assert driver.positions(BTC) == {} and driver.positions(SPOT) == {"BTCUSDT.spot": D("0.4")}
    assert [request.key for request in driver.asked(CancelOrder) if isinstance(request, CancelOrder)] == [SPOT]
    assert {notice.market for notice in driver.notices if "EXECUTION" in notice.text} == {"Binance"}, "spot's name"


class SpotVenue(StubVenue):
    """The same, of another product."""

    def __init__(self, ledger: Path) -> None:
        super().__init__(ledger)
        self.config = replace(self.config, category=Category.SPOT, title="Binance")


def test_f3_for_one_product_leaves_the_other_alone(desk: Desk) -> None:
    spot = SpotVenue(desk.ledger)
    desk.engine.attach((desk.venue, spot), desk.bots)  # type: ignore[arg-type]  # a stub of the bots
    desk.run()

    assert desk.ask(Recover("one", "Binance", Category.SPOT)).ok
    until(lambda: spot.reconnects == 1)
    assert desk.venue.reconnects == 0

    assert desk.ask(Recover("all")).ok
    until(lambda: desk.venue.reconnects == 1 and spot.reconnects == 2)


def test_a_database_that_goes_away_while_a_product_is_exchanged_does_not_end_the_engine(desk: Desk) -> None:
    desk.run()
    desk.sql(ROBOT.format("A").replace("ma_cross", "nobody"))          # a reason to write when the rows are read
    lock = Lock(desk.ledger)
    spot = SpotVenue(desk.ledger)
    try:
        assert desk.engine.exchange(Exchange(("Binance", Category.SPOT), spot, (SPOT,)), 10.0) == ""
        assert not desk.view.ledger.ok or until(lambda: not desk.view.ledger.ok)
    finally:
        lock.release()

    desk.back()
    assert desk.ask(Recover("spot", "Binance", Category.SPOT)).ok and until(lambda: spot.reconnects == 1)
    assert desk.sql("SELECT STATE FROM robots") == [("SUSPENDED",)]


def test_an_exchange_is_answered_before_a_slow_database_tells_the_bots(desk: Desk) -> None:
    """Who asked would take the silence for a no, while the engine's requests go to the new venue already."""
    desk.run()
    store, go_on = desk.engine._parts.store, Event()
    read = store.robots

    def slow() -> tuple[RobotRow, ...]:
        go_on.wait(10)
        return read()
    store.robots = slow  # type: ignore[method-assign]

    try:
        assert desk.engine.exchange(Exchange(("Binance", Category.SPOT), SpotVenue(desk.ledger), (SPOT,)), 2.0) == ""
    finally:
        go_on.set()


def test_the_second_product_does_not_read_the_ledger_again(desk: Desk) -> None:
    spot = SpotVenue(desk.ledger)
    desk.engine.attach((desk.venue, spot), desk.bots)  # type: ignore[arg-type]  # a stub of the bots
    desk.run()
    name = desk.ask(place(qty="10")).cl_ord_id     # on its way: not answered yet

    desk.post(spot_up())
    desk.post(AccountSnapshot("Binance", Category.SPOT, ACCOUNT, 0, (), (), ()))
    until(lambda: ("Binance", Category.SPOT) in desk.engine._core.state.venues)

    assert desk.engine._core.state.orders[(BTC, name)].status is S.PENDING_NEW


def test_a_bot_hears_its_position_when_its_market_comes_up(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    first.sql(ROBOT.format("A"))
    first.run()
    first.post(execution(cl_ord_id="7.A", last_qty="4"))
    until(lambda: first.bots.positions["A"].qty == 4)
    first.end()

    second = Desk(tmp_path).run()
    try:
        assert second.bots.positions["A"].qty == 4
    finally:
        second.end()


def test_coins_held_on_spot_are_no_difference_of_positions() -> None:
    driver = both()
    driver.remember(held(SPOT, "0.5"))

    for _check in range(3):
        driver.send(spot_snapshot(driver))
        driver.clock.advance(60)

    assert not driver.state.differences and not driver.asked(AskHistory)


def test_categories_that_share_a_wallet_have_one_line_for_each_currency() -> None:
    driver = Driver(keys=(BTC,), recovered=False)
    for n, category in enumerate((Category.INVERSE, Category.QUANTO), start=1):
        driver.send(VenueUp("Bitmex", category, "1", (), 0, wallet="account"))
        driver.send(AccountSnapshot("Bitmex", category, "1", n, (), (), (
            BalanceReport("Bitmex", category, "XBt", D(n), D(n), D(n), time=n),)))
    view = Lines(Mode.SIM, {BTC: instrument()}.get, lambda _robot: None).view(
        driver.state, LedgerState("sqlite"), driver.now)

    assert [(line.market, line.currency, line.wallet) for line in view.balances if line.market == "Bitmex"] == [
        ("Bitmex", "XBt", D(2))]
