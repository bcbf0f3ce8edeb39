"""What is the person's own on the chart: fills ▲▼, orders with ✕, the position's line."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from decimal import Decimal

from engine.view import OrderLine, PositionLine, TradeLine
from interface.batch import Batch
from interface.presenters.chart import Bar, Scale, free_place, index_at
from interface.presenters.glance import Glance, orders_of, pnl_of_position, position_of
from interface.presenters.tables import order_type, owner_word
from interface.presenters.words import price, quantity, signed_money, signed_quantity
from interface.theme import Theme
from models import Side

MOST_FILLS = 60          # marks drawn; more would be a carpet
MOST_ORDERS = 30
_OFF = (-99, -99, -99, -99)


class Marks:
    """Items above the candles, made as needed and reused."""

    def __init__(self, canvas: tk.Canvas, batch: Batch, theme: Theme) -> None:
        self._canvas, self._batch, self._theme = canvas, batch, theme
        self._fills: list[int] = []
        self._orders: list[tuple[int, int, int]] = []
        # Labels: left, right, top, bottom; the ✕ is at the right end.
        self._places: list[tuple[int, int, int, int, OrderLine]] = []
        self._position = (canvas.create_line(*_OFF, fill=theme["text"], dash=(6, 4)),
                          canvas.create_rectangle(*_OFF, width=0, fill=theme["background"]),
                          canvas.create_text(-999, 0, anchor="w", font=theme.mono, fill=theme["text"]))
        self._shown: tuple[object, ...] = ()
        self._position_shown: tuple[object, ...] = ()

    def forget(self) -> None:
        """The scale changed: everything is to be placed anew."""
        self._shown, self._position_shown = (), ()

    def show(self, glance: Glance, bars: Sequence[Bar], scale: Scale, plot: int, step: float, timeframe: str) -> None:
        """Draw what differs."""
        view = glance.view
        orders, trades = (view.orders, view.trades) if view else ((), ())
        state = (orders, trades, glance.key)
        if len(self._shown) != 3 or any(a is not b for a, b in zip(self._shown[:2], state[:2], strict=True)):
            self._shown = state
            self._show_fills(glance, trades, bars, scale, step, timeframe)
            self._show_orders(glance, scale, plot)
        self._show_position(glance, position_of(view, glance.key), scale, plot)

    def clear(self) -> None:
        """Nothing is shown."""
        self.forget()
        for item in self._fills:
            self._batch.coords(item, -999, 0)
        for line, box, label in self._orders:
            self._batch.coords(line, *_OFF)
            self._batch.coords(box, *_OFF)
            self._batch.coords(label, -999, 0)
        self._places = []
        self._hide_position()

    def _show_fills(self, glance: Glance, trades: Sequence[TradeLine], bars: Sequence[Bar], scale: Scale, step: float,
                    timeframe: str) -> None:
        theme = self._theme
        places: list[tuple[int, int, str]] = []
        for trade in trades:
            index = index_at(bars, trade.time, timeframe) if trade.key == glance.key else None
            if index is not None and len(places) < MOST_FILLS:
                edge = scale.y(bars[index][3]) + theme.u * 0.7 if trade.side is Side.BUY else (
                    scale.y(bars[index][2]) - theme.u * 0.7)
                places.append((int((index + 0.5) * step), int(edge), "▲" if trade.side is Side.BUY else "▼"))
        while len(self._fills) < len(places):
            self._fills.append(self._canvas.create_text(-999, 0, font=theme.ui_bold, fill=theme["text"]))
            self._canvas.tag_lower(self._fills[-1], self._position[0])      # no mark stands in a label
        for index, item in enumerate(self._fills):
            if index < len(places):
                x, y, arrow = places[index]
                self._batch.coords(item, x, y)
                self._batch.text(item, arrow, theme["text"])
            else:
                self._batch.coords(item, -999, 0)

    def _show_orders(self, glance: Glance, scale: Scale, plot: int) -> None:
        lines = [(at, line) for line in orders_of(glance.view, glance.key)
                 if (at := line.at) is not None and scale.low <= float(at) <= scale.high][:MOST_ORDERS]
        while len(self._orders) < len(lines):
            line_item = self._canvas.create_line(*_OFF)
            self._canvas.tag_lower(line_item, self._position[0])       # no line strikes through a label
            self._orders.append((line_item, self._canvas.create_rectangle(*_OFF, width=1),
                                 self._canvas.create_text(-999, 0, anchor="w", font=self._theme.mono)))
        self._places = []
        # Labels of near prices stand side by side, then in rows; what finds no room at all keeps its line only.
        for (at, order), items in zip(sorted(lines, key=lambda pair: pair[0]), self._orders, strict=False):
            self._show_order(order, at, items, glance, scale, plot)
        for line_item, box, label in self._orders[len(lines):]:
            self._batch.coords(line_item, *_OFF)
            self._batch.coords(box, *_OFF)
            self._batch.coords(label, -999, 0)

    def _show_order(self, order: OrderLine, at: Decimal, items: tuple[int, int, int], glance: Glance, scale: Scale,
                    plot: int) -> None:
        theme, batch = self._theme, self._batch
        line_item, box, label = items
        side = "buy" if order.side is Side.BUY else "sell"
        waits = order.trigger is not None
        target = order_type(order) if waits else f"@ {price(order.price, glance.instrument)}"
        words = (f"{order.side.value} {quantity(order.leaves, glance.instrument)} {target} "
                 f"{owner_word(order.owner, order.key)} ✕")
        y, half = int(scale.y(float(at))), theme.row // 2 - 2
        width = theme.mono.measure(words) + theme.gap * 2
        place = free_place([taken[:4] for taken in self._places], y, width, theme.gap, int(plot * 0.85), half,
                           theme.gap // 2, 0, scale.top + scale.height)
        batch.option(line_item, f"-fill {theme[side]} -dash {'{5 3}' if waits else '{}'}")
        batch.coords(line_item, 0, y, plot, y)
        if place is None:
            batch.coords(box, *_OFF)
            batch.coords(label, -999, 0)
            return
        left, middle = place
        batch.coords(box, left, middle - half, left + width, middle + half)
        batch.face(box, theme[side + "_button"], theme[side + "_button"])
        batch.coords(label, left + theme.gap, middle)
        batch.text(label, words, theme["bright"])
        self._places.append((left, left + width, middle - half, middle + half, order))

    def _show_position(self, glance: Glance, line: PositionLine | None, scale: Scale, plot: int) -> None:
        if line is None or not line.qty or line.entry is None:
            self._hide_position()
            return
        settle = glance.instrument.settle if glance.instrument else ""
        pnl = signed_money(pnl_of_position(line, glance.board), settle).text
        words = f"pos {signed_quantity(line.qty, glance.instrument)} @ {price(line.entry, glance.instrument)}  {pnl}"
        shown = (words, scale, plot, tuple(place[:4] for place in self._places))
        if shown == self._position_shown:
            return
        self._position_shown = shown
        theme, entry = self._theme, float(line.entry)
        rule, back, label = self._position
        half = theme.row // 2
        inside = scale.low <= entry <= scale.high
        y = int(min(max(theme.row * 1.5, scale.y(entry)), scale.height - theme.row))
        width = theme.gap + theme.mono.measure(words) + theme.zero * 2
        near = [place for place in self._places if place[2] - half < y < place[3] + half]
        left = max([theme.gap] + [place[1] + theme.gap // 2 for place in near])
        if near:
            left = max(left, plot - width)     # orders stand at the left end of their lines: then at the right end
        if left + width > plot + theme.gap:
            # No room beside the orders of the same price: in a free row below or above them.
            left, y = free_place([place[:4] for place in self._places], y, width, theme.gap, plot, half, theme.gap // 2,
                                 0, scale.height) or (theme.gap, y)
        right = left + width - theme.zero * 2
        arrow = "" if inside else " ▲" if entry > scale.high else " ▼"
        at = int(scale.y(entry))
        self._batch.coords(rule, *((0, at, plot, at) if inside else _OFF))
        self._batch.coords(back, left, y - half + 2, right + (theme.gap * 2 if arrow else 0), y + half - 2)
        self._batch.coords(label, left + theme.gap // 2, y)
        self._batch.text(label, words + arrow, theme["text"])

    def _hide_position(self) -> None:
        if self._position_shown != ("",):
            self._position_shown = ("",)
            rule, back, label = self._position
            self._batch.coords(rule, *_OFF)
            self._batch.coords(back, *_OFF)
            self._batch.coords(label, -999, 0)

    def order_at(self, x: int, y: int) -> OrderLine | None:
        """The order whose ✕ is there."""
        return next((order for _left, right, top, bottom, order in self._places
                     if right - self._theme.zero * 3 <= x <= right and top <= y <= bottom), None)
