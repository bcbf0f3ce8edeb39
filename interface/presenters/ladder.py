"""The ladder: rows of fixed prices, levels folded into them, own orders as chips. Pure.

The levels view is a ladder whose rows are exactly the venue's levels: it is made anew with each book.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.numbers import decimals, multiple_down, multiple_up
from engine.view import OrderLine
from interface.presenters.words import grouped
from models import Book, Instrument, Level, OrdStatus, Side, Top

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
LEAST_ROWS = 5           # a side, however small the window

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where the ladder stands: the first price under the spread row, the step, rows a side."""

    anchor: Decimal
    step: Decimal
    sides: int
    prices: tuple[Decimal, ...]      # top to bottom, without the spread row
    texts: tuple[str, ...]
    exact: bool = False              # the levels view; a row without a level has the price 0

    @property
    def top(self) -> Decimal:
        """Highest price shown."""
        return next((price for price in self.prices if price > 0), _ZERO) if self.exact else self.prices[0]

    def row(self, price: Decimal) -> int | None:
        """The row of exactly this price."""
        return self.prices.index(price) if price in self.prices else None


@dataclass(frozen=True, slots=True)
class LadderRow:
    """What stands beside one price: whose side, size, sum from the best on, and how long the sum's bar is (0…1)."""

    side: Side | None = None
    size: str = ""
    total: str = ""
    bar: float = 0.0


NO_ROW = LadderRow()


@dataclass(frozen=True, slots=True)
class Chip:
    """Own orders at one row."""

    row: int
    text: str
    side: Side
    kind: str                        # filled, hollow, hatched, waiting (for its trigger)
    orders: tuple[str, ...]


def make_ladder(mid: Decimal, step: Decimal, sides: int, instrument: Instrument) -> Ladder:
    """A ladder centred on `mid`."""
    anchor = multiple_down(mid, step)
    prices = tuple(anchor + step * rung for rung in range(sides, -sides, -1))
    places = decimals(instrument.tick)
    return Ladder(anchor, step, sides, prices, tuple(grouped(price, places) if price > 0 else "" for price in prices))


def make_levels(book: Book, sides: int, instrument: Instrument, before: Ladder | None = None) -> Ladder:
    """The best levels of each side, as many as there are rows; prices of `before` keep their words."""
    asks, bids = [price for price, _qty in book.asks[:sides]], [price for price, _qty in book.bids[:sides]]
    blank = [_ZERO] * sides
    prices = (*(blank + asks[::-1])[-sides:], *(bids + blank)[:sides])
    places = decimals(instrument.tick)
    known = dict(zip(before.prices, before.texts, strict=True)) if before is not None else {}
    texts = tuple(known.get(price) or (grouped(price, places) if price > 0 else "") for price in prices)
    return Ladder(bids[0] if bids else _ZERO, instrument.tick, sides, prices, texts, True)


def moved_rows(old: Ladder | None, new: Ladder) -> list[int]:
    """Which rows show another price than before."""
    if old is None or len(old.prices) != len(new.prices):
        return list(range(len(new.prices)))
    return [row for row, (before, now) in enumerate(zip(old.prices, new.prices, strict=True)) if before != now]


def middle(top: Top) -> Decimal:
    """Half way between the best pair."""
    return (top.bid + top.ask) / 2


def row_of(ladder: Ladder, price: Decimal, side: Side) -> int:
    """The row an order or level of this side folds into; may lie outside."""
    if ladder.exact:
        return _exact_row(ladder.prices, price, side)
    folded = multiple_down(price, ladder.step) if side is Side.BUY else multiple_up(price, ladder.step)
    return int((ladder.top - folded) / ladder.step)


def _exact_row(prices: Sequence[Decimal], price: Decimal, side: Side) -> int:
    """In rows that fall, with zeros where there is no level: the first one at or below a Buy, the last at or above a
    Sell; past the end where there is none."""
    first, end = 0, len(prices)
    while first < end and not prices[first]:
        first += 1
    while end > first and not prices[end - 1]:
        end -= 1
    low, high = first, end
    while low < high:                    # low becomes the first row below a Sell, at or below a Buy
        middle_row = (low + high) // 2
        if prices[middle_row] > price or (side is Side.SELL and prices[middle_row] == price):
            low = middle_row + 1
        else:
            high = middle_row
    if side is Side.BUY:
        return low if low < end else len(prices)
    return low - 1 if low > first else -1


def fold(ladder: Ladder, book: Book, instrument: Instrument, stale: bool = False) -> list[LadderRow]:
    """Sizes and sums for each row: bids fold down to the step, asks up."""
    places = decimals(instrument.lot)
    if ladder.exact:
        bids, asks = _listed(book.bids, ladder, Side.BUY), _listed(book.asks, ladder, Side.SELL)
    else:
        bids, asks = _folded(book.bids, ladder, Side.BUY), _folded(book.asks, ladder, Side.SELL)
    most = max([total for _size, total in bids.values()] + [total for _size, total in asks.values()], default=_ZERO)
    scale = 1 / float(most) if most else 0.0
    rows = [NO_ROW] * len(ladder.prices)
    for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
        for row, (size, total) in levels.items():
            rows[row] = LadderRow(side, grouped(size, places), grouped(total, places), float(total) * scale)
    return rows


def _folded(levels: Sequence[Level], ladder: Ladder, side: Side) -> dict[int, tuple[Decimal, Decimal]]:
    """Row → (size, sum from the best on), for the rows on the screen."""
    out: dict[int, tuple[Decimal, Decimal]] = {}
    total, top, step, last = _ZERO, ladder.top, ladder.step, len(ladder.prices) - 1
    buy = side is Side.BUY
    for price, qty in levels:
        total += qty
        distance = (top - price) / step
        row = int(distance)              # towards zero
        if distance != row:
            if buy and distance > 0:
                row += 1                 # a bid between two rows folds down
            elif not buy and distance < 0:
                row -= 1                 # an ask between two rows folds up
        if 0 <= row <= last:
            known = out.get(row)
            out[row] = (qty if known is None else known[0] + qty, total)
        elif (buy and row > last) or (not buy and row < 0):
            break
    return out


def _listed(levels: Sequence[Level], ladder: Ladder, side: Side) -> dict[int, tuple[Decimal, Decimal]]:
    """The same of the levels view: one level, one row."""
    out: dict[int, tuple[Decimal, Decimal]] = {}
    total, sides = _ZERO, ladder.sides
    for place, (_price, qty) in enumerate(levels[:sides]):
        total += qty
        out[sides + place if side is Side.BUY else sides - 1 - place] = (qty, total)
    return out


def chips(ladder: Ladder, orders: Iterable[OrderLine], instrument: Instrument) -> tuple[list[Chip], int, int]:
    """Own orders by row, and how many rest above and below the rows."""
    places = decimals(instrument.lot)
    by_row: dict[int, list[OrderLine]] = {}
    above = below = 0
    lowest = min((price for price in ladder.prices if price > 0), default=_ZERO) if ladder.exact else ladder.prices[-1]
    for order in orders:
        if order.at is None:
            continue                     # a market order, or a trailing stop that trails already
        row = row_of(ladder, order.at, order.side)
        if row < 0 or order.at > ladder.top:
            above += 1
        elif row >= len(ladder.prices) or order.at < lowest:
            below += 1
        else:
            by_row.setdefault(row, []).append(order)
    made = []
    for row, lines in sorted(by_row.items()):
        mark = "◇" if len(lines) == 1 and lines[0].trigger is not None else ""
        text = f"{len(lines)} ✕" if len(lines) > 1 else f"{mark}{grouped(lines[0].leaves, places)} ✕"
        made.append(Chip(row, text, lines[0].side, _kind(lines), tuple(line.id for line in lines)))
    return made, above, below


def _kind(lines: list[OrderLine]) -> str:
    if any(line.status is OrdStatus.UNKNOWN for line in lines):
        return "hatched"
    if any(line.status in (OrdStatus.PENDING_NEW, OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE)
           for line in lines):
        return "hollow"
    return "waiting" if all(line.trigger is not None for line in lines) else "filled"


def side_of_row(price: Decimal, top: Top, step: Decimal) -> Side:
    """The side that rests there: below the middle Buy, above it Sell."""
    if price <= multiple_down(top.bid, step):
        return Side.BUY
    if price >= multiple_up(top.ask, step):
        return Side.SELL
    return Side.BUY if price < middle(top) else Side.SELL


def spread_words(top: Top, book: Book, instrument: Instrument, ladder: Ladder) -> tuple[str, str]:
    """The spread, with an arrow to where it is when the fixed rows have stayed behind; and which side is heavier."""
    places = decimals(instrument.tick)
    bid = sum((qty for _price, qty in book.bids[:10]), _ZERO)
    ask = sum((qty for _price, qty in book.asks[:10]), _ZERO)
    share = f"imb {100 * bid / (bid + ask):.0f} % bid" if bid + ask else ""
    way = ""
    if not ladder.exact:
        way = " ↓" if top.ask <= ladder.anchor else " ↑" if top.bid >= ladder.anchor + ladder.step else ""
    return f"spread {grouped(top.ask - top.bid, places)}{way}", share
