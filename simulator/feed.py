"""The seeded strangers: they quote, pull, trade, follow trends and have bursts.

Everything they do are ordinary orders in the matching engine, so the account's orders meet them by price and time.
Random numbers and the "fair" price are floats; what reaches the book are whole ticks and lots.

The books look like those of a busy contract: nearly every tick near the touch is quoted, further away fewer are; most
levels are small, some large, and levels at round prices larger still. Which far ticks are quoted is a habit of their
price, so a level does not come and go with every step of the market.
"""

from __future__ import annotations

import random
import zlib

from simulator.exchange import Engine, Order
from simulator.instruments import Instrument

NEAR = 45            # ticks from the touch that are nearly all quoted
FULL = 0.97          # share of them that is
REACH = 1.2e-3       # of the price: as far as strangers quote …
LEAST_REACH = 160    # … but never fewer ticks
STAYS = 2.0          # times the density: until then a level the market has left behind stays
PULL_BEYOND = 1.4    # times the reach: quotes left behind by the market go
SPREADS = (1, 1, 1, 1, 1, 1, 2, 3)
SKEW, USUAL = 1.15, 0.55   # of the sizes: many small, few large; USUAL × typical_lots is their mean at factor 1


class Crowd:
    """The strangers of one symbol. `step` is one heartbeat (ten a second)."""

    def __init__(self, instrument: Instrument, engine: Engine, seed: int, price: int) -> None:
        self.instrument = instrument
        self.engine = engine
        self.rng = random.Random(zlib.crc32(f"crowd:{seed}:{instrument.kept_as}".encode()))
        self.fair = float(price)
        self._drift = 0.0
        self._heat = 1.0
        self._spread = 1
        self._left = 0  # heartbeats until the mood changes
        self._wide = 0  # heartbeats until the spread is one tick again
        self.reach = max(LEAST_REACH, int(price * REACH))
        self._habit = [self.rng.random() for _ in range(4096)]  # by price: how far from the touch it is quoted already
        self._density = [FULL * min(1.0, NEAR / away) for away in range(1, self.reach + 1)]
        self.fill_up()

    def step(self) -> None:
        """One heartbeat: perhaps a move, perhaps a trade, some quoting."""
        rng = self.rng
        if self._left <= 0:
            self._change_mood()
        self._left -= 1
        if self._wide <= 0 and rng.random() < 0.01:
            self._spread, self._wide = rng.choice(SPREADS), rng.randint(3, 30)
        self._wide -= 1
        if self._wide <= 0:
            self._spread = 1
        if rng.random() < 0.15 * self._heat * self.instrument.pace:
            sigma = self.instrument.volatility / 10.0
            self.fair = max(20.0, self.fair * (1.0 + self._drift + rng.gauss(0.0, sigma * self._heat)))
            self._follow()
        if rng.random() < 0.16 * self._heat * self.instrument.pace:
            self.take(1 if rng.random() < 0.5 + self._drift * 50000 else -1, self._size(0.45))
        for side in (1, -1):
            if rng.random() < 0.6 * self.instrument.pace:
                self._requote(side)
            if rng.random() < 0.5:
                self._tighten(side)

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
        self.quote(-1, price, self.instrument.crowd_step)
        self.take(1, self.instrument.crowd_step, price)
        self.fair = float(price)
        self._spread, self._wide = 1, 0  # a price given by hand is the middle: one tick to either side
        self.fill_up()

    def fill_up(self) -> None:
        """Quote both sides as the habit is: nearly every tick near the touch, fewer away from it, none far away."""
        habit, density, rng = self._habit, self._density, self.rng
        for side in (1, -1):
            book = self.engine.sides[side]
            self._tighten(side)
            best = book.best
            top = round(self.fair) - side if best is None else best
            for away in range(1, min(self.reach, top - 1 if side > 0 else self.reach)):
                price = top - side * away
                if price in book.levels:
                    if habit[price & 4095] > STAYS * density[away]:
                        self._pull(side, price)
                elif habit[price & 4095] < density[away]:
                    self.quote(side, price, self._level_size(price, away))
            limit = int(self.reach * PULL_BEYOND * (0.9 + 0.2 * rng.random()))
            edge = (top - side * limit) * side  # keys ascend towards the best
            for key in [k for k in book.keys[: max(0, len(book.keys) - NEAR)] if k < edge]:
                self._pull(side, key * side)

    def _tighten(self, side: int) -> None:
        """Quote at the fair price when the best is away from it."""
        target = round(self.fair) - side * ((self._spread + 1) // 2)
        other = self.engine.best(-side)
        if other is not None and (target - other) * side >= 0:
            target = other - side
        best = self.engine.best(side)
        if best is None or (target - best) * side > 0:
            self.quote(side, target, self._level_size(target, 0))

    def _change_mood(self) -> None:
        rng = self.rng
        self._left = rng.randint(80, 700)
        self._heat = rng.choice((0.5, 0.8, 1.0, 1.0, 1.4, 2.4))
        self._drift = rng.gauss(0.0, self.instrument.volatility / 250.0)

    def _follow(self) -> None:
        """Take the way to the fair price: some trade at the old best, makers pull their quotes, the rest is swept."""
        half = (self._spread + 1) // 2
        for side in (1, -1):
            target = round(self.fair) - side * half
            book = self.engine.sides[-side]  # quotes that now stand on the wrong side of the fair price
            best = book.best
            if best is None or (target - best) * side < 0:
                continue
            self.take(side, self._size(0.2), best)
            for key in [k for k in reversed(book.keys[-2 * self.reach:]) if (target * -side) <= k]:
                self._pull(-side, key * -side)
            self.quote(-side, target, self._size(0.2))
            lots = sum(book.levels[p].total for p in book.prices(2 * self.reach) if (target - p) * side >= 0)
            if lots:
                self.take(side, min(lots, 20 * self.instrument.typical_lots), target)
        self.fill_up()

    def _requote(self, side: int) -> None:
        """Somebody near the touch thinks again: another size, more behind it, or nothing for a moment."""
        rng = self.rng
        keys = self.engine.sides[side].keys
        if not keys:
            self.fill_up()
            return
        away = min(int(rng.expovariate(1 / 12)), len(keys) - 1)
        price = keys[-1 - away] * side
        choice = rng.random()
        if choice < 0.75 and not self._pull(side, price):
            return
        if choice < 0.6 or choice >= 0.75:
            self.quote(side, price, self._level_size(price, away))

    def _pull(self, side: int, price: int) -> bool:
        """Cancel the strangers' orders at a price; False when only the account's remain there."""
        level = self.engine.sides[side].levels.get(price)
        if level is None:
            return True
        for order in [o for o in level.orders if not o.mine]:
            self.engine.remove(order)
        return price not in self.engine.sides[side].levels

    def _level_size(self, price: int, away: int) -> int:
        """What a stranger quotes: thicker at the touch, further away, and at round prices; now and then a wall."""
        factor = 4.0 if away < 2 else 1.3 + 1.5 * away / self.reach
        if not price % 100:
            factor *= 4.0
        elif not price % 10:
            factor *= 1.8
        return self._size(factor * (6.0 if self.rng.random() < 0.03 else 1.0))

    def _size(self, factor: float) -> int:
        size = self.rng.lognormvariate(-SKEW * SKEW / 2, SKEW) * USUAL
        step = self.instrument.crowd_step
        return max(1, int(self.instrument.typical_lots * factor * size / step)) * step
