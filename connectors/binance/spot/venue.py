"""Binance spot: what it adds to `connectors.product`. No positions, no mark price, no leverage, no listen key."""

from __future__ import annotations

from collections import Counter

from connectors import keeper
from connectors.binance import parse, rights
from connectors.binance.desk import read_clock
from connectors.binance.errors import RULES, is_clock
from connectors.binance.loading import Loader
from connectors.binance.pool import Pool
from connectors.binance.rest import Rest
from connectors.binance.spot import errors as spot_errors
from connectors.binance.spot import parse as spot_parse
from connectors.binance.spot import transfers
from connectors.binance.spot.desk import SpotDesk
from connectors.binance.spot.private import SpotFeed, Subscriber
from connectors.binance.spot.questions import SpotQuestions
from connectors.binance.spot.rest import SpotEndpoints
from connectors.complaints import Complaints
from connectors.http import Client, Rank
from connectors.keeper import Standing
from connectors.limiter import ORDERS, RAW, WEIGHT, Budget, Limiter
from connectors.product import Asking, ProductVenue
from connectors.stream import Stream
from connectors.venue import Cancelled, VenueConfig, VenueParts, wait_of
from core.errors import KeysRejected, VenueError
from models import Notice, Reject

# Until exchangeInfo tells the limits: the lowest documented (binance.md section 4). They are spot's own: futures count
# apart.
FIRST_BUDGETS = (Budget(WEIGHT, 60, 6000), Budget(ORDERS, 10, 50), Budget(ORDERS, 86_400, 160_000),
                 Budget(RAW, 300, 61_000))
NO_TRADE = ("this account may not trade spot now: see its state and the key's permissions at the exchange, then "
            "press F3")
NO_DEAD_MAN = ("Binance spot has no dead-man switch: its orders stay when this terminal is gone; futures orders end as "
               "set")


class BinanceSpot(ProductVenue[Rest]):
    """Spot."""

    market = parse.MARKET

    def __init__(self, config: VenueConfig, parts: VenueParts) -> None:
        self._calls = SpotEndpoints(lambda: self.limiter.usage(parts.clock.monotonic()))
        super().__init__(config, parts, Limiter(FIRST_BUDGETS))

    # ------------------------------------------------------------ parts

    def _make_rest(self, client: Client) -> Rest:
        return Rest(client, self._parts.credentials, self._sync, self.limiter, self._parts.clock,
                    self._parts.timings.request_life, spot_errors.failure)

    def _make_pool(self) -> Pool:
        loader = Loader(self._asker, self._calls, self._sync, self._parts.clock, self.config.candles)
        return Pool(self.config.title, self.config, self._parts, loader, self._sync, self._parts.on_death)

    def _make_questions(self) -> SpotQuestions:
        return SpotQuestions(self._calls, self._sync, self._parts.sink, lambda: self._standing.account,
                             transfers.has_history(self.config.http))

    def _make_desk(self) -> SpotDesk:
        return SpotDesk(self._trader_rest, self._calls, self._sync, self._parts.clock, lambda: self._standing)

    def _make_private(self) -> Stream:
        parts, name, timings = self._parts, f"{self.config.title} private", self._parts.timings
        subscriber = Subscriber(self._rest(timings.answer / 2), self.config.private_ws, parts.credentials, self._sync,
                                self._clock_now)
        feed = SpotFeed(subscriber, parts.sink, self._up, lambda: self._standing.account, self._keys_refused,
                        self._ask_balances, parts.clock, timings, Complaints(name),
                        transfers.has_history(self.config.http))
        return Stream(name, feed, parts.clock, timings, timings.silence_private, parts.on_death, held=True,
                      renewed=feed.renewed, pace=parts.pace)

    # ------------------------------------------------------------ what is asked (keeper)

    def _start_more(self) -> None:
        if self._has_keys and self.config.dead_man_s > 0:
            self._parts.sink(Notice(self.market, NO_DEAD_MAN, "warning"))

    def _read_clock(self) -> Asking:
        sent = self._parts.clock.monotonic()
        body = yield self._calls.time()
        self._sync.take(parse.server_time(body), sent, self._parts.clock.monotonic())

    def _read_instruments(self) -> Asking:
        instruments, budgets, problems = spot_parse.exchange_info((yield self._calls.exchange_info()))
        if budgets:
            self.limiter.set_budgets(budgets)
        self._publish_instruments(instruments, problems)

    def _read_account(self) -> Asking:
        account = spot_parse.account((yield self._calls.account()))
        problem = rights.problem(self.config.http, self._parts, self._sync, self._clients)
        if not problem and not account.can_trade:
            problem = NO_TRADE
        if problem:
            self._say_once("account", problem, "error")
        self._standing = Standing(account.name, self._missing(), problem, ready=True)

    def _ask_balances(self) -> None:
        """On the private connection's thread: money came or went from outside."""
        questions = self._questions
        assert isinstance(questions, SpotQuestions)
        self._keeper.drop("balances")
        self._keeper.post("balances", questions.balances, keeper.RANK_ACCOUNT)

    # ------------------------------------------------------------ on the caller's thread

    def _clock_now(self, rest: Rest) -> None:
        read_clock(rest, self._calls, self._sync, self._parts.clock)

    def _is_about_rules(self, reject: Reject) -> bool:
        return reject.code in RULES

    def _is_clock(self, error: VenueError) -> bool:
        return is_clock(error)

    def _cancel_everything(self, rest: Rest) -> Cancelled:
        failures: list[VenueError] = []
        try:
            if not self._sync.is_known:
                self._clock_now(rest)
            orders = spot_parse.orders(self._urgent(rest, self._calls.open_orders(Rank.CANCEL)))
            found = Counter(order.key.symbol for order in orders)
        except KeysRejected as error:
            return Cancelled(0, 0, error.text)
        except VenueError as error:      # it cannot be told what is open: orders of the configured symbols end anyhow
            failures.append(error)
            found = Counter(dict.fromkeys(self.config.symbols, 0))
        done = []
        for symbol in sorted(found):
            try:
                self._urgent(rest, self._calls.cancel_all(symbol))
            except VenueError as error:
                if not spot_errors.is_gone(error):       # else the last of them ended meanwhile
                    failures.append(error)
                    continue
            done.append((symbol, found[symbol]))
        return Cancelled(len(done), len(found), failures[0].text if failures else "", tuple(done),
                         max(map(wait_of, failures), default=0.0))
