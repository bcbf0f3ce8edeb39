"""The one table of settings: every key with its file, range, default and sentence. `.env.example` is made from it.

`python -m core.setting_keys > .env.example` writes the file anew; a test compares the two. Reading is in core.settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

ENV = ".env"
ENV_BINANCE = ".env.Binance"
ENV_BITMEX = ".env.Bitmex"
MARKETS = {"Binance": ENV_BINANCE, "Bitmex": ENV_BITMEX}       # markets this version can trade, with their files
PRODUCTS = {"Binance": ("LINEAR", "INVERSE", "SPOT"), "Bitmex": ("INVERSE", "LINEAR", "QUANTO", "SPOT")}
LONGEST_VALUE = 20_000                         # 400 symbols of 40 characters fit
MOST_SYMBOLS = 400
SHOWN = 60                                     # so much of a wrong value is repeated in a message


RESTART, F3 = "a restart", "F3"                # what makes a change work


class Kind(Enum):
    """How a value is read."""

    NUMBER = "whole number"
    FLAG = "True or False"
    CHOICE = "one of several words"
    NAMES = "list of names"
    TEXT = "text"
    URL = "address"
    HIDDEN = "secret text"


@dataclass(frozen=True, slots=True)
class SettingKey:
    """One key. `allowed` is the range in words; a bad `forgiven` value gives the default, another keeps off."""

    file: str
    name: str
    group: str
    kind: Kind
    default: str
    sentence: str
    allowed: str = ""
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    pattern: str = ""
    forgiven: bool = False
    needs: str = RESTART                       # what makes a change work


_NAME = r"[A-Za-z0-9_.-]{1,64}"
_DATABASE = r"[A-Za-z0-9_]{1,64}"
_SYMBOL = r"[A-Z0-9_]{2,40}"
_API = r"[\x21-\x7e]{8,512}"
_FROM_LOOPBACK = "taken for the test network too when it is this computer and the TESTNET_ addresses are empty"


def _number(group: str, name: str, default: int, low: int, high: int, sentence: str, needs: str = RESTART,
            forgiven: bool = True) -> SettingKey:
    return SettingKey(ENV, name, group, Kind.NUMBER, str(default), sentence, f"{low} to {high}", low=low, high=high,
                      forgiven=forgiven, needs=needs)


def _choice(group: str, name: str, choices: tuple[str, ...], default: str, sentence: str,
            needs: str = RESTART) -> SettingKey:
    return SettingKey(ENV, name, group, Kind.CHOICE, default, sentence, ", ".join(choices[:-1]) + " or " + choices[-1],
                      choices=choices, forgiven=True, needs=needs)


def _flag(name: str, default: bool, sentence: str) -> SettingKey:
    return SettingKey(ENV, name, "General", Kind.FLAG, str(default), sentence, "True or False")


def _text(name: str, sentence: str, allowed: str, pattern: str) -> SettingKey:
    return SettingKey(ENV, name, "Database", Kind.TEXT, "", sentence, allowed, pattern=pattern)


def _names(file: str, name: str, default: str, sentence: str, allowed: str = "") -> SettingKey:
    return SettingKey(file, name, _group(file), Kind.NAMES, default, sentence,
                      allowed or f"up to {MOST_SYMBOLS} symbols as the exchange writes them; empty: none",
                      pattern=_SYMBOL, needs=F3)


def _url(file: str, name: str, scheme: str, sentence: str, group: str = "") -> SettingKey:
    return SettingKey(file, name, group or _group(file), Kind.URL, "", sentence, f"{scheme}://host[:port]", needs=F3)


def _secret(file: str, name: str, sentence: str, group: str = "") -> SettingKey:
    return SettingKey(file, name, group or _group(file), Kind.HIDDEN, "", sentence, "the text the exchange gave",
                      pattern=_API, needs=F3)


def _group(file: str) -> str:
    return file.rpartition(".")[2]


def _access(file: str, live: str, test: str, closed: str = "") -> tuple[SettingKey, ...]:
    """Addresses and keys of a market, of the live and of the test network."""
    ed25519 = "; of an Ed25519 key the .pem file, or the line between that file's marks" if file == ENV_BINANCE else ""
    return (
        _url(file, "HTTP_URL", "https",
             f"Address for requests, for every product; empty: {live}; {_FROM_LOOPBACK}.{closed}"),
        _url(file, "WS_URL", "wss", "Address of the streams, as HTTP_URL."),
        _secret(file, "API_KEY", "Key of the real account, without the right to withdraw."),
        _secret(file, "API_SECRET", f"Its secret{ed25519}."),
        _url(file, "TESTNET_HTTP_URL", "https", f"As HTTP_URL, for the test network; empty: {test}."),
        _url(file, "TESTNET_WS_URL", "wss", "As WS_URL, for the test network."),
        _secret(file, "TESTNET_API_KEY", "Key of the test account."),
        _secret(file, "TESTNET_API_SECRET", "Its secret, as API_SECRET."),
    )


def _per_product() -> Iterable[SettingKey]:
    """Addresses and keys of one product of Binance alone, in place of the common ones."""
    for network, words in (("", ""), ("TESTNET_", " of the test network")):
        for product, name in (("SPOT", "spot"), ("LINEAR", "USD-M futures"), ("INVERSE", "COIN-M futures")):
            start, group = f"{network}{product}_", "One product alone"
            yield _url(ENV_BINANCE, f"{start}HTTP_URL", "https", f"For {name}{words} in place of HTTP_URL.", group)
            yield _url(ENV_BINANCE, f"{start}WS_URL", "wss", f"For {name}{words} in place of WS_URL.", group)
            yield _url(ENV_BINANCE, f"{start}USER_URL", "wss", f"Where the account's events of {name}{words} come "
                       "from, when not from WS_URL.", group)
            yield _secret(ENV_BINANCE, f"{start}API_KEY", f"For {name}{words} in place of API_KEY.", group)
            yield _secret(ENV_BINANCE, f"{start}API_SECRET", "Its secret.", group)


KEYS: tuple[SettingKey, ...] = (
    SettingKey(ENV, "MARKET_LIST", "General", Kind.NAMES, "Binance", "The exchanges to trade on.",
               "names of exchanges: Binance, Bitmex", pattern=r"[A-Za-z]{2,20}", needs=F3),
    _flag("TESTNET", True, "True: play money on the exchange's test network. False: real money."),
    _flag("DEMO", False, "True: start the bundled exchange and trade there; keys and addresses are then not read."),
    _choice("General", "ORDER_BOOK_DEPTH", ("full", "orderBook10", "quote"), "full",
            "How much of the book is followed: all of it, or with quote the best prices only, a third of the data.",
            F3),
    _number("General", "REFRESH_RATE", 5, 1, 10, "How many times a second the window is drawn.", F3),
    _number("General", "HISTORY_CANDLES", 500, 50, 1500, "Closed candles loaded for charts and bots.", F3),
    SettingKey(ENV, "STOP_AT_VENUE", "Trading", Kind.FLAG, "True", "True: a bot's stop-loss rests at the exchange as "
               "an order that only closes, where the product has such orders.", "True or False"),
    _number("Trading", "DEAD_MAN_SWITCH", 0, 0, 600, "Seconds after which the exchange cancels all orders when this "
            "program is gone, bots' stops maybe among them; 0: off. Spot has none.", F3, forgiven=False),
    _choice("Look", "THEME", ("dark", "classic", "light"), "dark", "Colours of the window; classic is green and red."),
    _choice("Look", "SCALE", ("100", "125", "150", "200"), "100", "Size of everything in the window, in percent."),
    _choice("Log", "LOG_LEVEL", ("debug", "info", "warning", "error"), "info", "The least important lines logged."),
    _number("Log", "LOG_SIZE_MB", 10, 1, 200, "A log file of this size is put aside and a new one begun."),
    _number("Log", "LOG_FILES", 5, 1, 50, "So many full log files are kept."),
    _text("SQLITE_DATABASE", "File in the home folder; empty: sim.db, testnet.db or live.db by mode.",
          "a file name without folder", r"(?!\.)[A-Za-z0-9_.-]{1,64}"),
    _text("MYSQL_HOST", "A MySQL or MariaDB server; empty: SQLite.", "a host name", r"[A-Za-z0-9_.:-]{1,253}"),
    _number("Database", "MYSQL_PORT", 3306, 1, 65535, "The server's port.", forgiven=False),
    _text("MYSQL_SOCKET", "The server's unix socket instead of host and port; MYSQL_HOST must be set too.",
          "an absolute path", r"/[\x20-\x7e]{1,106}"),
    _text("MYSQL_USER", "The user at the server; needed with MYSQL_HOST.", "a user name", r"[\x21-\x7e]{1,80}"),
    SettingKey(ENV, "MYSQL_PASSWORD", "Database", Kind.HIDDEN, "", "The user's password.", "any text",
               pattern=r"[^\x00-\x1f\x7f]{1,256}"),
    _text("MYSQL_DATABASE", "The database there; empty: botbook_sim, botbook_testnet or botbook_live by mode.",
          "letters, digits and _", _DATABASE),
    _names(ENV_BINANCE, "SPOT_SYMBOLS", "", "Spot pairs to show and trade."),
    _names(ENV_BINANCE, "LINEAR_SYMBOLS", "BTCUSDT, ETHUSDT", "USD-M futures to show and trade."),
    _names(ENV_BINANCE, "INVERSE_SYMBOLS", "", "COIN-M futures to show and trade, for example BTCUSD_PERP."),
    _names(ENV_BINANCE, "CURRENCIES", "USDT", "Settlement currencies of those symbols: USDT, for COIN-M the coin "
           "(BTC), for spot what is paid with; coins used only for fees need not be listed.", "names of coins"),
    *_access(ENV_BINANCE, "Binance's own", "Binance's demo network"),
    *_per_product(),
    _names(ENV_BITMEX, "INVERSE_SYMBOLS", "XBTUSD", "Contracts margined and settled in bitcoin."),
    _names(ENV_BITMEX, "LINEAR_SYMBOLS", "", "Contracts settled in USDt, for example XBTUSDT."),
    _names(ENV_BITMEX, "QUANTO_SYMBOLS", "", "Contracts on another coin settled in bitcoin, for example ETHUSD."),
    _names(ENV_BITMEX, "SPOT_SYMBOLS", "", "Spot pairs."),
    _names(ENV_BITMEX, "OPTION_SYMBOLS", "", "Options: there are none any more; named symbols are answered so."),
    _names(ENV_BITMEX, "CURRENCIES", "XBt, USDt", "Settlement currencies of those symbols.", "names of coins"),
    *_access(ENV_BITMEX, "BitMEX's own", "BitMEX's test network",
             " The exchange closed on 2026-09-23: its own addresses keep the market off."),
)


def keys_of(file: str) -> dict[str, SettingKey]:
    """The keys that belong to one file, by name."""
    return {key.name: key for key in KEYS if key.file == file}


def read_number(key: SettingKey, text: str) -> int | None:
    """The whole number, or None when it is none or outside the range. Only the digits 0–9 count."""
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        return None
    number = int(text)
    return number if key.low <= number <= key.high else None


def read_flag(text: str) -> bool | None:
    """True or False in any case, None for every other text."""
    return {"true": True, "false": False}.get(text.casefold())


def read_choice(key: SettingKey, text: str) -> str | None:
    """The choice as the table spells it, or None."""
    return next((choice for choice in key.choices if choice.casefold() == text.casefold()), None)


def read_names(text: str) -> tuple[str, ...]:
    """The parts of a list separated by commas, semicolons or spaces; repeats are kept."""
    return tuple(part for part in re.split(r"[\s,;]+", text) if part)


def repeats(names: Iterable[str]) -> tuple[str, ...]:
    """The names that occur more than once, each once, in order."""
    seen: set[str] = set()
    again: dict[str, None] = {}
    for name in names:
        if name in seen:
            again[name] = None
        seen.add(name)
    return tuple(again)


def shown(key: SettingKey | None, value: str) -> str:
    """A wrong value as a message may repeat it: cut, control characters spelled out, secrets never."""
    if key is not None and key.kind is Kind.HIDDEN:
        return "***"
    cut = value if len(value) <= SHOWN else f"{value[:SHOWN]}… ({len(value)} characters)"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def example_text() -> str:
    """The text of `.env.example`: every key, commented out, with its default."""
    lines = [
        "# Settings of Botbook, made from core/setting_keys.py. Every line starting with #KEY is the default.",
        "# Copy what you change into the file named above it, in the home folder (home/), without the #.",
        "# A file with keys must be readable by you alone: chmod 600 .env .env.Binance .env.Bitmex",
    ]
    for file in (ENV, *MARKETS.values()):
        lines += ["", f"# ======== {file} ========"]
        group = ""
        for key in keys_of(file).values():
            if key.group != group and (file == ENV or group):
                lines += ["", f"# ---- {key.group}"]
            group = key.group
            lines += ["", f"# {key.sentence}", f"# Allowed: {key.allowed}. A change needs {key.needs}.",
                      f'#{key.name}="{key.default}"']
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(example_text(), end="")
