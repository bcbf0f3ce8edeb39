"""What a start reads of one account, and the ways that lead there: a million rows in a fraction of a second.

A ledger is mostly one account's, so the index that begins with market and account leads to nearly all rows, one by
one and out of order: three times what reading the table from end to end costs. `off_index` keeps questions off it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from core.rows import RENAMED, TRANSFER, CursorRow, Loaded
from db import schema as t
from db import values as v
from models import OrdStatus

ENDED = tuple(s.value for s in OrdStatus if s.is_terminal)
TRADES_READ = 2000       # more than are shown: what a fill realised follows from those before it
AFTER_TRANSFERS = TRANSFER[:-1] + chr(ord(TRANSFER[-1]) + 1)
TRADED = sa.func.substr(t.coins.c.EXECID, 1, len(TRANSFER)) != TRANSFER     # a fact, not moved between owners
IS_FUNDING = t.coins.c.SIDE < sa.literal_column("0")     # as the index of fundings has it: not a bound value


def off_index(name: str) -> sa.ColumnElement[Any]:
    """A column of `coins` that no index is looked up by."""
    return sa.literal_column(f"+coins.{name}", t.coins.c[name].type)


def read_account(connection: Connection, market: str, account: str, since_today: int) -> Loaded:
    """Open orders, kept sums, cursors, newest trades, counters; the rows since `since_today` (ms)."""
    c = t.coins.c
    mine = (off_index("MARKET") == market) & (off_index("ACCOUNT") == account)
    newest = connection.execute(
        sa.select(t.coins).where(mine, sa.or_(c.PART == 0, ~TRADED, c.COMMISS != Decimal(0)), off_index("SIDE") >= 0)
        .order_by(c.ID.desc()).limit(TRADES_READ).with_hint(t.coins, "FORCE INDEX (PRIMARY)", "mysql")).all()
    today = connection.execute(
        sa.select(t.coins).where(c.TTIME >= since_today, mine).order_by(c.ID)).all()
    funded = connection.execute(
        sa.select(c.MARKET, c.CATEGORY, c.SYMBOL, sa.func.max(c.TTIME, type_=c.TTIME.type).label("TTIME"))
        .where(mine, IS_FUNDING, TRADED).group_by(c.MARKET, c.CATEGORY, c.SYMBOL)).all()
    orders, books, cursors, moves = (
        connection.execute(sa.select(table).where(table.c.MARKET == market, table.c.ACCOUNT == account, *more)).all()
        for table, more in ((t.orders, (t.orders.c.STATUS.not_in(ENDED),)), (t.books, ()), (t.cursors, ()),
                            (t.moves, ())))
    renamed = connection.execute(        # few, and side by side in the index of facts
        sa.select(c.ID, c.EMI, c.REFER).where(
            c.MARKET == market, c.ACCOUNT == account, c.EXECID >= TRANSFER, c.EXECID < AFTER_TRANSFERS,
            c.EXECID.like(f"%{RENAMED}"), c.PART % 2 == 0)).all()
    numbers = connection.execute(sa.select(t.counters.c.NAME, t.counters.c.VALUE)).all()
    return Loaded(
        orders=tuple(v.order(row) for row in orders), books=tuple(v.book(row) for row in books),
        cursors=tuple(CursorRow(v.key_of(row), row.ACCOUNT, row.KIND, row.TIME) for row in cursors),
        trades=tuple(v.coin(row) for row in newest), today=tuple(v.coin(row) for row in today),
        counters=dict(numbers), moves=tuple(v.move(row) for row in moves),
        funded={v.key_of(row): row.TTIME for row in funded},
        renamed=tuple((row.EMI, row.REFER) for row in sorted(renamed, key=lambda row: row.ID)))


def fills_of(connection: Connection, market: str, account: str) -> int:
    """How many fills an account has: its facts, which stand in the index, less its fundings, which have their own."""
    c = t.coins.c

    def count(*chosen: sa.ColumnElement[bool]) -> int:
        return int(connection.execute(sa.select(sa.func.count()).select_from(t.coins).where(
            *chosen, c.PART == 0, TRADED)).scalar() or 0)

    return (count(c.MARKET == market, c.ACCOUNT == account)
            - count(IS_FUNDING, off_index("MARKET") == market, off_index("ACCOUNT") == account))
