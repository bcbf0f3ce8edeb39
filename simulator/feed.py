"""The seeded strangers: they quote, pull, trade, follow trends and have bursts.

Everything they do are ordinary orders in the matching engine, so the account's orders meet them by price and time.
Random numbers and the "fair" price are floats; what reaches the book are whole ticks and lots.
"""

from __future__ import annotations

import random
import zlib

from simulator.exchange import Engine, Order
from simulator.instruments import Instrument

LEVELS = 45  # a side
SLACK = 12


class Crowd:
    """The strangers of one symbol. `step` is one heartbeat (ten a second)."""

    def __init__(self, instrument: Instrument, engine: Engine, seed: int, price: int) -> None:
        self.instrument = instrument
        self.engine = engine
        self.rng = random.Random(zlib.crc32(f"crowd:{seed}:{instrument.symbol}".encode()))
        self.fair = float(price)
        self._drift = 0.0
        self._heat = 1.0
        self._spread = 1
        self._left = 0  # heartbeats until the mood changes
        self.gap = max(1.0, price * 6e-6)  # usual distance of neighbouring levels in ticks
        self.fill_up()

    def step(self) -> None:
        """One heartbeat: perhaps a move, perhaps a trade, some quoting."""
        rng = self.rng
        if self._left <= 0:
            self._change_mood()
        self._left -= 1
        if rng.random() < 0.15 * self._heat * self.instrument.pace:
            sigma = self.instrument.volatility / 10.0
            self.fair = max(20.0, self.fair * (1.0 + self._drift + rng.gauss(0.0, sigma * self._heat)))
            self._follow()
        if rng.random() < 0.16 * self._heat * self.instrument.pace:
            self.take(1 if rng.random() < 0.5 + self._drift * 50000 else -1, self._size(0.5))
        if rng.random() < 0.7 * self.instrument.pace:
            self._requote(1 if rng.random() < 0.5 else -1)
        if rng.random() < 0.5:
            self._tighten(1 if rng.random() < 0.5 else -1)

    def take(self, side: int, lots: int, price: int = 0) -> Order:
        """A stranger's market order (or limit IOC when a price is given), as it ended."""
        order = Order(self.instrument.symbol, side, price, lots, kind="LIMIT" if price else "MARKET", tif="IOC")
        self.engine.submit(order)
        return order

    def quote(self, side: int, price: int, lots: int) -> None:
        """A stranger's limit order."""
        if price > 0:
            self.engine.submit(Order(self.instrument.symbol, side, price, lots))

    def move_to(self, price: int) -> None:
        """Trade the market to `price`: every order on the way is filled, the last trade is at `price`."""
        for side in (1, -1):
            book = self.engine.sides[-side]
            best = book.best
            if best is not None and (price - best) * side >= 0:
                lots = sum(book.levels[p].total for p in book.levels if (price - p) * side >= 0)
                self.take(side, lots, price)
        self.quote(-1, price, 1)
        self.take(1, 1, price)
        self.fair = float(price)
        for side in (1, -1):  # quotes left far away would look odd beside the new price
            for old in list(self.engine.sides[side].levels):
                if abs(old - price) > self.gap * LEVELS * 3:
                    self._pull(side, old)
        self.fill_up()

    def fill_up(self) -> None:
        """Bring both sides to dozens of levels, thick near the fair price and thinner away from it."""
        reach = self.gap * LEVELS
        for side in (1, -1):
            book = self.engine.sides[side]
            self._tighten(side)
            for key in [k for k in book.keys[: len(book.keys) // 2] if (self.fair - k * side) * side > 2.5 * reach]:
                self._pull(side, key * side)
            top = book.best or round(self.fair) - side
            for _ in range(4 * LEVELS):
                if len(book.keys) >= LEVELS:
                    break
                away = self.rng.random() ** 1.6
                self.quote(side, top - side * int(1 + away * reach * 1.5), self._size(1.0 + 2.5 * away))
            while len(book.keys) > LEVELS + SLACK and self._pull(side, book.keys[0] * side):
                pass

    def _tighten(self, side: int) -> None:
        """Quote at the fair price when the best is away from it."""
        target = round(self.fair) - side * ((self._spread + 1) // 2)
        other = self.engine.best(-side)
        if other is not None and (target - other) * side >= 0:
            target = other - side
        best = self.engine.best(side)
        if best is None or (target - best) * side > 0:
            self.quote(side, target, self._size(0.4))

    def _change_mood(self) -> None:
        rng = self.rng
        self._left = rng.randint(80, 700)
        self._heat = rng.choice((0.5, 0.8, 1.0, 1.0, 1.4, 2.4))
        self._drift = rng.gauss(0.0, self.instrument.volatility / 250.0)
        self._spread = rng.choice((1, 1, 1, 2, 2, 3, 5))

    def _follow(self) -> None:
        """Take the way to the fair price: makers pull their quotes, a taker trades the rest."""
        half = (self._spread + 1) // 2
        for side in (1, -1):
            target = round(self.fair) - side * half
            book = self.engine.sides[-side]  # quotes that now stand on the wrong side of the fair price
            wrong = [p for p in book.prices(12) if (target - p) * side >= 0]
            if not wrong:
                continue
            for price in wrong[1:]:
                self._pull(-side, price)
            self.take(side, self._size(2.5), target)
        self.fill_up()

    def _requote(self, side: int) -> None:
        rng = self.rng
        book = self.engine.sides[side]
        top = book.best
        if top is None:
            self.fill_up()
            return
        if rng.random() < 0.55:
            price = top - side * int(rng.expovariate(1.0 / (self.gap * 8)))
            self.quote(side, price, self._size(0.8))
        else:
            self._pull(side, book.keys[-1 - min(int(rng.expovariate(0.1)), len(book.keys) - 1)] * side)
        if len(book.keys) < LEVELS:
            self.fill_up()

    def _pull(self, side: int, price: int) -> bool:
        """Cancel the strangers' orders at a price; False when only the account's remain there."""
        level = self.engine.sides[side].levels.get(price)
        if level is None:
            return True
        for order in [o for o in level.orders if not o.mine]:
            self.engine.remove(order)
        return price not in self.engine.sides[side].levels

    def _size(self, factor: float) -> int:
        spread = self.rng.random() ** 2 * 3 + 0.05
        return max(1, int(self.instrument.typical_lots * factor * spread * 0.6))
