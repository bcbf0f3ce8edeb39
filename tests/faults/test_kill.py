"""kill -9 at every kind of effect, then the next start: rows K1 to K7 of the table of faults.

The child trades (see `driver.py`) and ends itself before or after its n-th commit, request or rename; a new session on
the same home recovers, and the referee compares it with the exchange.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from connectors.binance import venue
from connectors.limiter import WEIGHT, Budget
from engine import history_file
from tests.faults.harness import BTC, BUY, Ground, driver, until, write_private
from tests.support.mariadb import PASSWORD, MariaDb, missing

ROWS = {
    "K1": ("before intent",),
    "K2": ("after intent", "before send"),
    "K4": ("after send", "before answer", "after answer"),
    "K5": ("before fill", "after fill"),
    "K6": ("inside commit", "before commit", "after commit"),
    "K7": ("before cursor", "before rename", "after rename"),
}
_numbers = itertools.count(1)
SEED = int(os.environ.get("BOTBOOK_SEED", "1"))
SHORT = [("K1", "before intent", 3), ("K2", "before send", 2), ("K4", "after send", 3),
         ("K5", "before fill", 2), ("K6", "inside commit", 11), ("K7", "before rename", 2), ("K7", "after rename", 1)]
LONG = [(row, effect, nth) for row, effects in ROWS.items() for effect in effects for nth in (1, 2, 3, 5, 8, 13)]


@pytest.fixture(autouse=True)
def generous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty starts a minute would use up the weight of a minute; limits are the subject of other scripts."""
    monkeypatch.setattr(venue, "FIRST_BUDGETS", (Budget(WEIGHT, 60, 1_000_000),))


def prepare(ground: Ground) -> None:
    """Two bots that keep books, and no limits."""
    ground.exchange.fault("limit", weight=1_000_000, orders_10s=100_000, orders_1m=100_000)
    ground.robot("alfa")
    ground.robot("beta", "ETHUSDT")


def recover_and_check(ground: Ground) -> None:
    """The next start, and the referee's word."""
    terminal = ground.terminal()
    ground.check(limit=15)
    terminal.end()


def kill_at(ground: Ground, effect: str, nth: int, seed: int, from_start: bool = False) -> None:
    """One life of the child up to its end by its own hand."""
    child = driver(ground, kill=effect, nth=nth, seed=seed, orders=2000, pause=0.02, seconds=80,
                   from_start=from_start)
    assert child.wait(100) == -signal.SIGKILL, f"{effect} {nth} never came: {child.text()[-600:]}"


@pytest.mark.parametrize(("row", "effect", "nth", "database"), [
    *((*one, "sqlite") for one in SHORT),
    pytest.param("K6", "inside commit", 11, "mariadb", marks=pytest.mark.long)])
def test_killed_at_an_effect(ground: Ground, request: pytest.FixtureRequest, row: str, effect: str, nth: int,
                             database: str) -> None:
    keep_books_in(ground, database, request)
    prepare(ground)

    kill_at(ground, effect, nth, seed=nth)

    recover_and_check(ground)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
@pytest.mark.parametrize("row", list(ROWS))
def test_killed_at_every_effect_of_a_run(ground: Ground, request: pytest.FixtureRequest, row: str,
                                         database: str) -> None:
    keep_books_in(ground, database, request)
    prepare(ground)
    for _, effect, nth in [one for one in LONG if one[0] == row]:
        kill_at(ground, effect, nth, seed=nth)
        recover_and_check(ground)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("mariadb", marks=pytest.mark.long)])
def test_k3_killed_after_the_request_and_before_its_answer(ground: Ground, request: pytest.FixtureRequest,
                                                           database: str) -> None:
    keep_books_in(ground, database, request)
    prepare(ground)
    ground.exchange.fault("withhold", path="POST /fapi/v1/order", seconds=5, times=1)
    child = driver(ground, orders=1, stay=20)
    until(lambda: ground.exchange.truth()["orders"], 15, "the order at the exchange")

    child.kill()

    recover_and_check(ground)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("mariadb", marks=pytest.mark.long)])
def test_killed_while_recovering(ground: Ground, request: pytest.FixtureRequest, database: str) -> None:
    keep_books_in(ground, database, request)
    prepare(ground)
    kill_at(ground, "before fill", 4, seed=2)
    for nth in (1, 2):
        child = driver(ground, kill="after commit", nth=nth, orders=0, stay=0, from_start=True)
        child.wait(40)

    recover_and_check(ground)


def test_k7_a_half_written_history_file_loses_nothing(ground: Ground) -> None:
    terminal = ground.terminal()
    terminal.place(BUY, "0.01", None)
    until(lambda: (ground.home / "history.ini").exists(), 5, "the file")
    ground.check()
    terminal.end()
    whole = (ground.home / "history.ini").read_text()
    (ground.home / "history.ini.new").write_text(whole[:40])

    recover_and_check(ground)

    times, warnings = history_file.read(ground.home / "history.ini", 1 << 42)
    assert times and not warnings
    assert BTC.market in next(iter(times))


def random_kills(ground: Ground, lives: int, seed: int) -> None:
    """Lives of a child under trading, each ended at a random instant; after each: recovered and compared."""
    chance = random.Random(seed)
    for life in range(lives):
        child = driver(ground, seed=seed * 1000 + life, orders=5000, pause=0.005)
        until(lambda child=child: "recovered" in child.out or not child.is_running(), 30,  # type: ignore[misc]
              "recovered")
        assert child.is_running(), child.text()[-800:]
        if not life:                         # it has traded, however busy the machine is
            until(lambda child=child: len(child.out) > 6, 15, "accepted orders")  # type: ignore[misc]
        time.sleep(chance.uniform(0.1, 1.0))
        child.kill()
        recover_and_check(ground)
    assert ground.exchange.truth()["orders"], "nothing was traded"


def test_random_kills(ground: Ground) -> None:
    prepare(ground)

    random_kills(ground, 5, SEED)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A MariaDB server of these tests' own."""
    if missing():
        pytest.skip(f"{missing()} is missing: sudo apt-get install mariadb-server")
    made = MariaDb(tmp_path_factory.mktemp("m"))
    yield made
    made.stop()


def use_server(ground: Ground, server: MariaDb) -> None:
    """The ledger stands on the server, in a database of its own."""
    write_private(ground.home / ".env", f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={server.port}\nMYSQL_USER={server.user}\n"
                                        f"MYSQL_PASSWORD={PASSWORD}\nMYSQL_DATABASE=kill{next(_numbers)}")


def keep_books_in(ground: Ground, database: str, request: pytest.FixtureRequest) -> None:
    """A file in the home folder, or the server."""
    if database == "mariadb":
        use_server(ground, request.getfixturevalue("server"))


def test_a_random_kill_on_mariadb(ground: Ground, server: MariaDb) -> None:
    use_server(ground, server)
    prepare(ground)

    random_kills(ground, 1, SEED)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_random_kills_on_mariadb(ground: Ground, server: MariaDb) -> None:
    use_server(ground, server)
    prepare(ground)

    random_kills(ground, 20, SEED + 2)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_fifty_random_kills(ground: Ground) -> None:
    prepare(ground)

    random_kills(ground, 50, SEED + 1)
