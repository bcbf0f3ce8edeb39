"""Older trades: pages of the ledger by a second connection, which a writer does not wait for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.board import Board
from db.store import Store
from interface.history import NEWEST, OlderTrades
from models import Category, Health, VenueState
from session.older import PAGE, OlderReader, _open_read_only
from tests.support.build import ACCOUNT, T0, coin


@dataclass
class Desk:
    """A ledger with fills, its writer, and a reader."""

    store: Store
    reader: OlderReader
    board: Board

    def page(self, before: int) -> OlderTrades:
        """Ask and wait for the answer."""
        pages = self.reader.trades.pages
        self.reader.ask(before)
        until = time.monotonic() + 10
        while self.reader.trades.pages == pages and time.monotonic() < until:
            time.sleep(0.005)
        return self.reader.trades


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
    first = desk.page(NEWEST)
    assert [line.exec_id for line in first.lines] == [f"x:{n}" for n in range(PAGE + 49, 49, -1)]
    assert not first.complete and all(line.pnl is None and line.id > 0 for line in first.lines)

    both = desk.page(first.lines[-1].id)
    assert [line.exec_id for line in both.lines] == [f"x:{n}" for n in range(PAGE + 49, -1, -1)]
    assert both.complete


def test_a_reader_holds_up_no_writer_and_sees_what_is_committed(desk: Desk) -> None:
    with desk.store._begin():                   # the engine is in the middle of a booking
        assert len(desk.page(NEWEST).lines) == PAGE
    desk.store.write([coin("x:new", time=T0)])
    assert "x:new" in {line.exec_id for line in desk.page(NEWEST).lines}


def test_without_an_account_or_a_ledger_the_reason_is_said(desk: Desk, tmp_path: Path) -> None:
    desk.board.venues.clear()
    assert desk.page(NEWEST).problem == "No account is known yet."

    reader = OlderReader(Board(), lambda: Store(_open_read_only(tmp_path / "gone.db"), "sqlite", "gone"))
    reader._board.venues.update({("Binance", Category.LINEAR): VenueState(
        "Binance", Category.LINEAR, "Binance-F", Health.LIVE, account=ACCOUNT)})
    assert "cannot be read" in Desk(desk.store, reader, Board()).page(NEWEST).problem
    reader.close()
    assert not (tmp_path / "gone.db").exists()
