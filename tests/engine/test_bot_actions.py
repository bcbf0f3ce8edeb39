"""New, duplicate, rename, merge, reassign, delete: rows worked by hand, refusals, and sums that never change."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from core.rows import BookRow, RobotAdded, RobotRemoved, RobotRenamed
from engine.commands import (
    RESERVED,
    BotAction,
    DeleteBot,
    DuplicateBot,
    MergeBot,
    NewBot,
    ReassignPosition,
    RenameBot,
    SetTrading,
)
from engine.kept import books_before, trade_lines
from engine.lines import Lines
from engine.state import Decision
from engine.view import BotLine, LedgerState
from models import BotState, Category, Instrument, Key, Mode, OrdStatus, OrdType, Side, Trigger, VenueDown
from tests.support.bots import BotDriver, row
from tests.support.build import ACCOUNT, BTC, ETH, execution, instrument, order, robot
from tests.support.drive import Driver

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
XBT = Key("Bitmex", Category.INVERSE, "XBTUSD")
SPOT = Key("Binance", Category.SPOT, "BTCUSDT")
HAND = BTC.reserved
COIN = Key("Binance", Category.INVERSE, "BTCUSD_PERP")


def inverse() -> Instrument:
    """One contract is worth 1 XBT / price."""
    return replace(instrument(COIN, "BTC"), multiplier=D(100))


def spot() -> Instrument:
    """Base BTC, quote USDT."""
    return replace(instrument(SPOT), base="BTC")


def two_bots() -> BotDriver:
    """A with a long position and results, B without anything."""
    driver = BotDriver(row("A"), row("B", sort=2))
    driver.fill("A", BUY, "3", "50000", "6")
    driver.fill("A", SELL, "1", "50600", "2")
    driver.fund("A", "0.75")
    return driver


# ---------------------------------------------------------------- reassign


def test_position_moves_at_the_givers_entry_and_its_result_stays() -> None:
    driver = two_bots()

    driver.do(ReassignPosition("t", BTC, "A", "B"))

    assert driver.held("A") == (D(0), D(600), D(8), D("0.75"))
    assert driver.held("B") == (D(2), D(-100_000), D(0), D(0))
    assert driver.book("A").entry is None and driver.book("B").entry == D(50000)
    driver.check_kept()


def test_position_moves_at_a_stated_price_as_if_the_two_had_traded() -> None:
    driver = two_bots()
    driver.fill("B", BUY, "1", "49000", "0")

    driver.do(ReassignPosition("t", BTC, "A", "B", D("0.5"), D(52000)))

    assert driver.held("A")[:2] == (D("1.5"), D(-99_400) + D(26_000))
    assert driver.held("B")[:2] == (D("1.5"), D(-49_000) - D(26_000))
    assert (driver.book("A").entry, driver.book("B").entry) == (D(50000), D(50000))       # (49000 + 26000) / 1.5
    driver.check_kept()


def test_rows_of_a_transfer() -> None:
    driver = two_bots()

    driver.do(ReassignPosition("t", BTC, "A", "B", price=D(51000)))

    giver, taker = driver.transfer()
    assert giver.exec_id == taker.exec_id == f"MOVE:{ACCOUNT}:linear:BTCUSDT:{driver.now.venue}:{driver.state.number}"
    assert (giver.part, giver.emi, giver.refer, giver.side) == (0, "A", "B", 1)
    assert (taker.part, taker.emi, taker.refer, taker.side) == (1, "B", "A", 0)
    assert (giver.qty, giver.sumreal, giver.commiss) == (D(-2), D(102_000), D(0))
    assert (taker.qty, taker.sumreal, taker.commiss) == (D(2), D(-102_000), D(0))
    assert {(r.price, r.trade_price, r.theor_price, r.qty_rest, r.cl_ord_number, r.currency, r.ticker, r.time)
            for r in (giver, taker)} == {(D(51000), D(51000), D(51000), D(0), 0, "USDT", "BTCUSDT", driver.now.venue)}


def test_transfer_is_no_fill() -> None:
    driver = two_bots()
    before = driver.book("A")

    driver.do(ReassignPosition("t", BTC, "A", "B"))

    assert (driver.book("A").volume, driver.book("A").fills) == (before.volume, before.fills) == (D(4), 2)
    assert (driver.book("B").volume, driver.book("B").fills) == (D(0), 0)
    assert len(driver.state.trades) == 2


def test_inverse_position_at_a_price() -> None:
    driver = BotDriver(row("A", COIN), row("B", COIN), keys=(COIN,), traded=(inverse(),))
    driver.fill("A", SELL, "100", "50000", "0.001", key=COIN)
    driver.fill("B", BUY, "40", "48000", "0", key=COIN)

    driver.do(ReassignPosition("t", COIN, "A", "B", price=D(49000)))

    # A bought 100 back at 49000: + 100·100/49000; B sold 100 there and turned from +40 to −60 at that price.
    assert driver.held("A", COIN, "BTC")[:2] == (D(0), D("-0.2") + D("0.204081632653"))
    assert driver.held("B", COIN, "BTC")[:2] == (D(-60), D("0.083333333333") - D("0.204081632653"))
    assert driver.book("B", COIN, "BTC").entry == D(49000)
    driver.check_kept()


def test_spot_position_takes_its_coins_along() -> None:
    driver = BotDriver(row("A", SPOT), row("B", SPOT), keys=(SPOT,), traded=(spot(),))
    driver.fill("A", BUY, "0.5", "50000", "0.0002", "BNB", key=SPOT)

    driver.do(ReassignPosition("t", SPOT, "A", "B", D("0.2"), D(60000)))

    assert driver.held("A", SPOT)[:2] == (D("0.3"), D(-25_000) + D(12_000))
    assert driver.held("A", SPOT, "BTC")[1] == D("0.3") and driver.held("A", SPOT, "BNB")[2] == D("0.0002")
    assert driver.held("B", SPOT)[:2] == (D("0.2"), D(-12_000))
    assert driver.held("B", SPOT, "BTC")[1] == D("0.2") and driver.held("B", SPOT, "BNB")[2] == D(0)
    assert [(r.part, r.emi, r.currency, r.qty) for r in driver.transfer()] == [
        (0, "A", "USDT", D("-0.2")), (1, "B", "USDT", D("0.2")), (2, "A", "BTC", D(0)), (3, "B", "BTC", D(0))]
    driver.check_kept()


def test_positions_of_nobody_can_be_given_to_a_bot() -> None:
    driver = BotDriver(row("A"))
    driver.send(execution("x:web", "web_1", last_qty="2"), driver.look())
    driver.fill("A", BUY, "1", "50000")
    driver.remember(BookRow(BTC, ACCOUNT, "old", "USDT", pos=D(4), entry=D(40000)))

    driver.do(ReassignPosition("1", BTC, HAND, "A"))
    driver.do(ReassignPosition("2", BTC, "old", "A"))
    driver.do(ReassignPosition("3", BTC, "A", HAND, D(1)))

    assert (driver.held("A")[0], driver.held(HAND)[0], driver.held("old")[0]) == (D(6), D(1), D(0))


@pytest.mark.parametrize(("command", "words"), [
    (ReassignPosition("t", BTC, "A", "A"), "A holds it already"),
    (ReassignPosition("t", BTC, "A", "ghost"), "there is no bot ghost"),
    (ReassignPosition("t", BTC, "A", "E"), "E trades ETHUSDT_Binance-F, not BTCUSDT_Binance-F"),
    (ReassignPosition("t", BTC, "B", "A"), "B holds no position in BTCUSDT_Binance-F"),
    (ReassignPosition("t", ETH, "A", "E"), "A holds no position in ETHUSDT_Binance-F"),
    (ReassignPosition("t", BTC, "A", "B", D(3)), "A holds 2: a quantity above 0, at most 2"),
    (ReassignPosition("t", BTC, "A", "B", D(-1)), "A holds 2: a quantity above 0, at most 2"),
    (ReassignPosition("t", BTC, "A", "B", D(0)), "A holds 2: a quantity above 0, at most 2"),
    (ReassignPosition("t", BTC, "A", "B", D("NaN")), "A holds 2: a quantity above 0, at most 2"),
    (ReassignPosition("t", BTC, "A", "B", None, D(0)), "price 0: a number above 0"),
    (ReassignPosition("t", BTC, "A", "B", None, D("-5")), "price -5: a number above 0"),
    (ReassignPosition("t", BTC, "A", "B", None, D("Infinity")), "price Infinity: a number above 0"),
    (ReassignPosition("t", BTC, "A", "B", None, D("1e-16")), "with at most 15 decimals"),
])
def test_reassigning_what_cannot_be(command: ReassignPosition, words: str) -> None:
    driver = BotDriver(row("A"), row("B"), row("E", ETH), keys=(BTC, ETH))
    driver.fill("A", BUY, "2", "50000")

    assert words in driver.no(command)


# ---------------------------------------------------------------- rename


def test_renamed_bot_keeps_its_whole_book() -> None:
    driver = two_bots()

    decision = driver.do(RenameBot("t", "A", "alfa"))

    assert driver.held("alfa") == (D(2), D(-99_400), D(8), D("0.75")) and driver.book("alfa").entry == D(50000)
    assert driver.held("A") == (D(0), D(0), D(0), D(0)) and driver.book("A").entry is None
    assert [(r.part, r.emi, r.refer, r.side, r.qty, r.sumreal, r.commiss) for r in driver.transfer()] == [
        (0, "A", "alfa", 1, D(-2), D(99_400), D(-8)), (1, "alfa", "A", 0, D(2), D(-99_400), D(8)),
        (2, "A", "alfa", -1, D(0), D(0), D("-0.75")), (3, "alfa", "A", -1, D(0), D(0), D("0.75"))]
    assert RobotRenamed("A", "alfa", "ma_cross") in decision.rows
    assert set(driver.state.robots) == {"alfa", "B"} and driver.state.robots["alfa"].emi == "alfa"
    assert "A is called alfa now; its book went along" in driver.state.last_event["alfa"]
    assert "A" not in driver.state.last_event
    driver.check_kept()


def test_renamed_bot_keeps_the_strategy_it_had_by_its_name_alone() -> None:
    driver = BotDriver(row("Breakout", strategy=""))

    decision = driver.do(RenameBot("t", "Breakout", "alfa"))

    assert decision.rows == [RobotRenamed("Breakout", "alfa", "breakout")]
    assert driver.state.robots["alfa"].strategy == "breakout"


def test_spot_bot_is_renamed_in_every_currency() -> None:
    driver = BotDriver(row("A", SPOT), keys=(SPOT,), traded=(spot(),))
    driver.fill("A", BUY, "0.5", "50000", "0.0002", "BNB", key=SPOT)
    driver.fill("A", SELL, "0.1", "51000", "0.5", "USDT", key=SPOT)

    driver.do(RenameBot("t", "A", "alfa"))

    assert driver.held("alfa", SPOT) == (D("0.4"), D(-19_900), D("0.5"), D(0))
    assert driver.held("alfa", SPOT, "BTC")[:2] == (D(0), D("0.4"))
    assert driver.held("alfa", SPOT, "BNB") == (D(0), D(0), D("0.0002"), D(0))
    assert {driver.held("A", SPOT, unit) for unit in ("USDT", "BTC", "BNB")} == {(D(0),) * 4}
    assert driver.transfer()[0].part == 0 and driver.transfer()[0].qty == D("-0.4")
    driver.check_kept()


def test_fill_under_the_old_name_after_a_rename_is_nobodys() -> None:
    driver = two_bots()
    driver.do(RenameBot("t", "A", "alfa"))

    driver.fill("A", BUY, "1", "50000")

    assert (driver.coins[-1].emi, driver.coins[-1].refer) == (HAND, "A")
    assert driver.held("alfa")[0] == D(2)


def test_there_and_back_again() -> None:
    driver = two_bots()
    before = driver.held("A"), driver.book("A").entry

    driver.do(RenameBot("1", "A", "alfa"))
    driver.do(RenameBot("2", "alfa", "A"))

    assert (driver.held("A"), driver.book("A").entry) == before
    assert set(driver.state.robots) == {"A", "B"} and of(driver, "A").former == ("alfa",)
    driver.check_kept()


def of(driver: Driver, emi: str) -> BotLine:
    """A bot's line as shown."""
    lines = Lines(Mode.SIM, lambda key: instrument(key), lambda robot: None)
    return next(line for line in lines.view(driver.state, LedgerState("sqlite", True), driver.now).bots
                if line.emi == emi)


def test_renamed_bot_is_shown_with_what_it_traded_before() -> None:
    driver = two_bots()                                  # 3 bought, 1 sold
    driver.do(RenameBot("1", "A", "alfa"))
    driver.fill("alfa", SELL, "2", "50000")
    driver.do(RenameBot("2", "alfa", "omega"))

    assert of(driver, "omega").former == ("alfa", "A") and of(driver, "omega").sums.volume == D(6)
    assert of(driver, "B").former == () and of(driver, "B").sums.volume == D(0)
    for command in (NewBot("3", "A", BTC, 1, 1), DuplicateBot("4", "omega", "A"), RenameBot("5", "B", "alfa")):
        assert "is what omega was called before" in driver.no(command)
    driver.check_kept()


def test_flat_bot_without_a_result_keeps_its_history_too() -> None:
    driver = BotDriver(row("A"))
    driver.fill("A", BUY, "1", "50000", "0")
    driver.fill("A", SELL, "1", "50000", "0")

    driver.do(RenameBot("1", "A", "alfa"))

    assert [(r.emi, r.refer, r.qty, r.sumreal, r.commiss) for r in driver.transfer()] == [
        ("A", "alfa", D(0), D(0), D(0)), ("alfa", "A", D(0), D(0), D(0))]
    assert of(driver, "alfa").sums.volume == D(2)
    driver.check_kept()


def test_what_was_merged_stays_with_who_traded_it() -> None:
    driver = two_bots()

    driver.do(MergeBot("t", "A", "B"))

    assert of(driver, "B").former == () and of(driver, "B").sums.volume == D(0)


@pytest.mark.parametrize(("new", "words"), [
    ("B", "there is a bot B already"), ("A", "there is a bot A already"),
    ("9lives", "a bot's name starts with a letter"), ("x' OR '1'='1", "a bot's name starts with a letter"),
    ("../..", "a bot's name starts with a letter"), ("a\nb", "“a b”: a bot's name"), ("", "a bot's name starts"),
    ("x" * 21, "at most 20 characters"), ("BTCUSDT.linear", "a bot's name starts with a letter"),
    ("old", "the ledger holds rows of old, a bot that was deleted"),
])
def test_names_a_bot_cannot_get(new: str, words: str) -> None:
    driver = two_bots()
    driver.remember(BookRow(BTC, ACCOUNT, "old", "USDT", sumreal=D(4)))

    assert words in driver.no(RenameBot("t", "A", new))


def test_unknown_bot_is_refused_whatever_is_asked() -> None:
    driver = two_bots()

    for command in (RenameBot("1", "ghost", "x"), DeleteBot("2", "ghost"), DuplicateBot("3", "ghost", "x"),
                    MergeBot("4", "ghost", "A"), MergeBot("5", "A", "ghost")):
        assert "there is no bot ghost" in driver.no(command)


def test_row_changed_by_hand_is_read_first() -> None:
    driver = two_bots()
    driver.rows["A"] = replace(driver.rows["A"], symbol="ETHUSDT")
    driver.rows["C"] = row("C")
    del driver.rows["B"]

    assert driver.no(RenameBot("1", "A", "x")) == ("the row of A was changed by hand since it was read: F3 first, then "
                                                   "again")
    assert "the row of B was changed by hand" in driver.no(DeleteBot("2", "B"))
    assert driver.no(RenameBot("3", "C", "x")) == "there is no bot C: F3 reads the rows typed by hand"
    assert driver.no(NewBot("4", "C", BTC, 1, 1)) == "there is a bot C already (typed by hand: F3 reads it)"


# ---------------------------------------------------------------- merge


def test_merged_bots_have_one_book_with_both_results() -> None:
    driver = two_bots()
    driver.fill("B", SELL, "3", "52000", "4")
    driver.fund("B", "-0.25")

    decision = driver.do(MergeBot("t", "A", "B"))

    assert driver.held("B") == (D(-1), D(156_000) - D(99_400), D(12), D("0.5"))
    assert driver.book("B").entry == D(52000) and driver.held("A") == (D(0), D(0), D(0), D(0))
    assert RobotRemoved("A") in decision.rows and set(driver.state.robots) == {"B"}
    driver.check_kept()


def test_merging_averages_the_entries_of_one_side() -> None:
    driver = BotDriver(row("A", COIN), row("B", COIN), keys=(COIN,), traded=(inverse(),))
    driver.fill("A", BUY, "100", "50000", key=COIN)
    driver.fill("B", BUY, "100", "40000", key=COIN)

    driver.do(MergeBot("t", "A", "B"))

    assert driver.book("B", COIN, "BTC").entry == D("44444.444444444444444")      # harmonic
    driver.check_kept()


def test_what_is_not_defined_can_be_merged_into_a_bot() -> None:
    driver = BotDriver(row("A"))
    driver.remember(BookRow(BTC, ACCOUNT, "old", "USDT", pos=D(4), entry=D(40000), sumreal=D(-160_000), fees=D(3)))

    decision = driver.do(MergeBot("t", "old", "A"))

    assert driver.held("A") == (D(4), D(-160_000), D(3), D(0))
    assert not any(isinstance(one, RobotRemoved) for one in decision.rows)


def test_results_of_another_symbol_go_along_when_flat() -> None:
    driver = BotDriver(row("A"), row("E", ETH), keys=(BTC, ETH))
    driver.fill("E", BUY, "1", "3000", "0.1", key=ETH)
    driver.fill("E", SELL, "1", "3100", "0.1", key=ETH)

    driver.do(MergeBot("t", "E", "A"))

    assert driver.held("A", ETH) == (D(0), D(100), D("0.2"), D(0)) and set(driver.state.robots) == {"A"}
    driver.check_kept()


def test_merges_that_cannot_be() -> None:
    driver = BotDriver(row("A"), row("E", ETH), row("I", COIN), keys=(BTC, ETH, COIN),
                       traded=(instrument(), instrument(ETH), inverse()))
    driver.fill("E", BUY, "1", "3000", key=ETH)
    driver.fill("I", BUY, "1", "50000", key=COIN)
    driver.fill("I", SELL, "1", "50000", key=COIN)

    assert "A cannot be merged into itself" in driver.no(MergeBot("1", "A", "A"))
    assert driver.no(MergeBot("2", "E", "A")) == ("E holds a position in ETHUSDT_Binance-F, A trades "
                                                  "BTCUSDT_Binance-F: close or reassign it first")
    assert "I is settled in BTC, A in USDT" in driver.no(MergeBot("3", "I", "A"))
    assert "is no bot: its position can be reassigned" in driver.no(MergeBot("4", HAND, "A"))


# ---------------------------------------------------------------- new, duplicate, delete


def test_new_bot_is_off_and_last() -> None:
    driver = BotDriver(row("A", sort=7))

    decision = driver.do(NewBot("t", "alfa", BTC, 5, 3, "ma_cross", '{"fast": 10}'))

    added = next(one for one in decision.rows if isinstance(one, RobotAdded)).row
    assert (added.emi, added.symbol, added.category, added.market, added.sort, added.timefr, added.capital) == (
        "alfa", "BTCUSDT", "linear", "Binance", 8, 5, D(3))
    assert (added.strategy, added.params, added.state) == ("ma_cross", '{"fast": 10}', "OFF")
    made = driver.state.robots["alfa"]
    assert (made.state, made.timeframe, made.params) == (BotState.OFF, "5m", {"fast": 10})
    assert driver.said("alfa is new on BTCUSDT_Binance-F, OFF") and not driver.transfer()


@pytest.mark.parametrize(("command", "words"), [
    (NewBot("t", "A", BTC, 1, 1), "there is a bot A already"),
    (NewBot("t", "a.b", BTC, 1, 1), "a bot's name starts with a letter"),
    (NewBot("t", "b", Key("Binance", Category.LINEAR, "XRPUSDT"), 1, 1), "XRPUSDT is not in the list: add it to "
                                                                         "LINEAR_SYMBOLS in .env.Binance"),
    (NewBot("t", "b", BTC, 7, 1), "TIMEFR 7: minutes, one of 1, 3, 5"),
    (NewBot("t", "b", BTC, 1, 0), "CAPITAL 0: a whole number"),
    (NewBot("t", "b", BTC, 1, 2**31), "CAPITAL 2147483648: at most 2147483647"),
    (NewBot("t", "b", BTC, 1, 1, "nope"), "there is no strategy “nope”"),
    (NewBot("t", "b", BTC, 1, 1, "ma_cross", "{fast"), "PARAMS is no JSON: {fast"),
    (NewBot("t", "b", BTC, 1, 1, "ma_cross", json.dumps({"note": "x" * 2000})), "2000 are allowed"),
])
def test_new_bots_that_cannot_be(command: NewBot, words: str) -> None:
    assert words in BotDriver(row("A")).no(command)


def test_strategy_that_refuses_the_parameters_makes_no_bot() -> None:
    driver = BotDriver(row("A"))
    driver.strategy_problem = "ma_cross: fast: 0 is below 1"

    assert driver.no(NewBot("t", "b", BTC, 1, 1, "ma_cross", '{"fast": 0}')) == "ma_cross: fast: 0 is below 1"


def test_name_of_a_deleted_bot_continues_its_books_in_the_same_currency_only() -> None:
    driver = BotDriver(row("A"), row("I", COIN), keys=(BTC, COIN, ETH),
                       traded=(instrument(), inverse(), instrument(ETH)))
    driver.fill("A", BUY, "1", "50000")
    driver.remember(BookRow(COIN, ACCOUNT, "coin", "BTC", sumreal=D(1), fills=2))
    driver.remember(BookRow(BTC, ACCOUNT, "old", "USDT", pos=D(1), entry=D(1), sumreal=D(1), fills=2))

    assert driver.no(NewBot("1", "coin", BTC, 1, 1)) == (
        "coin has books in BTC, BTCUSDT_Binance-F is settled in USDT: a bot keeps its currency for life, take another "
        "name")
    assert driver.no(NewBot("2", "old", ETH, 1, 1)) == (
        "old holds 1 BTCUSDT_Binance-F: its symbol can change to ETHUSDT_Binance-F when that is 0 (close or reassign "
        "it)")
    driver.do(NewBot("3", "old", BTC, 1, 1))
    assert driver.said("the ledger's rows of old are its books")


def test_duplicate_has_everything_but_the_books() -> None:
    driver = BotDriver(row("A", params='{"fast": 7}'), row("Breakout", strategy=""))
    driver.fill("A", BUY, "1", "50000")

    driver.do(DuplicateBot("1", "A", "twin"))
    driver.do(DuplicateBot("2", "Breakout", "second"))

    assert driver.rows["twin"] == replace(driver.rows["A"], emi="twin", sort=2, state="OFF")
    assert driver.state.robots["second"].strategy == "breakout" and driver.state.robots["second"].state is BotState.OFF
    assert driver.held("twin")[0] == D(0) and not driver.transfer()


def test_flat_bot_is_deleted_and_its_rows_stay() -> None:
    driver = BotDriver(row("A"), row("B"))
    driver.fill("A", BUY, "1", "50000")
    driver.fill("A", SELL, "1", "50100")
    before = driver.held("A")

    decision = driver.do(DeleteBot("t", "A"))

    assert decision.rows == [RobotRemoved("A")] and set(driver.state.robots) == {"B"}
    assert driver.held("A") == before and driver.said("What it traded stays in the ledger")


def test_bot_with_a_position_is_deleted_only_with_a_heir() -> None:
    driver = two_bots()

    assert driver.no(DeleteBot("1", "A")) == "A holds 2 BTCUSDT_Binance-F: close it, or say who takes it over"
    assert "there is no bot ghost" in driver.no(DeleteBot("2", "A", "ghost"))
    driver.do(DeleteBot("3", "A", RESERVED))

    assert driver.held(HAND)[:2] == (D(2), D(-100_000)) and driver.held("A") == (D(0), D(600), D(8), D("0.75"))
    assert "A" not in driver.state.robots
    driver.check_kept()


def test_other_bot_inherits_the_position() -> None:
    driver = two_bots()

    driver.do(DeleteBot("t", "A", "B"))

    assert driver.held("B")[0] == D(2) and driver.held("A")[0] == D(0)
    driver.check_kept()


# ---------------------------------------------------------------- not now


def actions() -> list[BotAction]:
    """One of each that moves something away from A."""
    return [RenameBot("1", "A", "alfa"), MergeBot("2", "A", "B"), ReassignPosition("3", BTC, "A", "B"),
            DeleteBot("4", "A", RESERVED)]


@pytest.mark.parametrize("status", [OrdStatus.NEW, OrdStatus.PENDING_NEW, OrdStatus.PARTIALLY_FILLED,
                                    OrdStatus.UNKNOWN, OrdStatus.PENDING_CANCEL])
def test_nothing_moves_while_orders_are_open(status: OrdStatus) -> None:
    driver = two_bots()
    driver.remember(order(status, name="9.A"))

    for command in actions():
        assert driver.no(command) == ("an order of A is open: 9.A. Cancel first: an order keeps the name it was placed "
                                      "under")


def test_nothing_moves_while_fills_are_missing() -> None:
    driver = two_bots()
    driver.remember(order(OrdStatus.FILLED, name="9.A", booked="4", told="10"))

    for command in actions():
        assert "an order of A is open: 9.A" in driver.no(command)


def test_stop_at_the_venue_is_an_open_order_of_the_giver_and_follows_the_taker() -> None:
    driver = two_bots()
    driver.fill("B", BUY, "1", "50000")
    stop = structs.replace(order(name="9.A", order_id="s9", side=SELL, ord_type=OrdType.STOP_MARKET, price=None,
                         reduce_only=True), trigger=Trigger(D(40000)))
    driver.remember(structs.replace(stop, name="10.B", cl_ord_id="10.B", owner="B", order_id="s10"))

    driver.do(ReassignPosition("1", BTC, "A", "B", D(1)))
    driver.remember(stop)

    assert "an order of A is open: 9.A (its stop)." in driver.no(ReassignPosition("2", BTC, "A", "B"))


def test_open_orders_of_the_other_side_count_too() -> None:
    driver = two_bots()
    driver.remember(order(name="9.B", owner="B"))

    assert "an order of B is open" in driver.no(MergeBot("1", "A", "B"))
    assert "an order of B is open" in driver.no(ReassignPosition("2", BTC, "A", "B"))
    driver.do(DeleteBot("3", "A", RESERVED))


def test_many_open_orders_are_counted() -> None:
    driver = two_bots()
    for number in range(6):
        driver.remember(order(name=f"{number}.A"))

    assert "6 orders of A are open: 0.A, 1.A, 2.A, 3.A and 2 more. Cancel first" in driver.no(actions()[0])


def test_orders_by_hand_on_another_symbol_do_not_hold_a_reserved_line() -> None:
    driver = BotDriver(row("A"), keys=(BTC, ETH))
    driver.send(execution("x:web", "web_1", last_qty="2"), driver.look())
    driver.remember(order(name="9.x", owner=ETH.reserved, key=ETH))

    driver.do(ReassignPosition("t", BTC, HAND, "A"))

    assert driver.held("A")[0] == D(2)


def test_nothing_moves_while_the_bot_trades_by_itself() -> None:
    driver = two_bots()
    driver.send(SetTrading("on", True))

    for command in actions():
        assert driver.no(command) == "A trades by itself: switch it OFF, or F9 OFF, first"
    driver.state.robots["A"] = replace(driver.state.robots["A"], state=BotState.OFF)
    assert driver.no(MergeBot("5", "A", "B")) == "B trades by itself: switch it OFF, or F9 OFF, first"
    driver.do(NewBot("6", "alfa", BTC, 1, 1))
    driver.do(DeleteBot("7", "A", RESERVED))


def test_nothing_moves_while_the_venue_recovers() -> None:
    driver = two_bots()
    driver.send(VenueDown("Binance", Category.LINEAR, "cut"))

    for command in actions():
        assert "Binance-F is recovering: what A holds is not known for sure yet" in driver.no(command)


def test_nothing_moves_while_the_ledger_cannot_write() -> None:
    driver = two_bots()
    driver.state.database_problem = "disk full"

    for command in (*actions(), NewBot("n", "alfa", BTC, 1, 1)):
        assert driver.no(command) == "the ledger cannot write: disk full"


def test_rows_of_an_account_that_is_not_connected_hold_the_bot() -> None:
    driver = two_bots()
    driver.elsewhere = (BookRow(BTC, "OTHER", "A", "USDT", sumreal=D(5)),)
    words = "A has rows in BTCUSDT_Binance-F of account OTHER, which is not connected now: connect it first"

    assert driver.no(RenameBot("1", "A", "alfa")) == words
    assert driver.no(MergeBot("2", "A", "B")) == words
    driver.do(DeleteBot("3", "A", RESERVED))           # results stay where they are

    driver.elsewhere = (BookRow(BTC, "OTHER", "B", "USDT", pos=D(5), entry=D(1)),)
    assert "B has rows in BTCUSDT_Binance-F of account OTHER" in driver.no(DeleteBot("4", "B", RESERVED))


def test_open_order_of_an_account_that_is_not_connected_holds_the_bot() -> None:
    driver = BotDriver(row("A"))
    driver.forgotten = (structs.replace(order(name="9.A"), account="OTHER"),)

    assert "an order of A is open: 9.A" in driver.no(DeleteBot("t", "A"))


def test_a_ticket_asked_twice_moves_once() -> None:
    driver = two_bots()
    command = RenameBot("once", "A", "alfa")

    driver.do(command)
    again = driver.send(command, driver.look())

    assert again.verdict is not None and again.verdict.ok and not again.rows and len(driver.transfer()) == 4


# ---------------------------------------------------------------- the day, the trades tab


@pytest.mark.parametrize("command", [RenameBot("t", "A", "alfa"), MergeBot("t", "A", "B"),
                                     ReassignPosition("t", BTC, "A", "B", price=D(51000))])
def test_the_days_result_is_the_same_after_a_restart(command: BotAction) -> None:
    driver = two_bots()
    driver.fill("B", BUY, "1", "49000")
    yesterday = len(driver.coins)
    driver.core.new_day(1)
    driver.fill("A", BUY, "1", "50500")

    driver.do(command)

    kept = books_before(driver.state.books.values(), driver.coins[yesterday:])
    day = {name: (book.pos, book.sumreal, book.fees, book.funding) for name, book in driver.state.day_books.items()}
    assert {name: (book.pos, book.sumreal, book.fees, book.funding) for name, book in kept.items()
            if name in day} == day
    assert sum((book.sumreal for book in kept.values()), D(0)) == sum((now[1] for now in day.values()), D(0))


def test_day_of_a_renamed_bot_goes_on() -> None:
    driver = two_bots()
    driver.core.new_day(1)

    driver.do(RenameBot("t", "A", "alfa"))

    day = driver.state.day_books[(ACCOUNT, BTC, "alfa", "USDT")]
    assert (day.pos, day.sumreal, day.fees, day.funding) == driver.held("alfa")
    assert (ACCOUNT, BTC, "A", "USDT") not in driver.state.day_books


def test_transfers_move_positions_in_the_trades_but_are_none() -> None:
    driver = two_bots()
    driver.do(ReassignPosition("t", BTC, "A", "B", price=D(51000)))
    driver.fill("B", SELL, "2", "51500", "0")

    newest = [structs.replace(coin, id=place) for place, coin in enumerate(driver.coins, 1) if coin.side >= 0][::-1]
    lines = trade_lines(driver.state.books.values(), newest, lambda key: D(1))

    assert [(line.owner, line.qty, line.pnl) for line in lines] == [
        ("B", D(2), D(1000)), ("A", D(1), D(600)), ("A", D(3), None)]


def test_a_fee_in_another_coin_is_the_fills_fee_after_a_restart() -> None:
    driver = Driver(robot("A"))
    driver.send(execution("x:1", "1.A", last_qty="2"))
    driver.send(execution("x:2", "1.A", side=SELL, last_qty="1", last_px="51000", fee="0.003", fee_currency="BNB"))

    newest = [structs.replace(coin, id=place) for place, coin in enumerate(driver.coins, 1)][::-1]
    lines = trade_lines(driver.state.books.values(), newest, lambda key: D(1))

    assert [(line.exec_id, line.fee, line.fee_currency, line.pos, line.pnl) for line in lines] == [
        ("x:2", D("0.003"), "BNB", D(1), D(1000)), ("x:1", D("0.1"), "USDT", D(2), None)]
    assert [(line.exec_id, line.fee, line.fee_currency, line.pos) for line in driver.state.trades] == [
        (line.exec_id, line.fee, line.fee_currency, line.pos) for line in lines]


# ---------------------------------------------------------------- any sequence

NAMES = ("A", "B", "c", "d")
SYMBOLS = (BTC, COIN, SPOT)
TRADED = (instrument(), inverse(), spot())
fills = st.tuples(st.just("fill"), st.sampled_from(NAMES), st.sampled_from(SYMBOLS), st.sampled_from((BUY, SELL)),
                  st.integers(1, 30), st.integers(90, 110))
funding = st.tuples(st.just("fund"), st.sampled_from(NAMES), st.sampled_from(SYMBOLS), st.integers(-9, 9))
asked = st.one_of(
    st.tuples(st.just("new"), st.sampled_from(NAMES), st.sampled_from(SYMBOLS)),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("merge"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.sampled_from(("", RESERVED, *NAMES))),
    st.tuples(st.just("reassign"), st.sampled_from((*NAMES, RESERVED)), st.sampled_from((*NAMES, RESERVED)),
              st.sampled_from(SYMBOLS), st.integers(0, 20), st.sampled_from((0, 0, 95, 107))))


def step(driver: BotDriver, number: int, one: tuple[object, ...]) -> Decision | None:
    """One thing that happens."""
    match one:
        case ("fill", str(emi), Key() as key, Side() as side, int(qty), int(price)):
            unit = "BNB" if qty % 7 == 0 else driver.traded[key].settle
            driver.fill(emi, side, f"{qty}", f"{price}", f"0.00{price}", unit, key=key)
        case ("fund", str(emi), Key() as key, int(amount)):
            driver.fund(emi, f"0.000{amount}" if amount >= 0 else f"-0.000{-amount}", key)
        case ("new", str(emi), Key() as key):
            return driver.send(NewBot(f"{number}", emi, key, 1, 1), driver.look())
        case ("rename", str(emi), str(new)):
            return driver.send(RenameBot(f"{number}", emi, new), driver.look())
        case ("merge", str(emi), str(into)):
            return driver.send(MergeBot(f"{number}", emi, into), driver.look())
        case ("delete", str(emi), str(to)):
            return driver.send(DeleteBot(f"{number}", emi, to), driver.look())
        case ("reassign", str(emi), str(to), Key() as key, int(qty), int(price)):
            known = driver.state.robots.get(to) or driver.state.robots.get(emi)
            key = known.key if known is not None else key
            giver, taker = (key.reserved if name == RESERVED else name for name in (emi, to))
            return driver.send(ReassignPosition(f"{number}", key, giver, taker, D(qty) if qty < 5 else None,
                                                D(price) if price else None), driver.look())
    return None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(fills, fills, funding, asked, asked), min_size=10, max_size=60))
def test_no_action_changes_the_accounts_sums(steps: list[tuple[object, ...]]) -> None:
    driver = BotDriver(row("A"), row("B", COIN), row("c"), keys=SYMBOLS, traded=TRADED)

    for number, one in enumerate(steps):
        before = sums(driver), len(driver.coins)
        decision = step(driver, number, one)
        if decision is not None:
            assert sums(driver) == before[0]
            assert decision.verdict is not None and (decision.verdict.ok or len(driver.coins) == before[1])

    driver.check_kept()
    assert set(driver.rows) == set(driver.state.robots)
    facts = [coin for coin in driver.coins if not coin.exec_id.startswith("MOVE:")]
    for key in SYMBOLS:
        assert driver.state.position(key) == sum((coin.qty for coin in facts if coin.key == key), D(0))
    for column in ("sumreal", "commiss"):
        assert sum(getattr(coin, column) for coin in driver.coins) == sum(getattr(coin, column) for coin in facts)
    keys = [(coin.exec_id, coin.part) for coin in driver.coins]
    assert len(keys) == len(set(keys))


def sums(driver: BotDriver) -> dict[tuple[Key, str], tuple[Decimal, ...]]:
    """Of the account: position, SUMREAL, fees, funding, volume and fills by instrument and currency."""
    made: dict[tuple[Key, str], tuple[Decimal, ...]] = {}
    for book in driver.state.books.values():
        name = (book.key, book.currency)
        old = made.get(name, (D(0),) * 6)
        made[name] = tuple(one + more for one, more in zip(
            old, (book.pos, book.sumreal, book.fees, book.funding, book.volume, D(book.fills)), strict=True))
    return {name: found for name, found in made.items() if any(found)}
