"""Committed rows and the changes beside them → the engine's memory. Each is done once its decision is true."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from core.dates import hms
from core.rows import (
    BookRow,
    CoinRow,
    ConfirmRow,
    CounterRow,
    CursorRow,
    MoveRow,
    OrderRow,
    RobotState,
    WatchRow,
    book_key,
)
from engine.asking import ORDER_NUMBER
from engine.kept import is_transfer, renames, together
from engine.money import OPENING
from engine.state import (
    AddTrade,
    Change,
    MissingFills,
    MoveDay,
    Now,
    SetControl,
    SetDifference,
    SetFlags,
    SetFound,
    SetLastHand,
    SetLost,
    SetMissing,
    SetRejects,
    SetReplace,
    SetRobot,
    SetStop,
    SetVenue,
    SetWatch,
    State,
)
from engine.view import MessageLine
from models import ZERO, BotState, Notice, Timings

A = TypeVar("A")
B = TypeVar("B")


def apply_row(state: State, row: object, now: Now, timings: Timings) -> None:
    """A row that was committed."""
    match row:
        case OrderRow():
            name = (row.key, row.name)
            old = state.orders.get(name)
            state.orders[name] = row
            if row.order_id:
                state.by_order_id[(row.key, row.order_id)] = row.name
            if row.status.is_terminal:
                state.ended.setdefault(name, now.mono)
            else:
                state.ended.pop(name, None)
            gap = row.told_qty - row.booked_qty if row.cl_ord_id else ZERO
            if gap <= 0:
                state.missing.pop(name, None)
            elif name not in state.missing or (old is not None and gap > old.told_qty - old.booked_qty):
                state.missing[name] = MissingFills(now.mono + timings.ask_unknown)
        case BookRow():
            state.books[book_key(row)] = row
        case CoinRow():
            if renames(row):
                state.renamed[row.emi] = row.refer
            if row.side < 0:
                name_of = (row.account, row.key)
                if not is_transfer(row):
                    state.funded[name_of] = max(row.time, state.funded.get(name_of, 0))
                return
            if row.qty:
                state.add_fill(row)
            if row.part == 0:
                state.remember_position(row.key, now.mono)
        case MoveRow():
            _moved(state, row)
        case ConfirmRow():
            state.unconfirmed.discard((row.market, row.account))
        case CursorRow():
            state.cursors[(row.account, row.key, row.kind)] = row.time
        case CounterRow():
            if row.name == ORDER_NUMBER:
                state.number = row.value
        case RobotState():
            robot = state.robots.get(row.emi)
            if robot is not None:
                state.robots[row.emi] = replace(robot, state=BotState(row.state), reason=row.reason)
        case WatchRow():
            if row.on:
                state.configured.add(row.key)
                state.watched.add(row.key)
            else:
                state.configured.discard(row.key)
                state.watched.discard(row.key)


def apply_change(state: State, change: Change, now: Now) -> None:
    """What is kept in memory only."""
    match change:
        case SetWatch():
            if change.watch is None:
                state.watches.pop(change.order, None)
            else:
                state.watches[change.order] = change.watch
                if change.watch.in_kill:
                    state.kill_orders.add(change.order)
        case SetMissing():
            if change.order in state.missing:
                state.missing[change.order] = change.missing
        case SetVenue():
            state.venues[change.venue.id] = change.venue
        case SetDifference():
            if change.difference is None:
                state.differences.pop(change.key, None)
            else:
                state.differences[change.key] = change.difference
        case SetFlags():
            state.trading = state.trading if change.trading is None else change.trading
            if change.kill is not None:
                if not change.kill.locked:
                    state.kill_orders.clear()
                state.kill = change.kill
        case AddTrade():
            state.trades.appendleft(change.trade)
        case SetRejects():
            state.rejects[change.owner] = change.count
        case SetStop():
            state.stops[change.emi] = change
        case SetRobot():
            _set_robot(state, change)
        case MoveDay():
            _move_day(state, change)
        case SetLastHand():
            state.last_hand = change
        case SetReplace():
            _set(state.replacing, change.order, change.command)
            _set(state.replaced, change.order, change.old or None)
        case SetLost():
            _set(state.lost_moves, change.key, change.text or None)
        case SetFound():
            state.found[change.wallet] = (change.since, change.found)
        case SetControl():
            state.controls[(change.control.wallet, change.control.currency)] = change.control
        case Notice():
            _say(state, change, now)


def _moved(state: State, row: MoveRow) -> None:
    wallet = (row.market, row.account, row.wallet)
    sums = state.moved
    sums[(wallet, row.currency)] = sums.get((wallet, row.currency), ZERO) + row.amount
    if row.kind == OPENING:
        state.openings[(wallet, row.currency)] = row.amount
        state.opened.add(wallet)


def _say(state: State, notice: Notice, now: Now) -> None:
    lines = state.messages
    if lines and (lines[0].market, lines[0].text) == (notice.market, notice.text):
        lines[0] = MessageLine(now.wall, notice.market, notice.text, lines[0].level, lines[0].emi,
                               lines[0].count + 1)
    else:
        lines.appendleft(MessageLine(now.wall, notice.market, notice.text, notice.level, notice.emi))
    if notice.emi:
        state.last_event[notice.emi] = f"{hms(now.wall)[:5]} {notice.text}"


def _set_robot(state: State, change: SetRobot) -> None:
    """A bot's record; what is kept beside it under its old name is forgotten."""
    old = change.before or change.emi
    for kept in (state.robots, state.robot_reasons, state.rejects, state.stops, state.last_event):
        kept.pop(old, None)
    if change.robot is not None:
        state.robots[change.emi] = change.robot
        if change.reason:
            state.robot_reasons[change.emi] = change.reason


def _move_day(state: State, change: MoveDay) -> None:
    """Beginnings of the day, after everything was moved."""
    given = state.day_books.pop(change.giver, None)
    if given is not None:
        account, key, emi, currency = change.taker
        old = state.day_books.get(change.taker) or BookRow(key, account, emi, currency)
        state.day_books[change.taker] = together(old, given)


def _set(kept: dict[A, B], key: A, value: B | None) -> None:
    if value is None:
        kept.pop(key, None)
    else:
        kept[key] = value
