"""How products are named: “Binance-F”, and symbols where a market has several: “BTCUSDT_Binance-F”. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from models import Category, Key

MARKET_TITLES = {"Bitmex": "BitMEX"}     # how a market's name is printed where it differs

# Exchanges that exist no more, in one sentence; the bundled exchange keeps their face.
CLOSED = {"Bitmex": "BitMEX is closed since 2026-09-23: it can be tried on the bundled exchange (--demo) and in "
                    "recorded sessions, and cannot be traded any more"}

_TAILS: dict[str, dict[Category, str]] = {
    "Binance": {Category.SPOT: "", Category.LINEAR: "-F", Category.INVERSE: "-D"},
    "Bitmex": {Category.INVERSE: "", Category.LINEAR: "-USDt", Category.QUANTO: "-quanto", Category.SPOT: "-spot"},
}


def market_title(market: str) -> str:
    """The market's name as printed."""
    return MARKET_TITLES.get(market, market)


def tail_of(market: str, category: Category) -> str:
    """What tells this product from the market's others: “-F”, or nothing for its first one."""
    return _TAILS.get(market, {}).get(category, f"-{category.value}")


def product_title(market: str, category: Category) -> str:
    """The product's name as printed."""
    return market_title(market) + tail_of(market, category)


def title_of(key: Key) -> str:
    """The product of an instrument."""
    return product_title(key.market, key.category)


def named(market: str, emi: str, text: str) -> str:
    """A message in one line: whose it is and what it says, a name that the text begins with only once."""
    before = [word for word in (market_title(market), emi) if word and not text.startswith(word)]
    return " ".join([*before, text])


def full_name(key: Key) -> str:
    """An instrument where nothing else says its product: “BTCUSDT_Binance-F”."""
    return f"{key.symbol}_{title_of(key)}"


def twins(keys: Iterable[Key]) -> frozenset[str]:
    """Symbols that more than one of these products has."""
    seen: dict[str, Key] = {}
    found = set()
    for key in keys:
        if seen.setdefault(key.symbol, key) != key:
            found.add(key.symbol)
    return frozenset(found)
