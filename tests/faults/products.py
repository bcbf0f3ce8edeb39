"""The products a fault script trades on the bundled exchange, and how each is asked; for harness and children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.binance import venue as binance
from connectors.binance.spot import venue as spot
from connectors.bitmex import venue as bitmex
from connectors.limiter import ORDERS, WEIGHT, Budget
from models import Category, Key

ORDER_PATHS = ("/fapi/v1/order", "/dapi/v1/order", "/api/v3/order", "/api/v1/order")
PLENTY = 1_000_000


@dataclass(frozen=True, slots=True)
class Traded:
    """One instrument, the quantity of an ordinary order, and the path of its order requests."""

    key: Key
    qty: Decimal
    path: str


def _of(market: str, category: Category, symbol: str, qty: str, path: str) -> Traded:
    return Traded(Key(market, category, symbol), Decimal(qty), path)


BTCUSDT = _of("Binance", Category.LINEAR, "BTCUSDT", "0.01", ORDER_PATHS[0])
ETHUSDT = _of("Binance", Category.LINEAR, "ETHUSDT", "0.1", ORDER_PATHS[0])
BTCUSD_PERP = _of("Binance", Category.INVERSE, "BTCUSD_PERP", "2", ORDER_PATHS[1])
ETHUSD_PERP = _of("Binance", Category.INVERSE, "ETHUSD_PERP", "5", ORDER_PATHS[1])
SPOT_BTCUSDT = _of("Binance", Category.SPOT, "BTCUSDT", "0.002", ORDER_PATHS[2])
SPOT_ETHUSDT = _of("Binance", Category.SPOT, "ETHUSDT", "0.03", ORDER_PATHS[2])
XBTUSD = _of("Bitmex", Category.INVERSE, "XBTUSD", "100", ORDER_PATHS[3])
XBTUSDT = _of("Bitmex", Category.LINEAR, "XBTUSDT", "1000", ORDER_PATHS[3])
ETHUSD = _of("Bitmex", Category.QUANTO, "ETHUSD", "10", ORDER_PATHS[3])
XBT_USDT = _of("Bitmex", Category.SPOT, "XBT_USDT", "0.0002", ORDER_PATHS[3])

USUAL = (BTCUSDT, ETHUSDT)
ALL = (BTCUSDT, ETHUSDT, BTCUSD_PERP, ETHUSD_PERP, SPOT_BTCUSDT, SPOT_ETHUSDT, XBTUSD, XBTUSDT, ETHUSD, XBT_USDT)


def env_files(traded: Sequence[Traded]) -> dict[str, str]:
    """Settings files that choose exactly these products: name → text."""
    files = {".env": "MARKET_LIST=" + ", ".join(dict.fromkeys(one.key.market for one in traded))}
    for market, categories in (("Binance", ("linear", "inverse", "spot")),
                               ("Bitmex", ("inverse", "linear", "quanto", "spot"))):
        if any(one.key.market == market for one in traded):
            lists = {name: [one.key.symbol for one in traded if one.key[:2] == (market, Category(name))]
                     for name in categories}
            files[f".env.{market}"] = "\n".join(
                [f"{name.upper()}_SYMBOLS={', '.join(symbols)}" for name, symbols in lists.items()]
                + (["CURRENCIES=USDT, BTC, ETH"] if market == "Binance" else []))
    return files


def named(keys: Sequence[Sequence[str]]) -> tuple[Traded, ...]:
    """The products of a plan: (market, category, symbol) each."""
    wanted = [Key(market, Category(category), symbol) for market, category, symbol in keys]
    return tuple(one for one in ALL if one.key in wanted)


def words(traded: Sequence[Traded]) -> list[list[str]]:
    """The reverse of `named`, for a plan."""
    return [[one.key.market, one.key.category.value, one.key.symbol] for one in traded]


def lift_limits(exchange: Any) -> None:
    """The exchange refuses nobody for asking much."""
    exchange.fault("limit", weight=PLENTY, orders_10s=PLENTY, orders_1m=PLENTY, orders_1d=PLENTY, requests_1m=PLENTY,
                   requests_1s=PLENTY)


def first_budgets() -> tuple[tuple[Any, tuple[Budget, ...]], ...]:
    """Modules with the budget before the exchange has told its own, and one that many starts do not use up."""
    many = (Budget(WEIGHT, 60, PLENTY),)
    return (binance, many), (spot, many), (bitmex, (*many, Budget(ORDERS, 1, PLENTY)))
