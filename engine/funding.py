"""A funding fact → its rows, shared among the bots as they stood at its time; and the rows that put the shares right
when a fill older than it comes later (rules of the ledger, section 4). Pure.

The shares depend on the amount and on the positions at the funding time alone, not on the order in which anything
was told; what a correction needs of the venue's words stands in the rows: TRADE_PRICE is the mark, PRICE the rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from msgspec import structs

from accounting.funding import by_formula, by_position, minor_unit
from accounting.value import COMMISS_PLACES
from core.numbers import half_up, text
from core.rows import BookRow, CoinRow
from core.titles import title_of
from engine.state import Decision, State
from models import ZERO, Funding, Instrument, Key, Robot

FUNDING_SIDE = -1
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Share:
    """What one owner pays (positive) or gets of a funding, for the position it held."""

    emi: str
    qty: Decimal
    amount: Decimal


def positions_at(state: State, account: str, key: Key, time: int) -> dict[str, Decimal]:
    """The position of every owner just before `time`; a fill at that very time came after it."""
    line = state.timelines.get((account, key))
    filled = line.filled_from(time) if line is not None else {}
    now = {row.emi: row.pos for row in state.books.values() if row.key == key and row.account == account and row.pos}
    held = {emi: now.get(emi, ZERO) - filled.get(emi, ZERO) for emi in now.keys() | filled.keys()}
    return {emi: qty for emi, qty in held.items() if qty}


def shares(fact: Funding, held: Mapping[str, Decimal], robots: Mapping[str, Robot],
           instrument: Instrument | None) -> list[Share]:
    """Who pays what: bots in SORT order, then owners that are no bots, and RESERVED with what is left."""
    reserved = fact.key.reserved
    owners = sorted((emi for emi in held if emi != reserved),
                    key=lambda emi: (emi not in robots, robots[emi].sort if emi in robots else 0, emi))
    quantities = [held[emi] for emi in owners]
    unit = minor_unit(fact.key.market, fact.currency)
    if fact.rate is not None and fact.mark:
        multiplier = instrument.multiplier if instrument is not None else _ONE
        amounts = by_formula(fact.key.category, quantities, fact.mark, multiplier, fact.rate, unit)
    else:
        amounts = by_position(fact.amount, quantities, sum(held.values(), ZERO), unit)
    made = [Share(emi, qty, amount) for emi, qty, amount in zip(owners, quantities, amounts, strict=True)]
    rest = fact.amount - sum(amounts, ZERO)
    if rest or reserved in held:
        made.append(Share(reserved, held.get(reserved, ZERO), rest))
    return made


def hear_funding(state: State, fact: Funding, instrument: Instrument | None, booked: int, out: Decision) -> None:
    """Book a funding: all its rows have one EXECID, their sum is the venue's amount."""
    fact = replace(fact, amount=half_up(fact.amount, COMMISS_PLACES))
    made = shares(fact, positions_at(state, fact.account, fact.key, fact.time), state.robots, instrument)
    if not made:
        return
    rows = [_row(fact, share, part, booked) for part, share in enumerate(made)]
    out.rows += rows
    out.rows += _sums(state, rows, lambda emi: None)
    out.owners |= {row.emi for row in rows}
    verb = "paid" if fact.amount > 0 else "received"
    whose = ", ".join(f"{share.emi} {text(share.amount)}" for share in made)
    told = f"{text(abs(fact.amount))} {fact.currency}"
    out.note(title_of(fact.key), f"FUNDING {fact.key.symbol}: {told} {verb} ({whose})")


def correct(state: State, late: CoinRow, booked_rows: Sequence[CoinRow], instrument: Instrument | None, booked: int,
            out: Decision) -> None:
    """A fill older than booked fundings: minus each old share, plus the new one, in the fill's own transaction.

    `late`: the fill's row, not yet applied. `booked_rows`: the rows of all fundings of its instrument after its time.
    """
    facts: dict[str, list[CoinRow]] = {}
    for row in booked_rows:
        facts.setdefault(row.exec_id, []).append(row)
    corrections: list[CoinRow] = []
    for exec_id, rows in facts.items():
        first = min(rows, key=lambda row: row.part)
        fact = Funding(late.key, late.account, exec_id, sum((row.commiss for row in rows), ZERO), first.currency,
                       first.time, first.price or None, first.trade_price or None)
        held = positions_at(state, late.account, late.key, fact.time)
        held[late.emi] = held.get(late.emi, ZERO) + late.qty
        new = {share.emi: share for share in shares(fact, {e: q for e, q in held.items() if q}, state.robots,
                                                    instrument)}
        old: dict[str, Share] = {}
        for row in rows:
            before = old.get(row.emi, Share(row.emi, ZERO, ZERO))
            old[row.emi] = Share(row.emi, before.qty + row.qty, before.amount + row.commiss)
        part = max(row.part for row in rows)
        for emi in [*old, *(emi for emi in new if emi not in old)]:
            was, is_now = old.get(emi), new.get(emi)
            if was == is_now or (is_now is None and was is not None and not was.qty and not was.amount):
                continue
            for share in (None if was is None or not (was.qty or was.amount) else Share(emi, -was.qty, -was.amount),
                          is_now):
                if share is not None:
                    part += 1
                    corrections.append(_row(fact, share, part, booked))
    if not corrections:
        return
    made = {row.emi: row for row in out.rows if isinstance(row, BookRow) and row.key == late.key
            and row.account == late.account and row.currency == corrections[0].currency}
    out.rows += corrections
    out.rows += _sums(state, corrections, made.get)
    out.owners |= {row.emi for row in corrections}
    out.note(title_of(late.key), f"FUNDING {late.key.symbol}: the shares of {len(facts)} booked "
                                 f"funding{'s' if len(facts) != 1 else ''} follow a fill that came late")


def _row(fact: Funding, share: Share, part: int, booked: int) -> CoinRow:
    return CoinRow(
        exec_id=fact.exec_id, part=part, emi=share.emi, refer="", key=fact.key, account=fact.account,
        currency=fact.currency, ticker=fact.key.symbol, side=FUNDING_SIDE, qty=share.qty, qty_rest=ZERO,
        price=fact.rate if fact.rate is not None else ZERO, theor_price=ZERO, trade_price=fact.mark or ZERO,
        sumreal=ZERO, commiss=share.amount, time=fact.time, booked=booked, cl_ord_number=0)


def _sums(state: State, rows: Iterable[CoinRow], made: Callable[[str], BookRow | None]) -> list[BookRow]:
    """The kept sums after these rows; `made`: those that change in the same transaction already."""
    changed: dict[str, BookRow] = {}
    for row in rows:
        old = changed.get(row.emi) or made(row.emi) or state.books.get(
            (row.account, row.key, row.emi, row.currency)) or BookRow(row.key, row.account, row.emi, row.currency)
        changed[row.emi] = structs.replace(old, funding=old.funding + row.commiss)
    return list(changed.values())
