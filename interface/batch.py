"""Many changes of one canvas in a handful of calls into Tcl a refresh, instead of one for each item.

Items and numbers go over as one list for each kind of change, to a small loop that Tcl has compiled once: no script is
put together or parsed, and no text is quoted. Kinds are independent of each other; within one the last change counts.
"""

from __future__ import annotations

import tkinter as tk

_LOOPS = {               # kind: the names of one change, and what is done with them
    "boxes": ("i a b d e", "$c coords $i $a $b $d $e"),
    "points": ("i x y", "$c coords $i $x $y"),
    "paths": ("i p", "$c coords $i $p"),
    "texts": ("i t f", "$c itemconfigure $i -text $t -fill $f"),
    "words": ("i t", "$c itemconfigure $i -text $t"),
    "fills": ("i f", "$c itemconfigure $i -fill $f"),
    "faces": ("i f o", "$c itemconfigure $i -fill $f -outline $o"),
}


class Batch:
    """Collects changes of a canvas; `flush` does them."""

    def __init__(self, canvas: tk.Canvas) -> None:
        self._tk, self._path = canvas.tk, str(canvas)
        self._lines: list[str] = []
        self._lists: dict[str, list[object]] = {kind: [] for kind in _LOOPS}
        self._boxes, self._points = self._lists["boxes"], self._lists["points"]
        self._texts, self._words = self._lists["texts"], self._lists["words"]
        self._fills, self._faces = self._lists["fills"], self._lists["faces"]
        for kind, (names, change) in _LOOPS.items():
            self._tk.eval(f"proc botbook_{kind} {{c list}} {{foreach {{{names}}} $list {{{change}}}}}")

    def text(self, item: int, words: str, fill: str) -> None:
        """Another text in another colour."""
        self._texts += (item, words, fill)

    def words(self, item: int, words: str) -> None:
        """Another text in the same colour."""
        self._words += (item, words)

    def fill(self, item: int, colour: str) -> None:
        """Another fill; "" = none."""
        self._fills += (item, colour)

    def face(self, item: int, fill: str, outline: str) -> None:
        """Another fill and outline."""
        self._faces += (item, fill, outline)

    def option(self, item: int | str, options: str) -> None:
        """Any options of ours, written as Tcl, for an item or a tag."""
        self._lines.append(f"{self._path} itemconfigure {item} {options}")

    def coords(self, item: int, *numbers: float) -> None:
        """Another place: a point, a box, or an outline."""
        if len(numbers) == 4:
            self._boxes += (item, *numbers)
        elif len(numbers) == 2:
            self._points += (item, *numbers)
        else:
            self._lists["paths"] += (item, numbers)

    def box(self, item: int, left: int, top: int, right: int, bottom: int) -> None:
        """Another place of a line or rectangle; the quick form of `coords`."""
        self._boxes += (item, left, top, right, bottom)

    def flush(self) -> int:
        """Do everything collected; says how many changes it were."""
        count = len(self._lines)
        if count:
            self._tk.eval("\n".join(self._lines))
            self._lines.clear()
        for kind, changes in self._lists.items():
            if changes:
                self._tk.call(f"botbook_{kind}", self._path, tuple(changes))
                count += len(changes) // (_LOOPS[kind][0].count(" ") + 1)
                changes.clear()
        return count
