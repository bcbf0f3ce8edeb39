"""The candle chart on a canvas: candles, volume, own fills, orders and position, crosshair. Main thread.

A tick draws the last candle and the price tag only; everything is drawn anew when a candle closes, the scale does not
hold any more, or somebody zooms, pans or resizes. Items are made once and moved.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial

from core.numbers import decimals
from engine.view import OrderLine
from interface.bar import Bar as HeaderBar
from interface.bar import Segment
from interface.batch import Batch
from interface.panels.chart_marks import Marks
from interface.presenters.chart import (
    LEAST,
    MOST,
    VOLUME_SHARE,
    Bar,
    Scale,
    as_floats,
    fit_span,
    grid_prices,
    loading_words,
    time_marks,
)
from interface.presenters.glance import Glance
from interface.presenters.words import clock, grouped, price, quantity
from interface.shell import Shell
from models import Candle, Key

FRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")
CANDLE = 8               # pixels for one candle at 100 %, until somebody zooms
_OFF = (-99, -99, -99, -99)


class ChartPanel:
    """Header with timeframes, and the canvas."""

    def __init__(self, parent: tk.Misc, shell: Shell, want_candles: Callable[[Key, str], None]) -> None:
        self.shell, self.desk, self.theme = shell, shell.desk, shell.theme
        self.want_candles = want_candles
        self.extra: Segment | None = None       # the folded watchlist's button
        self.frame = tk.Frame(parent, background=self.theme["background"])
        self.bar = HeaderBar(self.frame, self.theme)
        self.bar.canvas.pack(fill="x")
        self.canvas = tk.Canvas(self.frame, background=self.theme["background"], highlightthickness=0, borderwidth=0,
                                takefocus=1, width=100, height=100)
        self.canvas.pack(fill="both", expand=True)
        self._batch = Batch(self.canvas)
        self.timeframe = "1m"
        self.count = 0                          # candles on the screen; 0 = by the width there is
        self._auto = True                       # nobody has zoomed yet
        self.offset = 0                         # candles between the last one and the right edge
        self.scale: Scale | None = None
        self._asked: tuple[Key, str] | None = None
        self.axis = self.theme.width(10)
        self._closed: tuple[Candle, ...] | None = None
        self._bars: list[Bar] = []
        self._forming: Candle | None = None
        self._drawn: tuple[object, ...] = ()
        self._wicks: list[int] = []
        self._bodies: list[int] = []
        self._volumes: list[int] = []
        self._ups: list[bool | None] = []
        self._placed = 0                        # candles on the screen
        self._spanned: tuple[object, ...] = ()  # which candles `_still` is of
        self._still = (0.0, 0.0)
        self._crossed = False                   # whether the crosshair is seen
        self._header_for: tuple[object, ...] = ()
        self._most = 1.0                        # the largest volume of them
        self._lines: list[tuple[int, int]] = []
        self._label_ys: list[int] = []          # where the labels of the grid stand, −99 = nowhere
        self._times: list[int] = []
        self._last_shown: tuple[object, ...] = ()
        self._note_shown = ""
        self._glance: Glance | None = None
        self._drag: tuple[int, int] | None = None
        self._cursor: tuple[int, int] | None = None
        self._make_items()
        self.marks = Marks(self.canvas, self._batch, self.theme)
        self._make_top_items()
        self._bind()

    def _make_items(self) -> None:
        canvas, theme = self.canvas, self.theme
        self._floor = canvas.create_line(*_OFF, fill=theme["grid"])

    def _make_top_items(self) -> None:
        canvas, theme = self.canvas, self.theme
        self._last = (canvas.create_line(*_OFF, fill=theme["dim"], dash=(2, 2)),
                      canvas.create_rectangle(*_OFF, width=0, fill=theme["tag"]),
                      canvas.create_text(-99, 0, anchor="e", font=theme.mono, fill=theme["tag_ink"]))
        self._cross = (canvas.create_line(*_OFF, fill=theme["dim"], dash=(1, 2)),
                       canvas.create_line(*_OFF, fill=theme["dim"], dash=(1, 2)),
                       canvas.create_rectangle(*_OFF, width=0, fill=theme["line"]),
                       canvas.create_text(-99, 0, anchor="e", font=theme.mono, fill=theme["text"]),
                       canvas.create_rectangle(*_OFF, width=0, fill=theme["background"]),
                       canvas.create_text(-99, 0, anchor="w", font=theme.mono, fill=theme["text"]))
        self._note = canvas.create_text(-99, 0, font=theme.ui, fill=theme["dim"], justify="center")

    def _bind(self) -> None:
        bind = self.canvas.bind
        bind("<Configure>", lambda _event: self.shell.refresh())
        bind("<Motion>", lambda event: self._set_cursor((event.x, event.y)))
        bind("<Leave>", lambda _event: self._set_cursor(None))
        bind("<ButtonPress-1>", self._on_press)
        bind("<B1-Motion>", self._on_drag)
        bind("<ButtonRelease-1>", self._on_release)
        bind("<Double-Button-1>", lambda _event: self.latest())
        bind("<Button-4>", lambda _event: self.zoom(1))
        bind("<Button-5>", lambda _event: self.zoom(-1))
        bind("<MouseWheel>", lambda event: self.zoom(1 if event.delta > 0 else -1))

    # ------------------------------------------------------------ what a person does with it

    def set_timeframe(self, name: str, _time: int = 0) -> None:
        """Another timeframe."""
        self.timeframe, self.offset, self.scale = name, 0, None
        self.shell.refresh()

    def zoom(self, by: int) -> None:
        """Closer (+1) or wider (−1)."""
        self._auto = False
        self.count = min(max(LEAST, round(self.count / 1.25 if by > 0 else self.count * 1.25)), MOST)
        self.scale = None
        self.shell.refresh()

    def pan(self, candles: int) -> None:
        """Into the past (+) or back (−)."""
        self.offset = min(max(0, self.offset + candles), max(0, len(self._bars) - LEAST))
        self.scale = None
        self.shell.refresh()

    def latest(self) -> None:
        """Back to the last candle."""
        self.pan(-self.offset)

    # ------------------------------------------------------------ drawing

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        self._glance = glance
        self._show_header()
        if glance.key is None:
            self._clear()
            self._asked = None
            self._show_note("No symbol is selected.")
            self._batch.flush()
            return
        if self._asked != (glance.key, self.timeframe):
            if self._asked is None or self._asked[0] != glance.key:
                self.offset = 0
            self._asked, self.scale = (glance.key, self.timeframe), None
            self.want_candles(glance.key, self.timeframe)
        series = glance.board.candles.get((glance.key, self.timeframe))
        if series is None or not (series.complete or len(series.closed) > LEAST) or not (series.closed
                                                                                        or series.forming):
            self._clear()
            self._show_note(loading_words(series))
            self._batch.flush()
            return
        self._show_note("" if series.complete else loading_words(series))
        if self._closed is not series.closed:
            grown = len(series.closed) - len(self._closed or ())
            if self.offset and self._closed and 0 < grown < 3:
                self.offset += grown            # what a person looks at does not move
            self._closed, self._bars = series.closed, as_floats(series.closed)
        self._forming = series.forming
        self._draw(glance)
        self._batch.flush()

    def _show_header(self) -> None:
        if self._header_for == (self.timeframe, self.extra):
            return
        self._header_for = (self.timeframe, self.extra)
        parts = [self.extra] if self.extra else []
        parts.append(Segment("title", "Chart", font="bold"))
        for name in FRAMES:
            here = name == self.timeframe
            parts.append(Segment(f"frame {name}", name, "text" if here else "dim", "bold" if here else "ui",
                                 partial(self.set_timeframe, name)))
        parts.append(Segment("latest", "⇥ latest  End", "dim", "small", lambda _time: self.latest(), right=True,
                             drop=2))
        parts.append(Segment("wider", "−", "dim", "bold", lambda _time: self.zoom(-1), right=True, drop=1))
        parts.append(Segment("closer", "+", "dim", "bold", lambda _time: self.zoom(1), right=True, drop=1))
        parts.append(Segment("hint", "drag pans · wheel zooms", "dim", "small", right=True, drop=9, pad=14))
        self.bar.show(parts)

    def _visible(self) -> list[Bar]:
        bars = self._bars
        if self._forming is not None:
            bars = bars + as_floats((self._forming,))
        end = len(bars) - self.offset
        return bars[max(0, end - self.count):max(1, end)]

    def _draw(self, glance: Glance) -> None:
        width, height = self.canvas.winfo_width(), self.canvas.winfo_height()
        if width < 60 or height < 40:
            return
        if not self.count or self._auto:
            self.count = min(max(LEAST, (width - self.axis) // self.theme.px(CANDLE)), MOST)
        bars = self._visible()
        plot, floor = width - self.axis, height - self.theme.row
        scale = fit_span(*self._span(bars), 0, floor, self.scale)
        state = (self._closed, scale, self.count, self.offset, width, height, self.timeframe, glance.key, len(bars))
        if not self._same(state):
            self._drawn, self.scale, self._last_shown = state, scale, ()
            self._draw_all(bars, scale, plot, floor, glance)
            self.marks.forget()
        elif self.offset == 0 and self._forming is not None and bars:
            self._draw_candles(len(bars) - 1, bars[-1:], self._step(plot), scale, floor)
        self._draw_last(glance, scale, plot, width)
        self.marks.show(glance, bars, scale, plot, self._step(plot), self.timeframe)
        self._draw_cross(glance)

    def _span(self, bars: list[Bar]) -> tuple[float, float]:
        """Lowest and highest price shown; those of the closed candles are known from the last tick."""
        state = (self._closed, self.count, self.offset, len(bars))
        if len(self._spanned) != len(state) or self._spanned[0] is not self._closed or self._spanned[1:] != state[1:]:
            self._spanned = state
            still = bars[:-1] or bars
            self._still = min(bar[3] for bar in still), max(bar[2] for bar in still)
        return min(self._still[0], bars[-1][3]), max(self._still[1], bars[-1][2])

    def _same(self, state: tuple[object, ...]) -> bool:
        return len(self._drawn) == len(state) and all(
            a is b or (index and a == b) for index, (a, b) in enumerate(zip(self._drawn, state, strict=True)))

    def _step(self, plot: int) -> float:
        return (plot - self.theme.gap) / (self.count + (0 if self.offset else 2))

    def _draw_all(self, bars: list[Bar], scale: Scale, plot: int, floor: int, glance: Glance) -> None:
        step = self._step(plot)
        while len(self._wicks) < len(bars):
            self._volumes.append(self.canvas.create_rectangle(*_OFF, width=0))
            self._wicks.append(self.canvas.create_line(*_OFF))
            self._bodies.append(self.canvas.create_rectangle(*_OFF))
            self._ups.append(None)
            self.canvas.tag_lower(self._volumes[-1], self._floor)
            for item in (self._wicks[-1], self._bodies[-1]):
                self.canvas.tag_raise(item, self._floor)
        self._most = max((bar[5] for bar in bars), default=0.0) or 1.0
        self._draw_candles(0, bars, step, scale, floor)
        for index in range(len(bars), self._placed):
            for items in (self._wicks, self._bodies, self._volumes):
                self._batch.box(items[index], *_OFF)
        self._placed = len(bars)
        self._draw_grid(bars, scale, plot, floor, glance)

    def _draw_candles(self, first: int, bars: list[Bar], step: float, scale: Scale, floor: int) -> None:
        """Wicks, bodies and volumes of `bars`, the first of which stands at place `first`. The window's hot loop."""
        wicks, bodies, volumes, ups = self._wicks, self._bodies, self._volumes, self._ups
        high_price, base, unit = scale.high, scale.top, scale.height / (scale.high - scale.low)
        half, box = max(0, int(step * 0.36)), self._batch.box
        wide, tall = max(1, half), floor * VOLUME_SHARE / self._most
        for index, (_time, opened, high, low, close, volume) in enumerate(bars, first):
            up = close >= opened
            if ups[index] is not up:
                ups[index] = up
                self._ink(index, up)
            x = int((index + 0.5) * step)
            upper = base + int((high_price - (close if up else opened)) * unit)
            lower = base + int((high_price - (opened if up else close)) * unit)
            box(wicks[index], x, base + int((high_price - high) * unit), x, base + int((high_price - low) * unit) + 1)
            box(bodies[index], x - half, upper, x + half, lower if lower > upper else upper + 1)
            box(volumes[index], x - wide, floor - int(min(volume * tall, floor)), x + wide, floor)

    def _ink(self, index: int, up: bool) -> None:
        """A candle's colours: hollow while it rises, filled while it falls."""
        colours, batch = self.theme.colours, self._batch
        ink = colours["buy" if up else "sell"]
        batch.fill(self._wicks[index], ink)
        batch.face(self._bodies[index], colours["background"] if up else ink, ink)
        batch.fill(self._volumes[index], colours["buy_bar" if up else "sell_bar"])

    def _draw_grid(self, bars: list[Bar], scale: Scale, plot: int, floor: int, glance: Glance) -> None:
        theme, batch = self.theme, self._batch
        prices = grid_prices(scale, max(2, floor // (theme.row * 3)))
        while len(self._lines) < len(prices):
            line = self.canvas.create_line(*_OFF, fill=theme["grid"])
            self.canvas.tag_lower(line)
            label = self.canvas.create_text(-99, 0, anchor="e", font=theme.mono, fill=theme["dim"])
            self.canvas.tag_lower(label, self._last[0])
            self._lines.append((line, label))
            self._label_ys.append(-99)
        for index, (line, label) in enumerate(self._lines):
            y = int(scale.y(prices[index])) if index < len(prices) else -99
            near = y < theme.u // 2 or y > floor - theme.u // 2
            batch.coords(line, 0, y, plot, y)
            batch.coords(label, -999 if near else plot + self.axis - theme.gap // 2, y)
            self._label_ys[index] = -99 if near or index >= len(prices) else y
            if index < len(prices):
                batch.text(label, _axis_price(prices[index], glance), theme["dim"])
        marks = time_marks(bars, self.timeframe, int(theme.width(9) / self._step(plot)) + 1)
        while len(self._times) < len(marks):
            self._times.append(self.canvas.create_text(-99, 0, font=theme.mono, fill=theme["dim"]))
        step, half = self._step(plot), theme.zero * 3
        for index, item in enumerate(self._times):
            if index < len(marks):
                at, words = marks[index]
                x = int((at + 0.5) * step)
                batch.coords(item, x if half <= x <= plot - half else -999, floor + theme.row // 2)
                batch.text(item, words, theme["dim"])
            else:
                batch.coords(item, -999, 0)
        batch.coords(self._floor, 0, floor, plot, floor)

    def _draw_last(self, glance: Glance, scale: Scale, plot: int, width: int) -> None:
        last = glance.ticker.last if glance.ticker and glance.ticker.last is not None else None
        if last is None and self._forming is not None:
            last = self._forming.close
        shown = (last, scale, plot, width)
        if last is None or shown == self._last_shown:
            return
        self._last_shown = shown
        line, box, label = self._last
        half = self.theme.row // 2
        y = int(min(max(half, scale.y(float(last))), scale.height - half))
        inside = scale.low <= float(last) <= scale.high
        self._batch.coords(line, *((0, y, plot, y) if inside else _OFF))
        self._batch.coords(box, plot, y - half, width, y + half)
        self._batch.coords(label, width - self.theme.gap // 2, y)
        self._batch.text(label, price(last, glance.instrument), self.theme["tag_ink"])
        for (_line, grid), at in zip(self._lines, self._label_ys, strict=True):
            if at >= 0:                         # a label half under the tag could be misread
                hidden = abs(at - y) < self.theme.row
                self._batch.coords(grid, -999 if hidden else width - self.theme.gap // 2, at)

    def _show_note(self, words: str) -> None:
        if words != self._note_shown:
            self._note_shown = words
            self._batch.text(self._note, words, self.theme["dim"])
        if words:
            self._batch.coords(self._note, self.canvas.winfo_width() // 2, self.canvas.winfo_height() // 2)

    def _clear(self) -> None:
        if not self._drawn:
            return
        self._drawn, self._closed, self._last_shown, self.scale, self._placed = (), None, (), None, 0
        self._crossed = False
        for item in (*self._wicks, *self._bodies, *self._volumes, *self._last[:2], self._floor, *self._cross[:3],
                     self._cross[4], *(line for line, _label in self._lines)):
            self._batch.coords(item, *_OFF)
        for item in (*(label for _line, label in self._lines), *self._times, self._last[2], self._cross[3],
                     self._cross[5]):
            self._batch.coords(item, -999, 0)
        self.marks.clear()

    # ------------------------------------------------------------ crosshair, mouse

    def _set_cursor(self, place: tuple[int, int] | None) -> None:
        self._cursor = place
        if self._glance is not None and self._drawn:
            self._draw_cross(self._glance)
            self._batch.flush()

    def _draw_cross(self, glance: Glance) -> None:
        across, down, box, tag, back, words = self._cross
        place, scale, batch = self._cursor, self.scale, self._batch
        plot, floor = self.canvas.winfo_width() - self.theme.width(10), self.canvas.winfo_height() - self.theme.row
        bars = self._visible() if place is not None and (self._bars or self._forming) else []
        if place is None or scale is None or not (place[0] < plot and place[1] < floor) or not bars:
            if not self._crossed:
                return
            self._crossed = False
            for item in (across, down, box, back):
                batch.coords(item, *_OFF)
            for item in (tag, words):
                batch.coords(item, -999, 0)
            return
        self._crossed = True
        x, y = place
        index = min(max(0, int(x / self._step(plot))), len(bars) - 1)
        bar, half, width = bars[index], self.theme.row // 2, self.canvas.winfo_width()
        batch.coords(across, 0, y, plot, y)
        batch.coords(down, x, 0, x, floor)
        batch.coords(box, plot, y - half, width, y + half)
        batch.coords(tag, width - self.theme.gap // 2, y)
        batch.text(tag, _axis_price(scale.price(y), glance), self.theme["text"])
        text = self._readout(bar, glance)
        batch.coords(back, 0, 0, self.theme.mono.measure(text) + self.theme.gap * 2, self.theme.row)
        batch.coords(words, self.theme.gap, half)
        batch.text(words, text, self.theme["text"])

    def _readout(self, bar: Bar, glance: Glance) -> str:
        series = glance.board.candles.get((glance.key, self.timeframe)) if glance.key else None
        known = (*series.closed, series.forming) if series else ()
        candle = next((one for one in reversed(known) if one is not None and one.time == bar[0]), None)
        if candle is None:
            return ""
        shown = [f"{name} {price(value, glance.instrument)}" for name, value in
                 (("O", candle.open), ("H", candle.high), ("L", candle.low), ("C", candle.close))]
        return "  ".join([clock(candle.time)[:5], *shown, f"V {quantity(candle.volume, glance.instrument)}"])

    def order_at(self, x: int, y: int) -> OrderLine | None:
        """The order whose ✕ lies under a pixel."""
        return self.marks.order_at(x, y)

    def _on_press(self, event: tk.Event[tk.Misc]) -> None:
        self.shell.close_menus()
        self.canvas.focus_set()
        order = self.order_at(event.x, event.y)
        if order is not None:
            self.desk.cancel(order.key, order.id)
            return
        self._drag = (event.x, self.offset)

    def _on_drag(self, event: tk.Event[tk.Misc]) -> None:
        if self._drag is None:
            return
        start, offset = self._drag
        step = self._step(self.canvas.winfo_width() - self.theme.width(10))
        self.pan(offset + round((event.x - start) / step) - self.offset)

    def _on_release(self, _event: tk.Event[tk.Misc]) -> None:
        self._drag = None


def _axis_price(value: float, glance: Glance) -> str:
    return grouped(value, decimals(glance.instrument.tick) if glance.instrument else 2)
