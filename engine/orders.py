"""The state table: (order, event) → order. Pure; every change of an order's status happens here.

Facts (`filled`) count in any state. Opinions (`reported`) move an order forward by rank, or by an answer the venue
gave later. A status is never derived from what was asked, only from what the venue said or booked facts show.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from core.rows import OrderRow
from models import OrderReport, OrdStatus, OrdType

S = OrdStatus

# How far an order has come; an opinion of the same or an older time may only move it up.
RANK = {
    S.PENDING_NEW: 0, S.UNKNOWN: 0, S.NEW: 1, S.PENDING_CANCEL: 1, S.PENDING_REPLACE: 1, S.PARTIALLY_FILLED: 2,
    S.REJECTED: 3, S.CANCELED: 3, S.EXPIRED: 3, S.FILLED: 4,
}
NEVER_ARRIVED = "never arrived"
FORGOTTEN = "the venue does not know it any more"      # how much of it was filled is not known either
OPEN_AGAIN = "the venue says it is open again"
FOREIGN_ID = "its id is used by another order of the account"
_WAITING = (S.PENDING_CANCEL, S.PENDING_REPLACE)


def is_stop(order: OrderRow) -> bool:
    """Whether it protects a position at the venue: a reduce-only stop that waits for its trigger."""
    return order.ord_type is OrdType.STOP_MARKET and order.reduce_only and order.is_waiting


def by_quantity(order: OrderRow) -> OrdStatus:
    """NEW, PARTIALLY_FILLED or FILLED, by what is filled."""
    if order.qty and order.cum_qty >= order.qty:
        return S.FILLED
    return S.PARTIALLY_FILLED if order.cum_qty else S.NEW


def filled(order: OrderRow, qty: Decimal, order_id: str) -> OrderRow:
    """A fact was booked: `qty` more is filled. Ended orders keep their status, except that a full one is FILLED."""
    booked, order_id = order.booked_qty + qty, order.order_id or order_id
    cum_qty = max(booked, order.told_qty)
    is_full = order.qty and cum_qty >= order.qty
    if order.status is S.REJECTED:   # it lives after all; what became of the rest only the venue can tell
        grown = replace(order, booked_qty=booked, order_id=order_id)
        return replace(grown, status=by_quantity(grown), text="was taken for rejected, a fill says otherwise")
    if is_full or (order.status.is_terminal and not order.qty):
        return replace(order, booked_qty=booked, order_id=order_id, status=S.FILLED)
    if order.status.is_terminal or order.status in _WAITING:
        return replace(order, booked_qty=booked, order_id=order_id)
    status = S.PARTIALLY_FILLED if cum_qty else S.NEW
    return replace(order, booked_qty=booked, order_id=order_id, status=status, text="")


def acked(order: OrderRow, report: OrderReport | None) -> OrderRow:
    """The venue took the new order; `report` says how it stands, where it said so."""
    if report is not None:
        return reported(order, report)
    if order.status in (S.PENDING_NEW, S.UNKNOWN) or order.text == NEVER_ARRIVED:
        return replace(order, status=by_quantity(order), text="")
    return order


def reported(order: OrderRow, report: OrderReport, answer: bool = False) -> OrderRow:
    """An opinion of the venue. `answer`: it was given to a question asked after all we know, so it may move back."""
    newer = report.time > order.updated
    told = _known(order, report, newer or answer)
    status = report.status
    if order.status.is_terminal:
        if status.is_terminal:
            ahead = RANK[status] > RANK[order.status] or order.text == NEVER_ARRIVED
            return replace(told, status=status if ahead else order.status, updated=max(order.updated, report.time),
                           text=report.reason if ahead else order.text)
        # A move may have enlarged it while the old quantity was filled: the venue's quantity counts, too.
        if (newer and order.booked_qty < max(order.qty, report.qty)) or order.text == NEVER_ARRIVED:
            again = replace(told, updated=report.time, qty=report.qty or order.qty,
                            price=order.price if report.price is None else report.price,
                            text=OPEN_AGAIN)
            return replace(again, status=by_quantity(again))
        return told
    if not newer and not answer and RANK[status] < RANK[order.status]:
        return told
    if report.time < order.updated and not status.is_terminal and not answer:
        return told
    seen = replace(told, updated=max(order.updated, report.time), text=report.reason)
    if status.is_terminal:
        # Its fills may not be booked yet: facts follow in their own time and count in any state.
        return replace(seen, status=status)
    if newer or order.status in (S.PENDING_NEW, S.UNKNOWN, S.PENDING_REPLACE) or answer:
        seen = replace(seen, qty=report.qty or seen.qty, price=seen.price if report.price is None else report.price)
    if order.status is S.PENDING_CANCEL and not answer:
        return replace(seen, status=S.PENDING_CANCEL)
    if order.status is S.PENDING_REPLACE and not answer and not newer:
        return replace(seen, status=S.PENDING_REPLACE)
    return replace(seen, status=_open_status(seen))


def _known(order: OrderRow, report: OrderReport, is_news: bool) -> OrderRow:
    """Ids, filled quantity and trigger. A moved order may go on under another id of the venue's: the newest one that
    is open counts. An order that triggered goes on as a plain one under an id of its own.
    """
    is_plain = order.ord_type is None or not order.ord_type.is_conditional
    goes_on = is_news and is_plain and not report.status.is_terminal and report.order_id
    told = replace(order, told_qty=max(order.told_qty, report.cum_qty),
                   order_id=report.order_id if goes_on or not order.order_id else order.order_id)
    if is_plain or report.ord_type is None:
        return told
    if not report.ord_type.is_conditional:
        return replace(told, order_id=report.order_id or told.order_id, trigger=None)
    return replace(told, trigger=report.trigger or told.trigger) if report.time >= order.updated else told


def _open_status(order: OrderRow) -> OrdStatus:
    """The venue says "open": never FILLED by its own quantities alone, since a moved order may have grown."""
    status = by_quantity(order)
    return S.PARTIALLY_FILLED if status is S.FILLED else status


def rejected(order: OrderRow, text: str) -> OrderRow:
    """The venue's no to the new order itself. Only an order that nobody has seen alive can end so."""
    if order.status in (S.PENDING_NEW, S.UNKNOWN) and not order.cum_qty:
        return replace(order, status=S.REJECTED, text=text)
    return order


def silent(order: OrderRow, expires: int) -> OrderRow:
    """No answer to the new order: UNKNOWN until the venue is asked. Anything known meanwhile stands."""
    if order.status is S.PENDING_NEW:
        return replace(order, status=S.UNKNOWN, expires=max(expires, order.expires), text="no answer")
    return order


def cancel_asked(order: OrderRow) -> OrderRow:
    """A cancel goes out. An order whose fate is open stays UNKNOWN."""
    if order.status in (S.NEW, S.PARTIALLY_FILLED, S.PENDING_REPLACE):
        return replace(order, status=S.PENDING_CANCEL)
    return order


def amend_asked(order: OrderRow) -> OrderRow:
    """A move goes out."""
    if order.status in (S.NEW, S.PARTIALLY_FILLED):
        return replace(order, status=S.PENDING_REPLACE)
    return order


def change_refused(order: OrderRow, text: str) -> OrderRow:
    """The venue said no to a cancel or a move and the order stands as it was."""
    if order.status in _WAITING:
        return replace(order, status=by_quantity(order), text=text)
    return order


def never_arrived(order: OrderRow) -> OrderRow:
    """Proven absent: asked twice after the request had expired."""
    if order.status is S.UNKNOWN and not order.cum_qty:
        return replace(order, status=S.REJECTED, text=NEVER_ARRIVED)
    return order


def after_restart(order: OrderRow) -> OrderRow:
    """Whatever was on its way when the program ended is not known now."""
    if order.status is S.PENDING_NEW or order.status in _WAITING:
        return replace(order, status=S.UNKNOWN, text="program ended before the answer")
    return order


def from_report(report: OrderReport, account: str, name: str, owner: str) -> OrderRow:
    """A row for an order that is not ours, or whose row was lost. Its fills so far are taken as booked: they are facts
    of their own, which history brings. While nothing is filled, one of the very same millisecond is still to come: a
    market order is filled in the moment it begins."""
    created = report.time if report.cum_qty else report.time - 1
    return OrderRow(
        key=report.key, account=account, name=name, cl_ord_id=report.cl_ord_id or "", order_id=report.order_id,
        owner=owner, side=report.side, ord_type=report.ord_type, tif=report.tif, qty=report.qty, price=report.price,
        wanted=None, status=report.status, reduce_only=report.reduce_only, created=created, updated=report.time,
        expires=0, booked_qty=report.cum_qty, told_qty=report.cum_qty, text=report.reason, type_text=report.type_text,
        trigger=report.trigger)
