"""Reads `.env` and `.env.<Market>` into one frozen record. Main thread, before anything else starts.

A value that only concerns look or rate falls back to its default and is said in `notices`; a wrong host, key, symbol or
database is a `Problem`: that market (or, with market "", everything) stays off. Values of secrets are never repeated.
The table of keys is core.setting_keys, one file's reading core.setting_file, guarding and writing core.home.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from core.hosts import Hosts, Reach, binance_hosts, host_of, reach, read_url
from core.keyfile import secret_of
from core.secrets import Credentials, KnownSecrets, Password
from core.setting_file import Problem, SettingFile
from core.setting_keys import ENV, LATER_MARKETS, MARKETS, MOST_SYMBOLS, read_names, shown
from models import Category, Mode


@dataclass(frozen=True, slots=True)
class Demo:
    """What the ready line of the bundled exchange said; it takes the place of `.env.Binance`."""

    http: str
    ws: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    currencies: tuple[str, ...] = ("USDT",)


@dataclass(frozen=True, slots=True)
class General:
    """Look, rates and log."""

    refresh_rate: int      # drawings a second
    order_book_depth: str  # full, orderBook10 or quote
    history_candles: int
    theme: str
    scale: int             # percent
    log_level: str
    log_size_mb: int
    log_files: int

    @property
    def quote_only(self) -> bool:
        """Only the best prices are followed."""
        return self.order_book_depth == "quote"


@dataclass(frozen=True, slots=True)
class ProductSettings:
    """One product of a market: its symbols and addresses."""

    category: Category
    symbols: tuple[str, ...]
    hosts: Hosts


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """One market without a problem. `credentials` None: no keys, prices only."""

    name: str
    products: tuple[ProductSettings, ...]
    currencies: tuple[str, ...]
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """A database file."""

    path: Path


@dataclass(frozen=True, slots=True)
class MysqlSettings:
    """A MySQL or MariaDB server; `socket` "" = host and port."""

    host: str
    port: int
    socket: str
    user: str
    password: Password
    database: str


DatabaseSettings = SqliteSettings | MysqlSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the files and the command line say. `demo`: main is to start the bundled exchange as its child."""

    mode: Mode
    demo: bool
    general: General
    market_list: tuple[str, ...]           # as written; those with a problem are missing in `markets`
    markets: tuple[MarketSettings, ...]
    database: DatabaseSettings
    notices: tuple[str, ...]
    problems: tuple[Problem, ...]

    def problems_of(self, market: str) -> tuple[Problem, ...]:
        """What keeps this market off, common problems included."""
        return tuple(problem for problem in self.problems if problem.market in ("", market))


def load_settings(home: Path, known: KnownSecrets, flag: Mode | None = None, demo: Demo | None = None) -> Settings:
    """The settings of this home. `flag` is --demo (SIM), --testnet or --live, None without one.

    For the bundled exchange it is called twice: without `demo` (the answer says `demo=True` and has no markets), and,
    when the exchange is ready, with it. Raises nothing: a file that may not or cannot be read is a problem too.
    """
    general_file = SettingFile(home, ENV, "")
    general = _general(general_file)
    is_testnet, is_demo = general_file.flag("TESTNET"), general_file.flag("DEMO")
    child = flag is Mode.SIM or (flag is None and is_demo)
    asked = flag or (Mode.TESTNET if is_testnet else Mode.LIVE)
    market_list = _market_list(general_file)

    files = [general_file]
    markets: list[MarketSettings] = []
    mode = Mode.SIM if child else asked
    if child:
        markets += [_demo_market(demo, known)] if demo is not None else []
    else:
        read = [_market(SettingFile(home, MARKETS[name], name), asked, known) for name in market_list]
        files += [file for file, _, _ in read]
        markets = [market for _, market, _ in read if market is not None]
        mode = _common_mode(general_file, asked, [is_local for _, _, is_local in read])
        if mode is Mode.LIVE and is_testnet:
            general_file.refuse("TESTNET", '--live needs TESTNET="False" too')
    for file in files:
        file.hide_secrets(known)
    database = _database(general_file, home, mode, known)
    problems = tuple(problem for file in files for problem in file.problems)
    return Settings(
        mode=mode,
        demo=child,
        general=general,
        market_list=market_list,
        markets=() if any(not problem.market for problem in problems) else tuple(markets),
        database=database,
        notices=tuple(notice for file in files for notice in file.notices),
        problems=problems,
    )


def _general(file: SettingFile) -> General:
    return General(
        refresh_rate=file.number("REFRESH_RATE"),
        order_book_depth=file.choice("ORDER_BOOK_DEPTH"),
        history_candles=file.number("HISTORY_CANDLES"),
        theme=file.choice("THEME"),
        scale=int(file.choice("SCALE")),
        log_level=file.choice("LOG_LEVEL"),
        log_size_mb=file.number("LOG_SIZE_MB"),
        log_files=file.number("LOG_FILES"),
    )


def _market_list(file: SettingFile) -> tuple[str, ...]:
    """The markets this version knows, spelled as the table does; others are said and left out."""
    known = {name.casefold(): name for name in MARKETS}
    found: dict[str, None] = {}
    for word in read_names(file.values.get("MARKET_LIST") or "Binance")[:50]:
        name = known.get(word.casefold())
        if name is not None:
            found[name] = None
        elif word.casefold() in {later.casefold() for later in LATER_MARKETS}:
            file.notices.append(f"MARKET_LIST: {word} comes later and is left out.")
        else:
            text = f"{shown(None, word)} is no exchange known here; {' or '.join(MARKETS)} is"
            file.problems.append(Problem(file.name, "MARKET_LIST", shown(None, word), text, shown(None, word)))
    if not found:
        file.refuse("MARKET_LIST", f"no exchange to trade on; {' or '.join(MARKETS)} is known")
    return tuple(found)


def _market(file: SettingFile, asked: Mode,
            known: KnownSecrets) -> tuple[SettingFile, MarketSettings | None, bool | None]:
    """The market, None when it has a problem, and whether it is on this computer (None: not known)."""
    prefix = _address_set(file, asked)
    rest = file.url(f"{prefix}HTTP_URL", ("http", "https"))
    stream = file.url(f"{prefix}WS_URL", ("ws", "wss"))
    has_bad_address = any(problem.key.endswith("_URL") for problem in file.problems)
    hosts = binance_hosts(asked, Category.LINEAR, rest, stream)
    if has_bad_address:
        is_local = None
    else:
        is_local = _is_local(file, prefix, hosts)
    if is_local is False:
        _check_network(file, prefix, asked, hosts)
    if is_local:
        hosts = binance_hosts(Mode.SIM, Category.LINEAR, rest, stream)
    symbols = file.names("LINEAR_SYMBOLS", MOST_SYMBOLS)
    currencies = file.names("CURRENCIES", MOST_SYMBOLS)
    credentials = _credentials(file, prefix, known)
    if file.problems:
        return file, None, is_local
    product = ProductSettings(Category.LINEAR, symbols, hosts)
    return file, MarketSettings(file.market, (product,), currencies, credentials), is_local


def _address_set(file: SettingFile, asked: Mode) -> str:
    """Which set of addresses and keys is used: "" or "TESTNET_"."""
    if asked is Mode.LIVE:
        return ""
    if file.values.get("TESTNET_HTTP_URL") or file.values.get("TESTNET_WS_URL"):
        return "TESTNET_"
    plain = [url for url in (file.values.get("HTTP_URL"), file.values.get("WS_URL")) if url]
    return "" if any(_looks_local(url) for url in plain) else "TESTNET_"


def _looks_local(url: str) -> bool:
    try:
        return reach(url) is Reach.LOOPBACK
    except ValueError:
        return False


def _is_local(file: SettingFile, prefix: str, hosts: Hosts) -> bool | None:
    """Whether the market is on this computer; None and a problem when only half of it is."""
    local = {reach(url) is Reach.LOOPBACK for url in (hosts.rest, hosts.public, hosts.private)}
    if len(local) == 1:
        return local.pop()
    missing = next((n for n in ("HTTP_URL", "WS_URL") if not file.values.get(prefix + n)), "WS_URL")
    file.refuse(prefix + missing, "HTTP_URL and WS_URL must both be on this computer or both on the exchange: "
                                  f"{host_of(hosts.rest)} and {host_of(hosts.public)} are mixed")
    return None


def _check_network(file: SettingFile, prefix: str, asked: Mode, hosts: Hosts) -> None:
    """A request of the test network never leaves for a live host, and the reverse."""
    wrong = Reach.LIVE if asked is Mode.TESTNET else Reach.TEST
    for name, url in (("HTTP_URL", hosts.rest), ("WS_URL", hosts.public)):
        if reach(url) is wrong:
            text = (f"{host_of(url)} is a live host; the test network is never traded there" if wrong is Reach.LIVE
                    else f"{host_of(url)} is a host of the test network; live orders do not go there")
            file.refuse(prefix + name, text)
        elif reach(url) is Reach.UNKNOWN:
            file.notices.append(f"{file.name}: {prefix}{name} {host_of(url)} is no address of {file.market}; "
                                f"used as {asked.value} because you say so.")


def _common_mode(file: SettingFile, asked: Mode, locals_: Iterable[bool | None]) -> Mode:
    """SIM when every market is on this computer; a mixture is a problem for all."""
    known = {is_local for is_local in locals_ if is_local is not None}
    if len(known) == 2:
        file.refuse("MARKET_LIST", "some markets are on this computer and some are not; they are never mixed")
    return Mode.SIM if known == {True} else asked


def _credentials(file: SettingFile, prefix: str, known: KnownSecrets) -> Credentials | None:
    """The keys of the set in use, None when there are none; half a pair is a problem."""
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


def _demo_market(demo: Demo, known: KnownSecrets) -> MarketSettings:
    hosts = binance_hosts(Mode.SIM, Category.LINEAR, read_url(demo.http, ("http", "https")),
                          read_url(demo.ws, ("ws", "wss")))
    product = ProductSettings(Category.LINEAR, demo.symbols, hosts)
    return MarketSettings("Binance", (product,), demo.currencies, Credentials(demo.api_key, demo.api_secret, known))


def _database(file: SettingFile, home: Path, mode: Mode, known: KnownSecrets) -> DatabaseSettings:
    """MySQL when MYSQL_HOST is set, else a file in home; each mode has its own unless a name is given."""
    host, name = file.text("MYSQL_HOST"), mode.value.lower()
    if not host and not file.values.get("MYSQL_HOST"):
        return SqliteSettings(home / (file.text("SQLITE_DATABASE") or f"{name}.db"))
    user = file.text("MYSQL_USER")
    if not user and not file.values.get("MYSQL_USER"):
        file.refuse("MYSQL_USER", "needed because MYSQL_HOST is set")
    return MysqlSettings(
        host=host,
        port=file.number("MYSQL_PORT"),
        socket=file.text("MYSQL_SOCKET"),
        user=user,
        password=Password(file.text("MYSQL_PASSWORD"), known),
        database=file.text("MYSQL_DATABASE") or f"botbook_{name}",
    )
