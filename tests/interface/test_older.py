"""Older trades: pages join what the view shows, each fill once, by a click on the row after the last one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from engine.view import TradeLine
from interface.history import FILLS, NOTHING, Ask, History, Pages

from .conftest import Driver
from .demo_feed import make_view


def fills(first: int, last: int) -> tuple[TradeLine, ...]:
    """From the newest id to the oldest."""
    one = make_view().trades[0]
    return tuple(replace(one, id=number, time=number * 1000, exec_id=f"x{number}", pnl=None)
                 for number in range(first, last, -1))


def test_a_page_follows_what_is_shown() -> None:
    history, asked = History(), list[str]()
    ask = partial(asked.append, "page")
    trades = fills(30, 20)
    assert history.lines(trades, NOTHING) is trades and history.words(trades, NOTHING) == "older…"
    history.ask(trades, NOTHING, ask)
    history.ask(trades, NOTHING, ask)
    assert asked == ["page"] and "loading" in history.words(trades, NOTHING)

    older = Pages(fills(20, 10), pages=1)
    assert [line.id for line in history.lines(trades, older)] == list(range(30, 10, -1))
    history.ask(trades, older, ask)
    assert asked == ["page", "page"]
    assert history.words(trades, Pages(fills(20, 0), pages=2, complete=True)) == ""


def test_a_fill_that_leaves_the_view_stays_in_the_list() -> None:
    history, older = History(), Pages(fills(20, 10), pages=1)
    history.ask(fills(30, 20), NOTHING, lambda: None)
    history.lines(fills(30, 20), older)
    assert [line.id for line in history.lines(fills(35, 25), older)] == list(range(35, 10, -1))


def test_live_fills_have_no_id_yet_and_are_not_doubled() -> None:
    history, asked = History(), list[str]()
    ask = partial(asked.append, "page")
    live = tuple(replace(line, id=0) for line in fills(30, 20))
    history.ask(live, NOTHING, ask)
    assert asked == ["page"]
    page = Pages(fills(30, 20), pages=1)
    assert len(history.lines(live, page)) == 10 and history.is_fruitless(page)


def test_a_page_that_failed_is_asked_again() -> None:
    history, asked = History(), list[str]()
    ask = partial(asked.append, "page")
    history.ask(fills(30, 20), NOTHING, ask)
    failed = Pages((), pages=1, problem="The ledger cannot be read now.")
    assert "cannot be read" in history.words(fills(30, 20), failed) and not history.is_fruitless(failed)
    history.ask(fills(30, 20), failed, ask)
    assert asked == ["page", "page"]


def test_the_row_at_the_end_loads_a_page(window: Driver) -> None:
    asked, app = list[Ask](), window.app
    read = [NOTHING]
    assert app.hooks is not None
    app.attach(replace(app.hooks, older=asked.append, pages=lambda _ask: read[0]))
    app.layout.tabs.choose("Trades")
    window.draw()
    table = app.layout.tabs.table
    table.scroll(1000)
    table.canvas.update_idletasks()
    x, y = (int(value) for value in table.canvas.coords(table._more_item))
    assert window.item(table.canvas, table._more_item) == "older…"
    window.click(table.canvas, x + 5, y)
    lowest = min(line.id for line in window.viewed().trades)
    assert asked == [Ask(FILLS)]

    page = tuple(replace(window.viewed().trades[0], id=lowest - n, time=5, exec_id=f"old{n}", pnl=None)
                 for n in range(1, 201))
    read[0] = Pages(page, pages=1)
    window.draw()
    assert len(table.sorted()) == len(window.viewed().trades) + 200
    assert table.row_text(page[0])["pnl"] == ""
    read[0] = Pages(page, pages=1, complete=True)
    window.draw()
    assert window.item(table.canvas, table._more_item) == "" and "older" not in app.layout.tabs.bar.texts()
    table.scroll(-1000)
    app.layout.tabs.lists._history = History()
