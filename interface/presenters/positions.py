"""The Positions tab: each instrument, and below it whose position it is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from engine.view import BotLine, PositionLine, View
from interface.presenters.bots import status_cell
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, pnl_of_position
from interface.presenters.tables import POSITIONS, owner_word
from interface.presenters.words import EMPTY, Cell, price, signed_money, signed_quantity


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A row: an instrument's position, or (`owner` is given) one owner's part of it."""

    line: PositionLine
    owner: BotLine | None = None

    @property
    def id(self) -> object:
        """What names the row."""
        return self.line.key if self.owner is None else (self.line.key, self.owner.emi)

    @property
    def part(self) -> PositionLine:
        """The position, or the owner's part of it as if it were all."""
        owner = self.owner
        return self.line if owner is None else replace(self.line, qty=owner.sums.pos, entry=owner.entry)


def position_rows(view: View) -> list[PositionRow]:
    """Each position; where it is not one owner's alone, or nobody's bot holds it, its owners below it."""
    rows = []
    for line in view.positions:
        rows.append(PositionRow(line))
        owners = [bot for bot in view.bots if bot.key == line.key and bot.sums.pos]
        if len(owners) > 1 or line.blocked or line.status:
            rows += [PositionRow(line, owner) for owner in owners]
    return rows


def _pnl(row: PositionRow, glance: Glance) -> Decimal | None:
    return pnl_of_position(row.part, glance.board)


def _owner_cell(name: str, row: PositionRow, owner: BotLine, glance: Glance) -> Cell:
    instrument = glance.board.instruments.get(row.line.key)
    if name == "symbol":
        return Cell(f"· {owner_word(owner.emi, owner.key)}", "dim")
    if name == "pos":
        return Cell(signed_quantity(owner.sums.pos, instrument), "buy" if owner.sums.pos > 0 else "sell")
    if name == "entry":
        return Cell(price(owner.entry, instrument))
    if name == "pnl":
        return signed_money(_pnl(row, glance), owner.currency)
    return status_cell(owner) if name == "split" else EMPTY


def _column(column: Column[PositionLine]) -> Column[PositionRow]:
    """The same column for both kinds of rows; however they are sorted, owners stay below their position."""
    sort: Callable[[PositionRow, Glance], Any] | None = None
    if column.sort is not None:
        read = column.sort

        def sort(row: PositionRow, glance: Glance) -> Any:
            return read(row.line, glance)

    def cell(row: PositionRow, glance: Glance) -> Cell:
        return column.cell(row.line, glance) if row.owner is None else _owner_cell(column.name, row, row.owner, glance)

    return Column(column.name, column.title, column.chars, cell, column.right, sort, column.drop, column.rest)


POSITION_ROWS: tuple[Column[PositionRow], ...] = tuple(map(_column, POSITIONS))


class PositionRows:
    """The rows of the view shown last, made anew only when it differs."""

    def __init__(self) -> None:
        self._made_from: tuple[object, object] = ((), ())
        self._rows: Sequence[PositionRow] = ()

    def of(self, view: View) -> Sequence[PositionRow]:
        """The rows of this view."""
        if view.positions is not self._made_from[0] or view.bots is not self._made_from[1]:
            self._made_from, self._rows = (view.positions, view.bots), position_rows(view)
        return self._rows
