"""One tick of the real window at 1920×1080 on lively data: another book, forming candle and prices in each.

The floor is a bare Canvas: as many texts as the ladder has, all changed in one script.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace

from bench.row import Row, Size, share
from bench.screen import missing, screen

TEXTS = 240          # 60 rows of a ladder with four texts


def rows(size: Size) -> list[Row]:
    """Median tick, and the tick together with the drawing it asks of the canvases."""
    name = "window tick, 1920×1080, median"
    lack = missing()
    if lack:
        return [Row(name, missing=lack)]
    with screen() as display:
        os.environ["DISPLAY"] = display
        ticks = max(10, int(500 * size.share))
        floor = _canvas(ticks)
        ours, drawn, quiet = _app(ticks)
    floor_is = f"a bare canvas, {TEXTS} texts changed"
    return [
        Row(name, share(ours, 0.5), share(floor, 0.5), "ms", 10.0, floor_is=floor_is,
            note=f"p99 {share(ours, 0.99):.1f} ms; {ticks} ticks, the whole book changed in each"),
        Row("window tick: … and drawn", share(drawn, 0.5), share(floor, 0.5), "ms", floor_is=floor_is,
            note="with the canvases' own redrawing"),
        Row("window tick: nothing changed", share(quiet, 0.5), None, "ms"),
    ]


def _app(ticks: int) -> tuple[list[float], list[float], list[float]]:
    from interface.app import App, Look
    from models import Mode
    from tests.interface.demo_feed import Stage

    stage = Stage(Mode.SIM)
    app = App(Mode.SIM, Look(10, 100, "dark"), size=(1920, 1080))
    try:
        app.root.update()
        stage.fill(time.monotonic(), time.time_ns() // 1_000_000)
        app.attach(stage.hooks())
        app.root.update()
        ours, drawn, quiet = [], [], []
        for number in range(ticks + 5):
            stage.move(round(math.sin(number / 8) * 6), time.monotonic(), number)
            board = stage.board
            for place, (key, ticker) in enumerate(list(board.tickers.items())):
                if ticker.last is not None and key in board.instruments:
                    step = board.instruments[key].tick * ((number + place) % 3 - 1)
                    board.tickers[key] = replace(ticker, last=ticker.last + step, received=time.monotonic())
            if stage.view is not None:
                stage.change(published=time.monotonic(), time=time.time_ns() // 1_000_000)
            tick, whole = _timed(app.refresh, app.root.update_idletasks)
            nothing, _ = _timed(app.refresh, app.root.update_idletasks)
            app.root.update()
            if number >= 5:
                ours.append(tick)
                drawn.append(whole)
                quiet.append(nothing)
        return ours, drawn, quiet
    finally:
        app.destroy()


def _timed(act: Callable[[], object], draw: Callable[[], object]) -> tuple[float, float]:
    begun = time.perf_counter()
    act()
    acted = time.perf_counter()
    draw()
    return 1000 * (acted - begun), 1000 * (time.perf_counter() - begun)


def _canvas(ticks: int) -> list[float]:
    import tkinter

    root = tkinter.Tk()
    root.geometry("1920x1080+0+0")
    canvas = tkinter.Canvas(root, width=1900, height=1060)
    canvas.pack()
    texts = [canvas.create_text(60 + place % 4 * 90, 12 + place // 4 * 17, text="0") for place in range(TEXTS)]
    root.update()
    took = []
    for number in range(ticks):
        script = "\n".join(f"{canvas} itemconfigure {item} -text {number}.{item}" for item in texts)
        _, whole = _timed(lambda script=script: root.tk.eval(script), root.update_idletasks)  # type: ignore[misc]
        root.update()
        took.append(whole)
    root.destroy()
    return took
