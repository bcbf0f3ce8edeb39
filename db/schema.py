"""Tables, in numbered steps. Each statement is safe to run again; the version row is written last; before a step on
an existing database the file is copied, so a kill in a step leaves the old or the new schema to go on from.

`coins` and `robots` keep the column names users know from the older terminal of this kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.dialects import Moment, MomentMicro, Money

VERSION = 3
metadata = sa.MetaData()
_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _money(name: str, nullable: bool = False) -> sa.Column[Any]:
    default = None if nullable else sa.text("'0'")
    return sa.Column(name, Money, nullable=nullable, server_default=default)


def _name(name: str, longest: int, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(longest), nullable=False, **more)


def _text_checks(table: str, money: tuple[str, ...], names: dict[str, int]) -> list[Any]:
    """SQLite enforces neither exact numbers nor lengths by itself; MySQL does."""
    checks: list[Any] = [sa.CheckConstraint(f"typeof({c}) IN ('text', 'null')", name=f"ck_{table}_{c}").ddl_if("sqlite")
              for c in money]
    checks += [sa.CheckConstraint(f"length({c}) <= {n}", name=f"ck_{table}_{c}").ddl_if("sqlite")
               for c, n in names.items()]
    return checks


COIN_MONEY = ("QTY", "QTY_REST", "PRICE", "THEOR_PRICE", "TRADE_PRICE", "SUMREAL", "COMMISS")

coins = sa.Table(
    "coins", metadata,
    sa.Column("ID", _BIG, primary_key=True, autoincrement=True),
    _name("EXECID", 80), sa.Column("PART", sa.Integer, nullable=False, server_default=sa.text("0")),
    _name("EMI", 40), _name("REFER", 64, server_default=""),
    _name("MARKET", 20), _name("ACCOUNT", 40), _name("CURRENCY", 16), _name("SYMBOL", 40), _name("TICKER", 40),
    _name("CATEGORY", 10), sa.Column("SIDE", sa.SmallInteger, nullable=False),
    *(_money(c) for c in COIN_MONEY),
    sa.Column("TTIME", Moment, nullable=False), sa.Column("DAT", MomentMicro, nullable=False),
    sa.Column("CLORDID", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.UniqueConstraint("MARKET", "ACCOUNT", "EXECID", "PART", name="uq_coins_fact"),
    sa.Index("ix_coins_emi", "EMI", "QTY"),
    sa.Index("ix_coins_funding", "SIDE", sqlite_where=sa.text("SIDE < 0")),    # a fill does not touch it on SQLite
    *_text_checks("coins", COIN_MONEY, {
        "EXECID": 80, "EMI": 40, "REFER": 64, "SYMBOL": 40, "CURRENCY": 16, "ACCOUNT": 40, "MARKET": 20}),
    **_OPTIONS)

robots = sa.Table(
    "robots", metadata,
    sa.Column("ID", _BIG, primary_key=True, autoincrement=True),
    _name("EMI", 40, unique=True),
    _name("SYMBOL", 40), _name("CATEGORY", 10), _name("MARKET", 20, server_default="Binance"),
    sa.Column("SORT", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("DAT", sa.DateTime, nullable=False, server_default=sa.func.current_timestamp()),
    sa.Column("TIMEFR", sa.Integer, nullable=False, server_default=sa.text("1")),
    sa.Column("CAPITAL", sa.Integer, nullable=False, server_default=sa.text("1")),
    sa.Column("MARGIN", sa.Integer, nullable=False, server_default=sa.text("0")),
    _name("STRATEGY", 40, server_default=""), _name("PARAMS", 2000, server_default=""),
    _name("STATE", 10, server_default="WORK"), _name("REASON", 300, server_default=""),
    **_OPTIONS)

orders = sa.Table(
    "orders", metadata,
    _name("MARKET", 20, primary_key=True), _name("ACCOUNT", 40, primary_key=True),
    _name("CATEGORY", 10, primary_key=True), _name("SYMBOL", 40, primary_key=True),
    _name("NAME", 64, primary_key=True),
    _name("CLORDID", 64, server_default=""), _name("ORDERID", 40, server_default=""),
    _name("EMI", 40), _name("SIDE", 4), sa.Column("ORDTYPE", sa.String(16)), sa.Column("TIF", sa.String(8)),
    _name("TYPETEXT", 40, server_default=""),
    _money("QTY"), _money("PRICE", nullable=True), _money("WANTED", nullable=True),
    _money("BOOKED_QTY"), _money("TOLD_QTY"),
    _name("STATUS", 20), sa.Column("REDUCE_ONLY", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("CREATED", sa.BigInteger, nullable=False), sa.Column("UPDATED", sa.BigInteger, nullable=False),
    sa.Column("EXPIRES", sa.BigInteger, nullable=False), _name("REASON", 300, server_default=""),
    sa.Index("ix_orders_orderid", "ORDERID"),
    *_text_checks("orders", ("QTY", "PRICE", "WANTED", "BOOKED_QTY", "TOLD_QTY"), {"NAME": 64}),
    **_OPTIONS)

counters = sa.Table(
    "counters", metadata, _name("NAME", 40, primary_key=True),
    sa.Column("VALUE", sa.BigInteger, nullable=False), **_OPTIONS)

cursors = sa.Table(
    "cursors", metadata,
    _name("MARKET", 20, primary_key=True), _name("ACCOUNT", 40, primary_key=True),
    _name("CATEGORY", 10, primary_key=True), _name("SYMBOL", 40, primary_key=True),
    _name("KIND", 10, primary_key=True), sa.Column("TIME", sa.BigInteger, nullable=False), **_OPTIONS)

BOOK_MONEY = ("POS", "VOLUME", "SUMREAL", "FEES", "FUNDING")

books = sa.Table(
    "books", metadata,
    _name("MARKET", 20, primary_key=True), _name("ACCOUNT", 40, primary_key=True), _name("EMI", 40, primary_key=True),
    _name("CATEGORY", 10, primary_key=True), _name("SYMBOL", 40, primary_key=True),
    _name("CURRENCY", 16, primary_key=True),
    *(_money(c) for c in BOOK_MONEY), _money("ENTRY", nullable=True),
    sa.Column("FILLS", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    *_text_checks("books", (*BOOK_MONEY, "ENTRY"), {}), **_OPTIONS)

moves = sa.Table(
    "moves", metadata,
    sa.Column("ID", _BIG, primary_key=True, autoincrement=True),
    _name("MARKET", 20), _name("ACCOUNT", 40), _name("MOVEID", 120), _name("KIND", 40), _name("CURRENCY", 16),
    _name("WALLET", 20, server_default=""),
    _money("AMOUNT"), sa.Column("TTIME", Moment, nullable=False), sa.Column("DAT", MomentMicro, nullable=False),
    sa.UniqueConstraint("MARKET", "ACCOUNT", "MOVEID", name="uq_moves_fact"),
    *_text_checks("moves", ("AMOUNT",), {"MOVEID": 120, "KIND": 40}), **_OPTIONS)

watchlist = sa.Table(
    "watchlist", metadata,
    _name("MARKET", 20, primary_key=True), _name("CATEGORY", 10, primary_key=True),
    _name("SYMBOL", 40, primary_key=True),
    sa.Column("SORT", sa.Integer, nullable=False, server_default=sa.text("0")), **_OPTIONS)

days = sa.Table(
    "days", metadata,
    _name("MARKET", 20, primary_key=True), _name("ACCOUNT", 40, primary_key=True), _name("EMI", 40, primary_key=True),
    _name("CURRENCY", 16, primary_key=True), sa.Column("TTIME", Moment, primary_key=True),
    _money("NETVALUE"), *_text_checks("days", ("NETVALUE",), {}), **_OPTIONS)

schema = sa.Table(
    "schema", metadata, _name("NAME", 40, primary_key=True), _name("VALUE", 100), **_OPTIONS)



def _first(connection: Connection) -> None:
    """All tables, as they are by now."""
    metadata.create_all(connection, checkfirst=True)


# Every index is a page to write for each fill; those no question is answered by go.
_DROPPED = {
    "ix_coins_time": "DROP INDEX ix_coins_time", "ix_coins_side": "DROP INDEX ix_coins_side",
    "ix_orders_status": "DROP INDEX ix_orders_status"}


def _fewer_indexes(connection: Connection) -> None:
    """A ledger of version 1 loses the indexes that are not read and gets the one of funding.

    Its `coins` keeps AUTOINCREMENT, which newer ledgers do without: rows are never deleted, so no ID comes twice.
    """
    for table in (coins, orders):
        there = {index["name"] for index in sa.inspect(connection).get_indexes(table.name)}
        for name in there & _DROPPED.keys():
            place = "" if connection.dialect.name == "sqlite" else f" ON {table.name}"
            connection.exec_driver_sql(_DROPPED[name or ""] + place)
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _wallets(connection: Connection) -> None:
    """`moves` learns whose wallet; no version before wrote a row into it, so an empty one is made anew."""
    there = sa.inspect(connection)
    if there.has_table(moves.name) and "WALLET" not in {column["name"] for column in there.get_columns(moves.name)}:
        moves.drop(connection)
    moves.create(connection, checkfirst=True)        # on a server a kill may have come after the drop


# Step n brings version n−1 to n. Later issues append; a step is never changed once released.
STEPS: tuple[Callable[[Connection], None], ...] = (_first, _fewer_indexes, _wallets)
