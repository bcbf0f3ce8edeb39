"""The Bots panel: its columns, its sums, what a status looks like. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal

from core.numbers import printable
from engine.view import BotLine, Leg, View
from interface.history import DayLine
from interface.presenters.columns import Column
from interface.presenters.glance import Glance, pnl_of_bot, symbol_word
from interface.presenters.tables import owner_word
from interface.presenters.words import Cell, grouped_plain, money, signed_money, signed_quantity

_MARKS = {"WORK": ("●", "buy"), "OFF": ("■", "dim"), "SUSPENDED": ("▲", "warning")}
RED = ("OFF", "NOT DEFINED", "NOT IN LIST", "SUSPENDED")


def is_bot(line: BotLine) -> bool:
    """A row of `robots`, which can be switched; not a line of untagged orders."""
    return line.status in ("WORK", "OFF", "SUSPENDED")


def status_cell(line: BotLine) -> Cell:
    """The status; red where somebody has to look."""
    red = line.status in RED or (line.status == "RESERVED" and bool(line.sums.pos))
    return Cell(line.status, "error" if red else "buy" if line.status == "WORK" else "dim")


def mark_cell(line: BotLine) -> Cell:
    """● works, ■ off, ▲ needs a look."""
    mark, colour = _MARKS.get(line.status, ("▲" if line.status.startswith("NOT") else "·", "dim"))
    return Cell(mark, colour)


def last_event(line: BotLine) -> Cell:
    """What happened last; the reason first when it is suspended."""
    if line.reason:
        return Cell(printable(line.reason), "warning")
    short = line.last_event.replace("EXECUTION ", "").replace(f" {line.key.symbol}", "")
    return Cell(printable(short), "dim")


def _pos(line: BotLine, glance: Glance) -> Cell:
    instrument = glance.board.instruments.get(line.key)
    colour = "buy" if line.sums.pos > 0 else "sell" if line.sums.pos < 0 else "dim"
    return Cell(signed_quantity(line.sums.pos, instrument), colour)


def _day(line: BotLine, glance: Glance) -> Cell:
    return signed_money(pnl_of_bot(line, glance.board)[0], line.currency)


def _total(line: BotLine, glance: Glance) -> Cell:
    return signed_money(pnl_of_bot(line, glance.board)[1], line.currency)


def _capital(line: BotLine) -> Cell:
    if not line.capital:
        return Cell("")
    quantity = f" {grouped_plain(line.quantity)}" if line.quantity is not None else ""
    return Cell(f"{line.capital}×{quantity}", "dim")


BOTS: tuple[Column[BotLine], ...] = (
    Column("mark", "", 1, lambda b, g: mark_cell(b)),
    Column("emi", "EMI", 12, lambda b, g: Cell(owner_word(b.emi, b.key)), sort=lambda b, g: b.emi),
    Column("symbol", "Symbol", 11, lambda b, g: Cell(symbol_word(b.key, g)),
           sort=lambda b, g: symbol_word(b.key, g), drop=2),
    Column("timeframe", "TF", 4, lambda b, g: Cell(b.timeframe, "dim"), sort=lambda b, g: b.timeframe,
           drop=4),
    Column("status", "Status", 12, lambda b, g: status_cell(b), sort=lambda b, g: b.status),
    Column("capital", "Capital", 9, lambda b, g: _capital(b), True, lambda b, g: b.capital, drop=9),
    Column("pos", "Pos", 9, _pos, True, lambda b, g: b.sums.pos),
    Column("orders", "Ord", 3, lambda b, g: Cell(str(b.orders) if b.orders else "", "dim"), True,
           lambda b, g: b.orders, drop=3),
    Column("volume", "Vol", 9, lambda b, g: Cell(grouped_plain(b.sums.volume), "dim"), True,
           lambda b, g: b.sums.volume, drop=8),
    Column("day", "PnL day", 11, _day, True, lambda b, g: pnl_of_bot(b, g.board)[0]),
    Column("total", "PnL", 12, _total, True, lambda b, g: pnl_of_bot(b, g.board)[1]),
    Column("fees", "Fees", 11, lambda b, g: Cell(money(b.sums.fees, b.currency), "dim"), True,
           lambda b, g: b.sums.fees, drop=7),
    Column("funding", "Funding", 11, lambda b, g: Cell(money(b.sums.funding, b.currency), "dim"), True,
           lambda b, g: b.sums.funding, drop=10),
    Column("event", "Last event", 12, lambda b, g: last_event(b), rest=True, drop=5),
)


def leg_words(leg: Leg) -> str:
    """What an owner's books hold in one currency: the sum of its trades, fees and funding apart."""
    sums = leg.sums
    net, before = (s.sumreal - s.fees - s.funding for s in (sums, leg.day))
    return (f"{signed_money(net, leg.currency).text} (day {signed_money(net - before, leg.currency).text}, "
            f"fees {money(sums.fees, leg.currency)}, funding {money(sums.funding, leg.currency)})")


def day_rows(days: Sequence[DayLine], market: str) -> list[tuple[str, Cell]]:
    """What each day brought in each currency, the newest first: its value at the end less that of the day before."""
    rows: list[tuple[int, str, Cell]] = []
    before: dict[str, Decimal] = {}
    for line in sorted((line for line in days if line.market == market), key=lambda line: line.time):
        if line.currency in before:
            gained = signed_money(line.value - before[line.currency], line.currency)
            rows.append((line.time, f"{_day_word(line.time)} {line.currency}", gained))
        before[line.currency] = line.value
    return [(words, cell) for _time, words, cell in sorted(rows, key=lambda row: -row[0])]


def _day_word(midnight: int) -> str:
    """The day that this midnight ends."""
    return time.strftime("%d %b", time.gmtime(midnight / 1000 - 1))


def bots_words(view: View | None, glance: Glance) -> tuple[str, list[tuple[str, Cell]]]:
    """“2 of 3 WORK”, and day and total by currency."""
    lines = view.bots if view else ()
    bots = [line for line in lines if is_bot(line)]
    if not bots:
        return "", []
    working = sum(line.status == "WORK" for line in bots)
    sums: dict[str, list[Decimal]] = {}
    for line in lines:
        day, total = pnl_of_bot(line, glance.board)
        known = sums.setdefault(line.currency, [Decimal(0), Decimal(0)])
        known[0] += day or Decimal(0)
        known[1] += total or Decimal(0)
    parts = []
    for currency, (day, total) in list(sums.items())[:2]:
        parts.append((f"day {currency}", signed_money(day, currency)))
        parts.append((f"total {currency}", signed_money(total, currency)))
    return f"{working} of {len(bots)} WORK", parts
