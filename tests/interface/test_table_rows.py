"""Neighbouring cells of one colour are one text, and it stands where the single ones would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interface.batch import Batch
from interface.presenters.columns import Column
from interface.presenters.words import Cell
from interface.table_layout import ColumnSet, place_columns
from interface.table_rows import Ink, Rows

from .conftest import Driver

COLUMNS = [Column[Ink](name, name, chars, lambda r, g: Cell(""), right)
           for name, chars, right in (("symbol", 8, False), ("bid", 9, True), ("ask", 9, True), ("note", 5, False))]


@pytest.fixture
def rows(window: Driver) -> Iterator[Rows]:
    import tkinter as tk
    app = window.app
    canvas = tk.Canvas(app.root, width=600, height=90)
    made = Rows(canvas, Batch(canvas), app.theme)
    look = place_columns(COLUMNS, ColumnSet(), app.theme, (600, 90), 0)
    made.lay_out(look, COLUMNS, 0)
    yield made
    canvas.destroy()


def texts(window: Driver, rows: Rows, row: int = 0) -> list[str]:
    """What the row's items say, by column."""
    rows._batch.flush()
    return [window.item(rows._canvas, item) for item in rows._texts[row]]


def test_cells_of_one_colour_are_one_text_with_each_number_in_its_place(window: Driver, rows: Rows) -> None:
    rows.draw(0, [("BTCUSDT", "text"), ("61\u2009204.4", "text"), ("61\u2009204.5", "text"), ("x", "text")], "panel")

    assert texts(window, rows) == ["BTCUSDT   61\u2009204.4  61\u2009204.5 x", "", "", ""]
    mono, look, zero = window.app.theme.mono, rows._look, window.app.theme.zero
    line = texts(window, rows)[0]
    for place, number in ((1, "61\u2009204.4"), (2, "61\u2009204.5")):
        end = look.lefts[0] + mono.measure(line[:line.index(number)] + number)
        assert end == look.lefts[place] + look.widths[place] - zero


def test_another_colour_or_an_uneven_letter_begins_a_text_of_its_own(window: Driver, rows: Rows) -> None:
    rows.draw(0, [("● live", "text"), ("1", "buy"), ("2", "sell"), ("x", "sell")], "panel")

    assert texts(window, rows) == ["● live", "        1", "        2 x", ""]
    inks = [window.item(rows._canvas, item, "fill") for item in rows._texts[0][:3]]
    assert inks == [window.app.theme[name] for name in ("text", "buy", "sell")]


def test_an_uneven_letter_at_the_right_stands_alone_and_goes_again(window: Driver, rows: Rows) -> None:
    rows.draw(0, [("a", "text"), ("5 ▲", "warning"), ("2", "text"), ("", "text")], "panel")
    assert texts(window, rows) == ["a" + " " * 26 + "2", "", "", ""]
    assert [window.item(rows._canvas, item) for item in rows._lone.values()] == ["5 ▲"]

    rows.draw(0, [("a", "text"), ("5", "text"), ("2", "text"), ("", "text")], "panel")
    assert texts(window, rows) == ["a" + " " * 16 + "5" + " " * 9 + "2", "", "", ""]
    assert [window.item(rows._canvas, item) for item in rows._lone.values()] == [""]


def test_a_row_that_is_as_before_changes_nothing(window: Driver, rows: Rows) -> None:
    cells = [("a", "text"), ("5", "buy"), ("2", "text"), ("", "text")]
    rows.draw(1, cells, "selection")
    assert rows._batch.flush() == 4

    rows.draw(1, list(cells), "selection")
    assert rows._batch.flush() == 0
    rows.clear(1)
    assert texts(window, rows, 1) == ["", "", "", ""]
