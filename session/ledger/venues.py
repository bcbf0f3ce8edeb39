"""The other half of `main.py ledger check`: the ledger beside what the exchanges tell, without changing anything.

Of each product with keys: the facts of the last days are in the ledger, positions are equal for each symbol, and what
the wallet holds is explained by trades, fees, funding and movements. While the program trades, a fill may come between
the two looks: a difference counts when it is there three times.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from accounting.funding import minor_unit
from connectors.venue import Venue
from core.board import Board
from core.errors import VenueError
from core.numbers import text
from core.rows import BookRow
from core.secrets import KnownSecrets
from core.settings import Settings
from core.titles import full_name
from db.reading import Reading
from engine.money import A_FILL, control_of, held_unread, rows_of, wallet_of
from engine.state import VenueBook
from engine.view import not_compared
from models import ZERO, AccountSnapshot, Category, HistoryPage, Key, PositionReport, VenueMessage
from session.venues import Venues, parts_apart, plans

DAYS = 7
LOOKS = 3
PAUSE_S = 2.0


@dataclass(slots=True)
class Look:
    """What one product told."""

    venue: Venue
    book: VenueBook
    exec_ids: list[str] = field(default_factory=list)


def beside(settings: Settings, known: KnownSecrets, opened: Callable[[], Reading],
           is_trading: bool) -> Iterator[tuple[str, list[str]]]:
    """Title and differences of each product, then of each wallet; a title that begins with "not" was not compared."""
    board, told = Board(), list[VenueMessage]()
    venues = Venues(parts_apart(board, told.append, known))
    looks: list[Look] = []
    for plan in plans(settings).values():
        title = plan.config.title
        if plan.market in settings.closed() or plan.credentials is None:
            reason = settings.closed().get(plan.market, "no API key")
            yield f"not compared with {title}: {reason}", []
            continue
        try:
            look, problems = _agreed(venues.make(plan), told, opened, LOOKS if is_trading else 1)
        except VenueError as error:
            yield f"not compared with {title}: {error}", []
            continue
        looks.append(look)
        what = "facts" if look.book.category is Category.SPOT else "facts and positions"
        yield (f"{title} account {look.book.account}: {what} of {DAYS} days agree ({len(look.exec_ids)} facts)",
               [f"{title}: {one}" for one in problems])
    yield from _money(looks, told, opened, board, LOOKS if is_trading else 1)


def _money(looks: list[Look], told: list[VenueMessage], opened: Callable[[], Reading], board: Board,
           most: int) -> list[tuple[str, list[str]]]:
    """Each wallet, title and differences; where there are some, the venues are asked anew, so many times at most."""
    pause = threading.Event()
    for again in range(most):
        with opened() as ledger:
            found = list(_wallets(ledger, looks, board))
        if again + 1 == most or not any(problems for _, problems in found):
            break
        pause.wait(PAUSE_S)
        try:
            looks = [_look(look.venue, told) for look in looks]
        except VenueError:                   # what was found stands
            break
    return found


def _agreed(venue: Venue, told: list[VenueMessage], opened: Callable[[], Reading],
            looks: int) -> tuple[Look, list[str]]:
    """Looked at until it agrees, so many times at most."""
    pause = threading.Event()
    for again in range(looks):
        look = _look(venue, told)
        with opened() as ledger:
            problems = list(_differences(ledger, look))
        if not problems:
            break
        if again + 1 < looks:
            pause.wait(PAUSE_S)
    return look, problems


def _look(venue: Venue, told: list[VenueMessage]) -> Look:
    """Ask a venue; what it tells comes into `told`."""
    told.clear()
    account = venue.look(round(time.time() * 1000) - DAYS * 86_400_000)
    look = Look(venue, VenueBook(venue.market, venue.config.category, account=account,
                                 wallet=getattr(venue, "wallet", "")))
    for message in told:
        if isinstance(message, HistoryPage):
            look.exec_ids += [fact.exec_id for fact in message.executions]
        elif isinstance(message, AccountSnapshot):
            look.book = replace(look.book, positions=message.positions, balances=message.balances)
    return look


def _differences(ledger: Reading, look: Look) -> Iterator[str]:
    book = look.book
    missing = ledger.missing(book.market, book.account, look.exec_ids)
    if missing:
        yield f"{len(missing)} facts the exchange tells are not in the ledger: {', '.join(missing[:5])}"
    if book.category is Category.SPOT:
        return                           # coins are held there, no positions
    ours: dict[Key, list[BookRow]] = {}
    for row in ledger.books().values():
        if row.account == book.account and row.key[:2] == book.id:
            ours.setdefault(row.key, []).append(row)
    theirs: dict[Key, PositionReport] = {report.key: report for report in book.positions}
    for key in sorted({*ours, *theirs}):
        held = sum((row.pos for row in ours.get(key, ())), ZERO)
        told = theirs[key].qty if key in theirs else ZERO
        if held != told:
            yield f"{full_name(key)}: ledger {text(held)}, exchange {text(told)}"


def _wallets(ledger: Reading, looks: list[Look], board: Board) -> Iterator[tuple[str, list[str]]]:
    """CONTROL of each currency against the movements."""
    def multiplier(key: Key) -> Decimal | None:
        return board.listed[key].multiplier if key in board.listed else None

    moved, books = ledger.movements(), list(ledger.books().values())
    wallets = {wallet_of(look.book): [one.book for one in looks if wallet_of(one.book) == wallet_of(look.book)]
               for look in looks}
    for wallet, venues in wallets.items():
        name = f"{wallet[0]} account {wallet[1]}, {wallet[2]}"
        if not any(where[:3] == wallet for where in moved):
            yield f"not compared: the money of {name} (its opening balance is not known yet)", []
            continue
        rows = rows_of(books, venues)
        told = {report.currency: report.wallet for venue in venues for report in venue.balances}
        problems = []
        for currency in sorted(told.keys() | {row.currency for row in rows}):
            mine = [row for row in rows if row.currency == currency]
            unread = held_unread(mine, venues, multiplier, currency in told)
            if unread:
                yield f"not compared: {not_compared(unread, currency)}", []
                continue
            control = control_of(told.get(currency, ZERO), mine, venues, multiplier)
            net = moved.get((*wallet, currency), ZERO)
            tolerance = max(A_FILL * sum(row.fills for row in mine), minor_unit(wallet[0], currency))
            if abs(control - net) > tolerance:
                problems.append(f"{name}: {currency} {text(control)} should be there by the exchange, movements give "
                                f"{text(net)}")
        yield f"the money of {name} is explained in every currency", problems
