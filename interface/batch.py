"""Many changes of one canvas as one Tcl script: one call into Tcl a refresh instead of one for each item."""

from __future__ import annotations

import re
import tkinter as tk

_PLAIN = re.compile(r"[^\s\\{}\[\]$\";]+")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "\\$", "[": "\\[", "]": "\\]", "\0": " "})


def quoted(text: str) -> str:
    """The text as one Tcl word, whatever it holds."""
    return text if _PLAIN.fullmatch(text) else f'"{text.translate(_ESCAPES)}"'


class Batch:
    """Collects changes of a canvas; `flush` does them. Colours and coordinates are ours, texts are quoted."""

    def __init__(self, canvas: tk.Canvas) -> None:
        self._canvas = canvas
        self._path = str(canvas)
        self._lines: list[str] = []

    def text(self, item: int, words: str, fill: str) -> None:
        """Another text in another colour."""
        self._lines.append(f"{self._path} itemconf {item} -text {quoted(words)} -fill {fill}")

    def words(self, item: int, words: str) -> None:
        """Another text in the same colour."""
        self._lines.append(f"{self._path} itemconf {item} -text {quoted(words)}")

    def fill(self, item: int, colour: str) -> None:
        """Another fill; "" = none."""
        self._lines.append(f"{self._path} itemconf {item} -fill {colour or '{}'}")

    def option(self, item: int | str, options: str) -> None:
        """Any options of ours, written as Tcl, for an item or a tag."""
        self._lines.append(f"{self._path} itemconf {item} {options}")

    def coords(self, item: int, *numbers: float) -> None:
        """Another place."""
        self._lines.append(f"{self._path} coords {item} {' '.join(map(str, numbers))}")

    def box(self, item: int, left: int, top: int, right: int, bottom: int) -> None:
        """Another place of a line or rectangle; the quick form of `coords`."""
        self._lines.append(f"{self._path} coords {item} {left} {top} {right} {bottom}")

    def path(self, item: int, points: str) -> None:
        """Another outline of a polygon, its points written as Tcl."""
        self._lines.append(f"{self._path} coords {item} {points}")

    def flush(self) -> int:
        """Do everything collected; says how many changes it were."""
        count = len(self._lines)
        if count:
            self._canvas.tk.eval("\n".join(self._lines))
            self._lines.clear()
        return count
