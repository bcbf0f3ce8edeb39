"""A sheet of names and values, with the actions that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interface.presenters.words import Cell
from interface.sheets.sheet import Sheet
from interface.shell import Shell


class FactsSheet(Sheet):
    """Everything known of one thing."""

    def __init__(self, shell: Shell, title: str, facts: Sequence[tuple[str, Cell]],
                 actions: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        super().__init__(shell, title)
        self.facts([(name, cell.text, cell.colour) for name, cell in facts])
        for label, act in actions:
            self.button(label, lambda act=act: self._do(act))  # type: ignore[misc]  # mypy: lambda's default
        done = self.button("Close  Esc", self.close, side="right")
        self.place()
        done.focus_set()

    def _do(self, act: Callable[[], None]) -> None:
        self.close()
        act()
