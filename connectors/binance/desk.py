"""What the trader needs of Binance: calls, costs, refusals in our words. Used on the trader's thread only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connectors.binance import conditional as algo
from connectors.binance import errors, parse
from connectors.binance.rest import Endpoints, Rest, is_waiting
from connectors.http import Call
from connectors.keeper import Standing
from connectors.timesync import TimeSync
from connectors.trader import OrderRequest
from core.clock import Clock
from core.errors import Throttled, VenueError
from models import AmendOrder, CancelOrder, OrderReport, Reject, SubmitOrder


def read_clock(rest: Rest, calls: Endpoints, sync: TimeSync, clock: Clock) -> None:
    """Ask the venue's time once. Raises a VenueError."""
    sent = clock.monotonic()
    body = rest.send(calls.time())
    sync.take(parse.server_time(body), sent, clock.monotonic())


class OrderDesk:
    """Sends order requests, each once."""

    def __init__(self, rest: Rest, calls: Endpoints, sync: TimeSync, clock: Clock,
                 standing: Callable[[], Standing]) -> None:
        self._rest, self._calls, self._sync, self._clock, self._standing = rest, calls, sync, clock, standing

    def refusal(self, request: OrderRequest) -> str:
        """Cancels are always tried; orders only while the account may trade."""
        standing = self._standing()
        if isinstance(request, AmendOrder) and is_waiting(request):
            return "a conditional order cannot be changed: cancel it and place it anew"
        if isinstance(request, CancelOrder) or standing.can_trade:
            return ""
        return standing.problem or standing.text or "the account is not known yet"

    def turn(self, request: OrderRequest) -> float:
        """Book the cost and give 0, or the seconds to wait first."""
        return self._rest.turn(self._call(request))

    def send(self, request: OrderRequest) -> OrderReport | None:
        """Send once. The answer to the cancel of a conditional order says no more than that it is done."""
        body, category = self._rest.send(self._call(request)), self._calls.product.category
        if isinstance(request, CancelOrder) and is_waiting(request):
            return None
        if isinstance(request, SubmitOrder) and request.ord_type.is_conditional:
            return algo.report(algo.row(body, category))
        row = parse.order_row(body)
        told = parse.report(row, category)
        # A triggered order answers with the client id the exchange made up for it; the request says whose it is.
        return replace(told, cl_ord_id=request.cl_ord_id) if row.was_conditional and request.cl_ord_id else told

    def expires(self) -> int:
        """Venue's time after which the last request cannot be accepted any more."""
        return self._rest.expires

    def before_resend(self, error: Throttled) -> None:
        """A refused time is measured again first."""
        if errors.is_clock(error):
            read_clock(self._rest, self._calls, self._sync, self._clock)

    def reject(self, request: OrderRequest, error: VenueError) -> Reject:
        """The venue's no."""
        return Reject(request, error.code, error.text,
                      duplicate=isinstance(request, SubmitOrder) and error.code in errors.DUPLICATES,
                      gone=isinstance(request, CancelOrder | AmendOrder) and error.code in errors.GONE)

    def _call(self, request: OrderRequest) -> Call:
        match request:
            case SubmitOrder():
                return self._calls.submit(request)
            case AmendOrder():
                return self._calls.amend(request)
            case CancelOrder():
                return self._calls.cancel(request)
