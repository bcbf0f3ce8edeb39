"""Request weights and order counts of spot. Orders count as long as they have no fill: a fill gives the place back."""

from __future__ import annotations

import time
from collections import deque

from simulator.clock import Clock
from simulator.errors import Refused
from simulator.limits import Limits

WEIGHT_LIMIT = 6000
ORDERS_10S = 100
ORDERS_1D = 200_000
RAW_5M = 300_000
DAY_S = 86400


class SpotLimits(Limits):
    """As the futures' counters, with spot's numbers and names."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.set_usual()
        self._placed: deque[float] = deque()

    def set_usual(self) -> None:
        """The limits without a fault."""
        self.weight_limit = WEIGHT_LIMIT
        self.orders_10s = ORDERS_10S
        self.orders_1d = ORDERS_1D

    def count_orders(self, count: int) -> None:
        """Count orders; refuse with -1015 over the limit."""
        ten, day = self.order_counts()
        if ten + count > self.orders_10s:
            raise Refused(-1015, f"Too many new orders; current limit is {self.orders_10s} orders per 10 SECOND.", 429)
        if day + count > self.orders_1d:
            raise Refused(-1015, f"Too many new orders; current limit is {self.orders_1d} orders per 1 DAY.", 429)
        self._placed.extend([time.monotonic()] * count)

    def filled(self) -> None:
        """An order had its first fill: one place is free again."""
        if self._placed:
            self._placed.pop()

    def forgive(self) -> None:
        """Forget what was used, and any ban (control)."""
        super().forgive()
        self._placed.clear()

    def order_counts(self) -> tuple[int, int]:
        """Unfilled orders of the last 10 seconds and of the last day."""
        now = time.monotonic()
        while self._placed and self._placed[0] <= now - DAY_S:
            self._placed.popleft()
        return sum(1 for at in self._placed if at > now - 10), len(self._placed)

    def headers(self, orders: bool) -> list[tuple[bytes, bytes]]:
        """The counters as response headers."""
        self._roll()
        used = str(self.used + self.extra).encode()
        out = [(b"x-mbx-used-weight", used), (b"x-mbx-used-weight-1m", used)]
        if orders:
            ten, day = self.order_counts()
            out += [(b"x-mbx-order-count-10s", str(ten).encode()), (b"x-mbx-order-count-1d", str(day).encode())]
        return out

    def rows(self) -> list[dict[str, object]]:
        """rateLimits of exchangeInfo."""
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
                  "limit": self.weight_limit}
        raw = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": RAW_5M}
        return [weight, *self.order_rows(), raw]

    def order_rows(self, counts: bool = False) -> list[dict[str, object]]:
        """The order limits, with what of them is used when asked."""
        ten, day = self.order_counts()
        rows: list[dict[str, object]] = [
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": self.orders_10s},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": self.orders_1d}]
        return [{**row, "count": count} for row, count in zip(rows, (ten, day), strict=True)] if counts else rows

    def used_rows(self) -> list[dict[str, object]]:
        """rateLimits in the answers of the WebSocket API."""
        self._roll()
        return [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight_limit,
                 "count": self.used + self.extra}]
