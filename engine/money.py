"""Movements of money, and the proof of the books: what the venue holds of each currency, less everything the ledger
explains, equals the net movements (rules of the ledger, sections 1 and 6). Pure.

Balances are compared with tolerance and never block: a difference is an amber line, not a repair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from accounting.funding import minor_unit
from accounting.position import value_at_entry
from accounting.value import COMMISS_PLACES
from core.numbers import half_up, text
from core.rows import BookRow, CursorRow, MoveRow
from core.titles import product_title
from engine.state import Control, Decision, Now, SetControl, SetFound, SetVenue, State, VenueBook, WalletId
from engine.view import not_compared
from models import (
    ZERO,
    AskAccount,
    AskMoney,
    BalanceReport,
    Category,
    Key,
    MoneyMoved,
    MoneyPage,
    Movement,
    OrdStatus,
    Timings,
)

FUNDING = "funding"               # the kind of cursor
OPENING = "OPENING"
TRIES = 4                         # readings after a hint, each later than the one before
A_FILL = Decimal("2e-8")         # how far the venue's rounding may take a balance from ours, for each fill
Multiplier = Callable[[Key], Decimal | None]


def money_key(venue: VenueBook) -> Key:
    """The name under which a product's cursor of fundings and movements is kept."""
    return Key(venue.market, venue.category, "")


def wallet_of(venue: VenueBook) -> WalletId:
    """Whose balances a product moves: its own, or those of a wallet that several share."""
    return (venue.market, venue.account, venue.wallet or venue.category.value)


def hear_movement(state: State, fact: Movement, booked: int, out: Decision) -> None:
    """Keep a movement; a repeat is known by its id."""
    venue = state.venues.get((fact.market, fact.category))
    wallet = venue.wallet if venue is not None and venue.wallet else fact.category.value
    amount = half_up(fact.amount, COMMISS_PLACES)
    out.rows.append(MoveRow(fact.market, fact.account, wallet, fact.move_id, fact.kind[:40], fact.currency, amount,
                            fact.time, booked))
    verb = "came in" if amount > 0 else "went out"
    out.note(product_title(fact.market, fact.category),
             f"{fact.kind}: {text(abs(amount))} {fact.currency} {verb}")


def hear_hint(state: State, hint: MoneyMoved, now: Now, timings: Timings, out: Decision) -> None:
    """The venue says that money moved: ask which, now and a few times later."""
    venue = state.venues.get((hint.market, hint.category))
    if venue is None or not venue.recovered:
        return                           # recovery asks anyway
    out.requests.append(ask_money(state, venue, "hint"))
    out.changes.append(SetVenue(replace(venue, next_money=now.mono + timings.read_money, money_tries=TRIES)))


def ask_money(state: State, venue: VenueBook, reason: str) -> AskMoney:
    """The question for everything since the cursor, less the overlap."""
    return AskMoney(venue.market, venue.category, state.read_from(venue.account, money_key(venue), FUNDING), reason)


def tick(state: State, venue: VenueBook, now: Now, timings: Timings, out: Decision) -> VenueBook:
    """Ask again after a hint; the venue's record as it is then."""
    if not (venue.recovered and venue.next_money and venue.next_money <= now.mono):
        return venue
    out.requests.append(ask_money(state, venue, "hint"))
    tries = venue.money_tries - 1
    wait = timings.read_money * 2 ** (TRIES - tries)
    return replace(venue, money_tries=tries, next_money=now.mono + wait if tries > 0 else 0.0)


def page_end(state: State, page: MoneyPage, out: Decision) -> None:
    """A completed read moves the cursor to its start."""
    if not page.last:
        return
    key = Key(page.market, page.category, "")
    if page.read_start > state.cursors.get((page.account, key, FUNDING), 0):
        out.rows.append(CursorRow(key, page.account, FUNDING, page.read_start))
    venue = state.venues.get((page.market, page.category))
    if venue is not None and venue.up and not venue.money_read:
        out.changes.append(SetVenue(replace(venue, money_read=True)))


# ---------------------------------------------------------------- the proof

def check(state: State, venue: VenueBook, multiplier: Multiplier, now: Now, timings: Timings, out: Decision) -> None:
    """Compare the balances of a wallet with the ledger, once all its products were read to the end."""
    wallet = wallet_of(venue)
    venues = [venue if one.id == venue.id else one for one in state.venues.values() if wallet_of(one) == wallet]
    if not all(one.recovered and one.money_read for one in venues):
        return
    if any(d.key[:2] in {one.id for one in venues} for d in state.differences.values()):
        return                           # said already; until they agree no balance can
    if wallet not in state.opened and any(one.next_money for one in venues):
        return                           # money moves: what is not told yet would count as there at the opening
    if not all(_is_told(state, one) for one in venues):
        return                           # a fill is on its way: the balances and positions told are of two moments
    told: dict[str, BalanceReport] = {}
    for report in sorted((b for one in venues for b in one.balances), key=lambda b: b.time):
        told[report.currency] = report
    rows: dict[str, list[BookRow]] = {currency: [] for currency in sorted(told)}
    for row in rows_of(state.books.values(), venues):
        rows.setdefault(row.currency, []).append(row)
    found = {currency: control_of(told[currency].wallet if currency in told else ZERO, mine, venues, multiplier)
             for currency, mine in rows.items()}
    unread = {currency: held_unread(mine, venues, multiplier, currency in told) for currency, mine in rows.items()}
    if wallet not in state.opened:
        if not any(unread.values()):
            _open(state, venue, wallet, found, now, timings, out)
        return
    for currency, control in found.items():
        fills = sum(row.fills for row in rows[currency])
        if unread[currency]:
            _leave(state, venue, (wallet, currency), control, unread[currency], out)
            continue
        _compare(state, venue, (wallet, currency), control, fills, out)


def _open(state: State, venue: VenueBook, wallet: WalletId, found: dict[str, Decimal], now: Now, timings: Timings,
          out: Decision) -> None:
    """Keep the opening balance: what two comparisons, some time apart, have found alike.

    What is told of an account is not of one moment; a fill in between would be kept as an opening for ever.
    """
    apart = timings.check_account / 12
    since, before = state.found.get(wallet, (now.mono, {}))
    if found != before:
        since = now.mono
        out.changes.append(SetFound(wallet, since, found))
    if now.mono - since < apart:
        return
    for currency, control in found.items():
        opening = half_up(control - state.moved.get((wallet, currency), ZERO), COMMISS_PLACES)
        out.rows.append(MoveRow(*wallet, f"{OPENING}:{wallet[2]}:{currency}", OPENING, currency, opening, now.venue,
                                now.wall * 1000))
    out.requests.append(AskAccount(venue.market, venue.category, "check"))


def _compare(state: State, venue: VenueBook, name: tuple[WalletId, str], control: Decimal, fills: int,
             out: Decision) -> None:
    wallet, currency = name
    moved, before = state.moved.get(name, ZERO), state.controls.get(name)
    tolerance = max(A_FILL * fills, minor_unit(wallet[0], currency))
    misses = 0 if abs(control - moved) <= tolerance else (before.misses if before is not None else 0) + 1
    new = Control(wallet, currency, control, moved, tolerance, misses)
    if new != before:
        out.changes.append(SetControl(new))
    if misses == 1:
        out.requests.append(ask_money(state, venue, "balance"))
    _tell(venue, before, new, out)


def _leave(state: State, venue: VenueBook, name: tuple[WalletId, str], control: Decimal, unread: tuple[Key, ...],
           out: Decision) -> None:
    """A currency that cannot be compared: said once, instead of a difference that is none."""
    before = state.controls.get(name)
    new = Control(*name, control, state.moved.get(name, ZERO), ZERO, unread=unread)
    if new != before:
        out.changes.append(SetControl(new))
    if before is None or before.unread != unread:
        out.note(product_title(*venue.id), f"{name[1]} is not compared with the venue: {not_compared(unread, name[1])}")


def _is_told(state: State, venue: VenueBook) -> bool:
    """Whether the positions told are exactly the ledger's, and no order's fate or fills are open."""
    if any(order.status is OrdStatus.UNKNOWN and key[:2] == venue.id for (key, _), order in state.orders.items()):
        return False
    if any(key[:2] == venue.id for key, _ in state.missing):
        return False
    if venue.category is Category.SPOT:
        return True
    told = {report.key: report.qty for report in venue.positions if report.qty}
    ours = {row.key for row in state.books.values() if row.pos and row.account == venue.account
            and row.key[:2] == venue.id}
    return all(state.position(key) == told.get(key, ZERO) for key in ours | told.keys())


def _tell(venue: VenueBook, before: Control | None, new: Control, out: Decision) -> None:
    title = product_title(*venue.id)
    if new.misses == 2:
        out.note(title, f"{new.currency}: the venue holds {text(new.off)} more than trades, fees, funding and "
                        "transfers explain; nothing is blocked, “main.py ledger check” compares every row", "warning")
    elif not new.misses and before is not None and before.misses >= 2:
        out.note(title, f"{new.currency}: ledger and balance agree again")


def rows_of(books: Iterable[BookRow], venues: Sequence[VenueBook]) -> list[BookRow]:
    """The kept sums that belong to a wallet: of its products, or of the whole account where products share one."""
    market, account, _ = wallet_of(venues[0])
    ids = {venue.id for venue in venues}
    return [row for row in books if row.account == account and row.key.market == market
            and (bool(venues[0].wallet) or row.key[:2] in ids)]


def held_unread(rows: Sequence[BookRow], venues: Sequence[VenueBook], multiplier: Multiplier,
                is_told: bool) -> tuple[Key, ...]:
    """Instruments of one currency whose worth cannot be told: their product is not connected, or lists them no more.

    What their fundings and fills moved since is not read either, so that no other price would close the gap. Where
    only products that are not connected use a currency, its balance is not told (`is_told`).
    """
    if not is_told and not {row.key[:2] for row in rows} & {venue.id for venue in venues}:
        return tuple(sorted({row.key for row in rows}))
    entries = {report.key for venue in venues for report in venue.positions if report.entry}
    held: dict[Key, Decimal] = {}
    for row in rows:
        if row.key.category is not Category.SPOT:
            held[row.key] = held.get(row.key, ZERO) + row.pos
    return tuple(sorted(key for key, qty in held.items() if qty and (key not in entries or multiplier(key) is None)))


def control_of(held: Decimal, rows: Sequence[BookRow], venues: Sequence[VenueBook], multiplier: Multiplier) -> Decimal:
    """Wallet − (ΣSUMREAL + value of each position at the venue's entry) + fees + funding, of one currency."""
    entries = {report.key: report.entry for venue in venues for report in venue.positions if report.entry}
    result, positions = held, dict[Key, Decimal]()
    for row in rows:
        result += row.fees + row.funding - row.sumreal
        if row.pos and row.key in entries:
            positions[row.key] = positions.get(row.key, ZERO) + row.pos
    for key, qty in positions.items():
        result -= value_at_entry(key.category, qty, entries[key], multiplier(key) or Decimal(1))
    return result
