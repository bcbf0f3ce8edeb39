"""The notice board: newest book, top, ticker, candles and venue state. One writer per slot, readers lock-free.

A slot is replaced whole by one assignment (`dict[key] = record` is atomic), so a reader sees the old record or the
new one, never half of it. The window writes only `wanted_depth` and reads everything else.
"""

from __future__ import annotations

from models import Book, CandleSeries, Category, Instrument, Key, Ticker, Top, VenueState

SHALLOW = 25      # levels a side published for a book nobody looks at
DEEP = 400        # … for the one in the window: enough for folded steps


class Board:
    """What the public streams publish and the window, the engine and the bots read."""

    def __init__(self) -> None:
        self.books: dict[Key, Book] = {}
        self.tops: dict[Key, Top] = {}
        self.tickers: dict[Key, Ticker] = {}
        self.candles: dict[tuple[Key, str], CandleSeries] = {}
        self.venues: dict[tuple[str, Category], VenueState] = {}
        self.instruments: dict[Key, Instrument] = {}     # of every tradable symbol, configured or not
        self.listed: dict[Key, Instrument] = {}          # … and of every other one the venue ever listed
        self.wanted_depth: dict[Key, int] = {}           # written by the window

    def depth(self, key: Key) -> int:
        """How many levels a side the book of `key` is to be published with."""
        return self.wanted_depth.get(key, SHALLOW)
