"""Rules of the ledger that no scenario works through, each with its numbers worked by hand: order and tie of funding
shares, halves away from zero, an entry that crosses zero, settlement, transfer rows in two currencies.

The real session over the wire of the bundled exchange, on SQLite (in the long form on MariaDB too); what no venue would
ever tell, through the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from engine.commands import MergeBot, ReassignPosition
from models import Side
from tests.faults.harness import BUY, SELL, Ground, until
from tests.faults.products import ETHUSD, SPOT_BTCUSDT, XBTUSD, lift_limits
from tests.support.build import execution
from tests.support.desk import Desk
from tests.terminal.test_money_scenarios import Stage
from tests.terminal.test_scenarios import database

INVERSE, QUANTO, SPOT = XBTUSD.key, ETHUSD.key, SPOT_BTCUSDT.key
SHARED = ("Zoe", "Bea", "Ann")       # SORT 1, 2 and 2
BOTS = {"Zoe": INVERSE, "Bea": INVERSE, "Ann": INVERSE, "Eve": INVERSE, "Fay": QUANTO, "Gus": SPOT, "Hal": SPOT}
SORT = {"Zoe": 1, "Bea": 2, "Ann": 2}
SAT = D("1e-8")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.long)])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One session for all; each test leaves its instrument flat."""
    env = database(request, "worked")
    ground = Ground(tmp_path_factory.mktemp("worked"))
    try:
        lift_limits(ground.exchange)
        ground.trades(XBTUSD, ETHUSD, SPOT_BTCUSDT, env=env)
        for bot, key in BOTS.items():
            ground.robot(bot, key.symbol, category=key.category.value, market=key.market, sort=SORT.get(bot, 9))
        yield Stage(ground, BOTS)
    finally:
        ground.close()


def test_order_and_tie_of_funding_shares(stage: Stage) -> None:
    """Three bots hold 100 each at 50,000: 0.002 XBT = 200,000 sat each; a rate of 0.00025 % asks half a sat of each.

    Of the account it asks 600,000 · 0.0000025 = 1.5 sat, rounded 2. Each bot's half is rounded to 1 sat, 3 in all, so
    that the remainder, 2 − 3 = −1 sat, is the reserved line's. Order: SORT 1, then the two of SORT 2 by name, though
    the table has them the other way round; the remainder is last. One EXECID, parts 0 to 3.
    """
    for bot in SHARED:
        stage.take(bot, BUY, "100", "50000")

    rows = stage.fund("0.0000025")
    for bot in SHARED:
        stage.take(bot, SELL, "100", "50000")

    assert rows == [("Zoe", D(100), SAT), ("Ann", D(100), SAT), ("Bea", D(100), SAT), (INVERSE.reserved, D(0), -SAT)]
    fundings = [row for row in stage.ground.read().coins if row["SIDE"] < 0]
    written = [row for row in fundings if row["EXECID"] == max(fundings, key=lambda row: int(row["ID"]))["EXECID"]]
    assert [row["PART"] for row in sorted(written, key=lambda row: row["ID"])] == [0, 1, 2, 3]
    assert {row["SUMREAL"] for row in written} == {D(0)}
    assert sum(row["COMMISS"] for row in written) == 2 * SAT
    stage.ground.check()


def test_halves_go_away_from_zero(stage: Stage, tmp_path: Path) -> None:
    """The same bots short 100 each are paid: −0.5 sat each is −1, not 0; the account's −1.5 sat is −2, the rest +1.

    A fill of 0.5 at 1e-12 is worth 5e-13, half a unit of SUMREAL's 12 places; a fee of 5e-16 is half a unit of
    COMMISS's 15. Bought: −1e-12 and 1e-15. Sold for a rebate: 1e-12 and −1e-15. Nothing is rounded to even.
    """
    for bot in SHARED:
        stage.take(bot, SELL, "100", "50000")
    rows = stage.fund("0.0000025")
    for bot in SHARED:
        stage.take(bot, BUY, "100", "50000")
    desk = Desk(tmp_path).run()
    for number, side, fee in ((1, Side.BUY, "5e-16"), (2, Side.SELL, "-5e-16")):
        desk.post(execution(f"linear:BTCUSDT:{number}", None, side=side, last_qty="0.5", last_px="1e-12", fee=fee))
    booked = until(lambda: (found := desk.sql("SELECT SUMREAL, COMMISS FROM coins ORDER BY ID"))[1:] and found, 5)
    desk.end()

    assert rows == [("Zoe", D(-100), -SAT), ("Ann", D(-100), -SAT), ("Bea", D(-100), -SAT),
                    (INVERSE.reserved, D(0), SAT)]
    assert [(D(str(value)), D(str(fee))) for value, fee in booked] == [
        (D("-1e-12"), D("1e-15")), (D("1e-12"), D("-1e-15"))]
    stage.ground.check()


def test_entry_when_crossing_zero(stage: Stage) -> None:
    """Contracts of XBTUSD: at 50,000 one is worth 2,000 sat, at 40,000 2,500, at 62,500 1,600.

    Buy 100 at 50,000: entry 50,000. Sell 300 at 40,000: 100 close, 200 open, so the entry is 40,000, of the old one
    nothing is left. Sell 200 at 50,000: 400 / (200/40,000 + 200/50,000) = 400/0.009 = 44,444.444…. Buy 600 at 62,500:
    400 close, 200 open at 62,500. Buying 100 more at 50,000: 300 / (0.0032 + 0.002) = 57,692.307…; selling 300 ends it.
    Sats: +200,000 −750,000 −400,000 +960,000 +200,000, and −480,000 for 300 at 62,500: −270,000 in all. That is
    100·(2,000 − 2,500) + (640,000 − 900,000) + (520,000 − 480,000), each leg against its entry.
    """
    seen: list[tuple[Any, ...]] = []
    for side, qty, price in ((BUY, "100", "50000"), (SELL, "300", "40000"), (SELL, "200", "50000"),
                             (BUY, "600", "62500"), (BUY, "100", "50000"), (SELL, "300", "62500")):
        stage.take("Eve", side, qty, price)
        book = stage.book("Eve")
        seen.append((book["POS"], None if book["ENTRY"] is None else round(D(str(book["ENTRY"])), 6)))

    assert seen == [(100, 50000), (-200, 40000), (-400, D("44444.444444")), (200, 62500), (300, D("57692.307692")),
                    (0, None)]
    assert [value / SAT for value in stage.column("Eve", "SUMREAL")] == [
        200_000, -750_000, -400_000, 960_000, 200_000, -480_000]
    assert stage.book("Eve")["SUMREAL"] == -270_000 * SAT
    stage.ground.check()


def test_settlement(stage: Stage) -> None:
    """Fay buys 10 ETHUSD at 3,000: −10·3,000·1e-6 = −0.03 XBT. The contract is settled at 3,100: +0.031, no fee.

    The venue did that, no bot: it is the reserved line's, −10, with a loud message, and the account holds nothing.
    Reassigned at its entry, 3,100, it closes Fay: −0.03 + 0.031 = 0.001 XBT gained, and the reserved line is empty.
    """
    stage.take("Fay", BUY, "10", "3000")
    stage.market.middle("3100", QUANTO.symbol)
    stage.market.control("settle", QUANTO.symbol)
    until(lambda: stage.rows(QUANTO.reserved), 5, "the settlement's row")

    (row,) = stage.rows(QUANTO.reserved)
    assert (row["SIDE"], row["QTY"], row["TRADE_PRICE"], row["SUMREAL"], row["COMMISS"], row["REFER"]) == (
        1, -10, 3100, D("0.031"), 0, "")
    (said,) = (line for line in stage.terminal.view.messages if "settlement" in line.text.lower())
    assert said.level == "error", said
    stage.ground.check()

    verdict = stage.terminal.ask(ReassignPosition(stage.terminal.ticket(), QUANTO, QUANTO.reserved, "Fay"))
    assert verdict.ok, verdict.refusal
    until(lambda: stage.book("Fay")["POS"] == 0, 5, "moved")
    assert (stage.book("Fay")["SUMREAL"], stage.book(QUANTO.reserved)["SUMREAL"]) == (D("0.001"), 0)
    stage.ground.check()


def test_transfer_rows_in_two_currencies(stage: Stage) -> None:
    """Gus buys 0.02 BTC at 50,000 as maker for 0.1 % of what he gets: −1,000 USDT, +0.02 BTC, fee 0.00002 BTC.

    He gives Hal 0.01 at 52,000: 520 USDT come to Gus and leave Hal, 0.01 BTC go the other way; no fee, no volume. Then
    Gus is merged into Hal: −480 USDT and +0.01 BTC with the fee of 0.00002 BTC. Hal: −1,000 USDT, 0.02 BTC, the fee.
    """
    control = stage.ground.exchange.control
    control("fees", category="spot", maker="0.001", taker="0.001")
    stage.ground.exchange.fault("freeze")
    control("price", market="Binance", category="spot", symbol="BTCUSDT", price="50000")
    name = until(lambda: stage.terminal.try_place(BUY, "0.02", D(50000), "Gus", SPOT, post_only=True).cl_ord_id, 5)
    until(lambda: stage.ground.status(name) == "NEW", 5, "it rests")
    stage.ground.trade("SELL", "0.02", key=SPOT)
    until(lambda: stage.ground.status(name) == "FILLED" and len(stage.rows("Gus")) == 2, 5, "both legs")

    assert of(stage, "Gus") == [(0, "USDT", D("0.02"), -1000, 0), (1, "BTC", 0, D("0.02"), D("0.00002"))]
    move = ReassignPosition(stage.terminal.ticket(), SPOT, "Gus", "Hal", D("0.01"), D(52000))
    assert stage.terminal.ask(move).ok
    assert of(stage, "Gus")[2:] == [(0, "USDT", D("-0.01"), 520, 0), (2, "BTC", 0, D("-0.01"), 0)]
    assert of(stage, "Hal") == [(1, "USDT", D("0.01"), -520, 0), (3, "BTC", 0, D("0.01"), 0)]
    assert stage.terminal.ask(MergeBot(stage.terminal.ticket(), "Gus", "Hal")).ok
    assert of(stage, "Gus")[4:] == [(0, "USDT", D("-0.01"), 480, 0), (2, "BTC", 0, D("-0.01"), D("-0.00002"))]
    assert of(stage, "Hal")[2:] == [(1, "USDT", D("0.01"), -480, 0), (3, "BTC", 0, D("0.01"), D("0.00002"))]

    kept = {(row["EMI"], row["CURRENCY"]): (row["POS"], row["SUMREAL"], row["FEES"])
            for row in stage.ground.read().books if row["EMI"] in ("Gus", "Hal")}
    assert kept == {("Gus", "USDT"): (0, 0, 0), ("Gus", "BTC"): (0, 0, 0),
                    ("Hal", "USDT"): (D("0.02"), -1000, 0), ("Hal", "BTC"): (0, D("0.02"), D("0.00002"))}
    stage.ground.check()


def of(stage: Stage, bot: str) -> list[tuple[Any, ...]]:
    """PART, currency, quantity, SUMREAL and COMMISS of a bot's rows."""
    return [(row["PART"], row["CURRENCY"], row["QTY"], row["SUMREAL"], row["COMMISS"]) for row in stage.rows(bot)]
