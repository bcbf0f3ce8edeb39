"""A sheet: a dialog inside the one window, framed in the mode's colour. Esc closes it; it never sends by itself."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from interface.bar import Bar, Segment
from interface.presenters.topline import badge
from interface.shell import Shell


class Sheet:
    """Title line, a body to fill, a row of buttons, the keyboard while it is open."""

    def __init__(self, shell: Shell, title: str, closable: bool = True) -> None:
        self.shell, self.theme, self._closable = shell, shell.theme, closable
        theme = self.theme
        colour = badge(shell.desk.mode, shell.desk.view)[1]
        self.frame = tk.Frame(shell.root, background=theme[colour], takefocus=0)
        inner = tk.Frame(self.frame, background=theme["panel"])
        inner.pack(fill="both", expand=True, padx=theme.px(3), pady=theme.px(3))
        self.bar = Bar(inner, theme, "raised", theme.bar + theme.px(4))
        self.bar.canvas.pack(fill="x")
        self._title(title)
        self.body = tk.Frame(inner, background=theme["panel"])
        self.body.pack(fill="both", expand=True, padx=theme.px(14), pady=theme.px(10))
        self.actions = tk.Frame(inner, background=theme["panel"])
        self.actions.pack(fill="x", padx=theme.px(14), pady=(0, theme.px(12)))
        shell.push(self)
        self.frame.bind("<Destroy>", self._destroyed)

    def _title(self, title: str) -> None:
        parts = [Segment("title", title, font="bold", pad=12),
                 Segment("mode", badge(self.shell.desk.mode, self.shell.desk.view)[0], "dim", "small")]
        if self._closable:
            parts.append(Segment("close", "Esc ✕", "dim", action=lambda _time: self.close(), right=True))
        self.bar.show(parts)

    def place(self, width: int = 0, height: int = 0) -> None:
        """Show it in the middle, not larger than the window."""
        root = self.shell.root
        root.update_idletasks()
        room = (max(200, root.winfo_width() - 40), max(150, root.winfo_height() - 40))
        width = min(max(width, self.frame.winfo_reqwidth()), room[0])
        height = min(max(height, self.frame.winfo_reqheight()), room[1])
        # A bar asks for no width of its own: the sheet is as wide as its title needs, too.
        width = min(room[0], max(width, self.bar.wanted_width() + self.theme.px(6)))
        self.frame.place(relx=0.5, rely=0.5, anchor="center", width=width, height=height)
        self.frame.lift()

    def words(self, lines: Sequence[str], colour: str = "text", width: int = 62) -> None:
        """Paragraphs."""
        room = max(self.theme.px(200), self.shell.root.winfo_width() - self.theme.px(90))
        for line in lines:
            tk.Label(self.body, text=line, background=self.theme["panel"], foreground=self.theme[colour],
                     font=self.theme.ui, anchor="w", justify="left",
                     wraplength=min(self.theme.zero * width, room)).pack(fill="x", pady=self.theme.px(2))

    def facts(self, rows: Sequence[tuple[str, str, str]], parent: tk.Frame | None = None) -> None:
        """Name, value, and the value's colour, one line each."""
        grid = tk.Frame(parent or self.body, background=self.theme["panel"])
        grid.pack(fill="x", pady=self.theme.px(4))
        gap = (0, self.theme.px(16))
        for index, (name, value, colour) in enumerate(rows):
            tk.Label(grid, text=name, background=self.theme["panel"], foreground=self.theme["dim"],
                     font=self.theme.ui, anchor="nw").grid(row=index, column=0, sticky="nw", padx=gap)
            tk.Label(grid, text=value, background=self.theme["panel"], foreground=self.theme[colour],
                     font=self.theme.mono, anchor="w", justify="left",
                     wraplength=self.theme.zero * 60).grid(row=index, column=1, sticky="w")

    def button(self, label: str, act: Callable[[], object], style: str = "TButton", side: str = "left") -> ttk.Button:
        """One of the sheet's answers; Enter works on the focused one."""
        button = ttk.Button(self.actions, text=label, style=style, command=act)
        gap = (0, self.theme.px(8)) if side == "left" else (self.theme.px(8), 0)
        button.pack(side="left" if side == "left" else "right", padx=gap)
        button.bind("<Return>", lambda _event: self._invoke(button))
        return button

    @staticmethod
    def _invoke(button: ttk.Button) -> str:
        button.invoke()
        return "break"

    def closable(self) -> bool:
        """Whether Esc closes it."""
        return self._closable

    def close(self) -> None:
        """Take it away; twice is harmless."""
        if self.frame.winfo_exists():
            self.frame.destroy()
            self.shell.root.after_idle(self._let_go)
        self.shell.gone(self)

    def _let_go(self) -> None:
        """Tk's variables unset themselves when they are cleared up, which may happen on any thread: done here."""
        mine = list(vars(self).values())
        for one in [*mine, *(value for each in mine if isinstance(each, dict) for value in each.values())]:
            if isinstance(one, tk.Variable):
                one.__del__()
                one._tk = None  # type: ignore[attr-defined]  # clearing up again does nothing then

    def _destroyed(self, event: tk.Event[tk.Misc]) -> None:
        if event.widget is self.frame:
            self.shell.gone(self)
