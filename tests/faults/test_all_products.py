"""All products at once: random orders on every one of them while faults come and the program is killed, then compared.

A child (`driver.py`) trades USD-M, COIN-M, spot and BitMEX's four categories, with stops, take-profits and trailing
stops on futures and contracts; faults of the list below are switched on at random beside it, fundings fall due, money
comes and goes; it is killed between its lives. At the end a session recovers and the referee compares all.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest
import requests

from models import Category
from tests.faults.harness import Ground, Program, driver, until
from tests.faults.products import ALL, ORDER_PATHS, SPOT_BTCUSDT, SPOT_ETHUSDT, first_budgets, lift_limits, words

SEED = int(os.environ.get("BOTBOOK_SEED", "1"))
ALGO_PATHS = ("/fapi/v1/algoOrder", "/dapi/v1/algoOrder")
PAUSE_S = 0.7                    # between two faults
BOTS = {" ".join(words([one])[0]): f"bot{number}" for number, one in enumerate(ALL)}


def some_fault(chance: random.Random) -> dict[str, Any]:
    """One of those that a day may bring, short enough to be over within two seconds."""
    path = chance.choice(("POST", "POST", "DELETE", "PUT")) + " " + chance.choice((*ORDER_PATHS, *ALGO_PATHS))
    return chance.choice((
        {"name": "cut", "code": chance.choice((1001, 1006)), "seconds": chance.choice((0, 1))},
        {"name": "drop", "path": path, "seconds": 2},
        {"name": "withhold", "path": path, "seconds": 2},
        {"name": "withhold", "path": path, "seconds": 0.4, "times": 5},
        {"name": "reset", "path": path, "after": chance.choice(("before", "accept"))},
        {"name": "status", "path": path, "http": 502, "body": "<html>", "after": chance.choice(("before", "accept"))},
        {"name": "mute", "stream": "", "seconds": 1.5},
        {"name": "event", "kind": chance.choice(("repeat", "delay")), "seconds": 0.6, "times": 10},
        {"name": "order", "first": chance.choice(("account", "reverse")), "times": 10},
        {"name": "diff", "kind": chance.choice(("drop", "swap", "repeat")), "times": 3},
        {"name": "fill_on_cancel"},
        {"name": "listen_key"},
    ))


def strangers_trade(ground: Ground, chance: random.Random) -> None:
    """Somebody's market order, large enough to reach what rests near the market."""
    one = chance.choice(ALL)
    body = {"market": one.key.market, "category": one.key.category.value, "symbol": one.key.symbol,
            "side": chance.choice(("BUY", "SELL")), "qty": str(one.qty * chance.choice((1, 50, 400)))}
    requests.post(f"{ground.control_url}/trade", json=body, timeout=10)


WALLETS = (("Binance", "linear", "USDT", "10"), ("Binance", "linear", "BNB", "0.5"),
           ("Binance", "inverse", "BTC", "0.01"), ("Binance", "inverse", "ETH", "0.2"),
           ("Binance", "spot", "USDT", "25"), ("Binance", "spot", "ETH", "0.1"),
           ("Bitmex", "inverse", "XBt", "0.002"), ("Bitmex", "linear", "USDt", "15"))


def money_moves(ground: Ground, chance: random.Random) -> None:
    """Funding falls due on some symbols, or money comes and goes."""
    if chance.random() < 0.5:
        market, category, asset, amount = chance.choice(WALLETS)
        sign = chance.choice(("", "", "-"))
        body = {"market": market, "category": category, "asset": asset, "amount": sign + amount}
        answer = requests.post(f"{ground.control_url}/deposit", json=body, timeout=10)
        assert answer.status_code == 200 or (sign and "there is not so much" in answer.text), answer.text
        return
    funded = [one.key for one in ALL if one.key.category is not Category.SPOT]
    for key in chance.sample(funded, chance.randint(1, 3)):
        rate = Decimal(chance.randint(-300, 300)) / 1_000_000
        ground.exchange.control("funding", market=key.market, category=key.category.value, symbol=key.symbol,
                                rate=str(rate))


def calm(ground: Ground) -> None:
    """End all faults but the lifted limits."""
    ground.calm()
    lift_limits(ground.exchange)


def life(ground: Ground, seed: int, seconds: float, chance: random.Random) -> Program:
    """A child under faults for so long; alive."""
    child = driver(ground, seed=seed, orders=100_000, pause=0.03, seconds=3600, products=words(ALL), bots=BOTS,
                   patience=110, conditional=True)
    until(lambda: "recovered" in child.out or not child.is_running(), 120, "recovered")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert child.is_running(), child.text()[-2000:]
        ground.exchange.fault(**some_fault(chance))
        strangers_trade(ground, chance)
        money_moves(ground, chance)
        time.sleep(PAUSE_S)
    return child


def spot_wallets(ground: Ground) -> dict[str, Decimal]:
    """What the exchange holds of each coin for us."""
    return {one["asset"]: Decimal(one["wallet"]) for one in ground.exchange.truth()["balances"]
            if (one["market"], one["category"]) == ("Binance", "spot")}


def spot_movements(ground: Ground) -> dict[str, Decimal]:
    """What came to each coin of it by deposits."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in ground.exchange.truth()["movements"]:
        if (one["market"], one["category"]) == ("Binance", "spot"):
            sums[one["asset"]] += Decimal(one["amount"])
    return sums


def all_at_once(ground: Ground, monkeypatch: pytest.MonkeyPatch, lives: int, seconds: float) -> None:
    """So many lives, each ended by kill -9; then: recovered, compared, traded on, compared."""
    for module, budgets in first_budgets():
        monkeypatch.setattr(module, "FIRST_BUDGETS", budgets)
    lift_limits(ground.exchange)
    for coin in ("BTC", "ETH", "BNB"):
        ground.exchange.control("deposit", asset=coin, amount="5")
    ground.trades(*ALL)
    for one in ALL:
        key = one.key
        ground.robot(BOTS[" ".join(words([one])[0])], key.symbol, category=key.category.value, market=key.market)
    before, paid_in, chance = spot_wallets(ground), spot_movements(ground), random.Random(SEED)
    for number in range(lives):
        child = life(ground, SEED * 100 + number, seconds, chance)
        child.kill()
        calm(ground)

    terminal = ground.terminal()
    ground.check(limit=25)

    truth = ground.exchange.truth()
    traded = Counter((one["market"], one["category"], one["symbol"]) for one in truth["executions"])
    assert len(traded) == len(ALL), f"not all were traded: {traded}"
    assert len({(one["market"], one["symbol"], one["category"]) for one in truth["funding"]}) == 7, "one was not funded"
    come = spot_movements(ground)
    coins = [row for row in ground.read().coins if (row["MARKET"], row["CATEGORY"]) == ("Binance", "spot")]
    for coin, amount in spot_wallets(ground).items():
        booked = sum((row["SUMREAL"] - row["COMMISS"] for row in coins if row["CURRENCY"] == coin), Decimal(0))
        grew = amount - before[coin] - (come[coin] - paid_in[coin])
        assert booked == grew, f"{coin}: {booked} booked, the wallet grew by {grew} otherwise than by deposits"
    for one in (SPOT_BTCUSDT, SPOT_ETHUSDT):
        assert terminal.session.board.instruments[one.key].base in before


@pytest.mark.late
@pytest.mark.lengthy
@pytest.mark.timeout(150)
def test_all_products_under_faults(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    all_at_once(ground, monkeypatch, lives=2, seconds=28)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_all_products_under_faults_for_ten_minutes(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    all_at_once(ground, monkeypatch, lives=10, seconds=55)
