"""One value on the wire → ours: numbers, times, currencies. An impossible one is a `BadMessage` naming field and value.

Amounts of money are whole minor units of their currency on the wire ("XBt": 1e-8, "USDt": 1e-6) and whole coins in our
records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

from connectors import reading
from connectors.bitmex.auth import MARKET
from core.errors import BadMessage
from core.numbers import printable

T = TypeVar("T")

# Minor units of one coin. Further currencies have a line in GET /wallet/assets; their instruments are left out.
MINOR: Mapping[str, int] = MappingProxyType({
    "XBt": 10**8, "USDt": 10**6, "USDc": 10**6, "MAMUSd": 10**6, "BMEx": 10**6, "Gwei": 10**9, "LAMp": 10**9})
# Our amounts are whole coins: where the minor unit has a name of its own, they are called by the coin's.
_COINS: Mapping[str, str] = MappingProxyType({"Gwei": "ETH", "LAMp": "SOL"})


def coin(currency: str) -> str:
    """What whole coins of one of the wire's currencies are called."""
    return _COINS.get(currency, currency)


def decoder(shape: type[T]) -> Callable[[bytes], T]:
    """A function that decodes bytes into `shape` or raises `BadMessage`."""
    return reading.decoder(MARKET, shape)


def finite(name: str, value: Decimal, least: Decimal | None = None) -> Decimal:
    """The number, if it is one, of a possible size and not below `least`."""
    if value.is_finite() and abs(value.adjusted()) > 30 and value:
        raise BadMessage(MARKET, f"field {name} = {printable(str(value), 40)}: not a possible number")
    return reading.finite(MARKET, name, value, least)


def positive(name: str, value: Decimal) -> Decimal:
    """The number, if it is above 0."""
    if finite(name, value) <= 0:
        raise BadMessage(MARKET, f"field {name} = {value}: not a possible number")
    return value


def known(name: str, value: Decimal | None) -> Decimal | None:
    """None for nothing and for 0 that stands for nothing."""
    return finite(name, value) if value else None


def price(name: str, value: Decimal | None) -> Decimal:
    """Spreads trade below zero, so any price but nothing is possible."""
    if value is None or not finite(name, value):
        raise BadMessage(MARKET, f"field {name} = {value}: not a possible price")
    return value


def time_ms(told: str, name: str = "timestamp") -> int:
    """ISO 8601 as the venue writes it, in milliseconds; "" is 0."""
    if not told:
        return 0
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        raise BadMessage(MARKET, f"field {name} = {printable(repr(told), 40)}: not a time") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp()) * 1000 if not aware.microsecond else int(aware.timestamp() * 1000 + 0.5)


def iso(ms: int) -> str:
    """A time as the venue takes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"
