"""The engine thread: commit before request, verdicts, views, the database away and back, history.ini, the end."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from core.dates import utc
from core.numbers import text
from core.rows import RobotState
from db.store import Store
from engine.commands import (
    Cancel,
    CancelAll,
    Command,
    KillSwitch,
    MoveOrder,
    Recover,
    SetBot,
    SetTrading,
    Watch,
)
from models import (
    AskHistory,
    BotState,
    HistoryPage,
    Notice,
    OrdStatus,
    SubmitOrder,
    VenueDown,
)
from tests.support.build import ACCOUNT, BTC, ETH, execution, instrument, order, place, report
from tests.support.desk import Desk, Lock, resting, until, write_robot

S = OrdStatus
D = Decimal
HAND = "BTCUSDT.linear"


# ---------------------------------------------------------------- orders and facts


def test_order_is_committed_before_it_is_sent(desk: Desk) -> None:
    desk.run()

    verdict = desk.ask(place())

    assert verdict.ok and verdict.cl_ord_id == f"1.{HAND}"
    assert until(lambda: desk.venue.written_before) == [(verdict.cl_ord_id, "PENDING_NEW")]
    assert until(lambda: desk.view.orders)[0].id == verdict.cl_ord_id     # published after it was sent
    assert desk.view.verdicts[-1] == verdict


def test_ticket_asked_twice_is_one_order(desk: Desk) -> None:
    desk.run()
    command = place("once")

    assert desk.ask(command) == desk.ask(command)

    assert len(desk.asked(SubmitOrder)) == 1
    assert desk.sql("SELECT VALUE FROM counters WHERE NAME = 'clOrdID'") == [(1,)]


def test_fill_is_in_the_ledger_before_bots_and_view_know_it(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()

    desk.post(execution(cl_ord_id="1.A", last_qty="3"))

    until(lambda: desk.bots.positions["A"].qty == 3)
    assert desk.sql("SELECT EXECID, EMI, QTY FROM coins") == [("linear:BTCUSDT:1", "A", "3")]
    assert desk.sql("SELECT EMI, POS, FILLS FROM books") == [("A", "3", 1)]
    line = until(lambda: desk.view.trades)[0]
    assert (line.owner, line.qty, desk.view.positions[0].by_owner) == ("A", D(3), (("A", D(3)),))
    assert (desk.bots.positions["A"].entry, desk.bots.positions["A"].fills) == (D(50000), 1)


def test_net_values_are_written_with_the_next_minute(desk: Desk) -> None:
    desk.run()
    desk.post(execution(cl_ord_id="1.A", last_qty="3"))
    until(lambda: desk.view.trades)

    desk.engine._books._days._minute = 0                      # another minute has begun

    rows = until(lambda: desk.sql("SELECT EMI, CURRENCY, TTIME, NETVALUE FROM days ORDER BY TTIME"))
    top = desk.board.tops[BTC]
    value = text(D("-150000") + 3 * top.bid - D("0.1"))
    assert [(emi, currency, net) for emi, currency, _time, net in rows] == [(HAND, "USDT", value)] * 2
    assert str(rows[1][2]).endswith(" 00:00:00.000")


def test_fill_told_before_the_venue_is_up_is_booked_to_its_account(desk: Desk) -> None:
    desk.run(recover=False)

    desk.post(execution(last_qty="3"))
    desk.post(report(S.NEW, f"9.{HAND}", order_id="v9"))
    desk.recover()

    until(lambda: desk.sql("SELECT count(*) FROM coins") == [(1,)])
    assert desk.sql("SELECT ACCOUNT, POS FROM books") == [(ACCOUNT, "3")]
    assert desk.sql("SELECT ACCOUNT, NAME FROM orders") == [(ACCOUNT, f"9.{HAND}")]


def test_repeated_fact_is_one_row(desk: Desk) -> None:
    desk.run()
    fact = execution()

    for _ in range(3):
        desk.post(fact)
    desk.post(HistoryPage(BTC, ACCOUNT, (fact, execution("x:2")), True, 1, 0, "difference"))

    until(lambda: len(desk.view.trades) == 2)
    assert desk.sql("SELECT COUNT(*) FROM coins") == [(2,)]


def test_late_fill_of_an_order_that_is_no_longer_in_memory_finds_its_row(desk: Desk) -> None:
    write_robot(desk, "A")
    store = Store.sqlite(desk.ledger)
    store.write([order(S.CANCELED, name="5.A", order_id="77", created=1, updated=1)])
    store.close()
    desk.run()

    desk.post(execution(cl_ord_id=None, order_id="77", last_qty="2"))

    until(lambda: desk.view.trades)
    assert desk.sql("SELECT EMI FROM coins") == [("A",)]
    assert desk.sql("SELECT STATUS, BOOKED_QTY FROM orders") == [("CANCELED", "2")]


def test_order_refused_by_a_check_leaves_no_trace(desk: Desk) -> None:
    desk.run()

    verdict = desk.ask(place(qty="0.0005"))

    assert verdict.refusal is not None and "not a multiple" in verdict.refusal.text
    assert not desk.asked(SubmitOrder) and desk.sql("SELECT COUNT(*) FROM orders") == [(0,)]


def test_numbers_go_on_after_a_restart_and_a_restart_keeps_the_books(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    write_robot(first, "A")
    first.run()
    name = resting(first)
    first.post(execution(cl_ord_id=name, last_qty="4"))
    first.post(execution("x:2", cl_ord_id="99.A", last_qty="1"))
    until(lambda: len(first.view.trades) == 2)
    first.end()

    second = Desk(tmp_path).run()
    try:
        assert second.view.positions[0].by_owner == ((("A", D(1))), ((HAND, D(4))))
        line = second.view.orders[0]
        assert (line.id, line.status, line.leaves) == (name, S.PARTIALLY_FILLED, D(6))
        assert not second.view.trading
        assert second.ask(place(price="48000")).cl_ord_id == f"100.{HAND}", "after the highest number the account has"
    finally:
        second.end()


# ---------------------------------------------------------------- views


def test_unchanged_parts_keep_their_identity(desk: Desk) -> None:
    desk.run()
    resting(desk)
    desk.post(execution(cl_ord_id=None, last_qty="1"))
    until(lambda: desk.view.trades)
    before = desk.view

    desk.post(Notice("Binance", "something else"))
    until(lambda: desk.said("something else"))

    after = desk.view
    assert after is not before
    assert after.orders is before.orders and after.positions is before.positions
    assert after.trades is before.trades and after.configured is before.configured
    assert after.messages is not before.messages


def test_view_is_not_made_more_often_than_it_may(desk: Desk) -> None:
    desk.run()
    seen = set()
    for number in range(300):
        desk.post(Notice("Binance", f"line {number}"))
        seen.add(id(desk.engine.view))
    until(lambda: desk.said("line 299"))

    assert len(seen) < 150


# ---------------------------------------------------------------- F9, watchlist, F3


def test_f9_reaches_the_bots(desk: Desk) -> None:
    desk.run()
    assert not desk.bots.trading

    desk.post(SetTrading("on", True))
    until(lambda: desk.bots.trading and desk.view.trading)
    desk.post(KillSwitch("kill"))

    until(lambda: not desk.bots.trading and not desk.view.trading)
    assert desk.view.kill.locked and "re-arm" in desk.view.locked


def test_watched_symbol_is_stored_and_streamed(desk: Desk) -> None:
    desk.board.instruments[ETH] = instrument(ETH)
    desk.run()

    assert desk.ask(Watch("w", ETH, True)).ok

    until(lambda: ETH in desk.view.configured)
    assert desk.venue.watched == [(ETH, True)]
    assert desk.sql("SELECT SYMBOL FROM watchlist") == [("ETHUSDT",)]


def test_bad_rows_of_robots_are_suspended_with_the_reason(desk: Desk) -> None:
    write_robot(desk, "good")
    write_robot(desk, "late", timefr=7)
    write_robot(desk, "far", symbol="XRPUSDT")
    write_robot(desk, "odd", strategy="nope")
    write_robot(desk, "broken", strategy="technical")
    desk.bots.problems = {"broken": "strategies/technical.py:3: SyntaxError"}
    desk.run()

    lines = {line.emi: (line.status, line.reason) for line in desk.view.bots}

    assert lines["good"] == ("WORK", "")
    assert lines["late"][0] == "SUSPENDED" and lines["late"][1].startswith("TIMEFR 7: minutes, one of 1, 3, 5")
    assert lines["far"] == ("SUSPENDED", "XRPUSDT is not in the list: add it to LINEAR_SYMBOLS in .env.Binance")
    assert lines["odd"] == ("SUSPENDED", "there is no strategy “nope” in strategies/")
    assert lines["broken"] == ("SUSPENDED", "strategies/technical.py:3: SyntaxError")
    assert {robot.emi for robot in desk.bots.rows} == {"good"}


def test_bad_row_is_suspended_in_the_database_and_works_again_once_put_right(desk: Desk) -> None:
    write_robot(desk, "late", timefr=7)
    write_robot(desk, "resting", timefr=7)
    desk.sql("UPDATE robots SET STATE = 'OFF' WHERE EMI = 'resting'")
    desk.run()
    assert desk.sql("SELECT STATE, substr(REASON, 1, 15) FROM robots ORDER BY EMI") == [
        ("SUSPENDED", "row: TIMEFR 7: "), ("OFF", "")]
    assert desk.said("late SUSPENDED: TIMEFR 7")

    desk.sql("UPDATE robots SET TIMEFR = 5")
    desk.post(Recover("f3"))

    until(lambda: {robot.emi for robot in desk.bots.rows} == {"late", "resting"})
    until(lambda: desk.sql("SELECT STATE, REASON FROM robots ORDER BY EMI") == [("WORK", ""), ("OFF", "")])


def test_f3_reads_the_robots_anew_and_keeps_f9(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    desk.post(SetTrading("on", True))
    assert desk.ask(SetBot("off", "A", BotState.OFF)).ok
    write_robot(desk, "B")

    desk.post(Recover("f3"))

    until(lambda: {line.emi for line in desk.view.bots} == {"A", "B"})
    assert {line.emi: line.status for line in desk.view.bots} == {"A": "OFF", "B": "WORK"}
    assert desk.view.trading and desk.venue.reconnects == 1


def test_state_of_a_bot_is_kept_over_a_restart(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    write_robot(first, "A")
    first.run()
    first.ask(SetBot("s", "A", BotState.SUSPENDED, "strategies/a.py:7: ZeroDivisionError"))
    first.end()

    second = Desk(tmp_path).run()
    try:
        assert [(b.status, b.reason) for b in second.view.bots] == [
            ("SUSPENDED", "strategies/a.py:7: ZeroDivisionError")]
    finally:
        second.end()


# ---------------------------------------------------------------- the database away (D1)


def test_locked_database_refuses_orders_and_lets_cancels_through(desk: Desk) -> None:
    desk.run()
    names = [resting(desk), resting(desk, place(qty="10", price="48000"))]
    lock = Lock(desk.ledger)
    try:
        refused = desk.ask(place(price="47000"))
        assert refused.refusal is not None and "the ledger cannot write" in refused.refusal.text
        until(lambda: not desk.view.ledger.ok)
        assert desk.ask(Cancel("c", BTC, names[0])).ok
        assert desk.ask(CancelAll("all")).ok
        until(lambda: set(desk.cancelled()) == set(names))
        assert desk.view.strips[0].text.startswith("Ledger cannot write: ")
        again = desk.ask(place(price="46000"))
        assert again.refusal is not None and "the ledger cannot write" in again.refusal.text
        trading = desk.ask(SetTrading("on", True))     # whoever asks by ctl waits for an answer
        assert trading.refusal is not None and "the ledger cannot write" in trading.refusal.text
    finally:
        lock.release()

    desk.back()
    assert desk.ask(place(price="45000")).ok
    assert len(desk.asked(SubmitOrder)) == 3


@pytest.mark.parametrize("command", ["cancel", "cancel all", "kill switch"])
def test_cancel_that_meets_the_lock_first_goes_out_all_the_same(desk: Desk, command: str) -> None:
    desk.run()
    name = resting(desk)
    lock = Lock(desk.ledger)
    try:
        commands: dict[str, Command] = {
            "cancel": Cancel("c", BTC, name), "cancel all": CancelAll("c"), "kill switch": KillSwitch("c")}
        assert desk.ask(commands[command]).ok
        until(lambda: desk.cancelled() == [name], 3)
    finally:
        lock.release()

    desk.back()
    desk.post(report(S.CANCELED, name, time=int(time.time() * 1000) + 5))
    until(lambda: not desk.view.orders)
    assert desk.sql("SELECT STATUS FROM orders") == [("CANCELED",)]


def test_fills_wait_for_the_database_and_are_booked_in_their_order(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    name = resting(desk)
    lock = Lock(desk.ledger)
    try:
        for number in range(4):
            desk.post(execution(f"x:{number}", cl_ord_id=name, last_qty="1"))
        desk.post(HistoryPage(BTC, ACCOUNT, tuple(execution(f"x:{n}", cl_ord_id=name) for n in range(7)), True,
                              int(time.time() * 1000), 0, "hourly"))
        desk.post(report(S.PARTIALLY_FILLED, name, cum="7", time=int(time.time() * 1000) + 5))
        until(lambda: desk.view.ledger.queued >= 5)
        assert not desk.view.trades and not desk.bots.trading
    finally:
        lock.release()

    until(lambda: len(desk.view.trades) == 7)
    assert desk.sql("SELECT EXECID FROM coins ORDER BY ID") == [(f"x:{n}",) for n in range(7)]
    until(lambda: desk.view.ledger.queued == 0)
    line = desk.view.orders[0]
    assert (line.status, line.leaves) == (S.PARTIALLY_FILLED, D(3))
    assert desk.sql("SELECT POS, FILLS FROM books") == [("7", 7)]
    assert desk.said("the ledger can write again")


def test_order_whose_commit_failed_was_never_sent(desk: Desk) -> None:
    desk.run()
    lock = Lock(desk.ledger)
    try:
        assert not desk.ask(place("t")).ok
    finally:
        lock.release()
    desk.back()

    assert not desk.asked(SubmitOrder) and not desk.view.orders
    assert desk.sql("SELECT COUNT(*) FROM orders") == [(0,)]
    assert not desk.ask(place("t")).ok, "the ticket keeps its answer"


def test_move_while_the_database_is_away_is_refused(desk: Desk) -> None:
    desk.run()
    name = resting(desk)
    lock = Lock(desk.ledger)
    try:
        refused = desk.ask(MoveOrder("m", BTC, name, price=D(48000)))
        assert refused.refusal is not None and "ledger cannot write" in refused.refusal.text
    finally:
        lock.release()
    desk.back()

    assert desk.ask(MoveOrder("n", BTC, name, price=D(48000))).ok


def test_what_others_wrote_meanwhile_is_read_anew(desk: Desk) -> None:
    desk.run()
    lock = Lock(desk.ledger)
    desk.ask(place())
    lock.write("INSERT INTO orders (MARKET, ACCOUNT, CATEGORY, SYMBOL, NAME, EMI, SIDE, QTY, STATUS, CREATED, UPDATED, "
               "EXPIRES) VALUES ('Binance', 'SIM-1', 'linear', 'BTCUSDT', '50.A', 'A', 'BUY', '1', 'NEW', 1, 1, 1)")
    lock.release()

    until(lambda: desk.view.orders)

    assert desk.view.orders[0].id == "50.A"


def test_f9_off_works_while_the_database_is_away_and_on_does_not(desk: Desk) -> None:
    desk.run()
    desk.post(SetTrading("on", True))
    until(lambda: desk.bots.trading)
    lock = Lock(desk.ledger)
    try:
        desk.ask(place(reduce_only=True))
        until(lambda: not desk.bots.trading)
        desk.post(SetTrading("off", False))
        until(lambda: not desk.view.trading)
        desk.post(SetTrading("again", True))
        until(lambda: desk.said("trading stays OFF while the ledger cannot write"))
    finally:
        lock.release()
    desk.back()

    assert not desk.view.trading and not desk.bots.trading


def test_bot_suspended_while_the_database_is_away_is_stored_when_it_is_back(desk: Desk) -> None:
    write_robot(desk, "A")
    desk.run()
    lock = Lock(desk.ledger)
    try:
        desk.ask(place())
        until(lambda: not desk.view.ledger.ok)
        desk.post(SetBot("s", "A", BotState.SUSPENDED, "boom"))
        until(lambda: desk.view.bots[0].status == "SUSPENDED")
    finally:
        lock.release()

    desk.back()
    assert desk.sql("SELECT STATE, REASON FROM robots") == [("SUSPENDED", "boom")]
    assert desk.view.bots[0].status == "SUSPENDED"


def test_database_locked_at_the_start_is_waited_for(desk: Desk) -> None:
    write_robot(desk, "A")
    lock = Lock(desk.ledger)
    try:
        desk.run(recover=False)
        until(lambda: not desk.view.ledger.ok)
    finally:
        lock.release()

    until(lambda: desk.view.ledger.ok)
    assert [line.emi for line in desk.view.bots] == ["A"]
    desk.recover()
    assert desk.ask(place()).ok


def test_deleted_file_stops_trading_and_is_never_made_anew(desk: Desk) -> None:
    desk.run()
    name = resting(desk)
    for file in desk.ledger.parent.glob("sim.db*"):
        file.unlink()

    until(lambda: not desk.view.ledger.ok)

    assert "gone" in desk.view.ledger.text
    assert desk.ask(Cancel("c", BTC, name)).ok and desk.cancelled() == [name]
    assert not desk.ledger.exists()


# ---------------------------------------------------------------- history.ini (K7, G3)


def page(ms: int, reason: str = "hourly") -> HistoryPage:
    """A completed read that began at `ms`."""
    return HistoryPage(BTC, ACCOUNT, (), True, ms, 0, reason)


def test_history_file_follows_the_committed_cursor(desk: Desk) -> None:
    desk.run(recover=False)
    when = 1_700_000_000_000

    desk.recover(page(when, "recovery"))

    until(lambda: desk.history.exists())
    assert f"[Binance {ACCOUNT}]\ntime = {utc(when):%Y-%m-%d %H:%M:%S}" in desk.history.read_text()
    assert desk.sql("SELECT TIME FROM cursors") == [(when,)]


@pytest.mark.parametrize("content", ["[Binance]\ntime = 2001-01-01 00:00:00\n", "2001-01-01 00:00:00\n"])
def test_shipped_history_file_put_back_reads_everything_again(tmp_path: Path, content: str) -> None:
    first = Desk(tmp_path)
    first.run(recover=False)
    first.recover(page(1_700_000_000_000, "recovery"))
    until(lambda: first.history.exists())
    first.end()
    first.history.write_text(content)

    second = Desk(tmp_path)
    second.run()
    second.end()

    asked = second.asked(AskHistory)[0]
    assert isinstance(asked, AskHistory) and asked.since < 978_307_200_001


def test_fill_by_stream_moves_no_cursor(desk: Desk) -> None:
    desk.run(recover=False)
    desk.recover(page(1_700_000_000_000, "recovery"))
    until(lambda: desk.history.exists())
    before = desk.history.read_text()

    desk.post(execution(time=1_800_000_000_000))
    until(lambda: desk.view.trades)

    assert desk.sql("SELECT TIME FROM cursors") == [(1_700_000_000_000,)]
    assert desk.history.read_text() == before


@pytest.mark.parametrize(("in_file", "since"), [
    ("2023-11-01 00:00:00", 1_698_796_800_000),         # earlier: the file wins
    ("2023-12-24 00:00:00", 1_700_000_000_000),         # later: the database wins
    ("2999-01-01 00:00:00", 1_700_000_000_000),         # the future is not used
    ("yesterday", 1_700_000_000_000)])
def test_the_earlier_of_file_and_database_wins(tmp_path: Path, in_file: str, since: int) -> None:
    first = Desk(tmp_path).run(recover=False)
    first.recover(page(1_700_000_000_000, "recovery"))
    first.end()
    first.history.write_text(f"[Binance {ACCOUNT}]\ntime = {in_file}\n")

    second = Desk(tmp_path).run()
    try:
        asked = next(r for r in second.asked(AskHistory) if isinstance(r, AskHistory))
        assert asked.since == since - 300_000
        assert ("not used" in " ".join(m.text for m in second.view.messages)) == (
            in_file in ("yesterday", "2999-01-01 00:00:00"))
    finally:
        second.end()


def test_sections_of_other_accounts_stay_in_the_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.history.write_text("[Bitmex 12345]\ntime = 2024-01-02 03:04:05\n")
    desk.run()
    until(lambda: ACCOUNT in desk.history.read_text())
    desk.end()

    assert "[Bitmex 12345]\ntime = 2024-01-02 03:04:05" in desk.history.read_text()


def test_history_file_that_cannot_be_written_is_said_and_trading_goes_on(desk: Desk) -> None:
    desk.history.mkdir()
    desk.run()

    until(lambda: desk.said("history.ini cannot be written"))

    assert desk.ask(place()).ok


# ---------------------------------------------------------------- down, the end


def test_connection_lost_is_seen_in_the_view(desk: Desk) -> None:
    desk.run()

    desk.post(VenueDown("Binance", BTC.category, "private stream lost"))

    until(lambda: not desk.view.recovered)
    assert not desk.ask(place()).ok
    desk.recover()
    assert desk.ask(place()).ok


def test_what_came_before_the_end_is_booked(tmp_path: Path) -> None:
    desk = Desk(tmp_path).run()

    for number in range(200):
        desk.post(execution(f"x:{number}", last_qty="1"))
    desk.end()

    assert desk.sql("SELECT COUNT(*) FROM coins") == [(200,)]
    assert len(desk.view.trades) == 200


def test_a_second_prepare_of_the_same_file_sees_the_rows(desk: Desk) -> None:
    desk.run()
    resting(desk)

    store = Store.sqlite(desk.ledger)
    store.prepare("SIM")
    assert store.write([RobotState("nobody", "OFF", "")])
    assert len(store.load("Binance", ACCOUNT, 0).orders) == 1
    store.close()
