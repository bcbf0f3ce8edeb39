"""All bots: one thread per row of `robots` that can run. `Bots` belongs to the engine's thread.

`on_candle` is called by the streams' threads, `stats`, `last_event` and `stuck` by anybody; they read tuples and
dicts that are replaced whole.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

from core.ids import emi_problem
from core.numbers import printable
from engine.bot_parts import BotDesk, BotParts, BotStats, Published
from engine.bot_rules import Act, Rules, decide
from engine.bot_runner import BotRunner
from models import TIMEFRAMES, BotPosition, BotState, CandleSeries, Key, Robot

__all__ = ["Act", "BotParts", "BotStats", "Bots", "Rules", "decide"]

STUCK_S = 30.0           # a strategy's code that runs longer than this is shown as stuck
FORGIVE_S = 1.0          # until then a failed bot's row may still say WORK because the suspension is on its way


class Bots:
    """Starts, replaces and stops the bots' threads so that they match the rows."""

    def __init__(self, parts: BotParts) -> None:
        self._parts = parts
        self._is_on = False
        self._is_stopped = False
        self._count = itertools.count(1)
        self._published: dict[str, Published] = {}
        self._runners: dict[str, BotRunner] = {}
        self._routes: dict[tuple[Key, str], tuple[BotRunner, ...]] = {}
        self._retired: list[BotRunner] = []      # told to end, and not yet seen ended

    def sync(self, robots: tuple[Robot, ...]) -> dict[str, str]:
        """Match the threads to the rows; gives EMI → reason for the rows that cannot run. Runs no strategy code."""
        if self._is_stopped:
            return {}
        problems = {row.emi: problem for row in robots if row.strategy and (problem := self.problem(row))}
        runnable = {row.emi: row for row in robots if row.strategy and row.emi not in problems}
        runners = {emi: runner for emi, row in runnable.items() if (runner := self._runner(row)) is not None}
        kept = set(runners.values())
        for runner in self._runners.values():
            if runner not in kept:
                runner.stop()
                self._retired.append(runner)
        started = [runner for emi, runner in runners.items() if self._runners.get(emi) is not runner]
        self._retired = [runner for runner in self._retired if runner.is_alive]
        self._runners = runners
        self._routes = _routes(runners)
        for runner in started:
            self._parts.want_candles(runner.desk.row.key, runner.desk.row.timeframe)
            runner.start()
        return problems

    def set_trading(self, on: bool) -> None:
        """F9: whether any bot may ask for orders; the strategies are called either way."""
        self._is_on = on

    def publish(self, emi: str, position: BotPosition) -> None:
        """A bot's own book after a commit that concerns it; for every bot once before trading is switched on."""
        published = self._published.get(emi, Published()).then(position)
        self._published[emi] = published
        runner = self._runners.get(emi)
        if runner is not None:
            runner.publish(published)

    def on_candle(self, key: Key, timeframe: str, series: CandleSeries, closed: bool) -> None:
        """A newer series; `closed`: it has a closed candle more than the one before."""
        for runner in self._routes.get((key, timeframe), ()):
            runner.hand(series, closed)

    def stop(self) -> None:
        """Tell all threads to end; no bot asks for an order after this. Does not wait."""
        self._is_stopped, self._is_on = True, False
        for runner in self._all():
            runner.stop()

    def join(self, timeout: float) -> tuple[str, ...]:
        """Wait for all threads, this long altogether; gives the names of those that still run."""
        until = time.monotonic() + timeout
        return tuple(runner.name for runner in self._all() if not runner.join(max(0.0, until - time.monotonic())))

    def stats(self, emi: str) -> BotStats | None:
        """How the bot's strategy does; None for a row without a thread."""
        runner = self._runners.get(emi)
        return runner.desk.stats if runner is not None else None

    def last_event(self, emi: str) -> str:
        """What happened last to this bot, or ""."""
        stats = self.stats(emi)
        return stats.event if stats is not None else ""

    def stuck(self) -> tuple[str, ...]:
        """EMIs whose strategy has not come back for half a minute. Such a thread cannot be ended, only left behind."""
        now = self._parts.clock.monotonic()
        busy = {emi: runner.desk.stats.busy_since for emi, runner in self._runners.items()}
        return tuple(emi for emi, since in busy.items() if since is not None and now - since >= STUCK_S)

    def _all(self) -> list[BotRunner]:
        return [*self._runners.values(), *self._retired]

    def _runner(self, row: Robot) -> BotRunner | None:
        """The thread this row keeps, a new one, or None: a suspended row starts no strategy that failed before."""
        runner = self._runners.get(row.emi)
        if runner is not None and _essence(runner.desk.row) == _essence(row) and not self._is_again(runner, row):
            runner.desk.row = row
            return runner
        if row.state is BotState.SUSPENDED:
            return None
        desk = BotDesk(self._parts, row, self._published.setdefault(row.emi, Published()))
        if runner is not None and runner.is_alive:
            desk.quiet_until = self._parts.clock.monotonic() + self._parts.timings.verdict
        return BotRunner(desk, lambda: self._is_on, self._ticket)

    def _is_again(self, runner: BotRunner, row: Robot) -> bool:
        """Whether a person has switched a bot on again whose strategy had failed."""
        if runner.failed_at is None or row.state is not BotState.WORK:
            return False
        return (runner.desk.row.state is not BotState.WORK
                or self._parts.clock.monotonic() - runner.failed_at > FORGIVE_S)

    def _ticket(self, emi: str) -> str:
        return f"{emi}-{next(self._count)}-{self._parts.clock.wall_ms()}"

    def problem(self, row: Robot) -> str:
        """Why a row with a strategy cannot run, or ""."""
        wrong_name = emi_problem(row.emi)
        if wrong_name:
            return wrong_name
        if row.timeframe not in TIMEFRAMES:
            return f"timeframe “{printable(row.timeframe, 20)}” is none of {', '.join(TIMEFRAMES)}"
        if row.capital < 1:
            return f"CAPITAL {row.capital}: a whole number of at least 1 is needed"
        return self._parts.loader.problem(row.strategy, row.params)


def _essence(row: Robot) -> Robot:
    """What a bot's thread depends on: everything but state and place in the list."""
    return replace(row, state=BotState.WORK, reason="", sort=0)


def _routes(runners: dict[str, BotRunner]) -> dict[tuple[Key, str], tuple[BotRunner, ...]]:
    routes: dict[tuple[Key, str], tuple[BotRunner, ...]] = {}
    for runner in runners.values():
        place = (runner.desk.row.key, runner.desk.row.timeframe)
        routes[place] = (*routes.get(place, ()), runner)
    return routes
