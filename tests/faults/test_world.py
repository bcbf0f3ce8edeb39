"""The world around the program: rows C2, C5, C9 and M22 of the table of faults.

Clocks that jump, a weight that somebody else uses, keys and hosts of the other network, networks that lead elsewhere.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.secrets import KnownSecrets
from core.settings import load_settings
from engine.commands import AskNow
from models import Category, Health, Key, Mode
from session.build import Session
from tests.faults.certificates import Authority, serving
from tests.faults.harness import (
    BTC,
    BUY,
    QUICK,
    ROOT,
    SELL,
    Ground,
    Program,
    Terminal,
    Wire,
    recorded,
    until,
    write_private,
)

MINUTE, HOUR = 60_000, 3_600_000
HISTORY_KEPT = 5                # newest candles that are looked at


# ---------------------------------------------------------------- C2

class WallClock:
    """Our wall clock, `offset_ms` off; the monotonic one knows nothing of it."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def wall_ms(self) -> int:
        """What the program takes for the time."""
        return time.time_ns() // 1_000_000 + self.offset_ms


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """The program's wall clock, to be moved."""
    made = WallClock()
    monkeypatch.setattr(SystemClock, "wall_ms", lambda clock: made.wall_ms())
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Terminal]]:
    """One session for all jumps."""
    ground = Ground(tmp_path_factory.mktemp("clocks"))
    try:
        ground.robot("alfa")
        yield ground, ground.terminal()
    finally:
        ground.close()


@pytest.fixture
def told(shared: tuple[Ground, Terminal]) -> Iterator[tuple[Ground, Terminal, Wire]]:
    """The exchange, the session with candles, and what it sends from now on."""
    ground, terminal = shared
    terminal.wait_recovered()
    terminal.session.want_candles(BTC, "1m")
    until(lambda: candles_are_right(ground, terminal), 8, "candles")
    with recorded() as sent:
        yield ground, terminal, sent


@pytest.fixture
def local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Another local time, as at the two ends of summer."""
    def change(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


def candles_are_right(ground: Ground, terminal: Terminal) -> bool:
    """The newest candles follow each other by the minute and end with the exchange's."""
    series = terminal.session.board.candles.get((BTC, "1m"))
    if series is None or series.forming is None:
        return False
    times = [candle.time for candle in (*series.closed[-HISTORY_KEPT:], series.forming)]
    now = ground.exchange.truth()["time"]
    return all(later - earlier == MINUTE for earlier, later in pairwise(times)) and 0 <= now - times[-1] < 2 * MINUTE


def trades_on(ground: Ground, terminal: Terminal) -> None:
    """An order is filled, one more rests, the account agrees, candles go on, books are right."""
    name = terminal.place(BUY, "0.01", None, "alfa")
    resting = terminal.place(SELL, "0.01", terminal.far(SELL))
    until(lambda: (ground.status(name), ground.status(resting)) == ("FILLED", "NEW"), 8, "FILLED and NEW")
    until(lambda: candles_are_right(ground, terminal), 8, "candles by the exchange's time")
    ground.check()


@pytest.mark.parametrize("step", [50_000, -50_000], ids=["forward", "back"])
def test_c2_the_wall_clock_is_set_while_running(told: tuple[Ground, Terminal, Wire], wall: WallClock,
                                                step: int) -> None:
    ground, terminal, wire = told

    wall.offset_ms = step

    for _ in range(20):
        assert terminal.is_live(), "a jump of the wall clock is no silence"
        time.sleep(0.05)
    trades_on(ground, terminal)
    assert not wire.refused(), "requests are stamped by the exchange's time"
    until(lambda: abs((terminal.session.board.venues[BTC[:2]].clock_offset_ms or 0) - step) < 2000, 5, "measured anew")


def test_c2_summer_ends(told: tuple[Ground, Terminal, Wire], local_time: Callable[[str], None]) -> None:
    ground, terminal, wire = told
    local_time("UTC-2")
    trades_on(ground, terminal)

    local_time("UTC-1")

    trades_on(ground, terminal)
    assert not wire.refused()


def test_c2_the_machine_slept_for_eight_hours(told: tuple[Ground, Terminal, Wire], wall: WallClock) -> None:
    """The monotonic clock stands still meanwhile; the exchange's and the wall clock do not, connections are dead."""
    ground, terminal, _ = told
    resting = terminal.place(BUY, "0.01", terminal.session.board.tops[BTC].bid - 30, "alfa")
    until(lambda: ground.status(resting) == "NEW", 8, "NEW")
    ground.exchange.fault("mute", stream="private")
    ground.exchange.move(terminal.far(BUY, percent=1))
    ground.exchange.control("clock", offset_ms=8 * HOUR)
    wall.offset_ms = 8 * HOUR

    ground.exchange.fault("cut", code=1006)
    ground.exchange.control("trade", market="Binance", category="linear", symbol="BTCUSDT", side="BUY", qty="0.01")
    ground.calm()

    until(lambda: ground.status(resting) == "FILLED", 20, "the fill of the night")
    terminal.wait_recovered(20)
    trades_on(ground, terminal)
    name = terminal.place(BUY, "0.01", terminal.far())
    until(lambda: ground.status(name) == "NEW", 5, "NEW")


# ---------------------------------------------------------------- C5

def test_c5_somebody_else_uses_the_weight(ground: Ground, wire: Wire) -> None:
    seconds = time.time() % 60
    ground.exchange.control("clock", offset_ms=round((30 - seconds) * 1000))     # the window ends in 30 s
    terminal = ground.terminal()
    venue = terminal.session.venues[0]
    ground.exchange.get("/fapi/v1/time")
    used = int(ground.exchange.answer_headers["x-mbx-used-weight-1m"])
    ground.exchange.fault("weight", used=2280 - used)                            # of 2400: 95 % are used
    terminal.ask(AskNow(terminal.ticket()))                                      # whose answers carry the header
    until(lambda: venue.limiter.usage(time.monotonic()) >= 0.95, 5, "learnt from the header")
    ours = len(wire.sent)
    terminal.ask(AskNow(terminal.ticket()))

    name = terminal.place(BUY, "0.01", terminal.far())
    until(lambda: ground.status(name) == "NEW", 5, "orders weigh nothing and go on")
    assert terminal.cancel(name).ok
    until(lambda: ground.status(name) == "CANCELED", 5, "a cancel may use the last of it")
    questions = [one for one in wire.sent[ours:] if one.method == "GET"]
    assert len(questions) <= 2, f"questions went on: {[one.path for one in questions]}"

    assert not wire.refused()
    if os.environ.get("BOTBOOK_LONG"):
        asked = terminal.view.ledger.agree_time
        until(lambda: terminal.view.ledger.agree_time > asked, 40, "with the next window they are asked")
        assert not wire.refused()
        ground.check()


# ---------------------------------------------------------------- C9

TEST_URL, LIVE_URL = "https://demo-fapi.binance.com", "https://fapi.binance.com"
KEYS = f"API_KEY={'k' * 64}\nAPI_SECRET={'s' * 64}\nTESTNET_API_KEY={'t' * 64}\nTESTNET_API_SECRET={'u' * 64}\n"


@pytest.mark.parametrize(("testnet", "lines", "words"), [
    ("True", f"TESTNET_HTTP_URL={LIVE_URL}", "fapi.binance.com is a live host"),
    ("True", f"TESTNET_INVERSE_HTTP_URL={LIVE_URL}\nINVERSE_SYMBOLS=BTCUSD_PERP", "TESTNET_INVERSE_HTTP_URL"),
    ("False", f"HTTP_URL={TEST_URL}", "HTTP_URL"),
])
def test_c9_keys_of_one_network_against_hosts_of_the_other(tmp_path: Path, testnet: str, lines: str,
                                                           words: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    write_private(home / ".env", f"TESTNET={testnet}\nMARKET_LIST=Binance")
    write_private(home / ".env.Binance", KEYS + lines)
    flags = ["--headless"] if testnet == "True" else ["--headless", "--live"]

    program = Program([str(ROOT / "main.py"), "--home", str(home), *flags])
    try:
        code = program.wait(20)
    finally:
        program.end()

    said = program.text()
    assert code == 3 and words in said, (code, said)
    assert "Traceback" not in said and not any(letter * 64 in said for letter in "kstu")
    assert not list(home.glob("*.db")), "it went on to open a ledger"


# ---------------------------------------------------------------- M22

HOST, STREAM_HOST = "demo-fapi.binance.com", "demo-fstream.binance.com"
LINEAR = ("Binance", Category.LINEAR)
Answer = Callable[[int], list[Any]]


class Resolver:
    """Names lead where the test says; nothing leaves this computer."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.answer: Answer = lambda port: []
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host in ("127.0.0.1", "::1", "localhost", None):
            return list(self._real(host, port, *args, **kwargs))
        self.asked.append(time.monotonic())
        assert host in (HOST, STREAM_HOST), f"{host} was looked up"
        found = self.answer(int(port))
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found


def v4(port: int) -> list[Any]:
    """An answer with this computer's address."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def v6(port: int) -> list[Any]:
    """An answer with an IPv6 address alone."""
    return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """In place of the system's."""
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY",
                 "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One that nobody trusts."""
    return Authority(tmp_path)


class Abroad:
    """A session on the test network's names, at a port of this computer."""

    def __init__(self, home: Path, port: int) -> None:
        home.mkdir(mode=0o700)
        write_private(home / ".env", "TESTNET=True\nMARKET_LIST=Binance")
        write_private(home / ".env.Binance", f"LINEAR_SYMBOLS=BTCUSDT\nTESTNET_HTTP_URL=https://{HOST}:{port}\n"
                      f"TESTNET_WS_URL=wss://{STREAM_HOST}:{port}\n{KEYS}")
        settings = load_settings(home, KnownSecrets(), Mode.TESTNET)
        assert not settings.problems, settings.problems
        self.fatal: list[Exception] = []
        self.session = Session(settings, home, QUICK, self.fatal.append)
        self.session.start()

    def texts(self) -> list[str]:
        """The messages."""
        view = self.session.view()
        return [line.text for line in view.messages] if view else []

    def says(self, words: str) -> bool:
        """Whether the person is told, by the market's line and by one message."""
        state = self.session.board.venues.get(LINEAR)
        return bool(state and words in state.text) and sum(words in text for text in self.texts()) == 1

    def is_dead_quiet(self) -> bool:
        """Nothing of it has died, nothing trades."""
        state = self.session.board.venues.get(LINEAR)
        return not self.session.dead_threads() and not self.fatal and state is not None and (
            state.health is not Health.LIVE) and Key("Binance", Category.LINEAR, "BTCUSDT") not in (
                self.session.board.tops)


@pytest.fixture
def abroad(tmp_path: Path, resolver: Resolver) -> Iterator[Callable[[int], Abroad]]:
    """Starts the session; stops it at the end."""
    made: list[Abroad] = []

    def start(port: int) -> Abroad:
        made.append(Abroad(tmp_path / "home", port))
        return made[-1]

    yield start
    for one in made:
        one.session.stop()


def grows(times: list[float]) -> None:
    """Attempts are not hammered out: not more than a few in a second."""
    per_second = max(sum(start <= at < start + 1 for at in times) for start in times)
    assert per_second <= 25, f"{per_second} attempts within a second"


def test_m22_the_name_is_not_known(resolver: Resolver, abroad: Callable[[int], Abroad]) -> None:
    away = abroad(443)

    until(lambda: away.says("the host's name could not be resolved"), 8, "the sentence")

    time.sleep(1)
    assert away.is_dead_quiet()
    grows(resolver.asked)


def test_m22_only_an_ipv6_address_that_leads_nowhere(resolver: Resolver, abroad: Callable[[int], Abroad]) -> None:
    resolver.answer = v6
    away = abroad(9)            # nobody listens there, or this computer has no IPv6

    until(lambda: away.says("no connection (refused or unreachable)"), 8, "the sentence")

    assert away.is_dead_quiet()


def test_m22_a_portal_with_a_certificate_of_its_own(resolver: Resolver, abroad: Callable[[int], Abroad],
                                                     authority: Authority) -> None:
    resolver.answer = v4
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n<html>log in</html"
    with serving(authority.server("portal", "portal.example"), page) as (port, heard):
        away = abroad(port)

        until(lambda: away.says("the server's certificate is not trusted"), 8, "the sentence")

        assert away.is_dead_quiet()
        away.session.stop()
    assert not heard, "a request left for the portal"


class Proxy:
    """An HTTP proxy that answers every CONNECT with `answer`; with 200 it goes on as `then` does."""

    def __init__(self, answer: bytes, then: Callable[[socket.socket], None] = lambda line: None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked: list[bytes] = []
        self.times: list[float] = []
        self._answer, self._then = answer, then
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            with line:
                line.settimeout(2)
                try:
                    self.asked.append(line.recv(4096))
                    line.sendall(self._answer)
                    self._then(line)
                except OSError:
                    continue

    def close(self) -> None:
        """End it."""
        self._listener.close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, resolver: Resolver) -> Iterator[Callable[..., Proxy]]:
    """Starts a proxy and makes it the system's."""
    made: list[Proxy] = []

    def start(answer: bytes, then: Callable[[socket.socket], None] = lambda line: None) -> Proxy:
        made.append(Proxy(answer, then))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{made[-1].port}")
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_m22_a_proxy_that_wants_a_password(proxy: Callable[..., Proxy], abroad: Callable[[int], Abroad]) -> None:
    wants = proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    away = abroad(443)

    until(lambda: away.says("the proxy does not let us through"), 8, "the sentence")

    time.sleep(1)
    assert away.is_dead_quiet()
    assert all(asked.startswith(b"CONNECT ") for asked in wants.asked), "more than the host's name was told"
    assert not any(b"k" * 64 in asked or b"t" * 64 in asked for asked in wants.asked)
    grows(wants.times)


def test_m22_a_proxy_that_listens_in(proxy: Callable[..., Proxy], abroad: Callable[[int], Abroad],
                                     authority: Authority) -> None:
    context, heard = authority.server("proxy", "portal.example"), list[bytes]()

    def listen_in(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as inside:
            heard.append(inside.recv(4096))

    proxy(b"HTTP/1.1 200 Connection established\r\n\r\n", listen_in)
    away = abroad(443)

    until(lambda: away.says("the server's certificate is not trusted"), 8, "the sentence")

    assert away.is_dead_quiet() and not heard
