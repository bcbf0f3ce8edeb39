"""Asks one product of Binance step by step whether it works, on the caller's thread."""

from __future__ import annotations

import json
import time
from functools import partial
from urllib.parse import urlsplit

from connectors import probing
from connectors.binance import parse, rights
from connectors.binance.listen_key import ListenKey
from connectors.binance.products import PRODUCTS
from connectors.binance.rest import Endpoints, Rest
from connectors.binance.spot import errors as spot_errors
from connectors.binance.spot import parse as spot_parse
from connectors.binance.spot.private import Subscriber
from connectors.binance.spot.rest import SpotEndpoints
from connectors.http import Client, tls_context
from connectors.limiter import Limiter
from connectors.probing import Step, Steps, asked, until_bad
from connectors.timesync import TimeSync
from connectors.venue import VenueConfig
from core.clock import SystemClock
from core.errors import BadMessage, KeysRejected, Rejected, VenueError
from core.hosts import is_loopback
from core.secrets import Credentials
from models import Category, Timings


def probe(config: VenueConfig, credentials: Credentials | None, timings: Timings) -> Steps:
    """The steps in order; a ✕ ends them. Nothing is changed at the venue."""
    return _Probe(config, credentials, timings).steps()


class _Probe:
    """One product being asked; made for one run."""

    def __init__(self, config: VenueConfig, credentials: Credentials | None, timings: Timings) -> None:
        self._config, self._credentials, self._timings = config, credentials, timings
        self._is_spot = config.category is Category.SPOT
        self._sync = TimeSync(SystemClock(), may_be_recorded=is_loopback(urlsplit(config.http).hostname or ""))
        self._clients: list[Client] = []
        self._rest = self._line(config.http)
        self._calls = SpotEndpoints() if self._is_spot else Endpoints(PRODUCTS[config.category])

    def _line(self, http: str) -> Rest:
        client = Client(parse.MARKET, http, self._timings.connect, self._timings.answer,
                        tls_context() if http.startswith("https:") else None)
        self._clients.append(client)
        failure = (spot_errors.failure,) if self._is_spot else ()
        return Rest(client, self._credentials, self._sync, Limiter(()), SystemClock(), self._timings.request_life,
                    *failure)

    def steps(self) -> Steps:
        """See `probe`."""
        try:
            yield from until_bad(probing.network(self._config.http, self._timings.connect), self._public(),
                                 self._private())
        finally:
            for client in self._clients:
                client.close()

    def _public(self) -> Steps:
        address = f"{self._config.http} does not speak {self._config.title}: correct HTTP_URL"
        yield asked("server time", self._clock, address)
        yield asked("symbols", self._symbols, address)

    def _clock(self) -> Step:
        sent = time.monotonic()
        body = self._rest.send(self._calls.time())
        received = time.monotonic()
        self._sync.take(parse.server_time(body), sent, received)
        return probing.clock(self._sync, received - sent)

    def _symbols(self) -> Step:
        body = self._rest.send(self._calls.exchange_info())
        listed = (spot_parse.exchange_info(body) if self._is_spot
                  else parse.exchange_info(body, self._config.category))[0]
        return probing.symbols(self._config.symbols, {one.key.symbol for one in listed if one.trading},
                               f"{self._config.category.value.upper()}_SYMBOLS")

    # ------------------------------------------------------------ with keys

    def _private(self) -> Steps:
        if self._credentials is None:
            yield probing.no_keys()
            return
        yield asked("key", self._key, "the account is not told: try again")
        yield asked("permissions", self._permissions, "try again")
        if not self._is_spot:
            yield asked("position mode", self._position_mode, "try again")
        if "multi_assets" in self._calls.product.paths:
            yield asked("asset mode", self._asset_mode, "try again")
        yield asked("user stream", self._stream, "try again")

    def _key(self) -> Step:
        if isinstance(self._calls, SpotEndpoints):
            account = spot_parse.account(self._rest.send(self._calls.account()))
            if not account.can_trade:
                return Step("key", False, f"account {account.name} may not trade spot now",
                            "see the account's state and the key's permissions at the exchange")
            return Step("key", True, f"accepted, account {account.name}")
        return Step("key", True, f"accepted, account {parse.account_alias(self._rest.send(self._calls.account_id()))}")

    def _permissions(self) -> Step:
        address = rights.host(self._config.http)
        line = self._rest if address == self._config.http else self._line(address)
        try:
            told = rights.read(line.send(rights.RESTRICTIONS))
        except (Rejected, KeysRejected, BadMessage):
            return Step("permissions", None, "this network does not tell what the key may do")
        except VenueError:
            if line is self._rest:
                raise
            return Step("permissions", None, f"{address} does not tell what the key may do")
        what = "spot" if self._is_spot else "futures"
        if told.enable_withdrawals:
            return Step("permissions", False, "the key may withdraw, and is refused",
                        "make a key that may read and trade and nothing else: a stolen one could empty the account")
        if not told.may_trade(self._config.category):
            return Step("permissions", False, f"the key may not trade {what}", f"allow it to trade {what}")
        return Step("permissions", True, f"may trade {what}, may not withdraw")

    def _position_mode(self) -> Step:
        if parse.is_hedge_mode(self._rest.send(self._calls.position_mode())):
            return Step("position mode", False, "hedge mode", "set Position Mode to One-way Mode on Binance")
        return Step("position mode", True, "one-way")

    def _asset_mode(self) -> Step:
        if parse.is_multi_assets(self._rest.send(self._calls.multi_assets())):
            return Step("asset mode", False, "multi-assets", "set Asset Mode to Single-Asset Mode on Binance")
        return Step("asset mode", True, "single-asset")

    def _stream(self) -> Step:
        wait = self._timings.answer
        if self._is_spot:
            subscriber = Subscriber(self._rest, self._config.private_ws, self._credentials, self._sync,
                                    lambda _rest: None)
            return probing.stream(self._config.private_ws, wait, subscriber.request(),
                                  is_done=partial(_granted, subscriber))
        return probing.stream(ListenKey(self._rest, self._calls, self._config.private_ws, None).address(), wait, "")


def _granted(subscriber: Subscriber, told: object) -> str | None:
    """Spot's answer to the subscription."""
    if not isinstance(told, dict) or "status" not in told:
        return None
    if told["status"] == 200:
        return ""
    return subscriber.refused(int(told["status"]), json.dumps(told.get("error", {})).encode())
