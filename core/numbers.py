"""Decimal helpers: round to tick and lot, read what people type, print without exponent."""

from __future__ import annotations

import re
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    setcontext,
)

# Sums of DECIMAL(38,15) columns need more than the default 28 digits; half-up is the ledger's rounding.
LEDGER_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_LONGEST = 40
_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(31))


def use_ledger_context() -> None:
    """Make this thread compute with the ledger's precision. Called at the top of every thread that does money."""
    setcontext(LEDGER_CONTEXT.copy())


def text(value: Decimal) -> str:
    """The number without exponent and without trailing zeros: "0.00003", "1200", "-0.5"."""
    if not value:
        return "0"
    out = format(value, "f")
    return out.rstrip("0").rstrip(".") if "." in out else out


def decimals(step: Decimal) -> int:
    """How many places a step has: 0.001 → 3, 0.50 → 1, 10 → 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def padded(value: Decimal, step: Decimal) -> str:
    """The number with exactly as many places as `step` has."""
    return format(value, f".{decimals(step)}f")


def multiple_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value`."""
    return _steps(value, step, ROUND_FLOOR) if step else value


def multiple_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `value`."""
    return _steps(value, step, ROUND_CEILING) if step else value


def _steps(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """In the ledger's precision on every thread: the window checks what people type with 28 digits only."""
    return LEDGER_CONTEXT.multiply(LEDGER_CONTEXT.divide(value, step).to_integral_value(rounding), step)


def round_to_tick(price: Decimal, tick: Decimal, buy: bool) -> Decimal:
    """A price the venue takes that is never worse than asked: buy down, sell up."""
    return multiple_down(price, tick) if buy else multiple_up(price, tick)


def round_to_lot(qty: Decimal, lot: Decimal) -> Decimal:
    """The quantity cut to whole lots, towards zero."""
    return _steps(qty, lot, ROUND_DOWN) if lot else qty


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole number of steps; never for a number of more than 60 digits of them."""
    try:
        return not step or LEDGER_CONTEXT.remainder(value, step) == 0
    except InvalidOperation:
        return False


def half_up(value: Decimal, places: int) -> Decimal:
    """Rounded to `places` decimals, halves away from zero."""
    return value.quantize(_STEPS[places], ROUND_HALF_UP, LEDGER_CONTEXT)


def is_exact(value: Decimal, places: int) -> bool:
    """Whether the number has no more than `places` decimals."""
    context = LEDGER_CONTEXT.copy()
    context.traps[Inexact] = True
    try:
        value.quantize(Decimal(1).scaleb(-places), context=context)
    except Inexact:
        return False
    return True


def read_number(typed: str) -> Decimal | str:
    """What a person typed as a number, or the sentence that says why it is none.

    Accepts plain ASCII digits with one dot, and thin or plain spaces between thousands; nothing else: no exponent,
    hexadecimal, full-width digits, comma or "nan".
    """
    cleaned = typed.strip().replace("\u2009", "").replace("\u202f", "").replace(" ", "")
    if not cleaned:
        return "type a number"
    if len(cleaned) > _LONGEST:
        return "that number is too long"
    if "," in cleaned:
        return f"“{printable(cleaned, 20)}”: write the decimal point as a dot"
    if not _PLAIN.fullmatch(cleaned):
        return f"“{printable(cleaned, 20)}” is not a plain number"
    return Decimal(cleaned)


def printable(words: str, longest: int = 200) -> str:
    """Text from outside, safe to show: control characters removed, cut to `longest`."""
    clean = "".join(ch if ch.isprintable() else " " for ch in words)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
