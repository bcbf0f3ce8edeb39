"""Three sizes, two scales: no cut text in headers, buttons and the top line; every colour readable."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Iterator
from itertools import pairwise
from tkinter import ttk

import pytest

from engine.view import Strip
from interface.app import App, Look
from interface.asking import Note
from interface.bar import Bar
from interface.draft import Draft
from interface.theme import PALETTES
from models import Mode, OrdType, Side

from .conftest import INTERPRETERS, Driver
from .demo_feed import BTC, Stage

SIZES = ((1920, 1080), (1366, 768), (1280, 720))


@pytest.mark.parametrize("scale", [100, 150])
@pytest.mark.parametrize("size", SIZES)
def test_no_text_is_cut(size: tuple[int, int], scale: int) -> None:
    app = App(Mode.TESTNET, Look(5, scale), size=size)
    INTERPRETERS.append(app.root.tk)
    try:
        app.root.update()
        stage = Stage(Mode.TESTNET)
        stage.fill(app.desk.monotonic(), app.desk.wall_ms())
        app.attach(stage.hooks())
        app.root.update()
        app.refresh()
        app.root.update()
        layout = app.layout
        bars = [app.top.bar, app.status.bar, layout.book.bar, layout.chart.bar, layout.form.bar, layout.tabs.bar]
        assert [problem for bar in bars for problem in cut_segments(bar)] == []
        assert [problem for button in buttons(app.root) for problem in cut_button(button, app)] == []
        for tab in layout.tabs.tabs:
            layout.tabs.choose(tab)
            app.root.update()
            assert cut_headers(layout.tabs.table) == [], tab
        assert layout.book.ladder_canvas.sides >= 4
        assert app.root.winfo_width() == size[0] and layout.form.line.winfo_rooty() < size[1]
        rows = {1080: 16, 768: 13, 720: 9}[size[1]] if scale == 100 else 5
        for ord_type in (OrdType.TAKE_PROFIT_LIMIT, OrdType.TAKE_PROFIT_MARKET, OrdType.LIMIT):
            layout.form.kind.choose(ord_type)
            drawn(app)
            assert [problem for button in buttons(app.root) for problem in cut_button(button, app)] == []
            box = layout.form.kind.type_box
            assert app.theme.ui.measure(box.get()) + app.theme.px(24) <= box.winfo_width()
            assert layout.form.line.winfo_rooty() < size[1]
            assert layout.book.ladder_canvas.sides >= rows, ord_type     # with a strip above, as a lost market shows
    finally:
        app.destroy()


def cut_segments(bar: Bar) -> list[str]:
    """Segments that overlap each other or leave the bar."""
    spans = sorted((bar.span(name) or (0, 0), name) for name in bar.texts())
    width = bar.canvas.winfo_width()
    problems = [name for (left, right), name in spans if left < 0 or right > width + 4]
    for (before, name), (after, other) in pairwise(spans):
        if before[1] > after[0] + 8:
            problems.append(f"{name} over {other}")
    return problems


def buttons(widget: tk.Misc) -> list[ttk.Button]:
    found = [child for child in widget.winfo_children() if isinstance(child, ttk.Button) and child.winfo_ismapped()]
    for child in widget.winfo_children():
        found += buttons(child)
    return found


def cut_button(button: ttk.Button, app: App) -> list[str]:
    """A button narrower than its text."""
    text = str(button.cget("text"))
    return [text] if app.theme.ui.measure(text) + 4 > button.winfo_width() else []


def cut_headers(table: object) -> list[str]:
    """Titles of a table that overlap or leave it."""
    canvas: tk.Canvas = table.canvas  # type: ignore[attr-defined]  # a Table of any record
    boxes = sorted(canvas.bbox(item) for item in table._header)  # type: ignore[attr-defined]  # as above
    over = [str(a) for a, b in pairwise(boxes) if a[2] > b[0] + 1]
    return over + [str(box) for box in boxes if box[2] > canvas.winfo_width() + 1]


def luminance(colour: str) -> float:
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(ink: str, ground: str) -> float:
    high, low = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_all_text_has_contrast(name: str) -> None:
    colours = PALETTES[name]
    pairs = [(ink, ground) for ink in ("text", "dim", "buy", "sell", "warning", "error")
             for ground in ("background", "panel", "raised")]
    pairs += [(f"{ink}_hot", "selection") for ink in ("buy", "sell", "dim", "error", "warning")]
    pairs += [("text", "selection"), ("warning_ink", "warning_strip"), ("error_ink", "error_strip"),
              ("tag_ink", "tag"), ("dim", "buy_bar"), ("dim", "sell_bar")]
    pairs += [("bright", ground) for ground in ("SIM", "PAPER", "TESTNET", "LIVE", "on", "off", "buy_button",
                                                "sell_button")]

    assert [(pair, round(contrast(colours[pair[0]], colours[pair[1]]), 2)) for pair in pairs
            if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []


@pytest.fixture(scope="module")
def low() -> Iterator[App]:
    app = App(Mode.SIM, Look(5, 100), size=(1366, 768))
    INTERPRETERS.append(app.root.tk)
    app.root.update()
    stage = Stage()
    stage.fill(app.desk.monotonic(), app.desk.wall_ms())
    app.attach(stage.hooks())
    app.root.focus_force()
    yield app
    app.destroy()


def drawn(app: App) -> App:
    for _round in range(3):
        app.refresh()
        app.root.update()
    return app


@pytest.mark.parametrize("ord_type", [OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP])
def test_tab_goes_through_the_compact_form_in_reading_order(low: App, ord_type: OrdType) -> None:
    form = drawn(low).layout.form
    form.kind.choose(ord_type)
    drawn(low)
    form.owner_box.focus_force()
    low.root.update()

    places = []
    widget: tk.Misc | None = form.owner_box
    while widget is not None and str(widget).startswith(f"{form.body}."):
        places.append((widget.winfo_rooty() // low.theme.px(8), widget.winfo_rootx()))
        widget = widget.tk_focusNext()
        if widget is form.owner_box:
            break

    # owner, type, qty, price, seven small buttons, reduce-only, two buttons at least
    assert form.shape.is_compact and len(places) >= 14
    assert places == sorted(places)


def test_a_long_sentence_is_whole_in_the_compact_form(low: App) -> None:
    form = drawn(low).layout.form
    words = "Quantity 150 is not a multiple of 100, and the largest value of an order in the Settings is 1 000 USDT."
    low.desk.note = Note(words)
    drawn(low)
    lines = -(-low.theme.small.measure("▲ " + words) // (form.line.winfo_width() - low.theme.px(14)))

    assert lines == 2 and form.line.winfo_height() >= lines * low.theme.small.metrics("linespace")
    assert form.line.winfo_rooty() + form.line.winfo_height() <= low.status.bar.canvas.winfo_rooty() + 2

    low.desk.note = None
    assert drawn(low).layout.form.line.winfo_height() < 2 * low.theme.small.metrics("linespace")


@pytest.mark.parametrize("strips", [0, 1, 3])
def test_the_smallest_screen_at_150_percent_keeps_five_rows_a_side(strips: int) -> None:
    app = App(Mode.SIM, Look(5, 150), size=(1280, 720))
    INTERPRETERS.append(app.root.tk)
    try:
        app.root.update()
        stage = Stage()
        stage.fill(app.desk.monotonic(), app.desk.wall_ms())
        stage.change(strips=tuple(Strip("error", f"trouble {number}") for number in range(strips)), bot_orders=0)
        app.attach(stage.hooks())
        for _round in range(3):
            app.refresh()
            app.root.update()
        layout, row = app.layout, app.theme.row
        assert layout.book.canvas.winfo_height() >= 11 * row and layout.book.ladder_canvas.sides >= 5
        assert layout.form.buttons["Sell limit"].winfo_viewable()
        bottom = layout.form.line.winfo_rooty() + layout.form.line.winfo_height()
        assert bottom <= app.status.bar.canvas.winfo_rooty() + 2
        assert len(app.strips.texts()) == min(strips, 1)
    finally:
        app.destroy()


def test_the_slip_tells_the_distance_to_the_best_on_the_small_screen_too(low: App) -> None:
    book = drawn(low).layout.book
    top = low.desk.glance().top
    assert top is not None
    low.desk.begin(Draft(BTC, BTC.reserved, Side.BUY, "0.050", str(top.bid - 12)), 0)
    book.replace_slip()
    drawn(low)
    detail = book.ladder_canvas._slip[4]
    left, _top, right, _bottom = book.canvas.bbox(detail)
    words = Driver.item(book.canvas, detail)
    low.desk.drop()

    assert [part.rpartition(" ")[2] for part in words.split(" · ")] == ["USDT", "0.61", "post-only", "best"]
    assert 0 <= left < right <= book.canvas.winfo_width()
