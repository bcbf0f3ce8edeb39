"""Exchanges. One folder each; `venue_class` names the one that speaks for a market."""

from __future__ import annotations

from connectors.probing import Steps
from connectors.venue import Venue, VenueConfig, VenueParts
from core.errors import ConfigError
from core.secrets import Credentials
from models import Category, Timings


def venue_class(market: str, category: Category = Category.LINEAR) -> type[Venue]:
    """The class of a market named in MARKET_LIST and one of its products; built as `cls(config, parts)`."""
    if market == "Binance" and category is Category.SPOT:
        from connectors.binance.spot.venue import BinanceSpot

        return BinanceSpot
    if market == "Binance":
        from connectors.binance.venue import Binance

        return Binance
    if market == "Bitmex":
        from connectors.bitmex.venue import Bitmex

        return Bitmex
    raise ConfigError("MARKET_LIST", market, "not a market of this version; Binance and Bitmex are")


def limit_pool(market: str, category: Category) -> str:
    """Products with the same answer share one budget of requests at the exchange (binance.md 8.6, bitmex.md 9)."""
    return "Binance spot" if (market, category) == ("Binance", Category.SPOT) else market


def probe_steps(market: str, config: VenueConfig, credentials: Credentials | None, timings: Timings) -> Steps:
    """Asks a product step by step whether it works, as the answers are taken; nothing is changed at the venue."""
    if market == "Bitmex":
        from connectors.bitmex.probe import probe as bitmex

        return bitmex(config, credentials, timings)
    from connectors.binance.probe import probe as binance

    return binance(config, credentials, timings)


__all__ = ["Venue", "VenueConfig", "VenueParts", "limit_pool", "probe_steps", "venue_class"]
