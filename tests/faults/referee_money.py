"""The referee's word on fundings and movements: what was told once, what each owner's share must be. Own arithmetic.

Shares follow from the amount and the positions of the ledger's own fills just before the funding: by the formula where
the exchange tells mark and rate (BitMEX), by the part of the position elsewhere; what is left is nobody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from tests.faults.worth import multiple

Row = dict[str, Any]

ZERO = Decimal(0)
EIGHT, SIX = Decimal("1e-8"), Decimal("1e-6")


def millis(moment: object) -> int:
    """TTIME of either database as milliseconds since 1970."""
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))
    return round(when.replace(tzinfo=UTC).timestamp() * 1000)


def faults_of(truth: Iterable[Row], coins: Iterable[Row]) -> tuple[list[str], dict[str, Decimal], dict[str, Decimal]]:
    """What is wrong, what the ledger booked in each product and currency, and what the exchange took."""
    rows = list(coins)
    booked: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["SIDE"] < 0:
            booked[row["MARKET"], row["EXECID"]].append(row)
    told = {(one["market"], one["id"]): one for one in truth}
    # One of nothing, rounded to it, has rows only where owners on both sides share it.
    wrong = [f"funding lost: {' '.join(name)}" for name in sorted(told.keys() - booked.keys())
             if Decimal(told[name]["amount"])]
    wrong += [f"funding invented: {' '.join(name)}" for name in sorted(booked.keys() - told.keys())]
    ours: dict[str, Decimal] = defaultdict(lambda: ZERO)
    theirs: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for name, one in told.items():
        amount = Decimal(one["amount"])
        theirs[f"{one['market']} {one['category']} {one['asset']}"] += amount
        mine = booked.get(name, [])
        for row in mine:
            ours[f"{row['MARKET']} {row['CATEGORY']} {row['CURRENCY']}"] += row["COMMISS"]
        if mine and sum((row["COMMISS"] for row in mine), ZERO) != amount:
            wrong.append(f"{name[1]}: the shares are not the exchange's {amount}")
        if mine:
            wrong += _wrong_shares(one, mine, rows)
    return wrong, dict(ours), dict(theirs)


def faults_of_moves(truth: Iterable[Row], moves: Iterable[Row],
                    started: bool) -> tuple[list[str], dict[str, Decimal], dict[str, Decimal]]:
    """What is wrong, and the sums of both sides. A wallet was read to the end when its opening row is there; what moves
    later is missing only while nobody listens (`started`)."""
    rows = list(moves)
    opened = {(row["MARKET"], row["WALLET"]) for row in rows if row["KIND"] == "OPENING"}
    booked = {(row["MARKET"], row["MOVEID"]): row["AMOUNT"] for row in rows if row["KIND"] != "OPENING"}
    told = {(one["market"], one["id"]): Decimal(one["amount"]) for one in truth}
    due = {(one["market"], one["id"]) for one in truth if (one["market"], _wallet(one)) in opened}
    wrong = [f"movement invented: {' '.join(name)}" for name in sorted(booked.keys() - told.keys())]
    wrong += [f"{name[1]}: {booked[name]:f} is kept, {told[name]:f} moved"
              for name in sorted(booked.keys() & told.keys()) if booked[name] != told[name]]
    if started:
        wrong += [f"movement lost: {' '.join(name)}" for name in sorted(due - booked.keys())]
    ours: dict[str, Decimal] = defaultdict(lambda: ZERO)
    theirs: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        if row["KIND"] != "OPENING":
            ours[f"{row['MARKET']} {row['WALLET']} {row['CURRENCY']}"] += row["AMOUNT"]
    for one in truth:
        if (one["market"], one["id"]) in due:
            theirs[f"{one['market']} {_wallet(one)} {one['asset']}"] += Decimal(one["amount"])
    return wrong, dict(ours), dict(theirs)


def _wallet(one: Row) -> str:
    """Whose money it is: BitMEX's categories share one wallet."""
    return "account" if one["market"] == "Bitmex" else str(one["category"])


def _wrong_shares(one: Row, mine: list[Row], rows: list[Row]) -> list[str]:
    amount, at = Decimal(one["amount"]), int(one["time"])
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        if row["SIDE"] >= 0 and row["MARKET"] == one["market"] and row["CATEGORY"] == one["category"] and (
                row["SYMBOL"] == one["symbol"]) and millis(row["TTIME"]) < at:
            held[row["EMI"]] += row["QTY"]
    reserved = f"{one['symbol']}.{one['category']}"
    account = sum(held.values(), ZERO)
    due = {emi: _share(one, qty, account, amount) for emi, qty in held.items() if qty and emi != reserved}
    due[reserved] = amount - sum(due.values(), ZERO)
    got: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in mine:
        got[row["EMI"]] += row["COMMISS"]
    return [f"{one['id']}: {emi} has {got.get(emi, ZERO):f}, its share is {due.get(emi, ZERO):f}"
            for emi in sorted({*due, *got}) if got.get(emi, ZERO) != due.get(emi, ZERO)]


def _share(one: Row, qty: Decimal, account: Decimal, amount: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        if one["market"] != "Bitmex":
            exact = amount * qty / account if account else ZERO
            return exact.quantize(EIGHT, ROUND_HALF_UP)
        mark, rate = Decimal(one["mark"]), Decimal(one["rate"])
        size = multiple(one["symbol"], one["category"])
        value = qty * size / mark if one["category"] == "inverse" else qty * mark * size
        return (value * rate).quantize(SIX if one["asset"] == "USDt" else EIGHT, ROUND_HALF_UP)
