"""The same symbol on two products: named apart wherever it is read, chosen, reconnected or lost."""

from __future__ import annotations

import tkinter as tk
from dataclasses import replace
from decimal import Decimal

import pytest

from engine.commands import Recover
from interface.presenters.account import ACCOUNT, AccountRow
from interface.presenters.bots import BOTS
from interface.presenters.columns import Column
from interface.presenters.glance import look, shown_twins
from interface.presenters.tables import ORDERS, POSITIONS, TRADES
from interface.presenters.topline import strips, title
from interface.presenters.watch import find, watch_columns, watch_rows
from interface.sheets.finder import Finder
from models import Category, Health, Key, Mode, Side, Ticker, Top, VenueState

from .conftest import Driver
from .demo_feed import BTC, START, Stage, bot, order

D = Decimal
SPOT = Key("Binance", Category.SPOT, "BTCUSDT")


def add_spot(stage: Stage, now: float) -> None:
    """A spot market with the futures' symbol, an order, a position, a fill, a bot and a balance of its own."""
    assert stage.view is not None
    board, view = stage.board, stage.view
    board.venues[("Binance", Category.SPOT)] = VenueState(
        "Binance", Category.SPOT, "Binance", Health.LIVE, account="SIM-1", has_keys=True, latency_ms=41, reconnects=2,
        last_data=now)
    board.instruments[SPOT] = replace(board.instruments[BTC], key=SPOT)
    board.tops[SPOT] = Top(D("61300.0"), D(1), D("61300.1"), D(1), START, now)
    board.tickers[SPOT] = Ticker(D("61300.0"), Side.BUY)
    stage.view = replace(
        view, configured=(*view.configured, SPOT), orders=(order(7, "61000", key=SPOT), *view.orders),
        positions=(replace(view.positions[0], key=SPOT), *view.positions),
        trades=(replace(view.trades[0], key=SPOT, id=9999), *view.trades), bots=(bot("s1", "WORK", SPOT), *view.bots),
        balances=(replace(view.balances[0], category=Category.SPOT), *view.balances))


def texts_of(canvas: tk.Canvas) -> list[str]:
    """What stands on a canvas."""
    return [str(canvas.tk.call(str(canvas), "itemcget", item, "-text")) for item in canvas.find_all()
            if str(canvas.tk.call(str(canvas), "type", item)) == "text"]


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.fill(1000.0, START)
    add_spot(made, 1000.0)
    return made


def cells(stage: Stage, columns: tuple[Column[object], ...], lines: tuple[object, ...]) -> list[str]:
    """The first column named symbol or currency, of these lines."""
    assert stage.view is not None
    glance = look(stage.board, stage.view, BTC, 1000.0, START, False, shown_twins(stage.view))
    column = next(column for column in columns if column.name in ("symbol", "currency"))
    return [column.cell(line, glance).text for line in lines]


def test_every_table_names_the_product_of_a_doubled_symbol(stage: Stage) -> None:
    view = stage.view
    assert view is not None

    assert cells(stage, ORDERS, view.orders[:2]) == ["BTCUSDT", "BTCUSDT-F"]  # type: ignore[arg-type]  # any line
    assert cells(stage, POSITIONS, view.positions[:3]) == ["BTCUSDT", "BTCUSDT-F", "SOLUSDT"]  # type: ignore[arg-type]  # any line
    assert cells(stage, TRADES, view.trades[:2]) == ["BTCUSDT", "BTCUSDT-F"]  # type: ignore[arg-type]  # any line
    assert cells(stage, BOTS, view.bots[:2]) == ["BTCUSDT", "BTCUSDT-F"]  # type: ignore[arg-type]  # any line
    assert cells(stage, ACCOUNT, [AccountRow(line) for line in view.balances]) == ["USDT", "USDT-F", "BNB"]  # type: ignore[arg-type]  # any line


def test_the_title_names_the_product(stage: Stage) -> None:
    assert stage.view is not None
    doubled = shown_twins(stage.view)
    for key, words in ((BTC, "SIM · BTCUSDT_Binance-F 61"), (SPOT, "SIM · BTCUSDT_Binance 61")):
        glance = look(stage.board, stage.view, key, 1000.0, START, False, doubled)
        assert title(Mode.SIM, glance, False).startswith(words)


def test_choosers_hold_both_products(stage: Stage) -> None:
    hits = [one.key for one in find("btcu", stage.board.instruments.values())]
    assert hits == [SPOT, BTC]
    assert [one.key for one in find("BTCUSDT_Binance-F", stage.board.instruments.values())] == [BTC]


def test_a_lost_product_is_grey_alone(stage: Stage) -> None:
    stage.board.venues[("Binance", Category.SPOT)] = replace(
        stage.board.venues[("Binance", Category.SPOT)], health=Health.LOST, text="connection lost")
    glance = look(stage.board, stage.view, BTC, 1000.0, START)
    rows = watch_rows((SPOT, BTC), stage.board.venues)
    colours = {row.key: watch_columns(False)[1].cell(row, glance).colour for row in rows if row.key}

    shown, more = strips(glance, (), False, None, None)

    assert colours == {SPOT: "dim", BTC: "buy"}
    lost = next(line for line in shown if line.text.startswith("Binance: "))
    assert dict(lost.buttons)["F3 retry"] == "recover:Binance/spot" and more == 0
    assert not any("Binance-F" in line.text for line in shown)


def test_f3_reconnects_the_chosen_market_alone(window: Driver) -> None:
    add_spot(window.stage, window.now)
    window.draw()
    assert window.app.layout.watch is not None
    table = window.app.layout.watch.table
    line = next(row for row in table.sorted() if row.id == ("Binance", "spot", ""))
    assert table.row_text(line)["symbol"] == "● Binance  41 ms  SIM-1  ↻2"
    place = table.point_of(("Binance", "spot", ""), "symbol")
    assert place is not None

    window.click(table.canvas, *place)
    window.key("Escape")
    window.draw()
    assert table.selected == ("Binance", "spot", "")
    window.key("F3")
    row = table.point_of(("Binance", "linear", "BTCUSDT"), "bid")
    assert row is not None
    window.click(table.canvas, *row)
    window.key("F3")

    assert [(one.market, one.category) for one in window.sent(Recover)] == [("Binance", Category.SPOT), ("", None)]


def test_the_strip_of_a_lost_market_reconnects_it_alone(window: Driver) -> None:
    window.app.alerts.act("recover:Binance/linear")

    assert [(one.market, one.category) for one in window.sent(Recover)] == [("Binance", Category.LINEAR)]


def test_ctrl_k_names_the_product_and_adds_exactly_that_one(window: Driver) -> None:
    add_spot(window.stage, window.now)
    window.draw()
    window.key("k", state=4)
    sheet = window.app.shell.sheets["find"]
    assert isinstance(sheet, Finder)

    sheet.typed.set("btcusdt")
    assert [text for text in texts_of(sheet.canvas) if "_" in text] == ["BTCUSDT_Binance", "BTCUSDT_Binance-F"]
    window.key("Return", widget=sheet.entry)
    assert window.app.desk.key == SPOT
    assert window.app.top.bar.texts()["venue"] == "Binance"


def test_a_symbol_whose_product_was_taken_out_makes_way_for_another(window: Driver) -> None:
    desk = window.app.desk
    rest = tuple(key for key in window.viewed().configured if key != BTC)
    kept = desk.board.instruments.pop(BTC)
    try:
        window.stage.change(configured=rest)
        window.draw()
        assert desk.key == rest[0]
    finally:
        desk.board.instruments[BTC] = kept
