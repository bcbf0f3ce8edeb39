"""F8: the settings. A table of all of them, an editor for the chosen one, a test of the connections, saving.

What is typed is checked while typing and kept until it is saved or taken back. Secrets are typed blind and never shown
again. Testing and saving run on threads of the program (interface.setup); this sheet only looks at them.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Mapping
from tkinter import ttk

from core.setting_edit import problem_of
from core.setting_keys import KEYS, Kind, SettingKey, read_names
from core.titles import CLOSED
from interface.presenters.columns import Column
from interface.presenters.words import Cell
from interface.setup import Job, Progress, TestLine
from interface.sheets.sheet import Sheet
from interface.shell import SettingLine, Shell
from interface.table import Events, Table

MOST_SENTENCES = 4       # wrong settings spelled out over the table; all are marked in it
LOOK_MS = 100            # between two looks at a job
HIDDEN = "••••••••"      # a secret that was typed and is not saved yet
Field = tuple[str, str]  # file and key

_TESTS: tuple[Column[TestLine], ...] = (
    Column("mark", "", 1, lambda t, g: Cell(t.mark, {"✓": "buy", "▲": "warning"}.get(t.mark, "error"))),
    Column("product", "Product", 13, lambda t, g: Cell(t.product)),
    Column("step", "Step", 13, lambda t, g: Cell(t.step)),
    Column("text", "Answer and what to do", 30, lambda t, g: Cell(
        t.text + (f"  → {t.cure}" if t.cure else ""), "text" if t.mark == "✓" else "warning" if t.mark == "▲"
        else "error"), rest=True))


def field_of(line: SettingLine) -> Field:
    """Which setting a line is."""
    return line.file, line.key


def problems_by_field(problems: Mapping[str, str], lines: tuple[SettingLine, ...]) -> dict[Field, str]:
    """What the program found wrong, named by key or by file and key, at the lines it belongs to."""
    found = {}
    for line in lines:
        wrong = problems.get(f"{line.file} {line.key}") or problems.get(line.key)
        if wrong:
            found[field_of(line)] = wrong
    return found


class SettingsSheet(Sheet):
    """See the module's docstring."""

    def __init__(self, shell: Shell, field: str = "") -> None:
        super().__init__(shell, "Settings")
        self._lines = shell.about().settings
        self._keys: dict[Field, SettingKey] = {(key.file, key.name): key for key in KEYS}
        self.changes: dict[Field, str] = {}
        self._found = problems_by_field(shell.problems, self._lines)
        self._chosen: SettingLine | None = None
        self._job: Job | None = None
        self._shown: Progress | None = None
        self._filling = False
        self._is_warned = False                        # Esc was pressed with changes that are not saved
        self._timer = ""
        self._say_where()
        self.table = Table(self.body, self.theme, self._columns(), field_of, "No settings are loaded yet.",
                           Events[SettingLine](activate=lambda _line, _time: self._edit(), select=self._choose))
        self.table.canvas.pack(fill="both", expand=True)
        self._build_editor()
        self.tests = Table(self.body, self.theme, _TESTS, lambda line: (line.product, line.step, line.text),
                           "Nothing tested yet.")
        self._build_buttons()
        self.place(self.theme.zero * 140, self.theme.row * 34)
        self._show()
        self._begin_at(field)

    def _say_where(self) -> None:
        home = self.shell.about().home
        where = f"Files .env, .env.Binance and .env.Bitmex{f' in {home}' if home else ''}."
        self.words([f"{where} Choose a line and type; Enter takes it, Save writes it. Secrets are never shown again."],
                   "dim", 130)
        known = [line for line in self._lines if field_of(line) in self._found]
        sentences = [self._found[field_of(line)] for line in known]
        self.words([f"✕ {wrong}" if line.key in wrong else f"✕ {line.key}: {wrong}"
                    for line, wrong in list(zip(known, sentences, strict=True))[:MOST_SENTENCES]], "error", 130)
        self._closed = tk.Label(self.body, background=self.theme["panel"], foreground=self.theme["warning"],
                                font=self.theme.ui, anchor="w", justify="left", wraplength=self.theme.zero * 130)

    def _begin_at(self, field: str) -> None:
        line = next((line for line in self._lines if field in (line.key, f"{line.file} {line.key}")
                     and (field_of(line) in self._found or not self._found)),
                    next((line for line in self._lines if field in (line.key, f"{line.file} {line.key}")), None))
        self.shell.root.update_idletasks()             # rows are known once the sheet has its size
        if line is not None and field:
            self.table.reveal(field_of(line))
            self._choose(line)
        self.table.canvas.focus_set()

    # ------------------------------------------------------------ the table

    def _columns(self) -> tuple[Column[SettingLine], ...]:
        """Group, key, value, meaning; what is wrong stands in the place of the meaning."""
        return (Column("group", "Group", 22, lambda s, g: Cell(s.group, "dim"), sort=lambda s, g: s.group, drop=1),
                Column("key", "Key", 26, lambda s, g: self._key_cell(s), sort=lambda s, g: s.key),
                Column("value", "Value", 30, lambda s, g: self._value_cell(s)),
                Column("sentence", "What it does", 30, lambda s, g: self._sentence_cell(s), rest=True))

    def _key_cell(self, line: SettingLine) -> Cell:
        if field_of(line) in self._found:
            return Cell(f"✕ {line.key}", "error")
        return Cell(f"● {line.key}", "warning") if field_of(line) in self.changes else Cell(line.key)

    def _value_cell(self, line: SettingLine) -> Cell:
        typed = self.changes.get(field_of(line))
        if typed is not None:
            key = self._keys.get(field_of(line))
            is_secret = key is not None and key.kind is Kind.HIDDEN
            wrong = key is not None and bool(problem_of(key, typed))
            return Cell((HIDDEN if is_secret else typed) if typed else "(default)", "error" if wrong else "warning")
        if field_of(line) in self._found:
            return Cell(line.value or "(empty)", "error")
        is_given = bool(line.raw) or line.value.startswith("••••")
        return Cell(line.value, "text" if is_given or not line.file else "dim")

    def _sentence_cell(self, line: SettingLine) -> Cell:
        wrong = self._found.get(field_of(line))
        return Cell(f"✕ {wrong}", "error") if wrong else Cell(line.sentence, "dim")

    def _show(self) -> None:
        """Table, closed exchanges, buttons."""
        glance = self.shell.desk.glance()
        self.table.show(self._lines, glance)
        self.table.refresh()
        markets = self._value_of("MARKET_LIST") or "Binance"
        closed = [words for name, words in CLOSED.items() if name.casefold() in markets.casefold()]
        if closed and not self._closed.winfo_ismapped():
            self._closed.configure(text="▲ " + " ".join(closed) + ".")
            self._closed.pack(fill="x", before=self.table.canvas)
        elif not closed:
            self._closed.pack_forget()
        count = len(self.changes)
        self.save_button.configure(text=f"Save {count} change{'s' if count != 1 else ''}" if count else "Save")
        self.save_button.state(["!disabled" if count and self.shell.setup is not None else "disabled"])

    def _value_of(self, name: str) -> str:
        line = next((line for line in self._lines if line.key == name), None)
        return "" if line is None else self.changes.get(field_of(line), line.raw)

    # ------------------------------------------------------------ the editor

    def _build_editor(self) -> None:
        theme = self.theme
        self.editor = tk.Frame(self.body, background=theme["panel"])
        self.editor.pack(fill="x", pady=(theme.px(6), 0))
        self.name = tk.Label(self.editor, background=theme["panel"], foreground=theme["text"], font=theme.mono,
                             anchor="w", width=26)
        self.name.pack(side="left")
        self.typed = tk.StringVar(self.shell.root)
        self.entry = ttk.Entry(self.editor, textvariable=self.typed, font=theme.mono, width=48)
        self.choice = ttk.Combobox(self.editor, textvariable=self.typed, font=theme.mono, width=18, state="readonly")
        self.back = ttk.Button(self.editor, text="Take back", command=self._take_back)
        self.hint = tk.Label(self.body, background=theme["panel"], foreground=theme["dim"], font=theme.ui, anchor="w",
                             justify="left", wraplength=theme.zero * 130)
        self.hint.pack(fill="x")
        self.typed.trace_add("write", lambda *_trace: self._typed())
        for widget in (self.entry, self.choice):
            widget.bind("<Return>", lambda _event: self._taken())
        self._hint("Choose a setting.", "dim")

    def _choose(self, line: SettingLine) -> None:
        """Another setting stands in the editor."""
        key = self._keys.get(field_of(line))
        self._chosen = line
        self.name.configure(text=line.key)
        for widget in (self.entry, self.choice, self.back):
            widget.pack_forget()
        if key is None or self.shell.setup is None:
            self._hint(line.sentence, "dim")
            return
        typed = self.changes.get(field_of(line))
        is_secret = key.kind is Kind.HIDDEN
        value = typed if typed is not None else "" if is_secret else line.raw
        self._filling = True
        if key.kind in (Kind.CHOICE, Kind.FLAG):
            self.choice.configure(values=key.choices or ("True", "False"))
            self.choice.pack(side="left")
            value = value or key.default
        else:
            self.entry.configure(show="•" if is_secret else "")
            self.entry.pack(side="left", fill="x", expand=True)
        self.typed.set(value)
        self._filling = False
        self.back.pack(side="right", padx=(self.theme.px(8), 0))
        self._judge()

    def _edit(self) -> None:
        """Enter in the table: the cursor goes into the editor."""
        widget = self.choice if self.choice.winfo_ismapped() else self.entry
        if widget.winfo_ismapped():
            widget.focus_set()
            widget.selection_range(0, "end")

    def _typed(self) -> None:
        """A change counts as soon as it is typed; Save takes it only when it is good."""
        line = self._chosen
        if self._filling or line is None:
            return
        key, value = self._keys[field_of(line)], self.typed.get().strip()
        is_same = value == (line.raw or (key.default if key.kind in (Kind.CHOICE, Kind.FLAG) else ""))
        if is_same and (key.kind is not Kind.HIDDEN or not value):
            self.changes.pop(field_of(line), None)
        else:
            self.changes[field_of(line)] = value
        self._found.pop(field_of(line), None)
        self._is_warned = False
        self._judge()
        self._show()

    def _judge(self) -> None:
        """The line below the editor: what is wrong, or what is allowed and what a change needs."""
        line = self._chosen
        if line is None:
            return
        key, typed = self._keys[field_of(line)], self.changes.get(field_of(line))
        wrong = problem_of(key, typed) if typed else self._found.get(field_of(line), "")
        if wrong:
            self._hint(f"✕ {wrong}", "error")
            return
        words = f"{line.sentence} Allowed: {key.allowed}. A change needs {key.needs}."
        if key.kind is Kind.HIDDEN:
            words += f" Now: {line.value or 'not set'}; what you type replaces it."
        if key.name == "MARKET_LIST":
            words += "".join(f" {CLOSED[name]}." for name in CLOSED
                             if name.casefold() in {part.casefold() for part in read_names(typed or line.raw)})
        self._hint(words, "dim")

    def _hint(self, words: str, colour: str) -> None:
        self.hint.configure(text=words, foreground=self.theme[colour])

    def _taken(self) -> str:
        """Enter in the editor: back to the table."""
        self.table.canvas.focus_set()
        return "break"

    def _take_back(self) -> None:
        if self._chosen is not None:
            self.changes.pop(field_of(self._chosen), None)
            self._choose(self._chosen)
            self._show()

    # ------------------------------------------------------------ jobs

    def _build_buttons(self) -> None:
        self.save_button = self.button("Save", self.save)
        self.save_button.configure(width=16)           # its words change, the buttons beside it stay where they are
        self.test_button = self.button("Test connection", self.test)
        self.stop_button = self.button("Stop", self._stop)
        if self.shell.setup is None:
            self.test_button.state(["disabled"])
        self.stop_button.state(["disabled"])
        self.button("Reset layout", self._reset)
        self.button("Close  Esc", self.close, side="right")
        self.note = tk.Label(self.actions, background=self.theme["panel"], foreground=self.theme["dim"],
                             font=self.theme.ui, anchor="w", justify="left", wraplength=self.theme.zero * 60)
        self.note.pack(side="left", fill="x", expand=True)

    def test(self) -> None:
        """Try the settings as they stand here."""
        if self.shell.setup is not None and self._may_begin():
            self.tests.canvas.configure(height=self.theme.row * 13)
            self.tests.canvas.pack(fill="x", after=self.hint, pady=(self.theme.px(6), 0))
            self.shell.root.update_idletasks()
            if self._chosen is not None:
                self.table.reveal(field_of(self._chosen))
            self._begin(self.shell.setup.test(dict(self.changes)))

    def save(self) -> None:
        """Write what was typed."""
        if self.shell.setup is not None and self.changes and self._may_begin():
            self._begin(self.shell.setup.save(dict(self.changes)))

    def _may_begin(self) -> bool:
        """One job at a time, and none with a value that does not fit."""
        if self._job is not None:
            return False
        for field, value in self.changes.items():
            if wrong := problem_of(self._keys[field], value):
                self.table.reveal(field)
                self._choose(next(line for line in self._lines if field_of(line) == field))
                self._say(f"{field[1]}: {wrong}", "error")
                return False
        return True

    def _begin(self, job: Job) -> None:
        self._job, self._shown = job, None
        self.stop_button.state(["!disabled"])
        self._look()

    def _look(self) -> None:
        """Look at the job; called by the window's timer until it is done."""
        job = self._job
        if job is None or not self.frame.winfo_exists():
            return
        progress = job.progress
        if progress is not self._shown:
            self._shown = progress
            self._draw(progress)
        if progress.done:
            self._job = None
            self.stop_button.state(["disabled"])
            return
        self._timer = self.shell.root.after(LOOK_MS, self._look)

    def _draw(self, progress: Progress) -> None:
        if progress.lines or self.tests.canvas.winfo_ismapped():
            self.tests.show(progress.lines, self.shell.desk.glance())
            self.tests.scroll(10**6)
        if progress.problems:
            self._found.update(progress.problems)
            self._show()
        if progress.done and progress.ok and not progress.lines:
            self.changes.clear()
            self._lines = self.shell.about().settings
            if self._chosen is not None:
                self._choose(next(line for line in self._lines if field_of(line) == field_of(self._chosen)))
            self._show()
        words = progress.note or (f"asking {progress.doing}…" if progress.doing else "working…")
        self._say(words, "error" if progress.done and not progress.ok else "text")

    def _say(self, words: str, colour: str) -> None:
        self.note.configure(text=words, foreground=self.theme[colour])

    def _stop(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._job = None
            self.stop_button.state(["disabled"])
            self._say("stopped", "dim")

    def closable(self) -> bool:
        """Esc closes it; what was typed and not saved asks once."""
        if not self.changes or self._is_warned:
            return True
        self._is_warned = True
        count = len(self.changes)
        self._say(f"{count} change{'s are' if count > 1 else ' is'} not saved. Esc again drops them.", "warning")
        return False

    def close(self) -> None:
        """Take it away; what runs is left to end by itself."""
        self._stop()
        if self._timer:
            self.shell.root.after_cancel(self._timer)
            self._timer = ""
        super().close()

    def _reset(self) -> None:
        """Sashes and columns as they were the first time."""
        self.close()
        self.shell.reset_layout()
