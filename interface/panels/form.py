"""The form: the same draft as the slip, typed instead of clicked. Checks while typing; typed text always stays.

Its buttons open the slip, they send nothing: what goes out was read first.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from tkinter import ttk

from core.numbers import padded, text
from engine.view import PositionLine, View
from interface.asking import Note
from interface.bar import Bar, Segment
from interface.desk import largest_qty
from interface.draft import Draft, Reading, read_draft
from interface.habits import as_number
from interface.panels.form_kind import LeverageButton, OrderKind
from interface.panels.form_shape import FormShape, Parts
from interface.presenters.abilities import no_post, no_reduce
from interface.presenters.glance import Glance, leverage_of, symbol_word
from interface.presenters.slip import form_line
from interface.presenters.tables import owner_word
from interface.presenters.topline import TRADING_HINT
from interface.shell import Shell
from models import Key, OrdType, Side


def owners(view: View | None, key: Key | None) -> list[str]:
    """Who may own a hand-made order: RESERVED, the symbol's bots, and owners nobody knows."""
    if key is None:
        return []
    found = [key.reserved]
    for bot in view.bots if view else ():
        if bot.key == key and bot.emi not in found and bot.status != "NOT IN LIST":
            found.append(bot.emi)
    return found


class FormPanel:
    """Owner, quantity, price, presets, flags, four buttons, one line."""

    def __init__(self, parent: tk.Misc, shell: Shell) -> None:
        self.shell, self.desk, self.theme = shell, shell.desk, shell.theme
        self.frame = tk.Frame(parent, background=self.theme["panel"])
        self.bar = Bar(self.frame, self.theme)
        self.bar.canvas.pack(fill="x")
        self.body = tk.Frame(self.frame, background=self.theme["panel"])
        self.body.pack(fill="x", padx=self.theme.px(6))
        root = shell.root
        self.owner, self.qty, self.price = tk.StringVar(root), tk.StringVar(root), tk.StringVar(root)
        self.post, self.reduce = tk.BooleanVar(root, value=True), tk.BooleanVar(root)
        self.on_slip: Callable[[], None] = lambda: None    # the book places the slip of a draft made here
        self._owners: list[str] = []
        self._key: Key | None = None
        self._draft: Draft | None = None
        self._filling = False
        self._event_time = 0
        self._reading: Reading | None = None
        self._line_shown: tuple[str, str] = ("", "")
        self._proposed = ""                                # the quantity that was filled in, not typed
        self._bad: set[str] = set()
        self._presets_shown: dict[str, str] = {}
        self._no_post = self._no_reduce = ""               # why a box cannot be ticked
        self._build()
        fields: dict[str, tk.StringVar | tk.BooleanVar] = {
            "qty": self.qty, "price": self.price, "post": self.post, "reduce": self.reduce,
            "trigger": self.kind.trigger, "callback": self.kind.callback}
        for name, variable in fields.items():
            variable.trace_add("write", partial(self._typed, name, variable))

    # ------------------------------------------------------------ widgets

    def _build(self) -> None:
        theme, body = self.theme, self.body
        self.owner_box = ttk.Combobox(body, textvariable=self.owner, state="readonly", font=theme.mono, width=10,
                                      height=12)
        self.qty_entry = ttk.Entry(body, textvariable=self.qty, font=theme.mono, width=10)
        self.price_entry = ttk.Entry(body, textvariable=self.price, font=theme.mono, width=10)
        self.owner_box.bind("<<ComboboxSelected>>", self._owner_chosen)
        self.kind = OrderKind(body, self.shell, self._kind_chosen, self._say)
        self.market_word = self._label("market", mono=True)
        labels = [self._label(words) for words in ("Owner", "Qty", "Price")]
        self._price_label = labels[2]
        self.presets: dict[str, ttk.Button] = {}
        for name in ("1×", "2×", "3×", "25 %", "50 %", "max"):
            self.presets[name] = ttk.Button(body, text=name, style="Preset.TButton", takefocus=1,
                                            command=partial(self._preset, name))
        self.leverage = LeverageButton(body, self.shell, self._say)
        flags = self._build_flags()
        self._build_buttons()
        self.line = tk.Label(self.frame, background=theme["panel"], foreground=theme["dim"], font=theme.small,
                             anchor="nw", justify="left", padx=theme.px(7), pady=0, height=2)
        self.line.bind("<Configure>", lambda event: self.line.configure(wraplength=event.width - theme.px(14)))
        self.shape = FormShape(theme, Parts(
            self.frame, self.bar, body, tuple(labels), self.owner_box, self.qty_entry,
            (self.price_entry, self.market_word, self.kind.callback_entry), tuple(self.presets.values()), self.kind,
            flags, self.post_box, self.leverage.button, self.button_frame, self.buttons, self.line))

    def _label(self, words: str, mono: bool = False) -> tk.Label:
        theme = self.theme
        return tk.Label(self.body, text=words, background=theme["panel"], foreground=theme["dim"], anchor="w", padx=0,
                        font=theme.mono if mono else theme.ui)

    def _build_flags(self) -> tk.Frame:
        flags = tk.Frame(self.body, background=self.theme["panel"])
        self.post_box = ttk.Checkbutton(flags, text="post-only", variable=self.post)
        self.reduce_box = ttk.Checkbutton(flags, text="reduce-only", variable=self.reduce)
        self.post_box.pack(side="left")
        self.reduce_box.pack(side="left", padx=self.theme.px(10))
        self.post_box.bind("<ButtonPress-1>", lambda _event: self._say(self._no_post))
        self.reduce_box.bind("<ButtonPress-1>", lambda _event: self._say(self._no_reduce))
        return flags

    def _build_buttons(self) -> None:
        self.buttons: dict[str, ttk.Button] = {}
        self.button_frame = tk.Frame(self.body, background=self.theme["panel"])
        for name, side, market in (("Buy limit", Side.BUY, False), ("Sell limit", Side.SELL, False),
                                   ("Buy market", Side.BUY, True), ("Sell market", Side.SELL, True)):
            button = ttk.Button(self.button_frame, text=name, command=partial(self.open, side, market))
            for event in ("<ButtonRelease-1>", "<KeyPress>"):
                button.bind(event, self._note_time)
            self.buttons[name] = button

    def _note_time(self, event: tk.Event[tk.Misc]) -> None:
        self._event_time = event.time

    # ------------------------------------------------------------ what a person does

    def open(self, side: Side, market: bool) -> None:
        """A button: the slip of what is typed, or the refusal beside its field."""
        self.shell.close_menus()
        glance, key = self.desk.glance(), self.desk.key
        if key is None:
            self.desk.note = Note("No symbol is selected.")
        else:
            draft = self._typed_draft(key, side, market)
            reading = read_draft(draft, glance.instrument, glance.top, glance.ticker)
            if reading.problems:
                name, sentence = next(iter(reading.problems.items()))
                self.desk.drop()
                self.desk.note = Note(sentence, name, "error")
            elif self.desk.begin(draft, self._event_time):
                self._draft = self.desk.draft
                self.on_slip()
        self.shell.refresh()

    def _typed_draft(self, key: Key, side: Side, market: bool) -> Draft:
        kind = self.kind
        ord_type = OrdType.MARKET if market else kind.ord_type
        return Draft(key, self._chosen_owner(key), side, self.qty.get(), self.price.get() if ord_type.has_price else "",
                     ord_type, self.post.get() and not no_post(ord_type, kind.tif),
                     self.reduce.get() and not no_reduce(key.category), fresh=False, tif=kind.tif,
                     trigger=kind.trigger.get(), callback=kind.callback.get(), by_mark=kind.by_mark)

    def _kind_chosen(self) -> None:
        """Another type, time in force or source: an open slip said something else."""
        if self._filling:
            return
        self.desk.drop()
        self.desk.note = None
        self.shell.refresh()

    def _say(self, words: str) -> None:
        if words:
            self.desk.note = Note(words)
            self.shell.refresh()

    def _chosen_owner(self, key: Key) -> str:
        at = self.owner_box.current()
        return self._owners[at] if 0 <= at < len(self._owners) else key.reserved

    def _owner_chosen(self, _event: tk.Event[tk.Misc]) -> None:
        self.owner_box.selection_clear()
        if self.desk.draft is not None and not self.desk.draft.order:
            self.desk.change(owner=self._chosen_owner(self.desk.draft.key))

    def _typed(self, name: str, variable: tk.StringVar | tk.BooleanVar, *_trace: str) -> None:
        """A field was edited: an open draft follows, whatever was refused is not refused any more."""
        if self._filling:
            return
        if self.desk.note is not None and self.desk.note.field in (name, ""):
            self.desk.note = None
        draft = self.desk.draft
        if draft is not None and not (name == "price" and not draft.ord_type.has_price):
            value = variable.get()
            self.desk.change(**({name: value, "fresh": False} if name in ("qty", "price") else {name: value}))
            self._draft = self.desk.draft
        self.shell.refresh()

    def _preset(self, name: str) -> None:
        amount = self._preset_qty(name, self.desk.glance())
        instrument = self.desk.instrument()
        if amount is not None and instrument is not None:
            self.qty.set(padded(amount, instrument.lot))
        self.shell.refresh()

    def _preset_qty(self, name: str, glance: Glance) -> Decimal | None:
        if name.endswith("×"):
            base = as_number(self.desk.usual_qty())
            return base * int(name[:-1]) if base is not None else None
        price = as_number(self.price.get()) or (glance.top.ask if glance.top else None)
        most = largest_qty(glance, price, self.reduce.get())
        if most is None or glance.instrument is None:
            return None
        share = {"25 %": Decimal("0.25"), "50 %": Decimal("0.5")}.get(name, Decimal(1))
        return most * share // glance.instrument.lot * glance.instrument.lot

    def close_position(self, line: PositionLine, owner: str = "") -> None:
        """Set the form to close a position: reduce-only, the opposite side, at the best price there; for its owner,
        where it is one owner's alone or this one's part."""
        self.desk.select(line.key)
        self.refresh(self.desk.glance())
        owner = owner or (line.by_owner[0][0] if len(line.by_owner) == 1 else "")
        if owner in self._owners:
            self.owner_box.current(self._owners.index(owner))
        glance = self.desk.glance()
        self._fill("qty", text(abs(line.qty)))
        side = Side.SELL if line.qty > 0 else Side.BUY
        if glance.top is not None:
            self._fill("price", text(glance.top.ask if side is Side.SELL else glance.top.bid))
        self._filling = True
        self.kind.reset()
        self.reduce.set(not no_reduce(line.key.category))
        self._filling = False
        self.buttons["Sell limit" if side is Side.SELL else "Buy limit"].focus_set()

    def move_entry(self) -> ttk.Entry:
        """The field that says where an order is moved to."""
        draft = self.desk.draft
        return self.kind.trigger_entry if draft is not None and draft.waits else self.price_entry

    # ------------------------------------------------------------ drawing

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        if glance.key != self._key:
            self._new_symbol(glance)
        elif not self._touched_qty() and self._proposal_is_too_small():
            self._propose()
        self._show_owners(glance)
        self._follow_draft()
        self._show_kind(glance)
        self._show_header(glance)
        self._show_presets()
        self._show_line(glance)

    def _propose(self) -> None:
        """The usual quantity, as long as nobody types another."""
        self._proposed = self.desk.usual_qty()
        self._fill("qty", self._proposed)

    def _proposal_is_too_small(self) -> bool:
        """Empty, or proposed before a price told what the venue takes at least."""
        typed, usual = self.qty.get(), as_number(self.desk.usual_qty())
        if not typed:
            return usual is not None
        now = as_number(typed)
        return self.desk.draft is None and typed == self._proposed and bool(now and usual and now < usual)

    def _touched_qty(self) -> bool:
        return self.shell.has_focus(self.qty_entry)

    def _new_symbol(self, glance: Glance) -> None:
        self._key = glance.key
        self._propose()
        self._fill("price", "")
        self._filling = True
        self.reduce.set(False)
        self.kind.reset()
        self._filling = False

    def _fill(self, name: str, value: str) -> None:
        variable: tk.StringVar = getattr(self, name)
        if variable.get() != value:
            self._filling = True
            variable.set(value)
            self._filling = False

    def _show_owners(self, glance: Glance) -> None:
        wanted = owners(glance.view, glance.key)
        if wanted != self._owners:
            chosen = self._chosen_owner(glance.key) if glance.key and self._owners else ""
            self._owners = wanted
            self.owner_box.configure(values=[owner_word(owner, glance.key) if glance.key else owner
                                             for owner in wanted])
            if wanted:
                self.owner_box.current(wanted.index(chosen) if chosen in wanted else 0)
            else:
                self.owner.set("")

    def _follow_draft(self) -> None:
        """The book made or changed a draft: the fields show the same."""
        draft = self.desk.draft
        if draft is self._draft:
            return
        self._draft = draft
        if draft is None:
            return
        self._fill("qty", draft.qty)
        if draft.ord_type.has_price:
            self._fill("price", draft.price)
        self._filling = True
        self.kind.follow(draft)
        if draft.waits and draft.order:
            self.kind.trigger.set(draft.trigger)
        if not draft.market and not draft.order and not no_post(draft.ord_type, draft.tif):
            self.post.set(draft.post)
        self.reduce.set(draft.reduce)
        self._filling = False
        if draft.owner in self._owners:
            self.owner_box.current(self._owners.index(draft.owner))

    def _show_kind(self, glance: Glance) -> None:
        """Rows, flags and buttons that go with the chosen type and with what the product has."""
        kind = self.kind
        if kind.refresh(glance):
            trailing, priced = kind.ord_type is OrdType.TRAILING_STOP, kind.ord_type.has_price
            self._price_label.configure(text="Trail %" if trailing else "Price")
            self.shape.show_price(kind.callback_entry if trailing else self.price_entry if priced else self.market_word)
        self._no_post = no_post(kind.ord_type, kind.tif)
        self._no_reduce = no_reduce(glance.key.category if glance.key else None)
        for box, reason in ((self.post_box, self._no_post), (self.reduce_box, self._no_reduce)):
            if box.instate(["disabled"]) is not bool(reason):
                box.state(["disabled" if reason else "!disabled"])
        self.leverage.refresh(glance)

    def _show_header(self, glance: Glance) -> None:
        parts = [Segment("title", "Form", font="bold"),
                 Segment("symbol", symbol_word(glance.key, glance) if glance.key else "", "dim")]
        state = _state(glance, self.desk.trading())
        if state == TRADING_HINT:
            parts.append(Segment("state", state, "warning", "small", right=True))
        elif state:
            parts.append(Segment("state", state, "error", right=True))
        self.bar.show(parts)

    def _show_presets(self) -> None:
        base = as_number(self.desk.usual_qty())
        for times in (1, 2, 3):
            name = f"{times}×"
            shown = f"{name} {text(base * times)}" if base is not None else name
            if len(shown) > 10 or self.shape.is_compact:
                shown = name
            if self._presets_shown.get(name) != shown:
                self._presets_shown[name] = shown
                self.presets[name].configure(text=shown)

    def _show_line(self, glance: Glance) -> None:
        draft = self.desk.draft
        if draft is None and glance.key is not None:
            side, empty = Side.BUY, self.kind.ord_type is OrdType.LIMIT and not self.price.get().strip()
            draft = self._typed_draft(glance.key, side, market=empty)
        reading = read_draft(draft, glance.instrument, glance.top, glance.ticker) if draft is not None else None
        problems = dict(reading.problems) if reading is not None and glance.instrument is not None else {}
        problems.pop("", None)
        if not self.qty.get().strip():
            problems.pop("qty", None)
        for name, variable in (("price", self.price), ("trigger", self.kind.trigger),
                               ("callback", self.kind.callback)):
            if not variable.get().strip():
                problems.pop(name, None)
        if self.desk.draft is None and "at once" in problems.get("trigger", ""):
            problems.pop("trigger")              # the side is not chosen yet: the button says it
        note = self.desk.note
        if note is not None and note.field:
            problems[note.field] = note.text
        self._mark_fields(problems)
        if note is not None:
            self._line(("✕ " if note.level == "error" else "▲ ") + note.text, note.level)
        elif problems:
            name, sentence = next(iter(problems.items()))
            self._line(f"▲ {name}: {sentence}", "warning")
        elif self.shape.is_compact and _state(glance, self.desk.trading()):
            self._line(f"▲ {_state(glance, self.desk.trading())}", "warning")     # there is no header
        else:
            self._line(self.shape.fitting(form_line(reading, glance.instrument, *_free(glance))), "dim")

    def _mark_fields(self, problems: dict[str, str]) -> None:
        entries = {"qty": self.qty_entry, "price": self.price_entry, "trigger": self.kind.trigger_entry,
                   "callback": self.kind.callback_entry}
        bad: set[str] = {name for name in problems if name in entries}
        if bad != self._bad:
            self._bad = bad
            for name, entry in entries.items():
                entry.configure(style="Bad.TEntry" if name in bad else "TEntry")

    def _line(self, words: str, colour: str) -> None:
        if self._line_shown != (words, colour):
            self._line_shown = (words, colour)
            self.line.configure(text=words, foreground=self.theme[colour])
            self.shape.keep_whole(words)


def _state(glance: Glance, trading: bool) -> str:
    """Why no order goes out from here, empty when one does."""
    if glance.view is not None and glance.view.locked:
        return "locked"
    return TRADING_HINT if trading else ""


def _free(glance: Glance) -> tuple[Decimal | None, Decimal | None]:
    """Available margin, and the selected instrument's leverage where the venue has told it."""
    if glance.view is None or glance.key is None or glance.instrument is None:
        return None, None
    balance = next((line for line in glance.view.balances if line.market == glance.key.market
                    and line.category is glance.key.category and line.currency == glance.instrument.settle), None)
    told = leverage_of(glance)
    return (balance.available if balance else None), (told.leverage if told else None)
