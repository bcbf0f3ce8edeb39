"""The engine thread: inbox → decide → commit → apply → requests, bots, view. It alone writes the ledger.

While the database is away nothing new is decided: facts wait in their order, orders are refused, and what lowers risk
(cancels, kill switch, trading OFF) goes out all the same. When it is back, memory is read from it anew, so a commit
whose outcome was not known is settled by what is there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue

from connectors.venue import Venue
from core.board import Board
from core.clock import Clock
from core.dates import day_start
from core.errors import AlreadyRunning, LedgerError, TerminalError
from core.rows import CounterRow, CursorRow, RobotAdded, RobotRemoved, RobotRenamed, RobotState, Row, WatchRow
from core.titles import named
from core.worker import Worker
from db.store import Store, StoreAway
from engine.accounts import Accounts
from engine.asking import ORDER_NUMBER, refuse
from engine.bot_actions import concerned
from engine.bots import Bots
from engine.commands import (
    BotAction,
    Cancel,
    CancelAll,
    ChangeLeverage,
    Command,
    ConfirmAccount,
    KillSwitch,
    MoveOrder,
    PlaceOrder,
    Recover,
    SetBot,
    SetTrading,
    TakeOver,
    Verdict,
    Watch,
)
from engine.core import Core
from engine.crew import Crew
from engine.days import KEPT_MS, Days, net_values
from engine.history_file import HistoryFile
from engine.lines import Lines
from engine.products import Exchange, Products
from engine.sights import Sights
from engine.state import Decision, Now
from engine.stops import Stops
from engine.view import LedgerState, View
from models import (
    Ack,
    Execution,
    Funding,
    HistoryPage,
    Key,
    Mode,
    MoneyPage,
    Movement,
    Notice,
    OrderReport,
    Reject,
    Robot,
    Silence,
    Timings,
    VenueMessage,
    VenueUp,
)

log = logging.getLogger(__name__)

WAITING_MOST = 100_000        # messages kept while the database is away; beyond, history brings them again
BATCH = 200                   # messages between two looks at the clock
SOONER = 0.9                  # of the time between views an order event need not wait, though more messages do
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}
_LOWERS_RISK = (Cancel, CancelAll, KillSwitch)
_NOW_OR_NEVER = PlaceOrder | MoveOrder | TakeOver | Watch | BotAction      # refused while the database is away

Message = Command | VenueMessage
Letter = Message | Exchange       # what the inbox holds
Reply = Callable[[Verdict], None]


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What main hands the engine."""

    store: Store
    board: Board
    clock: Clock
    timings: Timings
    mode: Mode
    history: Path                                     # history.ini in the home folder
    configured: tuple[Key, ...]
    strategies: Callable[[], tuple[str, ...]]         # looks for strategy files anew; their names
    on_fatal: Callable[[TerminalError], None]         # the session cannot go on (second copy, foreign database)
    on_death: Callable[[str, BaseException], None]
    confirmed: tuple[str, ...] = ()                   # ids of LIVE accounts typed on the command line
    stop_loss: Callable[[Robot], Decimal] | None = None   # kept at the venue, in percent of the entry; None: not there


class Engine:
    """Owner of orders, positions and the ledger. `post` and `ask` may be called from any thread."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._sights = Sights(parts.board, parts.clock)
        self._core = Core(parts.timings, self._sights.multiplier)
        self._crew = Crew(self._core, parts.store, parts.strategies, parts.board.instruments.get)
        self._history = HistoryFile(parts.history)
        self._accounts = Accounts(self._core, parts.store, self._history)
        self._inbox: SimpleQueue[tuple[Letter | None, Reply | None]] = SimpleQueue()
        self._products = Products(self._core, self._accounts, parts.configured)
        self._waiting: deque[tuple[Message, Reply | None]] = deque()
        self._overflow = False
        self._retry_at = 0.0
        self._commit_ms = 0.0
        self._days = Days()
        self._tick_at = 0.0
        self._view_at = 0.0
        self._dirty = True
        self._urgent = False
        self._stops = None if parts.stop_loss is None else Stops(parts.stop_loss, self._sights.plain)
        self._lines = Lines(parts.mode, self._sights.known, self._sights.quantity, self._stops)
        self._worker = Worker("engine", self._run, parts.on_death)
        self.view: View | None = None

    # ------------------------------------------------------------ for other threads

    def attach(self, venues: tuple[Venue, ...], bots: Bots) -> None:
        """Hand over the venues and the bots; before `start`."""
        self._products.attach(venues)
        self._crew.bots = bots

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
            while not self._begin() and not stop.wait(self._parts.timings.db_retry):
                pass
            while not stop.is_set():
                self._turn()
            while True:                               # what came before the end is still booked
                try:
                    message, reply = self._inbox.get_nowait()
                except Empty:
                    break
                if message is not None:
                    self._take(message, reply)
            self._follow_cursors(always=True)
            self._publish()
        except TerminalError as error:
            state.database_problem = str(error)
            self._parts.on_fatal(error)
        finally:
            self._parts.store.close()

    def _begin(self) -> bool:
        """Read what a session begins with; False while the database is away."""
        state = self._core.state
        try:
            self._read_ledger()
        except StoreAway as error:
            state.database_problem = str(error)
            self._publish()
            return False
        state.database_problem = ""
        self._publish()
        return True

    def _read_ledger(self) -> None:
        now = self._sights.now()
        core, parts = self._core, self._parts
        watched = parts.store.watchlist()
        core.configure(self._products.configured, watched)
        for key in core.state.watched:
            self._products.watch(key, True)
        core.state.number = parts.store.counters().get(ORDER_NUMBER, 0)
        core.state.day = day_start(now.wall)
        for warning in self._history.read(now.wall):
            self._note("", warning, "warning")
        self._load_bots()

    def _turn(self) -> None:
        timings = self._parts.timings
        wait = max(0.0, min(self._tick_at, self._view_at if self._dirty else self._tick_at) - time.monotonic())
        try:
            message, reply = self._inbox.get(timeout=min(wait, 0.2)) if wait > 0 else self._inbox.get_nowait()
            for _ in range(BATCH):
                if message is not None:
                    self._take(message, reply)
                if self._urgent and time.monotonic() - self._view_at > -timings.view * SOONER:
                    self._publish()
                message, reply = self._inbox.get_nowait()
        except Empty:
            pass
        now = time.monotonic()
        if now >= self._tick_at:
            self._tick()
            self._tick_at = now + min(0.5, timings.ask_unknown / 4)
        if self._urgent or (self._dirty and now >= self._view_at):
            self._publish()
        if self._parts.store.wants_folding and self._inbox.empty():
            self._parts.store.fold()

    def _tick(self) -> None:
        state = self._core.state
        if state.database_problem:
            if time.monotonic() >= self._retry_at:
                self._try_again()
            return
        now = self._sights.now()
        if not self._parts.store.is_there():
            self._away("the database file is gone", None, None)
            return
        today = day_start(now.venue)
        if today > state.day:
            self._core.new_day(today)
        self._core.prune(now)
        decision = self._core.tick(now, self._stops)
        self._carry_out(decision, now, None, None)
        self._follow_cursors()
        self._write_days(now)
        self._dirty = True

    def _write_days(self, now: Now) -> None:
        """Once a minute: what each owner's books are worth. Facts are not touched, so a failure costs a minute only."""
        state, days, store = self._core.state, self._days, self._parts.store
        if state.database_problem or not days.is_due(now.venue):
            return
        caught_up = {venue.id for venue in state.venues.values() if venue.recovered}
        books = [row for row in state.books.values() if row.key[:2] in caught_up]
        rows = days.rows(net_values(books, self._sights.multiplier, self._sights.top), now.venue)
        try:
            if rows:
                store.write(rows)
            if days.wants_pruning(now.venue):
                store.forget_minutes(now.venue - KEPT_MS)
        except StoreAway as error:
            days.forget()
            self._away(str(error), None, None)

    # ------------------------------------------------------------ one message

    def _take(self, message: Letter, reply: Reply | None) -> None:
        """One message, and what hangs on it."""
        self._dirty = True
        if isinstance(message, Exchange):
            self._exchange(message)
            return
        if self._core.state.database_problem and not self._may_pass(message):
            self._keep_for_later(message, reply)
            return
        if self._accounts.is_early(message):
            return
        try:
            if isinstance(message, VenueUp):
                self._adopt(message)
            elif isinstance(message, Recover):
                self._recover(message)
            elif isinstance(message, HistoryPage | MoneyPage):
                done = 0
                for fact in _facts_of(message):
                    if self._core.state.database_problem:
                        break
                    self._decide(fact, None)
                    done += 1
                if self._core.state.database_problem:
                    self._keep_for_later(_rest_of(message, done), reply)
                    return
            self._decide(message, reply)
            if isinstance(message, VenueUp):
                for sentence in self._crew.check():    # each bot hears its position before trading can be ON
                    self._note("", sentence, "warning")
                for early in self._accounts.take_early((message.market, message.category)):
                    self._take(early, None)
        except StoreAway as error:
            self._away(str(error), message, reply)

    def _decide(self, message: Message, reply: Reply | None) -> None:
        if self._core.state.database_problem and not self._may_pass(message):
            self._keep_for_later(message, reply)
            return
        now = self._sights.now()
        self._accounts.fetch_order(message, now)
        sight = self._accounts.fetch_past(message, self._sights.of(message, self._core.state))
        if sight is None:
            return
        if isinstance(message, BotAction) and not self._core.state.database_problem:
            sight = replace(sight, roster=self._crew.roster(concerned(message)))
        decision = self._core.decide(message, now, sight)
        self._carry_out(decision, now, message, reply)
        if isinstance(message, Execution | Ack | Reject | OrderReport | PlaceOrder | Silence):
            self._urgent = True

    def _carry_out(self, decision: Decision, now: Now, message: Message | None, reply: Reply | None) -> None:
        state = self._core.state
        rows: list[Row] = decision.rows  # type: ignore[assignment]
        if rows and not (state.database_problem and isinstance(message, _LOWERS_RISK)):
            started = time.perf_counter()
            try:
                is_new = self._parts.store.write(rows)
            except StoreAway as error:
                if not isinstance(message, _LOWERS_RISK):
                    self._away(str(error), message, reply)
                    return
                self._away(str(error), None, None)    # the cancel that meets the trouble first goes out, too
                is_new = True
            except LedgerError as error:
                self._note("", f"ALARM: {error}", "error")
                self._away(str(error), None, None)
                return
            self._commit_ms += (1000 * (time.perf_counter() - started) - self._commit_ms) * 0.1
            if not is_new:
                if isinstance(message, BotAction):
                    self._refuse(message, reply, "a row of that name was typed by hand just now: F3 reads it")
                return                                # a fact we know: nothing changes
        self._core.apply(decision, now)
        for change in decision.changes:
            if isinstance(change, Notice):
                log.log(_LEVELS.get(change.level, logging.INFO), "%s", named(change.market, change.emi, change.text))
        for request in decision.requests:
            self._products.post(request)
        self._tell(decision, rows)
        if reply is not None and decision.verdict is not None:
            reply(decision.verdict)

    def _tell(self, decision: Decision, rows: list[Row]) -> None:
        """Bots, venues and files hear of what is true now."""
        self._crew.tell(decision.owners)
        if any(isinstance(row, RobotState | RobotAdded | RobotRenamed | RobotRemoved) for row in rows):
            self._crew.sync()
        self._crew.set_trading()
        for row in rows:
            if isinstance(row, WatchRow):
                self._products.watch(row.key, row.on)
            elif isinstance(row, CursorRow):
                self._history.cursor_moved()

    # ------------------------------------------------------------ recovery

    def _adopt(self, message: VenueUp) -> None:
        now = self._sights.now()
        decision = self._accounts.adopt((message.market, message.category), message.account, now)
        if decision is not None:
            self._carry_out(decision, now, None, None)
        if self._parts.mode is Mode.LIVE:
            self._confirm(message.market, message.account, now)

    def _confirm(self, market: str, account: str, now: Now) -> None:
        """A LIVE account is traded only after a person typed its id, in the window or on the command line."""
        if self._parts.store.is_confirmed(market, account):
            return
        self._core.state.unconfirmed.add((market, account))
        for typed in self._parts.confirmed:
            if typed == account:
                self._decide(ConfirmAccount("", market, account, typed), None)
        if (market, account) in self._core.state.unconfirmed:
            self._note(market, f"LIVE account {account}: no order is sent before its id is typed once", "warning")

    def _recover(self, message: Recover) -> None:
        self._load_bots()
        self._products.recover(message)

    def _exchange(self, asked: Exchange) -> None:
        if asked.withdrawn:
            return
        refusal = self._products.exchange(asked)
        if not refusal:
            self._load_bots()            # a bot's symbol may have come, or gone
        asked.answer(refusal)

    # ------------------------------------------------------------ database away

    def _may_pass(self, message: Message) -> bool:
        """What is handled at once while the database is away: refusals, and what lowers risk."""
        return isinstance(message, (*_LOWERS_RISK, PlaceOrder, MoveOrder, ChangeLeverage, TakeOver, Watch, BotAction,
                                    Notice)) or (
            isinstance(message, SetTrading) and not message.on)

    def _keep_for_later(self, message: Message, reply: Reply | None) -> None:
        if isinstance(message, SetTrading):
            self._note("", "trading stays OFF while the ledger cannot write", "warning")
            self._refuse(message, reply, f"the ledger cannot write: {self._core.state.database_problem}")
            return
        if isinstance(message, SetBot):
            self._core.force_bot(message.emi, message.state, message.reason)
        if len(self._waiting) >= WAITING_MOST:
            self._overflow = True
            return
        self._waiting.append((message, reply))

    def _away(self, reason: str, message: Message | None, reply: Reply | None) -> None:
        """The database went away, maybe in the middle of this message: it waits, first in line."""
        state = self._core.state
        if message is not None and not isinstance(message, _NOW_OR_NEVER):
            self._waiting.appendleft((message, reply))
        if isinstance(message, SetBot):
            self._core.force_bot(message.emi, message.state, message.reason)
        if not state.database_problem:
            log.error("ledger cannot write: %s", reason)
            self._note("", f"Ledger cannot write: {reason}. Trading stopped, cancels work.", "error")
        state.database_problem = reason or "unknown reason"
        self._crew.set_trading()
        self._retry_at = time.monotonic() + self._parts.timings.db_retry
        self._dirty = self._urgent = True
        if isinstance(message, _NOW_OR_NEVER):
            # Nothing was sent. Was the row stored all the same, the next reading finds it.
            self._refuse(message, reply, f"the ledger cannot write: {state.database_problem}")

    def _refuse(self, message: Command, reply: Reply | None, why: str) -> None:
        """Whoever asked is told why not."""
        decision, now = Decision(), self._sights.now()
        refuse(decision, message.ticket, now, why)
        self._core.apply(decision, now)
        if reply is not None and decision.verdict is not None:
            reply(decision.verdict)

    def _try_again(self) -> None:
        """Write something; if that works, read memory anew and go on where it stopped."""
        state, store = self._core.state, self._parts.store
        self._retry_at = time.monotonic() + self._parts.timings.db_retry
        try:
            if not store.is_there():
                raise StoreAway("the database file is gone")
            store.write((CounterRow(ORDER_NUMBER, max(state.number, store.counters().get(ORDER_NUMBER, 0))),))
            for where, account in self._accounts.known.items():
                self._accounts.lock(where, account)
        except (StoreAway, LedgerError) as error:
            state.database_problem = str(error)
            return
        except AlreadyRunning as error:
            self._parts.on_fatal(error)
            return
        state.database_problem = ""
        self._note("", "the ledger can write again", "info")
        try:
            now = self._sights.now()
            for market, account in sorted(self._accounts.ledgers()):
                self._carry_out(self._accounts.load(market, account, now), now, None, None)
            self._load_bots()
        except StoreAway as error:
            self._away(str(error), None, None)
            return
        waiting, self._waiting = self._waiting, deque()
        while waiting and not state.database_problem:
            self._take(*waiting.popleft())
        self._waiting.extend(waiting)
        if self._overflow and not self._waiting:
            self._overflow = False
            self._recover(Recover("overflow"))
        self._crew.set_trading()

    # ------------------------------------------------------------ helpers

    def _note(self, market: str, text: str, level: str) -> None:
        decision = Decision()
        decision.note(market, text, level)
        log.log(_LEVELS.get(level, logging.INFO), "%s %s", market, text)
        self._core.apply(decision, self._sights.now())
        self._dirty = True

    def _load_bots(self) -> None:
        for sentence in self._crew.load():
            self._note("", sentence, "warning")

    def _follow_cursors(self, always: bool = False) -> None:
        """history.ini follows the cursors, after their commit."""
        cursors = [(key.market, account, ms) for (account, key, _), ms in self._core.state.cursors.items()]
        problem = self._history.write(cursors, always)
        if problem:
            self._note("", problem, "warning")

    def _publish(self) -> None:
        state = self._core.state
        agrees: bool | None = None
        compared = max((v.compared for v in state.venues.values()), default=0)
        bad = [d.text for d in state.differences.values() if d.stage >= 2]
        if bad or compared:
            agrees = not bad
        ledger = LedgerState(
            kind=self._parts.store.kind, ok=not state.database_problem, text=state.database_problem,
            queued=len(self._waiting), commit_ms=round(self._commit_ms, 2), agrees=agrees,
            agree_text="; ".join(bad), agree_time=compared)
        self.view = self._lines.view(state, ledger, self._sights.now(), self._crew.stuck())
        self._view_at = time.monotonic() + self._parts.timings.view
        self._dirty = self._urgent = False


def _facts_of(page: HistoryPage | MoneyPage) -> tuple[Execution | Funding | Movement, ...]:
    return (*page.executions, *page.fundings) if isinstance(page, HistoryPage) else page.facts


def _rest_of(page: HistoryPage | MoneyPage, done: int) -> HistoryPage | MoneyPage:
    """The page without the facts that were taken from it already."""
    if isinstance(page, MoneyPage):
        return replace(page, facts=page.facts[done:])
    fills = len(page.executions)
    return replace(page, executions=page.executions[done:], fundings=page.fundings[max(0, done - fills):])

