"""The worked scenarios 1 to 4, 6, 7 and 9, booked over the wire of the bundled BitMEX on both databases: exact rows.

The venue tells the amount and the fee of each fill, so those are what is stored; its fee rates are the scenarios'. Each
scenario is a bot of its own in one session, so that its rows and sums stand by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from engine.commands import MoveOrder
from engine.view import bot_pnl
from models import Key, Side, TimeInForce, Timings
from tests.faults.harness import BUY, QUICK, SELL, Ground, Terminal, until
from tests.faults.products import ETHUSD, XBTUSD, XBTUSDT, lift_limits
from tests.simulator.bitmex_client import Bitmex
from tests.support.mariadb import PASSWORD, MariaDb

INVERSE, LINEAR, QUANTO = XBTUSD.key, XBTUSDT.key, ETHUSD.key
BOTS = {"One": INVERSE, "Three": INVERSE, "Four": INVERSE, "SixI": INVERSE, "SixL": LINEAR, "Seven": LINEAR,
        "Nine": QUANTO}


class Stage:
    """A session on the bundled BitMEX, and its market."""

    def __init__(self, ground: Ground, bots: Mapping[str, Key], timings: Timings = QUICK) -> None:
        """`bots`: what each trades; more owners than bots are fine."""
        self.ground, self.market, self.bots = ground, Bitmex(ground.exchange), bots
        self.terminal: Terminal = ground.terminal(timings)

    def take(self, bot: str, side: Side, qty: str, price: str) -> None:
        """A taker's fill at exactly this price."""
        key = self.bots[bot]
        before = len(self.rows(bot))
        self.market.offer(side.value.title(), int(qty), price, key.symbol)
        self._place(bot, side, qty, price, TimeInForce.FOK, "FILLED")
        until(lambda: len(self.rows(bot)) > before, 5, "the fill, which may come after the answer")

    def make(self, bot: str, side: Side, qty: str, price: str, *parts: str) -> str:
        """A maker's fills at exactly this price, one for each part; the clOrdID."""
        key = self.bots[bot]
        self.market.middle(price, key.symbol)
        name = self._place(bot, side, qty, price, TimeInForce.GTX, "NEW")
        for count, part in enumerate(parts, start=1):
            before = len(self.rows(bot))
            self.ground.trade("SELL" if side is BUY else "BUY", part, key=key)
            until(lambda want=before + 1: len(self.rows(bot)) == want, 5, f"fill {count}")  # type: ignore[misc]
        return name

    def _place(self, bot: str, side: Side, qty: str, price: str, tif: TimeInForce, then: str) -> str:
        key = self.bots[bot]
        until(lambda: self.terminal.is_live(key) and self.is_near(key, D(price)), 8, "the market's price on the board")
        verdict = self.terminal.try_place(side, qty, D(price), bot, key, tif=tif, post_only=tif is TimeInForce.GTX)
        assert verdict.ok, verdict.refusal
        until(lambda: self.ground.status(verdict.cl_ord_id) == then, 5, then)
        return verdict.cl_ord_id

    def is_near(self, key: Key, price: D) -> bool:
        """Whether the board shows the market here."""
        top = self.terminal.session.board.tops.get(key)
        return top is not None and abs(top.bid - price) < 2

    def rows(self, bot: str) -> list[dict[str, Any]]:
        """Ledger rows of a bot, oldest first."""
        return sorted((row for row in self.ground.read().coins if row["EMI"] == bot), key=lambda row: int(row["ID"]))

    def column(self, bot: str, name: str) -> list[D]:
        """One column of them."""
        return [D(str(row[name])) for row in self.rows(bot)]

    def book(self, bot: str) -> dict[str, Any]:
        """The kept sums of a bot: one currency."""
        (row,) = (row for row in self.ground.read().books if row["EMI"] == bot)
        return row


def database(request: pytest.FixtureRequest, name: str) -> str:
    """Lines of `.env` for the kind of database that the fixture's parameter names."""
    if request.param == "sqlite":
        return ""
    server: MariaDb = request.getfixturevalue("server")
    return (f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={server.port}\nMYSQL_USER={server.user}\nMYSQL_PASSWORD={PASSWORD}\n"
            f"MYSQL_DATABASE={name}")


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One session for all scenarios on this kind of database."""
    env = database(request, "scenarios")
    folder: Path = tmp_path_factory.mktemp("scenarios")
    ground = Ground(folder)
    try:
        lift_limits(ground.exchange)
        ground.trades(XBTUSD, XBTUSDT, ETHUSD, env=env)
        for bot, key in BOTS.items():
            ground.robot(bot, key.symbol, category=key.category.value, market=key.market)
        yield Stage(ground, BOTS)
    finally:
        ground.close()


def test_scenarios_1_and_2_inverse_round_trip_and_open_pnl(stage: Stage) -> None:
    stage.take("One", BUY, "100", "50000")
    stage.market.middle("50500.1")                       # bid 50,500.0, ask 50,500.2

    def shown() -> D | None:
        line = next(line for line in stage.terminal.view.bots if line.emi == "One")
        board = stage.terminal.session.board
        top, item = board.tops[INVERSE], board.instruments[INVERSE]
        return bot_pnl(INVERSE.category, line.sums, item.multiplier, top.bid, top.ask) if top.bid == 50500 else None

    assert until(shown, 5, "a bid of 50,500") == D("0.000018801980")
    stage.take("One", SELL, "100", "51000")

    assert stage.column("One", "SUMREAL") == [D("0.002"), D("-0.00196078")]
    assert stage.column("One", "COMMISS") == [D("0.000001"), D("0.00000098")]
    book = stage.book("One")
    assert (book["POS"], book["VOLUME"]) == (0, 200)
    assert book["SUMREAL"] - book["FEES"] == D("0.00003724")
    assert {row["CURRENCY"] for row in stage.rows("One")} == {"XBt"}


def test_scenario_3_inverse_short_with_rebates(stage: Stage) -> None:
    stage.make("Three", SELL, "300", "50000", "300")
    stage.make("Three", BUY, "300", "49000", "300")

    assert stage.column("Three", "SUMREAL") == [D("-0.006"), D("0.00612246")]
    assert stage.column("Three", "COMMISS") == [D("-6e-7"), D("-6.1e-7")]
    book = stage.book("Three")
    assert (book["POS"], book["SUMREAL"] - book["FEES"]) == (0, D("0.00012367"))


def test_scenario_4_partial_fills_told_again_by_stream_and_history(stage: Stage) -> None:
    stage.ground.exchange.fault("event", kind="repeat", copies=3, times=0)
    name = stage.make("Four", BUY, "300", "50000", "100", "150")
    terminal = stage.terminal
    until(lambda: [line.leaves for line in terminal.view.orders if line.id == name] == [50], 5, "50 left")
    assert terminal.ask(MoveOrder(terminal.ticket(), INVERSE, name, D("49999.5"))).ok
    until(lambda: [line.price for line in terminal.view.orders if line.id == name] == [D("49999.5")], 5, "the move")
    bids, _ = stage.market.book()
    ahead = sum(int(row["size"]) for row in bids if D(row["price"]) >= D("49999.5"))
    stage.ground.trade("SELL", str(ahead), key=INVERSE)
    until(lambda: stage.ground.status(name) == "FILLED", 5, "FILLED")
    terminal.recover()
    until(lambda: all(line.id != name for line in terminal.view.orders), 5, "gone from the open orders")

    assert stage.column("Four", "SUMREAL") == [D("0.002"), D("0.003"), D("0.00100001")]
    assert stage.column("Four", "COMMISS") == [D("-2e-7"), D("-3e-7"), D("-1e-7")]
    assert stage.column("Four", "QTY_REST") == [200, 50, 0]
    book = stage.book("Four")
    assert (book["POS"], book["SUMREAL"]) == (300, D("0.00600001"))
    assert round(D(str(book["ENTRY"])), 4) == D("49999.9167")


@pytest.mark.parametrize(("bot", "entry"), [("SixI", "44444.44"), ("SixL", "45000")])
def test_scenario_6_average_entry(stage: Stage, bot: str, entry: str) -> None:
    stage.take(bot, BUY, "100", "50000")
    stage.take(bot, BUY, "100", "40000")
    before = D(str(stage.book(bot)["ENTRY"]))
    stage.take(bot, SELL, "100", "41000")

    after = D(str(stage.book(bot)["ENTRY"]))

    assert round(before, 2) == D(entry)
    assert (after, stage.book(bot)["POS"]) == (before, 100)


def test_scenario_7_linear(stage: Stage) -> None:
    stage.take("Seven", BUY, "1000", "64207.4")
    stage.make("Seven", SELL, "1000", "64321.5", "1000")

    assert stage.column("Seven", "SUMREAL") == [D("-64.2074"), D("64.3215")]
    assert stage.column("Seven", "COMMISS") == [D("0.032104"), D("-0.006432")]
    book = stage.book("Seven")
    assert (book["POS"], book["SUMREAL"] - book["FEES"], book["CURRENCY"]) == (0, D("0.088428"), "USDt")


def test_scenario_9_quanto_is_settled_in_bitcoin(stage: Stage) -> None:
    stage.take("Nine", BUY, "10", "3000")
    stage.take("Nine", SELL, "10", "3100")

    assert stage.column("Nine", "SUMREAL") == [D("-0.03"), D("0.031")]
    assert stage.column("Nine", "COMMISS") == [D("0.000015"), D("0.0000155")]
    book = stage.book("Nine")
    assert (book["POS"], book["SUMREAL"] - book["FEES"], book["CURRENCY"]) == (0, D("0.0009695"), "XBt")


def test_the_referee_agrees_with_all_scenarios(stage: Stage) -> None:
    judged = stage.ground.check()

    assert judged.is_kept and judged.findings[0].ours == "17 executions"
