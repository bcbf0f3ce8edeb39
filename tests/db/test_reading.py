"""Reading a ledger beside its writer: exact sums, filters, one picture, on SQLite and MariaDB."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from core.errors import LedgerError
from core.rows import BOOK_KEY, BookRow, CoinRow, book_key
from db.reading import _TRIES, Reading, chosen_rows, known_facts
from db.store import Store
from db.sums import row_sums
from db.values import exact
from engine.kept import fold
from models import Category, Key
from tests.db.conftest import Opener
from tests.support.build import ACCOUNT, BTC, ETH, T0, coin
from tests.support.mariadb import PASSWORD, MariaDb

D = Decimal
XBT = Key("Bitmex", Category.INVERSE, "XBTUSD")


@pytest.fixture
def reader(request: pytest.FixtureRequest, store: Store) -> Iterator[Reading]:
    """A second connection to the same ledger."""
    with reading(request, store) as made:
        yield made


@contextmanager
def reading(request: pytest.FixtureRequest, store: Store) -> Iterator[Reading]:
    """The ledger of `store`, opened for reading."""
    if store.kind == "sqlite":
        made = Reading.sqlite(Path(store.where))
    else:
        server: MariaDb = request.getfixturevalue("mariadb")
        made = Reading.mysql(server.address(request.getfixturevalue("database")), PASSWORD)
    with made:
        yield made


def mixed(count: int, seed: int = 5) -> list[CoinRow]:
    """Fills of several owners, spot legs, fees in other coins, funding, an opening, numbers of up to 15 places."""
    chance, rows = random.Random(seed), []
    for n in range(count):
        key, emi = chance.choice((BTC, ETH, XBT)), chance.choice(("A", "B", BTC.reserved))
        qty = D(chance.choice((-1, 1)) * chance.randint(1, 10**9)) / 10 ** chance.randint(0, 6)
        price = D(chance.randint(1, 10**8)) / 100
        row = replace(coin(f"x:{n}", emi=emi, key=key, qty=str(qty), price=str(price)),
                      sumreal=D(chance.randint(-10**18, 10**18)) / 10**12,
                      commiss=D(chance.randint(-10**15, 10**15)) / 10**15)
        match chance.randrange(9):
            case 0:
                rows.append(replace(row, side=-1))
            case 1:
                rows.append(replace(row, exec_id=f"OPEN:{n}"))
            case 3:
                rows += [replace(row, exec_id=f"MOVE:{n}"), replace(row, exec_id=f"MOVE:{n}", part=1, qty=-row.qty)]
            case 2:
                rows += [row, replace(row, part=1, currency="BNB", qty=D(0), sumreal=D(0))]
            case _:
                rows.append(row)
    return rows


def sums_of(rows: list[CoinRow]) -> dict[BOOK_KEY, BookRow]:
    """What a reading shall find, by the fold that booking makes."""
    return {book_key(row): replace(row, entry=None) for row in fold(rows)}


def test_sums_are_those_of_the_fold(store: Store, reader: Reading) -> None:
    rows = mixed(600)
    store.write(rows)

    found = reader.sums()

    assert found == sums_of(rows)


def test_kept_sums_come_as_they_were_written(store: Store, reader: Reading) -> None:
    kept = {book_key(row): row for row in fold(mixed(200))}
    store.write(kept.values())

    assert reader.books() == kept


def test_one_picture_while_others_write(store: Store, reader: Reading) -> None:
    store.write([coin("x:1")])
    before = reader.count()

    store.write([coin("x:2"), coin("x:3")])

    assert (before, reader.count(), len(reader.sums())) == (1, 1, 1)


def test_reader_does_not_hold_up_the_writer(store: Store, reader: Reading) -> None:
    store.write([coin(f"x:{n}") for n in range(50)])
    batches = reader.rows()
    assert len(next(batches)) == 50

    assert store.write([coin("y:1"), BookRow(BTC, ACCOUNT, "A", "USDT", D(51))])


@pytest.mark.parametrize(("chosen", "expected"), [
    ({}, 6), ({"emi": "A"}, 3), ({"symbol": "ETHUSDT"}, 2), ({"market": "Bitmex"}, 2),
    ({"since": T0 + 2}, 4), ({"until": T0 + 2}, 2), ({"since": T0 + 1, "until": T0 + 2}, 1),
    ({"emi": "B", "symbol": "BTCUSDT"}, 1), ({"emi": "x' OR '1'='1"}, 0)])
def test_rows_are_chosen(store: Store, reader: Reading, chosen: dict[str, object], expected: int) -> None:
    keys = (BTC, ETH, XBT)
    store.write([coin(f"x:{n}", emi="AB"[n % 2], key=keys[n % 3], time=T0 + n) for n in range(6)])

    conditions = chosen_rows(**chosen)  # type: ignore[arg-type]  # a table of keywords

    rows = [row for batch in reader.rows(conditions) for row in batch]
    assert len(rows) == reader.count(conditions) == expected
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


def test_facts_without_their_guard_are_found(store: Store, reader: Reading) -> None:
    store.write([coin("whole"), coin("whole", part=1), coin("headless", part=1), coin("headless", part=2)])

    assert reader.headless() == [("Binance", ACCOUNT, "headless")]
    assert reader.repeated() == []


def test_facts_that_stand_there_twice_are_found(tmp_path: Path) -> None:
    path = tmp_path / "sim.db"
    made = Store.sqlite(path)
    made.prepare("SIM")
    made.write([coin("x:1"), coin("x:2")])
    made.close()
    with sqlite3.connect(path) as raw:           # as a person with a database tool may do it
        raw.executescript("CREATE TABLE loose AS SELECT * FROM coins; DROP TABLE coins; "
                          "ALTER TABLE loose RENAME TO coins; UPDATE coins SET EXECID = 'x:1'")

    with Reading.sqlite(path) as ledger:
        assert ledger.repeated() == [("Binance", ACCOUNT, "x:1", 0)]


def test_known_facts_are_told(store: Store) -> None:
    store.write([coin(f"x:{n}") for n in range(0, 1000, 2)])

    assert known_facts(store, "Binance", ACCOUNT, [f"x:{n}" for n in range(1000)]) == {
        f"x:{n}" for n in range(0, 1000, 2)}
    assert known_facts(store, "Binance", "SIM-2", ["x:0"]) == set()


def test_ledger_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"no ledger at .*sim\.db yet"):
        Reading.sqlite(tmp_path / "sim.db")


def test_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sim.db"
    path.write_bytes(b"dear diary, " * 1000)

    with Reading.sqlite(path) as ledger, pytest.raises(LedgerError, match="cannot be read: file is not a database"):
        ledger.count()


def test_reading_is_marked_with_mode_and_version(opener: Opener, request: pytest.FixtureRequest) -> None:
    store = opener()

    with reading(request, store) as ledger:
        assert ledger.marks()["mode"] == "SIM"


def test_pages_of_rows_are_all_rows_and_fold_alike(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.store._PAGE", 7)
    store.write([row for row in mixed(60) if row.key.market == "Binance"])
    whole, right = store.coin_rows("Binance", ACCOUNT), tuple[BookRow, ...]()

    pages = list(store.coin_pages("Binance", ACCOUNT))
    for page in pages:
        right = fold(page, right)

    assert tuple(row for page in pages for row in page) == whole and len(pages) > 3
    assert right == fold(whole)


def test_sums_of_many_blocks_are_those_of_the_fold(store: Store, reader: Reading,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.sums.BLOCK", 7)
    monkeypatch.setattr("db.sums._MOST_LOTS", 5)
    rows, told = mixed(120, seed=6), list[int]()
    store.write(rows)

    found = reader.sums(told.append)

    assert found == sums_of(rows)
    assert store.kind == "mysql" or (sum(told) == len(rows) and len(rows) / 7 <= len(told) <= len(rows) / 7 + 2)


def test_sums_of_one_account_are_those_of_the_fold(store: Store, reader: Reading,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.sums.BLOCK", 7)
    monkeypatch.setattr("db.sums._MOST_LOTS", 5)
    rows = [row for row in mixed(120, seed=7) if row.key.market == "Binance"]
    store.write(rows)

    assert reader.sums() == sums_of(rows)


@pytest.mark.parametrize("commits", [1, 3, 10 * _TRIES])
def test_all_connections_of_a_check_see_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                    commits: int) -> None:
    store, rows = Store.sqlite(tmp_path / "sim.db"), mixed(100, seed=8)
    store.prepare("SIM")
    store.write(rows)
    begin, begun, later = Reading._begin, list[Reading](), list[CoinRow]()

    def begin_late(self: Reading, connection: Connection) -> None:
        if len(begun) % 2 and len(later) < commits:        # the first connection has begun, the second has not
            later.append(coin(f"late:{len(later)}", emi="A"))
            store.write(later[-1:])
        begun.append(self)
        begin(self, connection)

    monkeypatch.setattr(Reading, "_begin", begin_late)
    with Reading.sqlite(tmp_path / "sim.db") as ledger:
        there = ledger.count()
        store.write([coin("after", emi="A")])

        assert ledger.sums() == sums_of([*rows, *later][:there])
        assert len(begun) == (2 * (commits + 1) if commits < _TRIES else 2 * _TRIES + 1)
    store.close()


def test_one_unit_in_the_last_place_of_any_row_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.sums.BLOCK", 50)
    rows = mixed(80)
    store = Store.sqlite(tmp_path / "sim.db")
    store.prepare("SIM")
    store.write(rows)
    store.close()
    right = sums_of(rows)

    with closing(sqlite3.connect(tmp_path / "sim.db", isolation_level=None, check_same_thread=False)) as raw:
        def sums() -> dict[BOOK_KEY, BookRow]:
            return row_sums([lambda question, values: iter([raw.execute(question, values).fetchall()])], "sqlite",
                            lambda done: None)

        assert sums() == right
        for number, column, unit in itertools.product(range(1, 31), ("QTY", "SUMREAL", "COMMISS"), (1, -1)):
            raw.execute("BEGIN")
            text, is_funding = raw.execute(f"SELECT {column}, SIDE < 0 FROM coins WHERE ID = ?", (number,)).fetchone()
            raw.execute(f"UPDATE coins SET {column} = ? WHERE ID = ?", (exact(nudged(D(text), unit)), number))
            off = [name for name, row in sums().items() if row != right[name]]
            raw.execute("ROLLBACK")

            assert len(off) == (0 if is_funding and column != "COMMISS" else 1), (number, column)


def nudged(value: D, units: int) -> D:
    """A number changed in its last place."""
    return value + units * D((0, (1,), int(value.as_tuple().exponent)))


def test_text_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    store = Store.sqlite(tmp_path / "sim.db")
    store.prepare("SIM")
    store.write([coin("x:1", emi="alfa"), coin("x:2", emi="alfa")])
    store.close()
    for typed in ("1,5", "a lot"):
        with sqlite3.connect(tmp_path / "sim.db") as raw:
            raw.execute("UPDATE coins SET SUMREAL = ? WHERE ID = 2", (typed,))

        with Reading.sqlite(tmp_path / "sim.db") as ledger, pytest.raises(
                LedgerError, match=r"a row of alfa in BTCUSDT .* has something in QTY, SUMREAL or COMMISS"):
            ledger.sums()


@pytest.mark.parametrize("typed", ["1\n2", "1\n2\n3", "1\n2\n3\n4", "1\n2\n3\n4\n5", "\n1", "1\n", ""])
@pytest.mark.parametrize("column", ["QTY", "SUMREAL", "COMMISS"])
def test_a_line_end_in_a_number_is_one_sentence(tmp_path: Path, typed: str, column: str) -> None:
    store = Store.sqlite(tmp_path / "sim.db")
    store.prepare("SIM")
    store.write([coin("x:1", emi="alfa"), coin("x:2", emi="beta")])
    store.close()
    with sqlite3.connect(tmp_path / "sim.db") as raw:
        raw.execute(f"UPDATE coins SET {column} = ? WHERE ID = 2", (typed,))

    with Reading.sqlite(tmp_path / "sim.db") as ledger, pytest.raises(LedgerError, match=r"a row .* that is no number"):
        ledger.sums()
