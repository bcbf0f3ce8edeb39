"""Older trades: pages of the ledger by a second connection, which a writer does not wait for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from core.board import Board
from core.dates import day_start
from core.rows import BookRow, CoinRow, DayRow
from db.pages import FIRST, Filter, page
from db.store import Store
from interface.history import DAYS, FILLS, FUNDINGS, Ask, Pages
from models import Category, Health, VenueState
from session.older import DAY_MS, PAGE, OlderReader, _open_read_only
from tests.support.build import ACCOUNT, BTC, ETH, T0, coin


@dataclass
class Desk:
    """A ledger with fills, its writer, and a reader."""

    store: Store
    reader: OlderReader
    board: Board

    def page(self, ask: Ask = Ask(FILLS)) -> Pages:  # noqa: B008  # frozen
        """Ask and wait for the answer."""
        pages = self.reader.pages(ask).pages
        self.reader.ask(ask)
        until = time.monotonic() + 10
        while self.reader.pages(ask).pages == pages and time.monotonic() < until:
            time.sleep(0.005)
        return self.reader.pages(ask)


def funding(exec_id: str, amount: str, mark: str = "50000") -> CoinRow:
    """A share of a funding."""
    return replace(coin(exec_id, price=mark, commiss=amount, sumreal="0"), side=-1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "sim.db"
    store, board = Store.sqlite(path), Board()
    store.prepare("SIM")
    store.write([coin(f"x:{number}", time=T0 + number) for number in range(PAGE + 50)])
    board.venues[("Binance", Category.LINEAR)] = VenueState("Binance", Category.LINEAR, "Binance-F", Health.LIVE,
                                                            account=ACCOUNT)
    reader = OlderReader(board, lambda: Store(_open_read_only(path), "sqlite", str(path)))
    yield Desk(store, reader, board)
    reader.close()
    store.close()


def test_pages_lead_through_all_history(desk: Desk) -> None:
    first = desk.page()
    assert [line.exec_id for line in first.lines] == [f"x:{n}" for n in range(PAGE + 49, 49, -1)]
    assert not first.complete and all(line.pnl is None and line.id > 0 for line in first.lines)

    both = desk.page()
    assert [line.exec_id for line in both.lines] == [f"x:{n}" for n in range(PAGE + 49, -1, -1)]
    assert both.complete


def test_each_line_knows_its_owners_position_and_its_fee_in_another_coin(desk: Desk) -> None:
    moved = coin("MOVE:1", emi="A", qty="-2")
    desk.store.write([coin("x:bnb", commiss="0"),
                      coin("x:bnb", part=1, qty="0", currency="BNB", commiss="0.003", sumreal="0"),
                      moved, coin("MOVE:1", part=1, emi="B", qty="2"), coin("x:last", qty="-3"),
                      BookRow(BTC, ACCOUNT, "A", "USDT", pos=Decimal(PAGE + 46)),
                      BookRow(BTC, ACCOUNT, "B", "USDT", pos=Decimal(2))])

    lines = desk.page().lines

    assert [(line.exec_id, line.pos) for line in lines[:3]] == [
        ("x:last", Decimal(PAGE + 46)), ("x:bnb", Decimal(PAGE + 51)), (f"x:{PAGE + 49}", Decimal(PAGE + 50))]
    assert (lines[1].fee, lines[1].fee_currency) == (Decimal("0.003"), "BNB")
    assert desk.page().lines[-1].pos == Decimal(1)


def test_one_owner_or_one_instrument_alone(desk: Desk) -> None:
    desk.store.write([coin("y:1", emi="B"), coin("y:2", emi="B", key=ETH), coin("y:3", key=ETH)])

    assert [line.exec_id for line in desk.page(Ask(FILLS, "B")).lines] == ["y:2", "y:1"]
    assert [line.exec_id for line in desk.page(Ask(FILLS, "B", ETH)).lines] == ["y:2"]
    assert [line.exec_id for line in desk.page(Ask(FILLS, "", ETH)).lines] == ["y:3", "y:2"]
    assert desk.reader.pages(Ask(FILLS, "B")).pages == 0         # of each kind the list asked for last is kept


def test_fundings_come_page_by_page_and_the_new_ones_on_top(desk: Desk) -> None:
    assert desk.page(Ask(FUNDINGS)).complete and not desk.page(Ask(FUNDINGS)).fundings
    desk.store.write([funding(f"F{n}", f"{n}", "0") for n in range(PAGE + 1)])
    ask = Ask(FUNDINGS, "A")
    assert [line.exec_id for line in desk.page(ask).fundings] == [f"F{n}" for n in range(PAGE, 0, -1)]

    desk.store.write([funding("F:new", "-7")])
    newer = desk.page(Ask(FUNDINGS, "A", fresh=True))
    assert newer.fundings[0].exec_id == "F:new" and newer.fundings[0].amount == Decimal(-7)
    assert newer.fundings[0].mark == Decimal(50000) and newer.fundings[1].mark is None
    assert [line.exec_id for line in desk.page(ask).fundings][-2:] == ["F1", "F0"]
    assert desk.reader.pages(ask).complete


@pytest.mark.parametrize("is_funding", [False, True])
def test_a_page_is_looked_up_not_sorted(desk: Desk, is_funding: bool) -> None:
    asked: list[str] = []
    engine = desk.store._engine
    sa.event.listen(engine, "before_cursor_execute", lambda c, cursor, text, values, *rest: asked.append(text))
    for chosen in (Filter((("Binance", ACCOUNT), ("Bitmex", "1")), is_funding, "A", BTC),
                   Filter((("Binance", ACCOUNT),), is_funding)):
        page(desk.store, chosen, FIRST, PAGE)
    questions = [text for text in asked if "FROM coins" in text]
    with closing(sqlite3.connect(desk.store.where)) as raw:
        for text in questions:
            plan = " ".join(str(row[3]) for row in raw.execute("EXPLAIN QUERY PLAN " + text, (0,) * text.count("?")))
            assert "TEMP B-TREE" not in plan
            assert ("ix_coins_funding" if is_funding else "INTEGER PRIMARY KEY") in plan, plan
    assert len(questions) == 2


def test_renamed_owner_has_the_rows_and_days_of_its_former_name(desk: Desk) -> None:
    """At the midnight of the day of the rename both names have a value: nothing was left under the old one."""
    desk.store.write([coin("y:1", emi="B", time=T0 + 900), replace(funding("F9", "1"), emi="B")])
    midnight = day_start(time.time_ns() // 1_000_000)
    desk.store.write([DayRow("Binance", ACCOUNT, emi, "USDT", at, Decimal(value)) for emi, at, value in (
        ("A", midnight - DAY_MS, "5"), ("A", midnight, "0"), ("B", midnight, "7"))])

    lines = desk.page(Ask(FILLS, "B", former=("A",))).lines
    assert (lines[0].exec_id, lines[1].owner, len(lines)) == ("y:1", "A", PAGE)
    assert len(desk.page(Ask(FILLS, "B")).lines) == 1
    assert [line.owner for line in desk.page(Ask(FUNDINGS, "B", former=("A",))).fundings] == ["B"]
    assert [(line.time, line.value) for line in desk.page(Ask(DAYS, "B", former=("A",))).days] == [
        (midnight - DAY_MS, Decimal(5)), (midnight, Decimal(7))]


def test_days_of_an_owner(desk: Desk) -> None:
    assert desk.page(Ask(DAYS, "A")).complete


def test_a_reader_holds_up_no_writer_and_sees_what_is_committed(desk: Desk) -> None:
    with desk.store._begin():                   # the engine is in the middle of a booking
        assert len(desk.page().lines) == PAGE
    desk.store.write([coin("x:new", time=T0)])
    assert "x:new" in {line.exec_id for line in desk.page(Ask(FILLS, "A")).lines}


def test_without_an_account_or_a_ledger_the_reason_is_said(desk: Desk, tmp_path: Path) -> None:
    desk.board.venues.clear()
    assert desk.page().problem == "No account is known yet."

    reader = OlderReader(Board(), lambda: Store(_open_read_only(tmp_path / "gone.db"), "sqlite", "gone"))
    reader._board.venues.update({("Binance", Category.LINEAR): VenueState(
        "Binance", Category.LINEAR, "Binance-F", Health.LIVE, account=ACCOUNT)})
    assert "cannot be read" in Desk(desk.store, reader, Board()).page().problem
    reader.close()
    assert not (tmp_path / "gone.db").exists()
