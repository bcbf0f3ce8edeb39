"""Start, trade, kill, restart: an exchange and a terminal for one fault script, ended by process id whatever happens.

`Ground` is a home folder and a bundled exchange. `Terminal` is the real session in the test's process, with short
waits; `Program` is `main.py` (or the driver) as a process that may be killed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa

from connectors import http
from core.errors import TerminalError
from core.numbers import multiple_down
from core.secrets import KnownSecrets
from core.settings import Demo, load_settings
from db import schema
from engine import asking
from engine.commands import Cancel, Command, PlaceOrder, Recover, Verdict
from engine.view import View
from models import Category, Health, Key, Mode, OrdType, Side, TimeInForce, Timings
from session.build import Session, open_store
from session.child import demo_of
from tests.faults import products, referee
from tests.simulator.sim_client import Exchange

ROOT = Path(__file__).resolve().parents[2]
BTC, ETH = products.BTCUSDT.key, products.ETHUSDT.key
BUY, SELL = Side.BUY, Side.SELL

# Ten times shorter than in earnest, but a machine that runs other tests beside must not break them by itself.
QUICK = replace(Timings.quick(), request_life=1.5, absent_margin=1.0, verdict=3.0, silence_book=2.0, silence_stream=4.0,
                connect=3.0, stop=5.0, stop_requests=2.0)
QUICK_LIFE_MS = 2_000      # queue limit and life of an order by these timings; in earnest 10 s

_T = TypeVar("_T")


def until(condition: Callable[[], _T], limit: float = 5.0, what: str = "the condition") -> _T:
    """The condition's first true value; fails after `limit` seconds with what was waited for."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what}; last seen: {value!r}")
        time.sleep(0.02)


def during(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """The condition holds all this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), what
        time.sleep(0.03)


TURNER = '''"""Always wants to be in: buys with each new candle once it is out."""

from __future__ import annotations

from collections.abc import Sequence

from models import Candle
from strategies.base import Strategy


class Turner(Strategy):
    """A tiny take-profit or stop-loss closes."""

    on_forming = True

    def check_signal(self, candles: Sequence[Candle]) -> int:
        """Buy."""
        return 1
'''
TURNER_PARAMS = '{"take_profit": 0.001, "stop_loss": 0.001}'


# ---------------------------------------------------------------- what leaves for the exchange

@dataclass(frozen=True)
class Sent:
    """One request that left."""

    at: float
    method: str
    host: str
    path: str
    status: int      # of the answer; 0: none came


@dataclass
class Wire:
    """Every request of the sessions in this process, in order. See `recorded`."""

    sent: list[Sent] = field(default_factory=list)

    def count(self, method: str, path: str = "/fapi/v1/order") -> int:
        """How many requests of this kind left."""
        return len(self.times(method, path))

    def times(self, method: str = "", path: str = "") -> list[float]:
        """When they left (monotonic); "" = any."""
        return [one.at for one in self.sent if method in ("", one.method) and path in ("", one.path)]

    def refused(self) -> list[Sent]:
        """Requests the exchange refused."""
        return [one for one in self.sent if one.status >= 400]


@contextlib.contextmanager
def recorded() -> Iterator[Wire]:
    """Writes down what the HTTP layer sends; the requests themselves are untouched."""
    wire, send = Wire(), http.Client.send

    def noted(client: http.Client, prepared: http.Prepared) -> http.Answer:
        at, status = time.monotonic(), 0
        try:
            answer = send(client, prepared)
            status = answer.status
            return answer
        finally:
            host = urlsplit(client._base).hostname or ""
            wire.sent.append(Sent(at, prepared.method, host, prepared.url.partition("?")[0], status))

    setattr(http.Client, "send", noted)  # noqa: B010  plain assignment to a method is an error for mypy
    try:
        yield wire
    finally:
        setattr(http.Client, "send", send)  # noqa: B010


# ---------------------------------------------------------------- a home and an exchange

def usd_m_only(home: Path) -> None:
    """Settings of the bundled exchange that choose USD-M alone, where a test has not chosen."""
    env, market = home / ".env", home / ".env.Binance"
    text = env.read_text(encoding="utf-8") if env.exists() else ""
    if "MARKET_LIST" not in text:
        write_private(env, f"MARKET_LIST=Binance\n{text}")
    if not market.exists():
        write_private(market, "LINEAR_SYMBOLS=BTCUSDT, ETHUSDT")


class Ground:
    """A home folder and a running exchange; `close` ends everything that was started on it."""

    def __init__(self, folder: Path, *options: str, run: tuple[str, ...] = ("-m", "simulator")) -> None:
        self.home = folder / "home"
        self.home.mkdir(mode=0o700, parents=True)
        self.exchange = Exchange(folder / "exchange", "--child", *options, run=run)
        self.control_url = str(self.exchange.ready["control"])
        self.things: list[Terminal | Program] = []

    def close(self) -> None:
        """End terminals and exchange."""
        for thing in self.things:
            thing.end()
        self.exchange.kill()                     # nothing is wanted of it any more; its end in order has its own tests

    def read(self) -> referee.Ledger:
        """Our database, by the referee's eyes."""
        return referee.reader(self.home)()

    @property
    def demo(self) -> Demo:
        """The exchange as settings."""
        return demo_of(self.exchange.ready)

    def terminal(self, timings: Timings = QUICK, wait: bool = True) -> Terminal:
        """A session in this process, recovered unless told not to wait."""
        terminal = Terminal(self, timings)
        self.things.append(terminal)
        if wait:
            terminal.wait_recovered()
        return terminal

    def program(self, *arguments: str, **environment: str) -> Program:
        """`main.py` on this home."""
        return self.keep(Program([str(ROOT / "main.py"), "--home", str(self.home), *arguments], environment))

    def keep(self, program: Program) -> Program:
        """End it with the ground."""
        self.things.append(program)
        return program

    def settings(self, env: str = "", key: str = "", secret: str = "", more: str = "", **urls: str) -> None:
        """Settings files that lead to the exchange, private as the terminal wants them."""
        venue = self.exchange.venue
        write_private(self.home / ".env", env)
        write_private(self.home / ".env.Binance", "\n".join((
            f"TESTNET_HTTP_URL={urls.get('http', venue['http'])}", f"TESTNET_WS_URL={urls.get('ws', venue['ws'])}",
            f"TESTNET_API_KEY={key or venue['api_key']}", f"TESTNET_API_SECRET={secret or venue['api_secret']}", more)))

    def trades(self, *traded: products.Traded, env: str = "") -> None:
        """Settings that choose these products at the bundled exchange; `env`: more lines of `.env`."""
        for name, text in products.env_files(traded).items():
            write_private(self.home / name, text + ("\n" + env if name == ".env" else ""))

    def turner(self) -> None:
        """A strategy for tests in the home folder: `turner`, with TURNER_PARAMS."""
        (self.home / "strategies").mkdir(mode=0o700, exist_ok=True)
        (self.home / "strategies" / "turner.py").write_text(TURNER)

    def robot(self, emi: str, symbol: str = "BTCUSDT", strategy: str = "", params: str = "", capital: int = 1,
              category: str = "linear", market: str = "Binance", sort: int = 0) -> None:
        """A row of `robots`; the database is made when there is none."""
        store = open_store(load_settings(self.home, KnownSecrets(), Mode.SIM, self.demo))
        with store._begin() as connection:
            connection.execute(sa.insert(schema.robots), {
                "EMI": emi, "SYMBOL": symbol, "CATEGORY": category, "MARKET": market, "TIMEFR": 1,
                "CAPITAL": capital, "STRATEGY": strategy, "PARAMS": params, "SORT": sort})
        store.close()

    def order(self, name: str) -> dict[str, Any]:
        """An order's row in our database; {} when there is none."""
        return next((row for row in self.read().orders if name in (row["NAME"], row["CLORDID"])), {})

    def status(self, name: str) -> str:
        """An order's state in our database, "" when there is none."""
        return str(self.order(name).get("STATUS", ""))

    def at_exchange(self, name: str) -> list[dict[str, Any]]:
        """The exchange's orders with this client id."""
        return [one for one in self.exchange.truth()["orders"] if one["client_id"] == name]

    def check(self, limit: float = 10.0, may_be_unknown: tuple[str, ...] = (), started: bool = True) -> referee.Judged:
        """The referee's word; raises when an invariant is broken."""
        return referee.check(self.control_url, self.read, limit, may_be_unknown, started)

    def calm(self) -> None:
        """End all faults."""
        requests.delete(f"{self.control_url}/fault", timeout=10)

    def trade(self, side: str, qty: str, symbol: str = "BTCUSDT", key: Key | None = None) -> None:
        """A stranger's market order."""
        market, category, symbol = key or Key("Binance", Category.LINEAR, symbol)
        self.exchange.control("trade", market=market, category=category.value, symbol=symbol, side=side, qty=qty)

    def restart_exchange(self) -> None:
        """The same exchange again, on the same port."""
        port = urlsplit(self.exchange.venue["http"]).port
        folder = self.home.parent / "exchange"
        self.exchange = Exchange(folder, "--child", "--port", str(port))

    def texts(self) -> Iterator[tuple[Path, bytes]]:
        """Every file of the home folder but the settings themselves."""
        for path in sorted(self.home.rglob("*")):
            if path.is_file() and not path.name.startswith(".env"):
                yield path, path.read_bytes()


def write_private(path: Path, text: str) -> None:
    """A file of mode 0600."""
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)


# ---------------------------------------------------------------- the session, in this process

class Terminal:
    """The real session: store, engine, connector, bots; commands as a person's."""

    _tickets = itertools.count(1)

    def __init__(self, ground: Ground, timings: Timings) -> None:
        self._ground = ground
        self.fatal: list[TerminalError] = []
        usd_m_only(ground.home)
        settings = load_settings(ground.home, KnownSecrets(), Mode.SIM, ground.demo)
        assert not settings.problems, settings.problems
        asking.QUEUE_AND_LIFE_MS = QUICK_LIFE_MS
        self.session = Session(settings, ground.home, timings, self.fatal.append)
        self.keys = tuple(Key(market.name, product.category, symbol) for market in settings.markets
                          for product in market.products for symbol in product.symbols)
        self._stopped = False
        self.session.start()

    @property
    def view(self) -> View:
        """What is shown."""
        view = until(self.session.view, 5, "a view")
        assert view is not None
        return view

    def is_live(self, key: Key = BTC) -> bool:
        """Whether orders for this instrument would be taken."""
        view, board = self.session.view(), self.session.board
        book, venue = board.books.get(key), board.venues.get((key.market, key.category))
        return bool(view and view.recovered and view.ledger.agree_time and view.ledger.ok and book and book.live
                    and key in board.tops and venue and venue.health is Health.LIVE)

    def wait_recovered(self, limit: float = 15.0) -> None:
        """Until the account is recovered and compared and the books are live."""
        try:
            until(lambda: self.fatal or all(map(self.is_live, self.keys)), limit, "recovered, books live")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None
        assert not self.fatal, self.fatal

    def recover(self, limit: float = 15.0) -> None:
        """F3, and until every product has recovered anew; right after the verdict all still looks as before."""
        done = self._recoveries()
        products = len({(key.market, key.category) for key in self.keys})
        verdict = self.ask(Recover(self.ticket()))
        assert verdict.ok, verdict.refusal
        until(lambda: self._recoveries() >= done + products, limit, "recovered anew")
        self.wait_recovered(limit)

    def _recoveries(self) -> int:
        return sum("recovered: account" in text for text in self.messages())

    def report(self) -> str:
        """How things stand, for a failure's text."""
        board, view = self.session.board, self.session.view()
        books = {key.symbol: (book.live, book.reason) for key, book in board.books.items()}
        lines = [f"venues {list(board.venues.values())}", f"books {books}", f"dead {self.session.dead_threads()}"]
        if view is not None:
            lines += [f"recovered {view.recovered}", f"ledger {view.ledger}", *self.messages()[-20:]]
        return "\n".join(lines)

    def ask(self, command: Command, limit: float = 5.0) -> Verdict:
        """The engine's verdict."""
        verdict = self.session.engine.ask(command, limit)
        assert verdict is not None, "no verdict"
        return verdict

    def try_place(self, side: Side, qty: str, price: Decimal | None = None, owner: str = "", key: Key = BTC,
                  reduce_only: bool = False, tif: TimeInForce = TimeInForce.GTC, post_only: bool = False) -> Verdict:
        """Ask for an order by hand; the verdict."""
        kind = OrdType.MARKET if price is None else OrdType.LIMIT
        return self.ask(PlaceOrder(self.ticket(), key, owner or key.reserved, side, Decimal(qty), price, True, kind,
                                   tif, post_only, reduce_only, repeat_confirmed=True))

    def place(self, side: Side, qty: str, price: Decimal | None = None, owner: str = "", key: Key = BTC,
              reduce_only: bool = False) -> str:
        """An order that must be taken by the engine; its clOrdID."""
        verdict = self.try_place(side, qty, price, owner, key, reduce_only)
        assert verdict.ok, verdict.refusal
        return verdict.cl_ord_id

    def cancel(self, name: str, key: Key = BTC) -> Verdict:
        """Ask for a cancel."""
        return self.ask(Cancel(self.ticket(), key, name))

    def ticket(self) -> str:
        """A new one."""
        return f"test-{next(self._tickets)}"

    def far(self, side: Side = BUY, key: Key = BTC, percent: int = 3) -> Decimal:
        """A price that rests far from the market."""
        top = self.session.board.tops[key]
        away = top.bid * (100 - percent) / 100 if side is BUY else top.ask * (100 + percent) / 100
        return multiple_down(away, self.session.board.instruments[key].tick)

    def messages(self) -> list[str]:
        """What was said, oldest first."""
        return [line.text for line in reversed(self.view.messages)]

    def said(self, words: str) -> bool:
        """Whether a message has these words (a regular expression)."""
        return any(re.search(words, text) for text in self.messages())

    def end(self) -> None:
        """Stop in order; a second call does nothing."""
        if not self._stopped:
            self._stopped = True
            self.session.stop()
            until(lambda: not self.session.engine.is_alive, 5, "the engine's end")


# ---------------------------------------------------------------- a process

class Program:
    """A Python program of ours in a process group of its own, its output collected."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        env.pop("DISPLAY", None)
        self.process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [threading.Thread(target=self._read, args=(pipe, lines), daemon=True)
                         for pipe, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(pipe: Any, lines: list[str]) -> None:
        for line in pipe:
            lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def is_running(self) -> bool:
        """Whether it lives."""
        return self.process.poll() is None

    def text(self) -> str:
        """Everything it has said."""
        return "\n".join((*self.out, *self.err))

    def wait(self, limit: float = 20.0) -> int:
        """Its exit code (negative: the signal that ended it)."""
        code = self.process.wait(limit)
        for reader in self._readers:
            reader.join(2)
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)

    def children(self) -> list[int]:
        """Process ids of its living children."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[1]) == self.pid and fields[0] != "Z":
                        found.append(int(entry.name))
        return found

    def end(self) -> None:
        """End it and what it started, by id."""
        children = self.children()
        self.kill()
        for pid in children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def is_running(pid: int) -> bool:
    """Whether the process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listening_port(pid: int) -> int:
    """The loopback port a process listens on; 0 while it has none."""
    inodes = set()
    with contextlib.suppress(OSError):
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(handle))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    return 0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def driver(ground: Ground, **plan: Any) -> Program:
    """A child that trades by a plan and may kill itself at an effect; see `driver.py`."""
    asked = {"home": str(ground.home), "ready": ground.exchange.ready, **plan}
    return ground.keep(Program([str(Path(__file__).with_name("driver.py")), json.dumps(asked)]))
