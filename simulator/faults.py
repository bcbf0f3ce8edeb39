"""Named faults the control interface can inject. Each can be listed and ended.

| name | arguments | what happens |
|---|---|---|
| withhold | path, seconds, times | the request is carried out, its answer held back |
| drop | path, times, seconds | the request never reaches the venue; silence for `seconds` (60), then a reset |
| status | path, http, code, body, after, headers, times | that answer, `after` "before" (not carried out) or "accept" |
| reset | path, after, times | TCP reset instead of an answer |
| lag | path, seconds, times | order, trade and money queries answer from a copy that many seconds old |
| disorder | path, times | lists (history pages) are answered in an arbitrary order |
| pageless | – | the futures' income does not count pages (`page` is ignored) |
| fill_on_cancel | symbol, times | a cancel finds the order just filled (a waiting one triggered): -2011 |
| mute | stream, symbol, seconds | streams whose name contains `stream` are silent |
| diff | kind, symbol, times | depth diffs dropped, swapped with the next, or sent twice |
| cut | seconds, code | all websockets closed (code 1006: TCP reset), new ones refused for `seconds` |
| refuse | seconds | every connection and request is reset for so long (control goes on) |
| shutdown | – | spot's streams and WebSocket API announce their end (serverShutdown); the end itself is `cut` |
| listen_key | – | the listen key expires |
| event | kind, seconds, times, event, copies | private events repeated (`copies` in all, 2) or delayed |
| order | first, times | order of the private events of a fill: "order" (usual), "account", "reverse" |
| ban | seconds | 418 with Retry-After for so long |
| limit | weight, orders_10s, orders_1m, orders_1d | lower limits; exchangeInfo shows them |
| limit | requests_1m, requests_1s | other limits of BitMEX |
| weight | used | another program has used so much of this minute's weight |
| withdraw | – | the key may withdraw (apiRestrictions) |
| freeze | symbol, seconds | the seeded strangers stand still (the book changes by orders only) |
| overfill | symbol, times | an order that is filled whole is filled with its last trade once more |
| subscribe | kind, stream, times | a message (or address) that asks for streams is refused, or every second one of it |
| frame | kind, stream | now, into connections with such a stream: a frame that must not be (see `frames`) |
| burst | frames, seconds, category | so many market frames within these seconds, beside all else |

On BitMEX paths: status without a body gives BitMEX's own (503: the overload sentence), ban is a 429 with retry-after,
fill_on_cancel a row with `error`; mute takes "<table>:<symbol>" (its partials too) and "pong"; event names a table;
subscribe "half" leaves every second topic without an answer;
diff is about the orderBookL2 tables and may also be unknown (an update for an id nobody knows), crossed (a bid above
the asks is put in) or partial (a second partial comes). cut, refuse, freeze and clock are for both venues.

mute, diff, fill_on_cancel, event, order, overfill, subscribe and freeze take a `category` too ("spot", …), since
products list the same symbols; without one they are about all. On spot listen_key ends the subscriptions of the
WebSocket API.

`path` matches "POST /fapi/v1/order" or "/fapi/v1/order": a full path exactly, anything else as a part of it.
`times`: how often (requests and diffs: 1 unless told; lag, disorder, event, order: until ended; 0 or
null: until ended).
`seconds` of mute, cut, refuse, ban and freeze: how long (mute, freeze: until ended unless told).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

from simulator.frames import KINDS

Json = dict[str, Any]
USUAL = "linear"  # the category of who does not say his
REQUESTS = ("withhold", "drop", "status", "reset")
NAMES: dict[str, dict[str, Any]] = {
    "withhold": {"path": "", "seconds": 30, "times": 1},
    "drop": {"path": "", "times": 1, "seconds": 60},
    "status": {"path": "", "http": 503, "code": None, "body": None, "after": "before", "headers": {}, "times": 1},
    "reset": {"path": "", "after": "before", "times": 1},
    "lag": {"path": "", "seconds": 8, "times": 0},
    "disorder": {"path": "", "times": 0},
    "pageless": {},
    "fill_on_cancel": {"symbol": "", "category": "", "times": 1},
    "mute": {"stream": "", "symbol": "", "category": "", "seconds": None},
    "diff": {"kind": "drop", "symbol": "", "category": "", "times": 1},
    "cut": {"seconds": 0, "code": 1001},
    "refuse": {"seconds": 10},
    "listen_key": {},
    "shutdown": {},
    "event": {"kind": "repeat", "seconds": 1, "times": 0, "event": "", "copies": 2, "category": ""},
    "order": {"first": "reverse", "times": 0, "category": ""},
    "ban": {"seconds": 120},
    "limit": {"weight": None, "orders_10s": None, "orders_1m": None, "orders_1d": None, "requests_1m": None,
              "requests_1s": None},
    "weight": {"used": 0},
    "withdraw": {},
    "freeze": {"symbol": "", "category": "", "seconds": None},
    "overfill": {"symbol": "", "category": "", "times": 1},
    "subscribe": {"kind": "half", "stream": "", "category": "", "times": 1},
    "frame": {"kind": "huge", "stream": ""},
    "burst": {"frames": 20_000, "seconds": 1, "category": USUAL},
}
CHOICES = {("diff", "kind"): ("drop", "swap", "repeat", "unknown", "crossed", "partial"),
           ("event", "kind"): ("repeat", "delay"),
           ("status", "after"): ("before", "accept"), ("reset", "after"): ("before", "accept"),
           ("order", "first"): ("order", "account", "reverse"),
           ("subscribe", "kind"): ("half", "refuse"), ("frame", "kind"): KINDS}
NUMBERS = ("seconds", "times", "http", "code", "copies", "weight", "orders_10s", "orders_1m", "orders_1d",
           "requests_1m", "requests_1s", "used", "frames")
LASTING = ("mute", "refuse", "ban", "freeze", "cut")  # these end after their seconds


class BadFault(Exception):
    """What is wrong with a fault's arguments, for a 400 answer."""


@dataclass(slots=True, eq=False)
class Fault:
    """One active fault. `left`: uses to go, None = until ended."""

    number: int
    name: str
    args: Json
    left: int | None = None
    until: float | None = None
    hits: int = field(default=0)

    def concerns(self, symbol: str, category: str = USUAL) -> bool:
        """Whether it is about this symbol (or about all) of this category (or of all)."""
        return self.args.get("symbol") in (None, "", symbol) and self.args.get("category") in (None, "", category)

    def shown(self) -> Json:
        """For GET fault."""
        rest = None if self.until is None else f"{max(0.0, self.until - time.monotonic()):.3f}"
        return {"id": self.number, "name": self.name, **self.args, "left": self.left, "seconds_left": rest,
                "hits": self.hits}


class Faults:
    """The switchboard."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self.paths: set[str] = set()  # full paths known to the venue, compared exactly
        self._count = 0

    def add(self, body: Json) -> Fault:
        """Switch one on. Raises BadFault naming the field, or the known names."""
        name = body.get("name")
        if not isinstance(name, str) or name not in NAMES:
            raise BadFault(f"name: {name!r} is unknown; known are {', '.join(NAMES)}")
        known = NAMES[name]
        args = dict(known)
        for key, value in body.items():
            if key == "name":
                continue
            if key not in known:
                raise BadFault(f"{key}: not an argument of {name}; known are {', '.join(known) or 'none'}")
            args[key] = _checked(name, key, value)
        self._count += 1
        fault = Fault(self._count, name, args)
        if "times" in args:
            fault.left = int(args["times"]) or None if args["times"] is not None else None
        if name in LASTING and args.get("seconds") is not None:
            fault.until = time.monotonic() + float(args["seconds"])
        self.active.append(fault)
        return fault

    def end(self, name: str | None = None) -> int:
        """Switch off all, or those of a name (or with that id); how many."""
        keep = [f for f in self.active if name and name not in (f.name, str(f.number))]
        ended = len(self.active) - len(keep)
        self.active = keep
        return ended

    def shown(self) -> list[Json]:
        """All that are on."""
        self._expire()
        return [fault.shown() for fault in self.active]

    def first(self, name: str, symbol: str = "", category: str = USUAL) -> Fault | None:
        """The oldest active fault of a name that may concern this symbol or category, without using it up."""
        if not self.active:
            return None
        self._expire()
        for fault in self.active:
            if fault.name == name and fault.concerns(symbol or fault.args.get("symbol", ""), category):
                return fault
        return None

    def use(self, fault: Fault) -> Fault:
        """Count a use."""
        fault.hits += 1
        if fault.left is not None:
            fault.left -= 1
            if fault.left <= 0 and fault in self.active:
                self.active.remove(fault)
        return fault

    def for_request(self, method: str, path: str, names: tuple[str, ...] = REQUESTS) -> Fault | None:
        """The fault a request meets; it is counted as used."""
        if not self.active:
            return None
        self._expire()
        for fault in self.active:
            if fault.name in names and self._matches(str(fault.args["path"]), method, path):
                return self.use(fault)
        return None

    def disordered(self, path: str, answer: Any) -> Any:
        """The answer to a question, its rows in another order when that is asked for."""
        fault = self.for_request("GET", path, ("disorder",)) if isinstance(answer, list) else None
        if fault:
            answer = list(answer)
            Random(fault.hits).shuffle(answer)
        return answer

    def muted(self, stream: str, category: str = USUAL) -> bool:
        """Whether a stream is silenced."""
        if not self.active:
            return False
        self._expire()
        return any(f.name == "mute" and f.args["category"] in ("", category)
                   and str(f.args["stream"]).lower() in stream.lower()
                   and str(f.args["symbol"]).lower() in stream.lower() for f in self.active)

    def ungiven(self, asked: list[str], category: str = USUAL) -> tuple[set[str], bool]:
        """Which of the streams asked for at once are not given, and whether the asker is told so."""
        fault = next((f for f in self.active if f.name == "subscribe" and f.args["category"] in ("", category)
                      and any(str(f.args["stream"]) in name for name in asked)), None)
        if fault is None:
            return set(), False
        is_refused = self.use(fault).args["kind"] == "refuse"
        return set(asked if is_refused else asked[::2]), is_refused

    def _matches(self, wanted: str, method: str, path: str) -> bool:
        verb, _, rest = wanted.rpartition(" ")
        if verb and verb.upper() != method:
            return False
        return path == rest if rest in self.paths else rest in path

    def _expire(self) -> None:
        now = time.monotonic()
        if any(f.until is not None and f.until <= now for f in self.active):
            self.active = [f for f in self.active if f.until is None or f.until > now]


def _checked(name: str, key: str, value: Any) -> Any:
    choices = CHOICES.get((name, key))
    if choices and value not in choices:
        raise BadFault(f"{key}: {value!r} is none of {', '.join(choices)}")
    if key in NUMBERS and value is not None:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise BadFault(f"{key}: {value!r} is not a number") from None
        if isinstance(value, bool) or not number.is_finite() or (number < 0 and key != "code"):
            raise BadFault(f"{key}: {value!r} is not a number ≥ 0")
        return float(number) if key == "seconds" else int(number)
    if key in ("path", "stream", "symbol", "event", "category") and not isinstance(value, str):
        raise BadFault(f"{key}: {value!r} is not a text")
    if key == "headers" and not isinstance(value, dict):
        raise BadFault(f"{key}: {value!r} is not an object")
    return value
