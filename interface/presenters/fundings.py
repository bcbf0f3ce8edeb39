"""The columns of the Funding tab. Pure."""

from __future__ import annotations

from core.numbers import printable
from interface.history import FundingLine
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, symbol_word
from interface.presenters.tables import owner_word
from interface.presenters.words import Cell, moment, price, signed_money, signed_quantity


def _amount(line: FundingLine) -> Cell:
    """What the owner got (+) or paid (−), as gain and loss are written."""
    shown = signed_money(-line.amount, line.currency)
    return Cell(f"{shown.text} {line.currency}", shown.colour)


def _qty(line: FundingLine, glance: Glance) -> Cell:
    return Cell(signed_quantity(line.qty, glance.board.instruments.get(line.key)), "dim")


FUNDING: tuple[Column[FundingLine], ...] = (
    Column("time", "Time", 12, lambda f, g: Cell(moment(f.time, g.wall), "dim"), sort=lambda f, g: f.time),
    Column("symbol", "Symbol", 11, lambda f, g: Cell(symbol_word(f.key, g)), sort=lambda f, g: symbol_word(f.key, g)),
    Column("word", "", 8, lambda f, g: Cell("paid" if f.amount > 0 else "received", "dim"),
           sort=lambda f, g: f.amount > 0, drop=3),
    Column("amount", "Funding", 18, lambda f, g: _amount(f), True, lambda f, g: -f.amount),
    Column("qty", "Position", 11, _qty, True, lambda f, g: f.qty, drop=2),
    Column("mark", "Mark", 11, lambda f, g: Cell(price(f.mark, g.board.instruments.get(f.key)), "dim"), True,
           lambda f, g: f.mark, drop=4),
    Column("emi", "EMI", 12, lambda f, g: Cell(owner_word(f.owner, f.key)), sort=lambda f, g: f.owner),
    Column("exec_id", "execID", 14, lambda f, g: Cell(printable(f.exec_id), "dim"), sort=lambda f, g: f.exec_id,
           rest=True, drop=5),
)

