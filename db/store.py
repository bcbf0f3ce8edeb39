"""Every query of the engine, in functions: one function = one question or one transaction. Engine thread only.

A fact's transaction is all or nothing: ledger rows, the order's row, the kept sums. A repeat, found by the unique
key of `coins`, undoes it and answers False.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from core.errors import AlreadyRunning, LedgerError
from core.rows import (
    CATEGORY_OF,
    BookRow,
    CoinRow,
    CounterRow,
    CursorRow,
    Loaded,
    OrderRow,
    RobotRow,
    RobotState,
    Row,
    WatchRow,
)
from db import schema as t
from db.dialects import BEGIN, LOCK_WAIT_S, MySqlAddress, is_repeat, open_mysql, open_sqlite, plain_reason
from db.direct import Statement
from models import Key, OrdStatus, OrdType, Side, TimeInForce

_ENDED = tuple(s.value for s in OrdStatus if s.is_terminal)
_TRADES_READ = 2000        # more than are shown: what a fill realised follows from those before it
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
        self._file_seen = False
        self._errors: Any = engine.dialect.dbapi         # the driver: its classes of errors
        self._statements = _statements(kind, engine.dialect)

    # ------------------------------------------------------------ opening

    @classmethod
    def sqlite(cls, path: Path) -> Store:
        """The ledger in a file; refuses a file that is no healthy database, and never writes over it."""
        _check_file(path)
        return cls(open_sqlite(path), "sqlite", str(path))

    @classmethod
    def mysql(cls, address: MySqlAddress, password: str) -> Store:
        """The ledger on a MySQL or MariaDB server."""
        where = f"{address.user}@{address.socket or address.host}/{address.database}"
        return cls(open_mysql(address, password), "mysql", where)

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
        if version == t.VERSION:
            return
        self._backup(version)
        try:
            for step in t.STEPS[version:]:
                with self._begin() as connection:
                    t.metadata.create_all(connection, tables=step, checkfirst=True)
            with self._begin() as connection:
                for name, value in (("mode", mode), ("version", str(t.VERSION))):
                    connection.execute(_upsert(t.schema, self.kind), {"NAME": name, "VALUE": value})
        except (SQLAlchemyError, StoreAway) as error:
            raise LedgerError(f"database {self.where}: {plain_reason(error)}") from None

    def _backup(self, version: int) -> None:
        path = Path(self.where)
        if self.kind == "sqlite" and version and path.exists():
            copy = path.with_name(f"{path.name}.v{version}.bak")
            shutil.copy2(path, copy.with_suffix(".tmp"))
            copy.with_suffix(".tmp").replace(copy)

    def lock_account(self, market: str, account: str) -> None:
        """On MySQL: hold GET_LOCK for this account as long as the connection lives; a second copy is refused."""
        if self.kind != "mysql":
            return
        name = f"botbook:{market}:{account}"[:64]
        if name in self._locks:
            return
        with self._begin() as connection:
            got = connection.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar()
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
        def read(connection: Connection) -> Loaded:
            mine = (t.coins.c.MARKET == market) & (t.coins.c.ACCOUNT == account)
            newest = connection.execute(
                sa.select(t.coins).where(mine, t.coins.c.PART == 0, t.coins.c.SIDE >= 0)
                .order_by(t.coins.c.ID.desc()).limit(_TRADES_READ)).all()
            today = connection.execute(
                sa.select(t.coins).where(mine, t.coins.c.TTIME >= since_today).order_by(t.coins.c.ID)).all()
            order_rows = connection.execute(
                sa.select(t.orders).where(t.orders.c.MARKET == market, t.orders.c.ACCOUNT == account,
                                          t.orders.c.STATUS.not_in(_ENDED))).all()
            book_rows = connection.execute(
                sa.select(t.books).where(t.books.c.MARKET == market, t.books.c.ACCOUNT == account)).all()
            cursor_rows = connection.execute(
                sa.select(t.cursors).where(t.cursors.c.MARKET == market, t.cursors.c.ACCOUNT == account)).all()
            numbers = connection.execute(sa.select(t.counters.c.NAME, t.counters.c.VALUE)).all()
            return Loaded(
                orders=tuple(_order(row) for row in order_rows), books=tuple(_book(row) for row in book_rows),
                cursors=tuple(CursorRow(_key(row), row.ACCOUNT, row.KIND, row.TIME) for row in cursor_rows),
                trades=tuple(_coin(row) for row in newest), today=tuple(_coin(row) for row in today),
                counters=dict(numbers))
        return self._ask(read)

    def counters(self) -> dict[str, int]:
        """The newest numbers handed out, by name."""
        return self._ask(lambda c: dict(c.execute(sa.select(t.counters.c.NAME, t.counters.c.VALUE)).all()))

    def robots(self) -> tuple[RobotRow, ...]:
        """All rows of `robots` in SORT order, unchecked."""
        def read(connection: Connection) -> tuple[RobotRow, ...]:
            rows = connection.execute(sa.select(t.robots).order_by(t.robots.c.SORT, t.robots.c.ID)).all()
            return tuple(RobotRow(r.EMI, r.SYMBOL, r.CATEGORY, r.MARKET, _whole(r.SORT), _whole(r.TIMEFR),
                                  _typed(r.CAPITAL), r.STRATEGY or "", r.PARAMS or "", r.STATE or "WORK",
                                  r.REASON or "") for r in rows)
        return self._ask(read)

    def watchlist(self) -> tuple[Key, ...]:
        """Symbols added in the window, in their order."""
        rows = self._ask(lambda c: c.execute(sa.select(t.watchlist).order_by(t.watchlist.c.SORT)).all())
        return tuple(_key(row) for row in rows if row.CATEGORY in CATEGORY_OF)

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
                        return _order(row)
            return None
        return self._ask(read)

    def trades(self, market: str, account: str, before: int, limit: int = _TRADES_READ) -> tuple[CoinRow, ...]:
        """Older fills, newest first, with an ID below `before`."""
        rows = self._ask(lambda c: c.execute(
            sa.select(t.coins).where(t.coins.c.MARKET == market, t.coins.c.ACCOUNT == account, t.coins.c.PART == 0,
                                     t.coins.c.SIDE >= 0, t.coins.c.ID < before)
            .order_by(t.coins.c.ID.desc()).limit(limit)).all())
        return tuple(_coin(row) for row in rows)

    def coin_rows(self, market: str, account: str) -> tuple[CoinRow, ...]:
        """All ledger rows of an account, oldest first: for the exact check of the kept sums."""
        rows = self._ask(lambda c: c.execute(
            sa.select(t.coins).where(t.coins.c.MARKET == market, t.coins.c.ACCOUNT == account)
            .order_by(t.coins.c.ID)).all())
        return tuple(_coin(row) for row in rows)

    def count_fills(self, market: str, account: str) -> int:
        """How many fills the ledger holds for an account."""
        return self._ask(lambda c: int(c.execute(
            sa.select(sa.func.count()).select_from(t.coins).where(
                t.coins.c.MARKET == market, t.coins.c.ACCOUNT == account, t.coins.c.PART == 0,
                t.coins.c.SIDE >= 0)).scalar() or 0))

    def forget_booked(self, market: str, account: str) -> None:
        """The ledger's rows were emptied by hand: no order has a booked quantity any more."""
        with self._begin() as connection:
            connection.execute(sa.update(t.orders).where(
                t.orders.c.MARKET == market, t.orders.c.ACCOUNT == account).values(BOOKED_QTY=Decimal(0)))

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

    def _put(self, cursor: Any, row: Row) -> None:
        statements = self._statements
        match row:
            case CoinRow():
                statements["coins"].run(cursor, _coin_values(row))
            case OrderRow():
                statements["orders"].run(cursor, _order_values(row))
            case BookRow():
                statements["books"].run(cursor, _book_values(row))
            case CursorRow():
                statements["cursors"].run(cursor, {
                    **_where(row.key), "ACCOUNT": row.account, "KIND": row.kind, "TIME": row.time})
            case CounterRow():
                statements["counters"].run(cursor, {"NAME": row.name, "VALUE": row.value})
            case RobotState():
                statements["robots"].run(cursor, {"emi": row.emi, "STATE": row.state, "REASON": row.reason[:300]})
            case WatchRow():
                if row.on:
                    statements["last watched"].run(cursor, {})
                    last = cursor.fetchone()[0] or 0
                    statements["watchlist"].run(cursor, {**_where(row.key), "SORT": last + 1})
                else:
                    statements["unwatched"].run(cursor, _where(row.key))

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
    def _cursor(self) -> Iterator[Any]:
        """The same by the driver itself, for the engine's writes: its cursor, and the driver's errors of a row."""
        if not self.is_there():
            raise StoreAway(f"the database file {self.where} is gone")
        driver: Any = self._connect().connection.driver_connection
        try:
            cursor = driver.cursor()
            if self.kind == "sqlite":
                cursor.execute(BEGIN)
            yield cursor
            driver.commit()
        except (self._errors.IntegrityError, self._errors.DataError):
            self._undo(driver)
            raise
        except self._errors.Error as error:
            self._drop()
            raise StoreAway(plain_reason(error)) from None
        except BaseException:                            # `Money` refuses before the database sees it
            self._undo(driver)
            raise

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
        return self._connection

    def is_there(self) -> bool:
        """Whether the database file still stands under its name (always true on a server).

        Where it does not, the connection is dropped: it would go on writing into a file that nobody can find.
        """
        if not self._file_seen or Path(self.where).exists():
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


def _upsert(table: sa.Table, kind: str) -> sa.Insert:
    """Insert or replace by primary key, for tables of opinions and kept sums (never for facts)."""
    names = [column.name for column in table.primary_key.columns]
    others = [column.name for column in table.columns if column.name not in names]
    if kind == "sqlite":
        lite = sqlite.insert(table)
        return lite.on_conflict_do_update(index_elements=names, set_={name: lite.excluded[name] for name in others})
    mine = mysql.insert(table)
    return mine.on_duplicate_key_update({name: mine.inserted[name] for name in others})


def _statements(kind: str, dialect: sa.Dialect) -> dict[str, Statement]:
    """What the engine writes with."""
    upserts = {table.name: Statement(_upsert(table, kind), dialect)
               for table in (t.orders, t.books, t.cursors, t.counters, t.watchlist)}
    facts = [column.name for column in t.coins.columns if column.name != "ID"]
    watched = t.watchlist.c
    return {
        **upserts,
        "coins": Statement(sa.insert(t.coins), dialect, facts),
        "robots": Statement(sa.update(t.robots).where(t.robots.c.EMI == sa.bindparam("emi"))
                            .values(STATE=sa.bindparam("STATE"), REASON=sa.bindparam("REASON")), dialect),
        "last watched": Statement(sa.select(sa.func.max(watched.SORT)), dialect),
        "unwatched": Statement(sa.delete(t.watchlist).where(
            watched.MARKET == sa.bindparam("MARKET"), watched.CATEGORY == sa.bindparam("CATEGORY"),
            watched.SYMBOL == sa.bindparam("SYMBOL")), dialect)}


def _typed(value: object) -> Decimal:
    """A number as it stands in the table, NaN where SQLite let a person type something else."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def _whole(value: object) -> int:
    """A whole number, 0 where there is none."""
    number = _typed(value)
    return int(number) if number.is_finite() else 0


def _where(key: Key) -> dict[str, str]:
    return {"MARKET": key.market, "CATEGORY": key.category.value, "SYMBOL": key.symbol}


def _key(row: Any) -> Key:
    return Key(row.MARKET, CATEGORY_OF[row.CATEGORY], row.SYMBOL)


def _coin_values(row: CoinRow) -> dict[str, Any]:
    return {**_where(row.key), "EXECID": row.exec_id, "PART": row.part, "EMI": row.emi, "REFER": row.refer,
            "ACCOUNT": row.account, "CURRENCY": row.currency, "TICKER": row.ticker, "SIDE": row.side, "QTY": row.qty,
            "QTY_REST": row.qty_rest, "PRICE": row.price, "THEOR_PRICE": row.theor_price,
            "TRADE_PRICE": row.trade_price, "SUMREAL": row.sumreal, "COMMISS": row.commiss, "TTIME": row.time,
            "DAT": row.booked, "CLORDID": row.cl_ord_number}


def _coin(row: Any) -> CoinRow:
    return CoinRow(row.EXECID, row.PART, row.EMI, row.REFER, _key(row), row.ACCOUNT, row.CURRENCY, row.TICKER,
                   row.SIDE, row.QTY, row.QTY_REST, row.PRICE, row.THEOR_PRICE, row.TRADE_PRICE, row.SUMREAL,
                   row.COMMISS, row.TTIME, row.DAT, row.CLORDID, row.ID)


# The column takes 16 characters.
_SHORT = {OrdType.TAKE_PROFIT_MARKET: "TP_MARKET", OrdType.TAKE_PROFIT_LIMIT: "TP_LIMIT"}
_LONG = {word: ord_type for ord_type, word in _SHORT.items()}


def _order_values(row: OrderRow) -> dict[str, Any]:
    return {**_where(row.key), "ACCOUNT": row.account, "NAME": row.name, "CLORDID": row.cl_ord_id,
            "ORDERID": row.order_id, "EMI": row.owner, "SIDE": row.side.value,
            "ORDTYPE": _SHORT.get(row.ord_type, row.ord_type.value) if row.ord_type else None,
            "TIF": row.tif.value if row.tif else None,
            "TYPETEXT": row.type_text[:40], "QTY": row.qty, "PRICE": row.price, "WANTED": row.wanted,
            "BOOKED_QTY": row.booked_qty, "TOLD_QTY": row.told_qty, "STATUS": row.status.value,
            "REDUCE_ONLY": int(row.reduce_only), "CREATED": row.created, "UPDATED": row.updated,
            "EXPIRES": row.expires, "REASON": row.text[:300]}


def _order(row: Any) -> OrderRow:
    return OrderRow(
        key=_key(row), account=row.ACCOUNT, name=row.NAME, cl_ord_id=row.CLORDID, order_id=row.ORDERID, owner=row.EMI,
        side=Side(row.SIDE), ord_type=_LONG.get(row.ORDTYPE) or OrdType(row.ORDTYPE) if row.ORDTYPE else None,
        tif=TimeInForce(row.TIF) if row.TIF else None, qty=row.QTY, price=row.PRICE, wanted=row.WANTED,
        status=OrdStatus(row.STATUS), reduce_only=bool(row.REDUCE_ONLY), created=row.CREATED, updated=row.UPDATED,
        expires=row.EXPIRES, booked_qty=row.BOOKED_QTY, told_qty=row.TOLD_QTY, text=row.REASON,
        type_text=row.TYPETEXT)


def _book_values(row: BookRow) -> dict[str, Any]:
    return {**_where(row.key), "ACCOUNT": row.account, "EMI": row.emi, "CURRENCY": row.currency, "POS": row.pos,
            "ENTRY": row.entry, "VOLUME": row.volume, "SUMREAL": row.sumreal, "FEES": row.fees,
            "FUNDING": row.funding, "FILLS": row.fills}


def _book(row: Any) -> BookRow:
    return BookRow(_key(row), row.ACCOUNT, row.EMI, row.CURRENCY, row.POS, row.ENTRY, row.VOLUME, row.SUMREAL,
                   row.FEES, row.FUNDING, row.FILLS)
