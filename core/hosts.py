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


_FUTURES = "wss://fstream.binance.com"
_DEMO_FUTURES = "wss://demo-fstream.binance.com"

# Binance's own addresses by network and product; protocols/binance.md section 2. Further products add a line here.
BINANCE: dict[tuple[Mode, Category], Hosts] = {
    (Mode.LIVE, Category.LINEAR): Hosts(
        rest="https://fapi.binance.com",
        public=f"{_FUTURES}/public",
        market=f"{_FUTURES}/market",
        private=f"{_FUTURES}/private",
    ),
    # The demo network's streams are not known to be split: one base carries all.
    (Mode.TESTNET, Category.LINEAR): Hosts(
        rest="https://demo-fapi.binance.com",
        public=_DEMO_FUTURES,
        market=_DEMO_FUTURES,
        private=_DEMO_FUTURES,
    ),
}

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


def binance_hosts(mode: Mode, category: Category, rest: str | None, stream: str | None) -> Hosts:
    """Binance's addresses for a product, with the configured ones in their place.

    A configured stream address without a path is split as the network's own are; one with a path is taken as is.
    """
    own = BINANCE[(Mode.TESTNET if mode is Mode.TESTNET else Mode.LIVE, category)]
    if stream is None:
        return Hosts(rest or own.rest, own.public, own.market, own.private)
    is_split = not urlsplit(stream).path and own.public != own.private
    public, market, private = ("/public", "/market", "/private") if is_split else ("", "", "")
    return Hosts(rest or own.rest, stream + public, stream + market, stream + private)
