"""The two rows of the slip, and the form's line below its buttons. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.numbers import printable, read_number
from engine.view import OrderLine
from interface.draft import Draft, Reading
from interface.presenters.abilities import SLIP_WORDS, no_post
from interface.presenters.glance import Glance
from interface.presenters.words import money, price, quantity
from models import Instrument, OrdType, Side, TimeInForce, Trigger


@dataclass(frozen=True, slots=True)
class Slip:
    """What the slip says; `tick` names what must be ticked before it sends ("" = nothing)."""

    head: str
    detail: str
    amber: bool = False
    side: Side = Side.BUY
    tick: str = ""                   # take, usual
    label: str = ""
    ticked: bool = False


def make_slip(draft: Draft, reading: Reading, glance: Glance, unusual: bool, refused: str = "") -> Slip:
    """The slip of a draft as it stands now."""
    head = order_words(draft, reading, glance.instrument)
    if reading.problems:
        return Slip(head, "▲ " + next(iter(reading.problems.values())), True, draft.side)
    tick, label, ticked = _tick(draft, reading, unusual, glance.instrument)
    if tick and not ticked:
        warn = _takes(draft, reading, glance) if tick == "take" else "▲ more than usual here"
        return Slip(head, warn, True, draft.side, tick, label, False)
    if draft.repeat:
        return Slip(head, "▲ the same order again? Enter sends it", True, draft.side)
    if refused:
        return Slip(head, "▲ " + refused, True, draft.side)
    detail = _detail(draft, reading, glance)
    return Slip(head, detail, bool(tick), draft.side, tick, label, ticked)


def order_words(draft: Draft, reading: Reading, instrument: Instrument | None) -> str:
    """Side, quantity, unit and price or condition; of a move, from where to where."""
    base = instrument.base if instrument else ""
    typed = printable(draft.qty.strip(), 14) or "?"
    number = read_number(draft.qty)
    # Digits stay as they are typed; a number is grouped only when it reads as one.
    qty = quantity(reading.qty, instrument) if reading.qty is not None and not reading.problems else typed
    if draft.order:
        target = _trigger_target(draft, reading, instrument) if draft.waits else _target(draft, reading, instrument)
        many = f"{1 + len(draft.more)} orders " if draft.more else ""
        words = f"MOVE {many}{_shown(draft.moved_from, instrument)} → {target}"
        same = isinstance(number, Decimal) and number == read_number(draft.old_qty)
        return words if same else f"{words} · {qty}"
    if draft.waits:
        return f"{draft.side.value} {qty} {base} {_condition(draft, reading, instrument)}"
    at = "at market" if draft.market else f"@ {_target(draft, reading, instrument)}"
    return f"{draft.side.value} {qty} {base} {at}"


def _condition(draft: Draft, reading: Reading, instrument: Instrument | None) -> str:
    """Type and trigger of a conditional order: “stop 60 000.0”, “TP 62 000.0 @ 61 990.0”, “trailing 1 %”."""
    word = SLIP_WORDS[draft.ord_type]
    if draft.ord_type is OrdType.TRAILING_STOP:
        return f"{word} {printable(draft.callback.strip(), 8) or '?'} %"
    at = reading.trigger.price if reading.trigger is not None else None
    shown = price(at, instrument) if at is not None else printable(draft.trigger.strip(), 14) or "?"
    return f"{word} {shown} @ {_target(draft, reading, instrument)}" if draft.ord_type.has_price else f"{word} {shown}"


def _target(draft: Draft, reading: Reading, instrument: Instrument | None) -> str:
    if reading.price is not None:
        return price(reading.price, instrument)
    return printable(draft.price.strip(), 14) or "?"


def _trigger_target(draft: Draft, reading: Reading, instrument: Instrument | None) -> str:
    """The new trigger, and of a type that has one the price it becomes a limit order at."""
    at = reading.trigger.price if reading.trigger is not None else None
    shown = price(at, instrument) if at is not None else printable(draft.trigger.strip(), 14) or "?"
    return f"{shown} @ {_target(draft, reading, instrument)}" if draft.ord_type.has_price else shown


def _shown(typed: str, instrument: Instrument | None) -> str:
    number = read_number(typed)
    return price(number, instrument) if isinstance(number, Decimal) else typed


def _tick(draft: Draft, reading: Reading, unusual: bool, instrument: Instrument | None) -> tuple[str, str, bool]:
    if reading.crosses and not draft.market and not draft.take:
        return "take", "take (T)", False
    if unusual and not draft.usual:
        return "usual", f"yes, {quantity(reading.qty, instrument)} (Y)", False
    if reading.crosses and not draft.market:
        return "take", "take (T)", True
    return "", "", False


def _takes(draft: Draft, reading: Reading, glance: Glance) -> str:
    sign = "≤" if draft.side is Side.BUY else "≥"
    qty = quantity(reading.qty, glance.instrument)
    return f"▲ takes {qty} now at {sign} {price(reading.price, glance.instrument)}"


def _detail(draft: Draft, reading: Reading, glance: Glance) -> str:
    instrument = glance.instrument
    settle = instrument.settle if instrument else ""
    parts = []
    if glance.key and draft.owner != glance.key.reserved and not draft.order:
        parts.append(draft.owner)
    parts += [f"{money(reading.value, settle)} {settle}", f"fee {money(reading.fee, settle)}"]
    flags = _flags(draft)
    if draft.waits:
        parts = [_when(draft, reading, instrument), *flags, *parts]     # what is left out first stands last
    else:
        parts += [f"takes at ≈ {price(reading.limit, instrument)}" if draft.market else "", *flags]
        if not draft.market and not reading.crosses:
            parts.append(_distance(draft, reading, glance))
    return " · ".join(part for part in parts if part)


def _flags(draft: Draft) -> list[str]:
    """Reduce-only, time in force, post-only, as far as they hold for this draft."""
    if draft.order:
        return [*(["reduce-only"] if draft.reduce else []), *(["cancelled, then placed anew"] if draft.waits else [])]
    tif = draft.tif.value if draft.ord_type.has_price and draft.tif is not TimeInForce.GTC else ""
    post = "post-only" if draft.post and not draft.take and not no_post(draft.ord_type, draft.tif) else ""
    return [word for word in ("reduce-only" if draft.reduce else "", tif, post) if word]


def _when(draft: Draft, reading: Reading, instrument: Instrument | None) -> str:
    trigger = reading.trigger or Trigger(None, None, draft.by_mark)
    return _condition_words(draft.ord_type, draft.side, trigger, instrument)


def trigger_words(line: OrderLine, instrument: Instrument | None) -> str:
    """The same of an order that waits."""
    if line.trigger is None or line.ord_type is None:
        return ""
    return _condition_words(line.ord_type, line.side, line.trigger, instrument)


def _condition_words(ord_type: OrdType, side: Side, trigger: Trigger, instrument: Instrument | None) -> str:
    """What must happen first, as a sentence: “when mark ≤ 60 000.0”."""
    source = "mark" if trigger.by_mark else "last"
    if ord_type is OrdType.TRAILING_STOP:
        begins = f" from {price(trigger.price, instrument)}" if trigger.price is not None else ""
        return f"follows {source}{begins}"
    stop = ord_type in (OrdType.STOP_MARKET, OrdType.STOP_LIMIT)
    sign = "≥" if stop == (side is Side.BUY) else "≤"
    return f"when {source} {sign} {price(trigger.price, instrument)}"


def _distance(draft: Draft, reading: Reading, glance: Glance) -> str:
    if glance.top is None or reading.price is None:
        return ""
    away = glance.top.bid - reading.price if draft.side is Side.BUY else reading.price - glance.top.ask
    if not away:
        return "at the best"
    shown = price(abs(away), glance.instrument)
    if away < 0:
        return f"{shown} inside the spread"
    return f"{shown} {'below' if draft.side is Side.BUY else 'above'} best"


def form_line(reading: Reading | None, instrument: Instrument | None, available: Decimal | None,
              leverage: Decimal | None) -> str:
    """Value, fee, margin and what is free: the one line under the form's buttons."""
    settle = instrument.settle if instrument else ""
    parts = []
    if reading is not None and reading.value is not None:
        parts.append(f"{money(reading.value, settle)} {settle}")
        parts.append(f"fee {money(reading.fee, settle)}")
        if leverage:
            parts.append(f"margin {money(reading.value / leverage, settle)}")
    if available is not None:
        parts.append(f"free {money(available, settle)}")
    return " · ".join(parts)
