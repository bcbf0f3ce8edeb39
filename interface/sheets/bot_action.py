"""One action on bots: what will happen, the fields, the answer. What was typed stays until it is done or left."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from engine.commands import Command, Verdict
from interface.presenters.bot_actions import ActionForm, Field, Wrong, open_orders
from interface.presenters.bots import is_bot
from interface.sheets.sheet import Sheet
from interface.shell import Shell

ENTRY_CHARS = 34
WORDS_CHARS = 84


class BotActionSheet(Sheet):
    """See the module's docstring."""

    def __init__(self, shell: Shell, form: ActionForm, back: tk.Misc) -> None:
        """`back`: where the keyboard goes on when this is closed."""
        super().__init__(shell, form.title)
        self.form, self._back = form, back
        self._is_waiting = False
        for sentence in form.sentences:
            self.words([sentence], "warning" if sentence.startswith("▲") else "text", WORDS_CHARS)
        self.typed: dict[str, tk.StringVar] = {}
        self.entries: dict[str, ttk.Entry] = {}
        grid = tk.Frame(self.body, background=self.theme["panel"])
        grid.pack(fill="x", pady=self.theme.px(6))
        for row, field in enumerate(form.fields):
            self._add(grid, row, field)
        self.problem = tk.Label(self.body, background=self.theme["panel"], foreground=self.theme["error"],
                                font=self.theme.ui, anchor="nw", justify="left", height=3,
                                wraplength=self.theme.zero * WORDS_CHARS)
        self.problem.pack(fill="x")
        self.go = self.button(form.button, self._do, "Danger.TButton" if form.danger else "Go.TButton")
        self._offer_cancel()
        stay = self.button("Not now  Esc", self.close, side="right")
        self.place()
        first = next(iter(self.entries.values()), None)
        (first or stay).focus_set()
        if first is not None and form.fields[0].value and not form.fields[0].choices:
            first.selection_range(0, "end")

    def _add(self, grid: tk.Frame, row: int, field: Field) -> None:
        theme = self.theme
        tk.Label(grid, text=field.label, background=theme["panel"], foreground=theme["dim"], font=theme.ui).grid(
            row=row, column=0, sticky="w", padx=(0, theme.px(16)))
        variable = self.typed[field.name] = tk.StringVar(self.shell.root, value=field.value)
        entry: ttk.Entry
        if field.choices:
            entry = ttk.Combobox(grid, textvariable=variable, values=field.choices, font=theme.mono,
                                 width=ENTRY_CHARS - 2, state="readonly")
        else:
            entry = ttk.Entry(grid, textvariable=variable, font=theme.mono, width=ENTRY_CHARS)
        entry.grid(row=row, column=1, sticky="w", pady=theme.px(1))
        entry.bind("<Return>", lambda _event: self._enter())
        tk.Label(grid, text=field.hint, background=theme["panel"], foreground=theme["dim"], font=theme.ui).grid(
            row=row, column=2, sticky="w", padx=theme.px(10))
        self.entries[field.name] = entry

    def _offer_cancel(self) -> None:
        """Where orders stand in the way, cancelling them is one step."""
        line = self.form.line
        count = open_orders(line, self.shell.desk.view) if line is not None else 0
        if count:
            self.button(f"Cancel {count} order{'s' if count != 1 else ''}", self._cancel)

    def _cancel(self) -> None:
        line = self.form.line
        if line is not None:
            self.shell.desk.cancel_owner(line.emi, None if is_bot(line) else line.key)
            self._say("Cancelling. Once the venue has confirmed it, ask again.", "", "warning")

    def _enter(self) -> str:
        """Enter in a field asks; what cannot be taken back wants its button, one Enter later."""
        if not self.form.danger:
            return self._do()
        self.go.focus_set()
        return "break"

    def _do(self) -> str:
        """Ask the engine once; its answer closes the sheet or stands below the fields."""
        if self._is_waiting:
            return "break"

        def make(ticket: str) -> Command | None:
            made = self.form.make({name: variable.get() for name, variable in self.typed.items()}, ticket)
            if isinstance(made, Wrong):
                self._say(made.text, made.field)
                return None
            return made
        asked = self.shell.desk.ask_about_bots(make, self._answered)
        if asked:
            self._is_waiting = True
            self.go.state(["disabled"])
            self._say("Asking…", "", "dim")
        elif asked is None:
            self._say("The engine has not started yet.")
        return "break"

    def _answered(self, verdict: Verdict) -> None:
        if not self.frame.winfo_exists():
            return
        self._is_waiting = False
        if verdict.ok:
            chosen = self.typed.get("new") or self.typed.get("into")
            if chosen is not None:
                self.shell.desk.bot = chosen.get().strip()      # the list goes on with that one
            self.close()
            return
        self.go.state(["!disabled"])
        if verdict.refusal is not None:
            self._say(verdict.refusal.text, verdict.refusal.field)

    def close(self) -> None:
        """The keyboard goes back to where it came from."""
        super().close()
        if self._back.winfo_exists():
            self._back.focus_set()

    def _say(self, words: str, field: str = "", colour: str = "error") -> None:
        self.problem.configure(text=words, foreground=self.theme[colour])
        entry = self.entries.get(field)
        if entry is not None:
            entry.focus_set()
