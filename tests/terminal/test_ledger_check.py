"""`main.py ledger check` beside a running program and without it: ledger and exchange, compared by processes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal

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


def test_ledger_and_exchange_agree_until_a_fact_is_missing(ground: Ground) -> None:
    ground.settings("MARKET_LIST=Binance", more="LINEAR_SYMBOLS=BTCUSDT, ETHUSDT")
    terminal = ground.terminal(replace(QUICK, check_account=1.0))
    for side, qty in ((BUY, "0.005"), (SELL, "0.002")):
        terminal.place(side, qty)
    until(lambda: terminal.session.engine.view and any(
        line.qty == Decimal("0.003") for line in terminal.view.positions), 10, "both fills booked")
    until(lambda: opened(ground), 15, "the opening balance is known")

    beside = checked(ground, 0)

    assert "facts and positions of 7 days agree" in beside and "✕" not in beside, beside
    assert "is explained in every currency" in beside
    terminal.end()
    with sqlite3.connect(ground.home / "sim.db") as raw:
        gone, = raw.execute("SELECT EXECID FROM coins WHERE SIDE = 1 LIMIT 1").fetchone()
        raw.execute("DELETE FROM coins WHERE EXECID = ?", (gone,))

    alone = checked(ground, 10)

    assert f"are not in the ledger: {gone}" in alone and "the rows give 0.005" in alone, alone
    with sqlite3.connect(ground.home / "sim.db") as raw:
        raw.execute("UPDATE books SET POS = '0.005'")
    assert "BTCUSDT_Binance-F: ledger 0.005, exchange 0.003" in checked(ground, 10)
