"""Actions on bots through the engine thread and a real file: what the database holds, what the bots hear."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from db.store import Store
from engine.commands import (
    RESERVED,
    Cancel,
    DeleteBot,
    DuplicateBot,
    MergeBot,
    NewBot,
    ReassignPosition,
    Recover,
    RenameBot,
)
from engine.kept import fold
from models import Funding, Side
from tests.support.build import ACCOUNT, BTC, ETH, T0, execution, instrument, place, venue_up
from tests.support.desk import Desk, Lock, resting, until, write_robot

D = Decimal
HAND = BTC.reserved


def names(desk: Desk) -> list[object]:
    """EMIs in the table."""
    return [one[0] for one in desk.sql("SELECT EMI FROM robots ORDER BY EMI")]


def check_sums(desk: Desk) -> None:
    """The kept sums fit the rows, as another program reads them."""
    store = Store.sqlite(desk.ledger)
    assert {(book.emi, book.currency): book for book in store.load("Binance", ACCOUNT, 0).books} == {
        (book.emi, book.currency): book for book in fold(store.coin_rows("Binance", ACCOUNT))}
    store.close()


def test_renamed_bot_is_so_in_table_books_view_and_threads(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    desk.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: desk.view.trades)

    assert desk.ask(RenameBot("r", "A", "alfa")).ok

    assert names(desk) == ["alfa"]
    assert desk.sql("SELECT EMI, PART, QTY, REFER FROM coins WHERE EXECID LIKE 'MOVE:%' ORDER BY PART") == [
        ("A", 0, "-3", "alfa"), ("alfa", 1, "3", "A")]
    assert desk.sql("SELECT EMI, POS, FILLS FROM books ORDER BY EMI") == [("A", "0", 1), ("alfa", "3", 0)]
    assert [bot.emi for bot in desk.bots.rows] == ["alfa"] and desk.bots.positions["alfa"].qty == 3
    until(lambda: [line.emi for line in desk.view.bots] == ["alfa"])
    assert [(line.owner, line.qty) for line in desk.view.trades] == [("A", D(3))]
    check_sums(desk)


def test_after_a_restart_the_books_are_where_they_were_moved(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    write_robot(first, "A")
    write_robot(first, "B")
    first.run()
    first.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: first.view.trades)
    assert first.ask(ReassignPosition("r", BTC, "A", "B", D(1), D(51000))).ok
    assert first.ask(MergeBot("m", "A", "B")).ok
    until(lambda: len(first.view.bots) == 1)
    before = first.view.bots[0].sums, first.view.bots[0].entry
    first.end()

    second = Desk(tmp_path).run()
    try:
        line = until(lambda: second.view.bots)[0]
        assert (line.emi, line.sums, line.entry) == ("B", *before)
        assert not second.said("did not fit")
        assert [(one.owner, one.qty) for one in second.view.trades] == [("A", D(3))]
    finally:
        second.end()


def test_bots_are_made_and_deleted(desk: Desk) -> None:
    desk.run()

    assert desk.ask(NewBot("1", "A", BTC, 5, 2, "ma_cross")).ok
    assert desk.ask(DuplicateBot("2", "A", "B")).ok
    assert desk.sql("SELECT EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN, STRATEGY, STATE FROM robots "
                    "ORDER BY EMI") == [("A", "BTCUSDT", "linear", "Binance", 1, 5, 2, 0, "ma_cross", "OFF"),
                                        ("B", "BTCUSDT", "linear", "Binance", 2, 5, 2, 0, "ma_cross", "OFF")]
    assert {bot.emi for bot in desk.bots.rows} == {"A", "B"}
    desk.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: desk.view.trades)
    verdict = desk.ask(DeleteBot("3", "A"))
    assert not verdict.ok and verdict.refusal is not None and verdict.refusal.field == "to"
    assert desk.ask(DeleteBot("4", "A", RESERVED)).ok

    assert names(desk) == ["B"] and {bot.emi for bot in desk.bots.rows} == {"B"}
    until(lambda: desk.view.positions[0].by_owner == ((HAND, D(3)),))
    check_sums(desk)


def test_resting_order_holds_the_bot_until_it_is_cancelled(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    name = resting(desk, place(owner="A", qty="10"))

    verdict = desk.ask(RenameBot("r", "A", "alfa"))

    assert verdict.refusal is not None and verdict.refusal.text == (
        f"an order of A is open: {name}. Cancel first: an order keeps the name it was placed under")
    assert names(desk) == ["A"] and desk.ask(Cancel("c", BTC, name)).ok


def test_row_typed_at_the_same_moment_undoes_the_action(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    desk.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: desk.view.trades)
    read = desk.engine._parts.store.robots

    def then_typed() -> object:
        rows = read()
        write_robot(desk, "alfa")
        return rows
    desk.engine._parts.store.robots = then_typed  # type: ignore[method-assign, assignment]

    verdict = desk.ask(RenameBot("r", "A", "alfa"))

    assert verdict.refusal is not None and "typed by hand just now: F3 reads it" in verdict.refusal.text
    assert names(desk) == ["A", "alfa"] and desk.sql("SELECT count(*) FROM coins") == [(1,)]
    assert desk.bots.positions["A"].qty == 3 and [bot.emi for bot in desk.bots.rows] == ["A"]


def test_moved_funding_is_no_funding_that_a_late_fill_could_correct(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    desk.post(execution(cl_ord_id="1.A", last_qty="2", time=T0 + 200))
    desk.post(Funding(BTC, ACCOUNT, "linear:BTCUSDT:F1", D(3), "USDT", T0 + 1000))
    until(lambda: desk.sql("SELECT FUNDING FROM books") == [("3",)])
    assert desk.ask(RenameBot("r", "A", "alfa")).ok
    desk.end()

    again = Desk(desk.ledger.parent).run()
    try:
        again.post(execution("x:late", None, last_qty="2", time=T0 + 100))
        until(lambda: again.sql("SELECT count(*) FROM coins WHERE EXECID = 'x:late'") == [(1,)])
        # The venue's funding is shared anew as the two stood then; what was moved later stays moved.
        assert again.sql("SELECT EMI, FUNDING FROM books ORDER BY EMI") == [
            ("A", "-1.5"), (HAND, "1.5"), ("alfa", "3")]
        assert again.sql("SELECT DISTINCT EXECID FROM coins WHERE SIDE < 0 AND PART > 3") == []
        check_sums(again)
    finally:
        again.end()


def test_nothing_is_done_while_the_database_is_away(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    lock = Lock(desk.ledger)
    try:
        first = desk.ask(RenameBot("1", "A", "alfa"))       # finds out
        second = desk.ask(NewBot("2", "B", BTC, 1, 1))
    finally:
        lock.release()
    desk.back()

    for verdict in (first, second):
        assert verdict.refusal is not None and "the ledger cannot write" in verdict.refusal.text
    assert names(desk) == ["A"] and desk.ask(RenameBot("3", "A", "alfa")).ok


# ---------------------------------------------------------------- typed by hand, then F3


def test_words_typed_for_numbers_are_named_and_hurt_nobody_else(desk: Desk) -> None:
    write_robot(desk, "good")
    for emi, timefr, capital in (("late", "'5m'", "1"), ("rich", "1", "'x'")):
        desk.sql("INSERT INTO robots (EMI, SYMBOL, CATEGORY, TIMEFR, CAPITAL) "
                 f"VALUES ('{emi}', 'BTCUSDT', 'linear', {timefr}, {capital})")
    desk.sql("INSERT INTO robots (EMI, SYMBOL, CATEGORY) VALUES (X'00FF', X'01', X'02')")
    desk.run()

    shown = {line.emi: (line.status, line.reason) for line in desk.view.bots}

    assert shown["good"] == ("WORK", "") and [bot.emi for bot in desk.bots.rows] == ["good"]
    assert shown["late"] == ("SUSPENDED", "TIMEFR '5m': a whole number is needed")
    assert shown["rich"] == ("SUSPENDED", "CAPITAL 'x': a whole number is needed")
    assert len(shown) == 4


def test_symbol_changed_by_hand_needs_position_zero(desk: Desk) -> None:
    desk.board.instruments[ETH] = instrument(ETH)
    desk.engine._books.products.configured = (BTC, ETH)
    write_robot(desk, "A")
    write_robot(desk, "B")
    desk.run()
    desk.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: desk.view.trades)
    desk.sql("UPDATE robots SET SYMBOL = 'ETHUSDT'")

    assert desk.ask(Recover("f3")).ok

    why = ("A holds 3 BTCUSDT_Binance-F: its symbol can change to ETHUSDT_Binance-F when that is 0 (close or reassign "
           "it)")
    until(lambda: desk.said(f"A SUSPENDED: {why}"))
    assert desk.sql("SELECT EMI, STATE, REASON FROM robots ORDER BY EMI") == [
        ("A", "SUSPENDED", f"row: {why}"), ("B", "WORK", "")]
    assert [(bot.emi, bot.key) for bot in desk.bots.rows] == [("B", ETH)]

    desk.post(execution("x:2", cl_ord_id="2.A", side=Side.SELL, last_qty="3"))
    until(lambda: len(desk.view.trades) == 2)
    assert desk.ask(Recover("f3 again")).ok
    assert {(bot.emi, bot.key) for bot in desk.bots.rows} == {("A", ETH), ("B", ETH)}
    assert desk.sql("SELECT STATE FROM robots WHERE EMI = 'A'") == [("WORK",)]


def test_symbol_changed_while_the_program_was_closed_is_found_when_the_account_is_known(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    write_robot(first, "A")
    first.run()
    first.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: first.view.trades)
    first.end()
    first.sql("UPDATE coins SET SYMBOL = 'ETHUSDT'")
    first.sql("UPDATE books SET SYMBOL = 'ETHUSDT'")
    second = Desk(tmp_path).run(recover=False)
    until(lambda: second.bots.rows)              # before an account is known nothing speaks against it
    second.post(venue_up())
    try:
        assert until(lambda: second.said("A SUSPENDED: A holds 3 ETHUSDT_Binance-F"))
        assert second.bots.rows == ()
        until(lambda: second.sql("SELECT STATE FROM robots") == [("SUSPENDED",)])
    finally:
        second.end()
