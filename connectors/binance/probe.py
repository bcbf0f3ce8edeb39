"""Asks one product step by step whether it works, on the caller's thread: for `main.py doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.binance import parse, rights, spot_parse
from connectors.binance.products import PRODUCTS
from connectors.binance.rest import Endpoints, Rest
from connectors.binance.spot_rest import SpotEndpoints
from connectors.http import Client, tls_context
from connectors.limiter import Limiter
from connectors.timesync import TimeSync
from connectors.venue import VenueConfig
from core.clock import SystemClock
from core.errors import VenueError
from core.secrets import Credentials
from models import Category, Timings

CLOCK_WARNING_MS = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One answer: `ok` True ✓, None ▲ (works, with a catch), False ✕; `cure` says what to do."""

    name: str
    ok: bool | None
    text: str
    cure: str = ""


def probe(config: VenueConfig, credentials: Credentials | None, timings: Timings) -> Iterator[Step]:
    """The steps in order; the first ✕ of address or key ends it. Nothing is changed at the venue."""
    sync, clock = TimeSync(SystemClock()), SystemClock()
    context = tls_context() if config.http.startswith("https:") else None
    client = Client(parse.MARKET, config.http, timings.connect, timings.answer, context)
    rest = Rest(client, credentials, sync, Limiter(()), clock, timings.request_life)
    calls = SpotEndpoints() if config.category is Category.SPOT else Endpoints(PRODUCTS[config.category])
    try:
        yield from _public(config, rest, calls, sync)
        if credentials is None:
            yield Step("key", None, "no API key: market data only", "set API_KEY and API_SECRET")
            return
        yield from _account(rest, calls)
        yield from _rights(rest, config.category)
    except VenueError as error:
        yield Step("answer", False, str(error), "check the address, the key and this machine's network")
    finally:
        client.close()


def _public(config: VenueConfig, rest: Rest, calls: Endpoints, sync: TimeSync) -> Iterator[Step]:
    sent = time.monotonic()
    body = rest.send(calls.time())
    received = time.monotonic()
    sync.take(parse.server_time(body), sent, received)
    yield Step("address", True, f"{config.http} answers in {1000 * (received - sent):.0f} ms")
    offset = sync.offset_ms() or 0.0
    text = f"{offset / 1000:+.2f} s against the venue"
    cure = "check this machine's time service" if abs(offset) > CLOCK_WARNING_MS else ""
    yield Step("clock", not sync.problem() and (None if cure else True), sync.problem() or text, cure)
    listed, _, _ = parse.exchange_info(rest.send(calls.exchange_info()), config.category)
    names = {one.key.symbol for one in listed if one.trading}
    missing = [symbol for symbol in config.symbols if symbol not in names]
    yield Step("symbols", not missing, f"not listed or not trading: {', '.join(missing)}" if missing
               else f"{len(config.symbols)} configured, all trading", "correct the symbol list" if missing else "")


def _account(rest: Rest, calls: Endpoints) -> Iterator[Step]:
    if isinstance(calls, SpotEndpoints):
        account = spot_parse.account(rest.send(calls.account()))
        yield Step("key", True, f"accepted, account {account.name}")
        yield Step("account", account.can_trade, "may trade" if account.can_trade else "may not trade",
                   "" if account.can_trade else "see the account's state at Binance")
        return
    yield Step("key", True, f"accepted, account {parse.account_alias(rest.send(calls.account_id()))}")
    hedge = parse.is_hedge_mode(rest.send(calls.position_mode()))
    yield Step("position mode", not hedge, "hedge mode" if hedge else "one-way",
               "set Position Mode to One-way Mode on Binance" if hedge else "")
    if calls.has("multi_assets"):
        multi = parse.is_multi_assets(rest.send(calls.multi_assets()))
        yield Step("asset mode", not multi, "multi-assets" if multi else "single-asset",
                   "set Asset Mode to Single-Asset Mode on Binance" if multi else "")


def _rights(rest: Rest, category: Category) -> Iterator[Step]:
    try:
        told = rights.read(rest.send(rights.RESTRICTIONS))
    except VenueError:
        yield Step("key rights", None, "this network does not tell the rights of a key")
        return
    may_trade, product = told.may_trade(category), "spot" if category is Category.SPOT else "futures"
    withdraws = told.enable_withdrawals
    text = f"{'may' if may_trade else 'may not'} trade {product}, {'may' if withdraws else 'may not'} withdraw"
    cure = "make a key without the withdrawal right" if withdraws else "" if may_trade else f"allow {product} trading"
    yield Step("key rights", may_trade and not withdraws, text, cure)
