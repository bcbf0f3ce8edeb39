"""The account's money: positions, profit, fees, margin. Exact decimals, pure functions, own formulas.

A position is one signed quantity with an average entry price; in hedge mode there is one for each position side.
What a quantity is worth is the business of `Linear` (USD-M: coins, paid in the quote) and `Inverse` (COIN-M:
contracts of so many dollars, paid in the coin). Nobody is liquidated by a bad price: a losing account keeps its
position and is merely refused new risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Protocol

CENT = Decimal("0.00000001")  # the smallest amount the wallet knows
ENTRY_STEP = Decimal("0.000000000001")
MAKER_RATE = Decimal("0.0002")
TAKER_RATE = Decimal("0.0005")
COIN_MAKER_RATE = Decimal("0.0001")
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
    """Signed quantity (coins or contracts) and its average entry price (0 when flat)."""

    qty: Decimal = ZERO
    entry: Decimal = ZERO


class Sums(Protocol):
    """What quantities are worth in the coin of the margin. Quantities are signed."""

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """Worth of a quantity at a price."""

    def profit(self, qty: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """What a position of `qty` gained on the way from `entry` to `price`."""

    def average(self, qty: Decimal, entry: Decimal, more: Decimal, price: Decimal) -> Decimal:
        """Entry price of a position that was added to."""

    def ruin(self, qty: Decimal, entry: Decimal, wallet: Decimal) -> Decimal:
        """The price at which a position would have used up the wallet; 0 when there is none."""


@dataclass(frozen=True, slots=True)
class Linear:
    """USD-M: a quantity is coins."""

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """Quote coins."""
        return qty * price

    def profit(self, qty: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """Quote coins."""
        return qty * (price - entry)

    def average(self, qty: Decimal, entry: Decimal, more: Decimal, price: Decimal) -> Decimal:
        """Weighted."""
        return (qty * entry + more * price) / (qty + more)

    def ruin(self, qty: Decimal, entry: Decimal, wallet: Decimal) -> Decimal:
        """Where qty × move = wallet."""
        return max(ZERO, entry - wallet / qty)


@dataclass(frozen=True, slots=True)
class Inverse:
    """COIN-M: a quantity is contracts of `size` dollars each."""

    size: Decimal

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """Base coins."""
        return qty * self.size / price

    def profit(self, qty: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """Base coins: dollars are the fixed side, so prices stand below the line."""
        return qty * self.size * (1 / entry - 1 / price)

    def average(self, qty: Decimal, entry: Decimal, more: Decimal, price: Decimal) -> Decimal:
        """Harmonic."""
        return (qty + more) / ((qty / entry if qty else ZERO) + more / price)

    def ruin(self, qty: Decimal, entry: Decimal, wallet: Decimal) -> Decimal:
        """A short of less than the wallet's dollars has none."""
        below = 1 / entry + wallet / (qty * self.size)
        return 1 / below if below > 0 else ZERO


LINEAR = Linear()


def after_fill(position: Position, qty: Decimal, price: Decimal, sums: Sums = LINEAR) -> tuple[Position, Decimal]:
    """Position after a fill of signed `qty` at `price`, and the profit realised by it (before fees)."""
    with localcontext() as context:
        context.prec = 40
        new_qty = position.qty + qty
        if position.qty * qty >= 0:  # opened or added to
            entry = sums.average(position.qty, position.entry, qty, price)
            return Position(new_qty, entry.quantize(ENTRY_STEP, ROUND_HALF_UP)), ZERO
        closed = min(abs(qty), abs(position.qty))
        direction = 1 if position.qty > 0 else -1
        realised = to_cents(sums.profit(closed * direction, position.entry, price))
        if new_qty == 0:
            return Position(), realised
        if new_qty * position.qty > 0:
            return Position(new_qty, position.entry), realised
        return Position(new_qty, price), realised  # turned over: the rest begins at this price


def usual_rates(sums: Sums = LINEAR) -> tuple[Decimal, Decimal]:
    """Of makers and of takers."""
    return (MAKER_RATE if sums is LINEAR else COIN_MAKER_RATE), TAKER_RATE


def commission(qty: Decimal, price: Decimal, maker: bool, sums: Sums = LINEAR,
               rates: tuple[Decimal, Decimal] | None = None) -> Decimal:
    """Fee of a fill in the coin of the margin, positive = paid; `rates` of makers and takers where not the usual."""
    makers, takers = rates or usual_rates(sums)
    return to_cents(sums.value(abs(qty), price) * (makers if maker else takers))


def funding_amount(qty: Decimal, mark: Decimal, rate: Decimal, sums: Sums = LINEAR) -> Decimal:
    """Change of the wallet at a funding time: with a positive rate longs pay, so theirs is negative."""
    return -to_cents(sums.value(qty, mark) * rate)


def unrealised(position: Position, mark: Decimal, sums: Sums = LINEAR) -> Decimal:
    """Profit not yet taken, at the mark price."""
    return to_cents(sums.profit(position.qty, position.entry, mark)) if position.qty else ZERO


def initial_margin(position_value: Decimal, buys: Decimal, sells: Decimal, leverage: int) -> Decimal:
    """Margin of one symbol: the larger of what all buys or all sells would leave. position_value is signed."""
    return max(abs(position_value + buys), abs(position_value - sells), abs(position_value)) / leverage
