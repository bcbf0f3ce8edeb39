"""The account's money: positions, profit, fees, margin. Exact decimals, pure functions, own formulas.

One wallet in USDT. A position is one signed quantity with a weighted entry price; in hedge mode there is one for
each position side. Liquidation is left out: a losing account keeps its position and is merely refused new risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

CENT = Decimal("0.00000001")  # the smallest amount the wallet knows
ENTRY_STEP = Decimal("0.000000000001")
MAKER_RATE = Decimal("0.0002")
TAKER_RATE = Decimal("0.0005")
MAINTENANCE = Decimal("0.004")
ZERO = Decimal(0)


def to_cents(amount: Decimal) -> Decimal:
    """Round to the wallet's eight places, halves away from zero."""
    with localcontext() as context:
        context.prec = 40
        return amount.quantize(CENT, ROUND_HALF_UP)


def plain(amount: Decimal) -> str:
    """Shortest plain text of a decimal: no exponent, no trailing zeros, never "-0"."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


@dataclass(frozen=True, slots=True)
class Position:
    """Signed quantity in base coin and its average entry price (0 when flat)."""

    qty: Decimal = ZERO
    entry: Decimal = ZERO


def after_fill(position: Position, qty: Decimal, price: Decimal) -> tuple[Position, Decimal]:
    """Position after a fill of signed `qty` at `price`, and the profit realised by it (before fees)."""
    with localcontext() as context:
        context.prec = 40
        new_qty = position.qty + qty
        if position.qty * qty >= 0:  # opened or added to
            entry = (position.qty * position.entry + qty * price) / new_qty
            return Position(new_qty, entry.quantize(ENTRY_STEP, ROUND_HALF_UP)), ZERO
        closed = min(abs(qty), abs(position.qty))
        direction = 1 if position.qty > 0 else -1
        realised = to_cents(closed * direction * (price - position.entry))
        if new_qty == 0:
            return Position(), realised
        if new_qty * position.qty > 0:
            return Position(new_qty, position.entry), realised
        return Position(new_qty, price), realised  # turned over: the rest begins at this price


def commission(qty: Decimal, price: Decimal, maker: bool) -> Decimal:
    """Fee of a fill in USDT, positive = paid."""
    return to_cents(abs(qty) * price * (MAKER_RATE if maker else TAKER_RATE))


def funding_amount(qty: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """Change of the wallet at a funding time: with a positive rate longs pay, so theirs is negative."""
    return -to_cents(qty * mark * rate)


def unrealised(position: Position, mark: Decimal) -> Decimal:
    """Profit not yet taken, at the mark price."""
    return to_cents(position.qty * (mark - position.entry))


def initial_margin(position_value: Decimal, buys: Decimal, sells: Decimal, leverage: int) -> Decimal:
    """Margin of one symbol: the larger of what all buys or all sells would leave. position_value is signed."""
    return max(abs(position_value + buys), abs(position_value - sells), abs(position_value)) / leverage
