"""Ledger rows that move books from one owner to another. Pure.

Rows are added in pairs with one EXECID, opposite in QTY, SUMREAL and COMMISS; REFER names the other side. Even PARTs
are the giver's, odd ones the taker's, so every pair sums to nothing and the account's sums stay. Nothing was traded:
such rows count neither as fills nor as volume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from accounting.position import after_fill
from accounting.value import SUMREAL_PLACES, sumreal
from core.numbers import half_up
from core.rows import RENAMED, TRANSFER, BookRow, CoinRow, book_key
from engine.booking import Booking
from engine.kept import EVERYTHING
from engine.state import MoveDay
from models import ZERO, Category, Instrument, Key

FUNDING = -1                 # SIDE of the rows that move funding


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer of one instrument's books. `time`: the venue's ms, `booked`: ours in µs."""

    key: Key
    account: str
    giver: str
    taker: str
    number: int              # never given out before: it makes the EXECID unique
    time: int
    booked: int

    @property
    def exec_id(self) -> str:
        """Of all its rows; within the column's 80 characters whatever the venue's names are."""
        key = self.key
        return f"{TRANSFER}{self.account[-10:]}:{key.category.value}:{key.symbol[:24]}:{self.time}:{self.number}"


@dataclass(frozen=True, slots=True)
class _Pair:
    """What goes from the giver's sums in one currency to the taker's: signed as the giver has it."""

    book: BookRow
    qty: Decimal = ZERO
    sumreal: Decimal = ZERO
    commiss: Decimal = ZERO
    price: Decimal = ZERO
    theor_price: Decimal = ZERO
    is_funding: bool = False


Books = Callable[[str, str], BookRow]        # (owner, currency) → the sums as they are


def move_position(transfer: Transfer, instrument: Instrument, qty: Decimal, price: Decimal, books: Books) -> Booking:
    """Move `qty` (signed as held) at a price, as if the two had traded with each other: the giver's result is its own.

    On spot the base coins go along.
    """
    category = transfer.key.category
    worth = sumreal(category, qty, price, instrument.multiplier)     # what the taker pays, the giver gets back
    pairs = [_Pair(books(transfer.giver, instrument.settle), qty, worth, price=price, theor_price=price)]
    if category is Category.SPOT:
        pairs.append(_Pair(books(transfer.giver, instrument.base), sumreal=half_up(qty, SUMREAL_PLACES), price=price,
                           theor_price=price))
    return _book(transfer, pairs, transfer.exec_id, books)


def move_everything(transfer: Transfer, held: Iterable[BookRow], books: Books, is_renamed: bool = False) -> Booking:
    """Move positions at their entry and every sum: afterwards the giver has nothing, the taker both results.

    Of a renamed bot there is a pair even where all sums are 0: it says what the bot was called.
    """
    pairs = []
    for book in sorted(held, key=lambda row: (not row.pos, row.currency)):
        if book.pos or book.sumreal or book.fees:
            pairs.append(_Pair(book, book.pos, book.sumreal, book.fees, book.entry or ZERO))
        if book.funding:
            pairs.append(_Pair(book, commiss=book.funding, is_funding=True))
        elif is_renamed and book.volume and not (book.pos or book.sumreal or book.fees):
            pairs.append(_Pair(book))
    return _book(transfer, pairs, transfer.exec_id + (RENAMED if is_renamed else EVERYTHING), books)


def days_moved(transfer: Transfer, booking: Booking) -> list[MoveDay]:
    """Where everything was moved: the day's beginnings go along, one for each currency."""
    givers = [row for row in booking.books if row.emi == transfer.giver]
    return [MoveDay(book_key(row), book_key(replace(row, emi=transfer.taker))) for row in givers]


def is_empty(book: BookRow) -> bool:
    """Whether there is nothing that could be moved."""
    return not (book.pos or book.sumreal or book.fees or book.funding)


def _book(transfer: Transfer, pairs: list[_Pair], exec_id: str, books: Books) -> Booking:
    coins: list[CoinRow] = []
    sums: dict[tuple[str, str], BookRow] = {}
    for pair in pairs:
        for emi, other, sign in ((transfer.giver, transfer.taker, -1), (transfer.taker, transfer.giver, 1)):
            name = (emi, pair.book.currency)
            row = _row(transfer, pair, exec_id, len(coins), emi, other, sign)
            coins.append(row)
            sums[name] = _added(sums.get(name) or books(*name), row)
    return Booking(tuple(coins), tuple(sums.values()), None)


def _row(transfer: Transfer, pair: _Pair, exec_id: str, part: int, emi: str, other: str, sign: int) -> CoinRow:
    qty = pair.qty * sign
    side = FUNDING if pair.is_funding else 1 if qty < 0 else 0
    return CoinRow(
        exec_id=exec_id, part=part, emi=emi, refer=other, key=transfer.key, account=transfer.account,
        currency=pair.book.currency, ticker=transfer.key.symbol, side=side, qty=qty, qty_rest=ZERO, price=pair.price,
        theor_price=pair.theor_price, trade_price=pair.price, sumreal=pair.sumreal * sign,
        commiss=pair.commiss * sign, time=transfer.time, booked=transfer.booked, cl_ord_number=0)


def _added(old: BookRow, row: CoinRow) -> BookRow:
    """The sums after one of the rows, exactly as `kept.fold` makes them."""
    if row.side == FUNDING:
        return replace(old, funding=old.funding + row.commiss)
    pos, entry = (after_fill(row.key.category, old.pos, old.entry, row.qty, row.trade_price)
                  if row.qty else (old.pos, old.entry))
    return replace(old, pos=pos, entry=entry, sumreal=old.sumreal + row.sumreal, fees=old.fees + row.commiss)
