"""What a bot does about a signal and a price. Pure: the same question always has the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.numbers import round_to_lot, text
from models import ZERO, BotPosition, Category, Instrument, Side
from risk.sizing import too_much
from strategies.base import Strategy

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a bot's parameters and its instrument decides."""

    instrument: Instrument
    take_profit: Decimal = ZERO      # percent of the entry, 0 = off
    stop_loss: Decimal = ZERO
    reverse: bool = False

    @classmethod
    def of(cls, strategy: Strategy, instrument: Instrument) -> Rules:
        """The rules a strategy's common parameters declare."""
        return cls(instrument, strategy.take_profit, strategy.stop_loss, strategy.reverse)


@dataclass(frozen=True, slots=True)
class Act:
    """One MARKET order to ask for. `is_exit`: a take-profit or stop-loss, not a signal."""

    side: Side
    qty: Decimal
    reduce_only: bool
    why: str
    is_exit: bool = False


def decide(rules: Rules, position: BotPosition, signal: int, price: Decimal, entry: Decimal | str) -> Act | str | None:
    """The order to ask for, None for nothing, or the sentence why the wanted order cannot be.

    `entry` is the quantity of a new position, or why there is none. A bot with open orders does nothing.
    """
    if position.open_orders:
        return None
    if not round_to_lot(position.qty, rules.instrument.lot):   # less than a lot is dust of fees: cannot be closed
        return _open(rules, signal, entry)
    reason = exit_reason(rules, position, price)
    if reason:
        return _close(rules, position, reason, is_exit=True)
    if signal * position.qty >= 0:
        return None
    if rules.reverse and not _is_spot(rules):
        return _turn(rules, position, entry)
    return _close(rules, position, "opposite signal closes")


def exit_reason(rules: Rules, position: BotPosition, price: Decimal) -> str:
    """"take profit …" or "stop loss …" when the price has reached one, else "". A stop at the venue acts by itself."""
    if not position.qty or position.entry is None:
        return ""
    gain = price - position.entry if position.qty > 0 else position.entry - price
    percent = gain * HUNDRED
    if rules.take_profit > 0 and percent >= rules.take_profit * position.entry:
        return f"take profit {text(rules.take_profit)} %"
    if not position.stopped and rules.stop_loss > 0 and -percent >= rules.stop_loss * position.entry:
        return f"stop loss {text(rules.stop_loss)} %"
    return ""


def _open(rules: Rules, signal: int, entry: Decimal | str) -> Act | str | None:
    if not signal or (signal < 0 and _is_spot(rules)):
        return None
    if isinstance(entry, str):
        return entry
    return Act(Side.BUY if signal > 0 else Side.SELL, entry, False, "signal opens")


def _close(rules: Rules, position: BotPosition, why: str, is_exit: bool = False) -> Act:
    qty = round_to_lot(abs(position.qty), rules.instrument.lot)
    if rules.instrument.market_max_qty:
        qty = min(qty, rules.instrument.market_max_qty)     # the rest with the next decision
    return Act(_closing_side(position), qty, True, why, is_exit)


def _turn(rules: Rules, position: BotPosition, entry: Decimal | str) -> Act:
    """One order through zero; where that cannot be, at least out of the wrong side."""
    if isinstance(entry, str):
        return _close(rules, position, f"opposite signal closes, no turn: {entry}")
    held = round_to_lot(abs(position.qty), rules.instrument.lot)
    problem = too_much(rules.instrument, held + entry, f"{text(held)} + {text(entry)}")
    if problem:
        return _close(rules, position, f"opposite signal closes, no turn: {problem}")
    return Act(_closing_side(position), held + entry, False, "opposite signal turns")


def _closing_side(position: BotPosition) -> Side:
    return Side.SELL if position.qty > 0 else Side.BUY


def _is_spot(rules: Rules) -> bool:
    return rules.instrument.key.category is Category.SPOT
