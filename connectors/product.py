"""What every product of an exchange does alike: threads, coming up, watching, stopping. Its class adds the rest.

Start and F3: time → instruments → (with keys) account → public streams → private stream → `VenueUp`. The keeper runs
it; each part is asked again until it is answered. Keys that are not accepted or symbols that do not exist, found while
coming up, leave the product off until F3. `connectors.venue` says what is promised.
"""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from connectors import keeper, rules
from connectors.asker import Asker, Question
from connectors.http import Call, Client, tls_context
from connectors.keeper import Standing, Watched, state_loop
from connectors.limiter import Limiter
from connectors.look import drive
from connectors.parts import Pool, Questions, Rest
from connectors.stream import Stream
from connectors.timesync import TimeSync
from connectors.trader import Desk, Trader
from connectors.venue import Cancelled, Venue, VenueConfig, VenueParts
from core.errors import KeysRejected, Rejected, Throttled, VenueError
from core.hosts import is_loopback
from models import (
    AskAccount,
    AskHistory,
    AskMoney,
    AskOrder,
    Instrument,
    Key,
    Notice,
    Reject,
    Request,
    SetLeverage,
    VenueMessage,
    VenueUp,
)

log = logging.getLogger(__name__)

NO_KEYS = "no API key: market data only"
RANK_WATCH = 0         # of the loader's thread: before everything it asks

Asking = Generator[Call | float, bytes, None]


R = TypeVar("R", bound=Rest)


class ProductVenue(Venue, Generic[R]):
    """One product of one exchange. What its hooks need is set before this constructor is called.

    `wallet`: products of one account with the same word share their balances; "" = its own.
    """

    wallet = ""

    def __init__(self, config: VenueConfig, parts: VenueParts, limiter: Limiter) -> None:
        self.config = config
        self._parts = parts
        self._sync = TimeSync(parts.clock, may_be_recorded=is_loopback(urlsplit(config.http).hostname or ""))
        self.limiter = parts.limiter or limiter
        self._standing = Standing(text="connecting")
        self._instruments: dict[str, Instrument] = {}
        self._watched: tuple[Key, ...] = tuple(Key(self.market, config.category, one) for one in config.symbols)
        self._is_stopping = threading.Event()
        self._said: set[str] = set()     # keeper; a new set with each F3
        self._has_keys = parts.credentials is not None
        self._is_off = False             # nothing more is asked until F3
        self._wrong = ""                 # the setting that keeps it off or without orders
        self._may_stream = False         # the settings are known to be good, or the account does not answer
        self._rules_read = 0.0           # monotonic: when the instruments were read
        self._has_been_up = False        # what was right once is not called wrong: the exchange may have delisted it
        timings, clock, name = parts.timings, parts.clock, config.title
        self._clients: list[Client] = []
        self._context = tls_context() if config.http.startswith("https:") else None
        self._keeper_rest = self._rest(timings.answer / 2)
        self._keeper = Asker(f"{name} keeper", self._keeper_rest, clock, timings, parts.on_death, self._keys_refused,
                             self._question_failed)
        self._loader_rest = self._rest(timings.answer / 2)
        self._asker = Asker(f"{name} loader", self._loader_rest, clock, timings, parts.on_death, self._keys_refused)
        self._pool = self._make_pool()
        self._questions = self._make_questions()
        self._trader_rest = self._rest(timings.answer)
        self._trader = Trader(f"{name} trader", self._make_desk(), self._answered, clock, timings,
                              parts.on_death, self._disarm)
        self._is_armed = False           # keeper: the exchange has been asked to cancel when it does not hear of us
        self._private = self._make_private()

    # ------------------------------------------------------------ what an exchange adds

    @abstractmethod
    def _make_rest(self, client: Client) -> R:
        """Stamps and signs."""

    @abstractmethod
    def _make_pool(self) -> Pool:
        """The public connections."""

    @abstractmethod
    def _make_questions(self) -> Questions:
        """Questions about the account."""

    @abstractmethod
    def _make_desk(self) -> Desk:
        """What the trader needs."""

    @abstractmethod
    def _make_private(self) -> Stream:
        """The account's connection; held until the account is known."""

    @abstractmethod
    def _read_clock(self) -> Asking:
        """Ask the time."""

    @abstractmethod
    def _read_instruments(self) -> Asking:
        """Ask what may be traded: `_instruments` and the board."""

    @abstractmethod
    def _read_account(self) -> Asking:
        """Ask who we are: `_standing`."""

    @abstractmethod
    def _clock_now(self, rest: R) -> None:
        """Ask the time on the caller's thread. Raises a VenueError."""

    @abstractmethod
    def _is_clock(self, error: VenueError) -> bool:
        """Whether a request's time was refused."""

    @abstractmethod
    def _cancel_everything(self, rest: R) -> Cancelled:
        """See `cancel_everything`."""

    def _set_leverage(self, request: SetLeverage) -> Question:
        """Change it and say what it is now."""
        self._parts.sink(Notice(self.market, f"{self.config.title}: leverage cannot be set here", "warning"))
        yield from ()

    def _is_about_rules(self, reject: Reject) -> bool:
        """Whether a refusal may mean that tick, lot or state of an instrument are not what we think."""
        return False

    def _countdown(self, milliseconds: int) -> Sequence[Call]:
        """Asks the exchange to cancel our orders after this time; 0 takes it back. Empty: it cannot."""
        return ()

    def _start_more(self) -> None:
        """Questions of this exchange alone."""

    def _elsewhere(self, symbol: str) -> str:
        """Why a symbol cannot be streamed here."""
        return f"{symbol} is not listed or not trading on {self.config.title}"

    # ------------------------------------------------------------ the contract

    def start(self) -> None:
        """Start the threads."""
        watched = Watched(self.market, self.config.category, self.config.title, self._has_keys,
                          lambda: self._pool.streams, self._private if self._has_keys else None,
                          lambda: self._standing, lambda: self._trader_rest.latency_ms or self._keeper_rest.latency_ms)
        self._keeper.post("state", lambda: state_loop(watched, self._parts.board, self.limiter, self._sync,
                                                      self._parts.clock, self._parts.timings.keeper),
                          keeper.RANK_STATE)
        self._keeper.post("start", self._bring_up, keeper.RANK_START)
        self._keeper.post("clock", self._keep_clock, keeper.RANK_CLOCK, self._parts.timings.keeper)
        if self._has_keys and self.config.dead_man_s > 0:
            self._keeper.post("dead-man switch", self._keep_armed, keeper.RANK_CLOCK)
        self._start_more()
        self._keeper.worker.start()
        self._asker.worker.start()
        if self._has_keys:
            self._private.worker.start()
        self._trader.worker.start()

    def stop(self) -> None:
        """No new request; orders in flight get `stop_requests` seconds, everything else ends now."""
        if self._is_stopping.is_set():
            return
        self._is_stopping.set()
        self._trader.stop()
        self._keeper.stop()
        self._asker.stop()
        self._pool.stop()
        self._private.stop()
        for client in self._clients:
            if client is not self._trader_rest.client:
                client.interrupt()
        patience = threading.Timer(self._parts.timings.stop_requests, self._trader_rest.client.interrupt)
        patience.daemon = True
        patience.start()

    def join(self, timeout: float) -> tuple[str, ...]:
        """Wait for the threads; the names of those that still run."""
        workers = [self._trader.worker, self._keeper.worker, self._asker.worker, self._private.worker,
                   *(stream.worker for stream in self._pool.streams)]
        end = self._parts.clock.monotonic() + timeout
        return tuple(worker.name for worker in workers
                     if not worker.join(max(0.0, end - self._parts.clock.monotonic())))

    def post(self, request: Request) -> None:
        """Orders to the trader, questions to the keeper."""
        match request:
            case AskOrder():
                self._ask("question about an order", lambda: self._questions.order(request), keeper.RANK_ORDER)
            case AskAccount():
                self._ask("account check", lambda: self._questions.account(request), keeper.RANK_ACCOUNT)
            case AskHistory():
                self._ask("history", lambda: self._questions.history(request), keeper.RANK_HISTORY)
            case AskMoney():
                self._ask("funding and transfers", lambda: self._questions.money(request), keeper.RANK_HISTORY)
            case SetLeverage():
                self._ask("leverage", lambda: self._set_leverage(request), keeper.RANK_ACCOUNT)
            case _:
                self._trader.post(request)

    def reconnect(self) -> None:
        """F3: everything anew; the keeper brings it up again, what is queued stays."""
        self._private.hold()
        self._said = set()
        self._pool.restart()
        self._is_off, self._wrong = False, ""
        self._standing = replace(self._standing, text="connecting", problem="", keys_refused=False, ready=False,
                                 off=False)
        self._keeper.drop("start")
        self._keeper.post("start", self._bring_up, keeper.RANK_START)

    def watch(self, key: Key) -> None:
        """Stream this instrument too."""
        self._on_loader(lambda: self._watch(key))

    def unwatch(self, key: Key) -> None:
        """End its streams."""
        self._on_loader(lambda: self._unwatch(key))

    def want_candles(self, key: Key, timeframe: str) -> None:
        """Load and stream candles."""
        self._on_loader(lambda: self._want_candles(key, timeframe))

    def cancel_everything(self) -> Cancelled:
        """Straight to the exchange, on the caller's thread and a connection of its own."""
        if not self._has_keys:
            return Cancelled(0, 0, NO_KEYS)
        if self._is_off and not self._wrong:
            return Cancelled(0, 0, self._standing.problem)   # no exchange; a wrong setting leaves orders that may rest
        with self._own_rest() as rest:
            return self._cancel_everything(rest)

    def look(self, since: int) -> str:
        """See `Venue.look`."""
        if not self._has_keys:
            raise VenueError(self.market, NO_KEYS)
        with self._own_rest() as rest:
            for question in (self._read_clock, self._read_instruments, self._read_account):
                drive(rest, question())
            if self._standing.problem or not self._standing.account:
                raise VenueError(self.market, self._standing.problem or "the account is not told")
            for key in self._watched:
                if key.symbol in self._instruments:
                    drive(rest, self._questions.history(AskHistory(key, since, "look")))
            drive(rest, self._questions.account(AskAccount(self.market, self.config.category, "look")))
        return self._standing.account

    def wrong_setting(self) -> str:
        """Keys that are not accepted, or symbols that do not exist."""
        return self._wrong

    # ------------------------------------------------------------ bringing up (keeper)

    def _bring_up(self) -> Question:
        yield from self._read_clock()
        while self._sync.problem():
            self._standing = replace(self._standing, problem=self._sync.problem(), ready=False)
            self._say_once("clock", self._sync.problem(), "error")
            yield self._parts.timings.check_account
            yield from self._read_clock()
        self._standing = replace(self._standing, problem="")
        yield from self._read_instruments()
        unknown = [symbol for symbol in self.config.symbols if symbol not in self._instruments]
        if unknown and not self._has_been_up:
            self._be_off(self._symbols_wrong(unknown))
            return
        if (missing := self._currency_missing()) and not self._has_been_up:
            self._be_off(missing)
            return
        if not self._has_keys:
            self._standing = Standing(text=NO_KEYS, ready=True)
        else:
            try:
                yield from self._read_account()
            except KeysRejected as error:
                self._keys_refused(error)
                return
        self._has_been_up = True         # before the private stream may say that the keys are refused now
        if self._has_keys:
            self._private.release()
        self._watch_all()

    def _be_off(self, wrong: str) -> None:
        """A setting is wrong: until F3 nothing is asked and nothing streamed."""
        self._is_off, self._may_stream, self._wrong = True, False, wrong
        self._standing = Standing(text=wrong, problem=wrong, keys_refused=self._standing.keys_refused, off=True)
        self._parts.sink(Notice(self.market, f"{self.config.title} stays off: {wrong}", "error"))
        for key in self._watched:        # prices may have begun while the account did not answer
            self._on_loader(partial(self._pool.unwatch, key))

    def _symbols_wrong(self, unknown: Sequence[str]) -> str:
        return f"{self.config.category.value.upper()}_SYMBOLS: {'; '.join(map(self._elsewhere, unknown))}"

    def _currency_missing(self) -> str:
        """Which settlement currency of a configured symbol is not in CURRENCIES."""
        allowed = {name.casefold() for name in self.config.currencies}
        strange = {one.settle: symbol for symbol in reversed(self.config.symbols)
                   if allowed and (one := self._instruments.get(symbol)) and one.settle.casefold() not in allowed}
        named = ", ".join(f"{settle} ({symbol} is settled in it)" for settle, symbol in strange.items())
        return f"CURRENCIES: {named} is missing; add it, then start again" if named else ""

    def _watch_all(self) -> None:
        self._may_stream = True
        for key in self._watched:
            self.watch(key)

    def _say_once(self, about: str, text: str, level: str) -> None:
        """Into the messages, once until F3: also who has no window is told why nothing works."""
        if about not in self._said:
            self._said.add(about)
            self._parts.sink(Notice(self.market, f"{self.config.title}: {text}", level))

    def _publish_instruments(self, instruments: Sequence[Instrument], problems: Sequence[str]) -> None:
        """Those of this product: kept, and the tradable ones shown on the board."""
        for text in problems[:3]:
            log.warning("%s: an instrument is left out: %s", self.config.title, text)
        board = self._parts.board.instruments
        before = {key: board[key] for key in self._watched if key in board}
        gone = [key for key in list(board) if (key.market, key.category) == (self.market, self.config.category)
                and key.symbol in self._instruments]
        self._instruments = {one.key.symbol: one for one in instruments}
        for one in instruments:
            self._parts.board.listed[one.key] = one
            if one.trading:
                board[one.key] = one
        for key in gone:
            if not (key.symbol in self._instruments and self._instruments[key.symbol].trading):
                board.pop(key, None)
        self._rules_read = self._parts.clock.monotonic()
        if self._has_been_up:
            for told in filter(None, (rules.change(old, board.get(key)) for key, old in before.items())):
                self._parts.sink(Notice(self.market, f"{self.config.title}: {told}", "warning"))

    def _answered(self, message: VenueMessage) -> None:
        """On the trader's thread: a refusal that may come of rules we do not know yet has them read anew."""
        self._parts.sink(message)
        read_lately = self._parts.clock.monotonic() - self._rules_read < self._parts.timings.check_account / 6
        if isinstance(message, Reject) and message.sent and not read_lately and self._is_about_rules(message):
            self._keeper.drop("rules")
            self._keeper.post("rules", self._read_rules, keeper.RANK_ACCOUNT)

    def _read_rules(self) -> Question:
        yield from self._read_instruments()
        if self._standing.ready and not self._standing.problem and not self._standing.keys_refused:
            self._standing = replace(self._standing, text=self._missing())

    def _missing(self) -> str:
        """Which configured symbols cannot be traded, for the market's line."""
        missing = [key.symbol for key in self._watched if key not in self._parts.board.instruments]
        return f"not listed or not trading: {', '.join(missing)}" if missing else ""

    def _up(self) -> VenueUp:
        """On the private stream's thread, before its first frame."""
        standing = self._standing
        watched = tuple(self._instruments[key.symbol] for key in self._watched if key.symbol in self._instruments)
        return VenueUp(self.market, self.config.category, standing.account, watched, self._sync.now_ms(),
                       standing.can_trade, standing.problem, self.wallet)

    def _keys_refused(self, error: KeysRejected) -> None:
        if self._standing.keys_refused:
            return
        then = "market data only" if self._has_been_up else "this market stays off"
        text = (f"the API key is not accepted ({error.text}): {then}; check key, permissions and allowed "
                "addresses, then press F3")
        self._private.hold()
        self._standing = replace(self._standing, text=text, keys_refused=True, ready=True)
        if not self._has_been_up:
            self._be_off(f"API_KEY: {text}")
            return
        self._wrong = f"API_KEY: {text}"
        self._parts.sink(Notice(self.market, text, "error"))

    # ------------------------------------------------------------ keeping up (keeper)

    def _question_failed(self, error: VenueError) -> None:
        """While coming up, the reason is shown. A refused time is measured before the question is asked again."""
        if not self._standing.ready:
            self._standing = replace(self._standing, text=error.text)
            self._say_once(error.text, f"{error.text}. Trying again until it works", "warning")
            if self._instruments and not self._may_stream and not self._is_off:
                self._watch_all()        # prices do not wait for an account that does not answer
        if not self._is_clock(error):
            return
        try:
            self._clock_now(self._keeper_rest)
        except VenueError as failure:
            log.info("%s: the clock could not be read: %s", self.config.title, failure)

    def _keep_clock(self) -> Question:
        read_at = self._parts.clock.monotonic()
        while True:
            yield min(1.0, self._parts.timings.keeper * 2)
            due = self._parts.clock.monotonic() - read_at > self._parts.timings.sync_clock
            if self._is_off or (not due and not self._sync.has_jumped()):
                continue
            yield from self._read_clock()
            if due:
                yield from self._read_rules()
            read_at = self._parts.clock.monotonic()
            if self._sync.problem() and not self._standing.problem:
                self.reconnect()

    def _keep_armed(self) -> Question:
        """The dead-man switch: pushed out four times in its time, so that two lost answers do not end our orders."""
        while True:
            if self._standing.can_trade and not self._is_off:
                for call in self._countdown(round(self.config.dead_man_s * 1000)):
                    self._is_armed = True
                    try:
                        yield call
                    except Rejected as error:
                        self._say_once("dead man", f"the dead-man switch is refused: {error.text}", "error")
            yield self.config.dead_man_s / 4

    def _disarm(self) -> None:
        """On the trader's thread, at a clean end: our orders stay. The keeper must not push it out once more."""
        if not self._is_armed:
            return
        self._keeper.worker.join(self._parts.timings.stop_requests)
        for call in self._countdown(0):
            try:
                self._urgent(self._trader_rest, call)
            except VenueError as error:
                log.warning("%s: the dead-man switch could not be taken back (%s): the exchange cancels the orders "
                            "within %.0f s", self.config.title, error.text, self.config.dead_man_s)

    def _ask(self, name: str, make: Callable[[], Question], rank: int) -> None:
        """A question that waits until the account is known and the keys are good."""
        def question() -> Question:
            while not (self._standing.ready and self._standing.account) or self._standing.keys_refused:
                yield self._parts.timings.keeper
            yield from make()

        self._keeper.post(name, question, rank)

    # ------------------------------------------------------------ watching (loader)

    def _on_loader(self, act: Callable[[], None], delay: float = 0.0) -> None:
        def question() -> Question:
            act()
            yield from ()

        self._asker.post("watch", question, RANK_WATCH, delay)

    def _watch(self, key: Key) -> None:
        if key not in self._watched:
            self._watched = (*self._watched, key)
        if not self._may_stream:
            return                       # `_bring_up` comes back to it
        if key in self._parts.board.instruments:
            self._pool.watch(key)
        else:
            self._parts.sink(Notice(self.market, f"{self._elsewhere(key.symbol)}: it is left out", "warning"))

    def _unwatch(self, key: Key) -> None:
        self._watched = tuple(one for one in self._watched if one != key)
        self._pool.unwatch(key)

    def _want_candles(self, key: Key, timeframe: str) -> None:
        if not self._may_stream:         # coming up, or off until F3
            self._on_loader(lambda: self._want_candles(key, timeframe), self._parts.timings.keeper)
        elif key in self._parts.board.instruments:
            self._pool.want_candles(key, timeframe)

    # ------------------------------------------------------------ parts

    def _rest(self, answer_s: float) -> R:
        client = Client(self.market, self.config.http, self._parts.timings.connect, answer_s, self._context)
        self._clients.append(client)
        return self._make_rest(client)

    @contextmanager
    def _own_rest(self) -> Iterator[R]:
        """A line of the caller's thread, for the body."""
        rest = self._rest(self._parts.timings.answer)
        try:
            yield rest
        finally:
            rest.client.close()
            self._clients.remove(rest.client)

    def _urgent(self, rest: R, call: Call) -> bytes:
        """Send now; a refused time is measured again and the call sent a second time."""
        wait = rest.turn(call)
        if wait > 0:
            raise Throttled(self.market, f"the exchange lets no request through for {wait:.0f} s", retry_after=wait)
        try:
            return rest.send(call)
        except Throttled as error:
            if not self._is_clock(error):
                raise
        self._clock_now(rest)
        return rest.send(call)
