"""Where the panels stand: sizes from the fonts, three ways by the room there is, sashes between them.

Large: Bots has its own panel. Small (up to 1366 wide at 100 %): Bots is the first tab. Folded (below 1280×720): the
left column becomes a drop-down of the chart's header.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from interface.bar import Segment
from interface.memory import Memory
from interface.panels.book import BookPanel
from interface.panels.chart import ChartPanel
from interface.panels.form import FormPanel
from interface.panels.tabs import BotsPanel, Tabs
from interface.panels.watchlist import AccountPanel, WatchPanel
from interface.presenters.glance import Glance
from interface.shell import Shell
from models import Key

SMALL_WIDTH = 1500       # 100 % pixels: below this Bots is a tab
FOLD = (1280, 720)
WANTED_ROWS = 13         # of the book a side: the form is compact where it would take them
TIGHT_HEIGHT = 640       # below this one strip is shown, and six rows of a table


@dataclass(frozen=True, slots=True)
class Shape:
    """Which way the window is laid out."""

    small: bool
    folded: bool
    tight: bool


def shape_of(width: int, height: int, scale: float) -> Shape:
    """By the room there is, in pixels of the 100 % drawing."""
    wide, high = width / scale, height / scale
    return Shape(wide < SMALL_WIDTH, wide < FOLD[0] - 1 or high < FOLD[1] - 1, high < TIGHT_HEIGHT)


class Layout:
    """The three columns; left and centre are built anew when the shape changes, book and form stay."""

    def __init__(self, parent: tk.Misc, shell: Shell, want_candles: Callable[[Key, str], None],
                 memory: Memory) -> None:
        self.shell, self.theme = shell, shell.theme
        self._want_candles = want_candles
        self.sashes = dict(memory.sashes)       # panes a person gave a size, by shape; pixels at 100 %
        self._memory = memory
        self._arranging = False                 # nothing is drawn while panels are taken away and built
        self.shape: Shape | None = None
        self.panes = self._paned(parent, "horizontal")
        self.panes.pack(fill="both", expand=True)
        self.left: tk.PanedWindow | None = None
        self.overlay: tk.Frame | None = None
        self.bots: BotsPanel | None = None
        self.right = tk.Frame(self.panes, background=self.theme["background"])
        self.form = FormPanel(self.right, shell)
        self.form.frame.pack(side="bottom", fill="x")
        self.book = BookPanel(self.right, shell)
        self.book.frame.pack(fill="both", expand=True)
        self.form.on_slip = self.book.replace_slip
        self.watch: WatchPanel | None = None
        self.account: AccountPanel | None = None
        self.centre: tk.PanedWindow | None = None

    def _paned(self, parent: tk.Misc, orient: str) -> tk.PanedWindow:
        made = tk.PanedWindow(parent, background=self.theme["background"], sashwidth=self.theme.px(4), borderwidth=0,
                              sashrelief="flat", opaqueresize=True)
        made.configure(orient="horizontal" if orient == "horizontal" else "vertical")
        made.bind("<ButtonRelease-1>", lambda _event: self._note_sashes())
        return made

    def arrange(self, width: int, height: int) -> bool:
        """Lay out for this size; True when something was built."""
        shape = shape_of(width, height, self.theme.scale)
        if shape == self.shape:
            return False
        self._arranging = True
        try:
            self._arrange(shape, width, height)
        finally:
            self._arranging = False
        return True

    def _arrange(self, shape: Shape, width: int, height: int) -> None:
        tab = self.tabs.open if self.shape is not None else self._memory.tab
        frame = self.chart.timeframe if self.shape is not None else self._memory.timeframe or "1m"
        for pane in (self.left, self.centre, self.right):
            if pane is not None and str(pane) in map(str, self.panes.tk.splitlist(self.panes.tk.call(
                    str(self.panes), "panes"))):
                self.panes.forget(pane)
        for old in (self.left, self.centre, self.overlay):
            if old is not None:
                old.destroy()
        self.left = self.overlay = None
        self.shape = shape
        self._build_left(shape, height // 2)
        self._build_centre(shape, height // 2)
        self.chart.timeframe = frame
        px, stretch = self.theme.px, self.panes
        if self.left is not None and self.watch is not None:
            wide = max(px(232 if shape.small else 300), self.watch.table.wanted_width())
            stretch.add(self.left, width=self._size("left", wide, width * 2 // 5), minsize=px(180), stretch="never")
        if self.centre is not None:
            stretch.add(self.centre, minsize=px(280), stretch="always")
        stretch.add(self.right, width=self._size("right", px(322 if shape.small else 372), width * 2 // 5),
                    minsize=px(300), stretch="never")
        self.form.shape.put_in_a_row(shape.small)
        if tab in self.tabs.tabs:
            self.tabs.choose(tab)

    def rearrange(self) -> None:
        """Build anew: the sizes of panes are others than before."""
        if self.shape is not None:
            self._memory = Memory(tab=self.tabs.open, timeframe=self.chart.timeframe)
            self.shape = None
            self.arrange(self.shell.root.winfo_width(), self.shell.root.winfo_height())

    def _shape_name(self) -> str:
        return "" if self.shape is None else "folded" if self.shape.folded else "small" if self.shape.small else "large"

    def _size(self, pane: str, usual: int, most: int) -> int:
        """What a person gave a pane, never more than `most`, or what is usual."""
        given = self.sashes.get(f"{self._shape_name()} {pane}")
        return usual if given is None else min(self.theme.px(given), max(usual, most))

    def _note_sashes(self) -> None:
        """A sash was let go: the sizes on both sides of it are remembered."""
        sizes = [("left", self.left, True), ("right", self.right, True),
                 ("account", self.account.frame if self.account else None, False),
                 ("bots", self.bots.frame if self.bots else None, False), ("tabs", self.tabs.frame, False)]
        for name, pane, across in sizes:
            if pane is not None and pane.winfo_ismapped():
                pixels = pane.winfo_width() if across else pane.winfo_height()
                self.sashes[f"{self._shape_name()} {name}"] = max(1, round(pixels / self.theme.scale))

    def _build_left(self, shape: Shape, most: int) -> None:
        parent: tk.Misc = self.panes
        if shape.folded:
            self.overlay = tk.Frame(self.shell.root, background=self.theme["line"])
            parent = self.overlay
        left = self._paned(parent, "vertical")
        self.watch = WatchPanel(left, self.shell, shape.small)
        self.account = AccountPanel(left, self.shell)
        left.add(self.watch.frame, stretch="always", minsize=self.theme.row * 4)
        left.add(self.account.frame, stretch="never", minsize=self.theme.row * 3,
                 height=self._size("account", self.theme.bar + self.theme.row * 5, most))
        if shape.folded:
            left.pack(fill="both", expand=True, padx=1, pady=1)
        else:
            self.left = left

    def _build_centre(self, shape: Shape, most: int) -> None:
        centre = self._paned(self.panes, "vertical")
        self.centre = centre
        self.chart = ChartPanel(centre, self.shell, self._want_candles)
        if shape.folded:
            self.chart.extra = Segment("fold", "Watchlist ▾", action=lambda _time: self.toggle_overlay(), back="raised",
                                       pad=4)
        centre.add(self.chart.frame, stretch="always", minsize=self.theme.row * 6)
        row, bar = self.theme.row, self.theme.bar
        self.bots = None
        if not shape.small:
            self.bots = BotsPanel(centre, self.shell)
            centre.add(self.bots.frame, stretch="never", height=self._size("bots", bar + row * 8, most),
                       minsize=bar + row * 2)
        self.tabs = Tabs(centre, self.shell, self.form.close_position, shape.small)
        rows = 6 if shape.tight else 10
        usual = bar + row * rows + self.theme.px(4)
        centre.add(self.tabs.frame, stretch="never", height=self._size("tabs", usual, most), minsize=bar + row * 3)

    def toggle_overlay(self) -> None:
        """The folded left column, over the chart."""
        if self.overlay is None:
            return
        if self.overlay.winfo_ismapped():
            self.overlay.place_forget()
            return
        x, y = self.shell.place_of(self.chart.frame)
        self.overlay.place(x=x, y=y + self.theme.bar, width=self.theme.px(300),
                           height=min(self.theme.row * 18, self.shell.root.winfo_height() - y - self.theme.bar * 2))
        self.overlay.lift()
        self.shell.refresh()

    def refresh(self, glance: Glance) -> None:
        """Draw every panel that can be seen."""
        if self.shape is None or self._arranging:
            return
        right, row = self.right.winfo_height(), self.theme.row
        if right > 1:
            self.form.shape.fit(right - self.book.bar.height - row * (WANTED_ROWS * 2 + 1))
        failed: Exception | None = None
        for panel in (self.book, self.form, self.chart, self.watch, self.account, self.bots, self.tabs):
            if panel is None or not panel.frame.winfo_viewable():
                continue
            try:
                panel.refresh(glance)
            except Exception as error:      # one panel's mistake must not blind the others
                failed = failed or error
        if failed is not None:
            raise failed

    def chart_action(self, name: str, by: int) -> Callable[[int], None]:
        """A key of the chart, whichever chart is there now."""
        return partial(self._chart_key, name, by)

    def _chart_key(self, name: str, by: int, _time: int) -> None:
        if name == "zoom":
            self.chart.zoom(by)
        elif name == "pan":
            self.chart.pan(by)
        else:
            self.chart.latest()
