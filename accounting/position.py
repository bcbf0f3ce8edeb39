"""How a fill changes a position and its entry price. Pure folds over signed quantities."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from accounting.value import exact_value, sumreal
from core.numbers import LEDGER_CONTEXT, half_up
from models import ZERO, Category

ENTRY_PLACES = 15     # as many as the ledger keeps


def average_entry(category: Category, parts: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Entry of several (signed qty, price): Σq / Σ(q/p) for inverse, Σqp / Σq for the rest; None when flat."""
    qty, value = ZERO, ZERO
    for part_qty, price in parts:
        qty += part_qty
        value += LEDGER_CONTEXT.divide(part_qty, price) if category is Category.INVERSE else part_qty * price
    if not qty or not value:
        return None
    entry = LEDGER_CONTEXT.divide(qty, value) if category is Category.INVERSE else LEDGER_CONTEXT.divide(value, qty)
    return half_up(entry, ENTRY_PLACES)


def after_fill(category: Category, position: Decimal, entry: Decimal | None, qty: Decimal,
               price: Decimal) -> tuple[Decimal, Decimal | None]:
    """Position and entry after a fill of signed `qty` at `price`.

    Growing averages the entry, shrinking keeps it, crossing zero starts anew at the fill's price.
    """
    new = position + qty
    if not new:
        return ZERO, None
    if not position or entry is None or (new > 0) != (position > 0):
        return new, price
    if abs(new) < abs(position):
        return new, entry
    return new, average_entry(category, ((position, entry), (qty, price)))


def realised(category: Category, position: Decimal, entry: Decimal | None, qty: Decimal, price: Decimal,
             multiplier: Decimal) -> Decimal | None:
    """What a fill realised against the entry, before fees; None when it closed nothing."""
    if not position or entry is None or (qty > 0) == (position > 0):
        return None
    closed = qty if abs(qty) <= abs(position) else -position
    gained = exact_value(category, closed, price, multiplier) - exact_value(category, closed, entry, multiplier)
    return half_up(gained, 12)


def value_at_entry(category: Category, position: Decimal, entry: Decimal | None, multiplier: Decimal) -> Decimal:
    """What closing a position at its entry would add to ΣSUMREAL."""
    return ZERO if not position or entry is None else sumreal(category, -position, entry, multiplier)
