"""Leverage brackets of the futures: the larger the position, the less leverage and the more maintenance margin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simulator.money import MAINTENANCE, ZERO


@dataclass(frozen=True, slots=True)
class Bracket:
    """Positions of a worth between floor and cap (quote coins on USD-M, coins on COIN-M)."""

    leverage: int
    floor: int
    cap: int
    ratio: Decimal  # of maintenance
    cum: Decimal  # what the ratio would take too much, because lower brackets have lower ones


def stack(rows: list[tuple[int, int, Decimal]]) -> tuple[Bracket, ...]:
    """Brackets of (leverage, cap, ratio), smallest first."""
    out: list[Bracket] = []
    for leverage, cap, ratio in rows:
        floor = out[-1].cap if out else 0
        cum = out[-1].cum + floor * (ratio - out[-1].ratio) if out else ZERO
        out.append(Bracket(leverage, floor, cap, ratio, cum))
    return tuple(out)


RATIOS = (MAINTENANCE, Decimal("0.005"), Decimal("0.01"), Decimal("0.025"))
LEVERAGES = (125, 100, 50, 20)
USDM = stack(list(zip(LEVERAGES, (500_000, 2_000_000, 10_000_000, 100_000_000), RATIOS, strict=True)))
COINM = stack(list(zip(LEVERAGES, (50, 200, 500, 1000), RATIOS, strict=True)))


def of_family(family: int) -> tuple[Bracket, ...]:
    """The brackets of USD-M (1) or COIN-M (2)."""
    return USDM if family == 1 else COINM


def cap(family: int, leverage: int) -> int:
    """The largest position a leverage allows."""
    return max(b.cap for b in of_family(family) if b.leverage >= leverage)


def maintenance(family: int, value: Decimal) -> Decimal:
    """Maintenance margin of a position's worth."""
    found = next((b for b in of_family(family) if value <= b.cap), of_family(family)[-1])
    return value * found.ratio - found.cum
