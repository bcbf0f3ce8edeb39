"""The books as a whole: any interleaving, splitting, repetition and lateness of the same facts gives the same sums.

Facts are fills of bots, of people and of nobody, on futures and spot, with fees in three currencies; liquidations;
fundings; movements of money. And in every currency the bots' sums are the account's.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from core.rows import book_key
from engine.kept import fold
from engine.state import Sight
from models import Category, ExecKind, Execution, Funding, Instrument, Key, Movement, Side, VenueUp
from tests.support.build import ACCOUNT, BTC, ETH, T0, execution, instrument, robot, sight
from tests.support.drive import Driver

D = Decimal
SPOT = Key("Binance", Category.SPOT, "BTCUSDT")
Fact = Execution | Funding | Movement
Sums = dict[tuple[str, str, str, str], Decimal]

NAMES = ("1.alfa", "2.beta", "3.gamma", "4.ghost", None, "web_abc", "5.a.b", "６.x")
KINDS = (ExecKind.TRADE,) * 6 + (ExecKind.LIQUIDATION, ExecKind.ADL, ExecKind.SETTLEMENT)
FILL = st.tuples(st.sampled_from((BTC, BTC, ETH, SPOT)), st.sampled_from(NAMES), st.booleans(), st.integers(1, 60),
                 st.integers(1, 90_000), st.integers(-40, 90), st.sampled_from(("USDT", "USDT", "BNB")),
                 st.sampled_from(KINDS), st.integers(0, 12))
FUND = st.tuples(st.sampled_from((BTC, BTC, ETH)), st.integers(-10 ** 6, 10 ** 6), st.integers(0, 12))
MOVE = st.tuples(st.sampled_from(("USDT", "BTC", "BNB")), st.integers(-10 ** 9, 10 ** 9), st.integers(0, 12))


def facts_of(fills: Sequence[tuple[Key, str | None, bool, int, int, int, str, ExecKind, int]],
             fundings: Sequence[tuple[Key, int, int]], moves: Sequence[tuple[str, int, int]]) -> list[Fact]:
    """What happened, by its time. Amounts are such that halves of them are exact."""
    made: list[Fact] = []
    for number, (key, name, buys, lots, price, fee, coin, kind, time) in enumerate(fills):
        is_forced = kind is not ExecKind.TRADE and key is not SPOT
        made.append(execution(
            f"{key.category.value}:{key.symbol}:{number}", None if is_forced else name, f"o{number}",
            Side.BUY if buys else Side.SELL, str(D(lots) / 500), str(D(price) / 10), f"{D(fee) / 10 ** 6:f}", coin,
            T0 + time * 10, key, kind=kind if is_forced else ExecKind.TRADE))
    for number, (key, amount, time) in enumerate(fundings):
        if amount:
            made.append(Funding(key, ACCOUNT, f"linear:{key.symbol}:F{number}", D(amount) / 10 ** 8, "USDT",
                                T0 + time * 10))
    for number, (coin, amount, time) in enumerate(moves):
        made.append(Movement("Binance", Category.LINEAR, ACCOUNT, f"linear:TRANSFER:{number}", "TRANSFER", coin,
                             D(amount) / 10 ** 8, T0 + time * 10))
    return sorted(made, key=lambda fact: fact.time)


def seen(key: Key) -> Sight:
    """The market of an instrument; spot's base is its own coin."""
    item: Instrument = instrument(key)
    return replace(sight(key), instrument=replace(item, base="BTC") if key == SPOT else item)


def booked(facts: Sequence[Fact]) -> Driver:
    """The ledger after these facts, in this order."""
    driver = Driver(robot("alfa"), robot("beta", sort=1), robot("gamma", ETH, sort=2), keys=(BTC, ETH))
    driver.send(VenueUp("Binance", Category.SPOT, ACCOUNT, (replace(instrument(SPOT), base="BTC"),), T0))
    for fact in facts:
        driver.send(fact, None if isinstance(fact, Movement) else seen(fact.key))
    return driver


def sums(driver: Driver) -> Sums:
    """Position, value, fees and funding of every owner and currency, from the rows."""
    out: Sums = defaultdict(D)
    for row in driver.coins:
        name = (row.emi, row.key.category.value, row.currency)
        if row.side >= 0:
            out[(*name, f"position {row.key.symbol}")] += row.qty
            out[(*name, "value")] += row.sumreal
        out[(*name, "funding" if row.side < 0 else "fees")] += row.commiss
    return {name: value for name, value in out.items() if value}


def moved(driver: Driver) -> dict[str, Decimal]:
    """Net movements by currency."""
    return {coin: amount for (_, coin), amount in driver.state.moved.items() if amount}


def halves(facts: Sequence[Fact], chance: random.Random) -> list[Fact]:
    """Some fills come as two of half the size."""
    out: list[Fact] = []
    for fact in facts:
        if isinstance(fact, Execution) and chance.random() < 0.5:
            assert fact.fee is not None
            half = replace(fact, last_qty=fact.last_qty / 2, fee=fact.fee / 2, exec_id=f"{fact.exec_id}a")
            out += [half, replace(half, exec_id=f"{fact.exec_id}b")]
        else:
            out.append(fact)
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(FILL, min_size=1, max_size=12), st.lists(FUND, max_size=4), st.lists(MOVE, max_size=3),
       st.integers(0, 10 ** 6))
def test_any_order_split_and_repetition_of_the_same_facts_gives_the_same_books(
        fills: list[tuple[Key, str | None, bool, int, int, int, str, ExecKind, int]],
        fundings: list[tuple[Key, int, int]], moves: list[tuple[str, int, int]], seed: int) -> None:
    facts, chance = facts_of(fills, fundings, moves), random.Random(seed)
    other = halves(facts, chance)
    told = other + [fact for fact in other if chance.random() < 0.5]       # again, by another way
    chance.shuffle(told)                                                   # and however late

    first, second = booked(facts), booked(told)

    assert sums(second) == sums(first)
    assert moved(second) == moved(first)
    kept = {book_key(row): structs.replace(row, entry=None) for row in second.state.books.values()}
    assert kept == {book_key(row): structs.replace(row, entry=None) for row in fold(second.coins)}


@settings(max_examples=60, deadline=None)
@given(st.lists(FILL, min_size=1, max_size=12), st.lists(FUND, max_size=4), st.lists(MOVE, max_size=3),
       st.integers(0, 10 ** 6))
def test_the_bots_books_are_the_account_in_every_currency(
        fills: list[tuple[Key, str | None, bool, int, int, int, str, ExecKind, int]],
        fundings: list[tuple[Key, int, int]], moves: list[tuple[str, int, int]], seed: int) -> None:
    """The account by plain addition of what the venue told, nobody's share looked at."""
    facts = facts_of(fills, fundings, moves)
    wallet: dict[tuple[str, str], Decimal] = defaultdict(D)
    for fact in facts:
        if isinstance(fact, Funding):
            wallet[fact.key.category.value, fact.currency] -= fact.amount
        elif isinstance(fact, Execution):
            assert fact.fee is not None and fact.fee_currency is not None
            signed = fact.last_qty if fact.side is Side.BUY else -fact.last_qty
            wallet[fact.key.category.value, "USDT"] -= signed * fact.last_px
            wallet[fact.key.category.value, fact.fee_currency] -= fact.fee
            if fact.key == SPOT:
                wallet["spot", "BTC"] += signed
    random.Random(seed).shuffle(facts)

    bots: dict[tuple[str, str], Decimal] = defaultdict(D)
    for row in booked(facts).coins:
        bots[row.key.category.value, row.currency] += row.sumreal - row.commiss

    assert {name: value for name, value in bots.items() if value} == {n: v for n, v in wallet.items() if v}
