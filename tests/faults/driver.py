"""A child that trades by a plan and may kill itself at an effect. Started by the harness: `driver.py '{…}'`.

Only three objects have effects: the store (commit), the transport (requests), the file writer (rename). They are
wrapped here, in the child, so the product has no hooks. Plan: `kill` names the effect, `nth` which of them, `orders`
how many commands at most, `conditional` whether stops and their like are among them, `moves` whether bots are renamed
and their positions reassigned, `seed` of what is traded, `products` (market, category, symbol) what is, `seconds` how
long at most, `bots` the bots' names by market, category and symbol, `clock` the file of a time to live in,
`opening` whether each bot buys first of all. It prints "recovered", one line per accepted command, and "done".
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from connectors import http  # noqa: E402  the path above leads to it
from core.errors import TerminalError  # noqa: E402
from core.rows import CoinRow, CounterRow, OrderRow, RobotAdded, RobotRemoved, RobotRenamed, Row  # noqa: E402
from core.secrets import KnownSecrets  # noqa: E402
from core.settings import load_settings  # noqa: E402
from db.store import Store  # noqa: E402
from engine import asking  # noqa: E402
from engine.commands import BotAction, Cancel, MoveOrder, PlaceOrder, ReassignPosition, RenameBot  # noqa: E402
from engine.view import OrderLine  # noqa: E402
from models import Category, Health, Mode, OrdStatus, OrdType, Side, Timings, Trigger  # noqa: E402
from session.build import Session  # noqa: E402
from session.child import demo_of  # noqa: E402
from tests.faults.products import ORDER_PATHS, USUAL, Traded, first_budgets, named, words  # noqa: E402
from tests.faults.virtual import SharedClock, bend_terminal  # noqa: E402

QUICK = replace(Timings.quick(), request_life=1.5, absent_margin=1.0, verdict=3.0, silence_book=2.0, silence_stream=4.0,
                connect=3.0, read_history=0.5, check_account=1.0)


class Killer:
    """Ends this process with SIGKILL at the n-th effect of a name."""

    def __init__(self, name: str, nth: int) -> None:
        self._name, self._left = name, nth
        self.is_armed = False

    def passes(self, name: str) -> None:
        """An effect of this name happens now."""
        if not self.is_armed or name != self._name:
            return
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(killer: Killer) -> None:
    """Put the killer around the three objects."""
    write, put, send, rename = Store.write, Store._put, http.Client.send, os.replace

    def written(store: Store, rows: Iterable[Row]) -> bool:
        kept = tuple(rows)
        kind = kind_of(kept)
        killer.passes(f"before {kind}")
        killer.passes("before commit")
        is_new = write(store, kept)
        killer.passes(f"after {kind}")
        killer.passes("after commit")
        return is_new

    def inside(store: Store, connection: Any, row: Row) -> None:
        put(store, connection, row)
        killer.passes("inside commit")
        if is_of_move(row):
            killer.passes("inside move")

    def sent(client: http.Client, prepared: http.Prepared) -> http.Answer:
        is_order = prepared.url.startswith(ORDER_PATHS) and prepared.method != "GET"
        if is_order:
            killer.passes("before send")
        answer = send(client, prepared)
        if is_order:
            killer.passes("after send")
        return answer

    def renamed(old: Any, new: Any) -> None:
        killer.passes("before rename")
        rename(old, new)
        killer.passes("after rename")

    replace_with: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (Store, "write", written), (Store, "_put", inside), (http.Client, "send", sent),
        (os, "replace", renamed))
    for owner, name, made in replace_with:
        setattr(owner, name, made)


def kind_of(rows: tuple[Row, ...]) -> str:
    """What a transaction holds: an action on bots, an intent, a fill, an answer, or else."""
    if any(map(is_of_move, rows)):
        return "move"
    if any(isinstance(row, CoinRow) for row in rows):
        return "fill"
    if any(isinstance(row, CounterRow) for row in rows) and any(isinstance(row, OrderRow) for row in rows):
        return "intent"
    if any(isinstance(row, OrderRow) and row.status is not OrdStatus.PENDING_NEW for row in rows):
        return "answer"
    return "cursor"


def is_of_move(row: Row) -> bool:
    """Whether the row belongs to an action on bots."""
    is_transfer = isinstance(row, CoinRow) and row.exec_id.startswith("MOVE:")
    return is_transfer or isinstance(row, RobotAdded | RobotRenamed | RobotRemoved)


class Trading:
    """Random commands of bots and a person, the way they would ask: at market, limit, conditional, move, cancel."""

    def __init__(self, session: Session, seed: int, traded: tuple[Traded, ...], bots: dict[str, str],
                 moves: bool, conditional: bool) -> None:
        self._session, self._random = session, random.Random(seed)
        self._traded, self._bots, self._moves, self._conditional_too = traded, bots, moves, conditional
        self._ticket = 0

    def step(self) -> str:
        """One command; the clOrdID it led to, or "" when it was refused."""
        chance = self._random.random()
        if self._moves:                      # at market only: a resting order would hold the bot
            if chance < 0.4:
                return self._move_books(self._random.choice(list(self._bots)))
            chance = 0.5
        view = self._session.view()
        resting = [line for line in view.orders if line.status is OrdStatus.NEW] if view else []
        if resting and chance < 0.25:
            line = self._random.choice(resting)
            if chance < 0.1 and line.price is not None:
                return self._ask(self._moved(line, line.price))
            return self._ask(Cancel(self._next(), line.key, line.id))
        one = self._random.choice(self._traded)
        key, top = one.key, self._session.board.tops.get(one.key)
        if top is None:
            return ""
        bot = self._bots.get(" ".join(words([one])[0]))
        owner = self._random.choice((bot, key.reserved)) if bot else key.reserved
        side = self._random.choice((Side.BUY, Side.SELL))
        if self._conditional_too and chance > 0.9 and key.category is not Category.SPOT:
            return self._ask(self._conditional(one, side))
        price = None
        if chance > 0.6:
            away = self._away(one, self._random.randint(-3, 40))
            price = top.bid - away if side is Side.BUY else top.ask + away
        kind = OrdType.MARKET if price is None else OrdType.LIMIT
        return self._ask(PlaceOrder(self._next(), key, owner, side, one.qty, price, True, kind, repeat_confirmed=True))

    def open(self, one: Traded) -> None:
        """The product's bot buys at market."""
        bot = self._bots[" ".join(words([one])[0])]
        self._ask(PlaceOrder(self._next(), one.key, bot, Side.BUY, one.qty, None, True, OrdType.MARKET,
                             repeat_confirmed=True))

    def _move_books(self, words_of_key: str) -> str:
        """Another name for a bot, or its position given to the untagged line, or taken from there."""
        emi = self._bots[words_of_key]
        key = next(one.key for one in self._traded if " ".join(words([one])[0]) == words_of_key)
        commands: tuple[BotAction, ...] = (
            RenameBot(self._next(), emi, emi.removesuffix("_2") if emi.endswith("_2") else f"{emi}_2"),
            ReassignPosition(self._next(), key, emi, key.reserved),
            ReassignPosition(self._next(), key, key.reserved, emi))
        command = self._random.choice(commands)
        verdict = self._session.engine.ask(command, 3)
        if verdict is None or not verdict.ok:
            return ""
        if isinstance(command, RenameBot):
            self._bots[words_of_key] = command.new
        return f"moved {command}"

    def _conditional(self, one: Traded, side: Side) -> PlaceOrder:
        """By hand: a stop, a take-profit or a trailing stop, near enough to trigger now and then."""
        key, top = one.key, self._session.board.tops[one.key]
        kind = self._random.choice([kind for kind in OrdType if kind.is_conditional])
        away = self._away(one, self._random.randint(1, 30))
        is_above = (side is Side.BUY) != (kind in (OrdType.TAKE_PROFIT_MARKET, OrdType.TAKE_PROFIT_LIMIT))
        trigger = Trigger(top.ask + away if is_above else top.bid - away)
        if kind is OrdType.TRAILING_STOP:
            trigger = Trigger(None, Decimal(self._random.choice(("0.1", "0.5", "1"))))
        price = trigger.price if kind.has_price else None
        return PlaceOrder(self._next(), key, key.reserved, side, one.qty, price, True, kind, repeat_confirmed=True,
                          reduce_only=self._random.random() < 0.5, trigger=trigger)

    def _away(self, one: Traded, steps: int) -> Decimal:
        """A distance from the market: whole ticks, about 0.01 % each step."""
        tick, price = self._session.board.instruments[one.key].tick, self._session.board.tops[one.key].bid
        return tick * (steps * int(price / tick / 10_000))

    def _moved(self, line: OrderLine, price: Decimal) -> MoveOrder:
        one = next(one for one in self._traded if one.key == line.key)
        if self._random.random() < 0.3:
            return MoveOrder(self._next(), line.key, line.id, qty=line.qty + one.qty)
        away = self._away(one, self._random.randint(1, 10)) * (-1 if line.side is Side.BUY else 1)
        return MoveOrder(self._next(), line.key, line.id, price=price + away)

    def _next(self) -> str:
        self._ticket += 1
        return f"driver-{os.getpid()}-{self._ticket}"

    def _ask(self, command: PlaceOrder | Cancel | MoveOrder) -> str:
        verdict = self._session.engine.ask(command, 3)
        return verdict.cl_ord_id if verdict is not None and verdict.ok else ""


def is_ready(session: Session, traded: tuple[Traded, ...]) -> bool:
    """Recovered, compared, books live."""
    view, books = session.view(), session.board.books
    is_up = all(venue.health is Health.LIVE for venue in session.board.venues.values())
    return bool(view and view.recovered and view.ledger.agree_time and is_up and all(
        one.key in books and books[one.key].live and one.key in session.board.tops for one in traded))


def main() -> int:
    """Run the plan; 0 when it was carried out to its end."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    home, traded = Path(plan["home"]), named(plan["products"]) if "products" in plan else USUAL
    if "clock" in plan:
        bend_terminal(SharedClock(Path(plan["clock"])))
    killer = Killer(plan.get("kill", ""), plan.get("nth", 1))
    wrap(killer)
    asking.QUEUE_AND_LIFE_MS = 2_000
    # It is started more often than anybody would.
    for module, budgets in first_budgets():
        setattr(module, "FIRST_BUDGETS", budgets)  # noqa: B010
    killer.is_armed = bool(plan.get("from_start"))
    fatal: list[TerminalError] = []
    settings = load_settings(home, KnownSecrets(), Mode.SIM, demo_of(plan["ready"]))
    session = Session(settings, home, QUICK, fatal.append)
    session.start()
    end = time.monotonic() + plan.get("patience", 20)
    while not is_ready(session, traded) and not fatal and time.monotonic() < end:
        time.sleep(0.02)
    if fatal or not is_ready(session, traded):
        print("not recovered", fatal, session.board.venues, flush=True)
        return 1
    print("recovered", flush=True)
    killer.is_armed = True
    bots = plan.get("bots", {"Binance linear BTCUSDT": "alfa", "Binance linear ETHUSDT": "beta"})
    trading = Trading(session, plan.get("seed", 1), traded, bots, plan.get("moves", False),
                      plan.get("conditional", False))
    for one in traded if plan.get("opening") else ():
        trading.open(one)
    left, until = plan.get("orders", 1000), time.monotonic() + plan.get("seconds", 30)
    while left > 0 and time.monotonic() < until:
        name = trading.step()
        if name:
            left -= 1
            print(name, flush=True)
        time.sleep(plan.get("pause", 0.01))
    print("done", flush=True)
    time.sleep(plan.get("stay", 5))
    session.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
