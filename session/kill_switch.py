"""`main.py kill-switch`: the running program does it; where it does not answer, this process asks the venues itself.

The direct way needs settings and keys, no database and no lock: it reads open orders and cancels them, and sends
nothing else. A program that hangs finds the kill switch in its socket when it wakes up, so it does not trade on.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import Counter
from pathlib import Path

from connectors.venue import Cancelled, Venue
from core.board import Board
from core.clock import SystemClock
from core.errors import TerminalError, UsageError, VenueError
from core.home import has_settings
from core.logs import one_line, redact
from core.secrets import KnownSecrets
from core.setting_file import SettingFile
from core.setting_keys import ENV
from core.settings import Demo, Settings, load_settings
from core.titles import market_title
from models import Mode
from session import lock
from session.child import Child, running
from session.ctl import NoAnswer, NotRunning, ask, lines_of, say, warn
from session.run import flag_of
from session.venues import APART_ANSWER_S, Venues, parts_apart, plans

PROGRAM_S = 3.0           # for the running program's answer
CANCELLED_S = 5.0         # until what it shows as open is gone
ALL_S = 60.0              # for all venues together
ROUNDS = 3                # in which nothing was reached, before it is given up
PAUSE_S = 0.3             # between rounds
_MATTERS = ("MARKET_LIST", "TESTNET", "DEMO")


class Product:
    """One product's way to "nothing is open any more"; worked off on a thread of its own."""

    def __init__(self, title: str, venue: Venue | None) -> None:
        self.title, self._venue = title, venue
        self.ended: Counter[str] = Counter()
        self.failure = "no answer in time" if venue is not None else ""

    @property
    def is_asked(self) -> bool:
        """Whether there are keys to ask with."""
        return self._venue is not None

    def work(self) -> None:
        """Look, cancel, look again, until nothing is open; limits of the venue are waited for."""
        assert self._venue is not None
        pause, clock = threading.Event(), SystemClock()
        until, fruitless, next_s = clock.monotonic() + ALL_S, 0, PAUSE_S
        while True:
            reached = self._cancel(self._venue)
            self.ended.update(dict(reached.orders))
            self.failure = reached.failure or ("orders still rest" if reached.asked else "")
            fruitless = 0 if reached.done or reached.wait else fruitless + 1
            if reached.is_clean or fruitless > ROUNDS or clock.monotonic() + reached.wait > until:
                return
            pause.wait(reached.wait or next_s)
            next_s = min(2 * next_s, 4.0) if fruitless else PAUSE_S

    @staticmethod
    def _cancel(venue: Venue) -> Cancelled:
        try:
            return venue.cancel_everything()
        except TerminalError as error:
            return Cancelled(0, 1, str(error))

    def words(self) -> str:
        """What became of it, for people."""
        ended = ", ".join(f"{symbol} {count or '(number not known)'}" for symbol, count in sorted(self.ended.items()))
        count = self.ended.total()
        done = f"{count} order{'s' if count != 1 else ''} cancelled ({ended})" if ended else "no order was open"
        if not self.is_asked:
            return f"{self.title}: no API key, so no orders"
        if self.failure:
            return f"{self.title}: {f'{done}; then ' if ended else ''}FAILED: {self.failure}"
        return f"{self.title}: {done}"


def kill_switch(args: argparse.Namespace, home: Path, project: Path) -> int:
    """By the program, or directly; the exit code (4: something may still rest at a venue)."""
    if not home.is_dir():
        raise UsageError(f"there is no folder {home}; name the one of the program with --home")
    known = KnownSecrets()
    flag, why = _flag(args, home)
    settings = _settings(home, known, flag)
    _confirm(settings.mode, args.yes)
    try:
        answer = ask(home, {"do": "kill"}, PROGRAM_S)
    except NotRunning:
        say("no program runs with this home: asking the venues directly")
    except (NoAnswer, TerminalError) as error:
        warn(f"{error}. Asking the venues directly")
    else:
        if answer.get("ok"):
            say("\n".join(lines_of(answer)))
            if not (left := _left(home)):
                say("no order is open any more")
                return 0
            warn(f"{left} orders are still shown as open. Asking the venues directly")
        else:
            warn(f"{'; '.join(lines_of(answer))}. Asking the venues directly")
    say(f"mode {settings.mode.value}{why}")
    return _directly(settings, home, project, known)


def _left(home: Path) -> int:
    """How many orders the program shows as open some seconds after its kill switch."""
    clock, pause, left = SystemClock(), threading.Event(), 1
    until = clock.monotonic() + CANCELLED_S
    while clock.monotonic() < until and left:
        pause.wait(0.1)
        try:
            told = ask(home, {"do": "status"}, PROGRAM_S).get("status", {})
        except TerminalError:
            break
        left = int(told.get("orders", 1))
    return left


def _flag(args: argparse.Namespace, home: Path) -> tuple[Mode | None, str]:
    """The mode asked for; without a word, the one the program that runs was started with, else as a start would do."""
    flag = flag_of(args)
    if flag is None and lock.is_taken(home) and (told := lock.flag_of(home)) in {mode.value for mode in Mode}:
        return Mode(told), " (as the program that runs)"
    return (Mode.SIM if flag is None and not has_settings(home) else flag), ""


def _settings(home: Path, known: KnownSecrets, flag: Mode | None, demo: Demo | None = None) -> Settings:
    """Markets and keys; what else is wrong in `.env` does not matter here."""
    values = SettingFile(home, ENV, "").values
    text = "".join(f'{name}="{values[name]}"\n' for name in _MATTERS if name in values)
    return load_settings(home, known, flag, demo, {ENV: text})


def _confirm(mode: Mode, is_said: bool) -> None:
    if mode is not Mode.LIVE or is_said:
        return
    if not sys.stdin.isatty():
        raise UsageError("LIVE: every open order of the account is cancelled; say --yes to confirm")
    if input("LIVE: cancel every open order of the account? Type yes: ").strip().lower() != "yes":
        raise UsageError("nothing was done: yes was not typed")


# ---------------------------------------------------------------- without the program


def _directly(settings: Settings, home: Path, project: Path, known: KnownSecrets) -> int:
    child = None
    try:
        if settings.demo:
            demo = running(home)         # of a program that hangs, or that has just been killed
            if demo is None:
                child = Child(project, home)
                demo = child.demo
            settings = _settings(home, known, Mode.SIM, demo)
        return _cancel(settings, known)
    finally:
        if child is not None:
            child.stop()


def _cancel(settings: Settings, known: KnownSecrets) -> int:
    for problem in settings.problems:
        warn(redact(str(problem), known))
    products = _products(settings, known)
    threads = [threading.Thread(target=one.work, name=f"cancel {one.title}", daemon=True)
               for one in products if one.is_asked]
    for thread in threads:
        thread.start()
    clock = SystemClock()
    until = clock.monotonic() + ALL_S
    for thread in threads:
        thread.join(max(0.0, until - clock.monotonic() + 2 * APART_ANSWER_S))
    for one in products:
        say(one_line(redact(one.words(), known)))
    for name, words in settings.closed().items():
        say(f"{market_title(name)}: {words}")
    failed = [one.title for one in products if one.failure]
    if not threads:
        raise VenueError("kill-switch", "no market with an API key is configured: nothing could be cancelled")
    if failed or settings.problems:
        where = ", ".join(failed) or "a market with wrong settings"
        raise VenueError("kill-switch", f"{where}: orders may still rest there; try again, or cancel them on the "
                                        "exchange's own page")
    return 0


def _products(settings: Settings, known: KnownSecrets) -> list[Product]:
    venues = Venues(parts_apart(Board(), lambda message: None, known))
    return [Product(plan.config.title, venues.make(plan) if plan.credentials is not None else None)
            for plan in plans(settings).values() if plan.market not in settings.closed()]
