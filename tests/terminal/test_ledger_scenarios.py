"""The worked scenarios 18 to 20 over the wire on both databases: whose fill it is, a restart after chaos, and a long
history."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.secrets import KnownSecrets
from core.settings import load_settings
from db import schema
from engine.commands import Recover
from models import Category, Key, Mode
from session.build import open_store
from tests.faults.harness import BUY, SELL, Ground, Terminal, driver, recorded, until
from tests.faults.products import XBTUSD, Traded, lift_limits, words
from tests.simulator.bitmex_client import Bitmex
from tests.terminal.test_scenarios import database

LTCUSD = Traded(Key("Bitmex", Category.QUANTO, "LTCUSD"), D(10), "")
HAND, QUANTO = XBTUSD.key.reserved, LTCUSD.key.reserved
HISTORY = "GET /api/v1/execution/tradeHistory"


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """With an exchange that lists LTCUSD."""
    made = Ground(tmp_path, run=("-m", "tests.faults.odd_exchange"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def stage(request: pytest.FixtureRequest, ground: Ground) -> Iterator[tuple[Ground, Bitmex, str]]:
    """A home and an exchange, the bot A, and the lines of `.env` for this kind of database."""
    env = database(request, f"whose{request.node.name[5:16].strip('_')}")
    lift_limits(ground.exchange)
    ground.trades(XBTUSD, env=env)
    ground.robot("A", "XBTUSD", category="inverse", market="Bitmex")
    yield ground, Bitmex(ground.exchange), env


def test_scenario_18_whose_fill_it_is(stage: tuple[Ground, Bitmex, str]) -> None:
    ground, market, _ = stage
    terminal = ground.terminal()
    names = ("1109594183.A", "77.ghost", "", "web_abc", "5.a.b")
    for name in names[:3]:                                         # three by the stream, two by history
        market.order("Buy", 100, **({"clOrdID": name} if name else {}))
    until(lambda: len(rows(ground)) == 3, 8, "three rows")
    terminal.end()
    for name in names[3:]:
        market.order("Buy", 100, clOrdID=name)
    ground.terminal()

    ground.check()

    assert [(row["EMI"], row["REFER"], int(row["CLORDID"])) for row in rows(ground)] == [
        ("A", "", 1109594183), (HAND, "ghost", 77), (HAND, "", 0), (HAND, "web_abc", 0), (HAND, "a.b", 5)]


def test_scenario_19_restart_after_chaos(stage: tuple[Ground, Bitmex, str]) -> None:
    """The 50 that no row explains are half of an order whose rest was cancelled, told by the venue's history later."""
    ground, market, env = stage
    ground.trades(XBTUSD, LTCUSD, env=env)
    ground.robot("alfa", "XBTUSD", category="inverse", market="Bitmex", sort=1)
    terminal = ground.terminal()
    for owner, side, qty, key in (("A", BUY, "300", XBTUSD.key), ("alfa", BUY, "200", XBTUSD.key),
                                  (QUANTO, BUY, "10", LTCUSD.key), (HAND, BUY, "100", XBTUSD.key),
                                  (HAND, SELL, "100", XBTUSD.key)):
        name = terminal.place(side, qty, None, owner, key)
        until(lambda name=name: ground.status(name) == "FILLED", 8, "FILLED")  # type: ignore[misc]
    ground.check()
    terminal.end()
    forget(ground, "alfa")
    ground.trades(XBTUSD, env=env)
    bid, _ = market.top()
    market.order("Buy", 100, str(int(bid * D("0.97"))), clOrdID="9.beta")
    ground.exchange.fault("lag", path=HISTORY, seconds=600)
    market.middle(str(bid))
    half = market.order("Buy", 100, str(bid))
    ground.trade("SELL", "50", key=XBTUSD.key)
    market.ok("DELETE", "order", {"orderID": half["orderID"]})

    terminal = ground.terminal(wait=False)
    until(lambda: any("difference" in strip.text for strip in terminal.view.strips), 20, "the difference")

    assert any("XBTUSD_BitMEX books 500, exchange 550, difference +50" in strip.text for strip in terminal.view.strips)
    picture = shown(terminal)
    assert picture == {"A": ("WORK", D(300)), "alfa": ("NOT DEFINED", D(200)), "beta": ("NOT DEFINED", D(0)),
                       HAND: ("RESERVED", D(0)), QUANTO: ("NOT IN LIST", D(10))}
    refused = terminal.try_place(SELL, "10", None, QUANTO, LTCUSD.key)
    assert not refused.ok and "QUANTO_SYMBOLS" in str(refused.refusal)

    threads = threading.active_count()
    for _ in range(20):
        assert terminal.ask(Recover(terminal.ticket())).ok
    until(lambda: shown(terminal) == picture, 20, "the same picture")
    until(lambda: threading.active_count() <= threads, 10, f"{threads} threads")

    name = terminal.place(SELL, "200", None, "alfa", XBTUSD.key, reduce_only=True)
    until(lambda: ground.status(name) == "FILLED", 10, "alfa is closed by hand")
    terminal.end()
    ground.calm()
    lift_limits(ground.exchange)
    terminal = ground.terminal()
    until(lambda: shown(terminal).get(HAND) == ("RESERVED", D(50)), 15, "the history tells what was missing")
    assert "alfa" not in shown(terminal) and not any("difference" in strip.text for strip in terminal.view.strips)


def rows(ground: Ground) -> list[dict[str, Any]]:
    """Ledger rows, oldest first."""
    return sorted(ground.read().coins, key=lambda row: int(row["ID"]))


def forget(ground: Ground, emi: str) -> None:
    """Somebody deletes a bot's row by hand."""
    store = open_store(load_settings(ground.home, KnownSecrets(), Mode.SIM, ground.demo))
    with store._begin() as connection:
        connection.execute(sa.delete(schema.robots).where(schema.robots.c.EMI == emi))
    store.close()


def shown(terminal: Terminal) -> dict[str, tuple[str, D]]:
    """Status and position of each line."""
    return {line.emi: (str(line.status), line.sums.pos) for line in terminal.view.bots}


# ---------------------------------------------------------------- scenario 20

def test_scenario_20_history_in_pages_with_a_kill_among_them(stage: tuple[Ground, Bitmex, str]) -> None:
    """1,203 fills, a page has 500, six hundred of them share one moment; killed after the second page's first rows."""
    ground, market, env = stage
    ground.trades(XBTUSD, env=env)
    for parts in (603, 400, 200):
        market.middle("50000")
        market.order("Buy", parts * 100, "50000")
        ground.exchange.control("trade", market="Bitmex", category="inverse", symbol="XBTUSD", side="SELL",
                                qty=str(parts * 100), parts=parts)
    assert len(ground.exchange.truth()["executions"]) == 1203

    child = driver(ground, kill="after commit", nth=1010, orders=0, stay=0, from_start=True, patience=60,
                   products=words((XBTUSD,)))
    child.wait(60)
    first = len(ground.read().coins)
    assert 500 < first < 1203, child.text()

    with recorded() as wire:
        terminal = ground.terminal()
        until(lambda: len(ground.read().coins) == 1203, 20, "every fill")
        ground.check()
        assert wire.count("GET", "/api/v1/execution/tradeHistory") <= 8, "it goes round in circles"
        terminal.end()
    ground.terminal()
    ground.check()

    assert len(ground.read().coins) == 1203
    assert max(Counter(str(row["TTIME"]) for row in rows(ground)).values()) >= 600
