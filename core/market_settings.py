"""One market's part of the settings: its products, their addresses and keys. Read by `core.settings`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from core.hosts import Hosts, Reach, host_of, product_hosts, reach, read_url
from core.keyfile import secret_of
from core.secrets import Credentials, KnownSecrets
from core.setting_file import SettingFile
from core.setting_keys import MOST_SYMBOLS, PRODUCTS
from models import Category, Mode

# What the bundled exchange shows to who has chosen nothing yet: one of everything.
DEMO_SYMBOLS: dict[str, dict[Category, tuple[str, ...]]] = {
    "Binance": {Category.LINEAR: ("BTCUSDT", "ETHUSDT"), Category.INVERSE: ("BTCUSD_PERP",),
                Category.SPOT: ("BTCUSDT",)},
    "Bitmex": {Category.INVERSE: ("XBTUSD",)},
}

_COIN_M = re.compile(r"[A-Z0-9]+USD_(PERP|[0-9]{6})")     # binance.md 8: names of COIN-M contracts, and of no others


@dataclass(frozen=True, slots=True)
class DemoVenue:
    """One market of the bundled exchange, as its ready line says."""

    http: str
    ws: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the ready line of the bundled exchange said; it takes the place of addresses and keys in the files."""

    http: str
    ws: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    bitmex: DemoVenue | None = None

    def venue(self, market: str) -> DemoVenue | None:
        """Where a market is reached; None: the bundled exchange does not have it."""
        return DemoVenue(self.http, self.ws, self.api_key, self.api_secret) if market == "Binance" else self.bitmex


@dataclass(frozen=True, slots=True)
class ProductSettings:
    """One product of a market: its symbols, addresses and keys (None: prices only)."""

    category: Category
    symbols: tuple[str, ...]
    hosts: Hosts
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """One market without a problem."""

    name: str
    products: tuple[ProductSettings, ...]
    currencies: tuple[str, ...]
    options: tuple[str, ...] = ()      # OPTION_SYMBOLS: there are none, which is said

    @property
    def credentials(self) -> Credentials | None:
        """Keys of its first product that has some."""
        return next((one.credentials for one in self.products if one.credentials is not None), None)


@dataclass(frozen=True, slots=True)
class Read:
    """A market's file as read: None as market when it has a problem; `is_local`: on this computer, None: not known."""

    file: SettingFile
    market: MarketSettings | None
    is_local: bool | None


def read_market(file: SettingFile, asked: Mode, known: KnownSecrets) -> Read:
    """The market of a file, for the mode asked for on the command line or in `.env`."""
    symbols = _symbols(file)
    prefix = _address_set(file, asked)
    hosts = {category: _hosts(file, prefix, category, asked) for category in symbols}
    is_local = None
    if not any(problem.key.endswith("_URL") for problem in file.problems):
        is_local = _is_local(file, prefix, hosts)
    if is_local is False:
        for category, one in hosts.items():
            _check_network(file, prefix, category, asked, one)
    if is_local:
        hosts = {category: _hosts(file, prefix, category, Mode.SIM) for category in symbols}
    _check_key_sets(file)
    common = _credentials(file, prefix, known)
    products = tuple(ProductSettings(category, names, hosts[category],
                                     _credentials(file, f"{prefix}{_word(category)}_", known) or common)
                     for category, names in symbols.items())
    return Read(file, _market(file, products), is_local)


def read_demo(file: SettingFile, demo: Demo, known: KnownSecrets) -> Read:
    """The market at the bundled exchange: symbols from the file where it names some, addresses and keys as told."""
    told = demo.venue(file.market)
    if told is None:
        return Read(file, None, None)
    rest, stream = read_url(told.http, ("http", "https")), read_url(told.ws, ("ws", "wss"))
    keys = Credentials(told.api_key, told.api_secret, known)
    is_chosen = any(name.endswith("_SYMBOLS") for name in file.values)
    symbols = _symbols(file) if is_chosen or file.problems else DEMO_SYMBOLS[file.market]
    hosts = {category: product_hosts(file.market, Mode.SIM, category, rest, stream) for category in symbols}
    products = tuple(ProductSettings(category, names, hosts[category], keys)
                     for category, names in symbols.items())
    return Read(file, _market(file, products, is_chosen), True)


def _market(file: SettingFile, products: tuple[ProductSettings, ...], is_chosen: bool = True) -> MarketSettings | None:
    currencies = file.names("CURRENCIES", MOST_SYMBOLS) if is_chosen or "CURRENCIES" in file.values else ()
    options = file.names("OPTION_SYMBOLS", MOST_SYMBOLS, may_be_empty=True) if "OPTION_SYMBOLS" in file.keys else ()
    return None if file.problems else MarketSettings(file.market, products, currencies, options)


def _word(category: Category) -> str:
    return category.value.upper()


def _symbols(file: SettingFile) -> dict[Category, tuple[str, ...]]:
    """The symbols of each product that has some."""
    found = {Category(word.lower()): file.names(f"{word}_SYMBOLS", MOST_SYMBOLS, may_be_empty=True)
             for word in PRODUCTS[file.market]}
    chosen = {category: names for category, names in found.items() if names}
    _check_lists(file, chosen)
    if not chosen and not file.problems:
        first = next(word for word in PRODUCTS[file.market] if file.keys[f"{word}_SYMBOLS"].default)
        file.refuse(f"{first}_SYMBOLS", "empty, as are the other lists; name at least one symbol")
    return chosen


def _check_lists(file: SettingFile, chosen: dict[Category, tuple[str, ...]]) -> None:
    """A symbol in a list where it cannot be right, as far as its name tells: refused at that list."""
    first: dict[str, str] = {}
    for category, names in chosen.items():
        here = f"{_word(category)}_SYMBOLS"
        for symbol in names:
            is_coin = bool(_COIN_M.fullmatch(symbol))
            if file.market == "Binance" and is_coin and category is not Category.INVERSE:
                file.refuse(here, f"{symbol} is a COIN-M contract: move it to INVERSE_SYMBOLS", symbol)
            elif file.market == "Binance" and not is_coin and category is Category.INVERSE:
                file.refuse(here, f"{symbol} is no COIN-M contract (these read like BTCUSD_PERP): move it to "
                                  "LINEAR_SYMBOLS or SPOT_SYMBOLS", symbol)
            elif file.market != "Binance" and first.setdefault(symbol, here) != here:
                file.refuse(here, f"{symbol} stands in {first[symbol]} too, and a contract is of one kind", symbol)


def _check_key_sets(file: SettingFile) -> None:
    """The keys of the test network and of the real exchange are never the same; which is wrong only they can tell."""
    if file.values.get("API_KEY") and file.values.get("API_KEY") == file.values.get("TESTNET_API_KEY"):
        file.notices.append(f"{file.name}: API_KEY and TESTNET_API_KEY are the same; a key works on the network only "
                            "where it was made.")


def _address_set(file: SettingFile, asked: Mode) -> str:
    """Which set of addresses and keys is used: "" or "TESTNET_"."""
    if asked is Mode.LIVE:
        return ""
    given = {name for name, value in file.values.items() if value and name.endswith("_URL")}
    if any(name.startswith("TESTNET_") for name in given):
        return "TESTNET_"
    return "" if any(_looks_local(file.values[name]) for name in given) else "TESTNET_"


def _looks_local(url: str) -> bool:
    try:
        return reach(url) is Reach.LOOPBACK
    except ValueError:
        return False


def _hosts(file: SettingFile, prefix: str, category: Category, mode: Mode) -> Hosts:
    rest, stream, user = (_url(file, name, schemes) for name, schemes in (
        (_named(file, prefix, category, "HTTP_URL"), ("http", "https")),
        (_named(file, prefix, category, "WS_URL"), ("ws", "wss")),
        (f"{prefix}{_word(category)}_USER_URL", ("ws", "wss"))))
    return product_hosts(file.market, mode, category, rest, stream, user)


def _named(file: SettingFile, prefix: str, category: Category, name: str) -> str:
    """The key that counts for this product: its own where it is set, else the common one."""
    own = f"{prefix}{_word(category)}_{name}"
    return own if file.values.get(own) else prefix + name


def _url(file: SettingFile, name: str, schemes: tuple[str, str]) -> str | None:
    said = len(file.problems)
    value = file.url(name, schemes) if name in file.keys else None
    if any(problem.key == name for problem in file.problems[:said]):
        del file.problems[said:]         # the same address of another product: once is enough
    return value


def _is_local(file: SettingFile, prefix: str, hosts: dict[Category, Hosts]) -> bool | None:
    """Whether the market is on this computer; None and a problem when only part of it is."""
    local = {reach(url) is Reach.LOOPBACK for one in hosts.values() for url in (one.rest, one.public, one.private)}
    if len(local) <= 1:
        return local.pop() if local else None
    one = next(iter(hosts.values()))
    missing = next((n for n in ("HTTP_URL", "WS_URL") if not file.values.get(prefix + n)), "WS_URL")
    file.refuse(prefix + missing, "HTTP_URL and WS_URL must both be on this computer or both on the exchange: "
                                  f"{host_of(one.rest)} and {host_of(one.public)} are mixed")
    return None


def _check_network(file: SettingFile, prefix: str, category: Category, asked: Mode, hosts: Hosts) -> None:
    """A request of the test network never leaves for a live host, and the reverse."""
    wrong = Reach.LIVE if asked is Mode.TESTNET else Reach.TEST
    user = f"{prefix}{_word(category)}_USER_URL"
    for name, url in ((_named(file, prefix, category, "HTTP_URL"), hosts.rest),
                      (_named(file, prefix, category, "WS_URL"), hosts.public),
                      *(((user, hosts.private),) if file.values.get(user) else ())):
        if any(problem.key == name for problem in file.problems):
            continue
        if reach(url) is wrong:
            text = (f"{host_of(url)} is a live host; the test network is never traded there" if wrong is Reach.LIVE
                    else f"{host_of(url)} is a host of the test network; live orders do not go there")
            file.refuse(name, text)
        elif reach(url) is Reach.UNKNOWN:
            text = (f"{file.name}: {name} {host_of(url)} is no address of {file.market}; "
                    f"used as {asked.value} because you say so.")
            if text not in file.notices:
                file.notices.append(text)


def _credentials(file: SettingFile, prefix: str, known: KnownSecrets) -> Credentials | None:
    """The keys of a set, None when there are none; half a pair is a problem."""
    names = (f"{prefix}API_KEY", f"{prefix}API_SECRET")
    if not any(file.values.get(name) for name in names):
        return None
    for name in names:
        if not file.values.get(name):
            file.refuse(name, "missing, though the other half of the pair is there")
    api_key, secret = (file.text(name) for name in names)
    if not (api_key and secret):
        return None
    try:
        return Credentials(api_key, secret_of(secret, file.home), known)
    except ValueError as error:
        file.refuse(names[1], str(error))
        return None
