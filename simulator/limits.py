"""Request weights and order counts of the one address and account, with 429 and then 418 for who goes on."""

from __future__ import annotations

import time
from collections import deque

from simulator.clock import Clock
from simulator.errors import Refused

WEIGHT_LIMIT = 2400
ORDERS_10S = 300
ORDERS_1M = 1200
PATIENCE = 10  # requests over the limit before the ban
BAN_S = 120


class Limits:
    """Counters over the venue's own windows: weights by its clock's minutes, orders and bans by monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.weight_limit = WEIGHT_LIMIT
        self.orders_10s = ORDERS_10S
        self.orders_1m = ORDERS_1M
        self.used = 0
        self.extra = 0  # weight of "another program" (fault)
        self._minute = -1
        self._over = 0
        self._banned_until = 0.0
        self._orders: deque[float] = deque()

    def charge(self, weight: int) -> None:
        """Count a request; refuse it with 429 or 418 when there were too many."""
        now = time.monotonic()
        self._roll()
        if now < self._banned_until:
            raise self.banned(self._banned_until - now)
        self.used += weight
        if self.used + self.extra > self.weight_limit:
            self._over += 1
            if self._over > PATIENCE:
                self._banned_until = now + BAN_S
                raise self.banned(BAN_S)
            wait = 60 - self._seconds() % 60
            raise Refused(-1003, f"Too many requests; current limit of IP is {self.weight_limit} requests per minute. "
                                 "Please use the websocket for live updates to avoid polling the API.", 429,
                          {"Retry-After": str(wait)})

    def forgive(self) -> None:
        """Forget what was used, and any ban (control)."""
        self.used = self._over = 0
        self._banned_until = 0.0
        self._orders.clear()

    def banned(self, seconds: float) -> Refused:
        """The 418 answer for a ban that lasts so long."""
        until = self.clock.now() + int(seconds * 1000)
        return Refused(-1003, f"Way too many requests; IP(127.0.0.1) banned until {until}. Please use the websocket "
                              "for live updates to avoid bans.", 418, {"Retry-After": str(int(seconds) + 1)})

    def count_orders(self, count: int) -> None:
        """Count orders; refuse with -1015 over the limit."""
        now = time.monotonic()
        ten, minute = self.order_counts()
        if ten + count > self.orders_10s:
            raise Refused(-1015, f"Too many new orders; current limit is {self.orders_10s} orders per 10 SECOND.", 429)
        if minute + count > self.orders_1m:
            raise Refused(-1015, f"Too many new orders; current limit is {self.orders_1m} orders per 1 MINUTE.", 429)
        self._orders.extend([now] * count)

    def order_counts(self) -> tuple[int, int]:
        """Orders of the last 10 seconds and of the last minute."""
        now = time.monotonic()
        while self._orders and self._orders[0] <= now - 60:
            self._orders.popleft()
        return sum(1 for at in self._orders if at > now - 10), len(self._orders)

    def headers(self, orders: bool) -> list[tuple[bytes, bytes]]:
        """The counters as response headers."""
        self._roll()
        out = [(b"x-mbx-used-weight-1m", str(self.used + self.extra).encode())]
        if orders:
            ten, minute = self.order_counts()
            out += [(b"x-mbx-order-count-10s", str(ten).encode()), (b"x-mbx-order-count-1m", str(minute).encode())]
        return out

    def rows(self) -> list[dict[str, object]]:
        """rateLimits of exchangeInfo."""
        return [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight_limit},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": self.orders_1m},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": self.orders_10s}]

    def _roll(self) -> None:
        minute = self._seconds() // 60
        if minute != self._minute:
            self._minute = minute
            self.used = self._over = self.extra = 0

    def _seconds(self) -> int:
        """Of the venue's clock; of the wall clock while a recording is played, whose own may stand still."""
        return int(time.time() + self.clock.offset_ms / 1000)
