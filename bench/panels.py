"""Refreshing a book of 2×20, trades of 200×8 with ten rows changed, and a watchlist of 50×6, all changed.

Ours is the canvas table of the window; the floor is ttk.Treeview with the same cells, each set where its text differs.
Both with the drawing they ask for. A table on a canvas draws the rows that are seen; Treeview is told all of them.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.row import Row, Size, share
from bench.screen import missing, screen

if TYPE_CHECKING:
    import tkinter

Cells = tuple[str, ...]
BOOK, TRADES, WATCH = (40, 3), (200, 8), (50, 6)      # rows, columns
ROWS_SEEN = 25                                         # of the trades, in a tab under the chart
HERTZ = 10


def rows(size: Size) -> list[Row]:
    """Each panel, and all three."""
    lack = missing()
    if lack:
        return [Row("three panels refreshed", missing=lack)]
    rounds = max(5, int(200 * size.share))
    with screen() as display:
        os.environ["DISPLAY"] = display
        ours, cpu = _measured(rounds, _our_tables)
        theirs, _ = _measured(rounds, _trees)
    floor_is = "ttk.Treeview with the same cells"
    made = [Row(f"panel: {name}", share(ours[place], 0.5), share(theirs[place], 0.5), "ms", 0.5, of_ratio=True,
                floor_is=floor_is, note="median, with its drawing")
            for place, name in enumerate(("book 2×20", "trades 200×8, 10 rows changed", "watchlist 50×6"))]
    whole, floor = ([sum(three) for three in zip(*took, strict=True)] for took in (ours, theirs))
    return [*made,
            Row("panels: all three", share(whole, 0.5), share(floor, 0.5), "ms", 6.0, floor_is=floor_is,
                note=f"p10 {share(whole, 0.1):.1f} ms, p99 {share(whole, 0.99):.1f} ms"),
            Row(f"panels: all three at {HERTZ} Hz", cpu * HERTZ * 100, None, "%", 8.0,
                note="of a core, the X server's part included")]


Show = Callable[[Sequence[Cells]], None]


def _measured(rounds: int, make: Callable[[tkinter.Tk], list[Show]]) -> tuple[list[list[float]], float]:
    """Milliseconds of each refresh by panel; processor seconds of one round of all three."""
    import tkinter

    root = tkinter.Tk()
    root.geometry("1900x1000+0+0")
    shows = make(root)
    root.update()
    took: list[list[float]] = [[], [], []]
    trades = [_cells(number, TRADES[1]) for number in range(TRADES[0])]
    spent = 0.0
    for number in range(rounds + 3):
        trades = [_cells(number * 10 + new + 1_000, TRADES[1]) for new in range(10)] + trades[10:]
        told = ([_cells(number * 100 + row, BOOK[1]) for row in range(BOOK[0])], trades,
                [_cells(number * 100 + row + 50, WATCH[1]) for row in range(WATCH[0])])
        if number == 3:
            spent = _spent()
        for place, (show, cells) in enumerate(zip(shows, told, strict=True)):
            begun = time.perf_counter()
            show(cells)
            root.update_idletasks()
            if number >= 3:
                took[place].append(1000 * (time.perf_counter() - begun))
        root.update()
    spent = _spent() - spent
    root.destroy()
    return took, spent / rounds


def _spent() -> float:
    """Processor seconds of this process and of the screen it started."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    ticks = 0
    for told in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):                       # a process that ended meanwhile
            words = told.read_text().rpartition(")")[2].split()
            if int(words[1]) == os.getpid():
                ticks += int(words[11]) + int(words[12])
    return used.ru_utime + used.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _cells(seed: int, columns: int) -> Cells:
    """Numbers as they stand in such a table."""
    return tuple(f"{50_000 + seed % 977 + place}.{seed * 7 % 100:02}" for place in range(columns))


def _our_tables(root: tkinter.Tk) -> list[Show]:
    from core.board import Board
    from interface.presenters.columns import Column
    from interface.presenters.glance import Glance
    from interface.presenters.words import Cell
    from interface.table import Table
    from interface.theme import Look, Theme

    theme = Theme(root, Look(10, 100, "dark"))
    glance = Glance(Board(), None, None, 0.0, 0)
    shows: list[Show] = []

    def reader(place: int) -> Callable[[Cells, Glance], Cell]:
        return lambda record, _glance: Cell(record[place])

    for place, (count, columns) in enumerate((BOOK, TRADES, WATCH)):
        declared = [Column(f"c{column}", f"c{column}", 9, reader(column), right=True) for column in range(columns)]
        table: Table[Cells] = Table(root, theme, declared, lambda record: record, "empty")
        seen = min(count, ROWS_SEEN) if place == 1 else count
        table.canvas.place(x=place * 630, y=0, width=620, height=theme.row * (seen + 1) + 2)
        shows.append(lambda records, table=table: table.show(records, glance))  # type: ignore[misc]
    return shows


def _trees(root: tkinter.Tk) -> list[Show]:
    from tkinter import ttk

    shows: list[Show] = []
    for place, (count, columns) in enumerate((BOOK, TRADES, WATCH)):
        names = [f"c{column}" for column in range(columns)]
        tree = ttk.Treeview(root, columns=names, show="headings", height=count)
        for name in names:
            tree.column(name, width=600 // columns, anchor="e")
        items = [tree.insert("", "end", values=("",) * columns) for _ in range(count)]
        seen = min(count, ROWS_SEEN) if place == 1 else count
        tree.place(x=place * 630, y=0, width=620, height=20 * (seen + 1))
        shows.append(_tree_show(tree, items))
    return shows


def _tree_show(tree: Any, items: list[str]) -> Show:
    before: list[Cells] = [()] * len(items)

    def show(records: Sequence[Cells]) -> None:
        for place, record in enumerate(records):
            if record != before[place]:
                before[place] = record
                tree.item(items[place], values=record)

    return show
