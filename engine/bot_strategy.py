"""Calls a strategy's code: times it, warns when it is slow, turns whatever it raises into one line with file:line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from engine.bot_parts import BotDesk
from models import Candle
from strategies.base import Strategy
from strategies.loader import place_of

log = logging.getLogger(__name__)

SLOW_MS = 250.0          # a call above this warns …
SLOW_AGAIN_S = 60.0      # … at most this often

T = TypeVar("T")


class StrategyFailed(Exception):
    """The strategy cannot go on; the text is the reason for SUSPENDED."""


class StrategyCalls:
    """The one strategy instance of a bot; made and used on the bot's thread only."""

    def __init__(self, desk: BotDesk) -> None:
        self._desk = desk
        self._slow_told: float | None = None
        self._file = desk.parts.loader.file(desk.row.strategy)
        self.strategy: Strategy = self._guarded(
            lambda: desk.parts.loader.make(desk.row.strategy, desk.row.params))

    def check(self, candles: tuple[Candle, ...]) -> int:
        """The strategy's signal; raises StrategyFailed."""
        desk = self._desk
        answer: object = self._guarded(lambda: self.strategy.check_signal(candles))
        if type(answer) is not int or answer not in (-1, 0, 1):
            line = type(self.strategy).check_signal.__code__.co_firstlineno
            raise StrategyFailed(f"{self._file}:{line} check_signal answered {answer!r:.40}; "
                                 f"+1, −1 and 0 are allowed")
        desk.stats = replace(desk.stats, calls=desk.stats.calls + 1, last_signal=answer)
        return answer

    def _guarded(self, call: Callable[[], T]) -> T:
        desk, clock = self._desk, self._desk.parts.clock
        begun = clock.monotonic()
        desk.stats = replace(desk.stats, busy_since=begun)
        try:
            return call()
        except BaseException as error:      # a strategy may raise anything, also SystemExit
            log.exception("bot %s: %s failed", desk.row.emi, self._file)
            raise StrategyFailed(place_of(error, self._file)) from error
        finally:
            ended = clock.monotonic()
            desk.stats = replace(desk.stats, busy_since=None, last_run=clock.wall_ms(), last_ms=(ended - begun) * 1000)
            self._warn_slow(ended)

    def _warn_slow(self, now: float) -> None:
        took = self._desk.stats.last_ms
        if took > SLOW_MS and (self._slow_told is None or now - self._slow_told >= SLOW_AGAIN_S):
            self._slow_told = now
            self._desk.say(f"{self._desk.row.strategy} took {took:.0f} ms, more than {SLOW_MS:.0f}", "warning")
