"""What an HTTP answer means: done, refused, refused to take, or nobody knows (binance.md sections 4 and 11).

Pure. "Refused to take" (`Throttled`) is the only thing that may ever be sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from connectors.http import Answer
from core.errors import KeysRejected, Rejected, SilenceError, Throttled, VenueError
from core.numbers import printable

MARKET = "Binance"

UNKNOWN_OUTCOME = frozenset({-1000, -1001, -1006, -1007})
NOT_TAKEN = frozenset({-1003, -1008, -1015, -1016, -1021, -5028})
KEYS = frozenset({-1002, -1022, -2014, -2015})    # -1022: our signing is tested, so the secret is wrong
CLOCK = frozenset({-1021, -5028})
NO_ALGO = -20124            # conditional orders have an endpoint and codes of their own
GONE = frozenset({-2011, -2013, NO_ALGO})
ABSENT = -2013
DUPLICATES = frozenset({-4116, -20132})
LISTEN_KEY_GONE = -1125
# Tick, step, quantity, value, symbol or its state are not what we think: the rules are read anew.
RULES = frozenset({-1013, -1111, -1121, -4003, -4004, -4005, -4013, -4014, -4023, -4140, -4141, -4164})

WAIT_ORDER_COUNT = 10.0    # -1015: the shorter order window
WAIT_OVERLOAD = 1.0        # -1008 and the two 503 texts that say "not executed"
_NOT_EXECUTED_503 = ("service unavailable", "internal error; unable to process")
_BAN_END = re.compile(r"until\s+(\d{13})")


class _Refusal(msgspec.Struct):
    code: int
    msg: str = ""


def failure(answer: Answer, venue_ms: int) -> VenueError | None:
    """The error an answer stands for; None when it is a good one."""
    refusal = _refusal(answer.body)
    status = answer.status
    if 200 <= status < 300:
        return None if refusal is None or refusal.code >= 0 else _by_code(refusal, answer, venue_ms)
    if status in (418, 429):
        return _throttled(answer, refusal, venue_ms)
    if status >= 500:
        return _server_error(status, refusal)
    if 300 <= status < 400 or status in (408, 409):
        return SilenceError(MARKET, f"HTTP {status}: an answer that does not say whether it was done")
    if refusal is not None:
        return _by_code(refusal, answer, venue_ms)
    if status in (401, 451):
        return KeysRejected(MARKET, f"HTTP {status}: this key or address is not served")
    return Rejected(MARKET, f"HTTP {status}: {printable(answer.body[:120].decode('utf-8', 'replace'), 80)}")


def is_clock(error: VenueError) -> bool:
    """Whether the request's time was refused."""
    return error.code in CLOCK


def _refusal(body: bytes) -> _Refusal | None:
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


_DECODER = msgspec.json.Decoder(_Refusal)


def _by_code(refusal: _Refusal, answer: Answer, venue_ms: int) -> VenueError:
    code, text = refusal.code, printable(refusal.msg)
    if code in UNKNOWN_OUTCOME:
        return SilenceError(MARKET, text, code)
    if code in NOT_TAKEN:
        return _throttled(answer, refusal, venue_ms)
    if code in KEYS or answer.status == 401:
        return KeysRejected(MARKET, text, code)
    return Rejected(MARKET, text, code)


def _throttled(answer: Answer, refusal: _Refusal | None, venue_ms: int) -> Throttled:
    code = refusal.code if refusal else 0
    text = printable(refusal.msg) if refusal else f"HTTP {answer.status}: too many requests"
    ban_end = _BAN_END.search(text)
    wait = _retry_after(answer.headers)
    if ban_end is not None:
        wait = max(wait or 0.0, (int(ban_end.group(1)) - venue_ms) / 1000)
    if wait is None:
        wait = {-1015: WAIT_ORDER_COUNT, -1008: WAIT_OVERLOAD, -1016: WAIT_OVERLOAD, -1021: 0.0, -5028: 0.0}.get(code)
    if wait is None:
        wait = 120.0 if answer.status == 418 else 60.0    # the shortest ban; the weight window
    return Throttled(MARKET, text, code, max(0.0, wait), banned=answer.status == 418 or ban_end is not None)


def _server_error(status: int, refusal: _Refusal | None) -> VenueError:
    if refusal is None:
        return SilenceError(MARKET, f"HTTP {status}: whether it was done is not known")
    if refusal.code == -1008 or (status == 503 and refusal.msg.lower().startswith(_NOT_EXECUTED_503)):
        return Throttled(MARKET, printable(refusal.msg), refusal.code, WAIT_OVERLOAD)
    return SilenceError(MARKET, printable(refusal.msg), refusal.code)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    told = headers.get("Retry-After", "")
    return float(told) if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", told, re.ASCII) else None
