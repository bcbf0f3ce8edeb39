"""The terminal, with a window or without: from flags and settings to a running session, and its end."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError, TerminalError, UsageError
from core.home import has_settings
from core.logs import start_logging
from core.secrets import KnownSecrets
from core.settings import Settings, load_settings
from models import Mode
from session import lock
from session.display import display_problem

if TYPE_CHECKING:
    from session.build import Session
    from session.control import Control

log = logging.getLogger("botbook")

VERSION = "0.1.0"
NO_FLAG = ('TESTNET="False" means real money: that is traded only when the program is started with --live '
           '(make run ARGS=--live); TESTNET="True" is the test network')


def flag_of(args: argparse.Namespace) -> Mode | None:
    """The mode the command line asks for."""
    if args.live:
        return Mode.LIVE
    if args.testnet:
        return Mode.TESTNET
    return Mode.SIM if args.demo else None


def check_live(settings: Settings, flag: Mode | None) -> None:
    """Real money is traded only by an explicit choice at each start."""
    if settings.mode is Mode.LIVE and flag is not Mode.LIVE:
        raise UsageError(NO_FLAG)


def confirmed(args: argparse.Namespace) -> tuple[str, ...]:
    """The ids of LIVE accounts typed on the command line."""
    return tuple(filter(None, (one.strip() for one in args.confirm.split(","))))


def check_problems(settings: Settings) -> None:
    """Headless: any market or database that cannot be used ends the start (exit 3), every problem said."""
    if not settings.problems:
        return
    *others, last = settings.problems
    for problem in others:
        print(f"botbook: {problem}", file=sys.stderr)
    raise last.error()


@contextmanager
def logging_to(home: Path, settings: Settings, known: KnownSecrets, console: bool) -> Iterator[None]:
    """Log to the home folder while the body runs; what ends it is the last line."""
    general = settings.general
    try:
        logs = start_logging(home, general.log_level, known, general.log_size_mb, general.log_files, console=console)
    except OSError as error:
        raise ConfigError("--home", str(home), f"the log cannot be written there ({error.strerror})") from None
    try:
        yield
    except TerminalError as error:
        log.warning("%s", error)         # said on the command line too
        raise
    except Exception:
        log.critical("the program met an error of its own", exc_info=True)
        raise
    finally:
        logs.stop()


def open_control(home: Path, session: Session, flag: Mode | None) -> Control | None:
    """The control socket of a session started with this flag; None where there is none: the messages say why."""
    from session.control import Control
    from session.control_desk import ControlDesk
    from session.control_line import NoControl
    try:
        lock.note_flag(home, flag.value if flag is not None else "")
        return Control(home, ControlDesk(session, VERSION), session.thread_died)
    except (NoControl, OSError) as error:
        session.say(f"control without a window is off: {error}", "info")
        return None


def run_terminal(args: argparse.Namespace, home: Path, project: Path, notices: tuple[str, ...]) -> int:
    """The terminal; the exit code."""
    held = lock.take(home)
    try:
        problem = "asked for" if args.headless else display_problem()
        if problem:
            if not args.headless:
                print(f"botbook: no window ({problem}); running headless, Ctrl-C ends it", file=sys.stderr)
            return _headless(args, home, project, notices)
        from session.window import run_window
        return run_window(args, home, project, notices)
    finally:
        held.close()


def _headless(args: argparse.Namespace, home: Path, project: Path, notices: tuple[str, ...]) -> int:
    known = KnownSecrets()
    flag = flag_of(args)
    if flag is None and not has_settings(home):
        flag = Mode.SIM                  # nothing was chosen yet: the bundled exchange, never a real account
        print("botbook: no settings yet, trading on the bundled exchange (--demo)", file=sys.stderr)
    settings = load_settings(home, known, flag)
    check_live(settings, flag)
    check_problems(settings)
    with logging_to(home, settings, known, console=True):
        from session.build import Session
        from session.child import Child
        from session.headless import Headless
        runner = Headless()
        runner.listen()
        child = Child(project, home) if settings.demo else None
        try:
            if child is not None:
                settings = load_settings(home, known, flag, child.demo)
                check_problems(settings)
            from models import Timings
            demo = child.demo if child is not None else None
            session = Session(settings, home, Timings(), runner.on_fatal, child, known=known,
                              reread=lambda: load_settings(home, known, flag, demo),
                              confirmed=confirmed(args))
        except BaseException:
            if child is not None:
                child.stop(0.5)
            raise
        for notice in notices:
            session.say(notice)
        control = open_control(home, session, flag)
        try:
            runner.run(session, args.autotrade)
        finally:
            if control is not None:
                control.stop()
    return 0
