"""What happens to the BitMEX account without its API client: orders of the web site, liquidation, deleveraging."""

from __future__ import annotations

from simulator.bitmex_rows import Ticket
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import No
from simulator.market import Market

FROM_SITE = "Submission from www.bitmex.com"
CANCELED = "Canceled\nCancel from www.bitmex.com"
TEXTS = {"liquidation": "Liquidation", "insurance": "Liquidation", "adl": "Deleverage"}


def web_order(venue: BitmexVenue, market: Market, side: int, lots: int, ticks: int, reduce_only: bool) -> Ticket:
    """An order placed on the web site: it has no clOrdID."""
    contract = venue.contracts[market.symbol]
    if lots * contract.unit % contract.lot_size:
        raise No(400, "Invalid orderQty")
    if reduce_only and contract.is_spot:
        raise No(400, "Invalid execInst")
    order = Ticket(market.symbol, side, ticks, lots, "LIMIT" if ticks else "MARKET", "GTC" if ticks else "IOC", True,
                   reduce_only=reduce_only, exec_inst="ReduceOnly" if reduce_only else "", text=FROM_SITE)
    if reduce_only and not venue.account.reducible(order):
        raise No(400, "Order had execInst of Close or ReduceOnly and nothing to reduce")
    venue.place(contract, order)
    return order


def web_cancel(venue: BitmexVenue, order_id: str) -> Ticket:
    """An open order canceled on the web site."""
    order = venue.account.find(order_id, "")
    if order is None or not order.is_open:
        raise No(404, "Not Found")
    venue.cancel(order, CANCELED)
    return order


def settle(venue: BitmexVenue, market: Market) -> Ticket:
    """End a contract: its open orders first, then the position at the mark, without a fee."""
    held = venue.account.holding(market.symbol).qty
    if not held:
        raise No(400, "No position")
    venue.cancel_all([o for o in venue.account.open.values() if o.symbol == market.symbol], "Canceled: Settlement")
    order = _closing(venue, market, held, "Settlement")
    venue.account.taken(market, order, order.price, market.trade_ids.next(), settles=True)
    venue.settle()
    return order


def _closing(venue: BitmexVenue, market: Market, held: int, text: str) -> Ticket:
    """What takes a whole position at the mark."""
    price = round(market.mark() / market.instrument.tick)
    order = Ticket(market.symbol, -1 if held > 0 else 1, price, abs(held) // venue.contracts[market.symbol].unit,
                   "LIMIT", "IOC", True, text=text)
    order.cum, order.value, order.status = order.qty, price * order.qty, "FILLED"
    return order


def liquidate(venue: BitmexVenue, market: Market, kind: str) -> Ticket:
    """Take the account's position away: open orders first, posState, a fill of no order, posState again."""
    held = venue.account.holding(market.symbol).qty
    if not held:
        raise No(400, "No position")
    venue.cancel_all([o for o in venue.account.open.values() if o.symbol == market.symbol], "Canceled: Liquidation")
    venue.states[market.symbol] = "Deleverage" if kind == "adl" else "Liquidation"
    venue.account.tell_position(market.symbol)
    venue.settle()
    order = _closing(venue, market, held, TEXTS[kind])
    venue.states[market.symbol] = ""
    venue.account.taken(market, order, order.price, market.trade_ids.next())
    venue.settle()
    return order
