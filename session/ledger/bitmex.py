"""`main.py ledger import-bitmex FILE`: an execution history saved from BitMEX, booked as if the exchange had told it.

The engine's own core decides each fact, without its thread: owners, funding shares, corrections and kept sums are those
of live trading. A fact is one transaction; its execID makes a repeat nothing.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

from connectors.bitmex import money, parse
from connectors.bitmex.contracts import Contract
from core.clock import SystemClock
from core.errors import BadMessage, LedgerError
from core.numbers import use_ledger_context
from core.rows import Row
from core.secrets import KnownSecrets
from core.settings import MarketSettings
from db.reading import known_facts
from db.store import Store, StoreAway
from engine.accounts import Accounts
from engine.core import Core
from engine.history_file import HistoryFile
from engine.robots import read_robot
from engine.state import Now, Sight
from models import Category, Execution, Funding, Instrument, Key, Notice, Timings, VenueUp
from session.ledger.bitmex_file import MARKET, SavedRow, contracts, rows
from session.ledger.place import readable, settings_of, writing
from session.ledger.progress import progress

CHUNK = 500              # facts whose ids are looked up at once
SHOWN = 10               # warnings

Fact = Execution | Funding


def import_bitmex(args: argparse.Namespace, home: Path) -> int:
    """Book the file; the exit code."""
    use_ledger_context()
    path = readable(args.file)
    settings = settings_of(args, home, KnownSecrets())
    found = rows(path)
    if not found:
        raise LedgerError(f"{path}: no trade, settlement or funding in it; save GET /execution/tradeHistory")
    worth, problems = contracts(row for _, row in found)
    facts = _facts(path, found, worth)
    counted: Counter[str] = Counter()
    warnings: list[str] = []
    with writing(settings, home) as store, progress(path.name, len(found)) as done:
        try:
            for account in sorted({fact.account for fact in facts}):
                mine = [fact for fact in facts if fact.account == account]
                booker = Booker(store, home, account, [one.instrument for one in worth.values()], settings.markets)
                for start in range(0, len(mine), CHUNK):
                    booker.book(mine[start:start + CHUNK])
                    done(len(mine[start:start + CHUNK]))
                counted += booker.counted
                warnings += booker.warnings
        except StoreAway as error:
            raise LedgerError(f"database {store.where}: {error}; what was booked stays, run it again") from None
    print(f"{path} into the ledger of {settings.mode.value}, account {', '.join(sorted({f.account for f in facts}))}")
    print(f"booked {counted['fill']:,} fills and {counted['funding']:,} fundings; {counted['known']:,} were there "
          "already")
    for symbol, reason in sorted(problems.items()):
        print(f"skipped {sum(row.symbol == symbol for _, row in found):,} of {symbol or '(no symbol)'}: {reason}")
    for text in warnings[:SHOWN]:
        print(f"▲ {text}")
    if len(warnings) > SHOWN:
        print(f"▲ … and {len(warnings) - SHOWN:,} more")
    return 0


def _facts(path: Path, found: list[tuple[str, SavedRow]], worth: dict[str, Contract]) -> list[Fact]:
    """The rows of contracts whose worth is known. Raises LedgerError naming the row that says something impossible."""
    made: list[Fact] = []
    for where, row in found:
        contract = worth.get(row.symbol or "")
        if contract is None:
            continue
        if not row.account:
            raise LedgerError(f"{path} {where}: the row names no account; it cannot be booked")
        try:
            made.append(money.funding(row, contract, "") if row.exec_type == money.FUNDING
                        else parse.execution(row, contract, ""))
        except BadMessage as error:
            raise LedgerError(f"{path} {where}: {error.text}; correct that row or take it out") from None
    return made


class Booker:
    """The engine's path of a fact without its thread, for one account: past → decide → commit → apply."""

    def __init__(self, store: Store, home: Path, account: str, instruments: list[Instrument],
                 markets: tuple[MarketSettings, ...]) -> None:
        self.counted: Counter[str] = Counter()
        self.warnings: list[str] = []
        self._store, self._account, self._clock = store, account, SystemClock()
        self._instruments = {one.key: one for one in instruments}
        self._core = Core(Timings(), self._multiplier)
        configured = {Key(market.name, product.category, symbol) for market in markets for product in market.products
                      for symbol in product.symbols} | self._instruments.keys()
        self._core.configure(configured, ())
        self._core.set_robots([read_robot(row, configured, ())[0] for row in store.robots()], {})
        self._accounts = Accounts(self._core, store, HistoryFile(home / "history.ini"))
        for category in Category:
            self._accounts.adopt((MARKET, category), account, self._now())
            mine = tuple(one for one in instruments if one.key.category is category)
            up = VenueUp(MARKET, category, account, mine, self._now().venue, can_trade=False)
            self._core.apply(self._core.decide(up, self._now(), Sight()), self._now())

    def _multiplier(self, key: Key) -> Decimal | None:
        instrument = self._instruments.get(key)
        return None if instrument is None else instrument.multiplier

    def _now(self) -> Now:
        wall = self._clock.wall_ms()
        return Now(wall, time.monotonic(), wall)

    def book(self, facts: list[Fact]) -> None:
        """Facts in the order of time."""
        known = known_facts(self._store, MARKET, self._account, [fact.exec_id for fact in facts])
        for fact in facts:
            is_new = fact.exec_id not in known and self._decide(fact)
            self.counted[("fill" if isinstance(fact, Execution) else "funding") if is_new else "known"] += 1

    def _decide(self, fact: Fact) -> bool:
        now = self._now()
        self._accounts.fetch_order(fact, now)
        sight = self._accounts.fetch_past(fact, Sight(self._instruments.get(fact.key)))
        if sight is None:
            return False
        decision = self._core.decide(fact, now, sight)
        new: list[Row] = decision.rows  # type: ignore[assignment]
        if new and not self._store.write(new):
            return False
        self._core.apply(decision, now)
        self.warnings += [change.text for change in decision.changes
                          if isinstance(change, Notice) and change.level != "info"]
        return True
