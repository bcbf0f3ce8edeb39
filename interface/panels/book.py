"""The book: ladder, own orders, the slip, and every rule about clicking it. Main thread.

A click makes a draft; a second, later act (Enter, a click on the slip) sends it. ✕ on a chip cancels at once, also on
a stale book. The ladder never moves under the pointer; the levels view shows the venue's rows as they are, and a click
counts only on a row whose price has stood still.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from core.numbers import text
from engine.view import OrderLine
from interface.bar import Bar, Segment
from interface.draft import Draft
from interface.guards import HINT_S, MOVED, OUTSIDE_S, left_the_middle, moved_lately
from interface.memory import name_of
from interface.panels.book_chips import ChipMouse
from interface.panels.ladder import LadderCanvas, Spread
from interface.presenters.glance import Glance, orders_of, stale_age, symbol_word
from interface.presenters.ladder import (
    STEPS,
    Ladder,
    chips,
    fold,
    make_ladder,
    make_levels,
    middle,
    moved_rows,
    row_of,
    side_of_row,
    spread_words,
)
from interface.presenters.slip import make_slip
from interface.presenters.words import age, clock, price
from interface.shell import Shell
from models import Book, Health, Instrument, Key, Side

WAIT_S = 5.0             # before a missing book gives its reason
LADDER, LEVELS = "ladder", "levels"
VIEWS = ((LADDER, "Ladder: fixed prices"), (LEVELS, "Levels: the venue's rows"))


class BookPanel:
    """Header and ladder."""

    def __init__(self, parent: tk.Misc, shell: Shell) -> None:
        self.shell, self.desk = shell, shell.desk
        self.frame = tk.Frame(parent, background=shell.theme["background"])
        self.bar = Bar(self.frame, shell.theme)
        self.bar.canvas.pack(fill="x")
        self.ladder_canvas = LadderCanvas(self.frame, shell.theme)
        self.canvas = self.ladder_canvas.canvas
        self.canvas.pack(fill="both", expand=True)
        self.ladder: Ladder | None = None
        self.moved_at = -1e9                   # when the rows last showed other prices
        self._moved_in_tick = False
        self.view = LADDER                     # or LEVELS
        self._row_moved: dict[int, float] = {}  # the levels view: when a row last showed another price
        self._rows_in_tick: set[int] = set()
        self._levels_of: tuple[object, object] = (None, None)
        self._steps: dict[str, int] = {}       # by symbol's name: which of STEPS
        self._key: Key | None = None
        self._asked_since = 0.0
        self._left_at: float | None = -1e9     # when the pointer left; None while inside
        self._drawn: tuple[object, ...] = ()
        self._chips_drawn: tuple[object, ...] = ()
        self.orders: tuple[OrderLine, ...] = ()
        self.chip_mouse = ChipMouse(self, lambda at, row: self._why_not(self.desk.glance(), at, row))
        self._hint: tuple[str, int, float] = ("", 0, 0.0)
        self._slip_for: tuple[int, str] | None = None
        self._bind()

    def _bind(self) -> None:
        bind = self.canvas.bind
        bind("<Configure>", lambda _event: self._resized())
        bind("<ButtonPress-1>", self._on_press)
        bind("<B1-Motion>", self._on_drag)
        bind("<ButtonRelease-1>", self.chip_mouse.release)
        bind("<Motion>", self._on_motion)
        bind("<Enter>", self._on_motion)
        bind("<Leave>", self._on_leave)
        bind("<Button-4>", lambda _event: self.step(1))
        bind("<Button-5>", lambda _event: self.step(-1))

    # ------------------------------------------------------------ what a person does with the ladder

    def centre(self) -> None:
        """Space: the best pair in the middle."""
        if self.view == LADDER:
            self._anchor(self.desk.glance())
        self.shell.refresh()

    def choose_view(self, view: str) -> None:
        """Fixed prices, or exactly the venue's levels."""
        if view in (LADDER, LEVELS) and view != self.view:
            self.view, self.ladder, self._slip_for = view, None, None
            self._levels_of = (None, None)
            self._moved()
            self.shell.refresh()

    def _view_menu(self, _time: int) -> None:
        x, y = self.shell.place_of(self.bar.canvas)
        span = self.bar.span("view") or (0, 0)
        self.shell.menu(x + span[0], y + self.bar.height,
                        [(words, partial(self.choose_view, view)) for view, words in VIEWS], dict(VIEWS)[self.view])

    def step(self, by: int) -> None:
        """[ and ]: the next finer or coarser step."""
        if self.view == LEVELS:
            self.hint("levels view: the venue's rows, no step", self.ladder_canvas.sides)
        elif self.desk.key is not None:
            now = self._steps.get(name_of(self.desk.key), 0)
            self._set_step(min(max(0, now + by), len(STEPS) - 1))

    def _set_step(self, index: int) -> None:
        if self.desk.key is not None and self._steps.get(name_of(self.desk.key), 0) != index:
            self._steps[name_of(self.desk.key)] = index
            self._anchor(self.desk.glance())
            self.shell.refresh()

    def _step_menu(self, _time: int) -> None:
        instrument = self.desk.instrument()
        if instrument is None:
            return
        x, y = self.shell.place_of(self.bar.canvas)
        span = self.bar.span("step") or (0, 0)
        entries = [(text(instrument.tick * times), partial(self._set_step, index)) for index, times in enumerate(STEPS)]
        self.shell.menu(x + span[0], y + self.bar.height, entries, text(self._step(instrument)))

    def _step(self, instrument: Instrument) -> Decimal:
        return instrument.tick * STEPS[self._steps.get(name_of(instrument.key), 0)]

    def steps(self) -> dict[str, int]:
        """Ticks of a row, by symbol, where a person chose them."""
        return {name: STEPS[index] for name, index in self._steps.items() if index}

    def recall_steps(self, steps: Mapping[str, int]) -> None:
        """As they were remembered."""
        self._steps = {name: STEPS.index(ticks) for name, ticks in steps.items() if ticks in STEPS}

    def _anchor(self, glance: Glance) -> None:
        """Put the ladder anew; the rows show other prices from now on."""
        if glance.instrument is None or glance.top is None or not self.ladder_canvas.size[0]:
            return
        made = make_ladder(middle(glance.top), self._step(glance.instrument), self.ladder_canvas.sides,
                           glance.instrument)
        if made != self.ladder:
            self.ladder = made
            self._moved()

    def _moved(self) -> None:
        self.moved_at = self.desk.monotonic()
        self._moved_in_tick = True
        self._drawn = self._chips_drawn = ()

    def after_tick(self) -> None:
        """The tick that moved the rows is over: only now could anybody see them."""
        now = self.desk.monotonic()
        if self._moved_in_tick:
            self._moved_in_tick = False
            self.moved_at = now
        for row in self._rows_in_tick:
            self._row_moved[row] = now
        self._rows_in_tick.clear()

    def moved_lately(self, row: int) -> bool:
        """Whether a row showed another price so shortly ago that a click may have been meant for that."""
        return moved_lately(max(self.moved_at, self._row_moved.get(row, -1e9)), self.desk.monotonic())

    def _resized(self) -> None:
        if self._fit():
            self.shell.refresh()

    def _fit(self) -> bool:
        """More or fewer rows, as there is room for; the price in the middle stays. True when that changed something."""
        if not self.ladder_canvas.lay_out():
            return False
        instrument, old, self.ladder = self.desk.instrument(), self.ladder, None
        if old is not None and not old.exact and instrument is not None and instrument.key == self._key:
            self.ladder = make_ladder(old.anchor, old.step, self.ladder_canvas.sides, instrument)
        self._slip_for = None
        self._moved()
        return True

    # ------------------------------------------------------------ drawing

    def refresh(self, glance: Glance) -> None:
        """Draw what differs."""
        if glance.key != self._key:
            self._key, self.ladder, self._asked_since = glance.key, None, glance.now
            self._moved()
        self._show_header(glance)
        self._fit()
        if not self.ladder_canvas.size[0]:
            return
        if self.view == LEVELS:
            self._follow_levels(glance)
        elif self._wants_anchor(glance):
            self._anchor(glance)
        self._show_book(glance)
        self._show_slip(glance)
        words, row, until = self._hint
        self.ladder_canvas.show_hint(words if glance.now < until else "", row)
        self.ladder_canvas.flush()

    def _follow_levels(self, glance: Glance) -> None:
        """The levels view: rows are what the newest book has."""
        book, instrument = glance.book, glance.instrument
        if book is None or instrument is None:
            self.ladder = None
            return
        if self.ladder is not None and self._levels_of[0] is book.bids and self._levels_of[1] is book.asks:
            return
        self._levels_of = (book.bids, book.asks)
        made = make_levels(book, self.ladder_canvas.sides, instrument, self.ladder)
        rows = moved_rows(self.ladder, made)
        if rows:
            self.ladder = made
            self._rows_in_tick.update(rows)
            self._row_moved.update(dict.fromkeys(rows, glance.now))

    def _wants_anchor(self, glance: Glance) -> bool:
        if glance.top is None or glance.instrument is None:
            return False
        if self.ladder is None:
            return True
        outside = self._left_at is not None and glance.now - self._left_at >= OUTSIDE_S
        row = row_of(self.ladder, middle(glance.top), Side.BUY)
        return outside and self.desk.draft is None and left_the_middle(row, self.ladder.sides * 2)

    def _show_header(self, glance: Glance) -> None:
        key, instrument = glance.key, glance.instrument
        parts = [Segment("title", "Book", font="bold", drop=1),
                 Segment("symbol", symbol_word(key, glance) if key else "", "dim")]
        if instrument is not None:
            if self.view == LADDER:
                parts.append(Segment("step", f"step {text(self._step(instrument))} ▾", action=self._step_menu))
            parts.append(Segment("view", f"{self.view} ▾", action=self._view_menu))
            if self.view == LADDER:
                parts.append(Segment("centre", "centre  Space", "dim", "small", lambda _time: self.centre(),
                                     right=True))
            parts.append(Segment("way", "two-step", "dim", "small", right=True, drop=2))
        self.bar.show(parts)

    def _show_book(self, glance: Glance) -> None:
        canvas, old = self.ladder_canvas, stale_age(glance)
        if self.ladder is None or glance.book is None or glance.instrument is None:
            canvas.clear_rows()
            canvas.show_chips((), 0, 0)
            canvas.show_spread(Spread())
            canvas.show_box((self._waiting(glance),))
            self._drawn = ()
            return
        state = (glance.book.bids, glance.book.asks, old is not None, self.ladder)
        if not self._same(state):
            self._drawn = state
            canvas.show_rows(self.ladder, fold(self.ladder, glance.book, glance.instrument), old is not None)
        self._show_middle(glance, glance.book)
        self._show_chips(glance)
        canvas.show_box(None if old is None else self._stale_words(glance, glance.book, old))

    def _same(self, state: tuple[object, ...]) -> bool:
        return len(self._drawn) == len(state) and all(a is b for a, b in zip(self._drawn, state, strict=True))

    def _show_middle(self, glance: Glance, book: Book) -> None:
        if glance.top is None or glance.instrument is None or self.ladder is None:
            return
        ticker = glance.ticker
        spread, imbalance = spread_words(glance.top, book, glance.instrument, self.ladder)
        last = ticker.last if ticker else None
        colour = "text"
        if ticker and ticker.last_side is not None:
            colour = "buy" if ticker.last_side is Side.BUY else "sell"
        arrow = "" if colour == "text" else "▲ " if colour == "buy" else "▼ "
        self.ladder_canvas.show_spread(Spread(spread, arrow + price(last, glance.instrument) if last else "", colour,
                                              imbalance))

    def _show_chips(self, glance: Glance) -> None:
        orders = glance.view.orders if glance.view else ()
        state = (orders, self.ladder)
        if len(self._chips_drawn) == 2 and self._chips_drawn[0] is orders and self._chips_drawn[1] is self.ladder:
            return
        self._chips_drawn = state
        self.orders = orders_of(glance.view, glance.key)
        if self.ladder is not None and glance.instrument is not None:
            self.ladder_canvas.show_chips(*chips(self.ladder, self.orders, glance.instrument))

    def _show_slip(self, glance: Glance) -> None:
        draft, reading = self.desk.draft, self.desk.reading()
        if draft is None or reading is None:
            self._slip_for = None
            self.ladder_canvas.show_slip(None)
            return
        if self._slip_for is None:
            self._place_slip(glance, draft, reading.price)
        unusual = self.desk.far_from_habit(reading)
        self.ladder_canvas.show_slip(make_slip(draft, reading, glance, unusual,
                                               self.desk.note.text if self.desk.note else ""))

    def _place_slip(self, glance: Glance, draft: Draft, at: Decimal | None) -> None:
        """Over the draft's own row where it is on the screen, else at the nearer end."""
        row = self.ladder_canvas.sides
        if self.ladder is not None and at is not None:
            row = min(max(0, row_of(self.ladder, at, draft.side)), len(self.ladder.prices) - 1)
        self.slip_over(row, draft.order)

    def slip_over(self, row: int, order: str) -> None:
        """The open draft's slip stands over this row, and there it stays."""
        self._slip_for = (row, order)
        self.ladder_canvas.place_slip(row)

    def _waiting(self, glance: Glance) -> str:
        if glance.key is None:
            return "No symbol is selected. Ctrl+K adds one."
        if glance.now - self._asked_since < WAIT_S:
            return "Waiting for the first book…"
        venue = glance.venue
        if venue is None:
            return "Waiting for the first book…\nNo market is connected yet."
        why = venue.problem or venue.text or {Health.LIVE: "connected; the stream has sent nothing yet"}.get(
            venue.health, venue.health.value.lower())
        return f"Waiting for the first book…\n{venue.title}: {why}"

    def _stale_words(self, glance: Glance, book: Book, old: float) -> tuple[str, str]:
        resyncs = f" · resync {book.resyncs}" if book.resyncs else ""
        return f"STALE {age(old)}", f"last {clock(book.time)}{resyncs} · clicks off"

    # ------------------------------------------------------------ the mouse

    def _on_motion(self, event: tk.Event[tk.Misc]) -> None:
        self._left_at = None
        inside = self.ladder_canvas.in_slip(event.y)
        self.ladder_canvas.hover(None if inside else self.ladder_canvas.row_at(event.y))

    def _on_drag(self, event: tk.Event[tk.Misc]) -> None:
        self._left_at = None
        if not self.chip_mouse.drag(event):
            self._on_motion(event)

    def _on_leave(self, _event: tk.Event[tk.Misc]) -> None:
        self._left_at = self.desk.monotonic()
        self.ladder_canvas.hover(None)

    def _on_press(self, event: tk.Event[tk.Misc]) -> None:
        self.shell.close_menus()
        self.canvas.focus_set()
        if self.ladder_canvas.in_slip(event.y):
            self._press_slip(event)
        else:
            self._press_row(event)
        self.shell.refresh()

    def _press_slip(self, event: tk.Event[tk.Misc]) -> None:
        part = self.ladder_canvas.slip_part(event.x, event.y)
        if part == "drop":
            self.desk.drop()
        elif part == "tick":
            self.tick(event.time)
        else:
            self.desk.confirm(event.time, by_key=False)

    def tick(self, event_time: int, which: str = "") -> None:
        """Tick (or untick) what the amber slip asks for; `which` = take or usual, "" = what is asked now."""
        draft, reading = self.desk.draft, self.desk.reading()
        if draft is None or reading is None:
            return
        slip = make_slip(draft, reading, self.desk.glance(), self.desk.far_from_habit(reading))
        if slip.tick and which in ("", slip.tick):
            self.desk.note = None
            self.desk.change(**{slip.tick: not slip.ticked})
            self.desk.shown = event_time       # what the slip says now is to be read too

    def _press_row(self, event: tk.Event[tk.Misc]) -> None:
        row = self.ladder_canvas.row_at(event.y)
        if row is None or self.ladder is None or row >= len(self.ladder.prices):
            self.desk.drop()
            return
        if self.ladder_canvas.in_mine(event.x) and self.chip_mouse.press(row, event):
            return
        glance, at = self.desk.glance(), self.ladder.prices[row]
        refusal = self._why_not(glance, at, row)
        if refusal:
            self.hint(refusal, row)
        elif glance.key is not None and glance.top is not None and glance.instrument is not None:
            self._draft_at(glance.key, at, side_of_row(at, glance.top, self.ladder.step), row, event.time)

    def _why_not(self, glance: Glance, at: Decimal, row: int) -> str:
        """Why a click on a price makes no draft now."""
        old = stale_age(glance)
        if old is not None:
            return f"The book is {age(old)} old: clicks are off." if old < 1e9 else "No book yet."
        if self.moved_lately(row):
            return MOVED
        return "" if at > 0 else "No such price."

    def _draft_at(self, key: Key, at: Decimal, side: Side, row: int, event_time: int) -> None:
        moving = self.desk.draft
        if moving is not None and moving.order:
            self.desk.aim(text(at))
            self.desk.shown, self.desk.note = event_time, None
        else:
            draft = Draft(key, key.reserved, side, self.desk.usual_qty(), text(at))
            if not self.desk.begin(draft, event_time):
                self.hint(self.desk.note.text if self.desk.note else "", row)
                return
        self.slip_over(row, "")

    def draft_at_best(self, side: Side, event_time: int) -> None:
        """B and S: a draft at the best price of that side."""
        glance = self.desk.glance()
        row = self.ladder_canvas.sides
        if self.ladder is None or glance.top is None or glance.key is None:
            return
        at = glance.top.bid if side is Side.BUY else glance.top.ask
        old = stale_age(glance)
        if old is not None:
            self.hint(f"The book is {age(old)} old: keys B and S are off.", row)
            return
        row = min(max(0, row_of(self.ladder, at, side)), len(self.ladder.prices) - 1)
        if self.desk.draft is not None and self.desk.draft.order:
            self.desk.drop()
        self._draft_at(glance.key, at, side, row, event_time)

    def hint(self, words: str, row: int) -> None:
        """One sentence over a row for a moment."""
        self._hint = (words, row, self.desk.monotonic() + HINT_S)

    def replace_slip(self) -> None:
        """A draft came from elsewhere (form, F2): place its slip anew."""
        self._slip_for = None
