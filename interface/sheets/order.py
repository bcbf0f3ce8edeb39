"""The order sheet: move (price, quantity), cancel, cancel all of the symbol. Acts on the row's id, never its number."""

from __future__ import annotations

import tkinter as tk
from dataclasses import replace
from decimal import Decimal
from tkinter import ttk

from core.numbers import padded, text
from core.titles import full_name
from engine.view import OrderLine
from interface.desk import UNMOVABLE
from interface.draft import move_draft, read_draft
from interface.presenters.slip import trigger_words
from interface.presenters.tables import order_status, order_type, owner_word
from interface.presenters.words import clock, price, quantity
from interface.sheets.sheet import Sheet
from interface.shell import Shell


class OrderSheet(Sheet):
    """One open order. An order that ends while the sheet is open is said, nothing is sent."""

    def __init__(self, shell: Shell, line: OrderLine) -> None:
        super().__init__(shell, f"Order {line.id}")
        self.line, desk = line, shell.desk
        instrument = desk.board.instruments.get(line.key)
        status = order_status(line, desk.monotonic())
        self.facts([("Symbol", full_name(line.key), "text"),
                    ("Order", f"{line.side.value} {quantity(line.qty, instrument)} @ {price(line.price, instrument)}",
                     "buy" if line.side.value == "BUY" else "sell"),
                    ("Leaves", quantity(line.leaves, instrument), "text"),
                    ("Type", order_type(line), "text"), ("EMI", owner_word(line.owner, line.key), "text"),
                    ("Status", status.text, status.colour), ("Since", f"{clock(line.time)} UTC", "text")])
        if line.trigger is not None:
            self.facts([("Trigger", trigger_words(line, instrument), "text")])
        if line.text:
            self.words([line.text], "warning")
        self.price = tk.StringVar(shell.root, value=_typed(line.price, instrument.tick if instrument else None))
        at = line.at if line.trigger is not None else None
        self.at = tk.StringVar(shell.root, value=_typed(at, instrument.tick if instrument else None))
        self.qty = tk.StringVar(shell.root, value=_typed(line.qty, instrument.lot if instrument else None))
        self._entries()
        self.problem = tk.Label(self.body, background=self.theme["panel"], foreground=self.theme["error"],
                                font=self.theme.ui, anchor="w", height=1)
        self.problem.pack(fill="x")
        if move_draft(line) is not None:
            self.move = self.button("Move", self._move, "Go.TButton")
            for variable in (self.at, self.price, self.qty):
                variable.trace_add("write", lambda *_trace: self._check())
        self.button("Cancel order", self.cancel, "Danger.TButton")
        count = sum(other.key == line.key for other in desk.view.orders) if desk.view else 1
        self.button(f"Cancel all {count} of {line.key.symbol}", self._cancel_all)
        self.button("Close  Esc", self.close, side="right")
        self.place()
        self._first.focus_set()
        self._first.selection_range(0, "end")

    def _entries(self) -> None:
        """Trigger, price and quantity, as far as it has them; of an order that cannot be moved they are only read."""
        line = self.line
        fields = [("Trigger", self.at)] if line.trigger is not None and line.trigger.price is not None else []
        fields += [("Price", self.price)] if line.price is not None else []
        grid = tk.Frame(self.body, background=self.theme["panel"])
        grid.pack(fill="x", pady=self.theme.px(4))
        entries = []
        for row, (label, variable) in enumerate((*fields, ("Qty", self.qty))):
            tk.Label(grid, text=label, background=self.theme["panel"], foreground=self.theme["dim"],
                     font=self.theme.ui).grid(row=row, column=0, sticky="w", padx=(0, self.theme.px(16)))
            entry = ttk.Entry(grid, textvariable=variable, font=self.theme.mono, width=16)
            entry.grid(row=row, column=1, sticky="w", pady=self.theme.px(1))
            entry.bind("<Return>", lambda _event: self._move())
            if move_draft(line) is None:
                entry.state(["readonly"])
            entries.append(entry)
        self._first = entries[0]

    def _check(self) -> str:
        """Why this move cannot be sent, shown beside the fields; typed text stays."""
        desk, line = self.shell.desk, self.line
        draft = move_draft(line)
        if draft is None:
            return UNMOVABLE
        draft = replace(draft, qty=self.qty.get(), price=self.price.get(), trigger=self.at.get())
        reading = read_draft(draft, desk.board.instruments.get(line.key), desk.board.tops.get(line.key),
                             desk.board.tickers.get(line.key))
        words = next((f"{name}: {why}" for name, why in reading.problems.items()), "")
        self.problem.configure(text=words)
        return words

    def _move(self) -> str:
        """Open the slip of the move: the person reads it, then sends it."""
        desk, line = self.shell.desk, self.line
        if self._check():
            return "break"
        event_time = self.shell.event_time
        qty, price_, at = self.qty.get(), self.price.get(), self.at.get()
        self.close()
        if desk.begin_move(line.key, line.id, event_time):
            desk.change(qty=qty, price=price_, trigger=at, fresh=False)
            self.shell.place_slip()
        self.shell.refresh()
        return "break"

    def cancel(self) -> None:
        """At once."""
        self.close()
        self.shell.desk.cancel(self.line.key, self.line.id)

    def _cancel_all(self) -> None:
        self.close()
        self.shell.desk.cancel_of(self.line.key)


def _typed(value: Decimal | None, step: Decimal | None) -> str:
    """A number as one would type it, with the venue's decimals."""
    if value is None:
        return ""
    return padded(value, step) if step else text(value)
