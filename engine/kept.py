"""Kept sums from the rows they sum: the exact check, and rebuilding them after a change by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from accounting.position import after_fill
from core.rows import BOOK_KEY, BookRow, CoinRow, book_key


def fold(rows: Iterable[CoinRow]) -> tuple[BookRow, ...]:
    """The sums of ledger rows, oldest first, exactly as booking keeps them."""
    books: dict[BOOK_KEY, BookRow] = {}
    for row in rows:
        name = (row.account, row.key, row.emi, row.currency)
        old = books.get(name) or BookRow(row.key, row.account, row.emi, row.currency)
        if row.side < 0:
            books[name] = replace(old, funding=old.funding + row.commiss)
            continue
        pos, entry = (after_fill(row.key.category, old.pos, old.entry, row.qty, row.trade_price)
                      if row.qty else (old.pos, old.entry))
        books[name] = replace(
            old, pos=pos, entry=entry, sumreal=old.sumreal + row.sumreal, fees=old.fees + row.commiss,
            volume=old.volume + (abs(row.qty) if not is_opening(row) else 0),
            fills=old.fills + (1 if row.part == 0 else 0))
    return tuple(books.values())


def is_opening(row: CoinRow) -> bool:
    """Whether a person took over a position with this row."""
    return row.exec_id.startswith("OPEN:")


def zeroed(kept: Iterable[BookRow], right: Iterable[BookRow]) -> tuple[BookRow, ...]:
    """What must be written so that the kept sums become the right ones, those without rows included."""
    made = {book_key(row): BookRow(row.key, row.account, row.emi, row.currency) for row in kept}
    made.update({book_key(row): row for row in right})
    return tuple(made.values())
