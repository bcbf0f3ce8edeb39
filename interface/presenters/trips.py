"""The columns of round trips. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.titles import product_title
from engine.trips import Trip, round_trips, trip_result
from engine.view import TradeLine
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, symbol_word, tops_of
from interface.presenters.tables import owner_word
from interface.presenters.words import UNKNOWN, Cell, moment, money, price, quantity, signed_money
from models import ZERO, Side


def exit_price(trip: Trip, glance: Glance) -> Decimal | None:
    """Where it was closed; while it is open the price it would be closed at now: the bid (long), the ask (short)."""
    if trip.closed is not None:
        return trip.exit
    return tops_of(glance.board, trip.key)[trip.side is Side.SELL]


def trip_pnl(trip: Trip, glance: Glance) -> Decimal | None:
    """What it has brought, at the prices of now while it is open."""
    instrument = glance.board.instruments.get(trip.key)
    return None if instrument is None else trip_result(trip, instrument, exit_price(trip, glance))


def _settle(trip: Trip, glance: Glance) -> str:
    instrument = glance.board.instruments.get(trip.key)
    return instrument.settle if instrument else ""


def _fees(trip: Trip, glance: Glance) -> Cell:
    settle = _settle(trip, glance)
    parts = [money(amount, currency) + ("" if currency == settle else f" {currency}")
             for currency, amount in trip.fees]
    return Cell(" + ".join(parts) or "0", "dim")


def _when(trip: Trip, glance: Glance) -> Cell:
    return Cell(moment(trip.closed, glance.wall), "dim") if trip.closed is not None else Cell("")


def _side(trip: Trip) -> Cell:
    return Cell("LONG", "buy") if trip.side is Side.BUY else Cell("SHORT", "sell")


def _pnl(trip: Trip, glance: Glance) -> Cell:
    return signed_money(trip_pnl(trip, glance), _settle(trip, glance)) if trip.whole else Cell(UNKNOWN, "dim")


def _price(trip: Trip, value: Decimal | None, glance: Glance) -> str:
    return price(value, glance.board.instruments.get(trip.key))


TRIPS: tuple[Column[Trip], ...] = (
    Column("opened", "Opened", 12, lambda t, g: Cell(("" if t.whole else "< ") + moment(t.opened, g.wall), "dim"),
           sort=lambda t, g: t.opened),
    Column("symbol", "Symbol", 11, lambda t, g: Cell(symbol_word(t.key, g)), sort=lambda t, g: symbol_word(t.key, g)),
    Column("market", "Market", 9, lambda t, g: Cell(product_title(t.key.market, t.key.category), "dim"),
           sort=lambda t, g: product_title(t.key.market, t.key.category), drop=8),
    Column("emi", "EMI", 12, lambda t, g: Cell(owner_word(t.owner, t.key)), sort=lambda t, g: t.owner, drop=1),
    Column("side", "Side", 5, lambda t, g: _side(t), sort=lambda t, g: t.side.value),
    Column("qty", "Qty", 9, lambda t, g: Cell(quantity(t.qty, g.board.instruments.get(t.key))), True,
           lambda t, g: t.qty),
    Column("entry", "Entry", 11, lambda t, g: Cell(_price(t, t.entry, g)), True, lambda t, g: t.entry, drop=4),
    Column("exit", "Exit", 11, lambda t, g: Cell(_price(t, exit_price(t, g), g), "dim" if t.closed is None else "text"),
           True, exit_price, drop=3),
    Column("fees", "Fees", 12, _fees, True, lambda t, g: sum((amount for _c, amount in t.fees), ZERO), drop=5),
    Column("pnl", "PnL", 12, _pnl, True, trip_pnl),
    Column("status", "Status", 7, lambda t, g: Cell("OPEN") if t.closed is None else Cell("CLOSED", "dim"),
           sort=lambda t, g: t.closed is not None),
    Column("closed", "Closed", 12, _when, sort=lambda t, g: t.closed, drop=6),
    Column("fills", "Fills", 5, lambda t, g: Cell(str(t.fills), "dim"), True, lambda t, g: t.fills, drop=7),
)


class Trips:
    """Round trips of the lines shown last, made anew only when these differ."""

    def __init__(self) -> None:
        self._made_from: Sequence[TradeLine] = ()
        self._trips: tuple[Trip, ...] = ()

    def of(self, lines: Sequence[TradeLine]) -> tuple[Trip, ...]:
        """The round trips of these fills."""
        if lines is not self._made_from:
            self._made_from, self._trips = lines, round_trips(lines)
        return self._trips
