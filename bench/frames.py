"""Seeded frames as the exchange sends them on the combined streams: the same bytes in every run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SYMBOL = "BTCUSDT"
COIN_SYMBOL = "BTCUSD_PERP"
LEVELS = 1000          # of the snapshot, a side
A_SIDE = 21            # levels of a diff, a side
MOVES = 0.3            # of a diff's levels appear or go; of a recorded session of 2021 it were 4 %
TICK = 0.1
START_MS = 1_700_000_000_000

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DepthSession:
    """A snapshot, the diffs that follow it, and the best prices after each of them."""

    snapshot: tuple[int, Pairs, Pairs]
    frames: list[str]
    best: list[tuple[float, float]]


def combined(stream: str, body: dict[str, Any]) -> str:
    """A frame of the combined form, without spaces, as on the wire."""
    return json.dumps({"stream": f"{body['s'].lower()}@{stream}", "data": body}, separators=(",", ":"))


def depth(count: int, seed: int = 1, product: str = "linear") -> DepthSession:
    """`count` diffs of 21 + 21 levels: the chain is whole, the book never crosses, its depth stays about the same.

    `product`: linear; inverse names its pair, too; spot has no time of its own and an unbroken chain without `pu`.
    """
    dice = random.Random(seed)
    middle = 500_000
    sides = [_Side(middle, -1, dice), _Side(middle, 1, dice)]
    snapshot = (1_000, sides[0].pairs(), sides[1].pairs())
    frames, best, last = [], [], 1_000
    for at in range(count):
        first, previous = last + 1 + dice.randrange(40) * (product != "spot"), last
        last = first + dice.randrange(200)
        if at == 0:
            first = 990       # the first diff spans the snapshot
        bids, asks = sides[0].change(), sides[1].change()
        time = START_MS + at * 100
        levels = {"b": bids, "a": asks}
        body: dict[str, Any] = {
            "e": "depthUpdate", "E": time + 4, "T": time, "s": SYMBOL, "U": first, "u": last, "pu": previous, **levels}
        if product == "inverse":
            body = {**body, "s": COIN_SYMBOL, "ps": "BTCUSD"}
        elif product == "spot":
            body = {"e": "depthUpdate", "E": time + 4, "s": SYMBOL, "U": first, "u": last, **levels}
        frames.append(combined("depth@100ms", body))
        best.append((sides[0].best, sides[1].best))
    return DepthSession(snapshot, frames, best)


class _Side:
    """One side of a market in ticks from the middle; `way` −1 for bids, 1 for asks."""

    def __init__(self, middle: int, way: int, dice: random.Random) -> None:
        self._middle, self._way, self._dice = middle, way, dice
        self._held = {away: self._qty() for away in dice.sample(range(1, LEVELS * 2), LEVELS)}
        self._near = sorted(self._held)

    def _qty(self) -> str:
        return f"{self._dice.randrange(1, 20_000) / 1000:.3f}"

    def _price(self, away: int) -> str:
        return f"{(self._middle + self._way * away) * TICK:.2f}"

    @property
    def best(self) -> float:
        """Its best price."""
        return float(self._price(self._near[0]))

    def pairs(self) -> Pairs:
        """All levels, best first."""
        return [(self._price(away), self._held[away]) for away in self._near]

    def change(self) -> Pairs:
        """The changed levels of one diff, most of them near the best price."""
        dice = self._dice
        told: dict[int, str] = {}
        while len(told) < A_SIDE:
            draw = dice.random()
            if draw < MOVES / 2:
                away = min(int(dice.expovariate(1 / 60)) + 1, LEVELS * 2)
                is_new = away not in self._held
                if not is_new:
                    continue
                self._held[away] = told[away] = self._qty()
            else:
                away = self._near[min(int(dice.expovariate(1 / 40)), len(self._near) - 1)]
                if away in told or away not in self._held:
                    continue
                if draw < MOVES:
                    del self._held[away]
                    told[away] = "0.000"
                else:
                    self._held[away] = told[away] = self._qty()
        self._near = sorted(self._held)
        return [(self._price(away), qty) for away, qty in sorted(told.items())]


def tops(count: int, seed: int = 2) -> list[str]:
    """bookTicker frames."""
    dice, frames = random.Random(seed), []
    for at in range(count):
        bid = 500_000 + dice.randrange(-50, 50)
        frames.append(combined("bookTicker", {
            "e": "bookTicker", "u": 600_860_427_282 + at, "s": SYMBOL, "b": f"{bid * TICK:.2f}",
            "B": f"{dice.randrange(1, 20_000) / 1000:.3f}", "a": f"{(bid + 1) * TICK:.2f}",
            "A": f"{dice.randrange(1, 20_000) / 1000:.3f}", "T": START_MS + at, "E": START_MS + at + 4}))
    return frames


def klines(count: int, each: int = 240, seed: int = 3) -> list[str]:
    """kline_1m frames, `each` of a candle, the last of them closed."""
    dice, frames = random.Random(seed), []
    price = 500_000
    for at in range(count):
        place, inside = divmod(at, each)
        price += dice.randrange(-9, 10)
        if inside == 0:
            opened = high = low = price
        high, low = max(high, price), min(low, price)
        begin = START_MS - START_MS % 60_000 + place * 60_000
        money: Callable[[int], str] = lambda ticks: f"{ticks * TICK:.2f}"   # noqa: E731 - used four times below
        volume = f"{inside * 1.5 + 1:.3f}"
        frames.append(combined("kline_1m", {
            "e": "kline", "E": begin + inside * 250, "s": SYMBOL, "k": {
                "t": begin, "T": begin + 59_999, "s": SYMBOL, "i": "1m", "f": 126_902_987 + at, "L": 126_902_990 + at,
                "o": money(opened), "c": money(price), "h": money(high), "l": money(low), "v": volume,
                "n": inside * 3 + 1, "x": inside == each - 1, "q": f"{inside * 75_000 + 50_000:.5f}",
                "V": volume, "Q": f"{inside * 37_000 + 25_000:.5f}", "B": "0"}}))
    return frames
