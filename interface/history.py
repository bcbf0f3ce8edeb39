"""Trades older than the view's: pages asked of the ledger, joined with what the view shows. No tkinter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.view import TradeLine

NEWEST = 0               # instead of an id: the newest page


@dataclass(frozen=True, slots=True)
class OlderTrades:
    """What has been read so far, newest first; replaced as a whole when a page arrives."""

    lines: tuple[TradeLine, ...] = ()
    pages: int = 0                   # read, or failed
    complete: bool = False           # the ledger holds nothing older
    problem: str = ""                # why the last page could not be read


NOTHING = OlderTrades()


class History:
    """The view's trades, then the older ones; a fill that left the view meanwhile stays."""

    def __init__(self) -> None:
        self._made_from: tuple[object, object] = ((), NOTHING)
        self._lines: tuple[TradeLine, ...] = ()
        self._asked_at = -1              # pages there were when the next one was asked for
        self._count = 0                  # of lines there were then
        self._kept: dict[tuple[str, str], TradeLine] = {}

    def lines(self, trades: Sequence[TradeLine], older: OlderTrades) -> Sequence[TradeLine]:
        """Everything known, newest first, each fill once."""
        if self._asked_at < 0 and not older.pages:
            return trades
        if self._made_from[0] is not trades or self._made_from[1] is not older:
            self._made_from = (trades, older)
            fresh = {_name(line): line for line in trades}
            for line in older.lines:
                self._kept.setdefault(_name(line), line)
            self._kept |= fresh              # the view knows more: what a fill realised
            self._lines = tuple(sorted(self._kept.values(), key=lambda line: (line.time, line.id), reverse=True))
        return self._lines

    def ask(self, trades: Sequence[TradeLine], older: OlderTrades, hook: Callable[[int], None]) -> None:
        """Ask for the next page, once until it is there."""
        if self._asked_at == older.pages or older.complete:
            return
        self._asked_at = older.pages
        self._count = len(self.lines(trades, older))     # from now on nothing that leaves the view is lost
        ids = [line.id for line in (older.lines or trades) if line.id > 0]
        hook(min(ids) if ids else NEWEST)

    def is_fruitless(self, older: OlderTrades) -> bool:
        """Whether the page asked for held only what was known: the one after it is wanted."""
        arrived = 0 <= self._asked_at < older.pages
        return arrived and not (older.complete or older.problem) and len(self._lines) <= self._count

    def words(self, trades: Sequence[TradeLine], older: OlderTrades) -> str:
        """The row after the last one; "" when there is nothing older."""
        if not trades or older.complete:
            return ""
        if self._asked_at == older.pages:
            return "loading older trades…"
        return f"▲ {older.problem} Again…" if older.problem else "older…"


def _name(line: TradeLine) -> tuple[str, str]:
    return line.key.market, line.exec_id
