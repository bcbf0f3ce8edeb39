"""The ladder's canvas: rows, bars, chips, the spread row, the stale box, and the slip over all of it.

Knows places and colours, nothing of orders; `panels/book.py` tells it what to show.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from dataclasses import dataclass

from interface.batch import Batch
from interface.presenters.ladder import LEAST_ROWS, Chip, Ladder, LadderRow
from interface.presenters.slip import Slip
from interface.theme import Theme
from models import Side

FEWEST = 2               # rows a side where a screen is too small for its scale: both sides are seen
_OFF = (-99, -99, -99, -99)


@dataclass(slots=True)
class _Row:
    """Items of one row and what they show."""

    bar: int
    price: int
    size: int
    total: int
    chip: int
    mine: int
    shown: tuple[object, ...] = ()
    chip_shown: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """The row between the sides."""

    left: str = ""
    middle: str = ""
    colour: str = "text"
    right: str = ""


class LadderCanvas:
    """See the module's docstring."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        self.theme = theme
        self.canvas = tk.Canvas(parent, background=theme["background"], highlightthickness=0, borderwidth=0,
                                takefocus=1, width=theme.width(9) * 3, height=theme.row * (LEAST_ROWS * 2 + 1))
        self._batch = Batch(self.canvas)
        self.size = (0, 0)
        self.sides = LEAST_ROWS
        self._rows: list[_Row] = []
        self._spread: tuple[int, ...] = ()
        self._spread_shown: Spread | None = None
        self._slip_shown: tuple[object, ...] | None = None
        self._box_shown: tuple[str, ...] | None = None
        self._hint_shown: tuple[str, int] | None = None
        self._hover_row = -1
        self.slip_top = -1
        self.tick_span = (-1, -1)
        self.drop_left = 0
        self._edges = (0, 0, 0, 0)

    # ------------------------------------------------------------ layout

    def lay_out(self) -> bool:
        """Make the items for the canvas's present size; True when something was made anew."""
        size = (self.canvas.winfo_width(), self.canvas.winfo_height())
        if size == self.size or size[0] < 20:
            return False
        self.size, theme = size, self.theme
        self.sides = max(FEWEST, (size[1] // theme.row - 1) // 2)   # the form gives way before
        natural = [theme.width(9), theme.width(11), theme.width(9), theme.width(9)]
        spare = max(0, size[0] - sum(natural)) // 4
        self._edges = (natural[0] + spare // 2, natural[0] + natural[1] + spare, sum(natural[:3]) + spare * 2, size[0])
        self.canvas.delete("all")
        self._rows = []
        self._hover = self.canvas.create_rectangle(_OFF, width=0, fill=theme["raised"])
        for row in range(self.sides * 2):
            self._rows.append(self._make_row(self.row_top(row) + theme.row // 2))
        self._make_spread()
        self._make_overlays()
        self._spread_shown = self._slip_shown = self._box_shown = self._hint_shown = None
        self._hover_row, self.slip_top = -1, -1
        return True

    def _make_row(self, y: int) -> _Row:
        theme, create = self.theme, self.canvas.create_text
        right = theme.gap
        bar = self.canvas.create_rectangle(_OFF, width=0)
        texts = [create(edge - right, y, anchor="e", font=theme.mono) for edge in self._edges[1:]]
        chip = self.canvas.create_rectangle(_OFF, width=1)
        mine = create(self._edges[0] - theme.gap, y, anchor="e", font=theme.mono)
        return _Row(bar, texts[0], texts[1], texts[2], chip, mine)

    def _make_spread(self) -> None:
        theme, canvas = self.theme, self.canvas
        top = self.sides * theme.row
        y = top + theme.row // 2
        self._spread_back = canvas.create_rectangle(0, top, self.size[0], top + theme.row, width=0)
        left = canvas.create_text(theme.gap, y, anchor="w", font=theme.small, fill=theme["dim"])
        middle = canvas.create_text(self._edges[1] - theme.gap, y, anchor="e", font=theme.mono_bold)
        right = canvas.create_text(self.size[0] - theme.gap, y, anchor="e", font=theme.small, fill=theme["dim"])
        self._spread = (left, middle, right)

    def _make_overlays(self) -> None:
        theme, canvas = self.theme, self.canvas
        self._box = (canvas.create_rectangle(_OFF, width=1, fill=theme["warning_strip"], outline=theme["warning"]),
                     canvas.create_text(-99, 0, font=theme.ui_bold, fill=theme["warning_ink"]),
                     canvas.create_text(-99, 0, font=theme.ui, fill=theme["warning_ink"]))
        self._note = canvas.create_text(-99, 0, font=theme.ui, fill=theme["dim"], justify="center")
        self._hint = (canvas.create_rectangle(_OFF, width=1, fill=theme["warning_strip"], outline=theme["warning"]),
                      canvas.create_text(-99, 0, font=theme.ui_bold, fill=theme["warning_ink"]))
        self._slip = (canvas.create_rectangle(_OFF, width=1),
                      canvas.create_text(-99, 0, anchor="w", font=theme.mono_bold),
                      canvas.create_text(-99, 0, anchor="e", font=theme.ui_bold, text="Enter ✓"),
                      canvas.create_text(-99, 0, anchor="e", font=theme.ui_bold, text="Esc ✕"),
                      canvas.create_text(-99, 0, anchor="w", font=theme.ui),
                      canvas.create_text(-99, 0, anchor="e", font=theme.ui_bold))

    def row_top(self, row: int) -> int:
        """Upper edge of a price row; the spread row stands between the halves."""
        return (row if row < self.sides else row + 1) * self.theme.row

    def row_at(self, y: int) -> int | None:
        """The price row under a pixel; None on the spread row and below the last."""
        line = y // self.theme.row
        if line == self.sides or not 0 <= line <= self.sides * 2:
            return None
        return line if line < self.sides else line - 1

    def in_mine(self, x: int) -> bool:
        """Whether a pixel lies in the column of own orders."""
        return x < self._edges[0]

    def on_cross(self, x: int) -> bool:
        """Whether a pixel lies on a chip's ✕."""
        return self._edges[0] - self.theme.gap - self.theme.zero * 2 <= x < self._edges[0]

    # ------------------------------------------------------------ drawing

    def show_rows(self, ladder: Ladder, rows: Sequence[LadderRow], stale: bool) -> None:
        """Prices, sizes, sums and bars."""
        theme, batch = self.theme, self._batch
        colours = theme.colours
        width, row_height = self.size[0] - self._edges[2], theme.row
        buy, sell, dim, text = colours["buy"], colours["sell"], colours["dim"], colours["text"]
        for index, (items, row) in enumerate(zip(self._rows, rows, strict=True)):
            price = ladder.texts[index]
            length = max(1, int(row.bar * width)) if row.bar else 0
            shown = (price, row.side, row.size, row.total, length, stale)
            if items.shown == shown:
                continue
            old = items.shown or ("", None, "", "", 0, None)
            items.shown = shown
            side = row.side
            turned = old[1] is not side or old[5] != stale         # colours change, not only words
            if turned:
                ink = dim if stale or side is None else buy if side is Side.BUY else sell
                batch.text(items.price, price, ink)
                batch.text(items.size, row.size, dim if stale else text)
                batch.text(items.total, row.total, dim)
                bar = "stale_bar" if stale else "buy_bar" if side is Side.BUY else "sell_bar"
                batch.fill(items.bar, colours[bar] if side is not None else "")
            else:
                if old[0] != price:
                    batch.words(items.price, price)
                if old[2] != row.size:
                    batch.words(items.size, row.size)
                if old[3] != row.total:
                    batch.words(items.total, row.total)
            if old[4] != length or old[1] is not side:
                top = self.row_top(index)
                right = self.size[0]
                batch.box(items.bar, right - length, top + 1, right, top + row_height - 1)

    def clear_rows(self) -> None:
        """No prices at all."""
        for items in self._rows:
            if items.shown:
                items.shown = ()
                for item in (items.price, items.size, items.total):
                    self._batch.text(item, "", self.theme["dim"])
                self._batch.coords(items.bar, *_OFF)

    def show_chips(self, chips: Sequence[Chip], above: int, below: int, stale: bool = False) -> None:
        """Own orders, and how many are out of sight."""
        wanted: dict[int, tuple[object, ...]] = {chip.row: (chip.text, chip.side, chip.kind) for chip in chips}
        rows = range(len(self._rows))
        for way, count, arrow in ((rows, above, "▲"), (rows[::-1], below, "▼")):
            row = next((row for row in way if row not in wanted), None)     # the outermost one without a chip
            if count and row is not None:
                wanted[row] = (f"{arrow} {count} more", None, "more")
        for row, items in enumerate(self._rows):
            shown = wanted.get(row, ())
            if items.chip_shown != shown:
                items.chip_shown = shown
                self._draw_chip(row, items, shown)

    def _draw_chip(self, row: int, items: _Row, shown: tuple[object, ...]) -> None:
        theme, batch = self.theme, self._batch
        if not shown:
            batch.coords(items.chip, *_OFF)
            batch.text(items.mine, "", theme["text"])
            return
        text, side, kind = shown
        top = self.row_top(row)
        batch.text(items.mine, str(text), theme["bright" if kind == "filled" else "text"])
        if kind == "more":
            batch.coords(items.chip, *_OFF)
            return
        face = theme["buy_button" if side is Side.BUY else "sell_button"]
        batch.coords(items.chip, theme.px(3), top + 1, self._edges[0] - theme.gap // 2, top + theme.row - 2)
        stipple = "gray12" if kind == "hatched" else "{}"
        fill = "{}" if kind in ("hollow", "waiting") else face
        dash = "{3 2}" if kind == "waiting" else "{}"
        batch.option(items.chip, f"-fill {fill} -outline {face} -stipple {stipple} -dash {dash}")

    def show_spread(self, spread: Spread) -> None:
        """The row between the halves."""
        if spread == self._spread_shown:
            return
        self._spread_shown = spread
        left, middle, right = self._spread
        self._batch.fill(self._spread_back, self.theme["raised"] if spread.left else "")
        self._batch.text(left, spread.left, self.theme["dim"])
        self._batch.text(middle, spread.middle, self.theme[spread.colour])
        self._batch.text(right, spread.right, self.theme["dim"])

    def show_box(self, lines: tuple[str, ...] | None) -> None:
        """The box of a stale book: two lines in a frame; one line alone is a plain text (the empty state)."""
        if lines == self._box_shown:
            return
        self._box_shown = lines
        frame, head, detail = self._box
        theme, middle = self.theme, self.size[0] // 2
        plain = lines is not None and len(lines) == 1
        self._batch.coords(self._note, middle if plain else -9999, self.size[1] // 3)
        self._batch.option(self._note, f"-width {self.size[0] - theme.gap * 4}")
        self._batch.text(self._note, lines[0] if lines is not None and plain else "", theme["dim"])
        if lines is None or plain:
            for item in (head, detail):
                self._batch.coords(item, -9999, 0)
            self._batch.coords(frame, *_OFF)
            return
        y = self.sides * theme.row + theme.row // 2
        half = min(self.size[0] // 2 - theme.gap, max(theme.ui_bold.measure(lines[0]), theme.ui.measure(lines[1])) // 2
                   + theme.gap * 2)
        self._batch.coords(frame, middle - half, y - theme.row * 1.5, middle + half, y + theme.row * 1.5)
        self._batch.coords(head, middle, y - theme.row // 2)
        self._batch.coords(detail, middle, y + theme.row // 2)
        self._batch.text(head, lines[0], theme["warning_ink"])
        self._batch.text(detail, lines[1], theme["warning_ink"])

    def show_hint(self, words: str, row: int) -> None:
        """One sentence over a row, or none."""
        wanted = (words, row) if words else None
        if wanted == self._hint_shown:
            return
        self._hint_shown = wanted
        frame, text = self._hint
        if wanted is None:
            self._batch.coords(frame, *_OFF)
            self._batch.coords(text, -9999, 0)
            return
        top = min(max(0, self.row_top(row)), max(0, self.size[1] - self.theme.row))
        self._batch.coords(frame, 1, top - 1, self.size[0] - 2, top + self.theme.row)
        self._batch.coords(text, self.size[0] // 2, top + self.theme.row // 2)
        self._batch.text(text, words, self.theme["warning_ink"])

    def hover(self, row: int | None) -> None:
        """Mark the row under the pointer."""
        at = -1 if row is None else row
        if at == self._hover_row:
            return
        self._hover_row = at
        top = self.row_top(at) if at >= 0 else -99
        self._batch.coords(self._hover, 0, top, self.size[0] if at >= 0 else -99, top + self.theme.row)
        self.flush()

    # ------------------------------------------------------------ the slip

    def place_slip(self, row: int) -> None:
        """Where the next slip stands: over this row, and there it stays."""
        height = self.slip_height()
        self.slip_top = min(max(0, self.row_top(row) - (height - 2 * self.theme.row) // 2), self.size[1] - height - 1)
        self._slip_shown = None

    def slip_height(self) -> int:
        """Two rows and a little."""
        return 2 * self.theme.row + self.theme.px(8)

    def in_slip(self, y: int) -> bool:
        """Whether a pixel lies on the open slip."""
        return self._slip_shown is not None and self.slip_top <= y <= self.slip_top + self.slip_height()

    def show_slip(self, slip: Slip | None) -> None:
        """Draw the slip, or take it away."""
        wanted = None if slip is None else (slip, self.slip_top)
        if wanted == self._slip_shown:
            return
        self._slip_shown = wanted
        frame, head, enter, escape, detail, tick = self._slip
        batch, theme = self._batch, self.theme
        if slip is None:
            batch.coords(frame, *_OFF)
            for item in (head, enter, escape, detail, tick):
                batch.coords(item, -9999, 0)
            self.tick_span = (-1, -1)
            return
        face, ink, edge = ("warning_strip", "warning_ink", "warning") if slip.amber else (
            ("buy_button", "bright", "buy") if slip.side is Side.BUY else ("sell_button", "bright", "sell"))
        top, right = self.slip_top, self.size[0] - 1
        first, second = top + theme.row // 2 + theme.px(3), top + theme.row * 3 // 2 + theme.px(4)
        batch.coords(frame, 0, top, right, top + self.slip_height())
        batch.face(frame, theme[face], theme[edge])
        batch.coords(head, theme.gap, first)
        batch.text(head, slip.head, theme[ink])
        room = theme.ui_bold.measure("Esc ✕")
        self.drop_left = right - theme.gap - room - theme.gap
        batch.coords(escape, right - theme.gap, first)
        batch.coords(enter, right - theme.gap * 2 - room, first)
        for item, words in ((escape, "Esc ✕"), (enter, "Enter ✓")):
            batch.text(item, words, theme[ink])
        # A long head leaves no room for the words on the right; Enter and Esc work all the same.
        wide = theme.mono_bold.measure(slip.head) + theme.gap * 2
        if wide + room > right:
            batch.coords(escape, -9999, 0)
            self.drop_left = right
        if wide + room + theme.ui_bold.measure("Enter ✓") + theme.gap > right:
            batch.coords(enter, -9999, 0)
        batch.coords(detail, theme.gap, second)
        words, font = self._fitting(slip)
        batch.option(detail, f"-font {font}")
        batch.text(detail, words, theme[ink])
        label = f"{'☑' if slip.ticked else '☐'} {slip.label}" if slip.tick else ""
        width = theme.ui_bold.measure(label)
        self.tick_span = (right - theme.gap - width, right) if slip.tick else (-1, -1)
        batch.coords(tick, right - theme.gap, second)
        batch.text(tick, label, theme[ink])

    def _fitting(self, slip: Slip) -> tuple[str, str]:
        """The second row and its font: the small one where only that has room, and then as many parts as it holds."""
        theme = self.theme
        room = self.size[0] - theme.gap * 2 - (theme.ui_bold.measure("☐ " + slip.label) + theme.gap if slip.tick else 0)
        if theme.ui.measure(slip.detail) <= room:
            return slip.detail, str(theme.ui)
        parts = slip.detail.split(" · ")
        while len(parts) > 1 and theme.small.measure(" · ".join(parts)) > room:
            parts.pop()
        return " · ".join(parts), str(theme.small)

    def slip_part(self, x: int, y: int) -> str:
        """What of the slip lies under a pixel: drop, tick, or the slip itself."""
        upper = y < self.slip_top + self.theme.row + self.theme.px(4)
        if upper and x >= self.drop_left:
            return "drop"
        if not upper and self.tick_span[0] <= x <= self.tick_span[1]:
            return "tick"
        return "slip"

    def flush(self) -> int:
        """Draw what was collected."""
        return self._batch.flush()
