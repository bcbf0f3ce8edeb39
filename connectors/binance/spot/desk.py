"""What the trader needs of spot: calls, costs, refusals in our words. Used on the trader's thread only.

A move has three ends, chosen by how the order stands (asked first, which is no sending): a smaller quantity at the same
price keeps the order; an unfilled one is cancelled and placed anew in one request, under the same client id; of a
partly filled one the engine is told that only a cancel and an order for the rest can move it: no request of spot's can
place exactly what its own cancel leaves (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from enum import Enum

from connectors.binance import errors
from connectors.binance.desk import read_clock
from connectors.binance.errors import MARKET
from connectors.binance.rest import Rest
from connectors.binance.spot import errors as spot_errors
from connectors.binance.spot import parse as spot_parse
from connectors.binance.spot.rest import SpotEndpoints
from connectors.http import Call, NotSent, Rank
from connectors.keeper import Standing
from connectors.timesync import TimeSync
from connectors.trader import OrderRequest
from core.clock import Clock
from core.errors import Rejected, SilenceError, Throttled, VenueError
from models import AmendOrder, CancelOrder, OrderReport, OrdStatus, OrdType, Reject, SubmitOrder, TimeInForce

BY_MARK = "spot has no mark price: let it trigger by the last price"
NO_POST_ONLY = "a conditional order cannot be post-only on spot"
PARTLY_FILLED = "partly filled: on spot such an order can only be made smaller at its price"
CONDITIONAL = "a conditional order cannot be moved on spot: cancel it and place another"
NOTHING = "the order has this price and quantity already"


class Move(Enum):
    """How an order is moved."""

    LOWER = "keeps its place"
    REPLACE = "is placed anew"


def how(request: AmendOrder, now: OrderReport) -> Move | str:
    """The way to move an order that stands so, or why there is none."""
    if now.ord_type is not OrdType.LIMIT or not now.cl_ord_id:
        return CONDITIONAL
    if request.price == now.price:
        if request.qty == now.qty:
            return NOTHING
        if request.qty < now.qty:
            return Move.LOWER
    return PARTLY_FILLED if now.cum_qty else Move.REPLACE


class SpotDesk:
    """Sends order requests, each once."""

    def __init__(self, rest: Rest, calls: SpotEndpoints, sync: TimeSync, clock: Clock,
                 standing: Callable[[], Standing]) -> None:
        self._rest, self._calls, self._sync, self._clock, self._standing = rest, calls, sync, clock, standing

    def refusal(self, request: OrderRequest) -> str:
        """Cancels are always tried; orders only while the account may trade, and only what spot knows."""
        standing = self._standing()
        if isinstance(request, CancelOrder):
            return ""
        if not standing.can_trade:
            return standing.problem or standing.text or "the account is not known yet"
        if isinstance(request, SubmitOrder) and request.ord_type.is_conditional:
            if request.trigger is not None and request.trigger.by_mark:
                return BY_MARK
            return NO_POST_ONLY if request.tif is TimeInForce.GTX else ""
        return ""

    def turn(self, request: OrderRequest) -> float:
        """Book the cost and give 0, or the seconds to wait first."""
        return self._rest.turn(self._cost(request))

    def send(self, request: OrderRequest) -> OrderReport:
        """Send once."""
        match request:
            case SubmitOrder():
                return spot_parse.order(self._rest.send(self._calls.submit(request)))
            case CancelOrder():
                return spot_parse.order(self._rest.send(self._calls.cancel(request)))
            case AmendOrder():
                return self._move(request)

    def expires(self) -> int:
        """Venue's time after which the last request cannot be accepted any more."""
        return self._rest.expires

    def before_resend(self, error: Throttled) -> None:
        """A refused time is measured again first."""
        if errors.is_clock(error):
            read_clock(self._rest, self._calls, self._sync, self._clock)

    def reject(self, request: OrderRequest, error: VenueError) -> Reject:
        """The venue's no."""
        is_sell = isinstance(request, SubmitOrder | AmendOrder) and request.side.sign < 0
        return Reject(request, error.code, spot_errors.explained(error, is_sell),
                      duplicate=isinstance(request, SubmitOrder) and spot_errors.is_duplicate(error),
                      gone=isinstance(request, CancelOrder | AmendOrder) and spot_errors.is_gone(error),
                      anew=isinstance(request, AmendOrder) and spot_errors.is_partly_filled(error))

    def _move(self, request: AmendOrder) -> OrderReport:
        now = self._stands(request)
        if now.status.is_terminal:
            raise Rejected(MARKET, f"Unknown order: it is {now.status.value}", -2011)
        way = how(request, now)
        if isinstance(way, str):
            raise (spot_errors.PartlyFilled if way == PARTLY_FILLED else Rejected)(MARKET, way)
        if way is Move.LOWER:
            return spot_parse.amended(self._rest.send(self._calls.lower(request, now)))
        try:
            return spot_parse.replaced(self._rest.send(self._calls.replace(request, now)))
        except spot_errors.HalfDone as error:
            # The order has ended: our word for it, because its own cancel is not told (see spot_events).
            return replace(now, status=OrdStatus.CANCELED, time=error.time or self._sync.now_ms(),
                           cum_qty=Decimal(0), reason=f"cancelled to be moved, and then refused: {error.text}")

    def _stands(self, request: AmendOrder) -> OrderReport:
        """How the order stands; without an answer nothing was sent."""
        call = self._calls.query(request.key.symbol, request.order_id, request.cl_ord_id, Rank.ORDER)
        try:
            return spot_parse.order(self._rest.send(call))
        except SilenceError as error:
            raise NotSent(MARKET, error.text) from None

    def _cost(self, request: OrderRequest) -> Call:
        match request:
            case SubmitOrder():
                return self._calls.submit(request)
            case CancelOrder():
                return self._calls.cancel(request)
            case AmendOrder():
                query = self._calls.query(request.key.symbol, request.order_id, request.cl_ord_id, Rank.ORDER)
                return replace(query, weight=query.weight + self._calls.product.weights["amend"], orders=1)
