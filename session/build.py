"""Settings → a running session: store, board, engine, venues, bots; and their end in the right order (journey E)."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from connectors.venue import Venue, VenueParts
from core.board import Board
from core.clock import SystemClock
from core.errors import TerminalError
from core.secrets import KnownSecrets
from core.settings import MysqlSettings, Settings
from db.dialects import MySqlAddress
from db.store import Store
from engine.bots import BotParts, Bots
from engine.commands import AskNow, CancelAll, Command, KillSwitch, Recover, SetBot, SetTrading, Verdict
from engine.loop import Engine
from engine.parts import EngineParts
from engine.view import View
from models import BotState, Health, Key, Notice, Timings
from session.child import Child
from session.reload import Reload
from session.venues import Venues, plans
from strategies.loader import Loader

log = logging.getLogger(__name__)

BACKUPS = "backups"      # folder in the home


def open_store(settings: Settings, home: Path | None = None) -> Store:
    """The ledger of this mode, ready to use. Raises LedgerError (exit 5)."""
    database = settings.database
    if isinstance(database, MysqlSettings):
        store = Store.mysql(MySqlAddress(database.host, database.port, database.user, database.database,
                                         database.socket), database.password.reveal(),
                            copies=home / BACKUPS if home is not None else None)
    else:
        store = Store.sqlite(database.path)
    store.prepare(settings.mode.value)
    return store


class Session:
    """Everything that runs behind the window."""

    def __init__(self, settings: Settings, home: Path, timings: Timings,
                 on_fatal: Callable[[TerminalError], None], child: Child | None = None,
                 known: KnownSecrets | None = None, reread: Callable[[], Settings] | None = None,
                 confirmed: tuple[str, ...] = ()) -> None:
        """`reread` reads the settings again, for F3; without it F3 only reconnects. `confirmed`: ids of LIVE accounts
        typed on the command line."""
        self._settings, self.home, self.timings = settings, home, timings
        self.board = Board()
        self.child = child
        self._dead: list[str] = []
        self._tickets = itertools.count(1)
        self._is_stopping = False
        self._loader = Loader(home / "strategies")
        clock = SystemClock()
        keys = tuple(Key(market.name, product.category, symbol) for market in settings.markets
                     for product in market.products for symbol in product.symbols)
        self.engine = Engine(EngineParts(
            store=open_store(settings, home), board=self.board, clock=clock, timings=timings, mode=settings.mode,
            history=home / "history.ini", configured=keys,
            strategies=self._scan_strategies,
            on_fatal=on_fatal, on_death=self.thread_died, confirmed=confirmed,
            stop_loss=self._loader.stop_loss if settings.general.stop_at_venue else None))
        self.bots = Bots(BotParts(
            place=lambda command, timeout: self.engine.ask(command, timeout), suspend=self._suspend,
            want_candles=self.want_candles, note=self.engine.post, board=self.board, clock=clock, timings=timings,
            loader=self._loader))
        self._venues = Venues(VenueParts(
            board=self.board, sink=self.engine.post, on_candle=self.bots.on_candle, on_death=self.thread_died,
            clock=clock, timings=timings, credentials=None, known=known))
        for plan in plans(settings).values():
            self._venues.add(plan)
        self.engine.attach(self.venues, self.bots)
        self._reload = Reload(settings, reread, self._venues, self.engine, self.board, timings) if reread else None

    @property
    def venues(self) -> tuple[Venue, ...]:
        """Every product's venue, as it is now."""
        return self._venues.all

    @property
    def settings(self) -> Settings:
        """What counts now: what it was built from, or what F3 has taken since."""
        return self._reload.settings if self._reload is not None else self._settings

    # ------------------------------------------------------------ what the window and the command line use

    def start(self) -> None:
        """Start engine and venues; returns at once."""
        self.engine.start()
        for notice in self.settings.notices:
            self.engine.post(Notice("", notice, "warning"))
        for venue in self.venues:
            self._venues.start(venue)

    def view(self) -> View | None:
        """The engine's latest view."""
        return self.engine.view

    def post(self, command: Command, reply: Callable[[Verdict], None] | None = None) -> None:
        """Hand a command to the engine; `reply` hears the verdict, on its thread. The kill switch goes to the venues
        directly as well; F3 reads the settings first."""
        if isinstance(command, Recover) and self._reload is not None:
            self._reload.recover(command, reply)
            return
        self.engine.post(command, reply)
        if isinstance(command, KillSwitch) or (not self.engine.is_alive and isinstance(command, CancelAll)):
            self._venues.cancel_directly(lambda: self.engine.post(AskNow(f"after-kill-{time.monotonic_ns()}")))

    def want_candles(self, key: Key, timeframe: str) -> None:
        """Load and stream candles of this timeframe."""
        self._venues.want_candles(key, timeframe)

    def wrong_setting(self) -> str:
        """The first setting that an exchange has shown to be wrong, with its file; "" = none so far."""
        found = ((venue, wrong) for venue in self.venues if (wrong := venue.wrong_setting()))
        return next((f".env.{venue.market} {wrong}" for venue, wrong in found), "")

    def is_live(self) -> bool:
        """Whether every market is connected."""
        states = [self.board.venues.get((venue.market, venue.config.category)) for venue in self.venues]
        return all(state is not None and state.health is Health.LIVE for state in states)

    def running(self) -> str:
        """What trades on which accounts, once every market has recovered or is off for good; "" before."""
        view, parts = self.engine.view, []
        for venue in self.venues:
            state = self.board.venues.get((venue.market, venue.config.category))
            if view is None or state is None:
                return ""
            if state.health is Health.OFF:
                parts.append(f"{state.title} off")
            elif state.health is not Health.LIVE or (
                    state.has_keys and (venue.market, venue.config.category) not in view.recovered):
                return ""
            else:
                parts.append(f"{state.title} {f'account {state.account}' if state.has_keys else 'prices only'}")
        if view is None or not parts:
            return ""
        bots = sum(bot.status == BotState.WORK.value for bot in view.bots)
        return (f"{view.mode.value} runs on {', '.join(parts)}; {bots} bot{'s' if bots != 1 else ''} on WORK, trading "
                f"{'ON' if view.trading else 'OFF'}")

    def is_deciding(self) -> bool:
        """Whether the engine's thread lives."""
        return self.engine.is_alive

    def markets(self) -> tuple[str, ...]:
        """The markets of this session."""
        return tuple(dict.fromkeys(venue.market for venue in self.venues))

    def dead_threads(self) -> tuple[str, ...]:
        """Names of threads that died."""
        return tuple(self._dead)

    def ticket(self) -> str:
        """A ticket of the program's own commands."""
        return f"main-{next(self._tickets)}"

    def say(self, text: str, level: str = "info") -> None:
        """A line for the Messages panel."""
        self.engine.post(Notice("", text, level))

    def trade(self, on: bool) -> None:
        """F9, from the command line."""
        self.engine.post(SetTrading(self.ticket(), on))

    def _scan_strategies(self) -> tuple[str, ...]:
        infos = self._loader.scan()
        for info in infos:
            if info.error:
                self.engine.post(Notice("", f"strategy {info.name}: {info.error}", "warning"))
        return tuple(info.name for info in infos)

    def _suspend(self, emi: str, reason: str) -> None:
        self.engine.post(SetBot(f"suspend-{emi}-{time.monotonic_ns()}", emi, BotState.SUSPENDED, reason))

    def thread_died(self, name: str, error: BaseException) -> None:
        """On the dying thread: the window and the log say so."""
        self._dead.append(name)
        self.engine.post(Notice("", f"Stopped: {name} thread ({type(error).__name__}). Orders rest at the venue. "
                                    "Restart recovers.", "error"))

    # ------------------------------------------------------------ the end

    def stop(self, cancel_all: bool = False) -> None:
        """Bots told, no new orders, requests in flight answered, streams closed, inbox drained, database closed."""
        if self._is_stopping:
            return
        self._is_stopping = True
        if self._reload is not None:
            self._reload.stop(0.2)
        until = time.monotonic() + self.timings.stop
        self.bots.stop()
        self.engine.post(SetTrading(self.ticket(), False))
        if cancel_all:
            self.engine.post(CancelAll(self.ticket()))
            self._wait_for_cancels(self.timings.stop * 0.3)
        for venue in self.venues:
            venue.stop()
        for venue in self.venues:
            still = venue.join(max(0.1, min(self.timings.stop_requests, until - time.monotonic() - 1.5)))
            if still:
                log.warning("still running at the end: %s", ", ".join(still))
        self.engine.stop()
        if not self.engine.join(max(0.3, until - time.monotonic() - 0.7)):
            log.error("the engine did not end in time; the next start recovers")
        self.bots.join(0.1)
        if self.child is not None:
            self.child.stop(max(0.2, until - time.monotonic()))

    def _wait_for_cancels(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        pause = threading.Event()
        pause.wait(min(0.1, seconds))
        while time.monotonic() < until:
            view = self.engine.view
            if view is None or not view.orders:
                return
            pause.wait(0.02)


