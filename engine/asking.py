"""What people and bots ask → decisions. Pure: reads the state, writes into a `Decision`.

Risk-reducing commands (cancel, cancel all, bot OFF, trading OFF, kill switch) are never gated by anything.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core import ids
from core.numbers import printable, text
from core.rows import BookRow, ConfirmRow, CounterRow, OrderRow, RobotState, WatchRow
from core.titles import market_title, title_of
from engine import orders
from engine.booking import opening
from engine.commands import (
    REPEAT_S,
    Cancel,
    CancelAll,
    ChangeLeverage,
    ConfirmAccount,
    KillSwitch,
    MoveOrder,
    PlaceOrder,
    Rearm,
    Refusal,
    SetBot,
    SetTrading,
    TakeOver,
    Verdict,
    Watch,
)
from engine.state import (
    Decision,
    Now,
    OrderId,
    OrderWatch,
    SetDifference,
    SetFlags,
    SetLastHand,
    SetLost,
    SetRejects,
    SetReplace,
    SetStop,
    SetVenue,
    SetWatch,
    Sight,
    State,
    StopTarget,
)
from engine.view import KillState
from models import (
    ZERO,
    AmendOrder,
    AskAccount,
    AskOrder,
    BotState,
    CancelOrder,
    Category,
    Instrument,
    Key,
    OrdStatus,
    OrdType,
    SetLeverage,
    SubmitOrder,
    TimeInForce,
)
from risk.checks import check_form, check_post_only

ORDER_NUMBER = "clOrdID"
QUEUE_AND_LIFE_MS = 10_000    # an order may wait 5 s for the limiter and lives 5 s at the venue: then it cannot arrive
S = OrdStatus
_RESTING = (S.NEW, S.PARTIALLY_FILLED)


def refuse(out: Decision, ticket: str, now: Now, text_: str, field: str = "", again: bool = False) -> None:
    """Answer a ticket with our no."""
    out.verdict = Verdict(ticket, False, "", Refusal(text_, field, again), now.wall)


def accept(out: Decision, ticket: str, now: Now, cl_ord_id: str = "") -> None:
    """Answer a ticket with yes."""
    out.verdict = Verdict(ticket, True, cl_ord_id, None, now.wall)


def place(state: State, command: PlaceOrder, now: Now, sight: Sight, out: Decision) -> None:
    """A new order: checked, numbered, written as PENDING_NEW, then queued for the venue."""
    refusal = why_not(state, command, now, sight)
    if refusal is not None:
        out.verdict = Verdict(command.ticket, False, "", refusal, now.wall)
        return None
    number = state.number + 1
    try:
        name = ids.make(number, command.owner)
    except ValueError as error:      # a reserved line's name comes from the venue's symbol: too long, not ASCII
        return refuse(out, command.ticket, now, f"{error}; nothing was sent", "owner")
    tif = TimeInForce.GTX if command.post_only else command.tif
    order = OrderRow(
        key=command.key, account=state.account(command.key), name=name, cl_ord_id=name, order_id="",
        owner=command.owner, side=command.side, ord_type=command.ord_type, tif=tif, qty=command.qty,
        price=command.price, wanted=command.wanted if command.wanted is not None else command.price,
        status=S.PENDING_NEW, reduce_only=_reduces_at_venue(state, command), created=now.venue, updated=0,
        expires=now.venue + QUEUE_AND_LIFE_MS, trigger=command.trigger)
    out.rows += [CounterRow(ORDER_NUMBER, number), order]
    out.requests.append(SubmitOrder(command.key, name, command.side, command.qty, command.price, command.ord_type,
                                    tif, order.reduce_only, now.mono, command.trigger))
    if command.by_hand:
        out.changes.append(SetLastHand(command, now.mono))
    if command.key in state.lost_moves:
        out.changes.append(SetLost(command.key, ""))
    out.owners.add(command.owner)
    words = f"{command.side.value} {text(command.qty)} {command.key.symbol} {_at(command)} as {name}"
    out.note(title_of(command.key), f"ORDER {words}", emi=command.owner)
    return accept(out, command.ticket, now, name)


def _at(command: PlaceOrder) -> str:
    """The price, and of a conditional order its type and trigger."""
    price = "market" if command.price is None else text(command.price)
    trigger = command.trigger
    if trigger is None:
        return price
    at = f" {text(trigger.callback)} %" if trigger.callback is not None else ""
    at += f" from {text(trigger.price)}" if trigger.price is not None else ""
    return f"{command.ord_type.value.lower().replace('_', ' ')}{at}" + (f" at {price}" if command.price else "")


def _reduces_at_venue(state: State, command: PlaceOrder) -> bool:
    """Whether reduce-only goes on the wire.

    The venue knows one position per instrument. Where a bot closes its own book while others hold the other side, the
    account's position is smaller than what the bot closes, and the venue would refuse a reduce-only order.
    """
    if not command.reduce_only:
        return False
    own, _ = position_of(state, command.key, command.owner)
    account = state.position(command.key)
    closes_own = own * command.side.sign < 0 and abs(own) >= command.qty
    closes_account = account * command.side.sign < 0 and abs(account) >= command.qty
    return closes_account or not closes_own


def why_not(state: State, command: PlaceOrder, now: Now, sight: Sight) -> Refusal | None:
    """Why this order is not sent."""
    key, owner = command.key, command.owner
    instrument = sight.instrument
    if state.database_problem:
        return Refusal(f"the ledger cannot write: {state.database_problem}")
    is_held = any(row.key == key and row.pos for row in state.books.values())
    if key not in state.configured and (instrument is not None or is_held):
        return Refusal(f"{key.symbol} is not in the list: add it to {key.category.value.upper()}_SYMBOLS "
                       f"in .env.{key.market}", "symbol")
    if instrument is None:
        return Refusal(f"{key.symbol} is not known at {title_of(key)}", "symbol")
    if ids.emi_problem(owner) is not None and owner != key.reserved:
        return Refusal(f"owner “{owner}”: a bot's name or {key.reserved}", "owner")
    robot = state.robots.get(owner)
    if command.by_hand and owner != key.reserved and (robot is None or robot.key != key):
        held, _ = position_of(state, key, owner)
        if not held or not command.reduce_only:
            return Refusal(f"{owner} is no bot of {key.symbol}; what it still holds can be closed with reduce-only",
                           "owner")
    if state.kill.locked and not command.reduce_only:
        return Refusal("the kill switch is on: re-arm first")
    refusal = _switch(state, command) or check_form(command, instrument, sight.mark)
    if refusal is not None:
        return refusal
    venue = state.venues.get((key.market, key.category))
    if venue is None or not venue.account:
        return Refusal(sight.venue_problem or f"{title_of(key)} is not ready")
    if (key.market, venue.account) in state.unconfirmed:
        return Refusal(f"LIVE account {venue.account}: type its id once before it is traded (the strip's button; "
                       "without a window --confirm)")
    if not venue.can_trade:
        return Refusal(venue.text or f"{title_of(key)} does not take orders from this account")
    unknown = next((o for o in state.orders.values()
                    if o.key == key and o.owner == owner and o.status is S.UNKNOWN), None)
    if unknown is not None:
        return Refusal(f"outcome of {unknown.name} is not known yet: no new orders for {key.symbol} / {owner} "
                       "until then")
    if not command.reduce_only:
        problem = sight.venue_problem or ("" if venue.recovered else f"{title_of(key)} is recovering") \
            or sight.book_problem or _blocked(state, key)
        if problem:
            return Refusal(problem)
        if not instrument.trading:
            return Refusal(f"{key.symbol} is not open for trading at {title_of(key)}")
    return check_post_only(command, sight.top) or _repeated(state, command, now)


def _switch(state: State, command: PlaceOrder) -> Refusal | None:
    if command.protects:
        return None
    if command.by_hand:
        if state.trading and not command.reduce_only:
            return Refusal("Trading is ON. F9 to trade by hand.")
        return None
    if not state.trading:
        return Refusal("trading is OFF")
    if not state.is_working(command.owner):
        return Refusal(f"{command.owner} is not on WORK")
    return None


def _blocked(state: State, key: Key) -> str:
    difference = state.differences.get(key)
    return f"{difference.text}. No new orders for it until they agree" if difference and difference.stage >= 2 else ""


def _repeated(state: State, command: PlaceOrder, now: Now) -> Refusal | None:
    last = state.last_hand
    if not command.by_hand or command.repeat_confirmed or last is None or now.mono - last.mono > REPEAT_S:
        return None
    old = last.command
    if (old.key, old.owner, old.side, old.price, old.qty, old.trigger) == (
            command.key, command.owner, command.side, command.price, command.qty, command.trigger):
        return Refusal("the same order again?", "", again=True)
    return None


def move(state: State, command: MoveOrder, now: Now, sight: Sight, out: Decision) -> None:
    """Change price or quantity of a resting order, to absolute values."""
    order = state.orders.get((command.key, command.order))
    if order is None or order.status.is_terminal:
        return refuse(out, command.ticket, now, _ended(order, command.order))
    if order.status not in _RESTING:
        return refuse(out, command.ticket, now, f"{order.name} is {order.status.value}: wait until the venue answered")
    if order.ord_type is not OrdType.LIMIT or order.price is None or sight.instrument is None:
        return refuse(out, command.ticket, now, "only limit orders and those that wait for their trigger can be moved")
    price = order.price if command.price is None else command.price
    qty = order.qty if command.qty is None else command.qty
    if (price, qty) == (order.price, order.qty):
        return refuse(out, command.ticket, now, "nothing to change")
    asked = PlaceOrder(command.ticket, command.key, order.owner, order.side, qty, price, True,
                       reduce_only=order.reduce_only)
    refusal = check_form(asked, sight.instrument, sight.mark)
    if refusal is None and qty <= order.cum_qty:
        refusal = Refusal(f"{text(order.cum_qty)} is filled already: the new quantity must be larger", "qty")
    if refusal is None and state.kill.locked:
        refusal = Refusal("the kill switch is on: re-arm first")
    if refusal is None and state.database_problem:
        refusal = Refusal(f"the ledger cannot write: {state.database_problem}")
    grows = qty > order.qty and not order.reduce_only
    if refusal is None and grows and state.trading:
        refusal = Refusal("Trading is ON: a larger quantity waits until F9 is OFF", "qty")
    if refusal is not None:
        out.verdict = Verdict(command.ticket, False, "", refusal, now.wall)
        return None
    out.rows.append(orders.amend_asked(order))
    out.requests.append(AmendOrder(order.key, order.cl_ord_id, order.order_id, order.side, qty, price, now.mono))
    accept(out, command.ticket, now, order.name)
    return None


def change_leverage(state: State, command: ChangeLeverage, now: Now, sight: Sight, out: Decision) -> None:
    """Another leverage: asked of the venue, which says what it became or why not."""
    key = command.key
    venue = state.venues.get((key.market, key.category))
    told = next((report for report in venue.leverages if report.key == key), None) if venue is not None else None
    if key.category is Category.SPOT:
        return refuse(out, command.ticket, now, "spot has no leverage")
    if venue is None or not venue.up or sight.venue_problem:
        return refuse(out, command.ticket, now, sight.venue_problem or f"{key.market} is not ready")
    if command.leverage < 1 or (told is not None and told.most is not None and command.leverage > told.most):
        most = f" to {told.most}" if told is not None and told.most is not None else ""
        return refuse(out, command.ticket, now, f"{command.leverage}× is not offered: 1{most}")
    out.requests.append(SetLeverage(key, command.leverage))
    out.note(title_of(key), f"{key.symbol}: leverage {command.leverage}× asked for")
    return accept(out, command.ticket, now)


def _ended(order: OrderRow | None, name: str) -> str:
    if order is None:
        return f"{name} is not open any more"
    return "already filled" if order.status is S.FILLED else f"already {order.status.value.lower()}"


def cancel(state: State, command: Cancel, now: Now, out: Decision) -> None:
    """Cancel one order. Asked before the venue took it: remembered and sent as soon as it has."""
    order = state.orders.get((command.key, command.order))
    if order is None or order.status.is_terminal:
        return refuse(out, command.ticket, now, _ended(order, command.order))
    cancel_order(state, order, now, out)
    _leave(state, order, out)
    return accept(out, command.ticket, now, order.name)


def _leave(state: State, order: OrderRow, out: Decision) -> None:
    """A person cancelled it: nothing takes its place; of a bot's stop, until its position changes."""
    _end_move(state, order, out)
    if orders.is_stop(order) and order.owner in state.robots and order.trigger is not None:
        known = state.stops.get(order.owner) or SetStop(order.owner)
        out.changes.append(replace(known, left=StopTarget(order.side, order.qty, order.trigger.price)))


def _end_move(state: State, order: OrderRow, out: Decision) -> None:
    if (order.key, order.name) in state.replacing:
        out.changes.append(SetReplace((order.key, order.name), None))


def cancel_order(state: State, order: OrderRow, now: Now, out: Decision, in_kill: bool = False) -> None:
    """Send the cancel of one open order and watch over it."""
    name: OrderId = (order.key, order.name)
    watch = state.watches.get(name) or OrderWatch(now.mono, next_ask=now.mono + 2.0)
    watch = replace(watch, cancel_wanted=True, in_kill=watch.in_kill or in_kill)
    if order.status is not S.PENDING_NEW:
        changed = orders.cancel_asked(order)
        if changed != order:
            out.rows.append(changed)
        watch = replace(watch, cancels=watch.cancels + 1)
        out.requests.append(CancelOrder(order.key, order.cl_ord_id, order.order_id, now.mono, order.is_waiting))
    out.changes.append(SetWatch(name, watch))


def cancel_all(state: State, command: CancelAll, now: Now, out: Decision) -> None:
    """Cancel every open order that fits."""
    hit = [o for o in state.orders.values() if not o.status.is_terminal
           and (command.key is None or o.key == command.key) and (not command.owner or o.owner == command.owner)
           and (not command.bots_only or (o.owner in state.robots and not orders.is_stop(o)))]
    for order in hit:
        cancel_order(state, order, now, out)
        _leave(state, order, out)
    where = command.key.symbol if command.key else "all markets"
    out.note(title_of(command.key) if command.key else "", f"cancel all of {where}: {len(hit)} orders")
    accept(out, command.ticket, now)


def kill_switch(state: State, command: KillSwitch, now: Now, out: Decision) -> None:
    """Trading OFF, new orders locked, every open order cancelled."""
    hit = [o for o in state.orders.values() if not o.status.is_terminal]
    for order in hit:
        cancel_order(state, order, now, out, in_kill=True)
        _end_move(state, order, out)
    out.changes.append(SetFlags(trading=False, kill=KillState(True, len(hit), 0, 0)))
    out.requests += [AskAccount(venue.market, venue.category, "kill") for venue in state.venues.values()]
    out.note("", f"KILL SWITCH: trading OFF, {len(hit)} orders cancelled, new orders locked", "warning")
    accept(out, command.ticket, now)


def rearm(command: Rearm, now: Now, out: Decision) -> None:
    """Unlock after a kill switch; trading stays OFF."""
    out.changes.append(SetFlags(kill=KillState()))
    out.note("", "re-armed: new orders are taken again, trading is OFF")
    accept(out, command.ticket, now)


def set_trading(state: State, command: SetTrading, now: Now, out: Decision) -> None:
    """F9. ON needs a released kill switch; OFF is always taken."""
    if command.on and state.kill.locked:
        return refuse(out, command.ticket, now, "the kill switch is on: re-arm first")
    out.changes.append(SetFlags(trading=command.on))
    if command.on != state.trading:
        out.note("", f"trading {'ON' if command.on else 'OFF'}")
    return accept(out, command.ticket, now)


def set_bot(state: State, command: SetBot, now: Now, out: Decision) -> None:
    """WORK or OFF by a person, SUSPENDED by an error; stored."""
    robot = state.robots.get(command.emi)
    if robot is None:
        return refuse(out, command.ticket, now, f"there is no bot {command.emi}")
    if command.state is BotState.WORK and command.emi in state.robot_reasons:
        return refuse(out, command.ticket, now, f"{command.emi}: {state.robot_reasons[command.emi]}")
    out.rows.append(RobotState(command.emi, command.state.value, command.reason))
    if command.state is BotState.WORK:
        out.changes.append(SetRejects(command.emi, 0))
    reason = f": {command.reason}" if command.reason else ""
    out.note(title_of(robot.key), f"{command.emi} {command.state.value}{reason}",
             "warning" if command.state is BotState.SUSPENDED else "info", command.emi)
    return accept(out, command.ticket, now)


def watch_symbol(state: State, command: Watch, now: Now, sight: Sight, out: Decision) -> None:
    """Add a symbol to the watchlist or take it off."""
    key = command.key
    if command.on and sight.instrument is None:
        return refuse(out, command.ticket, now, f"{key.symbol} is not known at {title_of(key)}", "symbol")
    if not command.on:
        if any(o.key == key and not o.status.is_terminal for o in state.orders.values()) or state.position(key):
            return refuse(out, command.ticket, now, f"{key.symbol} has orders or a position: it stays in the list")
        if key not in state.watched and key in state.configured:
            out.note(title_of(key), f"{key.symbol} stands in the settings; it is back at the next start")
    out.rows.append(WatchRow(key, command.on))
    return accept(out, command.ticket, now)


def confirm_account(state: State, command: ConfirmAccount, now: Now, out: Decision) -> None:
    """Open a LIVE account for orders: a person typed its id, once for all sessions."""
    if (command.market, command.account) not in state.unconfirmed:
        return accept(out, command.ticket, now)
    if command.typed.strip() != command.account:
        return refuse(out, command.ticket, now, f"“{printable(command.typed, 40)}” is not the id of the account that "
                                                f"the keys belong to; it stays closed for orders")
    out.rows.append(ConfirmRow(command.market, command.account, now.wall))
    out.note(market_title(command.market), f"LIVE account {command.account} confirmed: orders are for real money",
             "warning")
    return accept(out, command.ticket, now)


def take_over(state: State, command: TakeOver, now: Now, sight: Sight, out: Decision) -> None:
    """Book the unexplained rest of a position as an opening row: a person's decision."""
    key = Key(command.market, command.category, command.symbol)
    difference = state.differences.get(key)
    if difference is None or difference.stage < 2 or sight.instrument is None:
        return refuse(out, command.ticket, now, f"{key.symbol}: ledger and venue agree, there is nothing to take over")
    if state.position(key) != difference.ours:     # something was booked since: the rest is not what was shown
        return refuse(out, command.ticket, now, f"{key.symbol}: the position changed since it was compared; F5 asks "
                                                "again")
    rest = difference.theirs - difference.ours
    entry = difference.entry or sight.mark
    if entry is None:
        return refuse(out, command.ticket, now, f"{key.symbol}: the venue tells no entry price yet; F5 asks again")
    booking = opening(key, state.account(key), sight.instrument, rest, entry,
                      book_of(state, key, key.reserved, sight.instrument), now.venue, now.wall * 1000)
    out.rows += [*booking.coins, *booking.books]
    out.changes.append(SetDifference(key, None))
    venue = state.venues[(key.market, key.category)]
    out.changes.append(SetVenue(replace(venue, next_check=now.mono)))
    out.note(title_of(key), f"{key.symbol}: {text(rest)} taken over at {text(entry)} into {key.reserved}", "warning")
    return accept(out, command.ticket, now)


def book_of(state: State, key: Key, emi: str, instrument: Instrument, currency: str = "") -> BookRow:
    """The kept sums of an owner as they are now (empty ones when it has none)."""
    account = state.account(key)
    unit = currency or instrument.settle
    return state.books.get((account, key, emi, unit)) or BookRow(key, account, emi, unit)


def ask(order: OrderRow) -> AskOrder:
    """The question about one order."""
    conditional = order.ord_type is not None and order.ord_type.is_conditional
    return AskOrder(order.key, order.cl_ord_id, order.order_id, conditional)


def position_of(state: State, key: Key, emi: str) -> tuple[Decimal, Decimal | None]:
    """Position and entry of one owner in one instrument."""
    for row in state.holders(key):
        if row.emi == emi:
            return row.pos, row.entry
    return ZERO, None
