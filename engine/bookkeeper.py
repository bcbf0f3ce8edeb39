"""One message at a time: decide → commit → apply → requests, bots, files. Engine thread; it alone writes the ledger.

While the database is away nothing new is decided: facts wait in their order, orders are refused, and what lowers risk
(cancels, kill switch, trading OFF) goes out all the same. When it is back, memory is read from it anew, so a commit
whose outcome was not known is settled by what is there.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from core.dates import day_start
from core.errors import AlreadyRunning, LedgerError
from core.rows import CounterRow, CursorRow, RobotAdded, RobotRemoved, RobotRenamed, RobotState, Row, WatchRow
from core.titles import named
from db.store import StoreAway
from engine.accounts import Accounts
from engine.asking import ORDER_NUMBER, refuse
from engine.bot_actions import concerned
from engine.commands import (
    BotAction,
    Command,
    ConfirmAccount,
    PlaceOrder,
    Recover,
    SetBot,
    SetTrading,
)
from engine.core import Core
from engine.crew import Crew
from engine.days import KEPT_MS, Days, net_values
from engine.history_file import HistoryFile
from engine.parts import EngineParts, Message, Reply
from engine.products import Exchange, Products
from engine.sights import Sights
from engine.state import Decision, Now
from engine.stops import Stops
from engine.view import LedgerState
from engine.waiting import LOWERS_RISK, NOW_OR_NEVER, Waiting, facts_of, may_pass, rest_of
from models import (
    Ack,
    Execution,
    HistoryPage,
    Mode,
    MoneyPage,
    Notice,
    OrderReport,
    Reject,
    Silence,
    VenueUp,
)

log = logging.getLogger(__name__)

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}


class Bookkeeper:
    """What becomes of each message. `is_news` and `is_urgent` tell the loop that a view is due."""

    def __init__(self, parts: EngineParts, core: Core, sights: Sights, stops: Stops | None) -> None:
        self._parts, self._core, self._sights, self._stops = parts, core, sights, stops
        self._history = HistoryFile(parts.history)
        self._accounts = Accounts(core, parts.store, self._history)
        self.crew = Crew(core, parts.store, parts.strategies, parts.board.instruments.get)
        self.products = Products(core, self._accounts, parts.configured)
        self._days = Days()
        self._waiting = Waiting()
        self._retry_at = 0.0
        self._commit_ms = 0.0
        self.is_news = True
        self.is_urgent = False

    def ledger(self) -> LedgerState:
        """How the ledger is, as it is shown."""
        state = self._core.state
        compared = max((venue.compared for venue in state.venues.values()), default=0)
        bad = [difference.text for difference in state.differences.values() if difference.stage >= 2]
        return LedgerState(
            kind=self._parts.store.kind, ok=not state.database_problem, text=state.database_problem,
            queued=len(self._waiting), commit_ms=round(self._commit_ms, 2),
            agrees=not bad if bad or compared else None, agree_text="; ".join(bad), agree_time=compared)

    # ------------------------------------------------------------ beginning, and what is due by itself

    def begin(self) -> bool:
        """Read what a session begins with; False while the database is away."""
        state = self._core.state
        try:
            self._read_ledger()
        except StoreAway as error:
            state.database_problem = str(error)
            return False
        state.database_problem = ""
        return True

    def _read_ledger(self) -> None:
        now = self._sights.now()
        core, parts = self._core, self._parts
        watched = parts.store.watchlist()
        core.configure(self.products.configured, watched)
        for key in core.state.watched:
            self.products.watch(key, True)
        core.state.number = parts.store.counters().get(ORDER_NUMBER, 0)
        core.state.day = day_start(now.wall)
        for warning in self._history.read(now.wall):
            self._note("", warning, "warning")
        self._load_bots()

    def tick(self) -> None:
        """What is due by itself; while the database is away, whether it is back."""
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
        self.follow_cursors()
        self._write_days(now)
        self.is_news = True

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

    def take(self, message: Message | Exchange, reply: Reply | None) -> None:
        """One message, and what hangs on it. `reply` hears the verdict."""
        self.is_news = True
        if isinstance(message, Exchange):
            self._exchange(message)
            return
        if self._core.state.database_problem and not may_pass(message):
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
                for fact in facts_of(message):
                    if self._core.state.database_problem:
                        break
                    self._decide(fact, None)
                    done += 1
                if self._core.state.database_problem:
                    self._keep_for_later(rest_of(message, done), reply)
                    return
            self._decide(message, reply)
            if isinstance(message, VenueUp):
                for sentence in self.crew.check():    # each bot hears its position before trading can be ON
                    self._note("", sentence, "warning")
                for early in self._accounts.take_early((message.market, message.category)):
                    self.take(early, None)
        except StoreAway as error:
            self._away(str(error), message, reply)

    def _decide(self, message: Message, reply: Reply | None) -> None:
        if self._core.state.database_problem and not may_pass(message):
            self._keep_for_later(message, reply)
            return
        now = self._sights.now()
        self._accounts.fetch_order(message, now)
        sight = self._accounts.fetch_past(message, self._sights.of(message, self._core.state))
        if sight is None:
            return
        if isinstance(message, BotAction) and not self._core.state.database_problem:
            sight = replace(sight, roster=self.crew.roster(concerned(message)))
        decision = self._core.decide(message, now, sight)
        self._carry_out(decision, now, message, reply)
        if isinstance(message, Execution | Ack | Reject | OrderReport | PlaceOrder | Silence):
            self.is_urgent = True

    def _carry_out(self, decision: Decision, now: Now, message: Message | None, reply: Reply | None) -> None:
        state = self._core.state
        rows: list[Row] = decision.rows  # type: ignore[assignment]
        if rows and not (state.database_problem and isinstance(message, LOWERS_RISK)):
            started = time.perf_counter()
            try:
                is_new = self._parts.store.write(rows)
            except StoreAway as error:
                if not isinstance(message, LOWERS_RISK):
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
            self.products.post(request)
        self._tell(decision, rows)
        if reply is not None and decision.verdict is not None:
            reply(decision.verdict)

    def _tell(self, decision: Decision, rows: list[Row]) -> None:
        """Bots, venues and files hear of what is true now."""
        self.crew.tell(decision.owners)
        if any(isinstance(row, RobotState | RobotAdded | RobotRenamed | RobotRemoved) for row in rows):
            self.crew.sync()
        self.crew.set_trading()
        for row in rows:
            if isinstance(row, WatchRow):
                self.products.watch(row.key, row.on)
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
        self.products.recover(message)

    def _exchange(self, asked: Exchange) -> None:
        if asked.withdrawn:
            return
        refusal = self.products.exchange(asked)
        asked.answer(refusal)            # at once: who waits in vain would think that nothing has changed
        if refusal:
            return
        try:
            self._load_bots()            # a bot's symbol may have come, or gone
        except StoreAway as error:       # they are read again when it is back
            self._away(str(error), None, None)

    # ------------------------------------------------------------ database away

    def _keep_for_later(self, message: Message, reply: Reply | None) -> None:
        if isinstance(message, SetTrading):
            self._note("", "trading stays OFF while the ledger cannot write", "warning")
            self._refuse(message, reply, f"the ledger cannot write: {self._core.state.database_problem}")
            return
        if isinstance(message, SetBot):
            self._core.force_bot(message.emi, message.state, message.reason)
        self._waiting.add(message, reply)

    def _away(self, reason: str, message: Message | None, reply: Reply | None) -> None:
        """The database went away, maybe in the middle of this message: it waits, first in line."""
        state = self._core.state
        if message is not None and not isinstance(message, NOW_OR_NEVER):
            self._waiting.put_first(message, reply)
        if isinstance(message, SetBot):
            self._core.force_bot(message.emi, message.state, message.reason)
        if not state.database_problem:
            log.error("ledger cannot write: %s", reason)
            self._note("", f"Ledger cannot write: {reason}. Trading stopped, cancels work.", "error")
        state.database_problem = reason or "unknown reason"
        self.crew.set_trading()
        self._retry_at = time.monotonic() + self._parts.timings.db_retry
        self.is_news = self.is_urgent = True
        if isinstance(message, NOW_OR_NEVER):
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
        waiting, self._waiting = self._waiting, Waiting()
        while waiting and not state.database_problem:
            self.take(*waiting.take_first())
        self._waiting.go_on_with(waiting)
        if self._waiting.needs_history():
            self._recover(Recover("overflow"))
        self.crew.set_trading()

    # ------------------------------------------------------------ helpers

    def _note(self, market: str, text: str, level: str) -> None:
        decision = Decision()
        decision.note(market, text, level)
        log.log(_LEVELS.get(level, logging.INFO), "%s %s", market, text)
        self._core.apply(decision, self._sights.now())
        self.is_news = True

    def _load_bots(self) -> None:
        for sentence in self.crew.load():
            self._note("", sentence, "warning")

    def follow_cursors(self, always: bool = False) -> None:
        """history.ini follows the cursors, after their commit."""
        cursors = [(key.market, account, ms) for (account, key, _), ms in self._core.state.cursors.items()]
        problem = self._history.write(cursors, always)
        if problem:
            self._note("", problem, "warning")
