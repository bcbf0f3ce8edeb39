"""What a person can do with bots: the fields to fill, what will happen to orders and ledger rows, the command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.numbers import read_number, text
from core.titles import full_name
from engine.commands import (
    RESERVED,
    Command,
    DeleteBot,
    DuplicateBot,
    MergeBot,
    NewBot,
    ReassignPosition,
    RenameBot,
)
from engine.view import BotLine, View
from interface.presenters.bots import is_bot
from interface.presenters.tables import owner_word
from models import TIMEFRAMES, Key

NO_STRATEGY = "none: it only keeps books"


@dataclass(frozen=True, slots=True)
class Field:
    """One entry; with `choices` one of them."""

    name: str
    label: str
    value: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why what was typed cannot be asked."""

    text: str
    field: str = ""


Typed = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ActionForm:
    """One action, ready to be shown. `make` gives the command of what was typed, with a ticket."""

    name: str
    title: str
    button: str
    sentences: tuple[str, ...]
    fields: tuple[Field, ...]
    make: Callable[[Typed, str], Command | Wrong]
    line: BotLine | None = None          # whose orders have to be cancelled first
    danger: bool = False


def open_orders(line: BotLine, view: View | None) -> int:
    """Orders that hold this owner; of the untagged line only those of its instrument."""
    return sum(1 for order in view.orders if order.owner == line.emi and (is_bot(line) or order.key == line.key)
               ) if view is not None else 0


def forms_of(line: BotLine | None, view: View | None, timeframe: str = "1m") -> dict[str, ActionForm | str]:
    """By the word on its button: the form, or why this cannot be done with the selected line."""
    if view is None:
        return {}
    made: dict[str, ActionForm | str] = {"New…": new_form(line, view, timeframe)}
    if line is None:
        return made
    no_bot = "" if is_bot(line) else f"{owner_word(line.emi, line.key)} is no bot"
    made["Duplicate…"] = no_bot or duplicate_form(line)
    made["Rename…"] = no_bot or rename_form(line, view)
    is_reserved = line.emi == line.key.reserved
    made["Merge…"] = no_bot if is_reserved else merge_form(line, view)
    made["Reassign…"] = reassign_form(line, view) if line.sums.pos else f"{_name(line)} holds no position"
    made["Delete…"] = no_bot or delete_form(line, view)
    return made


# ---------------------------------------------------------------- the six


def new_form(line: BotLine | None, view: View, timeframe: str) -> ActionForm:
    """A new bot; the symbol of the selected line is proposed."""
    keys = {full_name(key): key for key in view.configured}
    first = full_name(line.key) if line is not None and line.key in view.configured else next(iter(keys), "")

    def make(typed: Typed, ticket: str) -> Command | Wrong:
        key = keys.get(typed["symbol"])
        if key is None:
            return Wrong("No symbol is configured: Ctrl+K adds one, F8 has the lists.", "symbol")
        capital = _whole(typed["capital"])
        if capital is None:
            return Wrong("CAPITAL: a whole number of smallest quantities, 1 or more", "capital")
        strategy = typed["strategy"] if typed["strategy"] != NO_STRATEGY else ""
        return NewBot(ticket, typed["new"].strip(), key, TIMEFRAMES[typed["timeframe"]] // 60_000, capital, strategy,
                      typed["params"].strip())
    return ActionForm(
        "new", "New bot", "Make it",
        ("A new row of `robots`. The bot is OFF until you switch it on, and trades only with F9 ON.",),
        (Field("new", "EMI", hint="a letter, then letters, digits or “_”, at most 20"),
         Field("symbol", "Symbol", first, tuple(keys)),
         Field("timeframe", "Timeframe", timeframe, tuple(TIMEFRAMES)),
         Field("capital", "CAPITAL", "1", hint="× the smallest quantity"),
         Field("strategy", "Strategy", NO_STRATEGY, (NO_STRATEGY, *view.strategies)),
         Field("params", "PARAMS", hint="JSON such as {\"fast\": 10}; empty: the defaults")), make)


def duplicate_form(line: BotLine) -> ActionForm:
    """Another bot like this one."""
    return ActionForm(
        "duplicate", f"Duplicate {line.emi}", "Duplicate",
        (f"A new bot with the symbol, timeframe, CAPITAL, strategy and parameters of {line.emi}. It is OFF and has no "
         "books: position and results stay where they are.",),
        (Field("new", "EMI of the new one"),),
        lambda typed, ticket: DuplicateBot(ticket, line.emi, typed["new"].strip()))


def rename_form(line: BotLine, view: View) -> ActionForm:
    """Another name for a bot and its whole book."""
    return ActionForm(
        "rename", f"Rename {line.emi}", "Rename",
        (f"{_book(line)} moves to the new name: pairs of ledger rows take it from the old one and give it to the new "
         "one. The account's sums do not change, nothing is sent to the exchange, no row is edited.",
         "What it traded under the old name stays its history, and the name is not given to another bot. A fill of an "
         f"old order that arrives late is booked to {line.key.reserved}.", _orders(line, view)),
        (Field("new", "New EMI", line.emi),),
        lambda typed, ticket: RenameBot(ticket, line.emi, typed["new"].strip()), line)


def merge_form(line: BotLine, view: View) -> ActionForm | str:
    """Everything of one bot to another."""
    others = tuple(sorted(other.emi for other in view.bots if is_bot(other) and other.emi != line.emi))
    if not others:
        return "there is no other bot"
    proposed = next((other.emi for other in view.bots if other.emi in others and other.key == line.key), others[0])
    gone = f" The row of {line.emi} in `robots` goes." if is_bot(line) else ""
    return ActionForm(
        "merge", f"Merge {line.emi} into another bot", "Merge",
        (f"{_book(line)} goes to the other bot, results included, in pairs of ledger rows. The account's sums do not "
         f"change, nothing is sent to the exchange.{gone} It cannot be taken apart again.", _orders(line, view)),
        (Field("into", "Into", proposed, others),),
        lambda typed, ticket: MergeBot(ticket, line.emi, typed["into"]), line, danger=True)


def reassign_form(line: BotLine, view: View) -> ActionForm:
    """A position to another owner."""
    takers = _takers(line, view)
    price = text(line.entry) if line.entry is not None else ""

    def make(typed: Typed, ticket: str) -> Command | Wrong:
        numbers = {}
        for name in ("qty", "price"):
            read = read_number(typed[name]) if typed[name].strip() else None
            if isinstance(read, str):
                return Wrong(read, name)
            numbers[name] = read
        return ReassignPosition(ticket, line.key, line.emi, _owner(typed["to"], line.key), numbers["qty"],
                                numbers["price"])
    return ActionForm(
        "reassign", f"Reassign the position of {_name(line)}", "Reassign",
        (f"{_name(line)} holds {_signed(line.sums.pos)} {line.key.symbol}. It goes to the other owner at the price "
         f"below, as if the two had traded with each other; what {_name(line)} has earned so far stays its own. At its "
         "entry price nobody wins or loses. Nothing is sent to the exchange.", _orders(line, view)),
        (Field("to", "To", takers[0] if takers else "", takers),
         Field("qty", "Qty", text(abs(line.sums.pos)), hint=f"at most {text(abs(line.sums.pos))}"),
         Field("price", "Price", price, hint="the entry unless you type another")), make, line)


def delete_form(line: BotLine, view: View) -> ActionForm:
    """Away with the row."""
    heirs = _takers(line, view)
    fields = (Field("to", "Its position goes to", heirs[0], heirs),) if line.sums.pos else ()
    held = (f"It holds {_signed(line.sums.pos)} {line.key.symbol}: that goes to the owner below at its entry price."
            if line.sums.pos else "It is flat.")
    return ActionForm(
        "delete", f"Delete {line.emi}", "Delete",
        (f"The row of {line.emi} in `robots` goes, with its strategy's choice and parameters. {held}",
         "What it traded stays in the ledger under its name: a bot of the same name would continue there.",
         _orders(line, view)), fields,
        lambda typed, ticket: DeleteBot(ticket, line.emi, typed.get("to", "")), line, danger=True)


# ---------------------------------------------------------------- words


def _name(line: BotLine) -> str:
    return owner_word(line.emi, line.key)


def _book(line: BotLine) -> str:
    """"The whole book of grid1 (position +0.25 BTCUSDT, results, fees, funding)"."""
    held = f"position {_signed(line.sums.pos)} {line.key.symbol}" if line.sums.pos else "no position"
    return f"The whole book of {line.emi} ({held}, results, fees, funding)"


def _orders(line: BotLine, view: View) -> str:
    """What stands in the way."""
    count = open_orders(line, view)
    if not count:
        return f"No order of {_name(line)} is open."
    orders = f"{count} orders of {_name(line)} are" if count > 1 else f"An order of {_name(line)} is"
    return (f"▲ {orders} open, a stop at the venue counts too: cancel first. An order keeps the name it was placed "
            "under.")


def _takers(line: BotLine, view: View) -> tuple[str, ...]:
    """Who may get a position of this instrument."""
    bots = tuple(sorted(other.emi for other in view.bots if is_bot(other) and other.key == line.key
                        and other.emi != line.emi))
    return bots if line.emi == line.key.reserved else (RESERVED, *bots)


def _owner(word: str, key: Key) -> str:
    return key.reserved if word == RESERVED else word


def _signed(value: Decimal) -> str:
    return f"{'+' if value > 0 else ''}{text(value)}"


def _whole(typed: str) -> int | None:
    read = read_number(typed)
    if isinstance(read, str) or read != read.to_integral_value() or not 1 <= read < 2**31:
        return None
    return int(read)
