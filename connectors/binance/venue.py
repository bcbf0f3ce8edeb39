"""Binance, one product: builds the threads, brings the account up, routes requests. See `connectors.venue`.

Start and F3: time → instruments and limits → (with keys) account, position mode, margin mode → public streams →
private stream → `VenueUp`. The keeper runs it; each part is asked again until it is answered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from urllib.parse import urlsplit

from connectors import keeper
from connectors.asker import Asker, Question
from connectors.binance import parse
from connectors.binance.desk import OrderDesk, read_clock
from connectors.binance.errors import LISTEN_KEY_GONE, is_clock
from connectors.binance.listen_key import ListenKey
from connectors.binance.loading import RANK_WATCH, Loader
from connectors.binance.pool import Pool
from connectors.binance.private import PrivateFeed
from connectors.binance.products import PRODUCTS
from connectors.binance.questions import Questions
from connectors.binance.rest import Endpoints, Rest
from connectors.complaints import Complaints
from connectors.http import Call, Client, Rank, tls_context
from connectors.keeper import Standing, Watched, state_loop
from connectors.limiter import ORDERS, WEIGHT, Budget, Limiter
from connectors.stream import Stream
from connectors.timesync import TimeSync
from connectors.trader import Trader
from connectors.venue import Venue, VenueConfig, VenueParts
from core.errors import KeysRejected, Rejected, Throttled, VenueError
from core.hosts import is_loopback
from models import (
    AskAccount,
    AskHistory,
    AskOrder,
    Instrument,
    Key,
    Notice,
    Request,
    VenueUp,
)

log = logging.getLogger(__name__)

# Until exchangeInfo tells the limits: those of 2026 (binance.md section 4); the first answer tells what is used.
FIRST_BUDGETS = (Budget(WEIGHT, 60, 2400), Budget(ORDERS, 10, 300), Budget(ORDERS, 60, 1200))
HEDGE = ("the account is in hedge mode, where orders need a position side: set Position Mode to One-way Mode "
         "on Binance (Futures, Preferences), then press F3")
MULTI = ("the account is in multi-assets mode, where margin is shared over currencies: set Asset Mode to "
         "Single-Asset Mode on Binance (Futures, Preferences), then press F3")
NO_KEYS = "no API key: market data only"


class Binance(Venue):
    """One product of Binance."""

    market = parse.MARKET

    def __init__(self, config: VenueConfig, parts: VenueParts) -> None:
        self.config = config
        self._parts = parts
        self._product = PRODUCTS[config.category]
        self._calls = Endpoints(self._product)
        self._sync = TimeSync(parts.clock, may_be_recorded=is_loopback(urlsplit(config.http).hostname or ""))
        self._limiter = Limiter(FIRST_BUDGETS)
        self._standing = Standing(text="connecting")
        self._instruments: dict[str, Instrument] = {}
        self._watched: tuple[Key, ...] = tuple(self._key(symbol) for symbol in config.symbols)
        self._is_stopping = threading.Event()
        self._said: set[str] = set()     # keeper; a new set with each F3
        timings, clock, name = parts.timings, parts.clock, config.title
        self._clients: list[Client] = []
        self._context = tls_context() if config.http.startswith("https:") else None
        self._keeper_rest = self._rest(timings.answer / 2)
        self._keeper = Asker(f"{name} keeper", self._keeper_rest, clock, timings, parts.on_death, self._keys_refused,
                             self._question_failed)
        self._loader_rest = self._rest(timings.answer / 2)
        self._asker = Asker(f"{name} loader", self._loader_rest, clock, timings, parts.on_death, self._keys_refused)
        loader = Loader(self._asker, self._calls, self._sync, clock, config.candles)
        self._pool = Pool(name, config, parts, loader, self._sync, parts.on_death)
        self._questions = Questions(self._calls, self._sync, parts.sink, lambda: self._standing.account)
        self._trader_rest = self._rest(timings.answer)
        desk = OrderDesk(self._trader_rest, self._calls, self._sync, clock, lambda: self._standing)
        self._trader = Trader(f"{name} trader", desk, parts.sink, clock, timings, parts.on_death)
        feed = PrivateFeed(config.category, ListenKey(self._rest(timings.answer / 2), self._calls, config.private_ws,
                                                      parts.known),
                           parts.sink, self._up, lambda: self._standing.account, self._keys_refused,
                           Complaints(f"{name} private"))
        self._private = Stream(f"{name} private", feed, clock, timings, timings.silence_private, parts.on_death,
                               held=True)
        self._has_keys = parts.credentials is not None

    # ------------------------------------------------------------ the contract

    def start(self) -> None:
        """Start the threads."""
        watched = Watched(self.market, self.config.category, self.config.title, self._has_keys,
                          lambda: self._pool.streams, self._private if self._has_keys else None,
                          lambda: self._standing, lambda: self._trader_rest.latency_ms or self._keeper_rest.latency_ms)
        self._keeper.post("state", lambda: state_loop(watched, self._parts.board, self._limiter, self._sync,
                                                      self._parts.clock, self._parts.timings.keeper),
                          keeper.RANK_STATE)
        self._keeper.post("start", self._bring_up, keeper.RANK_START)
        self._keeper.post("clock", self._keep_clock, keeper.RANK_CLOCK, self._parts.timings.keeper)
        self._keeper.worker.start()
        self._asker.worker.start()
        if self._has_keys:
            self._keeper.post("listen key", self._keep_listen_key, keeper.RANK_CLOCK, self._parts.timings.listen_key)
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
            case _:
                self._trader.post(request)

    def reconnect(self) -> None:
        """F3: everything anew; the keeper brings it up again, what is queued stays."""
        self._private.hold()
        self._said = set()
        self._pool.restart()
        self._standing = replace(self._standing, text="connecting", problem="", keys_refused=False, ready=False)
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

    def cancel_everything(self) -> tuple[int, int, str]:
        """Straight to the exchange, on the caller's thread and a connection of its own."""
        if not self._has_keys:
            return 0, 0, NO_KEYS
        rest = self._rest(self._parts.timings.answer)
        try:
            return self._cancel_everything(rest)
        finally:
            rest.client.close()
            self._clients.remove(rest.client)

    def wrong_setting(self) -> str:
        """Keys that are not accepted, or symbols that do not exist."""
        if self._standing.keys_refused:
            return f"API_KEY: {self._standing.text}"
        known = self._instruments
        missing = [symbol for symbol in self.config.symbols
                   if known and not (symbol in known and known[symbol].trading)]
        text = f"{', '.join(missing)} not listed or not trading on {self.config.title}"
        return f"{self.config.category.value.upper()}_SYMBOLS: {text}" if missing else ""

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
        for key in self._watched:
            self.watch(key)
        if not self._has_keys:
            self._standing = Standing(text=NO_KEYS, ready=True)
            return
        try:
            yield from self._read_account()
        except KeysRejected as error:
            self._keys_refused(error)
            return
        self._private.release()

    def _say_once(self, about: str, text: str, level: str) -> None:
        """Into the messages, once until F3: also who has no window is told why nothing works."""
        if about not in self._said:
            self._said.add(about)
            self._parts.sink(Notice(self.market, f"{self.config.title}: {text}", level))

    def _read_clock(self) -> Generator[Call | float, bytes, None]:
        sent = self._parts.clock.monotonic()
        body = yield self._calls.time()
        self._sync.take(parse.server_time(body), sent, self._parts.clock.monotonic())

    def _read_instruments(self) -> Generator[Call | float, bytes, None]:
        body = yield self._calls.exchange_info()
        instruments, budgets, problems = parse.exchange_info(body, self.config.category)
        if budgets:
            self._limiter.set_budgets(budgets)
        for text in problems[:3]:
            log.warning("%s: an instrument is left out: %s", self.config.title, text)
        board = self._parts.board.instruments
        self._instruments = {one.key.symbol: one for one in instruments}
        for one in instruments:
            if one.trading:
                board[one.key] = one
            else:
                board.pop(one.key, None)

    def _read_account(self) -> Generator[Call | float, bytes, None]:
        account = parse.account_alias((yield self._calls.account_id()))
        problem = ""
        if parse.is_hedge_mode((yield self._calls.position_mode())):
            problem = HEDGE
        elif parse.is_multi_assets((yield self._calls.multi_assets())):
            problem = MULTI
        missing = [key.symbol for key in self._watched if key not in self._parts.board.instruments]
        text = f"not listed or not trading: {', '.join(missing)}" if missing else ""
        if problem:
            self._say_once("mode", problem, "error")
        self._standing = Standing(account, text, problem, ready=True)

    def _up(self) -> VenueUp:
        """On the private stream's thread, before its first frame."""
        standing = self._standing
        watched = tuple(self._instruments[key.symbol] for key in self._watched if key.symbol in self._instruments)
        return VenueUp(self.market, self.config.category, standing.account, watched, self._sync.now_ms(),
                       standing.can_trade, standing.problem)

    def _keys_refused(self, error: KeysRejected) -> None:
        if self._standing.keys_refused:
            return
        text = (f"the API key is not accepted ({error.text}): market data only; check key, permissions and allowed "
                "addresses, then press F3")
        self._standing = replace(self._standing, text=text, keys_refused=True, ready=True)
        self._private.hold()
        self._parts.sink(Notice(self.market, text, "error"))

    # ------------------------------------------------------------ keeping up (keeper)

    def _question_failed(self, error: VenueError) -> None:
        """While coming up, the reason is shown. A refused time is measured before the question is asked again."""
        if not self._standing.ready:
            self._standing = replace(self._standing, text=error.text)
            self._say_once(error.text, f"{error.text}. Trying again until it works", "warning")
        if not is_clock(error):
            return
        try:
            read_clock(self._keeper_rest, self._calls, self._sync, self._parts.clock)
        except VenueError as failure:
            log.info("%s: the clock could not be read: %s", self.config.title, failure)

    def _keep_clock(self) -> Question:
        read_at = self._parts.clock.monotonic()
        while True:
            yield min(1.0, self._parts.timings.keeper * 2)
            due = self._parts.clock.monotonic() - read_at > self._parts.timings.sync_clock
            if not due and not self._sync.has_jumped():
                continue
            yield from self._read_clock()
            if due:
                yield from self._read_instruments()
            read_at = self._parts.clock.monotonic()
            if self._sync.problem() and not self._standing.problem:
                self.reconnect()

    def _keep_listen_key(self) -> Question:
        while True:
            if self._private.status.is_open:
                try:
                    yield self._calls.listen_key("PUT")
                except Rejected as error:
                    gone = "expired" if error.code == LISTEN_KEY_GONE else "could not be prolonged"
                    self._private.post(f"the key of the private stream {gone}")
            yield self._parts.timings.listen_key

    def _ask(self, name: str, make: Callable[[], Question], rank: int) -> None:
        """A question that waits until the account is known and the keys are good."""
        def question() -> Question:
            while not (self._standing.ready and self._standing.account) or self._standing.keys_refused:
                yield self._parts.timings.keeper
            yield from make()

        self._keeper.post(name, question, rank)

    # ------------------------------------------------------------ watching (loader)

    def _on_loader(self, act: Callable[[], None]) -> None:
        def question() -> Question:
            act()
            yield from ()

        self._asker.post("watch", question, RANK_WATCH)

    def _watch(self, key: Key) -> None:
        if key not in self._watched:
            self._watched = (*self._watched, key)
        if not self._instruments:
            return                       # not known yet: `_bring_up` comes back to it
        if key in self._parts.board.instruments:
            self._pool.watch(key)
        else:
            self._parts.sink(Notice(self.market, f"{key.symbol} is not listed or not trading on {self.config.title}: "
                                                 "it is left out", "warning"))

    def _unwatch(self, key: Key) -> None:
        self._watched = tuple(one for one in self._watched if one != key)
        self._pool.unwatch(key)

    def _want_candles(self, key: Key, timeframe: str) -> None:
        if not self._instruments:
            self._asker.post("candles", lambda: self._later(lambda: self._want_candles(key, timeframe)), RANK_WATCH,
                             self._parts.timings.keeper)
        elif key in self._parts.board.instruments:
            self._pool.want_candles(key, timeframe)

    @staticmethod
    def _later(act: Callable[[], None]) -> Question:
        act()
        yield from ()

    # ------------------------------------------------------------ parts

    def _key(self, symbol: str) -> Key:
        return Key(self.market, self.config.category, symbol)

    def _rest(self, answer_s: float) -> Rest:
        timings = self._parts.timings
        client = Client(self.market, self.config.http, timings.connect, answer_s, self._context)
        self._clients.append(client)
        return Rest(client, self._parts.credentials, self._sync, self._limiter, self._parts.clock,
                    timings.request_life)

    def _cancel_everything(self, rest: Rest) -> tuple[int, int, str]:
        done, asked, failure = 0, 0, ""
        try:
            if not self._sync.is_known:
                read_clock(rest, self._calls, self._sync, self._parts.clock)
            orders = parse.orders(self._urgent(rest, self._calls.open_orders(Rank.CANCEL)), self.config.category)
        except VenueError as error:
            return 0, 0, error.text
        symbols = sorted({order.key.symbol for order in orders})
        for symbol in symbols:
            asked += 1
            try:
                self._urgent(rest, self._calls.cancel_all(symbol))
                done += 1
            except VenueError as error:
                failure = failure or f"{symbol}: {error.text}"
        return done, asked, failure

    def _urgent(self, rest: Rest, call: Call) -> bytes:
        """Send now; a refused time is measured again and the call sent a second time."""
        wait = rest.turn(call)
        if wait > 0:
            raise Throttled(self.market, f"the exchange lets no request through for {wait:.0f} s", retry_after=wait)
        try:
            return rest.send(call)
        except Throttled as error:
            if not is_clock(error):
                raise
        read_clock(rest, self._calls, self._sync, self._parts.clock)
        return rest.send(call)
