"""`make soak`: virtual days of trading on every product, on SQLite and on MariaDB; at the end the books must be clean.

A day is three shifts of eight hours, each with a funding at its end. In a shift a child (`driver.py`) trades while all
sockets are cut again and again, requests are lost and strangers trade; once it is set asleep for hours, once its
clock is set wrong; then it is killed, and the rest of the eight hours passes without it. The exchange and the terminals
share one clock (`virtual.py`) that begins so many days ago and ends today. After each day a session recovers and the
referee compares everything; after the last one `main.py ledger check` must be clean too.

    python -m tests.faults.soak --days 7
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import requests

from session.child import READY_FILE
from tests.faults.harness import Ground, driver, until, write_private
from tests.faults.products import ALL, Traded, first_budgets, lift_limits, words
from tests.faults.referee import Judged
from tests.faults.virtual import SharedClock, bent
from tests.support.mariadb import PASSWORD, MariaDb, missing

HOUR_MS = 3_600_000
SHIFT_MS, SHIFTS = 8 * HOUR_MS, 3
ERRORS_MS = (3_000, -10_000, 45_000)     # how wrong the terminals' clock is set, one of them each day


@dataclass
class Soak:
    """One run on one database. `seconds`: of trading in each shift."""

    folder: Path
    days: int
    seconds: float
    traded: tuple[Traded, ...] = ALL
    env: str = ""
    seed: int = 1
    each_day: bool = True                # compare after each day, not only at the end
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> Judged:
        """All days; the referee's last word. Raises AssertionError when something does not agree."""
        clock = SharedClock(self.folder / "clock")
        began = clock.now()
        clock.set(-self.days * SHIFTS * SHIFT_MS)
        with ExitStack() as ends:
            ends.enter_context(bent(clock))
            for module, budgets in first_budgets():
                ends.callback(setattr, module, "FIRST_BUDGETS", module.FIRST_BUDGETS)
                setattr(module, "FIRST_BUDGETS", budgets)  # noqa: B010
            ground = Ground(self.folder, run=("-m", "tests.faults.virtual", str(clock.path)))
            ends.callback(ground.close)
            self._prepare(ground)
            chance = random.Random(self.seed)
            start = began - self.days * SHIFTS * SHIFT_MS
            for shift in range(self.days * SHIFTS):
                self._shift(ground, clock, chance, shift)
                left = start + (shift + 1) * SHIFT_MS - clock.now()
                clock.set(min(0, clock.world + max(left, 0)))
                if shift % SHIFTS == SHIFTS - 1 and self.each_day:
                    self._compare(ground)
            clock.set(0)
            judged = self._compare(ground)
            self._check(ground)
            return judged

    def _prepare(self, ground: Ground) -> None:
        lift_limits(ground.exchange)
        for coin in ("BTC", "ETH", "BNB"):
            ground.exchange.control("deposit", asset=coin, amount="5")
        ground.trades(*self.traded, env=self.env)
        for name, bot in self._bots().items():
            market, category, symbol = name.split()
            ground.robot(bot, symbol, category=category, market=market)

    def _bots(self) -> dict[str, str]:
        return {" ".join(words([one])[0]): f"bot{number}" for number, one in enumerate(self.traded)}

    def _shift(self, ground: Ground, clock: SharedClock, chance: random.Random, shift: int) -> None:
        """A terminal's life under cuts, one of them with a sleep of hours behind it, ended by kill -9."""
        child = driver(ground, seed=self.seed * 1000 + shift, orders=100_000, pause=0.03, seconds=3600, patience=110,
                       products=words(self.traded), bots=self._bots(), conditional=True, clock=str(clock.path),
                       opening=True)
        until(lambda: "recovered" in child.out or not child.is_running(), 120, "recovered")
        end, slept = time.monotonic() + self.seconds, shift % 2 == 0
        while time.monotonic() < end:
            assert child.is_running(), child.text()[-2000:]
            if not slept and time.monotonic() > end - self.seconds / 2:
                slept = True                                     # the machine sleeps, the world goes on
                clock.set(clock.world + chance.randint(1, 4) * HOUR_MS)
            if shift % SHIFTS == 1:
                clock.set(clock.world, ERRORS_MS[shift // SHIFTS % len(ERRORS_MS)])
            self._fault(ground, chance, shift)
            time.sleep(min(0.7, self.seconds / 4))
        clock.set(clock.world)
        child.kill()
        self.counts["kills"] += 1
        ground.calm()
        lift_limits(ground.exchange)

    def _fault(self, ground: Ground, chance: random.Random, shift: int) -> None:
        """All sockets are cut, or a request is lost; somebody trades, money is paid in."""
        if chance.random() < 0.5:
            ground.exchange.fault("cut", code=chance.choice((1001, 1006)), seconds=chance.choice((0, 1)))
            self.counts["cuts of all sockets"] += 1
        else:
            path = chance.choice(("POST ", "DELETE ")) + chance.choice(self.traded).path
            ground.exchange.fault(**chance.choice((
                {"name": "reset", "path": path, "after": "accept"}, {"name": "drop", "path": path, "seconds": 1},
                {"name": "event", "kind": "repeat", "times": 5}, {"name": "mute", "stream": "", "seconds": 1})))
        one = chance.choice(self.traded)
        qty = one.qty * chance.choice((1, 50, 400))
        requests.post(f"{ground.control_url}/trade", timeout=10, json={
            "market": one.key.market, "category": one.key.category.value, "symbol": one.key.symbol,
            "side": chance.choice(("BUY", "SELL")), "qty": str(qty)})
        if chance.random() < 0.3:
            ground.exchange.control("deposit", asset="USDT", amount=str(chance.randint(1, 9)))
            self.counts["deposits"] += 1

    def _compare(self, ground: Ground) -> Judged:
        """A session in this process recovers; the referee compares."""
        terminal = ground.terminal(wait=False)
        terminal.wait_recovered(60)
        judged = ground.check(limit=40)
        terminal.end()
        ground.things.remove(terminal)
        return judged

    def _check(self, ground: Ground) -> None:
        """What the program itself says of its books."""
        write_private(ground.home / READY_FILE, json.dumps(ground.exchange.ready))
        program = ground.program("ledger", "check", "--demo")
        code = program.wait(120)
        assert code == 0, f"ledger check ended with {code}:\n{program.text()}"
        truth = ground.exchange.truth()
        self.counts["fundings"] = len(truth["funding"])
        self.counts["executions"] = len(truth["executions"])
        self.counts["rows"] = len(ground.read().coins)


def main(arguments: Sequence[str] | None = None) -> int:
    """Both databases, one after the other; 0 when all agrees."""
    parser = argparse.ArgumentParser(description="Virtual days under faults; the books must be clean at the end.")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=8.0, help="of trading in each shift of eight hours")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BOTBOOK_SEED", "1")))
    args = parser.parse_args(arguments)
    if missing():
        print(f"{missing()} is missing, the second database: sudo apt-get install mariadb-server", file=sys.stderr)
        return 1
    logging.getLogger().addHandler(logging.NullHandler())       # what the sessions say is in their logs
    folder = Path(tempfile.mkdtemp(prefix="soak"))
    failed = False
    for kind in ("SQLite", "MariaDB"):
        began, server, env = time.monotonic(), None, ""
        if kind == "MariaDB":
            (folder / "m").mkdir()
            server = MariaDb(folder / "m")
            env = (f"MYSQL_HOST=127.0.0.1\nMYSQL_PORT={server.port}\nMYSQL_USER={server.user}\n"
                   f"MYSQL_PASSWORD={PASSWORD}\nMYSQL_DATABASE=soak")
        soak = Soak(folder / kind, args.days, args.seconds, env=env, seed=args.seed)
        soak.folder.mkdir()
        try:
            judged = soak.run()
            print(f"✓ {kind}: {args.days} days in {time.monotonic() - began:.0f} s; "
                  + ", ".join(f"{count:,} {what}" for what, count in soak.counts.items()), judged, sep="\n", flush=True)
        except AssertionError as error:
            failed = True
            print(f"✕ {kind} (everything is kept in {soak.folder}): {error}", flush=True)
        finally:
            if server is not None:
                server.stop()
    if not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
