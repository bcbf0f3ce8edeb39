"""The database in trouble: rows D1, D2 and D3 of the table of faults."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.errors import LedgerError
from db import dialects, store
from tests.faults.harness import BUY, SELL, Ground, Terminal, until


def assert_trading_waits(ground: Ground, terminal: Terminal, resting: str) -> None:
    """While the database is away: said, orders refused, cancels go out."""
    until(lambda: not terminal.view.ledger.ok, 8, "the database's trouble to be noticed")
    refused = terminal.try_place(BUY, "0.01", terminal.far())
    assert refused.refusal is not None and "ledger cannot write" in refused.refusal.text
    assert terminal.said("Ledger cannot write.*cancels work")
    terminal.cancel(resting)
    until(lambda: ground.at_exchange(resting)[0]["status"] == "CANCELED", 5, "the cancel at the exchange")


def two_orders(ground: Ground, terminal: Terminal) -> tuple[str, str]:
    """One near, one far."""
    near = terminal.place(SELL, "0.01", terminal.far(SELL, percent=1), "alfa")
    far = terminal.place(BUY, "0.01", terminal.far())
    until(lambda: ground.status(near) == ground.status(far) == "NEW", 5, "both NEW")
    return near, far


def test_d1_another_program_holds_the_database(ground: Ground, terminal: Terminal) -> None:
    near, far = two_orders(ground, terminal)
    with closing(sqlite3.connect(ground.home / "sim.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ground.exchange.move(terminal.far(SELL, percent=2))
        assert_trading_waits(ground, terminal, far)
        other.execute("ROLLBACK")

    until(lambda: terminal.view.ledger.ok, 8, "the database back")
    terminal.wait_recovered()
    assert ground.check() and ground.status(near) == "FILLED"
    assert terminal.try_place(BUY, "0.01", terminal.far(), "alfa").ok


def test_d2_the_file_is_taken_away_while_open(ground: Ground, terminal: Terminal) -> None:
    near, far = two_orders(ground, terminal)
    names = [name for name in ("sim.db", "sim.db-wal", "sim.db-shm") if (ground.home / name).exists()]
    for name in names:
        (ground.home / name).rename(ground.home / f"{name}.away")
    assert_trading_waits(ground, terminal, far)
    ground.exchange.move(terminal.far(SELL, percent=2))
    assert not (ground.home / "sim.db").exists(), "never made anew"
    for name in names:
        (ground.home / f"{name}.away").rename(ground.home / name)

    until(lambda: terminal.view.ledger.ok, 8, "the database back")
    assert ground.check() and ground.status(near) == "FILLED"


def test_d2_the_disk_is_full(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.robot("alfa")
    most, raws = [1_000_000], list[Any]()
    opened = dialects.open_sqlite

    def limited(path: Path) -> sa.Engine:
        engine = opened(path)

        @sa.event.listens_for(engine, "connect")
        def limit(raw: Any, record: object) -> None:
            raw.execute(f"PRAGMA max_page_count={most[0]}")
            raws.append(raw)

        return engine

    def set_limit(pages: int) -> None:
        most[0] = pages
        for raw in raws:
            with suppress(sqlite3.Error):          # closed meanwhile: the next one gets the new limit
                raw.execute(f"PRAGMA max_page_count={pages}")

    monkeypatch.setattr(store, "open_sqlite", limited)
    terminal = ground.terminal()
    near, far = two_orders(ground, terminal)
    set_limit(1)                      # as large as it is now
    for _ in range(400):
        if not terminal.view.ledger.ok:
            break
        verdict = terminal.try_place(BUY, "0.01", terminal.far())
        if verdict.ok:
            terminal.cancel(verdict.cl_ord_id)
    assert_trading_waits(ground, terminal, far)
    assert "full" in terminal.view.ledger.text
    ground.exchange.move(terminal.far(SELL, percent=2))
    set_limit(1_000_000)

    until(lambda: terminal.view.ledger.ok, 8, "the database back")
    assert ground.check() and ground.status(near) == "FILLED"


def flip(path: Path) -> None:
    """A hundred bytes are not what they were."""
    raw = bytearray(path.read_bytes())
    for at in random.Random(3).sample(range(0, len(raw), 37), 100):
        raw[at] ^= 0xFF
    path.write_bytes(raw)


def empty(path: Path) -> None:
    """The file has no length."""
    path.write_bytes(b"")


def no_database(path: Path) -> None:
    """Something else stands there."""
    path.write_text("these are not the books you are looking for\n" * 200)


def newer(path: Path) -> None:
    """A later program has written it."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE schema SET VALUE = '99' WHERE NAME = 'version'")
        raw.commit()


@pytest.mark.parametrize(("spoil", "words"), [(flip, "restore a backup"), (empty, "restore a backup"),
                                              (no_database, "restore a backup"), (newer, "newer program")])
def test_d3_a_spoilt_file_is_refused_and_kept(ground: Ground, spoil: Any, words: str) -> None:
    terminal = ground.terminal()
    for side in (BUY, SELL, BUY):
        terminal.place(side, "0.01", None)
    ground.check()
    terminal.end()
    path = ground.home / "sim.db"
    for more in ("sim.db-wal", "sim.db-shm"):
        (ground.home / more).unlink(missing_ok=True)
    good = path.read_bytes()
    spoil(path)
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=words) as refusal:
        ground.terminal(wait=False)

    assert refusal.value.exit_code == 5
    assert path.read_bytes() == before, "the file was touched"
    path.write_bytes(good)
    ground.terminal()
    ground.check()
