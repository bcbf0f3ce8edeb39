"""What the rows of `coins` add up to, exactly, for each owner, instrument and currency: the check of the kept sums.

SQLite would add numbers up in floats, so it only gathers them: a block of rows comes back as one text of numbers for
each group, and they are added up here as Decimals while the driver gathers the next block on a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, NamedTuple, TypeVar

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
_Item = TypeVar("_Item")

BLOCK = 2_000            # rows: sorting many short blocks by group is cheaper than sorting all
_LEAST, _LAST = -(1 << 63), (1 << 63) - 1    # the IDs there can be
GROUP = ("MARKET", "ACCOUNT", "CATEGORY", "SYMBOL", "EMI", "CURRENCY")

# What a row is: funding or not, a fact's first part or not, moved between owners, an opening; a trade otherwise.
_FUNDING, _FIRST, _MOVED, _OPENING = 1, 2, 4, 8
_BLOCK_END = "SELECT ID FROM coins WHERE ID > ? ORDER BY ID LIMIT 1 OFFSET ?"
# The columns most rows differ in come first: the sort looks at the others only where these are equal.
_BLOCK_SUMS = """
    SELECT MARKET, ACCOUNT, CATEGORY, SYMBOL, EMI, CURRENCY,
        (SIDE < 0) * 1 + (PART = 0) * 2 + CASE
            WHEN EXECID >= 'OPEN;' OR EXECID < 'MOVE:' THEN 0 WHEN EXECID < 'MOVE;' THEN 4
            WHEN EXECID >= 'OPEN:' THEN 8 ELSE 0 END AS KIND,
        count(*), group_concat(QTY), group_concat(SUMREAL), group_concat(COMMISS)
    FROM coins WHERE ID > ? AND ID <= ?
    GROUP BY EMI, KIND, SYMBOL, CURRENCY, CATEGORY, ACCOUNT, MARKET"""


class Added(NamedTuple):
    """Rows of one group and kind, added up. `traded`: quantities without their signs."""

    rows: int = 0
    qty: Decimal = ZERO
    traded: Decimal = ZERO
    sumreal: Decimal = ZERO
    commiss: Decimal = ZERO


Groups = dict[tuple[Any, ...], Added]      # by the columns of `GROUP` and the kind


def row_sums(ask: Ask, kind: str, on_rows: Callable[[int], object]) -> dict[BOOK_KEY, BookRow]:
    """The sums of all rows of a database of this kind, sqlite or mysql; entries left out."""
    with localcontext(LEDGER_CONTEXT):
        found: dict[BOOK_KEY, BookRow] = {}
        for (*group, what), added in (_server_sums(ask) if kind == "mysql" else _file_sums(ask, on_rows)).items():
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


def _file_sums(ask: Ask, on_rows: Callable[[int], object]) -> Groups:
    found: Groups = {}
    for batch in _ahead(_blocks(ask)):
        for *group, rows, quantities, values, fees in batch:
            name = tuple(group)
            old = found.get(name) or Added()
            numbers = _numbers(group, rows, quantities)
            found[name] = Added(
                old.rows + rows, sum(numbers, old.qty), sum(map(abs, numbers), old.traded),
                sum(_numbers(group, rows, values), old.sumreal), sum(_numbers(group, rows, fees), old.commiss))
        on_rows(sum(row[len(GROUP) + 1] for row in batch))
    return found


def _blocks(ask: Ask) -> Iterator[Batch]:
    """The groups of each block of rows, oldest first."""
    last = _LEAST
    while last != _LAST:
        end = next((row[0] for batch in ask(_BLOCK_END, (last, BLOCK - 1)) for row in batch), _LAST)
        yield [row for batch in ask(_BLOCK_SUMS, (last, end)) for row in batch]
        last = end


def _ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same, each made on another thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item


def _numbers(group: Sequence[Any], rows: int, joined: str) -> list[Decimal]:
    """The numbers of a group's column."""
    try:
        numbers = list(map(Decimal, joined.split(",")))
    except InvalidOperation:
        numbers = []
    if len(numbers) != rows:             # SQLite lets people type anything
        raise LedgerError(f"a row of {group[4]} in {group[3]} ({group[0]} account {group[1]}) has something in QTY, "
                          "SUMREAL or COMMISS that is no number; nothing was changed")
    return numbers


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
