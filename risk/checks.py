"""Before an order leaves: pure checks, each a Refusal with the sentence for the person, or None."""

from __future__ import annotations

from decimal import Decimal

from core.numbers import is_multiple, text
from engine.commands import PlaceOrder, Refusal
from models import Instrument, OrdType, Side, TimeInForce, Top


def check_form(command: PlaceOrder, instrument: Instrument, mark: Decimal | None) -> Refusal | None:
    """Steps, bounds and least value, as the venue's filters have them."""
    qty, price = command.qty, command.price
    if not qty.is_finite() or qty <= 0:
        return Refusal(f"{text(qty) if qty.is_finite() else qty} is no quantity: it must be above 0", "qty")
    if not is_multiple(qty, instrument.lot):
        return Refusal(f"{text(qty)} is not a multiple of {text(instrument.lot)}", "qty")
    if qty < instrument.min_qty and not command.reduce_only:
        return Refusal(f"{text(qty)} is below the least quantity {text(instrument.min_qty)}", "qty")
    most = instrument.market_max_qty if command.ord_type is OrdType.MARKET else instrument.max_qty
    if most and qty > most:
        return Refusal(f"{text(qty)} is above the largest quantity {text(most)}", "qty")
    refusal = _check_prices(command, instrument)
    if refusal is not None:
        return refusal
    trigger = command.trigger.price if command.trigger is not None else None
    at = price if price is not None else trigger if trigger is not None else mark
    if instrument.min_notional and at is not None and not command.reduce_only:
        value = qty * at * instrument.multiplier
        if value < instrument.min_notional:
            return Refusal(f"{text(value)} {instrument.settle} is below the least value "
                           f"{text(instrument.min_notional)} of {instrument.key.symbol}", "qty")
    return None


def _check_prices(command: PlaceOrder, instrument: Instrument) -> Refusal | None:
    """A price where the type has one, a trigger where it waits for one, and flags that go with them."""
    price, ord_type = command.price, command.ord_type
    if ord_type.has_price:
        if price is None or not price.is_finite() or price <= 0:
            return Refusal("a limit order needs a price above 0", "price")
        if not is_multiple(price, instrument.tick):
            return Refusal(f"{text(price)} is not a multiple of the tick {text(instrument.tick)}", "price")
    elif price is not None:
        return Refusal("a market order has no price", "price")
    if command.post_only and (ord_type is not OrdType.LIMIT or command.tif in (TimeInForce.IOC, TimeInForce.FOK)):
        return Refusal("post-only needs a limit order that may rest", "price")
    return _check_trigger(command, instrument)


def _check_trigger(command: PlaceOrder, instrument: Instrument) -> Refusal | None:
    trigger, ord_type = command.trigger, command.ord_type
    if not ord_type.is_conditional:
        return Refusal("only a conditional order has a trigger", "trigger") if trigger is not None else None
    if trigger is None or (trigger.price is None and ord_type is not OrdType.TRAILING_STOP):
        return Refusal("a conditional order needs a trigger price above 0", "trigger")
    at = trigger.price
    if at is not None and (not at.is_finite() or at <= 0):
        return Refusal("a conditional order needs a trigger price above 0", "trigger")
    if at is not None and not is_multiple(at, instrument.tick):
        return Refusal(f"{text(at)} is not a multiple of the tick {text(instrument.tick)}", "trigger")
    callback = trigger.callback
    if (callback is not None) != (ord_type is OrdType.TRAILING_STOP):
        return Refusal("a trailing stop, and no other order, needs its distance in percent", "callback")
    if callback is not None and (not callback.is_finite() or not 0 < callback < 100):
        return Refusal(f"{callback} is no distance in percent", "callback")
    return None


def crosses(side: Side, price: Decimal | None, top: Top | None) -> bool:
    """Whether a limit at `price` would trade at once."""
    if price is None or top is None:
        return False
    return price >= top.ask if side is Side.BUY else price <= top.bid


def check_post_only(command: PlaceOrder, top: Top | None) -> Refusal | None:
    """A post-only order that would take is refused here, with the price it would meet."""
    if command.post_only and top is not None and crosses(command.side, command.price, top):
        best = top.ask if command.side is Side.BUY else top.bid
        return Refusal(f"post-only: {text(command.price or best)} would trade at once against {text(best)}", "price")
    return None
