"""The real engine thread on a real SQLite file, with a venue and bots that only remember what they were told."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, cast

from connectors.venue import Cancelled, Venue, VenueConfig
from core.board import Board
from core.clock import SystemClock
from core.errors import TerminalError
from db.store import Store
from engine.bots import Bots
from engine.commands import Command, PlaceOrder, Verdict
from engine.loop import Engine
from engine.parts import EngineParts
from engine.view import View
from models import (
    AccountSnapshot,
    Ack,
    Book,
    BotPosition,
    CancelOrder,
    Category,
    Health,
    HistoryPage,
    Key,
    Mode,
    OrdStatus,
    Request,
    Robot,
    SubmitOrder,
    Ticker,
    Timings,
    Top,
    VenueMessage,
    VenueState,
)
from tests.support.build import ACCOUNT, BTC, instrument, place, report, venue_up

LIMIT_S = 10.0
STRATEGIES = ("ma_cross", "technical")
ROBOT = ("INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, SORT, TIMEFR, CAPITAL, MARGIN, STRATEGY) "
         "VALUES ('{}', '{}', 'linear', 'Binance', 1, {}, 1, 0, '{}')")
_Found = TypeVar("_Found")


def until(condition: Callable[[], _Found], limit_s: float = LIMIT_S) -> _Found:
    """The first true value of `condition`; fails when the time is over."""
    end = time.monotonic() + limit_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


class StubVenue(Venue):
    """Remembers requests, and what the ledger held of an order at the moment its request came."""

    market = "Binance"

    def __init__(self, ledger: Path) -> None:
        self.config = VenueConfig(Category.LINEAR, "Binance-F", "", "", "", "", ("BTCUSDT",))
        self.requests: list[Request] = []
        self.written_before: list[tuple[str, str]] = []
        self.watched: list[tuple[Key, bool]] = []
        self.reconnects = 0
        self._ledger = ledger

    def start(self) -> None:
        """Nothing runs here."""

    def stop(self) -> None:
        """Nothing runs here."""

    def join(self, timeout: float) -> tuple[str, ...]:
        """Nothing runs here."""
        return ()

    def post(self, request: Request) -> None:
        """Remember it."""
        if isinstance(request, SubmitOrder):
            with sqlite3.connect(self._ledger) as seen:
                self.written_before += seen.execute("SELECT NAME, STATUS FROM orders WHERE NAME = ?",
                                                    (request.cl_ord_id,)).fetchall()
        self.requests.append(request)

    def reconnect(self) -> None:
        """Count it."""
        self.reconnects += 1

    def watch(self, key: Key) -> None:
        """Remember it."""
        self.watched.append((key, True))

    def unwatch(self, key: Key) -> None:
        """Remember it."""
        self.watched.append((key, False))

    def want_candles(self, key: Key, timeframe: str) -> None:
        """No candles here."""

    def cancel_everything(self) -> Cancelled:
        """Nothing to cancel."""
        return Cancelled(0, 0)


class StubBots:
    """Remembers what the engine told the bots."""

    def __init__(self) -> None:
        self.rows: tuple[Robot, ...] = ()
        self.trading = False
        self.positions: dict[str, BotPosition] = {}
        self.problems: dict[str, str] = {}

    def sync(self, robots: tuple[Robot, ...]) -> dict[str, str]:
        """Take the rows; some cannot run."""
        self.rows = robots
        return {emi: why for emi, why in self.problems.items() if emi in {r.emi for r in robots}}

    def problem(self, row: Robot) -> str:
        """Why its strategy cannot run."""
        return self.problems.get(row.emi, "")

    def set_trading(self, on: bool) -> None:
        """F9 and the database."""
        self.trading = on

    def publish(self, emi: str, position: BotPosition) -> None:
        """A bot's own book."""
        self.positions[emi] = position

    def stuck(self) -> tuple[str, ...]:
        """No strategy hangs."""
        return ()


class Desk:
    """An engine that runs, and everything around it."""

    def __init__(self, folder: Path, mode: Mode = Mode.SIM, confirmed: tuple[str, ...] = ()) -> None:
        """`confirmed`: account ids typed on the command line."""
        self.ledger, self.history = folder / "sim.db", folder / "history.ini"
        self.board, self.bots = Board(), StubBots()
        self.venue = StubVenue(self.ledger)
        self.fatal: list[TerminalError] = []
        self.died: list[BaseException] = []
        self.strategies = STRATEGIES
        store = Store.sqlite(self.ledger)
        store.prepare(mode.value)
        self.engine = Engine(EngineParts(
            store=store, board=self.board, clock=SystemClock(), timings=Timings.quick(), mode=mode,
            history=self.history, configured=(BTC,), strategies=lambda: self.strategies,
            confirmed=confirmed,
            on_fatal=self.fatal.append, on_death=lambda name, error: self.died.append(error)))
        self.engine.attach((self.venue,), cast(Bots, self.bots))
        self._fill_board()

    def _fill_board(self) -> None:
        now, one = time.monotonic(), Decimal(1)
        bid, ask = Decimal("49999.9"), Decimal("50000.1")
        self.board.instruments[BTC] = instrument()
        self.board.books[BTC] = Book(((bid, one),), ((ask, one),), 0, now, True)
        self.board.tops[BTC] = Top(bid, one, ask, one, 0, now)
        self.board.tickers[BTC] = Ticker(mark=Decimal(50000))
        self.board.venues[("Binance", Category.LINEAR)] = VenueState(
            "Binance", Category.LINEAR, "Binance-F", Health.LIVE, account=ACCOUNT, has_keys=True)

    def run(self, recover: bool = True) -> Desk:
        """Start the thread and take the venue through its recovery."""
        self.engine.start()
        if recover:
            self.recover()
        return self

    def recover(self, *pages: HistoryPage) -> None:
        """The venue comes up: nothing open, these pages of history."""
        self.post(venue_up())
        now = int(time.time() * 1000)
        self.post(AccountSnapshot("Binance", Category.LINEAR, ACCOUNT, now, (), (), ()))
        for page in pages or (HistoryPage(BTC, ACCOUNT, (), True, now, 0, "recovery"),):
            self.post(page)
        until(lambda: self.view.recovered)

    def end(self) -> None:
        """Stop and wait."""
        self.engine.stop()
        assert self.engine.join(LIMIT_S)
        assert not self.died, self.died

    @property
    def view(self) -> View:
        """The newest view."""
        view = until(lambda: self.engine.view)
        assert view is not None
        return view

    def post(self, message: Command | VenueMessage) -> None:
        """Into the inbox."""
        self.engine.post(message)

    def ask(self, command: Command) -> Verdict:
        """The verdict; there must be one."""
        verdict = self.engine.ask(command, LIMIT_S)
        assert verdict is not None
        return verdict

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """What the database holds, seen by another program."""
        with sqlite3.connect(self.ledger, timeout=5) as seen:
            return seen.execute(statement).fetchall()

    def asked(self, kind: type[Request]) -> list[Request]:
        """Requests of one kind so far."""
        return [request for request in list(self.venue.requests) if isinstance(request, kind)]

    def cancelled(self) -> list[str]:
        """Client ids of the cancels sent."""
        return [request.cl_ord_id for request in self.asked(CancelOrder) if isinstance(request, CancelOrder)]

    def back(self) -> None:
        """Wait until the engine has seen that the database was away, and that it is there."""
        until(lambda: self.said("the ledger can write again"))
        until(lambda: self.view.ledger.ok and not self.view.ledger.queued)

    def said(self, words: str) -> bool:
        """Whether a message holds these words."""
        return any(words in line.text for line in self.view.messages)


def write_robot(desk: Desk, emi: str, symbol: str = "BTCUSDT", timefr: int = 1, strategy: str = "ma_cross") -> None:
    """Type a row of `robots`."""
    desk.sql(ROBOT.format(emi, symbol, timefr, strategy))


def resting(desk: Desk, command: PlaceOrder | None = None) -> str:
    """An order by hand that the venue has taken."""
    name = desk.ask(command or place(qty="10")).cl_ord_id
    until(lambda: any(r.cl_ord_id == name for r in desk.asked(SubmitOrder) if isinstance(r, SubmitOrder)))
    request = next(r for r in desk.asked(SubmitOrder) if isinstance(r, SubmitOrder) and r.cl_ord_id == name)
    now = int(time.time() * 1000)
    desk.post(Ack(request, report(OrdStatus.NEW, name, order_id=f"v{name}", price="49000", time=now)))
    until(lambda: any(line.id == name and line.status is OrdStatus.NEW for line in desk.view.orders))
    return name


class Lock:
    """Another program that holds the database."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        self._connection.execute("BEGIN EXCLUSIVE")

    def write(self, statement: str) -> None:
        """What the other program does meanwhile."""
        self._connection.execute(statement)

    def release(self) -> None:
        """Let go."""
        self._connection.execute("COMMIT")
        self._connection.close()
