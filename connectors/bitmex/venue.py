"""BitMEX, one category: what it adds to `connectors.product`. Several categories are several objects of one account.

Each object streams and answers for the instruments of its category alone; main hands them one `Limiter`, because the
venue counts their requests together. With the closed venue's own addresses it asks once, says so and stays off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from connectors.asker import Question
from connectors.bitmex import auth, parse
from connectors.bitmex.contracts import Contract, instruments
from connectors.bitmex.desk import OrderDesk, read_clock, take_clock
from connectors.bitmex.errors import is_clock
from connectors.bitmex.loading import Loader
from connectors.bitmex.pool import Pool
from connectors.bitmex.private import Doorkeeper, PrivateFeed
from connectors.bitmex.questions import Questions
from connectors.bitmex.rest import MINUTE, SECOND, Endpoints, Rest
from connectors.complaints import Complaints
from connectors.http import Call, Client
from connectors.keeper import Standing
from connectors.limiter import ORDERS, WEIGHT, Budget, Limiter
from connectors.product import Asking, ProductVenue
from connectors.stream import Stream
from connectors.venue import Cancelled, VenueConfig, VenueParts, wait_of
from core.errors import Rejected, VenueError
from core.hosts import Reach, reach
from core.numbers import printable
from models import Category, Key, Notice, Reject, SetLeverage

CLOSED = date(2026, 9, 23)
# Until a header tells them: those of a signed account (bitmex.md section 9).
FIRST_BUDGETS = (Budget(WEIGHT, MINUTE, 120), Budget(ORDERS, SECOND, 10))
HEDGE = ("the account is in hedge mode, where an instrument may be long and short at once: set Position Mode to "
         "One-way at the exchange, then press F3")
WITHDRAWS = ("this API key may withdraw, and is refused: make one that may place and cancel orders and nothing else, "
             "then press F3")


def is_public_address(http: str) -> bool:
    """Whether this is the closed venue's own address, live or test."""
    return reach(http) in (Reach.LIVE, Reach.TEST)


class Bitmex(ProductVenue[Rest]):
    """One category of BitMEX."""

    wallet = "account"       # margin is told per account, for all categories together
    market = auth.MARKET

    def __init__(self, config: VenueConfig, parts: VenueParts) -> None:
        self._contracts: Mapping[str, Contract] = {}
        self._categories: Mapping[str, Category] = {}
        self._calls = Endpoints(lambda: self._contracts, self._price)
        super().__init__(replace(config, http=auth.base_of(config.http)), parts, Limiter(FIRST_BUDGETS))

    # ------------------------------------------------------------ parts

    def _make_rest(self, client: Client) -> Rest:
        return Rest(client, self._parts.credentials, self._sync, self.limiter, self._parts.clock,
                    self._parts.timings.request_life,
                    lambda: bool(self._standing.account) and not self._standing.keys_refused)

    def _make_pool(self) -> Pool:
        loader = Loader(self._asker, self._calls, self._sync, self.config.candles)
        return Pool(self.config, self._parts, loader, self._sync, lambda: self._contracts, self._state_changed)

    def _make_questions(self) -> Questions:
        return Questions(self._calls, self._sync, self._parts.sink, self.config.category,
                         lambda: self._standing.account, lambda: self._contracts)

    def _make_desk(self) -> OrderDesk:
        return OrderDesk(self._trader_rest, self._calls, self._sync, self._parts.clock, lambda: self._standing,
                         lambda: self._contracts)

    def _make_private(self) -> Stream:
        parts, name, timings = self._parts, f"{self.config.title} private", self._parts.timings
        door = Doorkeeper(self._rest(timings.answer / 2), self._calls, self.config.private_ws, parts.credentials,
                          self._sync, timings.request_life, self._clock_now)
        self._private_feed = PrivateFeed(
            self.config.category, door, parts.sink, self._up, lambda: self._standing.account,
            lambda: self._contracts, self._keys_refused, parts.clock, timings, Complaints(name))
        return Stream(name, self._private_feed, parts.clock, timings, timings.silence_private, parts.on_death,
                      held=True, headers=door.headers, text_ping=True, renewed=self._private_feed.renewed,
                      pace=parts.pace)

    # ------------------------------------------------------------ what is asked (keeper)

    def _start_more(self) -> None:
        if self.config.options:
            names = ", ".join(self.config.options)
            text = f"no options: BitMEX has none, so {names} of OPTION_SYMBOLS are left out"
            self._parts.sink(Notice(self.market, text, "warning"))

    def _bring_up(self) -> Question:
        if not is_public_address(self.config.http):
            yield from super()._bring_up()
            return
        yield from self._stay_off()

    def _stay_off(self) -> Question:
        """Ask once, whatever comes back say so, and be off."""
        self._is_off = True
        text = (f"BitMEX closed on {CLOSED}: this market stays off; the bundled exchange or a recorded session can "
                "take its place")
        self._standing = Standing(text=text, problem=text)
        try:
            self._keeper_rest.send(self._calls.time())
        except VenueError as error:
            text = text.replace(":", f" and does not answer ({error.text}):", 1)
        self._standing = Standing(text=text, problem=text)
        self._parts.sink(Notice(self.market, text, "warning"))
        yield from ()

    def _read_clock(self) -> Asking:
        sent = self._parts.clock.monotonic()
        body = yield self._calls.time()
        take_clock(body, self._keeper_rest.date_ms, self._sync, sent, self._parts.clock.monotonic())

    def _read_instruments(self) -> Asking:
        contracts, problems = instruments((yield self._calls.instruments()))
        self._categories = {one.instrument.key.symbol: one.instrument.key.category for one in contracts}
        mine = {one.instrument.key.symbol: one for one in contracts
                if one.instrument.key.category is self.config.category}
        # What is not listed any more may still have orders and fills: it stays known, and is not traded.
        gone = {symbol: replace(one, instrument=replace(one.instrument, trading=False))
                for symbol, one in self._contracts.items() if symbol not in mine}
        self._contracts = {**gone, **mine}
        self._publish_instruments([one.instrument for one in self._contracts.values()], problems)

    def _read_account(self) -> Asking:
        credentials = self._parts.credentials
        assert credentials is not None
        rights: tuple[str, ...] = ()
        try:
            rights = parse.permissions((yield self._calls.keys()), credentials.header_key())
        except Rejected:
            rights = ()                  # not told here: the first order will show what the key may do
        account = parse.account(parse.margins((yield self._calls.margin())))
        rows = parse.positions((yield self._calls.positions()))
        self._tell_leverage(rows)
        problem = WITHDRAWS if "withdraw" in rights else \
            HEDGE if any(row.strategy in ("Long", "Short") and row.current_qty for row in rows) else ""
        self._standing = Standing(account, self._missing(), problem, ready=True)

    def _price(self, key: Key) -> Decimal | None:
        """What an instrument costs now, as the board shows it."""
        ticker = self._parts.board.tickers.get(key)
        return None if ticker is None else ticker.last or ticker.mark

    def _tell_leverage(self, rows: list[parse.PositionRow]) -> None:
        """Of the watched instruments; one that was never traded is margined as the venue begins, which is not told."""
        if self.config.category is Category.SPOT:
            return                       # no margin there
        told = {row.symbol: row for row in rows}
        for key in self._watched:
            contract = self._contracts.get(key.symbol)
            if contract is not None:
                row = told.get(key.symbol) or parse.PositionRow(key.symbol)
                self._parts.sink(parse.leverage(row, contract))

    def _set_leverage(self, request: SetLeverage) -> Question:
        symbol = request.key.symbol
        contract = self._contracts.get(symbol)
        try:
            row = parse.one_position((yield self._calls.set_leverage(symbol, request.leverage)))
        except Rejected as error:
            text = f"{self.config.title}: the leverage of {symbol} stays: {error.text}"
            self._parts.sink(Notice(self.market, text, "warning"))
            return
        if contract is not None:
            self._parts.sink(parse.leverage(row, contract))

    def _countdown(self, milliseconds: int) -> Sequence[Call]:
        """One for the whole account; each category asks, and the last one to end takes it back."""
        return [self._calls.cancel_all_after(milliseconds)]

    def _elsewhere(self, symbol: str) -> str:
        listed = self._categories.get(symbol)
        if listed is None or listed is self.config.category:
            return super()._elsewhere(symbol)
        return f"{symbol} is {listed.value}, not {self.config.category.value}: " \
               f"move it to {listed.value.upper()}_SYMBOLS"

    def _state_changed(self, key: Key, state: str) -> None:
        """On the public connection's thread: the venue opened or closed an instrument while we run."""
        contract = self._contracts.get(key.symbol)
        if contract is None:
            return
        if state == "Open":
            self._parts.board.instruments[key] = replace(contract.instrument, trading=True)
        elif self._parts.board.instruments.pop(key, None) is not None:
            self._parts.sink(Notice(self.market, f"{key.symbol} is not traded any more: the exchange says "
                                                 f"“{printable(state, 20)}”", "warning"))

    # ------------------------------------------------------------ on the caller's thread

    def _clock_now(self, rest: Rest) -> None:
        read_clock(rest, self._calls, self._sync, self._parts.clock)

    def _is_about_rules(self, reject: Reject) -> bool:
        return reject.text.startswith(("Invalid price", "Invalid orderQty", "Invalid stopPx", "Invalid symbol"))

    def _is_clock(self, error: VenueError) -> bool:
        return is_clock(error)

    def _cancel_everything(self, rest: Rest) -> Cancelled:
        """One request ends all orders of the account, of whatever category; each answer is looked at."""
        try:
            if not self._sync.is_known:
                self._clock_now(rest)
            rows = parse.orders(self._urgent(rest, self._calls.cancel_all()))
        except VenueError as error:
            return Cancelled(0, 1, error.text, wait=wait_of(error))
        failed = {row.symbol: printable(row.error) for row in rows if row.error}
        found = Counter(row.symbol for row in rows)
        failure = next((f"{symbol}: {text}" for symbol, text in failed.items()), "")
        done = tuple((symbol, count) for symbol, count in sorted(found.items()) if symbol not in failed)
        return Cancelled(len(done), len(found), failure, done)
