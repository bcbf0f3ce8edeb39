"""Start = reconnect = F3 (journey D), the comparison with the venue, and what happens by itself as time passes. Pure.

Private messages are not buffered while history is read: facts are keyed by the venue's id and opinions are ranked by
the venue's time, so both may come in any order (docs/decisions.md).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.rows import CursorRow, OrderRow
from core.titles import product_title, title_of
from engine import money, orders
from engine.asking import ask
from engine.hearing import hear_report, missing_fills, put
from engine.state import (
    Decision,
    Difference,
    MissingFills,
    Now,
    OrderWatch,
    SetDifference,
    SetFlags,
    SetMissing,
    SetVenue,
    SetWatch,
    State,
    VenueBook,
)
from models import (
    ZERO,
    AccountSnapshot,
    AskAccount,
    AskHistory,
    Category,
    HistoryPage,
    Key,
    OrdStatus,
    Timings,
    VenueDown,
    VenueUp,
)

DAY_MS = 86_400_000
FILLS, AGAIN = "fills", "again"        # a kind of cursor; why the day is read once more while a difference stays
RECENT_S = 5.0                        # a snapshot may show what we held this long ago: it was taken meanwhile
# Then it is left: of an order that is not ours, fills may have been booked before its row was made.
MISSING_TRIES = 8
S = OrdStatus


def venue_up(state: State, message: VenueUp, now: Now, timings: Timings, out: Decision) -> None:
    """The venue can be reached: ask for the account, every fill since the cursors, and every order in doubt."""
    keys = [i.key for i in message.instruments]
    venue = state.venues.get((message.market, message.category)) or VenueBook(message.market, message.category)
    held = {row.key for row in state.books.values() if _is_of(row.key, venue) and row.pos}
    asked = sorted({*keys, *held})
    waiting = frozenset({"account", *(f"history {key.symbol}" for key in asked)})
    out.changes.append(SetVenue(replace(
        venue, account=message.account, up=True, recovered=False, can_trade=message.can_trade, text=message.text,
        wallet=message.wallet, waiting=waiting, money_read=False, next_money=0.0,
        next_check=now.mono + timings.check_account, next_history=now.mono + timings.read_history)))
    for order in state.orders.values():
        if order.status is S.UNKNOWN and _is_of(order.key, venue):
            out.requests.append(ask(order))
    out.requests.append(AskAccount(message.market, message.category, "recovery"))
    out.requests += [AskHistory(key, state.read_from(message.account, key, FILLS), "recovery") for key in asked]


def venue_down(state: State, message: VenueDown, out: Decision) -> None:
    """Opinions may be missing from now on; orders in flight are still answered by the trader."""
    venue = state.venues.get((message.market, message.category))
    if venue is not None:
        out.changes.append(SetVenue(replace(venue, up=False, recovered=False, waiting=frozenset())))
    title = product_title(message.market, message.category)
    out.note(title, message.text, "info" if message.text == "stopped" else "warning")


def snapshot(state: State, message: AccountSnapshot, now: Now, timings: Timings, multiplier: money.Multiplier,
             out: Decision) -> None:
    """Opinions about the whole account: orders adopted, those missing asked about, positions compared."""
    venue = state.venues.get((message.market, message.category))
    if venue is None:
        return
    for report in message.orders:
        hear_report(state, report, now, out)
    listed = {(r.key, r.order_id) for r in message.orders} | {(r.key, r.cl_ord_id) for r in message.orders}
    for order in state.orders.values():
        if (_is_of(order.key, venue) and order.status not in (S.PENDING_NEW, S.UNKNOWN) and not order.status.is_terminal
                and order.updated < message.asked and order.created < message.asked
                and (order.key, order.order_id) not in listed and (order.key, order.cl_ord_id) not in listed):
            out.requests.append(ask(order))
    waiting = set(venue.waiting) - {"account"}
    if not venue.recovered and venue.up:
        known = {f"history {k.symbol}" for k in state.configured if _is_of(k, venue)} | set(venue.waiting)
        for held in message.positions:
            if held.qty and f"history {held.key.symbol}" not in known:
                waiting.add(f"history {held.key.symbol}")
                out.requests.append(AskHistory(held.key, state.read_from(message.account, held.key, FILLS), "recovery"))
    new = replace(venue, positions=message.positions, balances=message.balances, waiting=frozenset(waiting),
                  next_check=now.mono + timings.check_account)
    if new.recovered:
        _compare(state, new, message, now, timings, multiplier, out)
    else:
        _finish(state, new, now, timings, out)


def history_end(state: State, page: HistoryPage, now: Now, timings: Timings, out: Decision) -> None:
    """A completed read moves the cursor to its start, each page before to its newest fill; the stream never does.

    Pages come oldest first, so what is older than a page's newest fill is booked: after a kill only the rest is read.
    """
    old = state.cursors.get((page.account, page.key, FILLS), 0)
    reached = page.read_start if page.last else max((fill.time for fill in page.executions), default=0)
    if page.reason in ("recovery", "hourly") and reached > old:
        out.rows.append(CursorRow(page.key, page.account, FILLS, reached))
    if not page.last:
        return
    venue = state.venues.get((page.key.market, page.key.category))
    if venue is None:
        return
    known = state.differences.get(page.key)
    if page.reason == "difference" or (page.reason == AGAIN and known and known.ours != state.position(page.key)):
        out.requests.append(AskAccount(page.key.market, page.key.category, "difference"))
    if page.reason == "recovery" and not venue.recovered and venue.up:
        new = replace(venue, waiting=venue.waiting - {f"history {page.key.symbol}"})
        _finish(state, new, now, timings, out)


def _finish(state: State, venue: VenueBook, now: Now, timings: Timings, out: Decision) -> None:
    """Recovery ends when nothing is waited for; a fresh snapshot is then compared."""
    if venue.up and not venue.waiting:
        out.changes.append(SetVenue(replace(venue, recovered=True, next_check=now.mono + timings.check_account)))
        out.requests.append(AskAccount(venue.market, venue.category, "check"))
        out.requests.append(money.ask_money(state, venue, "recovery"))      # its shares need the fills
        out.note(product_title(*venue.id), f"recovered: account {venue.account}, orders and fills are up to date")
    else:
        out.changes.append(SetVenue(venue))


def _compare(state: State, venue: VenueBook, message: AccountSnapshot, now: Now, timings: Timings,
             multiplier: money.Multiplier, out: Decision) -> None:
    """Positions exactly. A difference re-reads 24 hours, then 7 days; if it stays it is shown and blocks, and each
    later comparison reads the day again: the venue's history may lag behind its positions.
    """
    told = {report.key: report for report in message.positions}
    is_spot = venue.category is Category.SPOT            # coins are held there, no positions: nothing to compare
    keys = set() if is_spot else {key for key in state.configured if _is_of(key, venue)} | set(told) | {
        row.key for row in state.books.values() if row.account == venue.account and row.pos and _is_of(row.key, venue)}
    for key in sorted(keys):
        ours = state.position(key)
        report = told.get(key)
        theirs = report.qty if report is not None else ZERO
        known = state.differences.get(key)
        if theirs == ours or theirs in state.recent_positions(key, now.mono - RECENT_S):
            if known is not None:
                out.changes.append(SetDifference(key, None))
                if known.stage >= 2:
                    out.note(title_of(key), f"{key.symbol}: ledger and venue agree again")
            continue
        _differ(key, ours, theirs, report.entry if report else None, known, message, out)
    compared = replace(venue, compared=now.wall)
    out.changes.append(SetVenue(compared))
    if not any(isinstance(change, SetDifference) and change.difference is not None for change in out.changes):
        money.check(state, compared, multiplier, now, timings, out)


def _is_of(key: Key, venue: VenueBook) -> bool:
    """Whether this product trades the instrument: products of one market may share their account."""
    return (key.market, key.category) == venue.id


def _differ(key: Key, ours: Decimal, theirs: Decimal, entry: Decimal | None, known: Difference | None,
            message: AccountSnapshot, out: Decision) -> None:
    stage = 0 if known is None else min(known.stage + 1, 2)
    difference = Difference(key, ours, theirs, stage, entry)
    if known is not None and known.stage == 2:
        out.requests.append(AskHistory(key, message.asked - DAY_MS, AGAIN))
        if (known.ours, known.theirs) == (ours, theirs):
            return
    out.changes.append(SetDifference(key, difference))
    if stage < 2:
        days = 1 if stage == 0 else 7
        out.requests.append(AskHistory(key, message.asked - days * DAY_MS, "difference"))
    elif known is None or known.stage < 2:
        out.note(title_of(key), f"{difference.text}. New orders for it are blocked until they agree: F5 asks "
                                "again, “main.py ledger open” takes the position over", "error")


def tick(state: State, now: Now, timings: Timings, out: Decision) -> None:
    """What is due by itself: questions, checks, history reads, fills that are missing, the end of a kill switch."""
    for name, order in state.orders.items():
        watch = state.watches.get(name)
        if order.status.is_terminal:
            continue
        if order.status is S.UNKNOWN and watch is None:
            watch = OrderWatch(now.mono)
            out.changes.append(SetWatch(name, watch))
        if watch is not None and watch.next_ask <= now.mono and order.status is not S.PENDING_NEW:
            _ask_again(order, watch, now, timings, out)
    for venue in state.venues.values():
        if venue.recovered and (venue.next_check <= now.mono or _is_news(state, venue, now, timings)):
            out.requests.append(AskAccount(venue.market, venue.category, "check"))
            out.changes.append(SetVenue(replace(venue, next_check=now.mono + timings.check_account)))
        elif venue.recovered and venue.next_history <= now.mono:
            held = {row.key for row in state.books.values() if row.pos and row.account == venue.account}
            out.requests += [AskHistory(key, state.read_from(venue.account, key, FILLS), "hourly")
                             for key in sorted(state.configured | held) if _is_of(key, venue)]
            out.requests.append(money.ask_money(state, venue, "hourly"))
            out.changes.append(SetVenue(replace(venue, next_history=now.mono + timings.read_history)))
        elif (later := money.tick(state, venue, now, timings, out)) != venue:
            out.changes.append(SetVenue(later))
    for name, missing in state.missing.items():
        order_row = state.orders.get(name)
        if order_row is not None and missing.next_ask <= now.mono and missing.asked < MISSING_TRIES:
            wait = timings.ask_unknown * 2 ** (missing.asked + 1)
            out.changes.append(SetMissing(name, MissingFills(now.mono + wait, missing.asked + 1)))
            out.requests.append(missing_fills(order_row))
    _kill_progress(state, out)


def _is_news(state: State, venue: VenueBook, now: Now, timings: Timings) -> bool:
    """A position was opened since the account was asked last: its margin and liquidation price are not known yet."""
    asked = venue.next_check - timings.check_account
    if now.mono - asked < timings.check_account / 12:
        return False
    told = {report.key for report in venue.positions if report.margin is not None}
    return any(changes[-1][0] > asked and changes[-1][1] and key not in told
               for key, changes in state.recent.items() if _is_of(key, venue))


def _ask_again(order: OrderRow, watch: OrderWatch, now: Now, timings: Timings, out: Decision) -> None:
    wait = timings.ask_unknown * min(8, 1 + watch.asked)
    out.changes.append(SetWatch((order.key, order.name), replace(
        watch, asked=watch.asked + 1, next_ask=now.mono + wait)))
    out.requests.append(ask(order))


def _kill_progress(state: State, out: Decision) -> None:
    if not state.kill.locked:
        return
    open_now = [n for n in state.kill_orders if n in state.orders and not state.orders[n].status.is_terminal]
    again = sum(1 for n in state.kill_orders if n in state.watches and state.watches[n].cancels > 1)
    kill = replace(state.kill, done=state.kill.total - len(open_now), asked_again=again)
    if kill != state.kill:
        out.changes.append(SetFlags(kill=kill))


def restart_orders(state: State, now: Now, out: Decision) -> None:
    """At a start: whatever was on its way when the program ended is UNKNOWN now."""
    for order in list(state.orders.values()):
        new = orders.after_restart(order)
        if new != order:
            put(state, out, order, new, now)
            if new.status is S.UNKNOWN:
                out.note(title_of(order.key), f"{order.name}: {new.text}. Asking the venue.", "warning", order.owner)


