"""One EMI has one settlement currency for life, and one instrument while it holds a position. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.numbers import text
from core.rows import BookRow
from core.titles import full_name
from models import Category, Instrument, Key, Robot

Instruments = Callable[[Key], Instrument | None]


def change_problem(robot: Robot, books: Iterable[BookRow], instruments: Instruments) -> str:
    """Why a bot cannot trade the instrument its row names now, or "": what its books say, in every account."""
    mine = [book for book in books if book.emi == robot.emi]
    held = next((book for book in mine if book.pos and book.key != robot.key), None)
    if held is not None:
        return (f"{robot.emi} holds {text(held.pos)} {full_name(held.key)}: its symbol can change to "
                f"{full_name(robot.key)} when that is 0 (close or reassign it)")
    unit = settle_of(robot.key, mine, instruments)
    used = {settle_of(key, mine, instruments) for key in {book.key for book in mine if _is_used(book)}} - {""}
    if unit and used and unit not in used:
        return (f"{robot.emi} has books in {', '.join(sorted(used))}, {full_name(robot.key)} is settled in {unit}: a "
                "bot keeps its currency for life, take another name")
    return ""


def settle_of(key: Key, books: Iterable[BookRow], instruments: Instruments) -> str:
    """The settlement currency of an instrument (spot: the quote); of one not listed any more, what its books say."""
    instrument = instruments(key)
    if instrument is not None:
        return instrument.settle
    own = [book for book in books if book.key == key and _is_used(book)]
    return next((book.currency for book in own if book.fills or book.pos),
                next((book.currency for book in own if book.sumreal and key.category is not Category.SPOT), ""))


def _is_used(book: BookRow) -> bool:
    return bool(book.pos or book.sumreal or book.fees or book.funding or book.fills)
