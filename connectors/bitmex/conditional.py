"""Conditional orders in the venue's words and back (bitmex.md 6.2 and 6.4). Pure.

They are rows of the order table like all others, and keep both their ids when they trigger. A trailing stop keeps a
distance in price, not in percent: it is worked out from the price at the placing, and told back as percent.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from models import OrdType, Side, SubmitOrder, Trigger

WORDS = {OrdType.STOP_MARKET: "Stop", OrdType.STOP_LIMIT: "StopLimit", OrdType.TAKE_PROFIT_MARKET: "MarketIfTouched",
         OrdType.TAKE_PROFIT_LIMIT: "LimitIfTouched", OrdType.TRAILING_STOP: "Stop"}
TYPES = {"Stop": OrdType.STOP_MARKET, "StopLimit": OrdType.STOP_LIMIT, "MarketIfTouched": OrdType.TAKE_PROFIT_MARKET,
         "LimitIfTouched": OrdType.TAKE_PROFIT_LIMIT}
TRAILING = "TrailingStopPeg"
MARK, LAST = "MarkPrice", "LastPrice"       # which of them triggers is always said: the sources differ on the default
_WAITING = ("", "NotTriggered")
_WORKED = ("Triggered", "PartiallyFilled", "Filled")
_PERCENT = Decimal("0.01")


def refusal(order: SubmitOrder, price: Decimal | None) -> str:
    """Why a conditional order cannot be placed here; "" when it can. `price` is the one a trailing stop starts from."""
    trigger = order.trigger
    if order.ord_type is not OrdType.TRAILING_STOP or trigger is None:
        return ""
    if trigger.price is not None:
        return "a trailing stop trails from its placing here: leave the price to begin at empty"
    return "" if price else f"the price of {order.key.symbol} is not known yet"


def fields(order: SubmitOrder, price: Decimal | None, tick: Decimal) -> dict[str, Decimal | str]:
    """What is said of the trigger."""
    trigger = order.trigger or Trigger(None)
    if order.ord_type is OrdType.TRAILING_STOP:
        return {"pegPriceType": TRAILING, "pegOffsetValue": offset(order.side, trigger, price or tick, tick)}
    return {} if trigger.price is None else {"stopPx": trigger.price}


def offset(side: Side, trigger: Trigger, price: Decimal, tick: Decimal) -> Decimal:
    """The distance as the venue takes it: below the market (−) to sell, above it to buy; at least one tick."""
    steps = ((trigger.callback or Decimal(0)) / 100 * price / tick).to_integral_value(ROUND_HALF_UP)
    return max(Decimal(1), steps) * tick * side.sign


def kind(word: str, peg_type: str, status: str, triggered: str) -> OrdType | None:
    """Our type of a row; one that triggered is the plain order it became. None: not a conditional type."""
    told = TYPES.get(word)
    if told is None:
        return None
    if triggered not in _WAITING or status in _WORKED:
        return OrdType.LIMIT if told.has_price else OrdType.MARKET
    return OrdType.TRAILING_STOP if peg_type == TRAILING else told


def trigger_of(told: OrdType | None, stop: Decimal | None, peg: Decimal | None,
               instructions: list[str]) -> Trigger | None:
    """When a row that waits begins to work; None for others."""
    if told is None or not told.is_conditional:
        return None
    by_mark = MARK in instructions
    if told is not OrdType.TRAILING_STOP:
        return Trigger(stop, None, by_mark)
    best = None if stop is None or peg is None else stop - peg
    callback = (abs(peg) / best * 100).quantize(_PERCENT) if peg is not None and best else None
    return Trigger(None, callback, by_mark)
