"""What happens to a futures account without its API client: orders of the web site, and what the venue itself does.

Liquidation and deleveraging as the account's stream tells them: `liquidation` is one order `autoclose-…` that the
venue fills at once (CALCULATED, FILLED); `insurance` sells into the book first and hands the rest to the insurance fund
(CALCULATED, NEW_INSURANCE); `adl` is met by a counterparty at the mark without any order of ours (NEW_ADL).
"""

from __future__ import annotations

from simulator.errors import Refused
from simulator.exchange import Order
from simulator.futures import Futures
from simulator.market import Market

KINDS = {"liquidation": "FILLED", "insurance": "NEW_INSURANCE", "adl": "NEW_ADL"}
SLIP = 20  # of a thousand: so far from the mark a liquidation still trades in the book


def web_order(venue: Futures, market: Market, side: int, lots: int, ticks: int, reduce_only: bool) -> Order:
    """An order placed on the web site: LIMIT with a price, MARKET without; its client id is the web site's."""
    account = venue.account
    position_side = "BOTH"
    if account.hedge:
        position_side = "LONG" if (side > 0) != reduce_only else "SHORT"
    order = Order(market.symbol, side, ticks, lots, "LIMIT" if ticks else "MARKET", "GTC", True,
                  client_id=f"web_{account.made_id()[:20]}", reduce_only=reduce_only, position_side=position_side)
    if reduce_only and not account.reducible(order):
        raise Refused(-2022, "ReduceOnly Order is rejected.")
    venue.place(market, order)
    return order


def web_cancel(venue: Futures, order_id: int) -> Order:
    """An open order canceled on the web site."""
    order = venue.account.open.get(order_id)
    if order is None:
        raise Refused(-2011, "Unknown order sent.")
    venue.cancel(order)
    return order


def liquidate(venue: Futures, market: Market, kind: str, position_side: str = "BOTH") -> Order:
    """Take the account's position of a symbol away, its open orders first."""
    account = venue.account
    held = venue.position(market.symbol, position_side)
    if not held.qty:
        raise Refused(-2024, "Position is not sufficient.")
    for waiting in [o for o in account.open.values() if o.symbol == market.symbol]:
        venue.cancel(waiting)
    side = -1 if held.qty > 0 else 1
    lots = int(abs(held.qty) / market.instrument.lot)
    mark = round(market.mark() / market.instrument.tick)
    number = f"{venue.clock.now()}{account.order_ids.last % 1000:03d}"
    name = f"adl_autoclose-{number}" if kind == "adl" else f"autoclose-{number}"
    order = Order(market.symbol, side, mark + side * mark * SLIP // 1000 if kind != "adl" else mark, lots, "LIMIT",
                  "IOC", True, client_id=name, reduce_only=True, position_side=position_side)
    account.accept(market, order, quiet=kind == "adl")
    if kind == "insurance" and not venue.replay:
        market.engine.take(order, lots // 2)
    if order.left:
        left = order.left
        order.cum += left
        order.value += market.instrument.units(mark, left)
        order.status = "FILLED"
        account.filled(market, order, mark, left, market.trade_ids.next(), False, KINDS[kind])
    forced(venue, market, order)
    venue.settle()
    return order


def settle(venue: Futures, market: Market, position_side: str = "BOTH") -> Order:
    """End a contract: its open orders first, then the position at the mark, for the usual fee."""
    account = venue.account
    held = venue.position(market.symbol, position_side)
    if not held.qty:
        raise Refused(-2024, "Position is not sufficient.")
    for waiting in [o for o in account.open.values() if o.symbol == market.symbol]:
        venue.cancel(waiting)
    lots = int(abs(held.qty) / market.instrument.lot)
    mark = round(market.mark() / market.instrument.tick)
    word = "delivery" if market.symbol.rpartition("_")[2].isdigit() else "settlement"
    order = Order(market.symbol, -1 if held.qty > 0 else 1, mark, lots, "LIMIT", "IOC", True,
                  client_id=f"{word}_autoclose-{venue.clock.now()}{account.order_ids.last % 1000:03d}",
                  reduce_only=True, position_side=position_side)
    account.accept(market, order, quiet=True)
    order.cum, order.value, order.status = order.qty, market.instrument.units(mark, lots), "FILLED"
    account.filled(market, order, mark, lots, market.trade_ids.next(), False, settles=True)
    venue.settle()
    return order


def forced(venue: Futures, market: Market, order: Order) -> None:
    """The public notice of a liquidation."""
    item, now = market.instrument, venue.clock.now()
    event = {"e": "forceOrder", "E": now, "st": item.family, "o": {
        "s": order.symbol, "ps": item.pair, "S": "BUY" if order.side > 0 else "SELL", "o": order.kind, "f": order.tif,
        "q": item.qty_text(order.qty), "p": item.price_text(order.price),
        "ap": f"{item.average(order.value, order.cum):f}", "X": order.status, "l": item.qty_text(order.cum),
        "z": item.qty_text(order.cum), "T": now}}
    venue.publish(f"{market.symbol.lower()}@forceOrder", event)
    for product in (venue, venue.sibling):
        if product:
            product.publish("!forceOrder@arr", event)
