"""Pages of the ledger, newest first, for who looks back: by the row's ID, so that page 5,000 costs what page 1 does.

The way leads along the primary key (fundings: along their own small index): the plus signs and the hint keep the
database from choosing another index and sorting everything for each page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from core.rows import CATEGORY_OF, TRANSFER, CoinRow
from db import schema as t
from db import values as v
from db.loading import off_index
from db.store import Store
from models import ZERO, Key

FIRST = 2**62            # above every ID
Owner = tuple[str, Key, str]             # account, instrument, EMI
_ASKED = 400             # values of one question


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: fills (with what was moved between owners) or fundings, of these accounts, of one owner, of one
    instrument."""

    accounts: tuple[tuple[str, str], ...]            # market, account
    fundings: bool = False
    emi: str = ""                                    # "" = all
    key: Key | None = None
    former: tuple[str, ...] = ()                     # names this owner had before


def page(store: Store, chosen: Filter, before: int, limit: int, above: int = 0) -> tuple[CoinRow, ...]:
    """The newest rows with an ID below `before` and above `above`."""
    c = t.coins.c
    places = sa.or_(*(sa.and_(off_index("MARKET") == market, off_index("ACCOUNT") == account)
                      for market, account in chosen.accounts))
    question = sa.select(t.coins).where(places, c.ID < before, c.ID > above).order_by(c.ID.desc()).limit(limit)
    moved = sa.func.substr(c.EXECID, 1, len(TRANSFER)) == TRANSFER
    if chosen.fundings:
        # Both conditions: the first finds the index of fundings, the second leaves its rows in the order of ID.
        question = question.where(c.SIDE < sa.literal_column("0"), c.SIDE == sa.literal_column("-1"), ~moved)
    else:
        question = question.where(off_index("SIDE") >= 0, sa.or_(off_index("PART") == 0, moved)).with_hint(
            t.coins, "FORCE INDEX (PRIMARY)", "mysql")
    if chosen.emi:
        question = question.where(off_index("EMI").in_((chosen.emi, *chosen.former)))
    if chosen.key is not None:
        question = question.where(*(off_index(name) == value for name, value in v.where(chosen.key).items()))
    return store._ask(lambda connection: tuple(v.coin(row) for row in connection.execute(question)))


def other_fees(store: Store, rows: Iterable[CoinRow]) -> dict[tuple[str, str, str], tuple[Decimal, str]]:
    """Fees of these facts that were paid in another currency, by market, account and EXECID: amount, currency."""
    places: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        places.setdefault((row.key.market, row.account), []).append(row.exec_id)
    c, found = t.coins.c, dict[tuple[str, str, str], tuple[Decimal, str]]()

    def read(connection: Connection) -> None:
        for (market, account), names in places.items():
            for start in range(0, len(names), _ASKED):
                asked = names[start:start + _ASKED]
                for row in connection.execute(sa.select(c.EXECID, c.COMMISS, c.CURRENCY).where(
                        c.MARKET == market, c.ACCOUNT == account, c.EXECID.in_(asked), c.PART > 0, c.SIDE >= 0)):
                    if row.COMMISS:
                        found[(market, account, row.EXECID)] = (row.COMMISS, row.CURRENCY)

    store._ask(read)
    return found


def held(store: Store, accounts: Collection[tuple[str, str]]) -> dict[Owner, Decimal]:
    """Every owner's position now, by the kept sums."""
    b = t.books.c

    def read(connection: Connection) -> dict[Owner, Decimal]:
        found: dict[Owner, Decimal] = {}
        for row in connection.execute(sa.select(b.MARKET, b.ACCOUNT, b.CATEGORY, b.SYMBOL, b.EMI, b.POS)):
            if row.POS and (row.MARKET, row.ACCOUNT) in accounts:
                owner = (row.ACCOUNT, Key(row.MARKET, CATEGORY_OF[row.CATEGORY], row.SYMBOL), row.EMI)
                found[owner] = found.get(owner, ZERO) + row.POS
        return found

    return store._ask(read)


def day_values(store: Store, accounts: Collection[tuple[str, str]], names: Collection[str],
               midnights: Collection[int]) -> tuple[tuple[str, str, int, Decimal], ...]:
    """Net values of an owner at these times (ms), under all names it had: market, currency, time, value; oldest
    first."""
    d = t.days.c
    rows = store._ask(lambda connection: connection.execute(
        sa.select(d.MARKET, d.ACCOUNT, d.CURRENCY, d.TTIME, d.NETVALUE).where(d.EMI.in_(names), d.TTIME.in_(midnights))
        .order_by(d.TTIME)).all())
    found: dict[tuple[str, str, int], Decimal] = {}
    for row in rows:
        if (row.MARKET, row.ACCOUNT) in accounts:
            name = (row.MARKET, row.CURRENCY, row.TTIME)
            found[name] = found.get(name, ZERO) + row.NETVALUE
    return tuple((*name, value) for name, value in found.items())
