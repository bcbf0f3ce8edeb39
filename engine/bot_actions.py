"""New, duplicate, rename, merge, reassign, delete: what a person asks about bots → one transaction each. Pure.

Rows of the ledger are never edited: books move in pairs of transfer rows (engine/transfers.py), the row of `robots`
and the kept sums in the same transaction. Nothing moves while orders of those concerned are open, a bot's stop at the
venue included: an order keeps its name, and its fill would belong to nobody. Nor while the bot may trade by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from core import ids
from core.numbers import is_exact, text
from core.rows import BookRow, CounterRow, OrderRow, RobotAdded, RobotRemoved, RobotRenamed, RobotRow, book_key
from core.titles import full_name, title_of
from engine import transfers
from engine.asking import ORDER_NUMBER, accept, refuse
from engine.bot_life import change_problem, settle_of
from engine.commands import (
    RESERVED,
    BotAction,
    DeleteBot,
    DuplicateBot,
    MergeBot,
    NewBot,
    ReassignPosition,
    RenameBot,
)
from engine.former import former_names
from engine.orders import is_stop
from engine.recovery import MISSING_TRIES
from engine.robots import read_robot
from engine.state import Decision, Now, Roster, SetRobot, Sight, State
from engine.transfers import Transfer, is_empty
from models import ZERO, Instrument, Key, Robot

LONGEST_PARAMS = 2000         # characters: the column's
LARGEST_CAPITAL = 2**31 - 1   # the column's
PRICE_PLACES = 15             # the ledger's
LARGEST_PRICE = Decimal(10) ** 15
SHOWN = 4                     # orders named in a refusal


class No(Exception):
    """Why an action cannot be done; the words go to the person who asked."""

    def __init__(self, text_: str, field: str = "") -> None:
        super().__init__(text_)
        self.text, self.field = text_, field


def decide(state: State, command: BotAction, now: Now, sight: Sight, out: Decision) -> None:
    """Do it, or say why not. A refusal leaves nothing behind."""
    made = Decision()
    try:
        if state.database_problem or sight.roster is None:
            raise No(f"the ledger cannot write: {state.database_problem}")
        _Action(state, now, sight.roster, made).do(command)
    except No as no:
        return refuse(out, command.ticket, now, no.text, no.field)
    out.rows += made.rows
    out.changes += made.changes
    out.owners |= made.owners
    return accept(out, command.ticket, now)


class _Action:
    """One action while it is decided."""

    def __init__(self, state: State, now: Now, roster: Roster, out: Decision) -> None:
        self._state, self._now, self._roster, self._out = state, now, roster, out
        self._books = {book_key(row): row for row in roster.books} | state.books
        self._number = state.number

    def do(self, command: BotAction) -> None:
        """One of the six."""
        match command:
            case NewBot():
                row = RobotRow(command.emi, command.key.symbol, command.key.category.value, command.key.market,
                               self._last_place(), command.timeframe, Decimal(command.capital), command.strategy,
                               command.params, "OFF", "")
                self._add(row, f"{command.emi} is new on {full_name(command.key)}, OFF")
            case DuplicateBot():
                robot, row = self._bot(command.emi)
                self._add(replace(row, emi=command.new, sort=self._last_place(), strategy=robot.strategy, state="OFF",
                                  reason=""), f"{command.new} is new, like {command.emi}, OFF")
            case RenameBot():
                self._rename(command)
            case MergeBot():
                self._merge(command)
            case ReassignPosition():
                self._reassign(command)
            case DeleteBot():
                self._delete(command)

    # ------------------------------------------------------------ the six

    def _add(self, row: RobotRow, words: str) -> None:
        self._check_new_name(row.emi)
        robot, reason = read_robot(row, self._state.configured, self._roster.strategies)
        if not reason and len(row.params) > LONGEST_PARAMS:
            reason = f"PARAMS has {len(row.params)} characters, {LONGEST_PARAMS} are allowed"
        if not reason and robot.capital > LARGEST_CAPITAL:
            reason = f"CAPITAL {robot.capital}: at most {LARGEST_CAPITAL}"
        reason = reason or self._roster.problem(robot) or change_problem(
            robot, self._books.values(), self._roster.instruments)
        if reason:
            raise No(reason)
        clean = replace(row, emi=robot.emi, strategy=robot.strategy)
        self._out.rows.append(RobotAdded(clean))
        self._out.changes.append(SetRobot(robot.emi, robot))
        self._out.owners.add(robot.emi)
        more = f"; the ledger's rows of {robot.emi} are its books" if self._books_of(robot.emi) else ""
        self._out.note(title_of(robot.key), words + more, emi=robot.emi)

    def _rename(self, command: RenameBot) -> None:
        robot, row = self._bot(command.emi)
        new = command.new
        self._check_new_name(new, command.emi)
        self._check_quiet(command.emi, robot.key)
        if self._books_of(new):
            raise No(f"the ledger holds rows of {new}, a bot that was deleted: take another name, or make {new} anew "
                     f"and merge {command.emi} into it", "new")
        moved = self._move_everything(command.emi, new, True)
        self._out.rows.append(RobotRenamed(command.emi, new, robot.strategy))
        _, reason = read_robot(replace(row, emi=new, strategy=robot.strategy), self._state.configured,
                               self._roster.strategies)
        self._out.changes.append(SetRobot(new, replace(robot, emi=new), reason, command.emi))
        self._out.owners.add(new)
        self._out.note(title_of(robot.key), f"{command.emi} is called {new} now{_told(moved)}", emi=new)

    def _merge(self, command: MergeBot) -> None:
        emi, into = command.emi, command.into
        taker, _ = self._bot(into, "into")
        if emi == into:
            raise No(f"{emi} cannot be merged into itself", "into")
        if ids.emi_problem(emi) is not None:
            raise No(f"{emi} is no bot: its position can be reassigned, it stays", "emi")
        robot = self._state.robots.get(emi)
        books = self._books_of(emi)
        if robot is None and not books:
            raise No(f"there is no bot {emi}, and the ledger holds nothing of it", "emi")
        if robot is not None:
            self._bot(emi)
        for key in {book.key for book in books if book.pos} - {taker.key}:
            raise No(f"{emi} holds a position in {full_name(key)}, {into} trades {full_name(taker.key)}: close or "
                     "reassign it first")
        unit, other = settle_of(taker.key, (), self._roster.instruments), self._units(emi)
        if unit and other - {unit}:
            raise No(f"{emi} is settled in {', '.join(sorted(other - {unit}))}, {into} in {unit}: their results cannot "
                     "be added up")
        self._check_quiet(emi, robot.key if robot is not None else taker.key)
        self._check_quiet(into, taker.key, stops=False)
        moved = self._move_everything(emi, into)
        if robot is not None:
            self._out.rows.append(RobotRemoved(emi))
            self._out.changes.append(SetRobot(emi, None))
        self._out.owners.add(into)
        self._out.note(title_of(taker.key), f"{emi} is merged into {into}{_told(moved)}", emi=into)

    def _reassign(self, command: ReassignPosition) -> None:
        key, emi, to = command.key, command.emi, command.to
        self._check_quiet(emi, key)
        self._check_taker(key, emi, to)
        book = next((row for row in self._books_of(emi) if row.key == key and row.pos
                     and row.account == self._state.account(key)), None)
        if book is None:
            raise No(f"{emi} holds no position in {full_name(key)}", "emi")
        qty = _quantity(book, command.qty)
        price = _price(command.price, book)
        self._move_position(book, to, qty, price)
        self._out.note(title_of(key), f"{text(qty)} {key.symbol} moved from {emi} to {to} at {text(price)}", "warning",
                       to if to in self._state.robots else emi)

    def _delete(self, command: DeleteBot) -> None:
        robot, _ = self._bot(command.emi)
        self._check_quiet(command.emi, robot.key)
        held = [book for book in self._books_of(command.emi) if book.pos]
        if held and not command.to:
            what = ", ".join(f"{text(book.pos)} {full_name(book.key)}" for book in held)
            raise No(f"{command.emi} holds {what}: close it, or say who takes it over", "to")
        for book in held:
            to = book.key.reserved if command.to == RESERVED else command.to
            self._check_taker(book.key, command.emi, to)
            self._move_position(book, to, book.pos, _price(None, book))
        self._out.rows.append(RobotRemoved(command.emi))
        self._out.changes.append(SetRobot(command.emi, None))
        given = f"; its position went to {command.to}" if held else ""
        self._out.note(title_of(robot.key), f"{command.emi} is deleted{given}. What it traded stays in the ledger",
                       "warning")

    # ------------------------------------------------------------ checks

    def _bot(self, emi: str, field: str = "emi") -> tuple[Robot, RobotRow]:
        """The bot and its row, which must be as it was read."""
        robot = self._state.robots.get(emi)
        row = next((row for row in self._roster.rows if row.emi == emi), None)
        if robot is None:
            more = ": F3 reads the rows typed by hand" if row is not None else ""
            raise No(f"there is no bot {emi}{more}", field)
        seen = read_robot(row, self._state.configured, self._roster.strategies)[0] if row is not None else None
        if row is None or seen is None or replace(seen, state=robot.state, reason=robot.reason) != robot:
            raise No(f"the row of {emi} was changed by hand since it was read: F3 first, then again", field)
        return robot, row

    def _check_new_name(self, emi: str, mine: str = "") -> None:
        """`mine`: who may take back a name it had."""
        problem = ids.emi_problem(emi)
        if problem:
            raise No(f"“{_shown(emi)}”: {problem}", "new")
        state = self._state
        owner = next((bot for bot in state.robots if emi in former_names(state.renamed, state.robots, bot)), mine)
        if owner != mine:
            raise No(f"{emi} is what {owner} was called before, and its history stands under that name: take another "
                     "one", "new")
        if emi in self._state.robots or any(row.emi == emi for row in self._roster.rows):
            more = "" if emi in self._state.robots else " (typed by hand: F3 reads it)"
            raise No(f"there is a bot {emi} already{more}", "new")

    def _check_taker(self, key: Key, emi: str, to: str) -> None:
        """A bot of this instrument, or its untagged line, that may get a position now."""
        if to == emi:
            raise No(f"{to} holds it already", "to")
        if to == key.reserved:
            return
        taker, _ = self._bot(to, "to")
        if taker.key != key:
            raise No(f"{to} trades {full_name(taker.key)}, not {full_name(key)}", "to")
        if to in self._state.robot_reasons:
            raise No(f"{to}: {self._state.robot_reasons[to]}", "to")
        self._check_quiet(to, key, stops=False)

    def _check_quiet(self, emi: str, key: Key, stops: bool = True) -> None:
        """No open orders, all fills booked, not trading by itself. `stops`: its stop at the venue counts; a taker's
        follows its position by itself."""
        state = self._state
        opened = [order for order in self._open_orders(emi, key) if stops or not is_stop(order)]
        if opened:
            names = ", ".join(order.name + (" (its stop)" if is_stop(order) else "") for order in opened[:SHOWN])
            more = f" and {len(opened) - SHOWN} more" if len(opened) > SHOWN else ""
            orders = f"{len(opened)} orders of {emi} are" if len(opened) > 1 else f"an order of {emi} is"
            raise No(f"{orders} open: {names}{more}. Cancel first: an order keeps the name it was placed under")
        if state.trading and state.is_working(emi):
            raise No(f"{emi} trades by itself: switch it OFF, or F9 OFF, first")
        for where in {(key.market, key.category), *((b.key.market, b.key.category) for b in self._books_of(emi))}:
            venue = state.venues.get(where)
            if venue is not None and venue.account and not venue.recovered:
                raise No(f"{title_of(key)} is recovering: what {emi} holds is not known for sure yet")

    def _open_orders(self, emi: str, key: Key) -> list[OrderRow]:
        """As memory and the ledger know them; of the untagged line only this instrument's are its own."""
        state = self._state
        found = {(order.key, order.name): order for order in self._roster.orders
                 if order.owner == emi and order.account != state.account(order.key)}
        for name, order in state.orders.items():
            missing = state.missing.get(name)
            waits = missing is not None and missing.asked < MISSING_TRIES
            if order.owner == emi and (waits or not order.status.is_terminal or name in state.replacing):
                found[name] = order
        return [order for order in found.values() if emi != key.reserved or order.key == key]

    # ------------------------------------------------------------ moving

    def _books_of(self, emi: str) -> list[BookRow]:
        """Its sums that are not empty, in every account."""
        return [book for book in self._books.values() if book.emi == emi and not is_empty(book)]

    def _units(self, emi: str) -> set[str]:
        """Settlement currencies of its books."""
        made = {book.key: settle_of(book.key, self._books_of(emi), self._roster.instruments)
                for book in self._books_of(emi)}
        return {unit for unit in made.values() if unit}

    def _own_account(self, book: BookRow) -> None:
        """Of an account that is not connected, orders and fills are not known."""
        if book.account != self._state.account(book.key):
            raise No(f"{book.emi} has rows in {full_name(book.key)} of account {book.account}, which is not connected "
                     "now: connect it first")

    def _transfer(self, book: BookRow, to: str) -> Transfer:
        """A new one. Its number is the next clOrdID's: those never repeat, over restarts too."""
        self._own_account(book)
        self._number += 1
        return Transfer(book.key, book.account, book.emi, to, self._number, self._now.venue, self._now.wall * 1000)

    def _book(self, transfer: Transfer, emi: str, currency: str) -> BookRow:
        name = (transfer.account, transfer.key, emi, currency)
        return self._books.get(name) or BookRow(transfer.key, transfer.account, emi, currency)

    def _move_everything(self, emi: str, to: str, is_renamed: bool = False) -> bool:
        """All books, instrument by instrument; whether there was anything."""
        mine = self._books_of(emi)
        if is_renamed and not mine:      # flat without a result, but not without a history
            mine = [book for book in self._books.values() if book.emi == emi and book.volume]
        for book in mine:
            self._own_account(book)
        for key in sorted({book.key for book in mine}):
            held = [book for book in mine if book.key == key]
            transfer = self._transfer(held[0], to)
            booking = transfers.move_everything(
                transfer, held, lambda owner, unit, transfer=transfer: self._book(  # type: ignore[misc]
                    transfer, owner, unit), is_renamed)
            self._out.rows += [*booking.coins, *booking.books]
            self._out.changes += transfers.days_moved(transfer, booking)
        self._count(bool(mine))
        return bool(mine)

    def _move_position(self, book: BookRow, to: str, qty: Decimal, price: Decimal) -> None:
        instrument = self._instrument(book.key)
        transfer = self._transfer(book, to)
        booking = transfers.move_position(transfer, instrument, qty, price,
                                          lambda owner, unit: self._book(transfer, owner, unit))
        self._out.rows += [*booking.coins, *booking.books]
        self._out.owners |= {book.emi, to}
        self._count(True)

    def _count(self, moved: bool) -> None:
        """The numbers used are not given out again."""
        self._out.rows = [row for row in self._out.rows if not isinstance(row, CounterRow)]
        if moved:
            self._out.rows.insert(0, CounterRow(ORDER_NUMBER, self._number))

    def _instrument(self, key: Key) -> Instrument:
        found = self._roster.instruments(key)
        if found is None:
            raise No(f"{full_name(key)} is not known at {title_of(key)} now: what a contract of it is worth is missing")
        return found

    def _last_place(self) -> int:
        return min(max((row.sort for row in self._roster.rows), default=0) + 1, LARGEST_CAPITAL)


def _quantity(book: BookRow, asked: Decimal | None) -> Decimal:
    """What moves, signed as it is held."""
    if asked is None:
        return book.pos
    if not asked.is_finite() or not ZERO < asked <= abs(book.pos):
        raise No(f"{book.emi} holds {text(book.pos)}: a quantity above 0, at most {text(abs(book.pos))}", "qty")
    return asked.copy_sign(book.pos)


def _price(asked: Decimal | None, book: BookRow) -> Decimal:
    """The stated price, else the giver's entry."""
    price = book.entry if asked is None else asked
    if price is None:
        raise No(f"{book.emi} has no entry price: state one", "price")
    if not price.is_finite() or not ZERO < price < LARGEST_PRICE or not is_exact(price, PRICE_PLACES):
        raise No(f"price {price}: a number above 0 with at most {PRICE_PLACES} decimals", "price")
    return price


def concerned(command: BotAction) -> tuple[str, ...]:
    """The EMIs whose books an action reads."""
    names: Iterable[str]
    match command:
        case NewBot():
            names = (command.emi,)
        case DuplicateBot() | RenameBot():
            names = (command.emi, command.new)
        case MergeBot():
            names = (command.emi, command.into)
        case ReassignPosition():
            names = (command.emi, command.to)
        case DeleteBot():
            names = (command.emi, command.to)
    return tuple(name for name in names if name)


def _told(moved: bool) -> str:
    return "; its book went along" if moved else ""


def _shown(emi: str) -> str:
    return "".join(ch if ch.isprintable() else " " for ch in emi)[:40]
