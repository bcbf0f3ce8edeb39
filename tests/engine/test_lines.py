"""State → view: lines, statuses, strips, sums; unchanged parts are the same objects."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs

from core.rows import BookRow
from engine.commands import KillSwitch, SetTrading
from engine.lines import Lines, type_text
from engine.state import Difference, OrderWatch
from engine.view import BookSums, LedgerState, View, account_result, bot_pnl, position_pnl
from models import (
    BalanceReport,
    BotState,
    Category,
    Instrument,
    Key,
    Mode,
    MoneyPage,
    Movement,
    OrdStatus,
    OrdType,
    PositionReport,
    TimeInForce,
    VenueUp,
)
from tests.support.build import ACCOUNT, BTC, ETH, T0, execution, instrument, order, position, robot, snapshot
from tests.support.drive import Driver

S = OrdStatus
D = Decimal
HAND = "BTCUSDT.linear"
GOOD = LedgerState("sqlite")


def known(key: Key) -> Instrument | None:
    """Only BTC is listed."""
    return instrument(key) if key == BTC else None


def lines() -> Lines:
    """A view builder."""
    return Lines(Mode.SIM, known, lambda bot: D("0.002"))


def seen(driver: Driver, ledger: LedgerState = GOOD, stuck: tuple[str, ...] = ()) -> View:
    """The view of a state."""
    return lines().view(driver.state, ledger, driver.now, stuck)


def money_page(*facts: Movement) -> MoneyPage:
    """All movements there are."""
    return MoneyPage("Binance", Category.LINEAR, ACCOUNT, facts, True, T0 + 5000, 0, "recovery")


def held(emi: str, pos: str, key: Key = BTC, entry: str | None = "50000", **more: str) -> BookRow:
    """Kept sums of an owner."""
    row = BookRow(key, ACCOUNT, emi, "USDT", D(pos), D(entry) if entry else None, D(3))
    return structs.replace(row, **{name: D(value) for name, value in more.items()})  # sums only


# ---------------------------------------------------------------- orders


def test_open_orders_are_shown_newest_first_and_ended_ones_not() -> None:
    driver = Driver()
    driver.remember(order(S.NEW, name="1.A", created=T0), order(S.UNKNOWN, name="2.A", created=T0 + 1),
                    order(S.FILLED, name="3.A"), order(S.PARTIALLY_FILLED, name="#9", booked="4", created=T0 + 2))

    shown = seen(driver).orders

    assert [(o.id, o.status, o.leaves) for o in shown] == [
        ("#9", S.PARTIALLY_FILLED, D(6)), ("2.A", S.UNKNOWN, D(10)), ("1.A", S.NEW, D(10))]


@pytest.mark.parametrize(("kind", "tif", "reduce_only", "words"), [
    (OrdType.LIMIT, TimeInForce.GTC, False, "limit"), (OrdType.LIMIT, TimeInForce.GTX, False, "limit PO"),
    (OrdType.LIMIT, TimeInForce.IOC, False, "limit IOC"), (OrdType.MARKET, TimeInForce.FOK, True, "market FOK RO"),
    (None, None, False, "stop_market"), (None, None, True, "stop_market")])
def test_type_of_an_order_in_words(kind: OrdType | None, tif: TimeInForce | None, reduce_only: bool,
                                   words: str) -> None:
    row = structs.replace(order(ord_type=kind, reduce_only=reduce_only), tif=tif, type_text="STOP_MARKET")

    assert type_text(row) == words


# ---------------------------------------------------------------- positions and owners (scenario 19)


def test_restart_after_chaos() -> None:
    driver = Driver(robot("A"))
    ltc = Key("Binance", Category.LINEAR, "LTCUSDT")
    driver.remember(held("A", "300"), held("alfa", "200"), held(HAND, "0", entry=None),
                    held("LTCUSDT.linear", "10", ltc), order(S.NEW, name="9.beta", owner="beta"))
    driver.send(snapshot(positions=(position("550"), position("10", ltc))))

    view = seen(driver)

    assert {(b.emi, b.status, b.sums.pos, b.orders) for b in view.bots} == {
        ("A", "WORK", D(300), 0), ("alfa", "NOT DEFINED", D(200), 0), ("beta", "NOT DEFINED", D(0), 1),
        (HAND, "RESERVED", D(0), 0), ("LTCUSDT.linear", "NOT IN LIST", D(10), 0)}
    both = {p.key: p for p in view.positions}
    assert (both[BTC].qty, both[BTC].venue_qty) == (D(500), D(550))
    assert both[BTC].by_owner == (("A", D(300)), ("alfa", D(200)))
    assert (both[BTC].status, both[ltc].status) == ("", "NOT IN LIST")


def test_reserved_line_is_shown_once_it_has_an_order_or_was_booked_to() -> None:
    driver = Driver()
    assert seen(driver).bots == ()

    driver.remember(order(S.NEW, name=f"1.{HAND}", owner=HAND))
    assert [(b.emi, b.status) for b in seen(driver).bots] == [(HAND, "RESERVED")]

    driver = Driver()
    driver.remember(held(HAND, "0", entry=None, sumreal="7"), held("alfa", "0", entry=None))
    assert [(b.emi, b.status, b.sums.sumreal) for b in seen(driver).bots] == [(HAND, "RESERVED", D(7))]


def test_entry_of_a_position_is_that_of_all_owners() -> None:
    driver = Driver()
    driver.remember(held("A", "1", entry="40000"), held("B", "3", entry="44000"))

    assert seen(driver).positions[0].entry == D(43000)


def test_bots_stand_in_their_order_with_status_and_reason() -> None:
    driver = Driver(robot("B", sort=1), robot("A", sort=1), robot("C", sort=0), robot("D", state=BotState.OFF, sort=2))
    driver.core.set_robots(driver.state.robots.values(), {"B": "TIMEFR 7"})

    shown = seen(driver).bots

    assert [(b.emi, b.status, b.reason) for b in shown] == [
        ("C", "WORK", ""), ("A", "WORK", ""), ("B", "SUSPENDED", "TIMEFR 7"), ("D", "OFF", "")]
    assert (shown[0].quantity, shown[0].capital, shown[0].strategy) == (D("0.002"), 1, "ma_cross")


def test_line_of_a_bot_has_its_sums_its_day_and_fees_in_other_coins() -> None:
    driver = Driver(robot())
    driver.send(execution("x:1", "1.A", last_qty="2"))
    driver.core.new_day(T0)
    driver.send(execution("x:2", "1.A", last_qty="1", fee="0.003", fee_currency="BNB"))

    line = seen(driver).bots[0]

    assert line.sums == BookSums(D(3), D(-150000), D("0.1"), D(0), D(3))
    assert line.day == BookSums(D(2), D(-100000), D("0.1"), D(0), D(2))
    assert line.other_fees == (("BNB", D("0.003")),)
    assert [(leg.currency, leg.sums.fees, leg.day.fees) for leg in line.legs] == [
        ("USDT", D("0.1"), D("0.1")), ("BNB", D("0.003"), D(0))]
    assert "EXECUTION BUY 1" in line.last_event


# ---------------------------------------------------------------- account


def test_account_line_sums_owners_and_values_at_entry() -> None:
    driver = Driver()
    driver.remember(held("A", "1", sumreal="-50000", fees="20"), held("B", "0", entry=None, sumreal="7", fees="1",
                                                                      funding="-0.5"))
    driver.send(BalanceReport("Binance", Category.LINEAR, "USDT", D(1000), D(1010), D(900)))
    driver.send(PositionReport(BTC, D(1), D(50000), mark=D(50500)))

    line = seen(driver).balances[0]

    assert (line.wallet, line.margin_balance, line.available) == (D(1000), D(1010), D(900))
    assert (line.result, line.commission, line.funding) == (D(7), D(21), D("-0.5"))
    assert line.leverage == D("50.00")
    assert (line.control, line.agrees, line.held) == (None, None, ((BTC, D(1)),))
    tops = {BTC: (D(50400), D(50600))}
    assert account_result(line, lambda key: D(1), tops.__getitem__) == D(407)            # long: at the bid
    assert account_result(replace(line, held=((BTC, D(-1)),)), lambda key: D(1), tops.__getitem__) == D(-100593)
    assert account_result(line, lambda key: D(1), lambda key: (None, None)) is None


def test_account_line_tells_the_proof_and_what_it_is_made_of() -> None:
    driver = Driver()
    driver.send(money_page(Movement("Binance", Category.LINEAR, ACCOUNT, "x:1", "TRANSFER", "USDT", D(300), T0)))
    told = BalanceReport("Binance", Category.LINEAR, "USDT", D(1300), D(1300), D(1300), T0)
    for seconds in (0, 6, 0):            # two comparisons some time apart, then what they made of it
        driver.clock.advance(seconds)
        driver.send(replace(snapshot(), balances=(told,)))

    line = seen(driver).balances[0]
    assert (line.control, line.opening, line.moved, line.off, line.agrees) == (D(1300), D(1000), D(300), D(0), True)

    for misses, agrees in ((1, None), (2, False)):
        driver.send(replace(snapshot(asked=T0 + 2000 + misses), balances=(replace(told, wallet=D("1312.5")),)))
        line = seen(driver).balances[0]
        assert (line.off, line.agrees, line.moved) == (D("12.5"), agrees, D(300))


def test_coins_on_spot_are_not_closed_in_result() -> None:
    driver = Driver()
    spot = Key("Binance", Category.SPOT, "BTCUSDT")
    driver.send(VenueUp("Binance", Category.SPOT, ACCOUNT, (instrument(spot),), T0, True, ""))
    driver.remember(held("A", "1", spot, sumreal="-50000"),
                    BookRow(spot, ACCOUNT, "A", "BTC", sumreal=D(1), fees=D("0.001")))

    lines_of = {line.currency: line for line in seen(driver).balances if line.category is Category.SPOT}

    assert (lines_of["USDT"].result, lines_of["USDT"].held) == (D(-50000), ())
    assert (lines_of["BTC"].result, lines_of["BTC"].commission) == (D(1), D("0.001"))


# ---------------------------------------------------------------- strips


def test_trouble_is_a_strip_while_it_lasts() -> None:
    driver = Driver(robot())
    assert seen(driver).strips == ()
    driver.remember(order(S.UNKNOWN, name="1.A"))
    driver.state.watches[(BTC, "1.A")] = OrderWatch(0.0, asked=2)
    driver.state.differences[BTC] = Difference(BTC, D(500), D(550), 2)

    view = seen(driver, LedgerState("sqlite", ok=False, text="disk full"), ("A",))

    texts = [s.text for s in view.strips]
    assert texts[0] == "Ledger cannot write: disk full. Trading stopped, cancels work."
    assert texts[1].startswith("BTCUSDT_Binance-F books 500, exchange 550, difference +50.")
    assert view.strips[1].action == "takeover:Binance/linear/BTCUSDT"
    assert texts[2].startswith("1.A: asked Binance-F 2 times")
    assert texts[3] == "A: its strategy does not answer. The other bots go on."
    assert (view.strips[4].text, view.strips[4].action) == ("1 bot order rest at the venue", "cancel_bot_orders")
    assert view.locked == "the ledger cannot write: disk full" and view.bot_orders == 1
    shown = view.positions[0]
    assert shown.blocked == "BTCUSDT_Binance-F books 500, exchange 550, difference +50" and shown.takeover


def test_difference_still_being_read_again_is_not_shown() -> None:
    driver = Driver()
    driver.state.differences[BTC] = Difference(BTC, D(0), D(1), 1)

    view = seen(driver)

    assert view.strips == () and not view.positions[0].blocked


def test_kill_switch_shows_its_progress() -> None:
    driver = Driver(robot())
    driver.send(SetTrading("on", True))
    driver.remember(order(S.NEW, name="1.A"), order(S.NEW, name="2.A"))
    driver.send(KillSwitch("k"))
    driver.remember(order(S.CANCELED, name="1.A"))
    driver.tick(1)

    view = seen(driver)

    assert view.strips[0].text.startswith("Kill switch: cancelled 1 of 2") and view.strips[0].action == "rearm"
    assert view.locked == "the kill switch is on: re-arm first"


# ---------------------------------------------------------------- identity, PnL


def test_equal_parts_are_the_same_objects() -> None:
    driver = Driver(robot())
    driver.send(execution("x:1", "1.A"))
    driver.remember(order(S.NEW, name="1.A"))
    builder = lines()
    first = builder.view(driver.state, GOOD, driver.now)
    driver.remember(order(S.NEW, name="1.A"))
    driver.clock.advance(1)

    second = builder.view(driver.state, GOOD, driver.now)

    assert first is not second and second.time > first.time
    for part in ("accounts", "recovered", "configured", "orders", "positions", "bots", "balances", "trades",
                 "messages", "strips", "verdicts"):
        assert getattr(first, part) is getattr(second, part), part


def test_changed_part_is_a_new_object_and_others_stay() -> None:
    driver = Driver(robot())
    driver.send(execution("x:1", "1.A"))
    builder = lines()
    first = builder.view(driver.state, GOOD, driver.now)

    driver.remember(order(S.NEW, name="1.A", key=ETH))
    second = builder.view(driver.state, GOOD, driver.now)

    assert second.orders is not first.orders and second.positions is first.positions


@pytest.mark.parametrize(("pos", "bid", "ask", "pnl"), [
    ("1", "51000", "51001", "979.5"), ("-1", "51000", "51001", "-101021.5"), ("0", None, None, "-50020.5"),
    ("1", None, "51001", None), ("-1", "51000", None, None)])
def test_pnl_of_a_bot_closes_at_the_bid_or_the_ask(pos: str, bid: str | None, ask: str | None,
                                                   pnl: str | None) -> None:
    sums = BookSums(D(pos), D(-50000), D(20), D("0.5"), D(1))

    found = bot_pnl(Category.LINEAR, sums, D(1), D(bid) if bid else None, D(ask) if ask else None)

    assert found == (None if pnl is None else D(pnl))


def test_pnl_of_a_position_is_against_its_entry() -> None:
    assert position_pnl(Category.LINEAR, D(2), D(100), D(1), D(110)) == D(20)
    assert position_pnl(Category.LINEAR, D(-2), D(100), D(1), D(110)) == D(-20)
    assert position_pnl(Category.INVERSE, D(100), D(50000), D(1), D(51000)) == D("0.000039215686")
    assert position_pnl(Category.INVERSE, D(100), D(50000), D(1), D(0)) is None
    assert position_pnl(Category.LINEAR, D(2), None, D(1), D(110)) is None
