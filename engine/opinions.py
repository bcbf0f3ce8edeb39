"""What a venue says of positions, balances and leverage → decisions. Opinions: shown, compared, replaced by later ones.

Pure: reads the state, writes into a `Decision`. A report that leaves something open keeps what was told before.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.state import Decision, SetVenue, State, VenueBook
from models import BalanceReport, LeverageReport, PositionReport


def hear_position(state: State, message: PositionReport, out: Decision) -> None:
    """The account's position in one instrument."""
    venue = state.venues.get((message.key.market, message.key.category))
    if venue is None:
        return
    old = next((p for p in venue.positions if p.key == message.key), None)
    merged = replace(message, mark=message.mark or (old.mark if old else None),
                     liquidation=message.liquidation or (old.liquidation if old else None),
                     margin=message.margin or (old.margin if old else None),
                     leverage=message.leverage or (old.leverage if old else None))
    rest = tuple(p for p in venue.positions if p.key != message.key)
    out.changes.append(SetVenue(replace(venue, positions=(*rest, merged))))


def hear_balance(state: State, message: BalanceReport, out: Decision) -> None:
    """One currency of the account. A stream tells the wallet only: what hangs on it moves alike until the account is
    asked again."""
    venue = state.venues.get((message.market, message.category))
    if venue is None:
        return
    before = next((b for b in venue.balances if b.currency == message.currency), None)
    if before is not None:
        by = message.wallet - before.wallet
        message = replace(message, margin_balance=_moved(message.margin_balance, before.margin_balance, by),
                          available=_moved(message.available, before.available, by))
    others = tuple(b for b in venue.balances if b.currency != message.currency)
    out.changes.append(SetVenue(replace(venue, balances=(*others, message))))


def _moved(told: Decimal | None, before: Decimal | None, by: Decimal) -> Decimal | None:
    return told if told is not None or before is None else before + by


def hear_leverage(state: State, message: LeverageReport, out: Decision) -> None:
    """How an instrument is margined now."""
    where = (message.key.market, message.key.category)
    venue = state.venues.get(where) or VenueBook(*where)     # told while the account is read, before the venue is up
    old = next((report for report in venue.leverages if report.key == message.key), message)
    merged = replace(message, leverage=message.leverage if message.leverage is not None else old.leverage,
                     isolated=message.isolated if message.isolated is not None else old.isolated,
                     most=message.most if message.most is not None else old.most)
    rest = tuple(report for report in venue.leverages if report.key != message.key)
    out.changes.append(SetVenue(replace(venue, leverages=(*rest, merged))))
