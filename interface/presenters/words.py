"""Numbers and times as the window writes them: thin spaces between thousands, no exponent, signs, UTC."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import NamedTuple

from core.cells import CONTROLS, is_number, safe_cell
from core.numbers import decimals, half_up
from core.numbers import text as plain_text
from models import Instrument, LeverageReport

THIN = "\u2009"
MINUS = "-"
UNKNOWN = "–"                     # a value nobody knows yet


class Cell(NamedTuple):
    """One cell of a table: its text, the name of its colour, and of its background ("" = the row's)."""

    text: str
    colour: str = "text"
    back: str = ""


EMPTY = Cell("")


def grouped(value: Decimal | float, places: int) -> str:
    """With exactly `places` decimals and thin spaces between thousands."""
    return f"{value:,.{places}f}".replace(",", THIN)


def price(value: Decimal | None, instrument: Instrument | None) -> str:
    """A price with the decimals of the tick (as it is, where the instrument is not known)."""
    if value is None:
        return UNKNOWN
    return grouped(value, decimals(instrument.tick)) if instrument else grouped_plain(value)


def quantity(value: Decimal | None, instrument: Instrument | None) -> str:
    """A quantity with the decimals of the lot."""
    if value is None:
        return UNKNOWN
    return grouped(value, decimals(instrument.lot)) if instrument else grouped_plain(value)


def grouped_plain(value: Decimal) -> str:
    """All the decimals it has, grouped."""
    whole, dot, rest = plain_text(value).partition(".")
    return grouped(Decimal(whole), 0) + dot + rest if whole not in ("-0", "0") else whole + dot + rest


def money(value: Decimal | None, currency: str = "") -> str:
    """An amount of a currency: 2 decimals for dollars and their like, as many as needed (up to 8) for coins."""
    if value is None:
        return UNKNOWN
    places = money_places(currency)
    return grouped(half_up(value, places), places) if places == 2 else grouped_plain(half_up(value, places))


def money_places(currency: str) -> int:
    """How many decimals an amount of this currency is written with, at most."""
    return 2 if not currency or "USD" in currency.upper() or currency.upper() in ("EUR", "DAI") else 8


def leverage_word(report: LeverageReport | None) -> str:
    """10× cross, 25× isolated; only what is known."""
    if report is None or report.leverage is None:
        return "leverage " + UNKNOWN
    margin = "" if report.isolated is None else " isolated" if report.isolated else " cross"
    return f"{grouped_plain(half_up(report.leverage, 2).normalize())}×{margin}"


def signed_money(value: Decimal | None, currency: str = "") -> Cell:
    """An amount with its sign, coloured as gain or loss."""
    if value is None:
        return Cell(UNKNOWN, "dim")
    shown = half_up(value, money_places(currency))
    if not shown:
        return Cell(money(abs(shown), currency), "dim")
    return Cell(("+" if shown > 0 else "") + money(shown, currency), "buy" if shown > 0 else "sell")


def signed_quantity(value: Decimal, instrument: Instrument | None) -> str:
    """+0.250, -12, 0.000."""
    return ("+" if value > 0 else "") + quantity(value, instrument)


def percent(value: Decimal, places: int = 2) -> str:
    """+1.84 %."""
    return f"{value:+.{places}f} %"


def clock(ms: int, millis: bool = False) -> str:
    """HH:MM:SS UTC, with milliseconds where asked."""
    made = time.strftime("%H:%M:%S", time.gmtime(ms / 1000))
    return f"{made}.{ms % 1000:03d}" if millis else made


def moment(ms: int, now: int) -> str:
    """The time of day, with the date before it when it was another day."""
    if ms // 86_400_000 == now // 86_400_000:
        return clock(ms)
    return time.strftime("%d %b %H:%M", time.gmtime(ms / 1000))


def countdown(ms: int) -> str:
    """HH:MM left, or MM:SS below an hour."""
    seconds = max(0, ms // 1000)
    if seconds >= 3600:
        return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def age(seconds: float) -> str:
    """6.4 s, 3:07, 2 h."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
    return f"{int(seconds) // 3600} h"


def cut(text: str, chars: int) -> str:
    """At most `chars` characters, the last one … where something was left out."""
    return text if len(text) <= chars else text[: max(0, chars - 1)] + "…"


def csv_field(text: str) -> str:
    """A cell safe in a spreadsheet: what could be read as a formula gets an apostrophe, unless it is a number."""
    bare = text.replace(THIN, "").strip()
    if text[:1] in CONTROLS:
        bare = bare if is_number(bare) else "'" + bare
    else:
        bare = safe_cell(bare)
    bare = bare.removeprefix("+") if is_number(bare) else bare
    if any(ch in bare for ch in ',"\n\r'):
        bare = '"' + bare.replace('"', '""') + '"'
    return bare
