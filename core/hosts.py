"""Addresses of the venues: which host belongs to which product and network, and which addresses are allowed where.

Pure functions on text. Kinds of host: *loopback* (the bundled exchange), *test*, *live*; a session never mixes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from models import Category, Mode

LONGEST_URL = 200


class Reach(StrEnum):
    """How far away an address is, in money."""

    LOOPBACK = "loopback"
    TEST = "test"
    LIVE = "live"
    UNKNOWN = "unknown"    # somebody's own gateway


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where one product is reached; no address ends in "/". The connector adds /fapi/…, /ws/… or /stream?streams=…"""

    rest: str
    public: str            # best prices and depth
    market: str            # candles, trades, mark price
    private: str           # own orders and balances


def _one(rest: str, stream: str, private: str = "") -> Hosts:
    return Hosts(rest, stream, stream, private or stream)


_FUTURES = "wss://fstream.binance.com"

# The exchanges' own addresses by network and product (protocols/binance.md section 2, bitmex.md section 1).
BINANCE: dict[tuple[Mode, Category], Hosts] = {
    (Mode.LIVE, Category.SPOT): _one("https://api.binance.com", "wss://stream.binance.com:9443",
                                     "wss://ws-api.binance.com:443/ws-api/v3"),
    (Mode.LIVE, Category.LINEAR): Hosts("https://fapi.binance.com", f"{_FUTURES}/public", f"{_FUTURES}/market",
                                        f"{_FUTURES}/private"),
    (Mode.LIVE, Category.INVERSE): _one("https://dapi.binance.com", "wss://dstream.binance.com"),
    (Mode.TESTNET, Category.SPOT): _one("https://demo-api.binance.com", "wss://demo-stream.binance.com",
                                        "wss://demo-ws-api.binance.com/ws-api/v3"),
    # The demo network's streams are not known to be split: one base carries all.
    (Mode.TESTNET, Category.LINEAR): _one("https://demo-fapi.binance.com", "wss://demo-fstream.binance.com"),
    (Mode.TESTNET, Category.INVERSE): _one("https://demo-dapi.binance.com", "wss://demo-dstream.binance.com"),
}
BITMEX: dict[Mode, Hosts] = {
    Mode.LIVE: _one("https://www.bitmex.com/api/v1", "wss://ws.bitmex.com/realtime"),
    Mode.TESTNET: _one("https://testnet.bitmex.com/api/v1", "wss://ws.testnet.bitmex.com/realtime"),
}
# Below a configured stream address without a path (public, market, private): futures as the network splits them; the
# bundled exchange has all products on one port.
_SPLIT = ("/public", "/market", "/private")
_BUNDLED = {Category.SPOT: ("/spot", "/spot", "/ws-api/v3"), Category.LINEAR: _SPLIT, Category.INVERSE: ("/coin",) * 3}

_TEST_HOST = re.compile(r"demo-[a-z0-9-]+\.binance\.com|(.+\.)?binancefuture\.com|(.+\.)?testnet\.binance\.vision"
                        r"|([a-z0-9-]+\.)?testnet\.bitmex\.com")
_LIVE_HOST = re.compile(r"(.+\.)?(binance\.(com|us|vision|me|info)|bitmex\.com)")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?")


def host_of(url: str) -> str:
    """The host's name or number, lower case, without a closing dot or brackets; "" when there is none."""
    return (urlsplit(url).hostname or "").rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether the host is this computer: 127.0.0.0/8, ::1, localhost. Names are not looked up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def reach(url: str) -> Reach:
    """What stands behind an address, judged by its name alone."""
    host = host_of(url)
    if is_loopback(host):
        return Reach.LOOPBACK
    if _TEST_HOST.fullmatch(host):
        return Reach.TEST
    if _LIVE_HOST.fullmatch(host):
        return Reach.LIVE
    return Reach.UNKNOWN


def read_url(text: str, schemes: tuple[str, str]) -> str:
    """An address without a closing "/"; `schemes` = (plain, safe), plain being for loopback only.

    Raises ValueError saying what is wrong. Refused: anything that two readers might take for different hosts.
    """
    plain, safe = schemes
    if len(text) > LONGEST_URL:
        raise ValueError(f"longer than {LONGEST_URL} characters")
    if not text.isascii() or re.search(r"[\s\\@?#%\x00-\x1f]", text):
        raise ValueError(f"only {safe}://host[:port][/path] is taken, in plain letters, without user, query or spaces")
    try:
        parts, port = urlsplit(text), urlsplit(text).port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    host = host_of(text)
    if parts.scheme not in schemes or port == 0 or not (_HOST.fullmatch(host) or is_loopback(host)):
        raise ValueError(f"must read {safe}://host[:port] ({plain}:// only for this computer, 127.0.0.1)")
    if parts.scheme == plain and not is_loopback(host):
        raise ValueError(f"{plain}:// is not encrypted and taken only for this computer; use {safe}://")
    return text.rstrip("/")


def own_hosts(market: str, mode: Mode, category: Category) -> Hosts:
    """The exchange's own addresses for a product."""
    network = Mode.TESTNET if mode is Mode.TESTNET else Mode.LIVE
    return BITMEX[network] if market != "Binance" else BINANCE[(network, category)]


def product_hosts(market: str, mode: Mode, category: Category, rest: str | None, stream: str | None,
                  user: str | None = None) -> Hosts:
    """The exchange's addresses for a product, with the configured ones in their place.

    A configured stream address of Binance without a path is laid out as the networks are; one with a path is taken as
    is. `user`: where the account's events come from, when configured apart.
    """
    own = own_hosts(market, mode, category)
    if stream is None:
        return Hosts(rest or own.rest, own.public, own.market, user or own.private)
    paths = ("", "", "")
    if market == "Binance" and not urlsplit(stream).path:
        if mode is Mode.SIM:
            paths = _BUNDLED[category]
        elif category is Category.SPOT:
            paths = ("", "", "/ws-api/v3")
        elif own.public != own.private:
            paths = _SPLIT
    public, market_path, private = paths
    return Hosts(rest or own.rest, stream + public, stream + market_path, user or stream + private)
