"""Tables: bounded, sorted by a click, selected by id, copied and exported; canvases do not grow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.view import MessageLine
from models import Side

from .conftest import Driver
from .demo_feed import BTC, START, about, bot, order


def test_tables_are_bounded(window: Driver) -> None:
    layout = window.app.layout
    window.stage.change(
        messages=tuple(MessageLine(START - n, "Binance", f"line {n}", "info") for n in range(100_000)),
        bots=tuple(bot(f"bot{n}", "WORK") for n in range(50)),
        orders=tuple(order(n, f"{61000 + n / 10:.1f}") for n in range(400)))
    for name in layout.tabs.tabs:
        layout.tabs.choose(name)
        window.draw()
        assert len(layout.tabs.table.canvas.find_all()) < 400
    assert layout.bots is not None and len(layout.bots.table.canvas.find_all()) < 400
    window.app.tick_ms.clear()
    for step in range(5):
        window.stage.move(step, window.now, step)
        window.app._tick()
    print(f"100 000 messages, 50 bots, 400 orders: {window.app.tick_words()}")


def test_sorting_keeps_the_selection_by_id(window: Driver) -> None:
    table = window.app.layout.tabs.table
    first = window.viewed().orders[2]
    table._choose(first)
    table.sort("price")
    prices = [line.price for line in table.sorted()]
    assert prices == sorted(prices) and table.chosen() is first
    table.sort("price")
    assert [line.price for line in table.sorted()] == prices[::-1]
    table.sort("price")
    window.stage.change(orders=tuple(line for line in window.viewed().orders if line.id != first.id))
    window.draw()
    assert table.chosen() is None


def test_copy_gives_plain_numbers(window: Driver) -> None:
    table = window.app.layout.tabs.table
    table._choose(table.sorted()[0])
    table.canvas.focus_force()
    window.app.root.update()
    window.key("c", state=4, widget=table.canvas)

    copied = window.app.root.clipboard_get()
    assert "BTCUSDT\tBUY\tlimit PO\t61204.2\t0.050" in copied and "\n" not in copied


def test_csv_is_written_outside_the_windows_thread(window: Driver, tmp_path: Path) -> None:
    window.stage.change(orders=(order(1, "61204.2", owner="=cmd"), order(2, "61205", Side.SELL)))
    window.draw()
    window.app.shell.about = lambda: replace(about(), home=str(tmp_path))
    window.key("e", state=4)
    assert window.until(lambda: "written" in window.note() and bool(list(tmp_path.glob("exports/orders-*.csv"))))
    lines = next(tmp_path.glob("exports/orders-*.csv")).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("Time,Symbol,Side") and "'=cmd" in lines[1] and ",61205.0," in lines[2]


def test_rows_scroll_by_keys_and_stay_inside(window: Driver) -> None:
    window.stage.change(orders=tuple(order(n, f"{61000 + n / 10:.1f}") for n in range(100)))
    window.draw()
    table = window.app.layout.tabs.table
    table.scroll(10_000)
    assert table.top + table._look.rows == 100
    table._move(-10**9)
    assert table.top == 0 and table.chosen() is table.sorted()[0]


def test_canvas_items_stay_constant_over_many_ticks(window: Driver) -> None:
    layout = window.app.layout
    canvases = [layout.book.canvas, layout.chart.canvas, layout.tabs.table.canvas, window.app.top.bar.canvas,
                window.app.status.bar.canvas]
    for step in range(40):
        window.now += 0.2
        window.stage.move(step % 9 - 4, window.now, step)
        window.app._tick()
    window.app.root.update()
    before = [len(canvas.find_all()) for canvas in canvases]
    window.app.tick_ms.clear()
    for step in range(200):
        window.now += 0.2
        window.stage.move(step % 9 - 4, window.now, step)
        window.stage.change(orders=tuple(replace(line) for line in window.viewed().orders))
        window.app._tick()
        window.app.root.update_idletasks()
    print(f"1920×1080, everything moving: {window.app.tick_words()}")

    assert [len(canvas.find_all()) for canvas in canvases] == before


def test_a_tick_without_news_draws_nothing(window: Driver) -> None:
    window.draw()
    layout = window.app.layout
    window.app.refresh()
    assert layout.tabs.table.drawn <= 1 and layout.book.ladder_canvas.flush() == 0
    assert window.app.desk.key == BTC
