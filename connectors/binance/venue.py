"""Binance, one product: what it adds to `connectors.product`. Coming up also reads position mode and margin mode."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from connectors import keeper
from connectors.asker import Question
from connectors.binance import conditional as algo
from connectors.binance import leverage, parse, rights
from connectors.binance.desk import OrderDesk, read_clock
from connectors.binance.errors import LISTEN_KEY_GONE, RULES, is_clock
from connectors.binance.listen_key import ListenKey
from connectors.binance.loading import Loader
from connectors.binance.pool import Pool
from connectors.binance.private import Joined, PrivateFeed
from connectors.binance.products import PRODUCTS
from connectors.binance.questions import Questions
from connectors.binance.rest import Endpoints, Rest
from connectors.binance.triggered import Triggered
from connectors.complaints import Complaints
from connectors.http import Call, Client, Rank
from connectors.keeper import Standing
from connectors.limiter import ORDERS, WEIGHT, Budget, Limiter
from connectors.product import Asking, ProductVenue
from connectors.stream import Stream
from connectors.venue import Cancelled, VenueConfig, VenueParts, wait_of
from core.errors import KeysRejected, Rejected, VenueError
from models import Key, LeverageReport, Notice, Reject, SetLeverage

log = logging.getLogger(__name__)

# Until exchangeInfo tells the limits: those of 2026 (binance.md section 4); the first answer tells what is used.
FIRST_BUDGETS = (Budget(WEIGHT, 60, 2400), Budget(ORDERS, 10, 300), Budget(ORDERS, 60, 1200))
HEDGE = ("the account is in hedge mode, where orders need a position side: set Position Mode to One-way Mode "
         "on Binance (Futures, Preferences), then press F3")
MULTI = ("the account is in multi-assets mode, where margin is shared over currencies: set Asset Mode to "
         "Single-Asset Mode on Binance (Futures, Preferences), then press F3")


class Binance(ProductVenue[Rest]):
    """One product of Binance."""

    market = parse.MARKET

    def __init__(self, config: VenueConfig, parts: VenueParts) -> None:
        self._calls = Endpoints(PRODUCTS[config.category])
        self._triggered = Triggered()
        self._armed: set[str] = set()    # keeper: symbols whose orders the exchange cancels when it does not hear of us
        super().__init__(config, parts, Limiter(FIRST_BUDGETS))    # of a shared one what was told stays

    # ------------------------------------------------------------ parts

    def _make_rest(self, client: Client) -> Rest:
        return Rest(client, self._parts.credentials, self._sync, self.limiter, self._parts.clock,
                    self._parts.timings.request_life)

    def _make_pool(self) -> Pool:
        loader = Loader(self._asker, self._calls, self._sync, self._parts.clock, self.config.candles)
        return Pool(self.config.title, self.config, self._parts, loader, self._sync, self._parts.on_death)

    def _make_questions(self) -> Questions:
        return Questions(self._calls, self._sync, self._parts.sink, lambda: self._standing.account,
                         self._triggered)

    def _make_desk(self) -> OrderDesk:
        return OrderDesk(self._trader_rest, self._calls, self._sync, self._parts.clock, lambda: self._standing)

    def _make_private(self) -> Stream:
        parts, name, timings = self._parts, f"{self.config.title} private", self._parts.timings
        feed = PrivateFeed(self.config.category, ListenKey(self._rest(timings.answer / 2), self._calls,
                                                           self.config.private_ws, parts.known),
                           parts.sink, self._up, lambda: self._standing.account, self._keys_refused,
                           Complaints(name), self._triggered, self._ask_join)
        return Stream(name, feed, parts.clock, timings, timings.silence_private, parts.on_death, held=True,
                      renewed=feed.renewed, pace=parts.pace)

    # ------------------------------------------------------------ what is asked (keeper)

    def _start_more(self) -> None:
        if self._has_keys:
            self._keeper.post("listen key", self._keep_listen_key, keeper.RANK_CLOCK, self._parts.timings.listen_key)

    def _read_clock(self) -> Asking:
        sent = self._parts.clock.monotonic()
        body = yield self._calls.time()
        self._sync.take(parse.server_time(body), sent, self._parts.clock.monotonic())

    def _read_instruments(self) -> Asking:
        body = yield self._calls.exchange_info()
        instruments, budgets, problems = parse.exchange_info(body, self.config.category)
        self.limiter.add_budgets(budgets)     # shared by USD-M and COIN-M, whose lists differ (binance.md 8.1)
        self._publish_instruments(instruments, problems)

    def _read_account(self) -> Asking:
        account = parse.account_alias((yield self._calls.account_id()))
        problem = rights.problem(self.config.http, self._parts, self._sync, self._clients)
        if parse.is_hedge_mode((yield self._calls.position_mode())):
            problem = HEDGE
        elif self._calls.has("multi_assets") and parse.is_multi_assets((yield self._calls.multi_assets())):
            problem = MULTI
        if problem:
            self._say_once("account", problem, "error")
        yield from self._tell_leverage()
        self._standing = Standing(account, self._missing(), problem, ready=True)

    def _ask_join(self, symbol: str, order_id: str) -> None:
        """On the private connection's thread: whose order is this? Mostly the stream itself says it at once."""
        questions = self._questions
        assert isinstance(questions, Questions)
        self._keeper.post("triggered order", lambda: questions.joined(
            symbol, int(order_id), lambda: self._private.post(Joined(symbol, order_id))), keeper.RANK_ORDER,
            self._parts.timings.ask_unknown)

    def _tell_leverage(self) -> Asking:
        """Leverage and margin type of the watched symbols; who does not tell the largest one leaves it open."""
        told = leverage.of_symbols((yield self._calls.symbol_config()))
        most: Mapping[str, int] = {}
        try:
            most = leverage.largest((yield self._calls.brackets()))
        except Rejected as error:
            log.info("%s: largest leverages are not told: %s", self.config.title, error.text)
        for key in self._watched:
            if key.symbol in told:
                factor, isolated = told[key.symbol]
                self._parts.sink(LeverageReport(key, factor, isolated, most.get(key.symbol)))

    def watch(self, key: Key) -> None:
        """Stream this instrument too, and tell how it is margined."""
        super().watch(key)
        if self._standing.account and not self._standing.keys_refused:
            self._keeper.drop("leverages")
            self._keeper.post("leverages", self._tell_leverage, keeper.RANK_ACCOUNT)

    def _set_leverage(self, request: SetLeverage) -> Question:
        symbol = request.key.symbol
        try:
            now = leverage.answer((yield self._calls.set_leverage(symbol, request.leverage)))
        except Rejected as error:
            text = f"{self.config.title}: the leverage of {symbol} stays: {error.text}"
            self._parts.sink(Notice(self.market, text, "warning"))
            return
        self._parts.sink(LeverageReport(request.key, now))

    def _countdown(self, milliseconds: int) -> Sequence[Call]:
        """For each watched symbol; one that is not watched any more is let go."""
        watched = {key.symbol for key in self._watched if key.symbol in self._instruments}
        let_go, self._armed = self._armed - watched, watched
        return [*(self._calls.countdown(symbol, 0) for symbol in sorted(let_go)),
                *(self._calls.countdown(symbol, milliseconds) for symbol in sorted(watched))]

    def _keep_listen_key(self) -> Question:
        while True:
            if self._private.status.is_open:
                try:
                    yield self._calls.listen_key("PUT")
                except Rejected as error:
                    gone = "expired" if error.code == LISTEN_KEY_GONE else "could not be prolonged"
                    self._private.post(f"the key of the private stream {gone}")
            yield self._parts.timings.listen_key

    # ------------------------------------------------------------ on the caller's thread

    def _clock_now(self, rest: Rest) -> None:
        read_clock(rest, self._calls, self._sync, self._parts.clock)

    def _is_about_rules(self, reject: Reject) -> bool:
        return reject.code in RULES

    def _is_clock(self, error: VenueError) -> bool:
        return is_clock(error)

    def _cancel_everything(self, rest: Rest) -> Cancelled:
        category, calls = self.config.category, self._calls
        failures: list[VenueError] = []

        def read(call: Call, rows: Callable[[bytes], tuple[Key, ...]]) -> Counter[str]:
            """What is open; the configured symbols where that cannot be told: their orders are ended all the same."""
            try:
                return Counter(key.symbol for key in rows(self._urgent(rest, call)))
            except KeysRejected:
                raise
            except VenueError as error:
                failures.append(error)
                return Counter(dict.fromkeys(self.config.symbols, 0))

        try:
            if not self._sync.is_known:
                self._clock_now(rest)
            plain = read(calls.open_orders(Rank.CANCEL), lambda body: tuple(
                one.key for one in parse.orders(body, category)))
            waiting = read(calls.open_conditional(Rank.CANCEL), lambda body: tuple(
                one.key for one in algo.rows(body, category)))
        except VenueError as error:
            return Cancelled(0, 0, error.text, wait=wait_of(error))
        found = {symbol: plain[symbol] + waiting[symbol] for symbol in (*waiting, *plain)}
        done = []
        for symbol in sorted(found):
            try:
                # Conditional ones first: one that triggers meanwhile is ended with the plain ones.
                if symbol in waiting:
                    self._urgent(rest, calls.cancel_all_conditional(symbol))
                self._urgent(rest, calls.cancel_all(symbol))
                done.append((symbol, found[symbol]))
            except VenueError as error:
                failures.append(error)
        return Cancelled(len(done), len(found), failures[0].text if failures else "", tuple(done),
                         max(map(wait_of, failures), default=0.0))
