"""What is older than the view: pages asked of the ledger, joined with what the view shows. No tkinter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Generic, TypeVar

from engine.view import TradeLine, View
from models import Key

FILLS, FUNDINGS, DAYS = "fills", "fundings", "days"


@dataclass(frozen=True, slots=True)
class Ask:
    """A list of the ledger, and what of it: one owner ("" = all), one instrument. Asked again, its next page comes."""

    kind: str
    emi: str = ""
    key: Key | None = None
    former: tuple[str, ...] = ()     # names this owner had before
    fresh: bool = False              # not the next page: what was booked since the newest line


@dataclass(frozen=True, slots=True)
class FundingLine:
    """One owner's share of a funding."""

    id: int
    key: Key
    time: int
    owner: str
    amount: Decimal                  # positive = paid
    currency: str
    qty: Decimal                     # the position it was for
    mark: Decimal | None
    exec_id: str


@dataclass(frozen=True, slots=True)
class DayLine:
    """What an owner's books were worth at the end of a day, in one currency."""

    market: str
    currency: str
    time: int                        # the midnight that ends it
    value: Decimal


@dataclass(frozen=True, slots=True)
class Pages:
    """What has been read of one list so far, newest first; replaced as a whole when a page arrives."""

    lines: tuple[TradeLine, ...] = ()
    fundings: tuple[FundingLine, ...] = ()
    days: tuple[DayLine, ...] = ()
    pages: int = 0                   # answers so far, failures included
    complete: bool = False           # the ledger holds nothing older
    problem: str = ""                # why the last page could not be read


NOTHING = Pages()
Read = Callable[[Ask], Pages]        # what is known of a list now


L = TypeVar("L", TradeLine, FundingLine)


class History:
    """The view's trades, then the older ones; a fill that left the view meanwhile stays."""

    def __init__(self) -> None:
        self._made_from: tuple[object, object] = ((), NOTHING)
        self._lines: tuple[TradeLine, ...] = ()
        self._asked_at = -1              # pages there were when the next one was asked for
        self._count = 0                  # of lines there were then
        self._kept: dict[tuple[str, str], TradeLine] = {}

    def lines(self, trades: Sequence[TradeLine], older: Pages) -> Sequence[TradeLine]:
        """Everything known, newest first, each fill once."""
        if self._asked_at < 0 and not older.pages:
            return trades
        if self._made_from[0] is not trades or self._made_from[1] is not older:
            self._made_from = (trades, older)
            for line in (*older.lines, *trades):     # who knows what a fill realised comes first
                before = self._kept.get(_name(line))
                if before is None or before.pnl is None:
                    self._kept[_name(line)] = line
            self._lines = tuple(sorted(self._kept.values(), key=lambda line: (line.time, line.id), reverse=True))
        return self._lines

    @property
    def was_asked(self) -> bool:
        """Whether any page was asked for."""
        return self._asked_at >= 0

    def ask(self, trades: Sequence[TradeLine], older: Pages, hook: Callable[[], object]) -> None:
        """Ask for the next page, once until it is there."""
        if self._asked_at == older.pages or older.complete:
            return
        self._asked_at = older.pages
        self._count = len(self.lines(trades, older))     # from now on nothing that leaves the view is lost
        hook()

    def is_fruitless(self, older: Pages) -> bool:
        """Whether the page asked for held only what was known: the one after it is wanted."""
        arrived = 0 <= self._asked_at < older.pages
        return arrived and not (older.complete or older.problem) and len(self._lines) <= self._count

    def words(self, trades: Sequence[TradeLine], older: Pages) -> str:
        """The row after the last one; "" when there is nothing older."""
        if not (trades or older.lines or self._asked_at >= 0) or older.complete:
            return ""
        return words_of(older, self._asked_at == older.pages)


class Renamed(Generic[L]):
    """Lines under the name their owner has now, so that a renamed bot's round trips and history go on."""

    def __init__(self) -> None:
        self._made_from: tuple[object, object] = ((), ())
        self._lines: Sequence[L] = ()

    def now(self, view: View, lines: Sequence[L]) -> Sequence[L]:
        """The lines themselves while nobody was renamed."""
        if self._made_from[0] is not lines or self._made_from[1] is not view.bots:
            self._made_from = (lines, view.bots)
            names = {old: bot.emi for bot in view.bots for old in bot.former}
            made = lines if not names else tuple(
                replace(line, owner=names[line.owner]) if line.owner in names else line for line in lines)
            if made != self._lines:
                self._lines = made
        return self._lines


def words_of(older: Pages, is_asked: bool) -> str:
    """What stands after the last line of a list that is not read to its end."""
    if is_asked:
        return "loading older…"
    return f"▲ {older.problem} Again…" if older.problem else "older…"


def _name(line: TradeLine) -> tuple[str, str]:
    return line.key.market, line.exec_id
