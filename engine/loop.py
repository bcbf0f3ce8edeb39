"""The engine thread: hands what is in its inbox to the bookkeeper, message by message, and publishes views."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue

from connectors.venue import Venue
from core.errors import TerminalError
from core.worker import Worker
from engine.bookkeeper import Bookkeeper
from engine.bots import Bots
from engine.commands import Command, Verdict
from engine.core import Core
from engine.lines import Lines
from engine.parts import EngineParts, Message, Reply
from engine.products import Exchange
from engine.sights import Sights
from engine.stops import Stops
from engine.view import View

Letter = Message | Exchange       # what the inbox holds

BATCH = 200                   # messages between two looks at the clock
SOONER = 0.9                  # of the time between views an order event need not wait, though more messages do


class Engine:
    """Owner of orders, positions and the ledger. `post` and `ask` may be called from any thread."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._sights = Sights(parts.board, parts.clock)
        self._core = Core(parts.timings, self._sights.multiplier)
        stops = None if parts.stop_loss is None else Stops(parts.stop_loss, self._sights.plain)
        self._books = Bookkeeper(parts, self._core, self._sights, stops)
        self._lines = Lines(parts.mode, parts.board.instruments.get, self._sights.quantity, stops)
        self._inbox: SimpleQueue[tuple[Letter | None, Reply | None]] = SimpleQueue()
        self._tick_at = 0.0
        self._view_at = 0.0
        self._worker = Worker("engine", self._run, parts.on_death)
        self.view: View | None = None

    # ------------------------------------------------------------ for other threads

    def attach(self, venues: tuple[Venue, ...], bots: Bots) -> None:
        """Hand over the venues and the bots; before `start`."""
        self._books.products.attach(venues)
        self._books.crew.bots = bots

    def start(self) -> None:
        """Start the engine thread."""
        self._worker.start()

    def post(self, message: Message, reply: Reply | None = None) -> None:
        """Put a message into the inbox; never blocks. `reply` hears the verdict, on the engine's thread."""
        self._inbox.put((message, reply))

    def ask(self, command: Command, timeout: float) -> Verdict | None:
        """Put a command into the inbox and wait for the local verdict, at most `timeout` seconds."""
        answered = threading.Event()
        answers: list[Verdict] = []

        def reply(verdict: Verdict) -> None:
            answers.append(verdict)
            answered.set()

        self._inbox.put((command, reply))
        return answers[0] if answered.wait(timeout) else None

    def exchange(self, asked: Exchange, timeout: float) -> str:
        """Put another venue in place of a product's; "" when done, else why everything stays as it is."""
        self._inbox.put((asked, None))
        if asked.answered.wait(timeout):
            return asked.refusal
        asked.withdrawn = True
        return "the engine does not answer: everything stays as it is"

    def stop(self) -> None:
        """Drain the inbox, close the database, end."""
        self._worker.stop()
        self._inbox.put((None, None))

    def join(self, timeout: float) -> bool:
        """Wait for the end; False when it still runs."""
        return self._worker.join(timeout)

    @property
    def is_alive(self) -> bool:
        """Whether the engine thread runs."""
        return self._worker.is_alive

    @property
    def is_comparing(self) -> bool:
        """Whether a difference with the venue is being read again before it is shown."""
        return any(d.stage < 2 for d in list(self._core.state.differences.values()))

    # ------------------------------------------------------------ the thread

    def _run(self, stop: threading.Event) -> None:
        state = self._core.state
        try:
            while True:
                has_begun = self._books.begin()
                self._publish()
                if has_begun or stop.wait(self._parts.timings.db_retry):
                    break
            while not stop.is_set():
                self._turn()
            while True:                               # what came before the end is still booked
                try:
                    message, reply = self._inbox.get_nowait()
                except Empty:
                    break
                if message is not None:
                    self._books.take(message, reply)
            self._books.follow_cursors(always=True)
            self._publish()
        except TerminalError as error:
            state.database_problem = str(error)
            self._parts.on_fatal(error)
        finally:
            self._parts.store.close()

    def _turn(self) -> None:
        timings, books = self._parts.timings, self._books
        wait = max(0.0, min(self._tick_at, self._view_at if books.is_news else self._tick_at) - time.monotonic())
        try:
            message, reply = self._inbox.get(timeout=min(wait, 0.2)) if wait > 0 else self._inbox.get_nowait()
            for _ in range(BATCH):
                if message is not None:
                    books.take(message, reply)
                if books.is_urgent and time.monotonic() - self._view_at > -timings.view * SOONER:
                    self._publish()
                message, reply = self._inbox.get_nowait()
        except Empty:
            pass
        now = time.monotonic()
        if now >= self._tick_at:
            books.tick()
            self._tick_at = now + min(0.5, timings.ask_unknown / 4)
        if books.is_urgent or (books.is_news and now >= self._view_at):
            self._publish()
        if self._parts.store.wants_folding and self._inbox.empty():
            self._parts.store.fold()

    def _publish(self) -> None:
        books = self._books
        self.view = self._lines.view(self._core.state, books.ledger(), self._sights.now(), books.crew.stuck())
        self._view_at = time.monotonic() + self._parts.timings.view
        books.is_news = books.is_urgent = False
