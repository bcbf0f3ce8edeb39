"""Rows of `robots`, as a person may have typed them → bots. A bad row is a bot with a reason, never a failed start."""

from __future__ import annotations

import json
from collections.abc import Collection
from decimal import Decimal

from core.ids import emi_problem
from core.numbers import printable
from core.rows import CATEGORY_OF, RobotRow
from models import TIMEFRAMES, BotState, Category, Key, Robot

_BY_MINUTES = {ms // 60_000: name for name, ms in TIMEFRAMES.items()}


def read_robot(row: RobotRow, configured: Collection[Key], strategies: Collection[str]) -> tuple[Robot, str]:
    """The bot of a row, and why it cannot run ("" = it can)."""
    category = CATEGORY_OF.get(row.category.strip().lower())
    key = Key(row.market.strip(), category or Category.LINEAR, row.symbol.strip().upper())
    params, params_problem = _params(row.params)
    name = row.strategy.strip() or (row.emi.lower() if row.emi.lower() in strategies else "")
    state, state_problem = _state(row.state)
    timeframe = _BY_MINUTES.get(row.timefr, "")
    is_whole = row.capital.is_finite() and row.capital == row.capital.to_integral_value()
    capital = int(row.capital) if is_whole else 0
    problems = (
        emi_problem(row.emi),
        None if category else f"CATEGORY {printable(row.category, 20)!r}: one of {', '.join(CATEGORY_OF)}",
        None if key in configured else f"{key.symbol} is not in the list: add it to "
                                       f"{key.category.value.upper()}_SYMBOLS in .env.{key.market}",
        f"{printable(row.odd, 60)}: a whole number is needed" if row.odd else None,
        None if timeframe else f"TIMEFR {row.timefr}: minutes, one of {', '.join(str(m) for m in _BY_MINUTES)}",
        None if capital >= 1
        else f"CAPITAL {row.capital}: a whole number of smallest quantities, 1 or more",
        params_problem, state_problem,
        None if not name or name in strategies else f"there is no strategy “{printable(name, 40)}” in strategies/",
    )
    reason = next((p for p in problems if p), "")
    robot = Robot(emi=row.emi, key=key, sort=row.sort, timeframe=timeframe or "1m",
                  capital=max(1, capital), strategy=name, params=params, state=state, reason=row.reason)
    return robot, reason


def _params(typed: str) -> tuple[dict[str, object], str | None]:
    if not typed.strip():
        return {}, None
    try:
        read = json.loads(typed, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}, f"PARAMS is no JSON: {printable(typed, 60)}"
    if not isinstance(read, dict):
        return {}, f"PARAMS must be a JSON object such as {{\"fast\": 10}}, not {printable(typed, 60)}"
    return read, None


def _state(typed: str) -> tuple[BotState, str | None]:
    try:
        return BotState(typed.strip().upper() or "WORK"), None
    except ValueError:
        return BotState.SUSPENDED, f"STATE {printable(typed, 20)!r}: WORK, OFF or SUSPENDED"
