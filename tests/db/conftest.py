"""Both kinds of database; the MariaDB server is started once, each test has a database of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.store import Store
from tests.support.mariadb import PASSWORD, MariaDb, missing

Opener = Callable[[], Store]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A running server."""
    if missing():
        pytest.skip(f"{missing()} is not installed (package mariadb-server)")
    server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    yield server
    server.stop()


@pytest.fixture
def database(mariadb: MariaDb) -> Iterator[str]:
    """The name of a database that does not exist yet."""
    name = f"ledger{next(_numbers)}"
    yield name
    with mariadb.root() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture(params=["sqlite", "mariadb"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same ledger anew, as a restart does; prepared for SIM."""
    opened: list[Store] = []
    name = "" if request.param == "sqlite" else request.getfixturevalue("database")
    server = None if request.param == "sqlite" else request.getfixturevalue("mariadb")

    def open_store() -> Store:
        made = Store.mysql(server.address(name), PASSWORD) if server else Store.sqlite(tmp_path / "sim.db")
        opened.append(made)
        made.prepare("SIM")
        return made

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    """An empty ledger."""
    return opener()
