"""The referee: compares the bundled exchange's truth with our ledger, invariant by invariant, with its own arithmetic.

`python -m tests.faults.referee --home DIR --control URL` waits for quiet and prints ✓ or ✕ with both numbers of each.
It reads the database itself (SQLite file or MySQL) and imports nothing of the terminal, so it shares none of its
mistakes. Every product is compared by itself: market, category, symbol.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values

from tests.faults import referee_money
from tests.faults.worth import client_id, instrument, legs, product, told_wrong

Row = dict[str, Any]
Id = tuple[str, str]                # market and the exchange's id of a fact
Read = Callable[[], "Ledger"]

TABLES = ("coins", "orders", "books", "robots", "counters", "moves")
MONEY = {"coins": ("QTY", "SUMREAL", "COMMISS", "TRADE_PRICE"), "orders": ("QTY", "BOOKED_QTY", "TOLD_QTY"),
         "books": ("POS", "SUMREAL", "FEES", "FUNDING", "VOLUME"), "moves": ("AMOUNT",)}
OWN = ("OPEN:", "MOVE:")         # rows no execution stands behind: taken over, moved between owners
OPEN = {"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE"}
VENUE_OPEN = {"NEW", "PARTIALLY_FILLED"}
ENDED = {"FILLED": {"FILLED"}, "CANCELED": {"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"}, "REJECTED": {"REJECTED"},
         "EXPIRED": {"EXPIRED", "EXPIRED_IN_MATCH", "CANCELED"}}
OUR_ID = re.compile(r"([0-9]{1,18})\.(.+)", re.ASCII)
SIGNS = {"BUY": 1, "SELL": -1}
ZERO = Decimal(0)


@dataclass(frozen=True)
class Ledger:
    """Our database at one moment: rows of each table by column name, and what its own check says."""

    coins: list[Row]
    orders: list[Row]
    books: list[Row]
    robots: list[Row]
    counters: list[Row]
    moves: list[Row]
    integrity: str = "ok"


@dataclass(frozen=True)
class Finding:
    """One invariant: its name, whether it holds, our number and the exchange's, and what does not fit."""

    name: str
    ours: str
    theirs: str
    faults: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the invariant holds."""
        return not self.faults

    def __str__(self) -> str:
        mark = "✓" if self.is_kept else "✕"
        return f"{mark} {self.name}: ledger {self.ours}, exchange {self.theirs}" + "".join(
            f"\n    {fault}" for fault in self.faults[:8])


@dataclass
class Judged:
    """All findings of one comparison."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Whether every invariant holds."""
        return all(finding.is_kept for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


# ---------------------------------------------------------------- reading

def read_sqlite(path: Path) -> Ledger:
    """The ledger in a file, in one consistent read."""
    if not path.exists():
        raise AssertionError(f"there is no database {path.name}")
    connection = sqlite3.connect(path, timeout=5)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        rows = {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in TABLES}
        integrity = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return _ledger(rows, integrity)


def read_mysql(user: str, password: str, database: str, host: str = "127.0.0.1", port: int = 3306,
               socket: str = "") -> Ledger:
    """The ledger on a MySQL or MariaDB server, in one consistent read."""
    import pymysql
    from pymysql.cursors import DictCursor

    where: Row = {"unix_socket": socket} if socket else {"host": host, "port": port}
    connection = pymysql.connect(user=user, password=password, database=database, charset="utf8mb4",
                                 cursorclass=DictCursor, **where)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            rows: dict[str, list[Row]] = {}
            for name in TABLES:
                cursor.execute(f"SELECT * FROM {name}")
                rows[name] = list(cursor.fetchall())
            connection.rollback()
            cursor.execute("CHECK TABLE " + ", ".join(TABLES))
            bad = [str(row) for row in cursor.fetchall() if row["Msg_text"] != "OK"]
    finally:
        connection.close()
    return _ledger(rows, "; ".join(bad) or "ok")


def _ledger(rows: Mapping[str, list[Row]], integrity: str) -> Ledger:
    for table, names in MONEY.items():
        for row in rows[table]:
            row.update({name: Decimal(str(row[name])) for name in names})
    return Ledger(**rows, integrity=integrity)


def reader(home: Path) -> Read:
    """How to read the ledger of a home folder, by its `.env`."""
    env = {name: value or "" for name, value in dotenv_values(home / ".env").items()}
    if not env.get("MYSQL_HOST"):
        return lambda: read_sqlite(home / (env.get("SQLITE_DATABASE") or "sim.db"))
    return lambda: read_mysql(
        env.get("MYSQL_USER", ""), env.get("MYSQL_PASSWORD", ""), env.get("MYSQL_DATABASE") or "botbook_sim",
        env["MYSQL_HOST"], int(env.get("MYSQL_PORT") or 3306), env.get("MYSQL_SOCKET", ""))


def read_truth(control: str) -> Row:
    """What really happened, as the exchange tells it."""
    answer: Row = requests.get(f"{control}/truth", timeout=10).json()
    return answer


# ---------------------------------------------------------------- judging

def judge(truth: Row, ledger: Ledger, may_be_unknown: Iterable[str] = (), started: bool = True) -> Judged:
    """Every invariant. `may_be_unknown`: clOrdIDs whose fate may still be open; `started`: a terminal runs."""
    unknown = set(may_be_unknown)
    return Judged([_no_loss(truth, ledger), _no_double(ledger), _once(truth, ledger, unknown, started),
                   _positions(truth, ledger), *_money(truth, ledger), _funding(truth, ledger),
                   _moves(truth, ledger, started), _open_orders(truth, ledger, unknown, started),
                   _owners(truth, ledger), _storage(truth, ledger)])


def _facts(ledger: Ledger) -> dict[Id, Row]:
    return {(row["MARKET"], row["EXECID"]): row for row in ledger.coins
            if row["PART"] == 0 and row["SIDE"] >= 0 and not row["EXECID"].startswith(OWN)}


def _fact_id(one: Row) -> Id:
    return one["market"], one["exec_id"]


def _no_loss(truth: Row, ledger: Ledger) -> Finding:
    ours, theirs = set(_facts(ledger)), {_fact_id(one) for one in truth["executions"]}
    faults = [f"lost: {' '.join(name)}" for name in sorted(theirs - ours)]
    faults += [f"invented: {' '.join(name)}" for name in sorted(ours - theirs)]
    return Finding("I1 no loss", f"{len(ours)} executions", f"{len(theirs)}", tuple(faults))


def _no_double(ledger: Ledger) -> Finding:
    keys = Counter((row["MARKET"], row["ACCOUNT"], row["EXECID"], row["PART"]) for row in ledger.coins)
    faults = tuple(f"{count} times: {key}" for key, count in keys.items() if count > 1)
    return Finding("I2 no double", f"{len(ledger.coins)} rows", f"{len(keys)} keys", faults)


def _once(truth: Row, ledger: Ledger, unknown: set[str], started: bool) -> Finding:
    intents = {(*instrument(row), row["CLORDID"]): row for row in ledger.orders if row["CLORDID"]}
    tags = {row["EMI"] for row in ledger.robots}
    accepted = [one for one in _standing(truth) if _is_ours(one, tags)]
    names = Counter((*instrument(one), client_id(one)) for one in accepted)
    faults = [f"{count} orders at the exchange: {' '.join(name)}" for name, count in names.items() if count > 1]
    faults += [f"never asked for: {' '.join(name)}" for name in names if name not in intents]
    by_name = {(*instrument(one), client_id(one)): one for one in (*truth.get("conditional", ()), *_standing(truth))}
    for name, row in intents.items():
        fault = _share_status(row, by_name.get(name), name[-1] in unknown, started)
        faults += [fault] if fault else []
    return Finding("I3 once", f"{len(intents)} intents", f"{len(accepted)} accepted", tuple(faults))


def _standing(truth: Row) -> list[Row]:
    """The orders, without those of spot that went on under another number: cancelled unfilled, then the same name."""
    newest = {(*instrument(one), one["client_id"]): one for one in truth["orders"]}
    return [one for one in truth["orders"] if product(one) != ("Binance", "spot") or one["status"] != "CANCELED"
            or Decimal(one["cum_qty"]) or newest[(*instrument(one), one["client_id"])] is one]


def _is_ours(one: Row, tags: set[str]) -> bool:
    match = OUR_ID.fullmatch(client_id(one))
    return match is not None and (match[2] in tags or match[2] == f"{one['symbol']}.{one['category']}")


def _share_status(row: Row, theirs: Row | None, may_be_unknown: bool, started: bool) -> str:
    """Why our status and the exchange's do not fit, or ""."""
    name, status = f"{row['CLORDID']} {row['SYMBOL']}", row["STATUS"]
    if status in ("UNKNOWN", "PENDING_NEW"):
        told = theirs["status"] if theirs else "nothing"
        return "" if may_be_unknown or not started else f"{name} is still {status}, the exchange has {told}"
    if theirs is None:
        return "" if status == "REJECTED" else f"{name} is {status}, the exchange does not know it"
    fits = theirs["status"] in (VENUE_OPEN if status in OPEN else ENDED.get(status, set()))
    if not fits:
        return f"{name} is {status}, at the exchange {theirs['status']}"
    if started and row["BOOKED_QTY"] != Decimal(theirs.get("cum_qty", 0)):
        return f"{name} has {row['BOOKED_QTY']} booked, at the exchange {theirs.get('cum_qty', 0)}"
    return ""


def _sums(pairs: Iterable[tuple[Any, Decimal]]) -> dict[Any, Decimal]:
    made: dict[Any, Decimal] = defaultdict(lambda: ZERO)
    for key, value in pairs:
        made[key] += value
    return {key: value for key, value in made.items() if value}


def _positions(truth: Row, ledger: Ledger) -> Finding:
    """Spot has none at the exchange: there they are what was bought less what was sold."""
    ours = _sums((instrument(row), row["QTY"]) for row in ledger.coins if row["SIDE"] >= 0)
    theirs = _sums([*((instrument(one), Decimal(one["qty"])) for one in truth["positions"]),
                    *((instrument(one), Decimal(one["qty"]) * SIGNS[one["side"]]) for one in truth["executions"]
                      if one["category"] == "spot")])
    by_owner = _sums(((row["EMI"], *instrument(row)), row["QTY"]) for row in ledger.coins if row["SIDE"] >= 0)
    kept = _sums(((row["EMI"], *instrument(row)), row["POS"]) for row in ledger.books)
    faults = _differences("position of", ours, theirs) + _differences("kept position of", kept, by_owner)
    return Finding("I4 position", _shown(ours), _shown(theirs), faults)


def _money(truth: Row, ledger: Ledger) -> list[Finding]:
    """Value by `worth`, commission by the exchange's word; fill by fill, in every currency, no tolerance."""
    rows = [row for row in ledger.coins if row["SIDE"] >= 0]
    facts = [row for row in rows if not row["EXECID"].startswith(OWN)]
    value = _sums(((*product(one), currency), amount) for one in truth["executions"]
                  for currency, amount in legs(one).items())
    fees = _sums(((*product(one), one["commission_asset"]), Decimal(one["commission"]))
                 for one in truth["executions"])
    our_value = _sums(((*product(row), row["CURRENCY"]), row["SUMREAL"]) for row in facts)
    our_fees = _sums(((*product(row), row["CURRENCY"]), row["COMMISS"]) for row in rows)
    kept_value = _sums(((*product(row), row["CURRENCY"]), row["SUMREAL"]) for row in ledger.books)
    all_value = _sums(((*product(row), row["CURRENCY"]), row["SUMREAL"]) for row in rows)
    kept_fees = _sums(((*product(row), row["CURRENCY"]), row["FEES"]) for row in ledger.books)
    single, paid = _each_fill(truth, facts)
    return [
        Finding("I5 value", _shown(our_value), _shown(value), _differences("value in", our_value, value) + single
                + _differences("kept value in", kept_value, all_value)),
        Finding("I5 commission", _shown(our_fees), _shown(fees), _differences("commission in", our_fees, fees) + paid
                + _differences("kept commission in", kept_fees, our_fees))]


def _funding(truth: Row, ledger: Ledger) -> Finding:
    """I1, I2 and I5 of fundings: each once, shared as the owners stood, the kept sums with them."""
    wrong, ours, theirs = referee_money.faults_of(truth["funding"], ledger.coins)
    rows = _sums(((row["EMI"], *instrument(row), row["CURRENCY"]), row["COMMISS"]) for row in ledger.coins
                 if row["SIDE"] < 0)
    kept = _sums(((row["EMI"], *instrument(row), row["CURRENCY"]), row["FUNDING"]) for row in ledger.books)
    return Finding("I5 funding", _shown(ours), _shown(theirs),
                   (*wrong, *_differences("kept funding of", kept, rows)))


def _moves(truth: Row, ledger: Ledger, started: bool) -> Finding:
    """I1, I2 and I5 of movements, of the wallets that were read to the end."""
    wrong, ours, theirs = referee_money.faults_of_moves(truth["movements"], ledger.moves, started)
    return Finding("I5 movements", _shown(ours), _shown(theirs), tuple(wrong))


def _each_fill(truth: Row, facts: list[Row]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with single fills: their values, their commissions."""
    booked, paid = ({key: dict(group) for key, group in _by_fill(facts, name).items()}
                    for name in ("SUMREAL", "COMMISS"))
    values, fees = [], []
    for one in truth["executions"]:
        name = _fact_id(one)
        if name not in booked:
            continue                        # I1 says it
        worth = {currency: amount for currency, amount in legs(one).items() if amount}
        fee = _sums([(one["commission_asset"], Decimal(one["commission"]))])
        values += [f"{name[1]}: booked {_shown(booked[name])}, worth {_shown(worth)}"] * (booked[name] != worth)
        values += filter(None, [told_wrong(one)])
        fees += [f"{name[1]}: booked {_shown(paid[name])}, taken {_shown(fee)}"] * (paid[name] != fee)
    return tuple(values), tuple(fees)


def _by_fill(facts: list[Row], column: str) -> dict[Id, dict[str, Decimal]]:
    made: dict[Id, dict[str, Decimal]] = defaultdict(dict)
    for row in facts:
        of_fill = made[row["MARKET"], row["EXECID"]]
        if row[column]:
            of_fill[row["CURRENCY"]] = of_fill.get(row["CURRENCY"], ZERO) + row[column]
    return made


def _open_orders(truth: Row, ledger: Ledger, unknown: set[str], started: bool) -> Finding:
    """By client id where there is one: a move on spot changes the exchange's number, not the name."""
    ours = {(*instrument(row), row["CLORDID"] or row["ORDERID"]) for row in ledger.orders if row["STATUS"] in OPEN}
    theirs = {(*instrument(one), client_id(one) or one.get("order_id")) for one in truth["orders"]
              if one["status"] in VENUE_OPEN}
    theirs |= {(*instrument(one), client_id(one)) for one in truth.get("conditional", ()) if one["status"] == "NEW"}
    if not started:
        return Finding("I6 open orders", f"{len(ours)} (not running)", f"{len(theirs)}")
    faults = [f"open at the exchange, not here: {' '.join(key)}" for key in sorted(theirs - ours)
              if key[-1] not in unknown]
    faults += [f"open here, not at the exchange: {' '.join(key)}" for key in sorted(ours - theirs)]
    return Finding("I6 open orders", f"{len(ours)}", f"{len(theirs)}", tuple(faults))


def _owners(truth: Row, ledger: Ledger) -> Finding:
    """A bot that was renamed, merged or deleted has had its fills; what comes later under its name is nobody's."""
    tags, facts = {row["EMI"] for row in ledger.robots}, _facts(ledger)
    former = {row[name] for row in ledger.coins if row["EXECID"].startswith("MOVE:") for name in ("EMI", "REFER")}
    faults, tagged = [], 0
    for one in truth["executions"]:
        row, reserved = facts.get(_fact_id(one)), f"{one['symbol']}.{one['category']}"
        match = OUR_ID.fullmatch(client_id(one))
        tag = match[2] if match else ""
        tagged += tag in tags
        right = tag if tag in tags else reserved
        if row is not None and row["EMI"] != right and not (tag in former and row["EMI"] == tag):
            faults.append(f"{one['exec_id']} of {client_id(one)} is booked to {row['EMI']}, belongs to {right}")
    booked = sum(row["EMI"] in tags for row in facts.values())
    return Finding("I8 owner", f"{booked} fills of bots", f"{tagged}", tuple(faults))


def _storage(truth: Row, ledger: Ledger) -> Finding:
    given = max((int(row["VALUE"]) for row in ledger.counters if row["NAME"] == "clOrdID"), default=0)
    tags = {row["EMI"] for row in ledger.robots}
    seen = max((int(client_id(one).partition(".")[0]) for one in truth["orders"] if _is_ours(one, tags)), default=0)
    faults = [f"integrity check: {ledger.integrity}"] if ledger.integrity != "ok" else []
    faults += [f"the counter went back: {given} in the ledger, {seen} was sent"] if given < seen else []
    return Finding("I13 storage", f"{ledger.integrity}, counter {given}", f"newest number {seen}", tuple(faults))


def _differences(what: str, ours: dict[Any, Decimal], theirs: dict[Any, Decimal]) -> tuple[str, ...]:
    return tuple(f"{what} {_word(key)}: {_plain(ours.get(key, ZERO))} against {_plain(theirs.get(key, ZERO))}"
                 for key in sorted({*ours, *theirs}, key=str) if ours.get(key, ZERO) != theirs.get(key, ZERO))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _shown(sums: dict[Any, Decimal]) -> str:
    return ", ".join(f"{_word(key)} {_plain(value)}" for key, value in sorted(sums.items())) or "nothing"


def _word(key: Any) -> str:
    return key if isinstance(key, str) else " ".join(key)


# ---------------------------------------------------------------- waiting for quiet

def check(control: str, read: Read, limit: float = 10.0, may_be_unknown: Iterable[str] = (),
          started: bool = True) -> Judged:
    """Compare until everything holds and the exchange stood still meanwhile; raises AssertionError after `limit` s."""
    end, unknown = time.monotonic() + limit, tuple(may_be_unknown)
    while True:
        before = read_truth(control)
        judged = judge(before, read(), unknown, started)
        after = read_truth(control)
        is_quiet = all(before[name] == after[name] for name in ("orders", "executions", "positions", "funding"))
        if judged.is_kept and is_quiet:
            return judged
        if time.monotonic() > end:
            raise AssertionError(f"not right after {limit:g} s{'' if is_quiet else ' (and not quiet)'}:\n{judged}")
        time.sleep(0.1)


def main() -> int:
    """The command line; 0 when every invariant holds."""
    parser = argparse.ArgumentParser(description="Compare a ledger with the bundled exchange's truth.")
    parser.add_argument("--home", type=Path, required=True, metavar="DIR")
    parser.add_argument("--control", required=True, metavar="URL")
    parser.add_argument("--seconds", type=float, default=10.0, help="wait at most so long for quiet")
    args = parser.parse_args()
    try:
        print(check(args.control, reader(args.home), args.seconds))
    except AssertionError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
