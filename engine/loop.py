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
from core.rows import BookRow, CounterRow, CursorRow, Loaded, RobotState, Row, WatchRow
from core.worker import Worker
from db.store import Store, StoreAway
from engine import history_file
from engine.asking import ORDER_NUMBER, position_of, refuse
from engine.bots import Bots
from engine.commands import (
    Cancel,
    CancelAll,
    Command,
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
from engine.kept import fold, zeroed
from engine.lines import Lines
from engine.recovery import FILLS, YEAR_2000_MS
from engine.robots import read_robot
from engine.state import Decision, Now, Sight, VenueId
from engine.view import LedgerState, View
from models import (
    AccountSnapshot,
    Ack,
    AskAccount,
    BotPosition,
    Category,
    Execution,
    Health,
    HistoryPage,
    Key,
    Mode,
    Notice,
    OrderFound,
    OrderReport,
    Reject,
    Robot,
    Silence,
    Timings,
    VenueMessage,
    VenueUp,
)
from risk.sizing import entry_quantity

log = logging.getLogger(__name__)

WAITING_MOST = 100_000        # messages kept while the database is away; beyond, history brings them again
BATCH = 200                   # messages between two looks at the clock
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}
_LOWERS_RISK = (Cancel, CancelAll, KillSwitch)

Message = Command | VenueMessage
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


class Engine:
    """Owner of orders, positions and the ledger. `post` and `ask` may be called from any thread."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._core = Core(parts.timings, self._multiplier)
        self._inbox: SimpleQueue[tuple[Message | None, Reply | None]] = SimpleQueue()
        self._venues: dict[VenueId, Venue] = {}
        self._bots: Bots | None = None
        self._accounts: dict[VenueId, str] = {}
        self._waiting: deque[tuple[Message, Reply | None]] = deque()
        self._overflow = False
        self._retry_at = 0.0
        self._commit_ms = 0.0
        self._file_times: dict[str, int] = {}
        self._file_due = False
        self._tick_at = 0.0
        self._view_at = 0.0
        self._dirty = True
        self._urgent = False
        self._lines = Lines(parts.mode, parts.board.instruments.get, self._quantity)
        self._worker = Worker("engine", self._run, parts.on_death)
        self.view: View | None = None

    # ------------------------------------------------------------ for other threads

    def attach(self, venues: tuple[Venue, ...], bots: Bots) -> None:
        """Hand over the venues and the bots; before `start`."""
        self._venues = {(v.market, v.config.category): v for v in venues}
        self._bots = bots

    def start(self) -> None:
        """Start the engine thread."""
        self._worker.start()

    def post(self, message: Message) -> None:
        """Put a message into the inbox; never blocks."""
        self._inbox.put((message, None))

    def ask(self, command: Command, timeout: float) -> Verdict | None:
        """Put a command into the inbox and wait for the local verdict, at most `timeout` seconds."""
        answered = threading.Event()
        answers: list[Verdict] = []

        def reply(verdict: Verdict) -> None:
            answers.append(verdict)
            answered.set()

        self._inbox.put((command, reply))
        return answers[0] if answered.wait(timeout) else None

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
            self._write_history_file(force=True)
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
        now = self._now()
        core, parts = self._core, self._parts
        watched = parts.store.watchlist()
        core.configure(parts.configured, watched)
        core.state.number = parts.store.counters().get(ORDER_NUMBER, 0)
        core.state.day = day_start(now.wall)
        times, warnings = history_file.read(parts.history, now.wall)
        self._file_times = times
        for warning in warnings:
            self._note("", warning, "warning")
        self._load_robots()

    def _turn(self) -> None:
        timings = self._parts.timings
        wait = max(0.0, min(self._tick_at, self._view_at if self._dirty else self._tick_at) - time.monotonic())
        try:
            message, reply = self._inbox.get(timeout=min(wait, 0.2)) if wait > 0 else self._inbox.get_nowait()
            for _ in range(BATCH):
                if message is not None:
                    self._take(message, reply)
                if self._urgent and time.monotonic() - self._view_at > -timings.view / 2:
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

    def _tick(self) -> None:
        state = self._core.state
        if state.database_problem:
            if time.monotonic() >= self._retry_at:
                self._try_again()
            return
        now = self._now()
        if not self._parts.store.is_there():
            self._away("the database file is gone", None, None)
            return
        today = day_start(now.venue)
        if today > state.day:
            self._core.new_day(today)
        self._core.prune(now)
        decision = self._core.tick(now)
        self._carry_out(decision, now, None, None)
        self._write_history_file()
        self._dirty = True

    # ------------------------------------------------------------ one message

    def _take(self, message: Message, reply: Reply | None) -> None:
        """One message, and what hangs on it."""
        self._dirty = True
        if self._core.state.database_problem and not self._may_pass(message):
            self._keep_for_later(message, reply)
            return
        try:
            if isinstance(message, VenueUp):
                self._adopt(message)
            elif isinstance(message, Recover):
                self._recover(message)
            elif isinstance(message, HistoryPage):
                for index, execution in enumerate(message.executions):
                    if self._core.state.database_problem:
                        self._keep_for_later(_rest_of(message, index), reply)
                        return
                    self._decide(execution, None)
                if self._core.state.database_problem:
                    self._keep_for_later(_rest_of(message, len(message.executions)), reply)
                    return
            self._decide(message, reply)
        except StoreAway as error:
            self._away(str(error), message, reply)

    def _decide(self, message: Message, reply: Reply | None) -> None:
        if self._core.state.database_problem and not self._may_pass(message):
            self._keep_for_later(message, reply)
            return
        now = self._now(message)
        self._fetch_order(message)
        decision = self._core.decide(message, now, self._sight(message))
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
                return                                # a fact we know: nothing changes
        self._core.apply(decision, now)
        for change in decision.changes:
            if isinstance(change, Notice):
                log.log(_LEVELS.get(change.level, logging.INFO), "%s", " ".join(
                    part for part in (change.market, change.emi, change.text) if part))
        for request in decision.requests:
            where = (request.market, request.category) if isinstance(request, AskAccount) else (
                request.key.market, request.key.category)
            venue = self._venues.get(where)
            if venue is not None:
                venue.post(request)
        self._tell(decision, rows)
        if reply is not None and decision.verdict is not None:
            reply(decision.verdict)

    def _tell(self, decision: Decision, rows: list[Row]) -> None:
        """Bots, venues and files hear of what is true now."""
        state, bots = self._core.state, self._bots
        if bots is not None:
            for emi in decision.owners:
                if emi in state.robots:
                    bots.publish(emi, self._bot_position(state.robots[emi]))
            if any(isinstance(row, RobotState) for row in rows):
                self._sync_bots()
            bots.set_trading(state.trading and not state.database_problem)
        for row in rows:
            if isinstance(row, WatchRow):
                venue = self._venues.get((row.key.market, row.key.category))
                if venue is not None:
                    (venue.watch if row.on else venue.unwatch)(row.key)
            elif isinstance(row, CursorRow):
                self._file_due = True

    # ------------------------------------------------------------ bots

    def _load_robots(self) -> None:
        state = self._core.state
        robots: list[Robot] = []
        reasons: dict[str, str] = {}
        strategies = self._parts.strategies()
        for row in self._parts.store.robots():
            robot, reason = read_robot(row, state.configured, strategies)
            robots.append(robot)
            if reason:
                reasons[robot.emi] = reason
        self._core.set_robots(robots, reasons)
        self._sync_bots()

    def _sync_bots(self) -> None:
        state = self._core.state
        if self._bots is None:
            return
        runnable = tuple(r for r in state.robots.values() if r.emi not in state.robot_reasons)
        found = self._bots.sync(runnable)
        state.robot_reasons.update(found)
        for robot in runnable:
            if robot.emi not in found:
                self._bots.publish(robot.emi, self._bot_position(robot))

    def _bot_position(self, robot: Robot) -> BotPosition:
        state = self._core.state
        qty, entry = position_of(state, robot.key, robot.emi)
        account = state.account(robot.key)
        fills = sum(row.fills for row in state.books.values() if row.emi == robot.emi and row.account == account)
        # An ended order whose fills are not all booked is still open for its bot: the position does not show them yet.
        open_orders = sum(1 for o in state.orders.values() if o.owner == robot.emi and o.key == robot.key
                          and (not o.status.is_terminal or o.told_qty > o.booked_qty))
        return BotPosition(qty, entry, open_orders, fills)

    def _multiplier(self, key: Key) -> Decimal | None:
        instrument = self._parts.board.instruments.get(key)
        return instrument.multiplier if instrument is not None else None

    def _quantity(self, robot: Robot) -> Decimal | None:
        instrument = self._parts.board.instruments.get(robot.key)
        ticker = self._parts.board.tickers.get(robot.key)
        if instrument is None or ticker is None:
            return None
        mark = ticker.mark or ticker.last
        made = entry_quantity(instrument, robot.capital, mark) if mark is not None else None
        return made if isinstance(made, Decimal) else None

    # ------------------------------------------------------------ recovery

    def _adopt(self, message: VenueUp) -> None:
        """A venue is up: the first time for an account, its ledger is read into memory."""
        where = (message.market, message.category)
        if self._accounts.get(where) == message.account:
            return
        self._parts.store.lock_account(message.market, message.account)
        self._load_account(message.market, message.account)
        self._accounts[where] = message.account

    def _load_account(self, market: str, account: str) -> None:
        now, store = self._now(), self._parts.store
        day = day_start(now.venue)
        loaded = store.load(market, account, day)
        if sum(row.fills for row in loaded.books) != store.count_fills(market, account):
            loaded = self._rebuild(market, account, loaded.books, day)
        decision = self._core.adopt(market, account, loaded, day, now)
        self._earlier_cursors(market, account)
        self._carry_out(decision, now, None, None)
        self._sync_bots()                              # each bot hears its position before trading can be ON

    def _rebuild(self, market: str, account: str, kept: tuple[BookRow, ...], day: int) -> Loaded:
        """Rows were added or taken away outside the program: the kept sums follow the rows."""
        store = self._parts.store
        rows = store.coin_rows(market, account)
        store.write(zeroed(kept, fold(rows)))
        if not rows:
            store.forget_booked(market, account)
        self._note(market, f"the kept sums of {account} did not fit its {len(rows)} ledger rows; made anew from them",
                   "warning")
        return store.load(market, account, day)

    def _earlier_cursors(self, market: str, account: str) -> None:
        """history.ini's time of this account, else the market's, wins where it is earlier than the database's."""
        state = self._core.state
        section = self._file_times.get(f"{market} {account}")
        state.first_read[account] = section or self._file_times.get(market) or YEAR_2000_MS
        if section is None:
            return
        for (owner, key, kind), ms in list(state.cursors.items()):
            if owner == account and key.market == market and kind == FILLS and section < ms:
                state.cursors[(owner, key, kind)] = section

    def _recover(self, message: Recover) -> None:
        self._load_robots()
        for (market, _), venue in self._venues.items():
            if message.market in ("", market):
                venue.reconnect()

    def _fetch_order(self, message: Message) -> None:
        """An ended order is not in memory; what comes late for it needs its row."""
        if isinstance(message, Execution | OrderReport):
            key, cl_ord_id, order_id = message.key, message.cl_ord_id or "", message.order_id
        elif isinstance(message, OrderFound):
            key, cl_ord_id, order_id = message.report.key, message.request.cl_ord_id, message.report.order_id
        elif isinstance(message, AccountSnapshot):
            for report in message.orders:
                self._fetch_order(report)
            return
        else:
            return
        state = self._core.state
        if state.find(key, cl_ord_id, order_id) is not None or state.database_problem:
            return
        found = self._parts.store.find_order(key, state.account(key), cl_ord_id, order_id)
        if found is not None:
            self._core.remember(found, self._now())

    # ------------------------------------------------------------ database away

    def _may_pass(self, message: Message) -> bool:
        """What is handled at once while the database is away: refusals, and what lowers risk."""
        return isinstance(message, (*_LOWERS_RISK, PlaceOrder, MoveOrder, TakeOver, Watch, Notice)) or (
            isinstance(message, SetTrading) and not message.on)

    def _keep_for_later(self, message: Message, reply: Reply | None) -> None:
        if isinstance(message, SetTrading):
            self._note("", "trading stays OFF while the ledger cannot write", "warning")
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
        if message is not None and not isinstance(message, PlaceOrder | MoveOrder | TakeOver | Watch):
            self._waiting.appendleft((message, reply))
        if isinstance(message, SetBot):
            self._core.force_bot(message.emi, message.state, message.reason)
        if not state.database_problem:
            log.error("ledger cannot write: %s", reason)
            self._note("", f"Ledger cannot write: {reason}. Trading stopped, cancels work.", "error")
        state.database_problem = reason or "unknown reason"
        if self._bots is not None:
            self._bots.set_trading(False)
        self._retry_at = time.monotonic() + self._parts.timings.db_retry
        self._dirty = self._urgent = True
        if isinstance(message, PlaceOrder | MoveOrder | TakeOver | Watch):
            self._refuse_away(message, reply)

    def _refuse_away(self, message: PlaceOrder | MoveOrder | TakeOver | Watch, reply: Reply | None) -> None:
        """Whoever asked is told: nothing was sent. Was the row stored all the same, the next reading finds it."""
        decision, now = Decision(), self._now()
        refuse(decision, message.ticket, now, f"the ledger cannot write: {self._core.state.database_problem}")
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
            for (market, _), account in self._accounts.items():
                store.lock_account(market, account)
        except (StoreAway, LedgerError) as error:
            state.database_problem = str(error)
            return
        except AlreadyRunning as error:
            self._parts.on_fatal(error)
            return
        state.database_problem = ""
        self._note("", "the ledger can write again", "info")
        try:
            for (market, _), account in self._accounts.items():
                self._load_account(market, account)
            self._load_robots()
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
        if self._bots is not None:
            self._bots.set_trading(state.trading and not state.database_problem)

    # ------------------------------------------------------------ helpers

    def _now(self, message: Message | None = None) -> Now:
        wall = self._parts.clock.wall_ms()
        offset = 0.0
        for state in list(self._parts.board.venues.values()):
            if state.clock_offset_ms is not None:
                offset = state.clock_offset_ms
                break
        return Now(wall, self._parts.clock.monotonic(), wall - round(offset))

    def _sight(self, message: Message) -> Sight:
        key = getattr(message, "key", None)
        if isinstance(message, TakeOver):
            key = Key(message.market, message.category, message.symbol)
        if not isinstance(key, Key):
            return Sight()
        board = self._parts.board
        book, top, ticker = board.books.get(key), board.tops.get(key), board.tickers.get(key)
        book_problem = ""
        if book is not None and not book.live:
            age = time.monotonic() - book.received
            book_problem = f"the book of {key.symbol} is stale for {age:.1f} s ({book.reason or 'no data'})"
        elif book is None and top is None:
            book_problem = f"no book of {key.symbol} yet"
        return Sight(board.instruments.get(key), book_problem, self._venue_problem(key.market, key.category),
                     ticker.mark or ticker.last if ticker else None, top)

    def _venue_problem(self, market: str, category: Category) -> str:
        venue = self._parts.board.venues.get((market, category))
        if venue is None:
            return f"{market} is not configured"
        if venue.problem:
            return venue.problem
        if not venue.has_keys:
            return f"{venue.title}: market data only (no keys)"
        book = self._core.state.venues.get((market, category))
        if venue.health is Health.CONNECTING and book is not None and book.recovered:
            return ""                    # the keeper publishes its state twice a second; the engine knows sooner
        return "" if venue.health is Health.LIVE else f"{venue.title}: {venue.text or venue.health.value.lower()}"

    def _note(self, market: str, text: str, level: str) -> None:
        decision = Decision()
        decision.note(market, text, level)
        log.log(_LEVELS.get(level, logging.INFO), "%s %s", market, text)
        self._core.apply(decision, self._now())
        self._dirty = True

    def _write_history_file(self, force: bool = False) -> None:
        if not self._file_due and not force:
            return
        self._file_due = False
        times: dict[str, int] = {}
        for (account, key, kind), ms in self._core.state.cursors.items():
            if kind == FILLS:
                section = f"{key.market} {account}"
                times[section] = min(ms, times.get(section, ms))
        if not times:
            return
        merged = {**self._file_times, **times}
        try:
            history_file.write(self._parts.history, merged)
            self._file_times = merged
        except OSError as error:
            self._note("", f"{self._parts.history.name} cannot be written: {error.strerror}; "
                           "the database's cursors are used", "warning")

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
        stuck = self._bots.stuck() if self._bots is not None else ()
        now = self._now()
        self.view = self._lines.view(state, ledger, now, stuck)
        self._view_at = time.monotonic() + self._parts.timings.view
        self._dirty = self._urgent = False


def _rest_of(page: HistoryPage, index: int) -> HistoryPage:
    return replace(page, executions=page.executions[index:])

