"""What the trader needs of BitMEX: calls, costs, refusals in our words. Used on the trader's thread only."""

from __future__ import annotations

from collections.abc import Callable

from connectors.bitmex import conditional, errors, parse
from connectors.bitmex.auth import MARKET
from connectors.bitmex.contracts import Contracts
from connectors.bitmex.rest import Endpoints, Rest
from connectors.http import Call
from connectors.keeper import Standing
from connectors.timesync import TimeSync
from connectors.trader import OrderRequest
from core.clock import Clock
from core.errors import BadMessage, Rejected, Throttled, VenueError
from core.numbers import printable
from models import AmendOrder, CancelOrder, OrderReport, Reject, SubmitOrder


def read_clock(rest: Rest, calls: Endpoints, sync: TimeSync, clock: Clock) -> None:
    """Ask the venue's time once. Raises a VenueError."""
    sent = clock.monotonic()
    take_clock(rest.send(calls.time()), rest.date_ms, sync, sent, clock.monotonic())


def take_clock(body: bytes, date_ms: int | None, sync: TimeSync, sent: float, received: float) -> None:
    """The time in the body; where it has none, the header's, which has whole seconds only."""
    try:
        told = parse.server_time(body)
    except BadMessage:
        if date_ms is None:
            raise
        told = min(max(sync.now_ms(), date_ms), date_ms + 999)
    sync.take(told, sent, received)


class OrderDesk:
    """Sends order requests, each once."""

    def __init__(self, rest: Rest, calls: Endpoints, sync: TimeSync, clock: Clock, standing: Callable[[], Standing],
                 contracts: Callable[[], Contracts]) -> None:
        self._rest, self._calls, self._sync, self._clock = rest, calls, sync, clock
        self._standing, self._contracts = standing, contracts

    def refusal(self, request: OrderRequest) -> str:
        """Cancels are always tried; orders only while the account may trade."""
        standing = self._standing()
        if standing.problem and not standing.ready and not standing.account:
            return standing.problem              # it never came up: there is nobody to ask
        if isinstance(request, CancelOrder):
            return ""
        if not standing.can_trade:
            return standing.problem or standing.text or "the account is not known yet"
        symbol = request.key.symbol
        if symbol not in self._contracts():
            return f"{symbol} is not known as {request.key.category.value}"
        return conditional.refusal(request, self._calls.price(request.key)) if isinstance(request, SubmitOrder) else ""

    def turn(self, request: OrderRequest) -> float:
        """Book the cost and give 0, or the seconds to wait first."""
        return self._rest.turn(self._call(request))

    def send(self, request: OrderRequest) -> OrderReport | None:
        """Send once. A cancel that failed is an ordinary answer with `error` in its row (section 6.5)."""
        body = self._rest.send(self._call(request))
        if not isinstance(request, CancelOrder):
            return self._report(parse.order(body))
        rows = parse.orders(body)
        if len(rows) != 1:
            raise BadMessage(MARKET, f"{len(rows)} answers to one cancel")
        if rows[0].error:
            raise Rejected(MARKET, printable(rows[0].error), 200)
        return self._report(rows[0])

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
                      duplicate=isinstance(request, SubmitOrder) and errors.is_duplicate(error),
                      gone=isinstance(request, CancelOrder | AmendOrder) and errors.is_gone(error))

    def _report(self, row: parse.OrderRow) -> OrderReport | None:
        contract = self._contracts().get(row.symbol)
        return None if contract is None else parse.report(row, contract)

    def _call(self, request: OrderRequest) -> Call:
        match request:
            case SubmitOrder():
                return self._calls.submit(request)
            case AmendOrder():
                return self._calls.amend(request)
            case CancelOrder():
                return self._calls.cancel(request)
