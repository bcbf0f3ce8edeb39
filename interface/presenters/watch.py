"""The watchlist: a line for each market, and below it its symbols; and what Ctrl+K finds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.titles import full_name, title_of
from engine.view import View
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, position_of, tops_of
from interface.presenters.words import Cell, clock, price, signed_quantity
from models import Category, Health, Instrument, Key, VenueState

MOST_HITS = 8


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A market line (`key` None) or a symbol."""

    market: str
    category: Category
    key: Key | None = None

    @property
    def id(self) -> tuple[str, str, str]:
        """What a selection holds."""
        return self.market, self.category.value, self.key.symbol if self.key else ""


def watch_rows(keys: Iterable[Key], venues: Iterable[tuple[str, Category]]) -> list[WatchRow]:
    """Grouped by market, in the order of the settings."""
    groups: dict[tuple[str, Category], list[Key]] = {venue: [] for venue in venues}
    for key in keys:
        groups.setdefault((key.market, key.category), []).append(key)
    rows = []
    for (market, category), members in groups.items():
        rows.append(WatchRow(market, category))
        rows += [WatchRow(market, category, key) for key in members]
    return rows


def venue_mark(venue: VenueState | None, now: float) -> Cell:
    """● live, ▲ slow or on its way, ✕ lost; the colour says the same."""
    if venue is None or venue.health is Health.CONNECTING:
        return Cell("◌", "dim")
    if venue.health is Health.LIVE:
        slow = venue.latency_ms is not None and venue.latency_ms >= 250
        return Cell("▲", "warning") if slow else Cell("●", "buy")
    if venue.health is Health.OFF:
        return Cell("■", "dim")
    return Cell("✕", "error")


def venue_words(venue: VenueState | None, now: float) -> Cell:
    """“● Binance-F  38 ms  SIM-1”, or what it is doing."""
    if venue is None:
        return Cell("◌ connecting…", "dim")
    mark = venue_mark(venue, now)
    words = [f"{mark.text} {venue.title}"]
    if venue.health is Health.LIVE:
        if venue.latency_ms is not None:
            words.append(f"{venue.latency_ms:.0f} ms")
        words.append(venue.account if venue.has_keys else "market data only (no keys)")
        if venue.reconnects:
            words.append(f"↻{venue.reconnects}")
    elif venue.health is Health.BANNED and venue.banned_until:
        words.append(f"banned until {clock(venue.banned_until)}")
    else:
        words.append(venue.problem or venue.text or venue.health.value.lower())
    return Cell("  ".join(word for word in words if word), "dim" if mark.colour == "buy" else mark.colour)


def _symbol(row: WatchRow, glance: Glance) -> Cell:
    if row.key is None:
        return venue_words(glance.board.venues.get((row.market, row.category)), glance.now)
    return Cell(row.key.symbol)


def _quote(row: WatchRow, glance: Glance, ask: bool) -> Cell:
    if row.key is None:
        return Cell("")
    bid, offer = tops_of(glance.board, row.key)
    venue = glance.board.venues.get((row.market, row.category))
    live = venue is None or venue.health is Health.LIVE
    colour = "dim" if not live else "sell" if ask else "buy"
    return Cell(price(offer if ask else bid, glance.board.instruments.get(row.key)), colour)


def _pos(row: WatchRow, glance: Glance, sign_only: bool) -> Cell:
    line = position_of(glance.view, row.key) if row.key else None
    if line is None or not line.qty:
        return Cell("")
    colour = "buy" if line.qty > 0 else "sell"
    if sign_only:
        return Cell("+" if line.qty > 0 else "-", colour)
    return Cell(signed_quantity(line.qty, glance.board.instruments.get(line.key)), colour)


def _qty(row: WatchRow, glance: Glance) -> Decimal | None:
    line = position_of(glance.view, row.key) if row.key else None
    return line.qty if line else None


def watch_columns(small: bool) -> tuple[Column[WatchRow], ...]:
    """Columns of the watchlist; at the small size a position shows only its sign."""
    pos = 1 if small else 7
    return (
        Column("symbol", "Symbol", 11, _symbol),
        Column("bid", "Bid", 9, lambda r, g: _quote(r, g, False), True, flash=True),
        Column("ask", "Ask", 9, lambda r, g: _quote(r, g, True), True, flash=True),
        Column("pos", "P" if small else "Pos", pos, lambda r, g: _pos(r, g, small), True),
        Column("remove", "", 1, lambda r, g: Cell("✕", "dim") if r.key else Cell(""), True),
    )


def find(typed: str, instruments: Iterable[Instrument]) -> list[Instrument]:
    """At most eight tradable symbols that begin with what was typed."""
    prefix = typed.strip().upper()
    if not prefix:
        return []
    hits = [one for one in instruments if one.trading and full_name(one.key).upper().startswith(prefix)]
    return sorted(hits, key=lambda one: (len(one.key.symbol), one.key.symbol, title_of(one.key)))[:MOST_HITS]


def watched(view: View | None) -> tuple[Key, ...]:
    """What the list holds."""
    return view.configured if view else ()
