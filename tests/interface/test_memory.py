"""What the window remembers: columns, sashes, tab, timeframe, steps, quantities; written as one plain value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from interface.app import App, Memory
from interface.memory import from_json, habit_of, name_of, to_json
from interface.presenters.tables import ORDERS
from interface.table import Table
from interface.table_layout import ColumnSet
from models import Mode

from .conftest import INTERPRETERS, Driver
from .demo_feed import BTC, Stage

FULL = Memory({"large left": 333, "large tabs": 301}, {"Orders": (("symbol", 0), ("time", 140))}, "Trades", "15m",
              name_of(BTC), {name_of(BTC): 10}, {habit_of(Mode.SIM, BTC): "0.030"},
              recent={habit_of(Mode.SIM, BTC): ("0.02", "0.030")})


def test_a_memory_survives_its_file() -> None:
    assert from_json(to_json(FULL)) == FULL
    assert from_json("{}") == Memory()


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"a":', "[" * 100_000])
def test_a_broken_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)


def test_values_that_make_no_sense_are_left_out() -> None:
    read = from_json(json.dumps({
        "sashes": {"large left": -3, "x": True, "y": "wide", "good": 200},
        "columns": {"Orders": [["time"], 5, ["a", 0]]},
        "tab": 7, "timeframe": "7m", "steps": [1], "quantities": {"a": "0.1\n", "b": "1"}, "unknown": 1,
        "recent": {"a": "1", "b": [1], "c": ["1", 2]}}))
    assert read == Memory({"good": 200}, {"Orders": (("a", 0),)}, quantities={"b": "1"}, recent={"c": ("1",)})


def test_columns_nobody_placed_stay_by_their_neighbour() -> None:
    given = ColumnSet(["price", "gone", "time"])
    names = [column.name for column in given.ordered(ORDERS)]
    assert sorted(names) == sorted(column.name for column in ORDERS)
    assert names.index("price") < names.index("time") < names.index("symbol")


@pytest.fixture
def remembering(window: Driver) -> Iterator[Driver]:
    heard: list[Memory] = []
    app = window.app
    assert app.hooks is not None
    app.attach(replace(app.hooks, remember=heard.append))
    window.heard = heard  # type: ignore[attr-defined]  # of these tests only
    yield window
    app._reset_layout()


def last(window: Driver) -> Memory:
    window.now += 2
    window.draw()
    heard: list[Memory] = window.heard  # type: ignore[attr-defined]  # see above
    return heard[-1]


def drag(window: Driver, table: Table[object], start: int, end: int, y: int = 5) -> None:
    canvas = table.canvas
    canvas.event_generate("<ButtonPress-1>", x=start, y=y, time=window.time())
    for x in (start + (end - start) // 2, end):
        canvas.event_generate("<B1-Motion>", x=x, y=y, state=0x100, time=window.time())
    canvas.event_generate("<ButtonRelease-1>", x=end, y=y, time=window.time())
    window.app.root.update()


def test_an_edge_dragged_resizes_its_column(remembering: Driver) -> None:
    table = remembering.app.layout.tabs.table
    place = table.visible_columns().index("symbol")
    edge = table._look.lefts[place] + table._look.widths[place] - remembering.app.theme.gap // 2
    before = table._look.widths[place]
    drag(remembering, table, edge, edge + 40)

    zero = remembering.app.theme.zero                   # columns are whole characters wide
    assert table._look.widths[place] == (before + 40) // zero * zero and table.sort_by is None
    assert dict(last(remembering).columns["Orders"])["symbol"] == before + 40


def test_a_title_dragged_moves_its_column_and_a_click_still_sorts(remembering: Driver) -> None:
    table = remembering.app.layout.tabs.table
    names = table.visible_columns()
    start = table._look.lefts[names.index("price")] + 20
    drag(remembering, table, start, 6)
    assert table.visible_columns()[0] == "price" and table.sort_by is None
    assert table.row_text(table.sorted()[0])["price"]
    assert last(remembering).columns["Orders"][0][0] == "price"

    remembering.click(table.canvas, table._look.lefts[0] + 20, 5)
    assert table.sort_by == ("price", False)
    table.sort("price")
    table.sort("price")


def test_reset_layout_brings_back_what_was_declared(remembering: Driver) -> None:
    app = remembering.app
    wide = app.layout.right.winfo_width()
    drag(remembering, app.layout.tabs.table, 60, 600)
    app.layout.panes.sash_place(1, app.layout.panes.sash_coord(1)[0] - 90, 0)
    app.root.update()
    app.layout.panes.event_generate("<ButtonRelease-1>", x=1, y=1)
    assert last(remembering).sashes["large right"] > wide + 60

    app._settings()
    sheet = app.shell.sheets["settings"]
    sheet._reset()  # type: ignore[attr-defined]  # its button
    app.root.update()

    assert app.layout.right.winfo_width() == wide
    assert last(remembering).sashes == {} and last(remembering).columns == {}
    assert app.layout.tabs.table.visible_columns()[0] == "time"


def test_what_a_person_chose_is_remembered(remembering: Driver) -> None:
    app = remembering.app
    app.layout.tabs.choose("Positions")
    app.layout.chart.set_timeframe("1h")
    remembering.click_price("61203.9")
    app.layout.book.step(1)
    app.desk.change(qty="0.030")
    app.desk.confirm(remembering.time(), by_key=True)
    memory = last(remembering)
    assert (memory.tab, memory.timeframe, memory.symbol) == ("Positions", "1h", name_of(BTC))
    assert memory.steps == {name_of(BTC): 2} and memory.quantities == {habit_of(Mode.SIM, BTC): "0.030"}

    app.desk.mode = Mode.LIVE
    assert app.desk.usual_qty() != "0.030"       # a habit of the simulator is none of a live account
    count = len(remembering.heard)  # type: ignore[attr-defined]  # of these tests
    app.desk.mode = Mode.SIM
    remembering.now += 5
    remembering.draw()
    assert len(remembering.heard) == count  # type: ignore[attr-defined]  # nothing new, nothing said


def test_a_window_opens_as_it_was_left() -> None:
    other = name_of(BTC).replace("BTC", "ETH")
    app = App(Mode.SIM, size=(1920, 1080), memory=replace(FULL, symbol=other))
    INTERPRETERS.append(app.root.tk)
    try:
        app.root.update()
        stage = Stage()
        stage.fill(app.desk.monotonic(), app.desk.wall_ms())
        app.attach(stage.hooks())
        app.refresh()
        app.root.update()
        layout = app.layout
        assert (layout.tabs.open, layout.chart.timeframe) == ("Trades", "15m")
        assert layout.left is not None and abs(layout.left.winfo_width() - 333) <= 2
        assert abs(layout.tabs.frame.winfo_height() - 301) <= 2
        assert app.desk.key is not None and app.desk.key.symbol == "ETHUSDT"
        app.desk.select(BTC)
        assert app.desk.usual_qty() == "0.030" and "step 1 " in str(_book_words(app))
        assert layout.tabs.tabs["Orders"].table.columns[0].name == "symbol"
    finally:
        app.destroy()


def _book_words(app: App) -> dict[str, str]:
    app.refresh()
    return app.layout.book.bar.texts()
