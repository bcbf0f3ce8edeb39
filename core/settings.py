"""Reads `.env` and `.env.<Market>` into one frozen record. Main thread, before anything else starts.

A value that only concerns look or rate falls back to its default and is said in `notices`; a wrong host, key, symbol or
database is a `Problem`: that market (or, with market "", everything) stays off. Values of secrets are never repeated.
The table of keys is core.setting_keys, one file's reading core.setting_file, guarding and writing core.home.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.hosts import host_of, is_loopback
from core.market_settings import Demo, MarketSettings, ProductSettings, read_demo, read_market
from core.secrets import KnownSecrets, Password
from core.setting_file import Problem, SettingFile
from core.setting_keys import ENV, MARKETS, read_names, shown
from core.titles import CLOSED
from models import Mode

__all__ = ["Demo", "MarketSettings", "ProductSettings", "Settings", "load_settings"]


@dataclass(frozen=True, slots=True)
class General:
    """Look, rates and log."""

    refresh_rate: int      # drawings a second
    order_book_depth: str  # full, orderBook10 or quote
    history_candles: int
    stop_at_venue: bool    # bots' stop-losses rest there
    dead_man_s: int        # 0: off
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

    def closed(self) -> dict[str, str]:
        """Markets that exist no more and are not played by the bundled exchange here: why, in one sentence each."""
        if self.demo:
            return {}
        here = {market.name for market in self.markets
                if all(is_loopback(host_of(product.hosts.rest)) for product in market.products)}
        return {name: CLOSED[name] for name in self.market_list if name in CLOSED and name not in here}


def load_settings(home: Path, known: KnownSecrets, flag: Mode | None = None, demo: Demo | None = None,
                  texts: Mapping[str, str] | None = None) -> Settings:
    """The settings of this home. `flag` is --demo (SIM), --testnet or --live, None without one.

    For the bundled exchange it is called twice: without `demo` (the answer says `demo=True` and has no markets), and,
    when the exchange is ready, with it. Raises nothing: a file that may not or cannot be read is a problem too.
    `texts`: what files would hold, by name, in place of what they hold.
    """
    given = texts or {}
    general_file = SettingFile(home, ENV, "", given.get(ENV))
    general = _general(general_file)
    is_testnet, is_demo = general_file.flag("TESTNET"), general_file.flag("DEMO")
    child = flag is Mode.SIM or (flag is None and is_demo)
    asked = flag or (Mode.TESTNET if is_testnet else Mode.LIVE)
    market_list = _market_list(general_file, tuple(MARKETS) if child else ("Binance",))

    files = [general_file]
    mode = Mode.SIM if child else asked
    sources = [SettingFile(home, MARKETS[name], name, given.get(MARKETS[name])) for name in market_list]
    if child:
        read = [read_demo(file, demo, known) for file in sources] if demo is not None else []
    else:
        read = [read_market(file, asked, known) for file in sources]
        mode = _common_mode(general_file, asked, [one.is_local for one in read])
    files += [one.file for one in read]
    markets = [one.market for one in read if one.market is not None]
    if not child:
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
        stop_at_venue=file.flag("STOP_AT_VENUE"),
        dead_man_s=file.number("DEAD_MAN_SWITCH"),
        theme=file.choice("THEME"),
        scale=int(file.choice("SCALE")),
        log_level=file.choice("LOG_LEVEL"),
        log_size_mb=file.number("LOG_SIZE_MB"),
        log_files=file.number("LOG_FILES"),
    )


def _market_list(file: SettingFile, default: tuple[str, ...]) -> tuple[str, ...]:
    """The markets this version knows, spelled as the table does; others are said and left out."""
    known = {name.casefold(): name for name in MARKETS}
    found: dict[str, None] = {}
    for word in (read_names(file.values.get("MARKET_LIST", "")) or default)[:50]:
        name = known.get(word.casefold())
        if name is not None:
            found[name] = None
        else:
            text = f"{shown(None, word)} is no exchange known here; {' or '.join(MARKETS)} is"
            file.problems.append(Problem(file.name, "MARKET_LIST", shown(None, word), text, shown(None, word)))
    if not found:
        file.refuse("MARKET_LIST", f"no exchange to trade on; {' or '.join(MARKETS)} is known")
    return tuple(found)


def _common_mode(file: SettingFile, asked: Mode, locals_: Iterable[bool | None]) -> Mode:
    """SIM when every market is on this computer; a mixture is a problem for all."""
    known = {is_local for is_local in locals_ if is_local is not None}
    if len(known) == 2:
        file.refuse("MARKET_LIST", "some markets are on this computer and some are not; they are never mixed")
    return Mode.SIM if known == {True} else asked


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
