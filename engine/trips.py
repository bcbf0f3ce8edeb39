"""Round trips: an owner's fills from flat to flat, and what came of them. Pure.

The fills stand in the order of booking, each with its owner's position after it. Where that position does not lead on
from the fill before, books were moved between owners in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from accounting.position import average_entry
from accounting.value import COMMISS_PLACES, SUMREAL_PLACES, can_value, closing_value
from core.numbers import LEDGER_CONTEXT, half_up
from engine.view import TradeLine
from models import ZERO, Instrument, Key, Side

Parts = tuple[tuple[Decimal, Decimal], ...]          # signed quantity, price


@dataclass(frozen=True, slots=True)
class Trip:
    """One way from flat to flat, or what there is of it so far."""

    key: Key
    owner: str
    side: Side                       # of the fill that began it: BUY = long
    exec_id: str                     # of that fill
    opened: int
    closed: int | None               # None: still open
    entries: Parts
    exits: Parts
    sumreal: Decimal
    fees: tuple[tuple[str, Decimal], ...]            # by currency
    pos: Decimal                     # what is left of it
    fills: int
    whole: bool                      # False: its beginning is not loaded, or books were moved meanwhile
    entry: Decimal | None = None     # averages of `entries` and `exits`
    exit: Decimal | None = None

    @property
    def id(self) -> tuple[object, ...]:
        """What names the row."""
        return self.key, self.owner, self.exec_id, self.side

    @property
    def qty(self) -> Decimal:
        """What was entered."""
        return sum((abs(qty) for qty, _px in self.entries), ZERO)


def round_trips(newest_first: Iterable[TradeLine]) -> tuple[Trip, ...]:
    """The round trips of these fills, newest first; fills whose position is not known are left out."""
    made: list[Trip] = []
    going: dict[tuple[Key, str], Trip] = {}
    for line in reversed(_as_booked(newest_first)):
        assert line.pos is not None
        name = (line.key, line.owner)
        signed = line.qty if line.side is Side.BUY else -line.qty
        before, trip = line.pos - signed, going.pop(name, None)
        if trip is not None and trip.pos != before:
            trip = replace(trip, whole=False, pos=before)
            if not before:
                made.append(replace(trip, closed=line.time))
                trip = None
        if before and trip is None:
            trip = _begin(line, Side.BUY if before > 0 else Side.SELL, before, False)
        if before and (line.pos > 0) != (before > 0) and line.pos:
            first, rest = _split(line, -before, signed)      # one fill closes a trip and begins the next
            assert trip is not None
            made.append(_with(trip, *first))
            going[name] = _with(_begin(line, line.side, ZERO, True), *rest)
            continue
        trip = _with(trip or _begin(line, line.side, ZERO, True), line, signed)
        if line.pos:
            going[name] = trip
        else:
            made.append(trip)
    made += going.values()
    ended = (replace(trip, entry=average_entry(trip.key.category, trip.entries),
                     exit=average_entry(trip.key.category, trip.exits)) for trip in made)
    return tuple(sorted(ended, key=lambda trip: trip.closed or 2**62, reverse=True))


def _as_booked(newest_first: Iterable[TradeLine]) -> list[TradeLine]:
    return sorted((line for line in newest_first if line.pos is not None), key=lambda line: line.booked, reverse=True)


def _begin(line: TradeLine, side: Side, pos: Decimal, whole: bool) -> Trip:
    return Trip(line.key, line.owner, side, line.exec_id, line.time, None, (), (), ZERO, (), pos, 0, whole)


def _with(trip: Trip, line: TradeLine, signed: Decimal) -> Trip:
    """The trip after a fill."""
    pos = trip.pos + signed
    part = ((signed, line.price),)
    is_entry = (signed > 0) == (trip.side is Side.BUY)
    fees = dict(trip.fees)
    if line.fee:
        fees[line.fee_currency] = fees.get(line.fee_currency, ZERO) + line.fee
    return replace(trip, entries=trip.entries + part if is_entry else trip.entries,
                   exits=trip.exits if is_entry else trip.exits + part, sumreal=trip.sumreal + line.sumreal,
                   fees=tuple(fees.items()), pos=pos, fills=trip.fills + 1, closed=None if pos else line.time)


def _split(line: TradeLine, closing: Decimal, signed: Decimal) -> tuple[tuple[TradeLine, Decimal],
                                                                        tuple[TradeLine, Decimal]]:
    """A fill that crosses zero, as the part that closes and the part that opens; their sums are the fill's."""
    share = LEDGER_CONTEXT.divide(closing, signed)
    fee = half_up(LEDGER_CONTEXT.multiply(line.fee, share), COMMISS_PLACES)
    value = half_up(LEDGER_CONTEXT.multiply(line.sumreal, share), SUMREAL_PLACES)
    return ((replace(line, fee=fee, sumreal=value), closing),
            (replace(line, fee=line.fee - fee, sumreal=line.sumreal - value), signed - closing))


def trip_result(trip: Trip, instrument: Instrument, at: Decimal | None) -> Decimal | None:
    """ΣSUMREAL + value of closing what is left at this price − fees in the same currency; it stands still once the trip
    is closed. None where its beginning or the price is not known."""
    if not trip.whole:
        return None
    gained = trip.sumreal - dict(trip.fees).get(instrument.settle, ZERO)
    if trip.closed is not None:
        return gained
    if not can_value(at, trip.key.category):
        return None
    return gained + closing_value(trip.key.category, trip.pos, at, instrument.multiplier)
