"""The Positions tab: whose a position is, in lines below it; by day and currency in the bot's sheet."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.days import DAY_MS
from engine.view import BookSums, Leg, PositionLine
from interface.history import DAYS, Ask, DayLine, Pages
from interface.presenters.bots import day_rows, leg_words
from interface.presenters.positions import position_rows
from interface.sheets.bot import BotSheet

from .conftest import Driver
from .demo_feed import BTC, bot, key_of, make_view

D = Decimal


def split(window: Driver) -> None:
    """BTCUSDT held by a bot and by somebody nobody knows; LTCUSDT not configured."""
    ltc = key_of("LTCUSDT")
    view = make_view()
    grid, alfa = bot("grid1", "WORK", pos="0.300", real="-18000"), bot("alfa", "NOT DEFINED", pos="-0.050", real="3100")
    lost = bot(ltc.reserved, "NOT IN LIST", ltc, pos="10")
    window.stage.change(
        bots=(replace(grid, entry=D(60000)), replace(alfa, entry=D(62000)), lost),
        positions=(replace(view.positions[0], by_owner=(("alfa", D("-0.050")), ("grid1", D("0.300")))),
                   PositionLine(ltc, D(10), None, D(10), None, None, None, ((ltc.reserved, D(10)),),
                                status="NOT IN LIST")))


def test_owners_stand_below_their_position_with_status_and_result(window: Driver) -> None:
    split(window)
    tabs = window.app.layout.tabs
    tabs.choose("Positions")
    window.draw()
    table = tabs.table
    texts = [table.row_text(row) for row in table.sorted()]

    assert [(text["symbol"], text["pos"], text["entry"], text["split"]) for text in texts] == [
        ("BTCUSDT", "+0.250", "60\u2009880.4", "alfa -0.050  grid1 +0.300"),
        ("· grid1", "+0.300", "60\u2009000.0", "WORK"), ("· alfa", "-0.050", "62\u2009000.0", "NOT DEFINED"),
        ("LTCUSDT", "+10", "–", "NOT IN LIST"), ("· RESERVED", "+10", "–", "NOT IN LIST")]
    assert (texts[1]["pnl"], texts[2]["pnl"]) == ("+361.17", "+39.81")
    assert tabs.bar.texts()["Positions"] == "Positions 2"
    split_column = next(column for column in table.columns if column.name == "split")
    colours = [split_column.cell(row, window.app.desk.glance()).colour for row in table.sorted()]
    assert colours[1:] == ["buy", "error", "error", "error"]
    for _ in range(3):
        table.sort("pos")
        names = [row.line.key.symbol for row in table.sorted()]
        assert names.index("LTCUSDT") in (0, 3) and table.sorted()[0].owner is None


def test_a_click_on_an_owner_closes_its_part_in_its_name(window: Driver) -> None:
    split(window)
    tabs, form = window.app.layout.tabs, window.app.layout.form
    tabs.choose("Positions")
    window.draw()
    row = position_rows(window.viewed())[2]
    x, y = tabs.table.point_of(row.id, "symbol") or (0, 0)
    window.click(tabs.table.canvas, x, y)

    assert (form.qty.get(), form.owner.get(), form.reduce.get()) == ("0.05", "alfa", True)


def test_days_are_differences_of_what_they_ended_with() -> None:
    days = tuple(DayLine("Binance", currency, day * DAY_MS, D(value)) for currency, day, value in (
        ("USDT", 20_000, "100"), ("USDT", 20_001, "112.5"), ("USDT", 20_003, "110"), ("BNB", 20_003, "5")))
    assert [(words, cell.text) for words, cell in day_rows(days, "Binance")] == [
        ("06 Oct USDT", "-2.50"), ("04 Oct USDT", "+12.50")]
    assert day_rows(days, "Bitmex") == []


def test_legs_tell_each_currency_alone() -> None:
    leg = Leg("BNB", BookSums(fees=D("0.003")), BookSums(fees=D("0.001")))
    assert leg_words(leg) == "-0.003 (day -0.002, fees 0.003, funding 0)"


def test_the_sheet_shows_currencies_and_days_once_they_were_read(window: Driver) -> None:
    app, asked, read = window.app, list[Ask](), [Pages()]
    assert app.hooks is not None
    app.attach(replace(app.hooks, older=asked.append, pages=lambda ask: read[0]))
    line = replace(bot("grid1", "WORK", pos="0.250"), legs=(
        Leg("USDT", BookSums(D("0.25"), D(-15000), D(41), D(2)), BookSums()),
        Leg("BNB", BookSums(fees=D("0.003")), BookSums())))
    window.stage.change(bots=(line,))
    window.draw()
    app.shell.sheet("bot", lambda: BotSheet(app.shell))
    sheet = app.shell.sheets["bot"]
    assert isinstance(sheet, BotSheet)
    assert asked == [Ask(DAYS, "grid1")]
    names = [name for name, _value, _colour in sheet._rows(line)]
    assert {"Fees", "Funding", "in USDT", "in BNB"} <= set(names)

    read[0] = Pages(days=(DayLine(BTC.market, "USDT", 20_000 * DAY_MS, D(1)),
                          DayLine(BTC.market, "USDT", 20_001 * DAY_MS, D(3))), pages=1, complete=True)
    sheet._look()
    assert ("04 Oct USDT", "+2.00", "buy") in sheet._rows(line)
    app.shell.close_top()
