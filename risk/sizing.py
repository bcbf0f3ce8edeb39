"""How much a bot trades: CAPITAL times the smallest quantity the venue takes. Pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from core.numbers import multiple_up, text
from models import Category, Instrument


def smallest_quantity(instrument: Instrument, mark: Decimal) -> Decimal:
    """The smallest quantity an order may have at this mark price, in whole lots. `mark` must be above zero."""
    if mark <= 0:
        raise ValueError(f"{instrument.key.symbol}: no quantity at a mark price of {text(mark)}")
    lots = max(Decimal(1), multiple_up(instrument.min_qty, instrument.lot) / instrument.lot)
    if instrument.min_notional > 0:
        value = instrument.lot * instrument.multiplier
        value = value / mark if instrument.key.category is Category.INVERSE else value * mark
        lots = max(lots, (instrument.min_notional / value).to_integral_value(ROUND_CEILING))
    return lots.to_integral_value() * instrument.lot


def entry_quantity(instrument: Instrument, capital: int, mark: Decimal) -> Decimal | str:
    """What a bot of this CAPITAL buys or sells in one market order, or the sentence why it cannot."""
    if capital < 1:
        return f"CAPITAL {capital}: a whole number of at least 1 is needed"
    smallest = smallest_quantity(instrument, mark)
    qty = capital * smallest
    return too_much(instrument, qty, f"CAPITAL {capital} × {text(smallest)}") or qty


def too_much(instrument: Instrument, qty: Decimal, made_of: str) -> str:
    """Why `qty` is more than one market order may have, or "". A limit of 0 is none."""
    limit = instrument.market_max_qty
    if not limit or qty <= limit:
        return ""
    return (f"{made_of} = {text(qty)} is more than the {text(limit)} {instrument.key.symbol} that one market order "
            f"may have")
