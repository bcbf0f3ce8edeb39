"""Rows of `robots` and the bots' threads: read, matched, told of their positions. Engine thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from core.rows import BookRow, RobotRow, RobotState
from db.store import Store
from engine.asking import position_of
from engine.bot_life import Instruments, change_problem
from engine.bots import Bots
from engine.core import Core
from engine.orders import is_stop
from engine.robots import read_robot
from engine.state import Roster
from engine.stops import rests
from models import BotPosition, BotState, Robot

BAD_ROW = "row: "      # begins the REASON of a row that cannot run: put right, it works again by itself
LONGEST_REASON = 300


class Crew:
    """The bots as the engine sees them; `bots` is set once, before the engine starts."""

    def __init__(self, core: Core, store: Store, strategies: Callable[[], tuple[str, ...]],
                 instruments: Instruments) -> None:
        self._core, self._store, self._strategies, self._instruments = core, store, strategies, instruments
        self.bots: Bots | None = None

    def load(self) -> tuple[str, ...]:
        """Read the rows anew; strategy files too. Gives a sentence for each row that cannot run; it is SUSPENDED in
        the database as well, for who looks there."""
        robots: list[Robot] = []
        reasons: dict[str, str] = {}
        strategies, rows = self._strategies(), self._store.robots()
        self._core.state.strategies = strategies
        for row in rows:
            robot, reason = read_robot(row, self._core.state.configured, strategies)
            if robot.state is BotState.SUSPENDED and robot.reason.startswith(BAD_ROW):
                robot = replace(robot, state=BotState.WORK, reason="")
            robots.append(robot)
            if reason:
                reasons[robot.emi] = reason
        self._core.set_robots(robots, reasons)
        self.sync()
        reasons = self._core.state.robot_reasons
        changed = [state for row in rows if (state := _stored(row, reasons.get(row.emi, ""))) is not None]
        if changed:
            self._store.write(changed)
        return tuple(f"{emi} SUSPENDED: {reason}" for emi, reason in reasons.items())

    def sync(self) -> None:
        """Match the threads to the rows and tell each its position."""
        state = self._core.state
        if self.bots is None:
            return
        state.robot_reasons.update(self._changed())
        runnable = tuple(r for r in state.robots.values() if r.emi not in state.robot_reasons)
        found = self.bots.sync(runnable)
        state.robot_reasons.update(found)
        self.tell(robot.emi for robot in runnable if robot.emi not in found)

    def check(self) -> tuple[str, ...]:
        """The same once an account's books are in memory: they may say that a row's symbol cannot be changed so."""
        state = self._core.state
        before = dict(state.robot_reasons)
        self.sync()
        found = {emi: why for emi, why in state.robot_reasons.items() if emi not in before}
        told = [RobotState(emi, BotState.SUSPENDED.value, (BAD_ROW + why)[:LONGEST_REASON])
                for emi, why in found.items() if state.robots[emi].state is BotState.WORK]
        if told:
            self._store.write(told)
        return tuple(f"{emi} SUSPENDED: {why}" for emi, why in found.items())

    def roster(self, emis: Collection[str]) -> Roster:
        """What an action on these bots must know. Raises StoreAway."""
        state, store = self._core.state, self._store
        return Roster(store.robots(), store.books_of(emis), store.open_orders_of(emis), self._instruments,
                      state.strategies, self._problem)

    def _problem(self, robot: Robot) -> str:
        return self.bots.problem(robot) if self.bots is not None and robot.strategy else ""

    def _changed(self) -> dict[str, str]:
        """EMI → why its row cannot name this symbol, as far as the books in memory tell."""
        state, books = self._core.state, defaultdict[str, list[BookRow]](list)
        for row in state.books.values():
            books[row.emi].append(row)
        return {robot.emi: why for robot in state.robots.values() if robot.emi not in state.robot_reasons
                and (why := change_problem(robot, books[robot.emi], self._instruments))}

    def tell(self, owners: Iterable[str]) -> None:
        """Publish the positions of these owners, as far as they are bots."""
        for emi in owners:
            robot = self._core.state.robots.get(emi)
            if robot is not None and self.bots is not None:
                self.bots.publish(emi, self._position(robot))

    def set_trading(self) -> None:
        """Hand on whether bots may ask for orders now."""
        state = self._core.state
        if self.bots is not None:
            self.bots.set_trading(state.trading and not state.database_problem)

    def stuck(self) -> tuple[str, ...]:
        """Bots whose strategy does not come back."""
        return self.bots.stuck() if self.bots is not None else ()

    def _position(self, robot: Robot) -> BotPosition:
        state = self._core.state
        qty, entry = position_of(state, robot.key, robot.emi)
        account = state.account(robot.key)
        fills = sum(row.fills for row in state.books.values() if row.emi == robot.emi and row.account == account)
        # An ended order whose fills are not all booked is still open for its bot: the position does not show them yet.
        open_orders = sum(1 for o in state.orders.values() if o.owner == robot.emi and o.key == robot.key
                          and (not o.status.is_terminal or o.told_qty > o.booked_qty) and not is_stop(o))
        return BotPosition(qty, entry, open_orders, fills, rests(state, robot))


def _stored(row: RobotRow, reason: str) -> RobotState | None:
    """What the row's STATE and REASON are to become; None: they are right, or a person's (OFF, an error's reason)."""
    typed = row.state.strip().upper() or BotState.WORK.value
    is_told = typed == BotState.SUSPENDED.value and row.reason.startswith(BAD_ROW)
    if typed != BotState.WORK.value and not is_told:
        return None
    if not reason:
        return RobotState(row.emi, BotState.WORK.value, "") if is_told else None
    told = (BAD_ROW + reason)[:LONGEST_REASON]
    return None if is_told and row.reason == told else RobotState(row.emi, BotState.SUSPENDED.value, told)
