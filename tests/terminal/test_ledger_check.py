"""`main.py ledger check` beside a running program and without it: ledger and exchange, compared by processes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import count

import pytest

from core.secrets import KnownSecrets
from core.settings import load_settings
from db.reading import Reading
from models import Mode
from session.ledger.place import reading
from session.ledger.venues import beside
from tests.faults.harness import BUY, QUICK, SELL, Ground, until


def checked(ground: Ground, code: int) -> str:
    """What the command says."""
    program = ground.program("ledger", "check")
    assert program.wait(90) == code, program.text()
    return program.text()


def opened(ground: Ground) -> bool:
    """Whether the first comparison of balances has kept what was there before."""
    with sqlite3.connect(ground.home / "sim.db") as raw:
        return bool(raw.execute("SELECT count(*) FROM moves").fetchone()[0])


def money_once_off(ground: Ground) -> tuple[list[str], int]:
    """Differences of money beside a running program where the first comparison meets one, and how many were made."""
    settings = load_settings(ground.home, KnownSecrets(), Mode.SIM, ground.demo)
    right, asked = Reading.movements, count(1)

    def movements(ledger: Reading) -> dict[tuple[str, str, str, str], Decimal]:
        off = Decimal(next(asked) == 1)
        return {name: amount + off for name, amount in right(ledger).items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading, "movements", movements)
        told = list(beside(settings, KnownSecrets(), partial(reading, settings), True))
    return [one for title, problems in told if "the money of" in title for one in problems], next(asked) - 1


def test_ledger_and_exchange_agree_until_a_fact_is_missing(ground: Ground) -> None:
    ground.settings("MARKET_LIST=Binance", more="LINEAR_SYMBOLS=BTCUSDT, ETHUSDT")
    terminal = ground.terminal(replace(QUICK, check_account=1.0))
    for side, qty in ((BUY, "0.005"), (SELL, "0.002")):
        terminal.place(side, qty)
    until(lambda: terminal.session.engine.view and any(
        line.qty == Decimal("0.003") for line in terminal.view.positions), 10, "both fills booked")
    until(lambda: opened(ground), 15, "the opening balance is known")

    running = checked(ground, 0)

    assert "facts and positions of 7 days agree" in running and "✕" not in running, running
    assert "is explained in every currency" in running
    assert money_once_off(ground) == ([], 2), "a fill between the two looks is no difference"
    terminal.end()
    with sqlite3.connect(ground.home / "sim.db") as raw:
        gone, = raw.execute("SELECT EXECID FROM coins WHERE SIDE = 1 LIMIT 1").fetchone()
        raw.execute("DELETE FROM coins WHERE EXECID = ?", (gone,))

    alone = checked(ground, 10)

    assert f"are not in the ledger: {gone}" in alone and "the rows give 0.005" in alone, alone
    with sqlite3.connect(ground.home / "sim.db") as raw:
        raw.execute("UPDATE books SET POS = '0.005'")
    assert "BTCUSDT_Binance-F: ledger 0.005, exchange 0.003" in checked(ground, 10)
