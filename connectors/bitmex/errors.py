"""What an HTTP answer means: done, refused, refused to take, or nobody knows (bitmex.md sections 8 and 9).

Pure. "Refused to take" (`Throttled`) is the only thing that may ever be sent again. The venue has no numbers of its
own: `code` is the HTTP status, and what a refusal is about is told by the beginning of its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from connectors.bitmex.auth import MARKET
from connectors.http import Answer
from core.errors import KeysRejected, Rejected, SilenceError, Throttled, VenueError
from core.numbers import printable

OVERLOADED = "The system is currently overloaded"     # the request did not reach the engine
EXPIRED = "This request has expired"
WAIT_OVERLOAD = 0.5
WAIT_LIMIT = 1.0           # 429 without a word about how long
BAN = 300.0                # who must wait longer than this is banned

_DUPLICATE = ("duplicate clordid",)
_GONE = ("invalid ordstatus", "invalid orderid", "invalid origclordid", "not found", "unable to cancel")
_RETRY_IN = re.compile(r"retry in (\d{1,6}) seconds", re.ASCII)


class _Error(msgspec.Struct):
    message: str = ""
    name: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


_DECODER = msgspec.json.Decoder(_Refusal)


def failure(answer: Answer) -> VenueError | None:
    """The error an answer stands for; None when it is a good one."""
    status, text = answer.status, _words(answer.body)
    if 200 <= status < 300:
        return None
    if status == 429:
        wait = _wait(answer.headers, text or "")
        return Throttled(MARKET, text or "HTTP 429: too many requests", status, wait, banned=wait > BAN)
    if status >= 500:
        if status == 503 and text is not None and text.startswith(OVERLOADED):
            return Throttled(MARKET, text, status, WAIT_OVERLOAD)
        return SilenceError(MARKET, text or f"HTTP {status}: whether it was done is not known", status)
    if 300 <= status < 400 or status in (408, 409):
        return SilenceError(MARKET, f"HTTP {status}: an answer that does not say whether it was done", status)
    if status == 400 and text is not None and text.startswith(EXPIRED):
        return Throttled(MARKET, text, status, 0.0)
    if status in (401, 403):
        return KeysRejected(MARKET, text or f"HTTP {status}: this key or address is not served", status)
    return Rejected(MARKET, text or f"HTTP {status}: {printable(answer.body[:120].decode('utf-8', 'replace'), 80)}",
                    status)


def is_clock(error: VenueError) -> bool:
    """Whether the request's time was refused."""
    return isinstance(error, Throttled) and error.text.startswith(EXPIRED)


def is_duplicate(error: VenueError) -> bool:
    """Whether an order with this id is open already."""
    return error.text.lower().startswith(_DUPLICATE)


def is_gone(error: VenueError) -> bool:
    """Whether the order a request was about is not open any more."""
    return error.text.lower().startswith(_GONE)


def _words(body: bytes) -> str | None:
    """What the venue says; None when it is not its usual form."""
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        return printable(_DECODER.decode(body).error.message) or None
    except (msgspec.DecodeError, RecursionError):
        return None


def _wait(headers: Mapping[str, str], text: str) -> float:
    told = headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", told, re.ASCII):
        return float(told)
    said = _RETRY_IN.search(text)
    return float(said[1]) if said else WAIT_LIMIT
