"""Schema steps on ledgers in use: a copy is made first, and kill -9 at each statement leaves old or new (row K8)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from db import schema
from db.backup import judged
from db.store import Store
from tests.support.build import ACCOUNT, coin
from tests.support.mariadb import PASSWORD, MariaDb

CHANGES = ("CREATE", "DROP", "ALTER", "INSERT", "UPDATE", "DELETE")
Open = Callable[[], Store]
OLD_MOVES = ("DROP TABLE moves", "CREATE TABLE moves (ID INTEGER PRIMARY KEY, MARKET VARCHAR(20), MOVEID VARCHAR(80))")


@pytest.fixture(params=["sqlite", "mariadb"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same ledger anew, not prepared yet; copies go to the test's folder."""
    made: list[Store] = []
    if request.param == "mariadb":
        server: MariaDb = request.getfixturevalue("mariadb")
        database = request.getfixturevalue("database")

    def open_store() -> Store:
        made.append(Store.sqlite(tmp_path / "sim.db") if request.param == "sqlite" else
                    Store.mysql(server.address(database), PASSWORD, copies=tmp_path))
        return made[-1]

    yield open_store
    for store in made:
        store.close()


def older(opens: Open, version: int = 1) -> None:
    """A ledger as version 1 or 2 left it, with rows; 0: none yet."""
    if not version:
        return
    store = opens()
    store.prepare("SIM")
    store.write([coin(f"x:{n}") for n in range(20)])
    with store._begin() as connection:
        for statement in OLD_MOVES:
            connection.exec_driver_sql(statement)
        if version == 1:
            connection.exec_driver_sql("CREATE INDEX ix_coins_time ON coins (TTIME)")
        connection.exec_driver_sql(f"UPDATE `schema` SET VALUE = '{version}' WHERE NAME = 'version'")
    store.close()


def shape(store: Store) -> dict[str, tuple[set[str], set[str]]]:
    """Columns and indexes of each table."""
    with store._begin() as connection:
        seen = sa.inspect(connection)
        return {name: ({column["name"] for column in seen.get_columns(name)},
                       {str(index["name"]) for index in seen.get_indexes(name)})
                for name in seen.get_table_names()}


def told(store: Store) -> str:
    """The version row; "" when there is none."""
    with store._begin() as connection:
        if not sa.inspect(connection).has_table("schema"):
            return ""
        return str(connection.exec_driver_sql("SELECT VALUE FROM `schema` WHERE NAME = 'version'").scalar() or "")


def prepare_until(opens: Open, kind: str, last: int) -> None:
    """A process that brings the ledger up to date and kills itself before its statement number `last` (the copy made
    before is not counted)."""
    seen = [0]

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def _count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if connection.dialect.name == kind and statement.startswith(CHANGES):
            seen[0] += 1
            if seen[0] > last:
                os.kill(os.getpid(), signal.SIGKILL)

    opens().prepare("SIM")
    os._exit(0)


@pytest.mark.grows
@pytest.mark.parametrize("version", [0, 1, 2])
def test_kill_at_each_statement_leaves_old_or_new(opens: Open, version: int, tmp_path: Path) -> None:
    fork, whole, statement, ended = multiprocessing.get_context("fork"), {}, 0, -1
    older(opens, version)
    kind = opens().kind
    # A server syncs for each table: the long form (BOTBOOK_LONG=1) kills at each, the short one at some.
    stride = 1 if kind == "sqlite" or os.environ.get("BOTBOOK_LONG") else 5
    while ended:
        process = fork.Process(target=prepare_until, args=(opens, kind, statement))
        process.start()
        process.join()
        ended, statement = process.exitcode or 0, statement + stride
        assert ended in (0, -signal.SIGKILL)
        store = opens()
        version_now = told(store)
        assert version_now in {str(version) if version else "", str(schema.VERSION)}
        if version_now == str(schema.VERSION):
            whole = shape(store)
        if version:
            assert len(store.coin_rows("Binance", ACCOUNT)) == 20
        store.close()
    assert statement > 2
    fresh = Store.sqlite(tmp_path / "fresh.db")
    fresh.prepare("SIM")
    assert {name: columns for name, (columns, _) in whole.items()} == {
        name: columns for name, (columns, _) in shape(fresh).items()}
    indexes = {name: found for name, (_, found) in shape(fresh).items()}
    assert all(indexes[name] <= found for name, (_, found) in whole.items())
    fresh.close()


def test_a_copy_is_made_before_a_step(opens: Open, tmp_path: Path) -> None:
    older(opens)

    store = opens()
    store.prepare("SIM")

    (copy,) = tmp_path.glob("*.v1.bak*")
    assert judged(copy)["version"] == "1"
    with sqlite3.connect(copy) as raw:
        assert raw.execute("SELECT count(*) FROM coins").fetchone() == (20,)
    assert len(store.coin_rows("Binance", ACCOUNT)) == 20


def test_a_copy_can_be_brought_up_to_date_itself(opens: Open, tmp_path: Path) -> None:
    older(opens)
    opens().prepare("SIM")
    (copy,) = tmp_path.glob("*.v1.bak*")

    again = Store.sqlite(copy)
    again.prepare("SIM")

    assert len(again.coin_rows("Binance", ACCOUNT)) == 20 and told(again) == str(schema.VERSION)
    again.close()
