"""Which messages are shown: by level, market and EMI, each chosen from a list with the left button. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from core.titles import market_title
from engine.view import MessageLine
from interface.bar import Bar, Segment
from interface.shell import Shell

LEVELS = (("", "all levels"), ("warning", "warnings and errors"), ("error", "errors"))
_SHOWN = {"": (), "warning": ("warning", "error"), "error": ("error",)}
NARROW = 620             # pixels at 100 %: a bar less wide has one chooser for all three
PROGRAM = "program"      # messages that belong to no market
NOBODY = "no bot"        # messages that belong to no EMI


class MessageFilter:
    """Three choices and the messages that pass them."""

    def __init__(self, shell: Shell, bar: Bar) -> None:
        self._shell, self._bar = shell, bar
        self.level = self.market = self.emi = ""           # "" = all
        self._made_from: tuple[object, ...] = ()
        self._passed: Sequence[MessageLine] = ()

    def passed(self, messages: Sequence[MessageLine]) -> Sequence[MessageLine]:
        """The messages that are to be shown."""
        if not (self.level or self.market or self.emi):
            return messages
        state = (messages, self.level, self.market, self.emi)
        if not self._made_from or self._made_from[0] is not messages or self._made_from[1:] != state[1:]:
            self._made_from, levels = state, _SHOWN[self.level]
            self._passed = tuple(line for line in messages if (not levels or line.level in levels)
                                 and self.market in ("", line.market or PROGRAM)
                                 and self.emi in ("", line.emi or NOBODY))
        return self._passed

    def segments(self, messages: Sequence[MessageLine]) -> list[Segment]:
        """The three choosers, for the bar; one for all of them where there is little room."""
        def chooser(name: str, word: str, menu: Callable[[int], None], is_set: bool) -> Segment:
            return Segment(name, f"{word} ▾", "text" if is_set else "dim", "small", menu, right=True, drop=4)

        if self._bar.canvas.winfo_width() < self._shell.theme.px(NARROW):
            return [chooser("filter", "filter", partial(self._menu_all, messages),
                            bool(self.level or self.market or self.emi))]
        return [chooser("emi", self.emi or "all EMI", partial(self._menu_emi, messages), bool(self.emi)),
                chooser("market", market_title(self.market) if self.market else "all markets",
                        partial(self._menu_market, messages), bool(self.market)),
                chooser("level", dict(LEVELS)[self.level], self._menu_level, bool(self.level))]

    def _menu_all(self, messages: Sequence[MessageLine], _time: int) -> None:
        market = market_title(self.market) if self.market else "all markets"
        self._menu("filter", [
            (f"{dict(LEVELS)[self.level]} …", partial(self._menu_level, 0)),
            (f"{market} …", partial(self._menu_market, messages, 0)),
            (f"{self.emi or 'all EMI'} …", partial(self._menu_emi, messages, 0))], "")

    def _menu_level(self, _time: int) -> None:
        self._menu("level", [(words, partial(self._set, "level", level)) for level, words in LEVELS],
                   dict(LEVELS)[self.level])

    def _menu_market(self, messages: Sequence[MessageLine], _time: int) -> None:
        names = sorted({line.market or PROGRAM for line in messages})
        self._menu("market", [("all markets", partial(self._set, "market", ""))]
                   + [(market_title(name) or name, partial(self._set, "market", name)) for name in names],
                   market_title(self.market))

    def _menu_emi(self, messages: Sequence[MessageLine], _time: int) -> None:
        names = sorted({line.emi or NOBODY for line in messages})
        self._menu("emi", [("all EMI", partial(self._set, "emi", ""))]
                   + [(name, partial(self._set, "emi", name)) for name in names], self.emi)

    def _menu(self, segment: str, entries: Sequence[tuple[str, Callable[[], None]]], chosen: str) -> None:
        x, y = self._shell.place_of(self._bar.canvas)
        left = (self._bar.span(segment) or self._bar.span("filter") or (0, 0))[0]
        self._shell.menu(x + left, y + self._bar.height, entries, chosen)

    def _set(self, what: str, value: str) -> None:
        setattr(self, what, value)
        self._shell.refresh()
