"""The Account panel: each currency's balance, and below it the proof of its books (CONTROL). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.titles import tail_of
from engine.view import AccountLine, account_result, not_compared
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, tops_of
from interface.presenters.words import EMPTY, UNKNOWN, Cell, grouped_plain, money, signed_money
from models import Key


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of the panel: a currency, or (`is_proof`) the CONTROL of the currency above it."""

    line: AccountLine
    is_proof: bool = False

    @property
    def id(self) -> tuple[object, ...]:
        """What names the row."""
        return self.line.market, self.line.category, self.line.currency, self.is_proof


def account_rows(lines: Sequence[AccountLine]) -> list[AccountRow]:
    """A currency, then its proof."""
    return [AccountRow(line, is_proof) for line in lines for is_proof in (False, True)]


def result_of(line: AccountLine, glance: Glance) -> Decimal | None:
    """RESULT, at the prices of now."""
    board = glance.board

    def multiplier(key: Key) -> Decimal | None:
        instrument = board.instruments.get(key) or board.listed.get(key)
        return instrument.multiplier if instrument else None

    return account_result(line, multiplier, lambda key: tops_of(glance.board, key))


def control_cell(line: AccountLine) -> Cell:
    """CONTROL 10 000.00 ✓; the difference first when the books do not explain what the venue holds; … while unknown."""
    if line.control is None:
        return Cell("CONTROL …", "dim")
    if line.unread:
        return Cell(f"CONTROL – not compared: {', '.join(key.symbol for key in line.unread)}", "dim")
    amount = money(line.control, line.currency)
    if line.agrees is None:
        return Cell(f"CONTROL {amount} …", "dim")
    if line.agrees:
        return Cell(f"CONTROL {amount} ✓")
    return Cell(f"▲ off {_exact(line.off)}  CONTROL {amount}", "warning")


def _exact(value: Decimal) -> str:
    """With its sign and every digit: a difference is often smaller than what amounts are rounded to."""
    return ("+" if value > 0 else "") + grouped_plain(value.normalize())


def _asset(row: AccountRow, glance: Glance) -> Cell:
    """The currency; where several products hold it, with what tells them apart."""
    line = row.line
    if row.is_proof:
        return control_cell(line)
    holders = glance.view.balances if glance.view else ()
    is_alone = sum(other.currency == line.currency for other in holders) < 2
    return Cell(line.currency if is_alone else line.currency + tail_of(line.market, line.category))


def _balance(line: AccountLine) -> Decimal | None:
    return line.margin_balance if line.margin_balance is not None else line.wallet


def _leverage(line: AccountLine) -> str:
    return f"{grouped_plain(line.leverage)}×" if line.leverage is not None else UNKNOWN


def _column(name: str, title: str, chars: int, cell: Callable[[AccountLine, Glance], Cell],
            drop: int = 0) -> Column[AccountRow]:
    """A column of numbers; the row of the proof has none, and stays below its currency however the table is sorted."""
    return Column(name, title, chars, lambda row, glance: EMPTY if row.is_proof else cell(row.line, glance), True,
                  _order, drop)


def _order(row: AccountRow, _glance: Glance) -> tuple[object, ...]:
    return row.line.currency, row.line.market, row.line.category.value, row.is_proof


ACCOUNT: tuple[Column[AccountRow], ...] = (
    Column("currency", "Asset", 7, _asset, sort=_order),
    _column("margin", "Balance", 12, lambda a, g: Cell(money(_balance(a), a.currency))),
    _column("available", "Available", 11, lambda a, g: Cell(money(a.available, a.currency)), 1),
    _column("leverage", "Lev", 6, lambda a, g: Cell(_leverage(a), "dim"), 6),
    _column("result", "RESULT", 12, lambda a, g: signed_money(result_of(a, g), a.currency), 2),
    _column("commission", "COMMISS", 11, lambda a, g: Cell(money(a.commission, a.currency), "dim"), 3),
    _column("funding", "FUNDING", 11, lambda a, g: Cell(money(a.funding, a.currency), "dim"), 4),
)


def account_facts(line: AccountLine, glance: Glance) -> list[tuple[str, Cell]]:
    """Everything known of one currency, and how CONTROL comes about, for its sheet."""
    def amount(value: Decimal | None) -> Cell:
        return Cell(money(value, line.currency))

    facts = [("MARGINBAL", amount(line.margin_balance)), ("Wallet", amount(line.wallet)),
             ("AVAILABLE", amount(line.available)), ("LEVERAGE", Cell(_leverage(line))),
             ("RESULT", signed_money(result_of(line, glance), line.currency)),
             ("COMMISS", amount(line.commission)), ("FUNDING", amount(line.funding)),
             ("CONTROL", _alone(control_cell(line)))]
    if line.control is None:
        return [*facts, ("", Cell("What the venue holds is compared with the books once all trades, fundings and "
                                  "transfers were read, then each minute.", "dim"))]
    if line.unread:
        return [*facts, ("", Cell(f"Not compared: {not_compared(line.unread, line.currency)}.", "dim"))]
    facts += [("opening balance", Cell(grouped_plain(line.opening.normalize()))),
              ("transfers since", Cell(_exact(line.moved))),
              ("not explained", Cell(_exact(line.off), "text" if line.agrees is not False else "warning")),
              ("allowed", Cell(f"{grouped_plain(line.tolerance.normalize())} (the venue rounds each fill)", "dim"))]
    return [*facts, ("", Cell(_meaning(line), "warning" if line.agrees is False else "dim"))]


def _alone(cell: Cell) -> Cell:
    """Beside its own name."""
    return cell._replace(text=cell.text.replace("CONTROL ", ""))


def _meaning(line: AccountLine) -> str:
    if line.agrees is None:
        return "They differ just now; a fill or a transfer on its way explains that. Compared again within a minute."
    if line.agrees:
        return "CONTROL = wallet − trades + fees + funding. It equals the opening balance and the transfers: every " \
               "unit is explained."
    return "The venue holds another amount than the opening balance, transfers, trades, fees and funding explain. " \
           "Nothing is blocked. “main.py ledger check” compares every row; F5 asks the venue again."
