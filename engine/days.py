"""Net values for the table `days`: what each owner's books are worth in each currency, once a minute. Engine thread.

A minute's row is written when its value is another than the one written before, and kept for two days. The row of a
midnight is the value at the end of the day before it; it is written anew each minute until then, and kept for ever:
a day on which the program ran has it, whenever the program ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from accounting.value import can_value, closing_value
from core.rows import BookRow, DayRow
from models import ZERO, Category, Key

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
KEPT_MS = 2 * DAY_MS
Name = tuple[str, str, str, str]                     # market, account, EMI, currency


def net_values(books: Iterable[BookRow], multiplier: Callable[[Key], Decimal | None],
               top: Callable[[Key], tuple[Decimal | None, Decimal | None]]) -> dict[Name, Decimal]:
    """ΣSUMREAL + value of closing at the bid (long) or ask (short) − fees − funding, of every owner and currency.

    Coins bought on spot are a value of their own currency; nothing is closed there. Left out: who holds something
    without a price now.
    """
    found: dict[Name, Decimal] = {}
    unknown: set[Name] = set()
    for row in books:
        name = (row.key.market, row.account, row.emi, row.currency)
        value = row.sumreal - row.fees - row.funding
        if row.pos and row.key.category is not Category.SPOT:
            price, coef = top(row.key)[row.pos < 0], multiplier(row.key)
            if coef is None or not can_value(price, row.key.category):
                unknown.add(name)
                continue
            value += closing_value(row.key.category, row.pos, price, coef)
        found[name] = found.get(name, ZERO) + value
    return {name: value for name, value in found.items() if name not in unknown}


class Days:
    """What was written last, so that only news is written."""

    def __init__(self) -> None:
        self._minute = self._hour = 0
        self._written: dict[Name, Decimal] = {}
        self._closes: dict[Name, tuple[int, Decimal]] = {}

    def is_due(self, time: int) -> bool:
        """Whether a minute has begun that has no rows yet."""
        return time // MINUTE_MS > self._minute

    def rows(self, values: dict[Name, Decimal], time: int) -> list[DayRow]:
        """The rows of this minute; `time` in ms by the venue's clock."""
        self._minute = time // MINUTE_MS
        minute, midnight = time - time % MINUTE_MS, time - time % DAY_MS + DAY_MS
        made = []
        for name, value in values.items():
            if self._written.get(name) != value:
                made.append(DayRow(*name, minute, value))
                self._written[name] = value
            if self._closes.get(name) != (midnight, value):
                made.append(DayRow(*name, midnight, value))
                self._closes[name] = (midnight, value)
        return made

    def wants_pruning(self, time: int) -> bool:
        """Whether minutes that are too old are to go: at a start, then once an hour."""
        hour, before = time // HOUR_MS, self._hour
        self._hour = hour
        return hour != before

    def forget(self) -> None:
        """The rows were not written."""
        self._written.clear()
        self._closes.clear()
