"""Kept sums and the rows they sum: the exact check, rebuilding after a change by hand, and sums of earlier. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from accounting.position import after_fill, realised
from core.rows import BOOK_KEY, RENAMED, TRANSFER, BookRow, CoinRow, book_key
from engine.view import TradeLine
from models import ZERO, Key, Side

EVERYTHING = ":all"          # ends the EXECID of a transfer where a bot was merged into another


def fold(rows: Iterable[CoinRow], before: Iterable[BookRow] = ()) -> tuple[BookRow, ...]:
    """The sums of ledger rows, oldest first, exactly as booking keeps them; on top of those `before`."""
    books: dict[BOOK_KEY, BookRow] = {book_key(row): row for row in before}
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
            volume=old.volume + (abs(row.qty) if not is_opening(row) and not is_transfer(row) else 0),
            fills=old.fills + (1 if row.part == 0 and not is_transfer(row) else 0))
    return tuple(books.values())


def books_before(books: Iterable[BookRow], rows: Iterable[CoinRow]) -> dict[BOOK_KEY, BookRow]:
    """The kept sums as they were before these rows: sums minus what the rows added (volume and fills included).

    Who took over everything meanwhile has begun with both owners' sums.
    """
    rows = tuple(rows)
    result = {book_key(row): row for row in books}
    for row in rows:
        name = (row.account, row.key, row.emi, row.currency)
        old = result.get(name)
        if old is None:
            continue
        is_funding = row.side < 0
        result[name] = replace(
            old, pos=old.pos - (ZERO if is_funding else row.qty), sumreal=old.sumreal - row.sumreal,
            fees=old.fees - (ZERO if is_funding else row.commiss),
            funding=old.funding - (row.commiss if is_funding else ZERO),
            volume=old.volume - (ZERO if is_funding or is_transfer(row) else abs(row.qty)), entry=None)
    for row in rows:
        giver, taker = ((row.account, row.key, emi, row.currency) for emi in (row.emi, row.refer))
        if moves_everything(row) and not row.part % 2 and giver in result and taker in result:
            given = result[giver]
            result[taker] = together(result[taker], given)
            result[giver] = BookRow(row.key, row.account, row.emi, row.currency)
    return result


def together(one: BookRow, other: BookRow) -> BookRow:
    """The sums of two owners, as the first one's; what was traded stays with who traded it."""
    return replace(one, pos=one.pos + other.pos, sumreal=one.sumreal + other.sumreal, fees=one.fees + other.fees,
                   funding=one.funding + other.funding, entry=None)


def trade_lines(books: Iterable[BookRow], newest: Sequence[CoinRow],
                multiplier: Callable[[Key], Decimal | None]) -> list[TradeLine]:
    """The newest fills (given newest first) as shown, newest first; transfers among them move positions only.

    A fee paid in another currency is a row of its own: it is the fill's fee. What a fill realised is known from where
    its owner was flat within these rows; before that it stays unknown.
    """
    lines: list[TradeLine] = []
    fees = {(row.account, row.exec_id): row for row in newest if row.part and row.commiss and not is_transfer(row)}
    newest = [row for row in newest if not row.part or is_transfer(row)]
    sums: dict[tuple[Key, str], Decimal] = {}
    for row in newest:
        sums[(row.key, row.emi)] = sums.get((row.key, row.emi), ZERO) + row.qty
    positions: dict[tuple[Key, str], Decimal] = {}       # an owner has a row for each currency, one holds the position
    for book in books:
        positions[(book.key, book.emi)] = positions.get((book.key, book.emi), ZERO) + book.pos
    held: dict[tuple[Key, str], tuple[Decimal, Decimal | None]] = {
        name: (positions.get(name, ZERO) - moved, None) for name, moved in sums.items()}
    for row in reversed(newest):
        name = (row.key, row.emi)
        pos, entry = held.get(name, (ZERO, None))
        value = multiplier(row.key)
        gained = realised(row.key.category, pos, entry, row.qty, row.trade_price, value) if value is not None else None
        known = entry is not None or not pos
        after, new_entry = after_fill(row.key.category, pos, entry, row.qty, row.trade_price)
        crossed = not after or not pos or (after > 0) != (pos > 0)
        held[name] = (after, new_entry if known or crossed else None)
        if is_transfer(row):
            continue
        fee = row if row.commiss else fees.get((row.account, row.exec_id), row)
        lines.append(TradeLine(row.id, row.key, row.time, Side.SELL if row.side == 1 else Side.BUY, abs(row.qty),
                               row.trade_price, fee.commiss, fee.currency, row.emi, row.exec_id, gained,
                               row.sumreal, after, row.booked))
    lines.reverse()
    return lines


def is_opening(row: CoinRow) -> bool:
    """Whether a person took over a position with this row."""
    return row.exec_id.startswith("OPEN:")


def is_transfer(row: CoinRow) -> bool:
    """Whether this row moves books from one owner to another; nothing was traded."""
    return row.exec_id.startswith(TRANSFER)


def moves_everything(row: CoinRow) -> bool:
    """Whether the giver of this transfer has handed over all it had, results included."""
    return is_transfer(row) and row.exec_id.endswith((EVERYTHING, RENAMED))


def renames(row: CoinRow) -> bool:
    """Whether this row takes the books from a name that is given up (EMI) for another one (REFER)."""
    return is_transfer(row) and row.exec_id.endswith(RENAMED) and not row.part % 2


def zeroed(kept: Iterable[BookRow], right: Iterable[BookRow]) -> tuple[BookRow, ...]:
    """What must be written so that the kept sums become the right ones, those without rows included."""
    made = {book_key(row): BookRow(row.key, row.account, row.emi, row.currency) for row in kept}
    made.update({book_key(row): row for row in right})
    return tuple(made.values())
