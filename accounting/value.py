"""Values of fills and positions by category: the table of the ledger's rules, section 1."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard

from core.numbers import LEDGER_CONTEXT, half_up
from models import ZERO, Category

SUMREAL_PLACES = 12
COMMISS_PLACES = 15


def exact_value(category: Category, qty: Decimal, price: Decimal, multiplier: Decimal) -> Decimal:
    """SUMREAL of a fill before rounding: what the settlement currency gains; `qty` signed (+ bought).

    Inverse: + q·coef / p. All others: − q·p·coef.
    """
    if category is Category.INVERSE:
        return LEDGER_CONTEXT.divide(LEDGER_CONTEXT.multiply(qty, multiplier), price)
    return LEDGER_CONTEXT.minus(LEDGER_CONTEXT.multiply(LEDGER_CONTEXT.multiply(qty, price), multiplier))


def sumreal(category: Category, qty: Decimal, price: Decimal, multiplier: Decimal) -> Decimal:
    """SUMREAL of a fill, to 12 places, halves away from zero."""
    return half_up(exact_value(category, qty, price, multiplier), SUMREAL_PLACES)


def can_value(price: Decimal | None, category: Category) -> TypeGuard[Decimal]:
    """Whether a position can be valued at this price: it is known, and an inverse contract has no value at 0."""
    return price is not None and (bool(price) or category is not Category.INVERSE)


def closing_value(category: Category, position: Decimal, price: Decimal, multiplier: Decimal) -> Decimal:
    """What trading `position` away at `price` would add to ΣSUMREAL."""
    return sumreal(category, position.copy_negate(), price, multiplier)


def commission(category: Category, qty: Decimal, price: Decimal, multiplier: Decimal, rate: Decimal) -> Decimal:
    """COMMISS by the formula (positive = paid), to 15 places; used where the venue tells no amount, and to check it."""
    value = exact_value(category, qty, price, multiplier).copy_abs()
    return half_up(LEDGER_CONTEXT.multiply(value, rate), COMMISS_PLACES)


def rounded_fee(fee: Decimal | None) -> Decimal:
    """A fee as the venue told it, to the ledger's 15 places (None = it told none: 0)."""
    return ZERO if fee is None else half_up(fee, COMMISS_PLACES)
