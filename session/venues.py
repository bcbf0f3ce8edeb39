"""The venues of a session: made from the settings, one of them put in another's place when the settings change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors import limit_pool, venue_class
from connectors.limiter import Limiter
from connectors.venue import Cancelled, Sink, Venue, VenueConfig, VenueParts
from core.board import Board
from core.clock import SystemClock
from core.errors import TerminalError
from core.secrets import Credentials, KnownSecrets
from core.settings import MarketSettings, ProductSettings, Settings
from core.titles import product_title
from models import Category, Key, Notice, Timings

VenueId = tuple[str, Category]
APART_ANSWER_S = 5.0      # a person waits for it
_WORDS = (("symbols", ("symbols", "options", "currencies")),
          ("addresses", ("http", "public_ws", "market_ws", "private_ws")),
          ("depth of the book", ("quote_only", "full_book")), ("candles", ("candles",)),
          ("dead-man switch", ("dead_man_s",)))


def venue_config(settings: Settings, market: MarketSettings, product: ProductSettings) -> VenueConfig:
    """Addresses and choices of one product."""
    general, hosts = settings.general, product.hosts
    is_first = product is market.products[0]
    return VenueConfig(
        category=product.category, title=product_title(market.name, product.category), http=hosts.rest,
        public_ws=hosts.public, market_ws=hosts.market, private_ws=hosts.private, symbols=product.symbols,
        quote_only=general.quote_only, full_book=general.order_book_depth == "full",
        options=market.options if is_first else (), currencies=market.currencies, candles=general.history_candles,
        dead_man_s=general.dead_man_s)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a product is to be: its configuration and its keys."""

    market: str
    config: VenueConfig
    credentials: Credentials | None

    @property
    def where(self) -> VenueId:
        """Market and category."""
        return self.market, self.config.category

    @property
    def keys(self) -> tuple[Key, ...]:
        """The symbols the settings name."""
        return tuple(Key(self.market, self.config.category, symbol) for symbol in self.config.symbols)

    def changes(self, old: Plan) -> list[str]:
        """What differs from another plan of the same product, in words."""
        found = [words for words, names in _WORDS
                 if any(getattr(self.config, name) != getattr(old.config, name) for name in names)]
        return found if _same_keys(self.credentials, old.credentials) else [*found, "API key"]


def plans(settings: Settings) -> dict[VenueId, Plan]:
    """Every product of the settings."""
    made = [Plan(market.name, venue_config(settings, market, product), product.credentials)
            for market in settings.markets for product in market.products]
    return {plan.where: plan for plan in made}


def _same_keys(one: Credentials | None, other: Credentials | None) -> bool:
    """A secret cannot be asked for: what it signs tells."""
    if one is None or other is None:
        return one is other
    return one.header_key() == other.header_key() and one.sign(b"-") == other.sign(b"-")


def parts_apart(board: Board, sink: Sink, known: KnownSecrets) -> VenueParts:
    """What venues are made of whose threads are never started: a command looks or cancels through them."""
    return VenueParts(board=board, sink=sink, on_candle=lambda *candle: None, on_death=lambda name, error: None,
                      clock=SystemClock(), timings=replace(Timings(), connect=3.0, answer=APART_ANSWER_S),
                      credentials=None, known=known)


class Venues:
    """All venues. `all` is replaced whole, so that any thread may walk it."""

    def __init__(self, parts: VenueParts) -> None:
        self._parts = parts
        self._limiters: dict[tuple[str, str], Limiter] = {}    # pool of the exchange, API key
        self._wanted: dict[tuple[Key, str], None] = {}         # candles: the chart's and the bots'
        self.plans: dict[VenueId, Plan] = {}
        self.all: tuple[Venue, ...] = ()

    def add(self, plan: Plan) -> None:
        """Before the start."""
        self.put(plan.where, self.make(plan), plan)

    def make(self, plan: Plan) -> Venue:
        """A venue whose threads do not run yet. Products the exchange counts together share a limiter."""
        pool = (limit_pool(*plan.where), plan.credentials.header_key() if plan.credentials else "")
        make: Callable[[VenueConfig, VenueParts], Venue] = venue_class(*plan.where)
        venue = make(plan.config, replace(self._parts, credentials=plan.credentials,
                                          limiter=self._limiters.get(pool)))
        self._limiters[pool] = venue.limiter
        return venue

    def of(self, where: VenueId) -> Venue | None:
        """The venue of a product."""
        return next((venue for venue in self.all if (venue.market, venue.config.category) == where), None)

    def put(self, where: VenueId, venue: Venue | None, plan: Plan | None) -> None:
        """In its place from now on; None: the product is gone."""
        old = self.of(where)
        if venue is None or plan is None:
            self.plans.pop(where, None)
            self.all = tuple(one for one in self.all if one is not old)
            return
        self.plans[where] = plan
        self.all = (*self.all, venue) if old is None else tuple(venue if one is old else one for one in self.all)

    def start(self, venue: Venue) -> None:
        """Its threads, and the candles somebody wants of it."""
        venue.start()
        for key, timeframe in list(self._wanted):
            if key[:2] == (venue.market, venue.config.category):
                venue.want_candles(key, timeframe)

    def want_candles(self, key: Key, timeframe: str) -> None:
        """Load and stream candles of this timeframe."""
        self._wanted[(key, timeframe)] = None
        venue = self.of((key.market, key.category))
        if venue is not None:
            venue.want_candles(key, timeframe)

    def cancel_directly(self, after: Callable[[], None]) -> None:
        """The kill switch, straight to the venues, each on a thread of its own."""
        sink = self._parts.sink

        def run(venue: Venue) -> None:
            try:
                reached = venue.cancel_everything()
            except TerminalError as error:
                reached = Cancelled(0, 1, str(error))
            failed = f"; {reached.failure}" if reached.failure else ""
            sink(Notice(venue.market, f"{venue.config.title}: cancel all answered for {reached.done} of "
                                      f"{reached.asked} symbols{failed}", "warning" if failed else "info"))

        def ask_after(threads: list[threading.Thread]) -> None:
            for thread in threads:
                thread.join()
            after()                                            # once: it costs much of the budget

        threads = [threading.Thread(target=run, args=(venue,), name=f"cancel all {venue.config.title}", daemon=True)
                   for venue in self.all]
        for thread in threads:
            thread.start()
        threading.Thread(target=ask_after, args=(threads,), name="after cancel all", daemon=True).start()


def clear_board(board: Board, where: VenueId, old: Plan | None, new: Plan | None) -> None:
    """After a venue has ended: what nobody writes any more goes, what is written anew is not called live."""
    if new is None:
        board.venues.pop(where, None)
    if new is None or old is None or "addresses" in new.changes(old):
        for key in [key for key in list(board.instruments) if key[:2] == where]:
            board.instruments.pop(key, None)
    kept = new.keys if new is not None else ()
    for key in [key for key in list(board.books) if key[:2] == where]:
        if key in kept:
            board.books[key] = replace(board.books[key], live=False, reason="settings changed")
    gone = {key for kind in (board.books, board.tops, board.tickers) for key in list(kind)
            if key[:2] == where and key not in kept}
    for key in gone:
        for kind in (board.books, board.tops, board.tickers):
            kind.pop(key, None)
    for name in [name for name in list(board.candles) if name[0] in gone]:
        board.candles.pop(name, None)


def ended(venue: Venue, within: float) -> tuple[str, ...]:
    """Stop it and wait; the names of threads that still run."""
    until = time.monotonic() + within
    venue.stop()
    return venue.join(max(0.1, until - time.monotonic()))
