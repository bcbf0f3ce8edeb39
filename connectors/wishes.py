"""Messages to a public connection, by `Stream.post`, that are the same for every exchange."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from models import Candle, Key


@dataclass(frozen=True, slots=True)
class Unwatch:
    """End its streams."""

    key: Key


@dataclass(frozen=True, slots=True)
class WantCandles:
    """Stream candles of this timeframe."""

    key: Key
    timeframe: str


@dataclass(frozen=True, slots=True)
class GotCandles:
    """Rows of a timeframe, asked at `asked_ms` (venue's time)."""

    key: Key
    timeframe: str
    rows: list[Candle]
    asked_ms: int


@dataclass(frozen=True, slots=True)
class GotDayOpen:
    """First price of the day."""

    key: Key
    price: Decimal
