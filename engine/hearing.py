"""What a venue says of orders and fills → decisions. Pure: reads the state, writes into a `Decision`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from msgspec import structs

from core import ids
from core.numbers import text
from core.rows import CounterRow, OrderRow, RobotState
from core.titles import title_of
from engine import orders, replacing
from engine.asking import ORDER_NUMBER, ask, book_of, cancel_order
from engine.booking import book_fill, fee_doubt, owner_of, value_doubt
from engine.funding import correct
from engine.state import (
    AddTrade,
    Decision,
    Holders,
    Now,
    OrderId,
    OrderWatch,
    SetRejects,
    SetWatch,
    Sight,
    State,
)
from engine.view import TradeLine
from models import (
    ZERO,
    Ack,
    AmendOrder,
    AskHistory,
    BotState,
    CancelOrder,
    ExecKind,
    Execution,
    Instrument,
    OrderAbsent,
    OrderFound,
    OrderReport,
    OrdStatus,
    Reject,
    Silence,
    SubmitOrder,
)

S = OrdStatus
REJECTS_IN_A_ROW = 3
CANCEL_TRIES = 4
HISTORY_OVERLAP_MS = 300_000
LARGEST_NUMBER = 10 ** 12      # a larger one in front of a tag is somebody else's way of counting
_ONE = Decimal(1)


def put(state: State, out: Decision, old: OrderRow | None, new: OrderRow, now: Now) -> None:
    """Write an order's new row if it changed, and end its watch when its fate is settled."""
    if old != new:
        out.rows.append(new)
        out.owners.add(new.owner)
        if old is not None and old.text == orders.NEVER_ARRIVED and new.text == orders.OPEN_AGAIN:
            out.note(title_of(new.key), f"ALARM: {new.name} was taken for one that never arrived; {new.text}", "error",
                     new.owner)
    name: OrderId = (new.key, new.name)
    if name in state.watches and (new.status.is_terminal or (
            new.status in (S.NEW, S.PARTIALLY_FILLED) and not state.watches[name].cancel_wanted)):
        out.changes.append(SetWatch(name, None))
    if old is not None and new.status is not old.status and new.status.is_terminal:
        _tell_end(old, new, out)


def _tell_end(old: OrderRow, new: OrderRow, out: Decision) -> None:
    level = "warning" if new.status is S.REJECTED else "info"
    reason = f": {new.text}" if new.text else ""
    out.note(title_of(new.key), f"{new.name} {new.key.symbol} {new.status.value}{reason}", level, new.owner)


def hear_ack(state: State, message: Ack, now: Now, out: Decision) -> None:
    """The venue took a request."""
    request, report = message.request, message.report
    order = state.find(request.key, request.cl_ord_id, getattr(request, "order_id", ""))
    if order is None:
        return
    if isinstance(request, SubmitOrder):
        new = orders.acked(order, report)
        put(state, out, order, new, now)
        if state.rejects.get(order.owner):
            out.changes.append(SetRejects(order.owner, 0))
        watch = state.watches.get((order.key, order.name))
        if watch is not None and watch.cancel_wanted and not watch.cancels and not new.status.is_terminal:
            cancel_order(state, new, now, out)
        return
    if report is None:
        out.requests.append(ask(order))
        return
    put(state, out, order, orders.reported(order, report, answer=isinstance(request, AmendOrder)), now)


def hear_reject(state: State, message: Reject, now: Now, sight: Sight, out: Decision) -> None:
    """The venue's no, or our limiter's."""
    request = message.request
    order = state.find(request.key, request.cl_ord_id, getattr(request, "order_id", ""))
    if order is None:
        return
    said = f"{message.code}: {message.text}" if message.code else message.text
    name: OrderId = (order.key, order.name)
    if isinstance(request, SubmitOrder):
        if message.duplicate and order.status in (S.PENDING_NEW, S.UNKNOWN):
            watch = state.watches.get(name) or OrderWatch(now.mono)
            out.rows.append(orders.silent(order, order.expires))
            out.changes.append(SetWatch(name, replace(watch, compare=True, next_ask=now.mono + 2.0)))
            out.requests.append(ask(order))
            return
        put(state, out, order, orders.rejected(order, said), now)
        if message.sent:
            _count_reject(state, order, said, out)
        return
    kind = "cancel" if isinstance(request, CancelOrder) else "move"
    if message.gone:
        # Filled or cancelled meanwhile: only the venue can say which, and facts follow by themselves.
        watch = state.watches.get(name) or OrderWatch(now.mono)
        out.changes.append(SetWatch(name, replace(watch, next_ask=now.mono + 2.0)))
        out.requests.append(ask(order))
        return
    if message.anew and isinstance(request, AmendOrder):
        refused = replacing.move_rest(state, order, request, now, sight, out)
        if refused is None:
            return
        said = refused
    if isinstance(request, CancelOrder) or order.status is not S.PENDING_CANCEL:     # a cancel goes on without the move
        put(state, out, order, orders.change_refused(order, said), now)
    out.note(title_of(order.key), f"{order.name}: {kind} refused, {said}. Nothing was sent again.", "warning",
             order.owner)


def _count_reject(state: State, order: OrderRow, said: str, out: Decision) -> None:
    robot = state.robots.get(order.owner)
    if robot is None or orders.is_stop(order):       # its own look at the price is the stop-loss then
        return
    count = state.rejects.get(order.owner, 0) + 1
    out.changes.append(SetRejects(order.owner, count))
    if count >= REJECTS_IN_A_ROW and robot.state is BotState.WORK:
        reason = f"{count} orders refused in a row, the last with {said}"
        out.rows.append(RobotState(order.owner, BotState.SUSPENDED.value, reason))
        out.note(title_of(order.key), f"{order.owner} SUSPENDED: {reason}", "warning", order.owner)


def hear_silence(state: State, message: Silence, now: Now, out: Decision) -> None:
    """No answer: ask, never send again."""
    request = message.request
    order = state.find(request.key, request.cl_ord_id, getattr(request, "order_id", ""))
    if order is None:
        return
    name: OrderId = (order.key, order.name)
    watch = state.watches.get(name) or OrderWatch(now.mono)
    new = orders.silent(order, message.expires) if isinstance(request, SubmitOrder) else order
    put(state, out, order, new, now)
    if new.status.is_terminal or (new.status in (S.NEW, S.PARTIALLY_FILLED) and isinstance(request, SubmitOrder)):
        return
    out.changes.append(SetWatch(name, replace(watch, asked=watch.asked + 1, next_ask=now.mono + 2.0)))
    out.requests.append(ask(order))
    if isinstance(request, SubmitOrder):
        out.note(title_of(order.key), f"{order.name}: no answer to the order ({message.text}). Asking; no new orders "
                                      f"for {order.key.symbol} / {order.owner} until it is known.", "warning",
                 order.owner)


def hear_found(state: State, message: OrderFound, now: Now, sight: Sight, out: Decision) -> None:
    """The venue knows the order: adopt what it says."""
    request, report = message.request, message.report
    order = state.find(request.key, request.cl_ord_id, request.order_id or report.order_id)
    if order is None:
        return
    name: OrderId = (order.key, order.name)
    watch = state.watches.get(name)
    if watch is not None and watch.compare and not _same(order, report):
        out.rows.append(structs.replace(order, status=S.REJECTED, text=orders.FOREIGN_ID))
        out.changes.append(SetWatch(name, None))
        out.note(title_of(order.key), f"ALARM: the venue has another order under the id {order.name}; ours was not "
                                      "placed", "error", order.owner)
        return
    new = orders.reported(order, report, answer=True)
    put(state, out, order, new, now)
    if order.status is S.UNKNOWN:
        out.note(title_of(order.key), f"{order.name}: found at the venue, {new.status.value}", "info", order.owner)
    if watch is None or new.status.is_terminal or not watch.cancel_wanted:
        return
    if watch.cancels >= CANCEL_TRIES:
        out.changes.append(SetWatch(name, None))
        out.note(title_of(order.key), f"{order.name}: not cancelled after {watch.cancels} tries, it is still open",
                 "error", order.owner)
        return
    cancel_order(state, new, now, out)


def _same(order: OrderRow, report: OrderReport) -> bool:
    return (order.side, order.qty, order.price) == (report.side, report.qty, report.price) \
        or (order.side is report.side and order.qty == report.qty and order.price is None)


def hear_absent(state: State, message: OrderAbsent, now: Now, absent_margin_ms: int, out: Decision) -> None:
    """The venue does not know it. That counts only after the request has expired, plus a margin, and twice."""
    request = message.request
    order = state.find(request.key, request.cl_ord_id, request.order_id)
    if order is None or order.status.is_terminal:
        return
    name: OrderId = (order.key, order.name)
    watch = state.watches.get(name) or OrderWatch(now.mono)
    if message.venue_time <= order.expires + absent_margin_ms:
        out.changes.append(SetWatch(name, watch))
        return
    watch = replace(watch, absent=watch.absent + 1)
    out.changes.append(SetWatch(name, watch))
    if watch.absent < 2:
        return
    if order.status is S.UNKNOWN and not order.cum_qty and not order.order_id:
        put(state, out, order, orders.never_arrived(order), now)
    else:                                # it was there once: ended long ago, and forgotten
        gone = structs.replace(order, status=S.CANCELED, text=orders.FORGOTTEN)
        put(state, out, order, gone, now)


def hear_report(state: State, report: OrderReport, now: Now, out: Decision) -> None:
    """An opinion by stream or in a list of open orders."""
    order = state.find(report.key, report.cl_ord_id, report.order_id)
    if order is not None:
        new = orders.reported(order, report)
        put(state, out, order, new, now)
        watch = state.watches.get((order.key, order.name))
        if (watch is not None and watch.cancel_wanted and not watch.cancels and not new.status.is_terminal
                and order.status in (S.PENDING_NEW, S.UNKNOWN) and new.status in (S.NEW, S.PARTIALLY_FILLED)):
            cancel_order(state, new, now, out)
        return
    if report.status.is_terminal:
        return
    owner = owner_of(report.cl_ord_id, report.key, state.robots, Holders(state, report.key))
    is_ours = bool(report.cl_ord_id and owner.number)
    is_taken = (report.key, report.cl_ord_id or "") in state.orders      # by a row the venue's order does not belong to
    name = report.cl_ord_id if is_ours and report.cl_ord_id and not is_taken else f"#{report.order_id}"
    # A bot's name that is not in `robots` is a line of its own while its order rests; its fills are RESERVED's.
    shown = owner.refer if is_ours and owner.refer and ids.emi_problem(owner.refer) is None else owner.emi
    row = orders.from_report(report, state.account(report.key), name, shown)
    out.rows.append(row)
    _pass_by(state, owner.number, out)
    out.note(title_of(report.key), f"{report.key.symbol}: order {row.name} is open at the venue, not placed by this "
                                f"program; shown under {shown}")


def hear_execution(state: State, execution: Execution, now: Now, sight: Sight, booked: int, out: Decision) -> None:
    """A fact: booked to its owner in one transaction with the order's row and the kept sums."""
    key = execution.key
    title = title_of(key)
    order = state.find(key, execution.cl_ord_id, execution.order_id)
    instrument = sight.instrument or _unlisted(execution)
    if sight.instrument is None:
        out.note(title, f"{key.symbol} is not listed any more; its fill is booked with multiplier 1", "error")
    cl_ord_id = execution.cl_ord_id or (order.cl_ord_id if order is not None else None)
    owner = owner_of(cl_ord_id, key, state.robots, Holders(state, key), execution.kind)
    booking = book_fill(execution, owner, order, instrument,
                        lambda emi, currency: book_of(state, key, emi, instrument, currency), booked)
    out.rows += [*booking.coins, *booking.books]
    if sight.fundings:
        correct(state, booking.coins[0], sight.fundings, instrument, booked, out)
    gained = f", realised {text(booking.realised)} {booking.coins[0].currency}" if booking.realised is not None else ""
    out.note(title, f"EXECUTION {execution.side.value} {text(execution.last_qty)} {key.symbol} at "
                    f"{text(execution.last_px)}{gained}", emi=owner.emi)
    if order is not None:
        new = order if _is_counted(order, execution) else orders.filled(order, execution.last_qty, execution.order_id)
        put(state, out, order, new, now)
        _alarms(order, new, out)
        watch = state.watches.get((order.key, order.name))
        if watch is not None and watch.cancel_wanted and not watch.cancels and not new.status.is_terminal:
            cancel_order(state, new, now, out)
    _pass_by(state, owner.number, out)
    out.owners.add(owner.emi)
    first = booking.coins[0]
    fee = next((row for row in booking.coins if row.commiss), first)
    kept = next(row for row in booking.books if row.currency == first.currency)
    out.changes.append(AddTrade(TradeLine(
        0, key, execution.time, execution.side, execution.last_qty, execution.last_px, fee.commiss, fee.currency,
        owner.emi, execution.exec_id, booking.realised, first.sumreal, kept.pos, booked)))
    if execution.kind is not ExecKind.TRADE:
        out.note(title, f"{execution.kind.value} of {key.symbol} by the venue: {execution.side.value} "
                        f"{text(execution.last_qty)} at {text(execution.last_px)}, booked to {owner.emi}", "error")
    for doubt in (fee_doubt(execution, instrument), value_doubt(execution, instrument)):
        if doubt:
            out.note(title, doubt, "warning")


def _pass_by(state: State, number: int, out: Decision) -> None:
    """Ids never repeat, also with a new database on an old account: count on from the highest one it has seen."""
    if number <= state.number:
        return
    counted = max([state.number, *(row.value for row in out.rows if isinstance(row, CounterRow))])
    if counted < number < LARGEST_NUMBER:
        out.rows.append(CounterRow(ORDER_NUMBER, number))


def _is_counted(order: OrderRow, execution: Execution) -> bool:
    """An order taken up from the venue's word came with what was filled by then; such a fill is not counted again."""
    return order.is_adopted and execution.time <= order.created


def _alarms(old: OrderRow, new: OrderRow, out: Decision) -> None:
    if new.qty and new.booked_qty > new.qty:
        out.note(title_of(new.key), f"ALARM: {new.name} is filled with {text(new.booked_qty)}, ordered were "
                                 f"{text(new.qty)}; booked, since it happened", "error", new.owner)
    if old.status is S.REJECTED:
        out.note(title_of(new.key), f"ALARM: {new.name} was taken for rejected and has a fill; reopened", "error",
                 new.owner)


def _unlisted(execution: Execution) -> Instrument:
    settle = execution.fee_currency or "USDT"
    return Instrument(execution.key, execution.key.symbol, settle, settle, _ONE, _ONE, _ONE, _ONE, _ONE, ZERO,
                      trading=False)


def missing_fills(order: OrderRow) -> AskHistory:
    """The venue says more is filled than we have booked: read that symbol's history again."""
    return AskHistory(order.key, max(0, order.created - HISTORY_OVERLAP_MS), "missing fills")
