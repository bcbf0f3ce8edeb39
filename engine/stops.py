"""A bot's stop-loss at the venue: one reduce-only stop order for each bot that holds a position. Pure.

It rests there with F9 OFF, with the bot OFF and with the program ended, and follows the bot's position: a new one is
placed first and the old one cancelled then. Where none rests, the bot's own look at the price stays the stop-loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from core.numbers import round_to_lot, round_to_tick, text
from core.rows import OrderRow
from engine import asking
from engine.asking import position_of
from engine.commands import PlaceOrder
from engine.orders import is_stop
from engine.state import STOP_PAUSE_S, Decision, Now, SetStop, Sight, State, StopTarget
from models import Category, Instrument, Key, OrdStatus, OrdType, Robot, Side, Trigger

AGAIN_S = 300.0             # the pause after placing one, doubled after each refusal, grows to this
NEW_S = 5.0                 # a position that just changed is not called unprotected yet
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Stops:
    """What the guard needs to know. `percent`: a bot's stop-loss in percent of its entry, 0 = none."""

    percent: Callable[[Robot], Decimal]
    sight: Callable[[Key], Sight]


def target_of(instrument: Instrument, qty: Decimal, entry: Decimal | None, percent: Decimal) -> StopTarget | None:
    """The stop for a position; None where it needs none or the product has none. Spot has no reduce-only orders."""
    size = round_to_lot(abs(qty), instrument.lot)
    if instrument.key.category is Category.SPOT or not size or entry is None or not 0 < percent < HUNDRED:
        return None
    side = Side.SELL if qty > 0 else Side.BUY
    price = round_to_tick(entry * (1 - side.opposite.sign * percent / HUNDRED), instrument.tick, side is Side.BUY)
    return StopTarget(side, size, price) if price > 0 else None


def stops_of(state: State, robot: Robot) -> Iterator[OrderRow]:
    """The open stops of a bot."""
    return (order for order in state.orders.values() if order.owner == robot.emi and order.key == robot.key
            and not order.status.is_terminal and is_stop(order))


def rests(state: State, robot: Robot) -> bool:
    """Whether a stop for the bot's whole position rests at the venue."""
    qty, _ = position_of(state, robot.key, robot.emi)
    side = Side.SELL if qty > 0 else Side.BUY
    return any(order.status is OrdStatus.NEW and order.side is side and order.qty >= abs(qty)
               for order in stops_of(state, robot)) if qty else False


def unprotected(state: State, stops: Stops, now: Now) -> tuple[str, ...]:
    """"BTCUSDT +0.250 (grid1)" of each bot whose position has a stop-loss and for a while none at the venue."""
    found = []
    for robot in state.robots.values():
        qty, _ = position_of(state, robot.key, robot.emi)
        if not qty:
            continue
        instrument = stops.sight(robot.key).instrument
        is_dust = instrument is not None and not round_to_lot(abs(qty), instrument.lot)
        changed = state.recent.get(robot.key)
        is_new = bool(changed and now.mono - changed[-1][0] < NEW_S)
        if not is_dust and not is_new and stops.percent(robot) > 0 and not rests(state, robot):
            found.append(f"{robot.key.symbol} {'+' if qty > 0 else ''}{text(qty)} ({robot.emi})")
    return tuple(found)


def tick(state: State, stops: Stops, now: Now, out: Decision) -> None:
    """Place, replace and cancel what is due."""
    if state.kill.locked or state.database_problem:
        return
    for robot in state.robots.values():
        venue = state.venues.get((robot.key.market, robot.key.category))
        sight = stops.sight(robot.key)
        if venue is None or not venue.recovered or not venue.can_trade or sight.instrument is None:
            continue
        qty, entry = position_of(state, robot.key, robot.emi)
        target = target_of(sight.instrument, qty, entry, stops.percent(robot)) if qty else None
        if _follow(state, robot, target, sight, now, out):
            return                               # the next one gets its number with the next beat


def _follow(state: State, robot: Robot, target: StopTarget | None, sight: Sight, now: Now, out: Decision) -> bool:
    """Whether an order was placed."""
    held = list(stops_of(state, robot))
    if any(order.status is not OrdStatus.NEW for order in held) or _is_triggered(state, robot):
        return False                             # on its way in or out, or at work: the position will tell
    right = next((order for order in held if _fits(order, target)), None)
    known = state.stops.get(robot.emi) or SetStop(robot.emi)
    if target is not None and right is None:
        may = target != known.left and now.mono >= known.after
        return may and _place(state, robot, target, known, sight, now, out)
    for order in held:                           # the old ones, now that the venue has the right one or none is wanted
        if order is not right:
            asking.cancel_order(state, order, now, out)
    return False


def _fits(order: OrderRow, target: StopTarget | None) -> bool:
    return (target is not None and order.trigger is not None
            and (order.side, order.qty, order.trigger.price) == (target.side, target.qty, target.price))


def _is_triggered(state: State, robot: Robot) -> bool:
    return any(order.ord_type is OrdType.STOP_MARKET and not order.is_waiting and not order.status.is_terminal
               for order in state.orders.values() if order.owner == robot.emi and order.key == robot.key)


def _place(state: State, robot: Robot, target: StopTarget, known: SetStop, sight: Sight, now: Now,
           out: Decision) -> bool:
    """Ask for it as a bot's order would be, but with F9 OFF and the bot OFF too."""
    before = state.orders.get((robot.key, known.name))
    refused = before is not None and before.status in (OrdStatus.REJECTED, OrdStatus.EXPIRED)
    pause = min(known.pause * 2, AGAIN_S) if refused else STOP_PAUSE_S
    command = PlaceOrder("", robot.key, robot.emi, target.side, target.qty, None, by_hand=False,
                         ord_type=OrdType.STOP_MARKET, reduce_only=True, wanted=target.price,
                         trigger=Trigger(target.price), protects=True)
    asked = Decision()
    asking.place(state, command, now, sight, asked)
    row = next((one for one in asked.rows if isinstance(one, OrderRow)), None)
    if row is None:
        later = min(known.pause * 2, AGAIN_S)
        out.changes.append(replace(known, after=now.mono + later, pause=later))
        return False
    out.rows += asked.rows
    out.changes += [*asked.changes, SetStop(robot.emi, now.mono + pause, pause, row.name)]
    out.requests += asked.requests
    out.owners |= asked.owners
    return True

