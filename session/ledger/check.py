"""`main.py ledger check`: the ledger proves itself, while the program trades or while it does not.

Inside the database: every fact once and whole, and the kept sums equal to the rows they sum, entry prices included.
Against the exchange, where keys are there: see `session.ledger.venues`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

from accounting.position import after_fill
from core.numbers import text, use_ledger_context
from core.rows import BOOK_KEY, BookRow
from core.secrets import KnownSecrets
from core.settings import Settings, load_settings
from core.titles import full_name
from db.reading import Reading
from models import ZERO, Mode
from session import lock
from session.child import Child, running
from session.ledger.place import reading, settings_of
from session.ledger.progress import progress
from session.ledger.venues import beside
from session.run import flag_of

DIFFERENT = 10            # the exit code when something does not agree
SUMS = (("pos", "position"), ("sumreal", "SUMREAL"), ("fees", "fees"), ("funding", "funding"), ("volume", "volume"))


def check_ledger(args: argparse.Namespace, home: Path, project: Path) -> int:
    """Check and print; the exit code."""
    use_ledger_context()
    known = KnownSecrets()
    settings = settings_of(args, home, known)
    found = 0
    with reading(settings) as ledger:
        marks, rows = ledger.marks(), ledger.count()
        print(f"ledger {ledger.where}: mode {marks.get('mode', '–')}, {rows:,} rows")
        for title, problems in inside(ledger, rows):
            found += report(title, problems)
    with _markets(settings, args, home, project, known) as reached:
        for title, problems in beside(reached, known, partial(reading, settings), lock.is_taken(home)):
            found += report(title, problems)
    if found:
        print(f"{found} difference{'s' if found > 1 else ''}; nothing was changed")
    return DIFFERENT if found else 0


@contextmanager
def _markets(settings: Settings, args: argparse.Namespace, home: Path, project: Path,
             known: KnownSecrets) -> Iterator[Settings]:
    """The settings with their markets; a bundled exchange that does not run is started for the look."""
    if not settings.demo:
        yield settings
        return
    demo, child = running(home), None
    if demo is None:
        child = Child(project, home)
        demo = child.demo
    try:
        yield load_settings(home, known, flag_of(args) or Mode.SIM, demo)
    finally:
        if child is not None:
            child.stop()


def report(title: str, problems: list[str]) -> int:
    """A line for what holds, one for each thing that does not; how many."""
    if not problems:
        print(title if title.startswith("not compared") else f"✓ {title}")
    for problem in problems:
        print(f"✕ {problem}")
    return len(problems)


def inside(ledger: Reading, rows: int) -> Iterator[tuple[str, list[str]]]:
    """What the database can say by itself: title and differences of each check."""
    yield "every fact stands there once", [
        f"{market} account {account}: {exec_id} part {part} stands there twice"
        for market, account, exec_id, part in ledger.repeated()]
    yield "every fact has its part 0", [f"{market} account {account}: {exec_id} has no part 0, which guards the fact"
                                        for market, account, exec_id in ledger.headless()]
    kept = ledger.books()
    with progress("sums", rows) as done:
        right = ledger.sums(done)
    yield f"the kept sums of {len(kept)} books equal the rows", list(different(kept, right))
    with progress("entry prices", rows) as done:
        opened = {name for name, row in kept.items() if row.pos}
        entries = folded_entries(ledger, opened, done)
    yield "entry prices equal the rows", [
        f"{_named(name)}: entry kept {_shown(kept[name].entry)}, the rows give {_shown(entries.get(name))}"
        for name in sorted(opened, key=str) if kept[name].entry != entries.get(name)]


def different(kept: dict[BOOK_KEY, BookRow], right: dict[BOOK_KEY, BookRow]) -> Iterator[str]:
    """A sentence for each kept sum that is not what the rows add up to."""
    for name in sorted({*kept, *right}, key=str):
        account, key, emi, currency = name
        none = BookRow(key, account, emi, currency)
        ours, rows = kept.get(name, none), right.get(name, none)
        off = [f"{word} kept {text(getattr(ours, field))}, the rows give {text(getattr(rows, field))}"
               for field, word in SUMS if getattr(ours, field) != getattr(rows, field)]
        if ours.fills != rows.fills:
            off.append(f"{ours.fills} fills kept, there are {rows.fills}")
        if off:
            yield f"{_named(name)}: {'; '.join(off)}"


def folded_entries(ledger: Reading, opened: set[BOOK_KEY],
                   on_rows: Callable[[int], object]) -> dict[BOOK_KEY, Decimal | None]:
    """Entry prices by the fold booking itself makes, row by row, of the books that hold a position."""
    held: dict[tuple[str, ...], tuple[BOOK_KEY, Decimal, Decimal | None]] = {
        (name[1].market, name[0], name[1].category.value, name[1].symbol, name[2], name[3]): (name, ZERO, None)
        for name in opened}
    if not held:
        return {}
    for rows in ledger.positions():
        for *group, qty, price in rows:
            where = tuple(group)
            state = held.get(where)
            if state is None:
                continue
            name, pos, entry = state
            held[where] = (name, *after_fill(name[1].category, pos, entry, Decimal(qty), Decimal(price)))
        on_rows(len(rows))
    return {name: entry for name, _, entry in held.values()}


def _named(name: BOOK_KEY) -> str:
    account, key, emi, currency = name
    return f"{full_name(key)} {emi} {currency} (account {account})"


def _shown(price: Decimal | None) -> str:
    return "–" if price is None else text(price)


