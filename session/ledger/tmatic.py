"""`main.py ledger import-tmatic FILE`: rows and bots of an older terminal's database become ours.

A row keeps its owner, amounts and time. Its EXECID is the exchange's, so a second run, and the exchange's own history,
add nothing. Bots come switched OFF.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from accounting.value import COMMISS_PLACES, SUMREAL_PLACES
from core.dates import to_ms
from core.errors import LedgerError, UsageError
from core.ids import emi_problem
from core.numbers import half_up, printable, use_ledger_context
from core.rows import CATEGORY_OF, BookRow, CoinRow, RobotAdded, RobotRow, Row
from core.secrets import KnownSecrets
from db import tmatic_file as file
from db.reading import known_facts
from db.store import Store, StoreAway
from engine.kept import fold
from models import Category, Key, Mode
from session.ledger.place import readable, settings_of, writing
from session.ledger.progress import progress

CHUNK = 1_000                            # rows of a transaction, about: a fact is never cut
MARKETS = {"bitmex": "Bitmex", "binance": "Binance"}
SIDES = {"0": 0, "1": 1, "-1": -1, "buy": 0, "sell": 1, "fund": -1}
PLACES = 15                              # of quantities and prices, as the ledger keeps them
UNITS = {"min": 1, "h": 60, "d": 1440}
SHOWN = 5                                # examples of a reason
BY_MODE = {Mode.LIVE: "real_trade", Mode.TESTNET: "test_trade"}


class Skipped(Exception):
    """A row that is not booked; the text says why."""


@dataclass(slots=True)
class Report:
    """What was booked, and what was not and why."""

    booked: int = 0
    facts: int = 0
    known: int = 0
    bots: list[str] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)      # reason → where
    counts: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str, where: str) -> None:
        """One more of this kind."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if self.counts[reason] <= SHOWN:
            self.skipped.setdefault(reason, []).append(where)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"booked {self.booked:,} rows of {self.facts:,} facts; {self.known:,} were there already"
        if self.bots:
            yield f"bots added, switched OFF: {', '.join(self.bots)}"
        for reason, count in self.counts.items():
            more = ", …" if count > SHOWN else ""
            yield f"skipped {count:,}: {reason} ({', '.join(self.skipped[reason])}{more})"


def import_tmatic(args: argparse.Namespace, home: Path) -> int:
    """Book the file; the exit code."""
    use_ledger_context()
    path = readable(args.file)
    settings = settings_of(args, home, KnownSecrets())
    with writing(settings, home) as store:
        found = file.tables(path)
        table = _table(path, found, args.table, settings.mode)
        report = Report()
        try:
            with progress(path.name, found.get(table)) as done:
                ledger = _Ledger(store, report)
                for chunk in _chunks(file.rows(path, table), args.account, report):
                    ledger.book(chunk)
                    done(len(chunk))
            _add_bots(store, path, found, report, ledger.symbols)
        except StoreAway as error:
            raise LedgerError(f"database {store.where}: {error}; what was booked stays, run it again") from None
    print(f"{path} ({table}) into the ledger of {settings.mode.value}")
    for line in report.lines():
        print(line)
    return 0


def _table(path: Path, found: dict[str, int], asked: str, mode: Mode) -> str:
    """Which table holds the rows."""
    if asked and asked not in found:
        raise UsageError(f"--table {asked}: {path} has {', '.join(sorted(found)) or 'no table of these'}")
    full = [asked] if asked else [name for name in file.TRADES if found.get(name)]
    if len(full) > 1 and BY_MODE.get(mode) in full:
        full = [BY_MODE[mode]]
    if len(full) > 1:
        raise UsageError(f"{path} has rows in {' and '.join(full)}; choose one with --table")
    return full[0] if full else next((name for name in file.TRADES if name in found), file.BOTS)


# ---------------------------------------------------------------- rows

def _chunks(rows: Iterable[tuple[str, file.OldRow]], account: str, report: Report) -> Iterator[list[CoinRow]]:
    """Rows as ours, some at a time; rows of one fact that follow each other stay together."""
    chunk: list[CoinRow] = []
    for where, old in rows:
        try:
            row = coin_of(old, account)
        except Skipped as reason:
            report.skip(str(reason), where)
            continue
        if len(chunk) >= CHUNK and chunk[-1].exec_id != row.exec_id:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def coin_of(old: file.OldRow, account: str = "") -> CoinRow:
    """A row of the older ledger as one of ours, PART 0. Raises Skipped."""
    told = old.get("MARKET") or old.get("EXCHANGE") or "Bitmex"          # the first versions knew one exchange
    market = MARKETS.get(told.casefold())
    if market is None:
        raise Skipped(f"{printable(told, 20)} is no exchange of this program")
    category = CATEGORY_OF.get(old.get("CATEGORY", "").casefold())
    if category is None or category is Category.SPOT:
        raise Skipped("spot: the older program kept no value of such rows" if category else
                      f"CATEGORY {printable(old.get('CATEGORY', '(none)'), 20)} is none of this program")
    symbol = old.get("TICKER") or old.get("SYMBOL", "")
    if not symbol or len(symbol) > 40 or not symbol.isprintable():
        raise Skipped("no SYMBOL")
    exec_id = old.get("EXECID", "")
    if not exec_id or len(exec_id) > 70 or not exec_id.isprintable():
        raise Skipped("no EXECID, so a second run could not know it")
    owner = account if old.get("ACCOUNT", "0") in ("", "0") else old["ACCOUNT"]
    if not owner:
        raise Skipped("no ACCOUNT; give it with --account")
    side = SIDES.get(old.get("SIDE", "").casefold())
    if side is None:
        raise Skipped(f"SIDE {printable(old.get('SIDE', '(none)'), 20)}: neither a trade nor funding")
    qty = _number(old, "QTY")
    if side >= 0 and not qty:
        raise Skipped("a trade of QTY 0")
    key = Key(market, category, symbol)
    emi, refer = _owner(key, old.get("EMI", ""), old.get("REFER", ""))
    price, traded = _number(old, "PRICE"), _number(old, "TRADE_PRICE")
    if side >= 0 and category is Category.INVERSE and not traded:
        raise Skipped("an inverse trade of TRADE_PRICE 0")
    number = old.get("CLORDID", "0")
    ttime = _time(old)
    return CoinRow(
        exec_id=exec_id, part=0, emi=emi, refer=refer, key=key, account=owner[:40],
        currency=printable(old.get("CURRENCY", ""), 16) or _no("CURRENCY"), ticker=symbol, side=side,
        qty=qty if side < 0 else abs(qty) if side == 0 else -abs(qty), qty_rest=abs(_number(old, "QTY_REST")),
        price=price, theor_price=_number(old, "THEOR_PRICE") or price, trade_price=traded,
        sumreal=half_up(_number(old, "SUMREAL"), SUMREAL_PLACES) if side >= 0 else Decimal(0),
        commiss=half_up(_number(old, "COMMISS"), COMMISS_PLACES), time=ttime, booked=time.time_ns() // 1000,
        cl_ord_number=int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0)


def _owner(key: Key, emi: str, refer: str) -> tuple[str, str]:
    """Whose row it is and what REFER keeps; what can be no bot's name goes to the instrument's own line."""
    if emi in ("", key.reserved):
        return key.reserved, printable(refer, 64)
    if emi_problem(emi):
        return key.reserved, printable(emi, 64)
    return emi, "" if refer == emi else printable(refer, 64)


def _number(old: file.OldRow, name: str) -> Decimal:
    told = old.get(name, "0")
    try:
        value = Decimal(told)
        if value.is_finite() and abs(value) < 10**22:
            return half_up(value, PLACES).normalize() + 0
    except InvalidOperation:
        pass
    raise Skipped(f"{name} {printable(told, 20)} is no number")


def _time(old: file.OldRow) -> int:
    try:
        return to_ms(datetime.fromisoformat(old.get("TTIME", "")))
    except (ValueError, OverflowError):
        raise Skipped(f"TTIME {printable(old.get('TTIME', '(none)'), 30)} is no time") from None


def _no(name: str) -> str:
    raise Skipped(f"no {name}")


class _Ledger:
    """Books chunks: what is new of a chunk and the sums with it, in one transaction."""

    def __init__(self, store: Store, report: Report) -> None:
        self._store, self._report = store, report
        self._books: dict[tuple[str, str], dict[object, BookRow]] = {}
        self.symbols: dict[str, set[Key]] = {}                        # of each owner

    def book(self, chunk: list[CoinRow]) -> None:
        """One chunk."""
        facts: dict[tuple[str, str, str], list[CoinRow]] = {}
        for row in chunk:
            self.symbols.setdefault(row.emi, set()).add(row.key)
            facts.setdefault((row.key.market, row.account, row.exec_id), []).append(row)
        known = {(market, account): known_facts(
            self._store, market, account, sorted({exec_id for m, a, exec_id in facts if (m, a) == (market, account)}))
            for market, account in {name[:2] for name in facts}}
        rows: list[CoinRow] = []
        for (market, account, exec_id), parts in facts.items():
            if exec_id in known[(market, account)]:
                self._report.known += 1
                continue
            self._report.facts += 1
            rows += self._parts(parts)
        if rows and not self._store.write([*rows, *self._sums(rows)]):
            raise LedgerError(f"rows of the file came into the ledger from elsewhere meanwhile ({rows[0].exec_id} …); "
                              "run it again")
        self._report.booked += len(rows)

    def _parts(self, rows: list[CoinRow]) -> list[CoinRow]:
        """A funding shared among bots is one fact with parts. Trades of one EXECID are the same one twice, or, at a
        delivery, one for each owner: those become facts of their own."""
        if rows[0].side < 0:
            return [replace(row, part=part) for part, row in enumerate(rows)]
        owners: dict[str, CoinRow] = {}
        for row in rows:
            if row.emi in owners:
                self._report.skip("the same trade stands there twice", row.exec_id)
            else:
                owners[row.emi] = row
        return [replace(row, exec_id=f"{row.exec_id}/{n}" if n else row.exec_id)
                for n, row in enumerate(owners.values())]

    def _sums(self, rows: list[CoinRow]) -> list[BookRow]:
        changed: list[BookRow] = []
        for market, account in {(row.key.market, row.account) for row in rows}:
            if (market, account) not in self._books:
                self._store.lock_account(market, account)
                loaded = self._store.load(market, account, int(time.time() * 1000))
                self._books[(market, account)] = {(b.key, b.emi, b.currency): b for b in loaded.books}
            books = self._books[(market, account)]
            mine = [row for row in rows if (row.key.market, row.account) == (market, account)]
            touched = {(row.key, row.emi, row.currency) for row in mine}
            new = fold(mine, [books[name] for name in touched if name in books])
            books.update({(b.key, b.emi, b.currency): b for b in new})
            changed += new
        return changed


# ---------------------------------------------------------------- bots

def _add_bots(store: Store, path: Path, found: dict[str, int], report: Report, symbols: dict[str, set[Key]]) -> None:
    there = {row.emi for row in store.robots()}
    rows: list[Row] = []
    if file.BOTS in found:
        for where, old in islice(file.rows(path, file.BOTS), 10_000):
            try:
                row = bot_of(old, symbols)
            except Skipped as reason:
                report.skip(f"bot: {reason}", f"{printable(old.get('EMI', ''), 20)} {where}".strip())
                continue
            if row.emi in there:
                report.skip("bot: there already", row.emi)
                continue
            there.add(row.emi)
            rows.append(RobotAdded(row))
            report.bots.append(row.emi)
    if rows:
        store.write(rows)


def bot_of(old: file.OldRow, symbols: dict[str, set[Key]]) -> RobotRow:
    """A row of the older `robots`; newer ones name no symbol, then the bot's trades do. Raises Skipped."""
    emi = old.get("EMI", "")
    if (problem := emi_problem(emi)) is not None:
        raise Skipped(problem)
    told = old.get("MARKET") or old.get("EXCHANGE") or "Bitmex"
    category = CATEGORY_OF.get(old.get("CATEGORY", "").casefold())
    if old.get("SYMBOL") and category is not None and told.casefold() in MARKETS:
        key = Key(MARKETS[told.casefold()], category, old["SYMBOL"])
    else:
        traded = symbols.get(emi, set())
        if len(traded) != 1:
            raise Skipped("it names no symbol, and its trades name " + ("several" if traded else "none"))
        (key,) = traded
    whole = old.get("CAPITAL", "1")
    return RobotRow(emi, key.symbol, key.category.value, key.market, _whole(old.get("SORT", "0")),
                    _minutes(old.get("TIMEFR", "")), Decimal(max(1, _whole(whole))), "", "", "OFF", "")


def _minutes(told: str) -> int:
    """TIMEFR: minutes, or words such as 5min, 1h, 1D."""
    digits = "".join(ch for ch in told if ch.isascii() and ch.isdigit())
    unit = told[len(digits):].strip().casefold()
    return max(1, int(digits or "1") * UNITS.get(unit, 1)) if len(digits) < 6 else 1


def _whole(told: str) -> int:
    return int(told) if told.isascii() and told.removeprefix("-").isdigit() and len(told) < 9 else 0
