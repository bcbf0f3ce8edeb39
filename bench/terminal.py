"""The terminal without a window, put together as `session.build` does, with an eye on every published view."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import frames
from connectors import VenueConfig, VenueParts
from connectors.binance.venue import Binance
from core.board import Board
from core.clock import SystemClock
from core.errors import TerminalError
from core.secrets import Credentials, KnownSecrets
from db.store import Store
from engine.bots import BotParts, Bots
from engine.commands import Command
from engine.loop import Engine
from engine.parts import EngineParts
from engine.view import View
from models import Category, Health, Key, Mode, Timings
from strategies.loader import Loader

KEY = Key("Binance", Category.LINEAR, frames.SYMBOL)


class WatchedEngine(Engine):
    """Tells of every view at the moment it can be seen."""

    on_view: Callable[[View, int], None] | None = None
    _view: View | None = None

    @property
    def view(self) -> View | None:
        """The newest view."""
        return self._view

    @view.setter
    def view(self, view: View | None) -> None:
        self._view = view
        if self.on_view is not None and view is not None:
            self.on_view(view, time.monotonic_ns())


class Terminal:
    """Engine, ledger, bots and connector against the venue at a port."""

    def __init__(self, home: Path, port: int, robots: Callable[[Path], None] = lambda path: None,
                 on_view: Callable[[View, int], None] | None = None) -> None:
        sys.setswitchinterval(0.001)       # as main does
        self.failures: list[str] = []
        self.board = Board()
        self.ledger = home / "sim.db"
        clock, timings, known = SystemClock(), Timings(), KnownSecrets()
        loader = Loader(home / "strategies")
        store = Store.sqlite(self.ledger)
        store.prepare(Mode.SIM.value)
        robots(self.ledger)
        self.engine = WatchedEngine(EngineParts(
            store, self.board, clock, timings, Mode.SIM, home / "history.ini", (KEY,),
            lambda: tuple(info.name for info in loader.scan()), self._fatal, self._died))
        self.engine.on_view = on_view
        self.bots = Bots(BotParts(
            self.engine.ask, lambda emi, reason: self.failures.append(f"{emi}: {reason}"),
            lambda key, timeframe: self.venue.want_candles(key, timeframe), self.engine.post, self.board, clock,
            timings, loader))
        self.venue = Binance(
            VenueConfig(Category.LINEAR, "Binance-F", f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/public",
                        f"ws://127.0.0.1:{port}/market", f"ws://127.0.0.1:{port}/private", (frames.SYMBOL,)),
            VenueParts(self.board, self.engine.post, self.bots.on_candle, self._died, clock, timings,
                       Credentials("bench-key", "bench-secret", known), known))
        self.engine.attach((self.venue,), self.bots)

    def start(self) -> None:
        """Start, and wait until it has recovered and shows a live book."""
        self.engine.start()
        self.venue.start()
        self.venue.want_candles(KEY, "1m")
        self.until(self._is_live, "a live book and a finished recovery")

    def _is_live(self) -> bool:
        view, book = self.engine.view, self.board.books.get(KEY)
        state = self.board.venues.get((KEY.market, KEY.category))
        return bool(view and view.recovered and book and book.live and state and state.health is Health.LIVE)

    def until(self, met: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Wait for something, at most so long."""
        end = time.monotonic() + seconds
        while not met():
            if time.monotonic() > end or self.failures:
                view = self.engine.view
                said = [*self.failures, *(line.text for line in (view.messages if view else ())[:5])]
                raise RuntimeError(f"waited for {what}; {'; '.join(said)}")
            time.sleep(0.01)

    def ask(self, command: Command) -> None:
        """A command whose answer must be yes."""
        verdict = self.engine.ask(command, 5.0)
        if verdict is None or not verdict.ok:
            reason = verdict.refusal.text if verdict and verdict.refusal else "no answer"
            raise RuntimeError(f"{type(command).__name__} was refused: {reason}")

    def stop(self) -> None:
        """End all threads."""
        self.bots.stop()
        self.venue.stop()
        self.venue.join(5)
        self.engine.stop()
        self.engine.join(5)

    def _fatal(self, error: TerminalError) -> None:
        self.failures.append(str(error))

    def _died(self, name: str, error: BaseException) -> None:
        self.failures.append(f"{name}: {error!r}")
