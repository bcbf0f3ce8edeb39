"""How one funding amount is shared among the owners of a position (rules of the ledger, section 4). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from accounting.value import COMMISS_PLACES, exact_value
from core.numbers import LEDGER_CONTEXT, decimals, half_up
from models import ZERO, Category


def exact_funding(category: Category, qty: Decimal, mark: Decimal, multiplier: Decimal, rate: Decimal) -> Decimal:
    """Funding of a position before rounding, positive = paid: q·coef/p·rate for inverse, q·p·coef·rate for the rest.

    A positive rate lets longs pay (BitMEX: "Funding", Binance: fundingRate).
    """
    value = exact_value(category, qty, mark, multiplier)
    return LEDGER_CONTEXT.multiply(value if category is Category.INVERSE else -value, rate)


def minor_unit(market: str, currency: str) -> Decimal:
    """What funding is rounded to: 1 satoshi, 1e-6 USDT on BitMEX, 1e-8 of everything on Binance."""
    if market == "Bitmex" and currency.casefold() in ("usdt", "usdc"):
        return Decimal("1e-6")
    return Decimal("1e-8")


def by_formula(category: Category, positions: Sequence[Decimal], mark: Decimal, multiplier: Decimal, rate: Decimal,
               unit: Decimal) -> list[Decimal]:
    """The share of each position where the venue tells mark and rate, rounded to the minor unit."""
    return [_rounded(exact_funding(category, qty, mark, multiplier, rate), unit) for qty in positions]


def by_position(amount: Decimal, positions: Sequence[Decimal], account: Decimal, unit: Decimal) -> list[Decimal]:
    """The share of each position where the venue tells the amount alone: amount × position / account's position.

    An account that is flat by the ledger gives nobody a share.
    """
    if not account:
        return [ZERO for _ in positions]
    return [_rounded(LEDGER_CONTEXT.divide(LEDGER_CONTEXT.multiply(amount, qty), account), unit) for qty in positions]


def _rounded(share: Decimal, unit: Decimal) -> Decimal:
    return half_up(share, min(decimals(unit), COMMISS_PLACES))
