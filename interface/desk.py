"""What the person at the window is doing: selected instrument, draft, sending it. No tkinter; main thread only.

All commands leave here (`interface.asking` has those without a draft). Refusals of our own and the engine's
end in `note`, beside the form, and leave the typed text as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from core.board import DEEP, Board
from core.numbers import multiple_up, padded, text
from engine.commands import (
    Command,
    MoveOrder,
    PlaceOrder,
    Verdict,
)
from engine.view import OrderLine, View
from interface.asking import NOT_STARTED, Asking, Note
from interface.draft import Draft, Reading, move_several, order_value, read_draft, typed_digit
from interface.guards import (
    DRAFT_LIFE_S,
    TRADING_ON,
    Twice,
    slip_answers,
)
from interface.habits import Habits
from interface.memory import name_of
from interface.presenters.abilities import no_post, no_tif
from interface.presenters.glance import Glance, leverage_of, look, position_of, shown_twins, stale_age
from interface.presenters.words import age
from interface.tickets import new_ticket
from models import Instrument, Key, Mode, TimeInForce

UNMOVABLE = "Limit, stop and take-profit orders can be moved: cancel this one and place it anew."
DIFFERENT = "These orders differ: select one in the table, F2 moves it."
KEPT_QTY = "Several orders are moved: each keeps its quantity."


class Desk(Asking):
    """The person's side of the window."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic,
                 wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        super().__init__(monotonic)
        self.board = Board()
        self.quote = False
        self.mode: Mode | None = None
        self.draft: Draft | None = None
        self.shown = 0                                # event time at which the slip (or its last question) appeared
        self.selected: tuple[Key, str] | None = None  # order: instrument and row id, never a row number
        self.bot: str = ""                            # selected bot
        self.needs_live_sheet = False                 # the panel shows it, then calls `live_answer`
        self.twice = Twice()
        self.wall_ms = wall_ms
        self.habits = Habits()
        self.wanted = ""                              # symbol shown in the last run, until it is there
        self._touched = 0.0
        self._live_agreed = False
        self._last_event = (0, 0.0)                   # time of the event that sent last, and ours then
        self._twins: frozenset[str] = frozenset()

    # ------------------------------------------------------------ looking

    def attach(self, board: Board, post: Callable[[Command], None], quote: bool) -> None:
        """The engine is there."""
        self.board, self._post, self.quote = board, post, quote

    def update(self, view: View | None) -> None:
        """The newest view: verdicts are handed out, a draft nobody answers goes away."""
        old, self.view = self.view, view
        if view is not None:
            if old is None or (old.configured, old.positions, old.bots) != (view.configured, view.positions, view.bots):
                self._twins = shown_twins(view)
            self.tickets.settle(view.verdicts)
            if self.key is None and view.configured:
                self.select(next((key for key in view.configured if name_of(key) == self.wanted), view.configured[0]))
            elif self._is_gone(view):
                self.select(view.configured[0])
        waits = self.draft is not None and not self.needs_live_sheet
        if waits and self.monotonic() - self._touched > DRAFT_LIFE_S:
            self.drop()

    def _is_gone(self, view: View) -> bool:
        """Whether F3 has taken the shown symbol's product out of the settings."""
        return bool(view.configured) and self.key not in view.configured and self.key not in self.board.instruments

    def glance(self) -> Glance:
        """Everything about the selected instrument, now."""
        return look(self.board, self.view, self.key, self.monotonic(), self.wall_ms(), self.quote,
                    self._twins)

    def select(self, key: Key) -> None:
        """Show this instrument everywhere."""
        self.venue = None
        if key == self.key:
            return
        self.drop()
        self.note = None
        if self.key is not None:
            self.board.wanted_depth.pop(self.key, None)
        self.board.wanted_depth[key] = DEEP
        self.key = key

    def instrument(self) -> Instrument | None:
        """Rules of the selected instrument."""
        return self.board.instruments.get(self.key) if self.key else None

    def order(self, key: Key, order: str) -> OrderLine | None:
        """An open order by its row id."""
        if self.view is None:
            return None
        return next((line for line in self.view.orders if line.id == order and line.key == key), None)

    def reading(self) -> Reading | None:
        """What the draft means now."""
        if self.draft is None:
            return None
        glance = self.glance()
        return read_draft(self.draft, glance.instrument, glance.top, glance.ticker)

    # ------------------------------------------------------------ drafts

    def usual_qty(self) -> str:
        """The quantity last used for this symbol; the first time the smallest one the venue takes."""
        if self.key is None:
            return ""
        known = self.habits.last(self.mode, self.key)
        if known is not None:
            return known
        smallest = smallest_qty(self.glance())
        instrument = self.instrument()
        return padded(smallest, instrument.lot) if smallest is not None and instrument else ""

    def begin(self, draft: Draft, event_time: int) -> bool:
        """Show a slip; False (with a note) when trading is ON and it could open something."""
        if self.refuses_hand(draft):
            return False
        self.draft, self.shown, self.note = draft, event_time, None
        self.touch()
        return True

    def refuses_hand(self, draft: Draft) -> bool:
        """Whether trading by hand is off for this draft, said in the note."""
        if draft.order or draft.reduce or not self.trading():
            return False
        self.drop()
        self.note = Note(TRADING_ON)
        return True

    def begin_move(self, key: Key, order: str, event_time: int, price: str = "", more: Sequence[str] = ()) -> bool:
        """A draft that moves an order (and `more` of them) to `price`, "" = its own; one that waits: its trigger."""
        lines = [line for name in (order, *more) if (line := self.order(key, name)) is not None]
        made = move_several(lines, price)
        if made is None:
            self.note = Note("That order is not open any more." if not lines else UNMOVABLE if not more else DIFFERENT)
            return False
        self.select(key)
        return self.begin(made, event_time)

    def aim(self, price: str) -> None:
        """Another target of the open move."""
        draft = self.draft
        if draft is None:
            return
        lines = [line for name in (draft.order, *draft.more) if (line := self.order(draft.key, name)) is not None]
        made = move_several(lines, price)
        if made is not None:
            self.change(price=made.price, trigger=made.trigger)

    def change(self, **fields: object) -> None:
        """Another value typed into the draft; what was ticked for the old one does not hold any more."""
        if self.draft is None:
            return
        ticks = {} if "take" in fields or "usual" in fields else {"take": False, "usual": False, "repeat": False}
        self.draft = replace(self.draft, **(ticks | fields))  # type: ignore[arg-type]  # fields of Draft by name
        self.touch()

    def type_digit(self, digit: str) -> None:
        """Digits edit the quantity of an open draft; a backspace ("") takes the last one away."""
        if self.draft is None:
            return
        if self.draft.more:
            self.note = Note(KEPT_QTY)
            return
        grown = typed_digit(self.draft.qty, digit, self.draft.fresh) if digit else self.draft.qty[:-1]
        self.change(qty=grown, fresh=False)

    def touch(self) -> None:
        """The eight seconds begin again."""
        self._touched = self.monotonic()

    def drop(self) -> None:
        """No draft."""
        self.draft = None
        self.needs_live_sheet = False

    def far_from_habit(self, reading: Reading) -> bool:
        """Whether this quantity is unusual here."""
        if self.draft is None or reading.qty is None or self.draft.order:
            return False
        return self.habits.is_unusual(self.mode, self.draft.key, reading.qty)

    def confirm(self, event_time: int, by_key: bool) -> bool:
        """Enter, or a click on the slip. True when something was sent."""
        draft, reading = self.draft, self.reading()
        if draft is None or reading is None or not slip_answers(event_time, self.shown, by_key):
            return False
        self.touch()
        refusal = self._refusal(draft, reading)
        if refusal is not None:
            self.note = refusal
            return False
        if self._first_live(draft):
            self.needs_live_sheet = True
            return False
        if not draft.order and not draft.repeat and self.habits.is_repeat(draft, reading, self.monotonic()):
            self.ask_again(event_time)
            return False
        self._send(draft, reading, event_time)
        return True

    def live_answer(self, go: bool, for_session: bool, event_time: int) -> bool:
        """The sheet before the first LIVE order was answered."""
        self.needs_live_sheet = False
        self._live_agreed = self._live_agreed or (go and for_session)
        if not go or self.draft is None:
            self.drop()
            return False
        self.draft = replace(self.draft, live_read=True)
        self.touch()
        self.shown = event_time - 10_000     # the sheet was the pause
        return self.confirm(event_time, by_key=True)

    def ask_again(self, event_time: int) -> None:
        """The same order was just sent: the next Enter means it."""
        if self.draft is not None:
            self.draft = replace(self.draft, repeat=True)
            self.shown = event_time
            self.touch()

    def _refusal(self, draft: Draft, reading: Reading) -> Note | None:
        """Why this draft may not be sent now."""
        if self.view is None or self._post is None:
            return Note(NOT_STARTED)
        if not reading.good:
            name, sentence = next(iter(reading.problems.items()))
            return Note(sentence, name)
        if self.trading() and not (draft.reduce or draft.order):
            return Note(TRADING_ON)
        if self.view.locked and not draft.reduce:
            return Note(self.view.locked)
        old = stale_age(self.glance())
        if old is not None and not draft.reduce:
            return Note("No book yet. Nothing was sent." if old == float("inf")
                        else f"The book is {age(old)} old. Nothing was sent; cancels go.")
        if reading.crosses and not draft.market and not draft.take:
            return Note("That price takes now: tick “take” (T) or change it.", "price")
        if self.far_from_habit(reading) and not draft.usual:
            return Note(f"Much more than usual here: tick “yes, {text(reading.qty or Decimal(0))}” (Y).", "qty")
        return None

    def _first_live(self, draft: Draft) -> bool:
        live = self.mode is Mode.LIVE or (self.view is not None and self.view.mode is Mode.LIVE)
        return live and not self._live_agreed and not draft.live_read and not draft.order

    def _send(self, draft: Draft, reading: Reading, event_time: int) -> None:
        assert reading.qty is not None
        if draft.order:
            self._move(draft, reading, event_time)
            return
        post_only = draft.post and not draft.take and not no_post(draft.ord_type, draft.tif)
        tif = TimeInForce.GTC if no_tif(draft.ord_type) else draft.tif
        self.habits.note(self.mode, draft, reading, self.monotonic())
        self._give(PlaceOrder(new_ticket(), draft.key, draft.owner, draft.side, reading.qty, reading.price, True,
                              draft.ord_type, TimeInForce.GTX if post_only else tif, post_only, draft.reduce,
                              reading.limit, draft.repeat, reading.trigger), draft, event_time)
        self.drop()

    def _move(self, draft: Draft, reading: Reading, event_time: int) -> None:
        """Each order of the draft that is still open, to its new place."""
        lines = [line for name in (draft.order, *draft.more) if (line := self.order(draft.key, name)) is not None]
        self.drop()
        if not lines:
            self.note = Note("That order is not open any more. Nothing was sent.")
        for line in lines:
            command = move_command(new_ticket(), line, reading, keeps_qty=bool(draft.more))
            if (command.price, command.qty, command.trigger) != (None, None, None):
                self._give(command, draft, event_time)

    def _give(self, command: PlaceOrder | MoveOrder, draft: Draft, event_time: int) -> None:
        self._last_event = (event_time, self.monotonic())
        self.tickets.ask(command.ticket, lambda verdict: self._answered(verdict, draft))
        self._out(command)

    def _answered(self, verdict: Verdict, draft: Draft) -> None:
        """The engine's verdict on an order or a move."""
        refusal = verdict.refusal
        if verdict.ok or refusal is None:
            return
        if refusal.again and self.draft is None and draft.key == self.key:
            event_time, then = self._last_event
            self.draft = replace(draft, repeat=True)
            self.shown = event_time + round((self.monotonic() - then) * 1000)
            self.touch()
            return
        self.note = Note(refusal.text, refusal.field, "error")


def move_command(ticket: str, line: OrderLine, reading: Reading, keeps_qty: bool) -> MoveOrder:
    """What of an order a move changes. A limit price behind a trigger keeps its distance to its own trigger."""
    at = reading.trigger.price if reading.trigger is not None else None
    price = reading.price
    if line.trigger is not None and keeps_qty and None not in (line.price, line.trigger.price, at):
        price = line.price + at - line.trigger.price  # type: ignore[operator]  # none of them is None
    return MoveOrder(ticket, line.key, line.id, None if price == line.price else price,
                     None if keeps_qty or reading.qty == line.qty else reading.qty,
                     None if line.trigger is None or at == line.trigger.price else at)


def smallest_qty(glance: Glance) -> Decimal | None:
    """The smallest quantity the venue takes at the best price: the lot, raised to its minimums."""
    instrument = glance.instrument
    if instrument is None:
        return None
    least = max(instrument.lot, instrument.min_qty)
    mark = glance.ticker.mark if glance.ticker else None
    price = glance.top.bid if glance.top else mark
    value = order_value(instrument, least, price)
    if value and value < instrument.min_notional:
        least = least * instrument.min_notional / value
    return multiple_up(least, instrument.lot)


def largest_qty(glance: Glance, price: Decimal | None, reduce: bool) -> Decimal | None:
    """What the free margin (or, to reduce, the position) allows, in whole lots; None when not known."""
    instrument, view = glance.instrument, glance.view
    if instrument is None or view is None or glance.key is None:
        return None
    position = position_of(view, glance.key)
    if reduce:
        return abs(position.qty) if position else Decimal(0)
    balance = next((line for line in view.balances if line.market == glance.key.market
                    and line.category == glance.key.category and line.currency == instrument.settle), None)
    worth = order_value(instrument, Decimal(1), price)
    if balance is None or balance.available is None or not worth:
        return None
    # The account's leverage is what it holds against its margin, not what an order here may use.
    told = leverage_of(glance)
    leverage = (told.leverage if told else None) or Decimal(1)
    share = worth * (1 / leverage + 2 * instrument.taker_fee)
    return max(Decimal(0), (balance.available / share) // instrument.lot * instrument.lot)
