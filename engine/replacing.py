"""Moving an order by cancelling it and placing it anew when the venue has confirmed the end: one that waits for its
trigger, and one that is partly filled where the venue cannot move such an order in place. Pure.

One act of a person, two requests, and at no time two orders. Everything that can be checked is checked before the
cancel. Where the cancel is refused, or the order triggers or is filled first, nothing is placed. What is placed is what
the order's end leaves of the quantity asked for, so that both together can never be filled with more. A new order that
is refused after all leaves nothing at the venue, which is said in red until another order of the symbol is placed.
"""

from __future__ import annotations

from dataclasses import replace

from core.numbers import text
from core.rows import OrderRow
from core.titles import full_name, title_of
from engine import orders
from engine.asking import accept, cancel_order, place, refuse, why_not
from engine.commands import MoveOrder, PlaceOrder, Refusal, Verdict
from engine.state import Decision, Now, OrderId, SetLost, SetReplace, SetWatch, Sight, State
from models import ZERO, AmendOrder, OrdStatus, OrdType, Side, TimeInForce

S = OrdStatus
_STOPS = (OrdType.STOP_MARKET, OrdType.STOP_LIMIT)
_OPEN = (S.NEW, S.PARTIALLY_FILLED)
_MOVABLE = (*_OPEN, S.PENDING_REPLACE)


def move_waiting(state: State, order: OrderRow, command: MoveOrder, now: Now, sight: Sight, out: Decision) -> None:
    """A person moves an order that has not triggered: to another trigger, price or quantity."""
    anew = _anew(order, command)
    refusal = Refusal(anew) if isinstance(anew, str) else _refusal(state, order, anew, now, sight)
    if refusal is not None or isinstance(anew, str):
        out.verdict = Verdict(command.ticket, False, "", refusal, now.wall)
        return None
    if _what(anew) == (order.trigger, order.price, order.qty):
        return refuse(out, command.ticket, now, "nothing to change")
    cancel_order(state, order, now, out)
    out.changes.append(SetReplace((order.key, order.name), anew))
    out.note(title_of(order.key), f"MOVE {order.name} {order.key.symbol} to {_at(anew)}: cancelled first, placed anew "
                                  "when the venue has confirmed that", emi=order.owner)
    return accept(out, command.ticket, now, order.name)


def move_rest(state: State, order: OrderRow, asked: AmendOrder, now: Now, sight: Sight, out: Decision) -> str | None:
    """The venue cannot move this order in place, because a part of it is filled: cancel it and place the rest anew. Why
    not, or None."""
    if order.status not in _MOVABLE:
        return f"it is {order.status.value} meanwhile"
    tif = order.tif or TimeInForce.GTC
    whole = PlaceOrder("", order.key, order.owner, order.side, asked.qty, asked.price, by_hand=False, tif=tif,
                       post_only=tif is TimeInForce.GTX, reduce_only=order.reduce_only, wanted=asked.price,
                       repeat_confirmed=True, protects=True)
    rest = _rest(whole, order)
    if rest.qty <= ZERO:
        return f"{text(order.cum_qty)} is filled already"
    refusal = _refusal(state, order, rest, now, sight)
    if refusal is not None:
        return refusal.text
    cancel_order(state, order, now, out)
    out.changes.append(SetReplace((order.key, order.name), whole))
    out.note(title_of(order.key), f"MOVE {order.name} {order.key.symbol} to {_at(whole)}: partly filled, so it is "
                                  "cancelled and the rest placed anew when the venue has confirmed that",
             emi=order.owner)
    return None


def _rest(whole: PlaceOrder, order: OrderRow) -> PlaceOrder:
    """What is left to place of the quantity that both orders together shall have."""
    return replace(whole, qty=whole.qty - order.cum_qty)


def _what(command: PlaceOrder) -> tuple[object, ...]:
    return command.trigger, command.price, command.qty


def _anew(order: OrderRow, command: MoveOrder) -> PlaceOrder | str:
    """The order that takes its place, or why there can be none."""
    ord_type, trigger = order.ord_type, order.trigger
    if ord_type is None or ord_type is OrdType.TRAILING_STOP:
        return "a trailing stop moves by itself: to change it, cancel it and place it anew"
    if trigger is None or trigger.price is None:
        return f"the trigger of {order.name} is not known yet; F5 asks"
    at = trigger.price if command.trigger is None else command.trigger
    price = order.price if command.price is None else command.price
    # Checked as a person's order but for F9: it replaces one that rests, so it opens nothing new.
    return PlaceOrder("", order.key, order.owner, order.side, order.qty if command.qty is None else command.qty, price,
                      by_hand=False, ord_type=ord_type, tif=order.tif or TimeInForce.GTC, reduce_only=order.reduce_only,
                      wanted=price if price is not None else at, repeat_confirmed=True,
                      trigger=replace(trigger, price=at), protects=True)


def _refusal(state: State, order: OrderRow, anew: PlaceOrder, now: Now, sight: Sight) -> Refusal | None:
    """Why it is not even begun: what the new order would be refused for must not cost the old one."""
    venue = state.venues.get((order.key.market, order.key.category))
    if order.owner in state.robots and orders.is_stop(order):
        return Refusal(f"{order.owner} keeps its stop-loss where its own settings want it: change those, or cancel "
                       "the stop to be without")
    if anew.qty > order.qty and not order.reduce_only and state.trading:
        return Refusal("Trading is ON: a larger quantity waits until F9 is OFF", "qty")
    if state.kill.locked:
        return Refusal("the kill switch is on: re-arm first")
    if venue is None or not venue.up or sight.venue_problem:
        return Refusal(sight.venue_problem or f"{title_of(order.key)} does not answer now: the order stays as it is")
    if sight.instrument is None:
        return Refusal(f"{order.key.symbol} is not known at {title_of(order.key)}", "symbol")
    return _at_once(anew, sight) or why_not(state, anew, now, sight)


def _at_once(anew: PlaceOrder, sight: Sight) -> Refusal | None:
    """A trigger on the wrong side of the price would be refused, or work at once."""
    at, price = anew.trigger.price if anew.trigger is not None else None, sight.mark
    if at is None or price is None:
        return None
    rises = (anew.side is Side.BUY) == (anew.ord_type in _STOPS)      # triggers when the price rises to it
    if at <= price if rises else at >= price:
        return Refusal(f"{text(at)} would trigger at once: the price is {text(price)}. The order stays as it is",
                       "trigger")
    return None


def _at(command: PlaceOrder) -> str:
    return f"{text(command.qty)} at {_places(command)}"


def _places(order: PlaceOrder | OrderRow) -> str:
    """Trigger and limit price, as far as it has them."""
    trigger = order.trigger.price if order.trigger is not None else None
    return " / ".join(text(one) for one in (trigger, order.price) if one is not None) or "?"


# ---------------------------------------------------------------- what became of it

def follow(state: State, now: Now, sight: Sight, out: Decision) -> None:
    """After a message: the next step of each move it is about."""
    told: dict[OrderId, OrderRow] = {(row.key, row.name): row for row in out.rows if isinstance(row, OrderRow)}
    for name, row in told.items():
        if name in state.replacing:
            _step(state, name, row, now, sight, out)
        elif name in state.replaced:
            _judge(state, name, row, out)


def _step(state: State, name: OrderId, row: OrderRow, now: Now, sight: Sight, out: Decision) -> None:
    anew = state.replacing[name]
    if anew.trigger is not None and (row.cum_qty > ZERO or not row.is_waiting or row.status is S.FILLED):
        _leave_it(name, row, "it has triggered", out)
    elif row.status is S.FILLED or (row.status.is_terminal and row.cum_qty >= anew.qty):
        _leave_it(name, row, f"{text(row.cum_qty)} was filled first", out)
    elif row.status in _OPEN:
        _leave_it(name, row, "the cancel was refused, it stands as it was", out)
    elif anew.trigger is None and row.text == orders.FORGOTTEN:
        out.changes.append(SetReplace(name, None))
        _lost(row.name, anew, f"{row.text}, nor how much of it was filled", out)
    elif row.status.is_terminal:
        _place_anew(state, row, _rest(anew, row), now, sight, out)


def _leave_it(name: OrderId, row: OrderRow, why: str, out: Decision) -> None:
    """Nothing takes its place; and what was only to be moved is not cancelled any more."""
    out.changes += [SetReplace(name, None), SetWatch(name, None)]
    out.note(title_of(row.key), f"{row.name} {row.key.symbol} was NOT moved: {why}", "error", row.owner)


def _place_anew(state: State, row: OrderRow, anew: PlaceOrder, now: Now, sight: Sight, out: Decision) -> None:
    asked = Decision()
    place(state, anew, now, sight, asked)
    new = next((one for one in asked.rows if isinstance(one, OrderRow)), None)
    out.changes.append(SetReplace((row.key, row.name), None))
    if new is None:
        refusal = asked.verdict.refusal if asked.verdict is not None else None
        _lost(row.name, anew, refusal.text if refusal is not None else "refused", out)
        return
    out.rows += asked.rows
    out.changes += [*asked.changes, SetReplace((new.key, new.name), None, row.name)]
    out.requests += asked.requests
    out.owners |= asked.owners


def _judge(state: State, name: OrderId, row: OrderRow, out: Decision) -> None:
    """The order that took another's place: taken by the venue, or refused."""
    if row.status in (S.PENDING_NEW, S.UNKNOWN):
        return
    if row.status in (S.REJECTED, S.EXPIRED) and not row.cum_qty:
        _lost(state.replaced[name], row, row.text or "refused", out)
    out.changes.append(SetReplace(name, None))


def _lost(old: str, new: PlaceOrder | OrderRow, why: str, out: Decision) -> None:
    at = f"{text(new.qty)} at {_places(new)}"
    words = (f"MOVE FAILED: {full_name(new.key)} order {old} is cancelled and the new one ({new.side.value} {at}) was "
             f"refused: {why.rstrip('.')}. Nothing takes its place. Place it anew")
    out.changes.append(SetLost(new.key, words))
    out.note(title_of(new.key), words, "error", new.owner)

