"""Every query of the engine, in functions: one function = one question or one transaction. Engine thread only.

A fact's transaction is all or nothing: ledger rows, the order's row, the kept sums. A repeat, found by the unique
key of `coins`, undoes it and answers False.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from core.errors import AlreadyRunning, LedgerError
from core.rows import (
    CATEGORY_OF,
    BookRow,
    CoinRow,
    ConfirmRow,
    CounterRow,
    CursorRow,
    DayRow,
    Loaded,
    MoveRow,
    OrderRow,
    RobotAdded,
    RobotRemoved,
    RobotRenamed,
    RobotRow,
    RobotState,
    Row,
    WatchRow,
)
from db import schema as t
from db import values as v
from db.dialects import BEGIN, COMMIT, LOCK_WAIT_S, MySqlAddress, is_repeat, open_sqlite, plain_reason
from db.direct import Cursor, Packet, Writes, upsert
from db.loading import ENDED, IS_FUNDING, TRADED, TRADES_READ, fills_of, off_index, read_account
from db.mysql import LOCK_S, check_rights, end_former, open_mysql
from models import Key

log = logging.getLogger(__name__)
FOLD_AFTER = 400           # commits: some 2,000 pages of log. Seldom: an event that comes meanwhile waits for two syncs
_PAGE = 5_000
_Answer = TypeVar("_Answer")


class StoreAway(Exception):
    """The database cannot be reached or written now; the text says why. Nothing of the transaction is certain."""


class Store:
    """One kept connection to the ledger of one mode."""

    def __init__(self, engine: sa.Engine, kind: str, where: str) -> None:
        self.kind, self.where = kind, where
        self._engine = engine
        self._connection: Connection | None = None
        self._locks: list[str] = []
        self._made: deque[tuple[int, int]] = deque(maxlen=50)    # connections to a server: number, the server's start
        self._file_seen = False
        self._errors: Any = engine.dialect.dbapi         # the driver: its classes of errors
        self._writes = Writes(kind)
        self._unfolded = 0                               # commits since the log was last folded into the file
        self._copies = Path()                            # of a server's ledger, and how it is opened for one
        self._again: Callable[[], sa.Engine] | None = None

    # ------------------------------------------------------------ opening

    @classmethod
    def sqlite(cls, path: Path) -> Store:
        """The ledger in a file; refuses a file that is no healthy database, and never writes over it."""
        _check_file(path)
        return cls(open_sqlite(path), "sqlite", str(path))

    @classmethod
    def mysql(cls, address: MySqlAddress, password: str, copies: Path | None = None) -> Store:
        """The ledger on a MySQL or MariaDB server. `copies`: the folder for the copy before tables are changed."""
        where = f"{address.user}@{address.socket or address.host}/{address.database}"
        made = cls(open_mysql(address, password), "mysql", where)
        if copies is not None:
            made._copies, made._again = copies, lambda: open_mysql(address, password)
        return made

    def prepare(self, mode: str) -> None:
        """Bring the tables to the newest version and make sure this ledger holds `mode` and no other."""
        try:
            with self._begin() as connection:
                has_schema = sa.inspect(connection).has_table("schema")
                found = dict(connection.execute(sa.select(t.schema.c.NAME, t.schema.c.VALUE)).all()
                             ) if has_schema else {}
        except (SQLAlchemyError, StoreAway) as error:
            raise LedgerError(f"database {self.where}: {plain_reason(error)}") from None
        if found.get("mode", mode) != mode:
            raise LedgerError(f"database {self.where} holds the books of {found['mode']}, this session is {mode}; "
                              "name another database in the settings")
        version = int(found.get("version", "0"))
        if version > t.VERSION:
            raise LedgerError(f"database {self.where} has version {version}, this program knows {t.VERSION}; "
                              "use the newer program")
        try:
            if version < t.VERSION:
                self._upgrade(version, mode)
            if self.kind == "mysql":
                with self._begin() as connection:
                    check_rights(connection, t.metadata.sorted_tables, (t.watchlist,))
        except (SQLAlchemyError, StoreAway) as error:
            raise LedgerError(f"database {self.where}: {plain_reason(error)}") from None

    def _upgrade(self, version: int, mode: str) -> None:
        self._backup(version)
        for step in t.STEPS[version:]:
            with self._begin() as connection:
                step(connection)
        with self._begin() as connection:
            for name, value in (("mode", mode), ("version", str(t.VERSION))):
                connection.execute(upsert(t.schema, self.kind), {"NAME": name, "VALUE": value})

    def _backup(self, version: int) -> None:
        """A copy of an older ledger before its tables are changed: beside its file, or in the folder for a server's."""
        from db.backup import backup_file, backup_server  # they stand on this class
        from db.reading import Reading

        if not version:
            return
        if self.kind == "sqlite":
            path = Path(self.where)
            backup_file(path, path.with_name(f"{path.name}.v{version}.bak"))
        elif self._again is not None:
            name = self.where.rpartition("/")[2]
            self._copies.mkdir(mode=0o700, parents=True, exist_ok=True)
            with Reading(self._again(), self.kind, self.where) as ledger:
                backup_server(ledger, self._copies / f"{name}.v{version}.bak.db")

    def lock_account(self, market: str, account: str) -> None:
        """On MySQL: hold GET_LOCK for this account as long as the connection lives; a second copy is refused."""
        if self.kind != "mysql":
            return
        name = f"botbook:{market}:{account}"[:64]
        if name in self._locks:
            return
        with self._begin() as connection:
            got = connection.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar()
            if got != 1 and end_former(connection, name, list(self._made)[:-1]):
                got = connection.execute(sa.text("SELECT GET_LOCK(:name, :s)"), {"name": name, "s": LOCK_S}).scalar()
        if got != 1:
            raise AlreadyRunning(f"another copy of the program trades on {market} account {account} "
                                 f"(lock {name} on {self.where}); close it first")
        self._locks.append(name)

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._engine.dispose()

    # ------------------------------------------------------------ reading

    def load(self, market: str, account: str, since_today: int) -> Loaded:
        """What a start needs of one account: open orders, kept sums, cursors, newest trades, counters."""
        return self._ask(lambda connection: read_account(connection, market, account, since_today))

    def counters(self) -> dict[str, int]:
        """The newest numbers handed out, by name."""
        return self._ask(lambda c: dict(c.execute(sa.select(t.counters.c.NAME, t.counters.c.VALUE)).all()))

    def robots(self) -> tuple[RobotRow, ...]:
        """All rows of `robots` in SORT order, unchecked."""
        def read(connection: Connection) -> tuple[RobotRow, ...]:
            with self._any_text(connection):
                rows = connection.execute(sa.select(t.robots).order_by(t.robots.c.SORT, t.robots.c.ID)).all()
            return tuple(v.robot(row) for row in rows)
        return self._ask(read)

    @contextmanager
    def _any_text(self, connection: Connection) -> Iterator[None]:
        """SQLite takes text that is no UTF-8 from whoever types it; it is read with marks in its place, not refused."""
        driver = connection.connection.driver_connection
        if self.kind != "sqlite" or driver is None:
            yield
            return
        usual, driver.text_factory = driver.text_factory, lambda raw: raw.decode("utf-8", "replace")
        try:
            yield
        finally:
            driver.text_factory = usual

    def books_of(self, emis: Collection[str]) -> tuple[BookRow, ...]:
        """The kept sums of these owners, in every account this ledger has ever held."""
        rows = self._ask(lambda c: c.execute(sa.select(t.books).where(t.books.c.EMI.in_(emis))).all())
        return tuple(v.book(row) for row in rows)

    def open_orders_of(self, emis: Collection[str]) -> tuple[OrderRow, ...]:
        """The orders of these owners that have not ended as far as the ledger knows, in every account."""
        rows = self._ask(lambda c: c.execute(
            sa.select(t.orders).where(t.orders.c.EMI.in_(emis), t.orders.c.STATUS.not_in(ENDED))).all())
        return tuple(v.order(row) for row in rows)

    def watchlist(self) -> tuple[Key, ...]:
        """Symbols added in the window, in their order."""
        rows = self._ask(lambda c: c.execute(sa.select(t.watchlist).order_by(t.watchlist.c.SORT)).all())
        return tuple(v.key_of(row) for row in rows if row.CATEGORY in CATEGORY_OF)

    def is_confirmed(self, market: str, account: str) -> bool:
        """Whether a person has typed the id of this LIVE account."""
        return self._ask(lambda c: c.execute(sa.select(t.schema.c.NAME).where(
            t.schema.c.NAME == _confirm_name(market, account))).first() is not None)

    def find_order(self, key: Key, account: str, name: str, order_id: str) -> OrderRow | None:
        """An order's row by its name, else by the venue's id."""
        def read(connection: Connection) -> OrderRow | None:
            here = ((t.orders.c.MARKET == key.market) & (t.orders.c.ACCOUNT == account)
                    & (t.orders.c.CATEGORY == key.category.value) & (t.orders.c.SYMBOL == key.symbol))
            for match in ((t.orders.c.NAME == name) if name else None,
                          (t.orders.c.ORDERID == order_id) if order_id else None):
                if match is not None:
                    row = connection.execute(sa.select(t.orders).where(here, match)).first()
                    if row is not None:
                        return v.order(row)
            return None
        return self._ask(read)

    def trades(self, market: str, account: str, before: int, limit: int = TRADES_READ) -> tuple[CoinRow, ...]:
        """Older fills, newest first, with an ID below `before`."""
        rows = self._ask(lambda c: c.execute(
            sa.select(t.coins).where(off_index("MARKET") == market, off_index("ACCOUNT") == account, TRADED,
                                     t.coins.c.PART == 0, t.coins.c.SIDE >= 0, t.coins.c.ID < before)
            .order_by(t.coins.c.ID.desc()).limit(limit)).all())
        return tuple(v.coin(row) for row in rows)

    def coin_rows(self, market: str, account: str) -> tuple[CoinRow, ...]:
        """All ledger rows of an account, oldest first: for the exact check of the kept sums."""
        rows = self._ask(lambda c: c.execute(
            sa.select(t.coins).where(t.coins.c.MARKET == market, t.coins.c.ACCOUNT == account)
            .order_by(t.coins.c.ID)).all())
        return tuple(v.coin(row) for row in rows)

    def has_fact(self, market: str, account: str, exec_id: str) -> bool:
        """Whether a fact is booked."""
        return self._ask(lambda c: c.execute(
            sa.select(t.coins.c.ID).where(t.coins.c.MARKET == market, t.coins.c.ACCOUNT == account,
                                          t.coins.c.EXECID == exec_id, t.coins.c.PART == 0)).first() is not None)

    def filled_from(self, key: Key, account: str, time: int) -> tuple[tuple[str, int, Decimal], ...]:
        """Owner, time and signed quantity of an instrument's fills at a time (ms) and after it."""
        c = t.coins.c
        rows = self._ask(lambda connection: connection.execute(
            sa.select(c.EMI, c.TTIME, c.QTY).where(
                c.TTIME >= time, off_index("MARKET") == key.market, off_index("ACCOUNT") == account,
                c.CATEGORY == key.category.value, c.SYMBOL == key.symbol, c.SIDE >= 0)).all())
        return tuple((row.EMI, row.TTIME, row.QTY) for row in rows if row.QTY)

    def fundings(self, key: Key, account: str, after: int) -> tuple[CoinRow, ...]:
        """All rows of an instrument's fundings later than a time (ms)."""
        c = t.coins.c
        rows = self._ask(lambda connection: connection.execute(
            sa.select(t.coins).where(
                IS_FUNDING, TRADED, off_index("MARKET") == key.market, off_index("ACCOUNT") == account,
                c.CATEGORY == key.category.value, c.SYMBOL == key.symbol, c.TTIME > after,
            ).order_by(c.TTIME, c.ID)).all())
        return tuple(v.coin(row) for row in rows)

    def coin_pages(self, market: str, account: str) -> Iterator[tuple[CoinRow, ...]]:
        """The same, some thousand at a time."""
        last, c = 0, t.coins.c
        while True:
            question = sa.select(t.coins).where(
                off_index("MARKET") == market, off_index("ACCOUNT") == account, c.ID > last).order_by(c.ID).limit(_PAGE)
            page = tuple(v.coin(row) for row in self._ask(lambda asked, q=question: asked.execute(q).all()))  # type: ignore[misc]  # mypy: lambda's default
            if not page:
                return
            yield page
            last = page[-1].id

    def count_fills(self, market: str, account: str) -> int:
        """How many fills the ledger holds for an account."""
        return self._ask(lambda connection: fills_of(connection, market, account))

    def forget_booked(self, market: str, account: str) -> None:
        """The ledger's rows were emptied by hand: no order has a booked quantity any more."""
        with self._begin() as connection:
            connection.execute(sa.update(t.orders).where(
                t.orders.c.MARKET == market, t.orders.c.ACCOUNT == account).values(BOOKED_QTY=Decimal(0)))

    def forget_minutes(self, before: int) -> None:
        """Net values of minutes before a time (ms) go; those of midnights stay."""
        with self._begin() as connection:
            connection.execute(sa.delete(t.days).where(
                t.days.c.TTIME < before, sa.func.substr(t.days.c.TTIME, 12, 8) != "00:00:00"))

    # ------------------------------------------------------------ writing

    def write(self, rows: Iterable[Row]) -> bool:
        """Write the rows in one durable transaction; False when a fact among them is known already."""
        try:
            with self._cursor() as cursor:
                for row in rows:
                    self._put(cursor, row)
        except (self._errors.IntegrityError, self._errors.DataError) as error:
            if is_repeat(error):
                return False
            raise LedgerError(f"{self.where} refuses a row: {plain_reason(error)}") from None
        return True

    @property
    def wants_folding(self) -> bool:
        """Whether the log has grown enough for `fold` to be worth a quiet moment."""
        return self._unfolded >= FOLD_AFTER

    def fold(self) -> None:
        """Bring SQLite's log into the file, as far as readers allow; before it grows so long that a commit has to.

        Durability does not hang on it: what was committed stands in the log. The same few pages are written over and
        over by fills, so each goes into the file once.
        """
        self._unfolded = 0
        if self._connection is None or not self.is_there():
            return
        try:
            self._driver().execute("PRAGMA wal_checkpoint(PASSIVE)").close()
        except self._errors.Error:                       # the next commit finds out what is wrong
            log.debug("the log could not be folded", exc_info=True)

    def _put(self, cursor: Cursor, row: Row) -> None:
        writes = self._writes
        match row:
            case CoinRow():
                writes.coins.run(cursor, v.coin_values(row))
            case MoveRow():
                writes.moves.run(cursor, v.move_values(row))
            case OrderRow():
                writes.orders.run(cursor, v.order_values(row))
            case BookRow():
                writes.books.run(cursor, v.book_values(row))
            case CursorRow():
                market, category, symbol = row.key
                writes.cursors.run(cursor, (market, row.account, category.value, symbol, row.kind, row.time))
            case DayRow():
                writes.days.run(cursor, v.day_values(row))
            case CounterRow():
                writes.counters.run(cursor, (row.name, row.value))
            case RobotState():
                writes.robots.run(cursor, (row.emi, row.state, row.reason[:300]))
            case RobotAdded():
                writes.robot_added.run(cursor, v.robot_values(row.row))
            case RobotRenamed():
                writes.robot_renamed.run(cursor, (row.emi, row.new, row.strategy))
            case RobotRemoved():
                writes.robot_removed.run(cursor, (row.emi,))
            case ConfirmRow():
                writes.words.run(cursor, (_confirm_name(row.market, row.account), str(row.time)))
            case WatchRow():
                (writes.watched if row.on else writes.unwatched).run(cursor, tuple(v.where(row.key).values()))

    # ------------------------------------------------------------ connection

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """One transaction on the kept connection; committed at the end, undone by an exception."""
        if not self.is_there():
            raise StoreAway(f"the database file {self.where} is gone")
        connection = self._connect()
        try:
            with connection.begin():
                yield connection
        except (IntegrityError, DataError):              # of a row, not of the connection: it would fail again
            raise
        except DBAPIError as error:
            self._drop()
            raise StoreAway(plain_reason(error)) from None

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """The same by the driver itself, for the engine's writes: its cursor, and the driver's errors of a row."""
        if not self.is_there():
            raise StoreAway(f"the database file {self.where} is gone")
        driver = self._driver()
        try:
            if self.kind == "sqlite":
                cursor = driver.cursor()
                cursor.execute(BEGIN)
                yield cursor
                cursor.execute(COMMIT)               # by the cursor, which keeps it compiled
                self._unfolded += 1
            else:
                packet = Packet(driver.cursor(), driver.max_allowed_packet)
                yield packet
                packet.commit()
        except (self._errors.IntegrityError, self._errors.DataError):
            self._undo(driver)
            raise
        except self._errors.Error as error:
            self._drop()
            raise StoreAway(plain_reason(error)) from None
        except BaseException:                            # a number was refused before the database saw it
            self._undo(driver)
            raise

    def _driver(self) -> Any:
        """The driver's own connection."""
        return self._connect().connection.driver_connection

    def _undo(self, driver: Any) -> None:
        try:
            driver.rollback()
        except self._errors.Error:                       # gone meanwhile, and the transaction with it
            self._drop()

    def _connect(self) -> Connection:
        if self._connection is not None:
            return self._connection
        try:
            self._connection = self._engine.connect()
        except (DBAPIError, OSError) as error:
            raise StoreAway(plain_reason(error)) from None
        except Exception as error:       # pymysql and sqlite3 raise their own classes while connecting
            if type(error).__module__.split(".")[0] not in ("pymysql", "sqlite3"):
                raise
            raise StoreAway(plain_reason(error)) from None
        self._file_seen = self.kind == "sqlite"
        if self.kind == "mysql":
            driver = self._driver()
            self._made.append((driver.thread_id(), driver.server_start))
        return self._connection

    def is_there(self) -> bool:
        """Whether the database file still stands under its name (always true on a server).

        Where it does not, the connection is dropped: it would go on writing into a file that nobody can find.
        """
        if not self._file_seen or os.path.exists(self.where):        # asked before each fill
            return True
        self._drop()
        return False

    def _ask(self, question: Callable[[Connection], _Answer]) -> _Answer:
        with self._begin() as connection:
            return question(connection)

    def _drop(self) -> None:
        """Forget the connection; the next use makes a new one. Locks held by it are gone too."""
        connection, self._connection = self._connection, None
        self._locks.clear()
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                connection.invalidate()
            with suppress(SQLAlchemyError, OSError):
                connection.close()


def _confirm_name(market: str, account: str) -> str:
    return f"live:{market}:{account}"[:40]


def _check_file(path: Path) -> None:
    """Refuse a file that is not an intact database; it is kept as it is."""
    if not path.exists():
        return
    advice = f"it was left untouched; restore a backup over it, or move it away to begin with empty books: {path}"
    if path.stat().st_size == 0:
        raise LedgerError(f"the database file is empty; {advice}")
    try:
        raw = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
        try:
            verdict = str(raw.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            raw.close()
    except sqlite3.Error as error:
        if "locked" in str(error) or "busy" in str(error):
            return                       # another program reads it; the first write waits for it
        raise LedgerError(f"the database file cannot be read ({error}); {advice}") from None
    except UnicodeDecodeError:           # sqlite3's own message quotes what it found in the file
        raise LedgerError(f"the database file is damaged; {advice}") from None
    if verdict != "ok":
        raise LedgerError(f"the database file is damaged ({verdict[:100]}); {advice}")
