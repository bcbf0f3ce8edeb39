"""What a start reads of one account: the same as the rows say, along the right way through a large table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from db.store import Store
from engine.kept import fold, is_transfer
from tests.db.test_reading import mixed
from tests.support.build import ACCOUNT, BTC, T0


def test_fills_funding_times_and_newest_rows_are_those_of_the_rows(store: Store) -> None:
    mine = [replace(row, time=T0 + n) for n, row in enumerate(mixed(300)) if row.key.market == "Binance"]
    others = [replace(row, account="OTHER", time=T0 + 1000 + n) for n, row in enumerate(mixed(100, seed=6))]
    store.write([*mine, *others])

    loaded, fills = store.load("Binance", ACCOUNT, mine[200].time), store.count_fills("Binance", ACCOUNT)

    assert fills == sum(book.fills for book in fold(mine)) > 100
    assert loaded.funded == {row.key: row.time for row in mine if row.side < 0}
    assert [replace(row, id=0) for row in reversed(loaded.trades)] == [
        row for row in mine if row.side >= 0 and (not row.part or row.commiss or is_transfer(row))]
    assert [replace(row, id=0) for row in loaded.today] == mine[200:]
    assert [replace(row, id=0) for row in store.fundings(BTC, ACCOUNT, mine[100].time)] == [
        row for row in mine[101:] if row.side < 0 and row.key == BTC]
    assert store.filled_from(BTC, ACCOUNT, mine[100].time) == tuple(
        (row.emi, row.time, row.qty) for row in mine[100:] if row.side >= 0 and row.key == BTC and row.qty)


def test_no_question_of_a_start_goes_row_by_row_through_the_index_of_facts(tmp_path: Path) -> None:
    store, plans = Store.sqlite(tmp_path / "sim.db"), list[str]()
    store.prepare("SIM")

    def look(connection: sa.Connection, cursor: Any, text: str, values: Any, *more: Any) -> None:
        if text.startswith("SELECT") and "coins" in text:
            driver: Any = connection.connection.driver_connection
            plans.append(" + ".join(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}", values)))
    sa.event.listen(store._engine, "before_cursor_execute", look)

    store.load("Binance", ACCOUNT, T0)
    store.count_fills("Binance", ACCOUNT)
    store.filled_from(BTC, ACCOUNT, T0)
    store.fundings(BTC, ACCOUNT, T0)
    assert list(store.coin_pages("Binance", ACCOUNT)) == []
    store.close()

    funding = "SEARCH coins USING INDEX ix_coins_funding (SIDE<?)"
    facts = "SEARCH coins USING COVERING INDEX sqlite_autoindex_coins_1 (MARKET=? AND ACCOUNT=?)"
    transfers = "SEARCH coins USING INDEX sqlite_autoindex_coins_1 (MARKET=? AND ACCOUNT=? AND EXECID>? AND EXECID<?)"
    along = "SEARCH coins USING INTEGER PRIMARY KEY (rowid>?)"
    assert plans == ["SCAN coins", "SCAN coins", f"{funding} + USE TEMP B-TREE FOR GROUP BY", transfers, facts,
                     funding, "SCAN coins", f"{funding} + USE TEMP B-TREE FOR ORDER BY", along]
