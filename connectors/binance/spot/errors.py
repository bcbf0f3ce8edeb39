"""What only spot answers: cancelReplace that half worked, and the texts of -2010 (binance.md 5.2 and 11). Pure.

-2021 and -2022 mean something else on futures, so these are read here.
"""

from __future__ import annotations

import msgspec

from connectors.binance import errors
from connectors.binance.errors import MARKET
from connectors.http import Answer
from core.errors import Rejected, VenueError
from core.numbers import printable

HALF_DONE, NOT_DONE = -2021, -2022
NO_ORDER = frozenset({-2011, -2038})    # of a cancel, of an amendment
REFUSED = -2010
ABSENT = frozenset({-2013, -2026})     # -2026: ended without a fill more than 90 days ago
GONE_TEXT = "unknown order"
RESTRICTED_TEXT = "cancel restrictions"     # the order is not NEW any more
NO_SHORT = "spot sells only what the account holds, there is no short"


class HalfDone(Rejected):
    """cancelReplace: the old order was cancelled at `time`, the new one refused."""

    def __init__(self, text: str, code: int, time: int) -> None:
        super().__init__(MARKET, text, code)
        self.time = time


class PartlyFilled(Rejected):
    """The order cannot be moved in one request: a part of it is filled."""


class _Part(msgspec.Struct, rename="camel"):
    code: int = 0
    msg: str = ""
    transact_time: int = 0


class _Parts(msgspec.Struct, rename="camel"):
    cancel_response: _Part | None = None
    new_order_response: _Part | None = None


class _Refusal(msgspec.Struct):
    code: int
    data: _Parts


_refusal = msgspec.json.Decoder(_Refusal).decode


def failure(answer: Answer, venue_ms: int) -> VenueError | None:
    """The error an answer stands for; None when it is a good one."""
    if answer.status in (400, 409):
        half = _half(answer.body)
        if half is not None:
            return half
    return errors.failure(answer, venue_ms)


def _half(body: bytes) -> VenueError | None:
    try:
        told = _refusal(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    cancelled, placed = told.data.cancel_response, told.data.new_order_response
    if told.code == HALF_DONE and cancelled is not None and not cancelled.code and placed is not None:
        return HalfDone(printable(placed.msg), placed.code, cancelled.transact_time)
    if told.code == NOT_DONE and cancelled is not None and cancelled.code:
        return Rejected(MARKET, printable(cancelled.msg), cancelled.code)
    return None


def is_duplicate(error: VenueError) -> bool:
    """Whether an open order has this id already."""
    return error.code == REFUSED and "duplicate" in error.text.lower()


def is_partly_filled(error: VenueError) -> bool:
    """Whether a move was not made because the order is filled in part: known before, or found by the cancel."""
    return isinstance(error, PartlyFilled) or (error.code in NO_ORDER and RESTRICTED_TEXT in error.text.lower())


def is_gone(error: VenueError) -> bool:
    """Whether the order to be cancelled or changed is not open any more; -2011 has other reasons, too."""
    return error.code in ABSENT or (error.code in NO_ORDER and GONE_TEXT in error.text.lower())


def explained(error: VenueError, is_sell: bool) -> str:
    """The venue's text, with what it means where that is not plain."""
    if is_sell and error.code == REFUSED and "insufficient balance" in error.text.lower():
        return f"{error.text} ({NO_SHORT})"
    return error.text
