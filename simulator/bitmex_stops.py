"""BitMEX's conditional orders: Stop, StopLimit, MarketIfTouched, LimitIfTouched, and stops that trail.

They are rows of the order table like all others: ordStatus New and not working until their price comes; then
`triggered` is told with an execution report TriggeredOrActivatedBySystem and they are market or limit orders. Which
price is looked at is told by execInst: LastPrice (when nothing is told), MarkPrice or IndexPrice. A trailing stop's
stopPx follows the market at most once a second and only by more than a thousandth.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.bitmex_instruments import Contract
from simulator.bitmex_rows import Ticket
from simulator.bitmex_wire import Call, No
from simulator.market import Market

if TYPE_CHECKING:
    from simulator.bitmex_venue import BitmexVenue

KINDS = {"Stop": "MARKET", "StopLimit": "LIMIT", "MarketIfTouched": "MARKET", "LimitIfTouched": "LIMIT"}
SOURCES = ("LastPrice", "MarkPrice", "IndexPrice")
MOST = 10  # of a symbol
TRAIL_MS = 1000
TRAIL_STEP = Decimal("0.001")


def rises(order: Ticket) -> bool:
    """Whether it waits for a higher price (stop to buy, touched to sell)."""
    return order.asked.startswith("Stop") == (order.side > 0)


def word(order: Ticket) -> str:
    """What `triggered` says."""
    return "StopOrderTriggered" if order.asked.startswith("Stop") else "TouchOrderTriggered"


def read_stop(venue: BitmexVenue, contract: Contract, call: Call, ticket: Ticket) -> None:
    """Stop price or trailing distance of a conditional order."""
    if sum(o.waits and o.symbol == contract.symbol for o in venue.account.open.values()) >= MOST:
        raise No(400, "Too many stop orders")
    peg = call.text("pegPriceType")
    if peg not in ("", "TrailingStopPeg"):
        raise No(400, "Invalid pegPriceType")
    if peg:
        ticket.peg = read_offset(contract, call, ticket)
        price = source(venue.markets[contract.symbol], ticket)[-1]
        ticket.stop_price = max(1, round(price) + ticket.peg)
    else:
        ticket.stop_price = read_stop_price(contract, call.decimal("stopPx"))


def read_stop_price(contract: Contract, price: Decimal | None) -> int:
    """Ticks of a stop price."""
    if price is None or not 0 < price <= contract.max_price:
        raise No(400, "Invalid stopPx")
    if price % contract.item.tick:
        raise No(400, "Invalid stopPx tickSize")
    return int(price / contract.item.tick)


def read_offset(contract: Contract, call: Call, ticket: Ticket) -> int:
    """Ticks a trailing stop keeps from the market: above it (+) when it waits for a higher price, else below (−)."""
    offset = call.decimal("pegOffsetValue")
    if not offset or offset % contract.item.tick or (offset > 0) != rises(ticket):
        raise No(400, "Invalid pegOffsetValue")
    return int(offset / contract.item.tick)


def source(market: Market, order: Ticket) -> list[Decimal]:
    """The prices an order looks at since the last look, in ticks."""
    told = next((name for name in SOURCES if name in order.exec_inst), "LastPrice")
    tick = market.instrument.tick
    if told == "MarkPrice":
        return [market.mark() / tick]
    if told == "IndexPrice":
        return [market.index() / tick]
    return [Decimal(price) for price in market.prints] or [Decimal(market.last())]


def watch(venue: BitmexVenue) -> bool:
    """Let every conditional order see the prices; whether one became an order."""
    hit = False
    for market in venue.markets.values():
        waiting = [o for o in venue.account.open.values() if o.waits and o.symbol == market.symbol]
        seen = [(order, source(market, order)) for order in waiting]
        market.prints.clear()
        for order, prices in seen:
            if order.peg:
                trail(venue, order, prices[-1])
            if any(p >= order.stop_price if rises(order) else p <= order.stop_price for p in prices):
                venue.trigger(order)
                hit = True
    return hit


def trail(venue: BitmexVenue, order: Ticket, price: Decimal) -> None:
    """Move a trailing stop after the market, never back."""
    wanted = round(price) + order.peg
    gained = order.stop_price - wanted if rises(order) else wanted - order.stop_price
    if gained > price * TRAIL_STEP and venue.clock.now() - order.updated >= TRAIL_MS:
        venue.account.trailed(order, wanted)
