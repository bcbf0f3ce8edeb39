"""The form's rows for what kind of order it is: type, time in force, trigger and its source; and the leverage button.

Main thread. Choosing another kind drops an open slip: what it said does not hold any more.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial
from tkinter import ttk

from interface.draft import Draft
from interface.presenters.abilities import (
    SHORT_WORDS,
    TIFS,
    TYPE_WORDS,
    TYPES,
    leverages,
    no_leverage,
    no_mark,
    no_tif,
)
from interface.presenters.glance import Glance, leverage_of
from interface.presenters.words import leverage_word
from interface.shell import Shell
from models import OrdType, TimeInForce

_TYPE_OF = {word: ord_type for ord_type, word in TYPES}
LAST, MARK = "last price", "mark price"


class OrderKind:
    """Widgets in the form's grid; `on_kind` hears of another type, time in force or source."""

    def __init__(self, body: tk.Frame, shell: Shell, on_kind: Callable[[], None],
                 say: Callable[[str], None]) -> None:
        self.shell, self.theme, self._say, self._on_kind = shell, shell.theme, say, on_kind
        root, theme = shell.root, shell.theme
        self.word, self.tif_word = tk.StringVar(root, TYPE_WORDS[OrdType.LIMIT]), tk.StringVar(root, "GTC")
        self.source, self.trigger = tk.StringVar(root, LAST), tk.StringVar(root)
        self.callback = tk.StringVar(root, "1")
        self.reason = ""                        # why the source cannot be chosen
        self.type_box = self._choice(body, self.word, [word for _type, word in TYPES])
        self.tif_box = self._choice(body, self.tif_word, [tif.value for tif in TIFS])
        self.source_box = self._choice(body, self.source, [LAST, MARK])
        self.source_box.bind("<ButtonPress-1>", lambda _event: say(self.reason) if self.reason else None)
        self.tif_box.bind("<ButtonPress-1>", lambda _event: self._why_no_tif())
        self.trigger_entry = ttk.Entry(body, textvariable=self.trigger, font=theme.mono, width=10)
        self.callback_entry = ttk.Entry(body, textvariable=self.callback, font=theme.mono, width=10)
        self.type_label = self._label(body, "Type")
        self.trigger_label = self._label(body, "Trigger")
        self._shown: tuple[object, ...] = ()

    def _choice(self, body: tk.Frame, variable: tk.StringVar, values: list[str]) -> ttk.Combobox:
        box = ttk.Combobox(body, textvariable=variable, values=values, state="readonly", font=self.theme.ui, width=4)
        box.bind("<<ComboboxSelected>>", self._chosen)
        return box

    def _label(self, body: tk.Frame, words: str) -> tk.Label:
        theme = self.theme
        return tk.Label(body, text=words, background=theme["panel"], foreground=theme["dim"], font=theme.ui, anchor="w",
                        padx=0)

    def _chosen(self, event: tk.Event[tk.Misc]) -> None:
        for box in (self.type_box, self.tif_box, self.source_box):
            box.selection_clear()
        self._on_kind()

    def _why_no_tif(self) -> None:
        reason = no_tif(self.ord_type)
        if reason:
            self._say(reason)

    # ------------------------------------------------------------ what is chosen

    @property
    def ord_type(self) -> OrdType:
        """The chosen type; a market order has its own buttons."""
        return _TYPE_OF.get(self.word.get(), OrdType.LIMIT)

    @property
    def tif(self) -> TimeInForce:
        """The chosen time in force, GTC where the type has none."""
        return TimeInForce.GTC if no_tif(self.ord_type) else TimeInForce(self.tif_word.get())

    @property
    def by_mark(self) -> bool:
        """Whether the mark price triggers."""
        return self.source.get() == MARK

    @property
    def button_word(self) -> str:
        """Of the two coloured buttons."""
        return SHORT_WORDS[self.ord_type]

    def choose(self, ord_type: OrdType, tif: TimeInForce = TimeInForce.GTC) -> None:
        """From the keyboard's, the book's or a test's side."""
        self.word.set(TYPE_WORDS[ord_type])
        self.tif_word.set(tif.value)
        self._on_kind()

    def reset(self) -> None:
        """A plain limit order: what was typed for another symbol does not hold here."""
        self.word.set(TYPE_WORDS[OrdType.LIMIT])
        self.tif_word.set("GTC")
        self.trigger.set("")
        self.source.set(LAST)

    def follow(self, draft: Draft) -> None:
        """The same as an open draft has it."""
        if draft.market:
            return
        self.word.set(TYPE_WORDS[draft.ord_type])
        self.tif_word.set(draft.tif.value)
        if draft.waits:
            self.source.set(MARK if draft.by_mark else LAST)

    # ------------------------------------------------------------ drawing

    def refresh(self, glance: Glance) -> bool:
        """Draw what differs; True when this type needs other rows than the one before."""
        category = glance.key.category if glance.key else None
        shown = (self.ord_type, category)
        if shown == self._shown:
            return False
        self._shown = shown
        self.trigger_label.configure(text="From" if self.ord_type is OrdType.TRAILING_STOP else "Trigger")
        self.tif_box.configure(state="disabled" if no_tif(self.ord_type) else "readonly")
        self.reason = no_mark(category)
        if self.reason:
            self.source.set(LAST)
        self.source_box.configure(state="disabled" if self.reason else "readonly")
        return True


class LeverageButton:
    """“10× cross ▾”: what the venue says, and the menu that asks for another."""

    def __init__(self, parent: tk.Frame, shell: Shell, say: Callable[[str], None]) -> None:
        self.shell, self._say = shell, say
        self.reason = ""                        # why it cannot be set
        self.button = ttk.Button(parent, text="", style="Preset.TButton", command=self.open)
        self.button.bind("<ButtonPress-1>", lambda _event: say(self.reason) if self.reason else None)
        self._shown: tuple[str, str] | None = None
        self._asked = ""                         # what was said when it was asked for

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        self.reason = no_leverage(glance.key.category if glance.key else None)
        report = leverage_of(glance)
        words = "no leverage" if self.reason else leverage_word(report) + " ▾"
        if self._shown != (words, self.reason):
            if self._asked and self.shell.desk.note is not None and self.shell.desk.note.text == self._asked:
                self.shell.desk.note = None         # answered
            self._shown, self._asked = (words, self.reason), ""
            self.button.configure(text=words, state="disabled" if self.reason else "normal")

    def open(self) -> None:
        """The menu."""
        desk, shell = self.shell.desk, self.shell
        key, report = desk.key, leverage_of(desk.glance())
        if key is None:
            self._say("No symbol is selected.")
            return
        chosen = f"{report.leverage.normalize():f}×" if report and report.leverage else ""
        entries = [(f"{one}×", partial(self._ask, one)) for one in leverages(report.most if report else None)]
        x, y = shell.place_of(self.button)
        shell.menu(x, max(0, y - shell.theme.bar * len(entries)), entries, chosen)

    def _ask(self, leverage: int) -> None:
        desk = self.shell.desk
        if desk.key is not None:
            desk.change_leverage(desk.key, leverage)
            self._asked = f"{leverage}× asked for; the button shows what the venue says"
            self._say(self._asked)
        self.shell.refresh()
