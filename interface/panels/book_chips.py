"""Own orders in the book under the mouse: ✕ cancels, a click selects, a chip dragged to another row is a move. Main
thread.

A drag sends nothing: it ends in the slip “MOVE 61 204.2 → 61 203.8”, which Enter sends and Esc drops.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.numbers import text
from interface.guards import MOVED
from interface.presenters.ladder import Chip, chips
from interface.presenters.words import price

if TYPE_CHECKING:
    from interface.panels.book import BookPanel

SELECTED = "selected: F2 or dragging moves, Delete cancels"


@dataclass(slots=True)
class _Drag:
    """A chip that was pressed: where, and whether the pointer has left its row since."""

    chip: Chip
    y: int
    moving: bool = False


class ChipMouse:
    """What the mouse does with chips; knows the book it belongs to."""

    def __init__(self, book: BookPanel, why_not: Callable[[Decimal, int], str]) -> None:
        self._book, self._why_not = book, why_not
        self._drag: _Drag | None = None

    def press(self, row: int, event: tk.Event[tk.Misc]) -> bool:
        """A press in the column of own orders; False where there is no chip."""
        book, desk = self._book, self._book.desk
        self._drag = None
        instrument = desk.instrument()
        if book.ladder is None or instrument is None or desk.key is None:
            return False
        chip = next((one for one in chips(book.ladder, book.orders, instrument)[0] if one.row == row), None)
        if chip is None:
            return False
        if book.moved_lately(row):
            book.hint(MOVED, row)
        elif book.ladder_canvas.on_cross(event.x):
            for order in chip.orders:
                desk.cancel(desk.key, order)
        else:
            desk.selected = (desk.key, chip.orders[0])
            self._drag = _Drag(chip, event.y)
            book.hint(SELECTED, row)
        return True

    def drag(self, event: tk.Event[tk.Misc]) -> bool:
        """The pointer moves with the button down; True while it carries a chip."""
        drag, book = self._drag, self._book
        if drag is None:
            return False
        drag.moving = drag.moving or abs(event.y - drag.y) > book.ladder_canvas.theme.row // 2
        target = self._target(event) if drag.moving else None
        book.ladder_canvas.hover(target)
        if drag.moving:
            to = "…" if target is None or book.ladder is None else price(book.ladder.prices[target],
                                                                         book.desk.instrument())
            book.hint(f"MOVE to {to}", drag.chip.row)
        book.shell.refresh()
        return True

    def release(self, event: tk.Event[tk.Misc]) -> None:
        """Let go: over another row a move (of all the chip's orders) is drafted, anywhere else nothing happens."""
        drag, self._drag = self._drag, None
        if drag is None or not drag.moving:
            return
        self._drop(drag, self._target(event), event.time)
        self._book.shell.refresh()

    def cancel(self) -> bool:
        """Esc while a chip is carried; True when there was one."""
        carried = self._drag is not None and self._drag.moving
        self._drag = None
        if carried:
            self._book.hint("", 0)
        return carried

    def _target(self, event: tk.Event[tk.Misc]) -> int | None:
        """The row under the pointer, None outside the rows."""
        canvas, ladder = self._book.ladder_canvas, self._book.ladder
        row = canvas.row_at(event.y) if 0 <= event.x < canvas.size[0] and 0 <= event.y < canvas.size[1] else None
        return row if row is not None and ladder is not None and row < len(ladder.prices) else None

    def _drop(self, drag: _Drag, row: int | None, event_time: int) -> None:
        book, desk = self._book, self._book.desk
        if row is None or book.ladder is None or row == drag.chip.row or desk.key is None:
            book.hint("", 0)
            return
        at = book.ladder.prices[row]
        refusal = self._why_not(at, row)
        if not refusal and not desk.begin_move(desk.key, drag.chip.orders[0], event_time, text(at),
                                               drag.chip.orders[1:]):
            refusal = desk.note.text if desk.note is not None else ""
        book.hint(refusal, row)
        if not refusal:
            book.slip_over(row, drag.chip.orders[0])
