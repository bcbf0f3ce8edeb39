"""What the rows of `coins` add up to, exactly, for each owner, instrument and currency: the check of the kept sums.

SQLite would add numbers up in floats, so it only gathers them: of a block of rows comes back one text of numbers for
each group, and they are added up here as Decimals. With several connections to one picture of the file each takes its
share of the rows on a thread of its own. A block is one answer of one row: from its beginning to its end the driver
needs no interpreter, and the other thread adds up meanwhile.
"""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from core.errors import LedgerError
from core.numbers import LEDGER_CONTEXT
from core.rows import BOOK_KEY, CATEGORY_OF, BookRow
from db import schema as t
from models import ZERO, Key

Batch = list[tuple[Any, ...]]
# A question, as a statement or as a constant text with values; its rows come some thousand at a time.
Ask = Callable[[Any, Sequence[Any]], Iterator[Batch]]

BLOCK = 4_000            # rows: sorting many short blocks by group is cheaper than sorting all
_MOST_LOTS = 5_000       # different quantities of a group that are kept at once
GROUP = ("MARKET", "ACCOUNT", "CATEGORY", "SYMBOL", "EMI", "CURRENCY")

# What a row is: funding or not, a fact's first part or not, moved between owners, an opening; a trade otherwise.
_FUNDING, _FIRST, _MOVED, _OPENING = 1, 2, 4, 8
# The last ID of a block; ?1 the ID before it, ?2 its rows less one, ?3 the last ID there may be.
_END = "min(ifnull((SELECT ID FROM coins WHERE ID > ?1 ORDER BY ID LIMIT 1 OFFSET ?2), ?3), ?3)"
_SPAN = "SELECT (SELECT min(ID) FROM coins), (SELECT max(ID) FROM coins)"     # by itself each is found at once
_FIRST_ACCOUNT = "SELECT MARKET, ACCOUNT FROM coins ORDER BY MARKET, ACCOUNT LIMIT 1"
_LAST_ACCOUNT = "SELECT MARKET, ACCOUNT FROM coins ORDER BY MARKET DESC, ACCOUNT DESC LIMIT 1"
# The columns most rows differ in come first: the sort looks at the others only where these are equal. Where all rows
# are of one account, it need not look at the account. Four lines for each group: its name as JSON, which has no line's
# end in it, and the numbers of each column.
_BLOCK_SUMS = """
    SELECT {end}, group_concat(
        json_array({columns} KIND, N) || char(10) || QTYS || char(10) || SUMS || char(10) || FEES, char(10))
    FROM (SELECT {columns}
        (SIDE < 0) * 1 + (PART = 0) * 2 + CASE
            WHEN EXECID >= 'OPEN;' OR EXECID < 'MOVE:' THEN 0 WHEN EXECID < 'MOVE;' THEN 4
            WHEN EXECID >= 'OPEN:' THEN 8 ELSE 0 END AS KIND,
        count(*) AS N, group_concat(QTY) AS QTYS, group_concat(SUMREAL) AS SUMS, group_concat(COMMISS) AS FEES
    FROM coins WHERE ID > ?1 AND ID <= {end}
    GROUP BY EMI, KIND, SYMBOL, CURRENCY, CATEGORY{more})"""
_OF_ONE = _BLOCK_SUMS.format(end=_END, columns="CATEGORY, SYMBOL, EMI, CURRENCY,", more="")
_OF_MANY = _BLOCK_SUMS.format(end=_END, columns="MARKET, ACCOUNT, CATEGORY, SYMBOL, EMI, CURRENCY,",
                              more=", ACCOUNT, MARKET")
_name_of = msgspec.json.Decoder(list[Any]).decode


class Added(NamedTuple):
    """Rows of one group and kind, added up. `traded`: quantities without their signs."""

    rows: int = 0
    qty: Decimal = ZERO
    traded: Decimal = ZERO
    sumreal: Decimal = ZERO
    commiss: Decimal = ZERO


Groups = dict[tuple[Any, ...], Added]      # by the columns of `GROUP` and the kind


def row_sums(asks: Sequence[Ask], kind: str, on_rows: Callable[[int], object]) -> dict[BOOK_KEY, BookRow]:
    """The sums of all rows of a database of this kind, sqlite or mysql; entries left out. `asks`: one connection, or
    several that see the same picture of a file; `on_rows` is told how many more rows are in, on the caller's thread.
    """
    with localcontext(LEDGER_CONTEXT):
        found: dict[BOOK_KEY, BookRow] = {}
        for (*group, what), added in (_server_sums(asks[0]) if kind == "mysql" else _file_sums(asks, on_rows)).items():
            market, account, category, symbol, emi, currency = group
            key = Key(market, CATEGORY_OF[category], symbol)
            name = (account, key, emi, currency)
            found[name] = _together(found.get(name) or BookRow(key, account, emi, currency), what, added)
        return found


def _together(old: BookRow, what: int, added: Added) -> BookRow:
    if what & _FUNDING:
        return replace(old, funding=old.funding + added.commiss)
    return replace(
        old, pos=old.pos + added.qty, sumreal=old.sumreal + added.sumreal, fees=old.fees + added.commiss,
        volume=old.volume + (ZERO if what & (_MOVED | _OPENING) else added.traded),
        fills=old.fills + (added.rows if what & _FIRST and not what & _MOVED else 0))


def _file_sums(asks: Sequence[Ask], on_rows: Callable[[int], object]) -> Groups:
    """Each connection adds up its share of the IDs."""
    def one(question: str) -> tuple[Any, ...]:
        return next((batch[0] for batch in asks[0](question, ())), ())

    first, last = one(_SPAN)
    if first is None:
        return {}
    account = one(_FIRST_ACCOUNT)
    if account != one(_LAST_ACCOUNT):
        account = ()
    bounds = [first - 1 + (last - first + 1) * n // len(asks) for n in range(len(asks))]
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    with ThreadPoolExecutor(len(asks)) as pool:
        shares = [pool.submit(_share, ask, account, after, until, told)
                  for ask, after, until in zip(asks, bounds, [*bounds[1:], last], strict=True)]
        _tell(shares, told, on_rows)
        found: Groups = {}
        for share in shares:
            for name, added in share.result().items():
                old = found.get(name)
                found[name] = added if old is None else Added(
                    old.rows + added.rows, old.qty + added.qty, old.traded + added.traded,
                    old.sumreal + added.sumreal, old.commiss + added.commiss)
        return found


def _tell(shares: Sequence[Future[Groups]], told: queue.SimpleQueue[int], on_rows: Callable[[int], object]) -> None:
    """Pass on how far the shares are, until all have ended."""
    left = len(shares)
    while left:
        rows = told.get()
        left -= not rows
        if rows:
            on_rows(rows)


def _share(ask: Ask, account: tuple[Any, ...], after: int, until: int, told: queue.SimpleQueue[int]) -> Groups:
    """The rows with IDs over `after` up to `until`; `account`: market and account of all rows, () when they differ.
    On a thread of its own; 0 rows are told at the end.
    """
    found: dict[tuple[Any, ...], _Group] = {}
    try:
        with localcontext(LEDGER_CONTEXT):
            for lines in _blocks(ask, _OF_ONE if account else _OF_MANY, after, until):
                told.put(sum(_add(found, account, *lines[at:at + 4]) for at in range(0, len(lines), 4)))
            return {name: _added(name, group) for name, group in found.items()}
    finally:
        told.put(0)


class _Group:
    """What the rows of a group add up to. Quantities are counted first: bots trade the same lots all the time."""

    __slots__ = ("_lots", "_qty", "_traded", "commiss", "rows", "sumreal")

    def __init__(self) -> None:
        self.rows, self.sumreal, self.commiss = 0, ZERO, ZERO
        self._qty, self._traded, self._lots = ZERO, ZERO, Counter[str]()

    def trade(self, quantities: list[str]) -> None:
        """Count quantities. May raise InvalidOperation."""
        self._lots.update(quantities)
        if len(self._lots) > _MOST_LOTS:
            self._settle()

    def added(self) -> Added:
        """All of it. May raise InvalidOperation."""
        self._settle()
        return Added(self.rows, self._qty, self._traded, self.sumreal, self.commiss)

    def _settle(self) -> None:
        for text, times in self._lots.items():
            lots = Decimal(text) * times
            self._qty += lots
            self._traded += abs(lots)
        self._lots.clear()


def _add(found: dict[tuple[Any, ...], _Group], account: tuple[Any, ...], group: str, *numbers_of: str) -> int:
    """Add the rows of a group in a block; how many."""
    name: tuple[Any, ...] = ()
    try:
        *columns, rows = _name_of(group)
        name = (*account, *columns)
        quantities, values, fees = numbers_of
        kept = found.get(name)
        if kept is None:
            kept = found[name] = _Group()
        kept.rows += rows
        kept.trade(_texts(quantities, rows))
        kept.sumreal = sum(map(Decimal, _texts(values, rows)), kept.sumreal)
        kept.commiss = sum(map(Decimal, _texts(fees, rows)), kept.commiss)
    except (InvalidOperation, ValueError):        # SQLite lets people type anything, line ends as well
        raise _no_number(name) from None
    return int(rows)


def _added(name: tuple[Any, ...], group: _Group) -> Added:
    try:
        return group.added()
    except InvalidOperation:
        raise _no_number(name) from None


def _no_number(name: tuple[Any, ...]) -> LedgerError:
    whose = f" of {name[4]} in {name[3]} ({name[0]} account {name[1]})" if name else ""
    return LedgerError(f"a row{whose} has something in QTY, SUMREAL or COMMISS that is no number; nothing was changed")


def _blocks(ask: Ask, question: str, after: int, until: int) -> Iterator[list[str]]:
    """The lines of each block of rows, oldest first; never an empty block."""
    while after < until:
        after, lines = next(batch[0] for batch in ask(question, (after, BLOCK - 1, until)))
        if lines:
            yield lines.split("\n")


def _texts(joined: str, rows: int) -> list[str]:
    """The numbers of a group's column. Raises ValueError when they are not as many as its rows."""
    texts = joined.split(",")
    if len(texts) != rows:
        raise ValueError
    return texts


def _server_sums(ask: Ask) -> Groups:
    """A server adds DECIMAL columns up exactly by itself."""
    c = t.coins.c
    kinds = (c.SIDE < 0, c.PART == 0, c.EXECID.like("MOVE:%"), c.EXECID.like("OPEN:%"))
    named = [c[name] for name in GROUP]
    first = len(GROUP) + 1
    places: list[sa.ColumnElement[Any]] = [sa.literal_column(str(n)) for n in range(first, first + len(kinds))]
    question = sa.select(*named, *kinds, sa.func.count(), *(
        sa.func.sum(one) for one in (c.QTY, sa.func.abs(c.QTY), c.SUMREAL, c.COMMISS))).group_by(*named, *places)
    found: Groups = {}
    for batch in ask(question, ()):
        for row in batch:
            is_funding, is_first, is_moved, is_opening, rows, *sums = row[len(GROUP):]
            what = is_funding * _FUNDING + is_first * _FIRST + is_moved * _MOVED + is_opening * _OPENING
            found[(*row[:len(GROUP)], what)] = Added(rows, *map(Decimal, sums))
    return found
