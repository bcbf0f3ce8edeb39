"""Spot orders that no program sent: what a person does on the venue's web site."""

from __future__ import annotations

from simulator.errors import Refused
from simulator.market import Market
from simulator.spot_reading import made_id
from simulator.spot_rows import SpotOrder
from simulator.spot_venue import SpotVenue


def spot_web_order(spot: SpotVenue, market: Market, side: int, lots: int, ticks: int) -> SpotOrder:
    """An order placed on the web site: LIMIT with a price, MARKET without; its client id is the web site's."""
    kind = "LIMIT" if ticks else "MARKET"
    order = SpotOrder(market.symbol, side, ticks, lots, kind, "GTC", True, client_id=f"web_{made_id(spot)}", type=kind)
    spot.place(market, order)
    return order


def spot_web_cancel(spot: SpotVenue, order_id: int) -> SpotOrder:
    """An open order canceled on the web site."""
    order = spot.account.open.get(order_id)
    if order is None:
        raise Refused(-2011, "Unknown order sent.")
    spot.cancel(order, f"web_{made_id(spot)}")
    return order
