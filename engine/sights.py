"""What a decision may know of the world: the time, and the market as the board shows it just now. Engine thread."""

from __future__ import annotations

from decimal import Decimal

from core.board import Board
from core.clock import Clock
from core.titles import product_title
from engine.commands import TakeOver
from engine.state import Now, Sight, State
from models import Category, Health, Instrument, Key, Robot
from risk.sizing import entry_quantity


class Sights:
    """Reads the board for the engine; takes no lock and keeps nothing."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board, self._clock = board, clock

    def now(self) -> Now:
        """The time, the venue's clock included as far as it was measured."""
        wall = self._clock.wall_ms()
        offsets = (venue.clock_offset_ms for venue in list(self._board.venues.values()))
        offset = next((one for one in offsets if one is not None), 0.0)
        return Now(wall, self._clock.monotonic(), wall - round(offset))

    def of(self, message: object, state: State) -> Sight:
        """The market a message is about; an empty sight for messages about none."""
        key = getattr(message, "key", None) or getattr(getattr(message, "request", None), "key", None)
        if isinstance(message, TakeOver):
            key = Key(message.market, message.category, message.symbol)
        if not isinstance(key, Key):
            return Sight()
        board = self._board
        ticker = board.tickers.get(key)
        return Sight(board.instruments.get(key), self._book_problem(key),
                     self._venue_problem(key.market, key.category, state),
                     ticker.mark or ticker.last if ticker else None, board.tops.get(key))

    def plain(self, key: Key) -> Sight:
        """The instrument and its price alone: enough for an order that only closes."""
        ticker = self._board.tickers.get(key)
        return Sight(self._board.instruments.get(key), mark=ticker.mark or ticker.last if ticker else None)

    def known(self, key: Key) -> Instrument | None:
        """The instrument, also while it is not traded: what is held of it has a value all the same."""
        return self._board.instruments.get(key) or self._board.listed.get(key)

    def multiplier(self, key: Key) -> Decimal | None:
        """Value of one contract per unit of price, also while it is not traded; None: it was never listed."""
        instrument = self.known(key)
        return instrument.multiplier if instrument is not None else None

    def top(self, key: Key) -> tuple[Decimal | None, Decimal | None]:
        """Best bid and ask, None while nobody quotes."""
        top = self._board.tops.get(key)
        if top is not None:
            return top.bid, top.ask
        book = self._board.books.get(key)
        return (book.bids[0][0], book.asks[0][0]) if book is not None and book.bids and book.asks else (None, None)

    def quantity(self, robot: Robot) -> Decimal | None:
        """What one entry of this bot would trade now."""
        instrument, ticker = self._board.instruments.get(robot.key), self._board.tickers.get(robot.key)
        mark = (ticker.mark or ticker.last) if ticker is not None else None
        if instrument is None or mark is None:
            return None
        made = entry_quantity(instrument, robot.capital, mark)
        return made if isinstance(made, Decimal) else None

    def _book_problem(self, key: Key) -> str:
        book, top = self._board.books.get(key), self._board.tops.get(key)
        if book is not None and not book.live:
            age = self._clock.monotonic() - book.received
            return f"the book of {key.symbol} is stale for {age:.1f} s ({book.reason or 'no data'})"
        return f"no book of {key.symbol} yet" if book is None and top is None else ""

    def _venue_problem(self, market: str, category: Category, state: State) -> str:
        venue = self._board.venues.get((market, category))
        if venue is None:
            return f"{product_title(market, category)} is not configured"
        if venue.problem:
            return venue.problem
        if not venue.has_keys:
            return f"{venue.title}: market data only (no keys)"
        book = state.venues.get((market, category))
        if venue.health is Health.CONNECTING and book is not None and book.recovered:
            return ""                    # the keeper publishes its state twice a second; the engine knows sooner
        return "" if venue.health is Health.LIVE else f"{venue.title}: {venue.text or venue.health.value.lower()}"
