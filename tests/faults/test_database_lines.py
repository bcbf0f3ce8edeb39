"""The ledger on a server whose line is slow, breaks in a commit or stalls (D4), and no transaction held over the wire.

The referee compares ledger and exchange afterwards: what was committed without our hearing of it stands once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import mysql
from engine.commands import Cancel
from tests.faults.harness import BTC, BUY, SELL, Ground, Terminal, until, write_private
from tests.support.mariadb import PASSWORD, MariaDb, missing
from tests.support.proxy import Proxy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A MariaDB server of these tests' own."""
    if missing():
        pytest.skip(f"{missing()} is missing: sudo apt-get install mariadb-server")
    made = MariaDb(tmp_path_factory.mktemp("m"))
    yield made
    made.stop()


@pytest.fixture
def line(server: MariaDb) -> Iterator[Proxy]:
    """The way to it."""
    made = Proxy(server.port)
    yield made
    made.close()


@pytest.fixture
def terminal(ground: Ground, line: Proxy, server: MariaDb, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A session whose ledger stands at the end of that line."""
    monkeypatch.setattr(mysql, "ANSWER_S", 1.0)
    name = f"lines{time.monotonic_ns()}"
    write_private(ground.home / ".env", f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={line.port}\nMYSQL_USER={server.user}\n"
                                        f"MYSQL_PASSWORD={PASSWORD}\nMYSQL_DATABASE={name}")
    ground.robot("alfa")
    return ground.terminal()


def test_d4_commits_whose_answer_is_lost_stand_once(ground: Ground, terminal: Terminal, line: Proxy) -> None:
    """Intents, answers and fills: each time the outcome is not known, and each time the next reading settles it."""
    for number in range(2):
        line.cut_at = b"INSERT INTO coins" if number % 2 else b"COMMIT"
        before = line.cuts
        with contextlib.suppress(AssertionError):          # it may be refused: "the ledger cannot write"
            terminal.place(BUY if number % 2 else SELL, "0.01", None)
        until(lambda before=before: line.cuts > before, 10, "the line broke in a commit")  # type: ignore[misc]
        until(lambda: terminal.is_live() and not terminal.view.orders, 20, "the ledger is back, all is answered")

    terminal.place(BUY, "0.01", None)
    ground.check(limit=20)
    assert terminal.said("the ledger can write again")


@pytest.mark.long
def test_d4_a_line_that_breaks_again_and_again_and_one_that_is_slow(ground: Ground, terminal: Terminal,
                                                                   line: Proxy) -> None:
    line.delay_s = 0.05
    for number in range(3):
        ground.trade("BUY" if number % 2 else "SELL", "0.5")
        with contextlib.suppress(AssertionError):
            terminal.place(BUY, "0.01", None)
        line.cut()
        time.sleep(0.2)
    until(terminal.is_live, 20, terminal.report())

    ground.check(limit=20)


def test_cancels_go_out_while_the_line_stalls_and_the_session_outlives_it(ground: Ground, terminal: Terminal,
                                                                         line: Proxy) -> None:
    name = terminal.place(BUY, "0.01", terminal.far())
    until(lambda: ground.status(name) == "NEW", 10, "it rests")
    line.is_stalled = True
    terminal.session.post(Cancel(terminal.ticket(), BTC, name))

    until(lambda: not [one for one in ground.at_exchange(name) if one["status"] == "NEW"], 15, "it is cancelled")
    until(lambda: not terminal.view.ledger.ok, 10, "it is said")
    line.is_stalled = False

    until(terminal.is_live, 20, terminal.report())
    assert not terminal.fatal, "its own old connection is no second copy"
    ground.check(limit=20)


def test_no_transaction_is_open_on_the_server_while_the_venue_withholds(ground: Ground, terminal: Terminal,
                                                                       server: MariaDb) -> None:
    ground.exchange.fault("withhold", path="POST /fapi/v1/order", seconds=2, times=1)
    terminal.place(BUY, "0.01", terminal.far())
    seen: Counter[object] = Counter()
    end = time.monotonic() + 1.5
    looks = 0
    with server.root() as connection, connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT trx_id, trx_mysql_thread_id FROM information_schema.innodb_trx")
            seen.update(cursor.fetchall())
            looks += 1
            time.sleep(0.05)

    assert looks > 5
    assert not [one for one, times in seen.items() if times >= 4], "held over 0.2 s: it waits for the venue"
    ground.calm()


def test_another_program_may_write_to_the_file_while_the_venue_withholds(ground: Ground) -> None:
    ground.robot("alfa")
    terminal = ground.terminal()
    ground.exchange.fault("withhold", path="POST /fapi/v1/order", seconds=2, times=1)
    ground.exchange.fault("withhold", path="GET /fapi/v1/userTrades", seconds=2, times=1)
    terminal.place(BUY, "0.01", terminal.far())

    writes, longest = typed(ground.home / "sim.db", 1.5)

    assert writes > 10 and longest < 0.5
    ground.calm()


def typed(path: Path, seconds: float) -> tuple[int, float]:
    """SQL typed by hand again and again: how often it was written, and the longest wait for it."""
    end, count, longest = time.monotonic() + seconds, 0, 0.0
    other = sqlite3.connect(path, timeout=2, isolation_level=None)
    while time.monotonic() < end:
        begun = time.monotonic()
        other.execute("UPDATE robots SET SORT = SORT + 1")
        longest, count = max(longest, time.monotonic() - begun), count + 1
        time.sleep(0.05)
    other.close()
    return count, longest
