"""Asks one category of BitMEX step by step whether it works, on the caller's thread.

The venue is closed: its own addresses are not asked, one sentence says why.
"""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlsplit

from connectors import probing
from connectors.bitmex import auth, parse, stream
from connectors.bitmex.contracts import instruments
from connectors.bitmex.desk import take_clock
from connectors.bitmex.rest import Endpoints, Rest, expires
from connectors.bitmex.venue import is_public_address
from connectors.http import Client, tls_context
from connectors.limiter import Limiter
from connectors.probing import Step, Steps, asked, until_bad
from connectors.timesync import TimeSync
from connectors.venue import VenueConfig
from core.clock import SystemClock
from core.errors import Rejected
from core.hosts import is_loopback
from core.numbers import printable
from core.secrets import Credentials
from core.titles import CLOSED
from models import Timings


def probe(config: VenueConfig, credentials: Credentials | None, timings: Timings) -> Steps:
    """The steps in order; a ✕ ends them. Nothing is changed at the venue."""
    if is_public_address(config.http):
        yield Step("exchange", False, CLOSED[auth.MARKET], "take Bitmex out of MARKET_LIST, or try it with --demo")
        return
    yield from _Probe(replace(config, http=auth.base_of(config.http)), credentials, timings).steps()


class _Probe:
    """One category being asked; made for one run."""

    def __init__(self, config: VenueConfig, credentials: Credentials | None, timings: Timings) -> None:
        self._config, self._credentials, self._timings = config, credentials, timings
        self._sync = TimeSync(SystemClock(), may_be_recorded=is_loopback(urlsplit(config.http).hostname or ""))
        self._client = Client(auth.MARKET, config.http, timings.connect, timings.answer,
                              tls_context() if config.http.startswith("https:") else None)
        self._rest = Rest(self._client, credentials, self._sync, Limiter(()), SystemClock(), timings.request_life,
                          lambda: False)
        self._calls = Endpoints(dict)

    def steps(self) -> Steps:
        """See `probe`."""
        try:
            yield from until_bad(probing.network(self._config.http, self._timings.connect), self._public(),
                                 self._private())
        finally:
            self._client.close()

    def _public(self) -> Steps:
        address = f"{self._config.http} does not speak BitMEX: correct HTTP_URL"
        yield asked("server time", self._clock, address)
        yield asked("symbols", self._symbols, address)

    def _clock(self) -> Step:
        sent = time.monotonic()
        body = self._rest.send(self._calls.time())
        received = time.monotonic()
        take_clock(body, self._rest.date_ms, self._sync, sent, received)
        return probing.clock(self._sync, received - sent)

    def _symbols(self) -> Step:
        kind = self._config.category
        contracts, _ = instruments(self._rest.send(self._calls.instruments()))
        mine = {one.instrument.key.symbol for one in contracts
                if one.instrument.key.category is kind and one.instrument.trading}
        return probing.symbols(self._config.symbols, mine, f"{kind.value.upper()}_SYMBOLS")

    def _private(self) -> Steps:
        if self._credentials is None:
            yield probing.no_keys()
            return
        yield asked("key", self._key, "the account is not told: try again")
        yield asked("permissions", self._permissions, "try again")
        yield asked("position mode", self._position_mode, "try again")
        yield asked("user stream", self._stream, "try again")

    def _key(self) -> Step:
        account = parse.account(parse.margins(self._rest.send(self._calls.margin())))
        return Step("key", True, f"accepted, account {account}")

    def _permissions(self) -> Step:
        assert self._credentials is not None
        try:
            told = parse.permissions(self._rest.send(self._calls.keys()), self._credentials.header_key())
        except Rejected:
            return Step("permissions", None, "not told: the first order shows what the key may do")
        if "withdraw" in told:
            return Step("permissions", False, "the key may withdraw, and is refused",
                        "make a key that may place and cancel orders and nothing else")
        if not {"order", "orderCancel"} & set(told):
            return Step("permissions", False, "the key may not place orders", "give it the right “order”")
        return Step("permissions", True, "may trade, may not withdraw")

    def _position_mode(self) -> Step:
        rows = parse.positions(self._rest.send(self._calls.positions()))
        if any(row.strategy in ("Long", "Short") and row.current_qty for row in rows):
            return Step("position mode", False, "hedge mode", "set Position Mode to One-way at the exchange")
        return Step("position mode", True, "one-way")

    def _stream(self) -> Step:
        assert self._credentials is not None
        headers = auth.of_socket(self._credentials, expires(self._sync, self._timings.request_life))
        return probing.stream(auth.socket_of(self._config.private_ws), self._timings.answer,
                              stream.by_topic(["margin"], True), headers, _granted)


def _granted(told: object) -> str | None:
    if not isinstance(told, dict):
        return None
    if told.get("error"):
        return printable(str(told["error"]), 120)
    return "" if told.get("subscribe") == "margin" and told.get("success") else None
