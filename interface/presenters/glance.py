"""What the window looks at in one tick: the view, the selected instrument's slots of the board, and the time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.board import Board
from core.titles import tail_of, twins
from engine.view import BotLine, OrderLine, PositionLine, View, bot_pnl, position_pnl
from models import Book, Health, Instrument, Key, LeverageReport, Side, Ticker, Top, VenueState

QUIET_S = 15.0           # a book that calls itself live but is this old is not believed


@dataclass(frozen=True, slots=True)
class Glance:
    """One look at everything; built once a tick on the main thread."""

    board: Board
    view: View | None
    key: Key | None
    now: float                       # monotonic
    wall: int                        # ms since 1970
    quote: bool = False              # only best prices are streamed
    instrument: Instrument | None = None
    book: Book | None = None
    top: Top | None = None
    ticker: Ticker | None = None
    venue: VenueState | None = None
    twins: frozenset[str] = frozenset()      # symbols that several products show: these are named with their product


def look(board: Board, view: View | None, key: Key | None, now: float, wall: int, quote: bool = False,
         doubled: frozenset[str] = frozenset()) -> Glance:
    """Read the slots of one instrument."""
    if key is None:
        return Glance(board, view, None, now, wall, quote, twins=doubled)
    venue = board.venues.get((key.market, key.category))
    top, book = board.tops.get(key), board.books.get(key)
    if book is not None and book.live and book.bids and book.asks and (top is None or book.received >= top.received):
        (bid, bid_qty), (ask, ask_qty) = book.bids[0], book.asks[0]
        top = Top(bid, bid_qty, ask, ask_qty, book.time, book.received)
    if quote and top is not None:
        alive = venue is None or venue.health is Health.LIVE
        book = Book(((top.bid, top.bid_qty),), ((top.ask, top.ask_qty),), top.time, top.received, alive,
                    "" if alive else "connection lost")
    return Glance(board, view, key, now, wall, quote, board.instruments.get(key), book, top,
                  board.tickers.get(key), venue, doubled)


def symbol_word(key: Key, glance: Glance) -> str:
    """The symbol; where several products show the same one, with what tells them apart: “BTCUSDT-F”."""
    return key.symbol + tail_of(key.market, key.category) if key.symbol in glance.twins else key.symbol


def shown_twins(view: View) -> frozenset[str]:
    """Symbols that more than one product shows now."""
    return twins((*view.configured, *(line.key for line in view.positions), *(line.key for line in view.bots)))


def stale_age(glance: Glance) -> float | None:
    """How old the book is when it must not be clicked, None while it is live; infinite when there is none."""
    book = glance.book
    if book is None:
        return float("inf")
    old = glance.now - book.received
    if book.live and (old <= QUIET_S or glance.quote):
        return None
    return max(0.0, old)


def best_price(glance: Glance, side: Side) -> Decimal | None:
    """The best price on the side where an order of `side` would rest."""
    if glance.top is None:
        return None
    return glance.top.bid if side is Side.BUY else glance.top.ask


def orders_of(view: View | None, key: Key | None) -> tuple[OrderLine, ...]:
    """Open orders of one instrument."""
    return tuple(line for line in view.orders if line.key == key) if view and key else ()


def position_of(view: View | None, key: Key | None) -> PositionLine | None:
    """The position line of one instrument, where there is one."""
    if view is None:
        return None
    return next((line for line in view.positions if line.key == key), None)


def leverage_of(glance: Glance) -> LeverageReport | None:
    """How the selected instrument is margined, as far as the venue has told it."""
    view, key = glance.view, glance.key
    if view is None or key is None:
        return None
    told = next((report for report in view.leverages if report.key == key), None)
    position = position_of(view, key)
    if told is None and position is not None and position.leverage is not None:
        return LeverageReport(key, position.leverage)
    return told


def tops_of(board: Board, key: Key) -> tuple[Decimal | None, Decimal | None]:
    """Best bid and ask of any instrument."""
    top = board.tops.get(key)
    if top is not None:
        return top.bid, top.ask
    book = board.books.get(key)
    if book is not None and book.bids and book.asks:
        return book.bids[0][0], book.asks[0][0]
    return None, None


def pnl_of_bot(bot: BotLine, board: Board) -> tuple[Decimal | None, Decimal | None]:
    """PnL since 00:00 UTC and in total, at the board's prices."""
    instrument = board.instruments.get(bot.key)
    multiplier = instrument.multiplier if instrument else Decimal(1)
    bid, ask = tops_of(board, bot.key)
    total = bot_pnl(bot.key.category, bot.sums, multiplier, bid, ask)
    if total is None:
        return None, None
    ticker = board.tickers.get(bot.key)
    opened = ticker.day_open if ticker else None
    before = bot_pnl(bot.key.category, bot.day, multiplier, opened, opened)
    return None if before is None else total - before, total


def pnl_of_position(line: PositionLine, board: Board) -> Decimal | None:
    """Unrealised PnL at the mark, or the closing side's best price where there is no mark."""
    ticker, instrument = board.tickers.get(line.key), board.instruments.get(line.key)
    bid, ask = tops_of(board, line.key)
    at = ticker.mark if ticker and ticker.mark is not None else bid if line.qty > 0 else ask
    multiplier = instrument.multiplier if instrument else Decimal(1)
    return position_pnl(line.key.category, line.qty, line.entry, multiplier, at)
