"""The command line: reads the settings, builds all parts, runs them, stops them in order.

Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 venue, 5 database, 6 already running; of ctl and kill-switch
7 not running, 8 refused, 9 no answer; of ledger check 10 something does not agree.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
import sys
from decimal import Decimal
from pathlib import Path

from core.errors import ConfigError, TerminalError, UsageError
from session.ledger.commands import DATABASE, add_commands, run_command

VERSION = "0.1.0"
PROJECT = Path(__file__).resolve().parent


def parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    made = argparse.ArgumentParser(
        prog="main.py", description="Botbook: a trading terminal for people and their bots. Without a command: the "
        "terminal; without settings it asks what to connect to.")
    made.add_argument("--version", action="version", version=f"Botbook {VERSION}")
    _common(made)
    _modes(made, False)
    made.add_argument("--confirm", metavar="ID", default="", help="LIVE: the id of the account to trade, typed once "
                      "(several with commas)")
    made.add_argument("--headless", action="store_true", help="no window")
    made.add_argument("--autotrade", action="store_true", help="start with trading ON (headless)")
    commands = made.add_subparsers(dest="command", metavar="COMMAND")
    simulate = commands.add_parser("simulate", help="run the bundled exchange by itself")
    _common(simulate, again=True)
    simulate.add_argument("--port", type=int, default=0, metavar="P", help="port on 127.0.0.1 (0: any free one)")
    simulate.add_argument("--seed", type=int, default=1, metavar="N", help="of the market that is played")
    simulate.add_argument("--fresh", action="store_true", help="a new account with empty books")
    simulate.add_argument("--replay", type=Path, metavar="FILE", help="a recorded session instead of the market")
    simulate.add_argument("--speed", default="1", metavar="X", help="play the recording so many times as fast")
    simulate.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    doctor = commands.add_parser("doctor", help="check this machine, the settings and the markets")
    _common(doctor, again=True)
    doctor.add_argument("--json", action="store_true", help="for other programs")
    add_commands(commands, _common)
    _control(commands)
    return made


def _control(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Control without a window."""
    ctl = commands.add_parser("ctl", help="ask the running program, or switch it")
    _common(ctl, again=True)             # before the action or after it
    ctl.add_argument("--json", action="store_true", help="for other programs")
    asked = ctl.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, words in (("status", "what runs: venues, ledger, orders, bots"), ("positions", "positions by bot"),
                        ("trading", "F9: trading of all bots ON or OFF"), ("bot", "switch one bot"),
                        ("cancel-all", "cancel every open order"),
                        ("kill", "kill switch: trading OFF, cancel everything, lock new orders"),
                        ("recover", "F3: reconnect and recover")):
        one = asked.add_parser(name, help=words)
        _common(one, again=True)
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for other programs")
        if name == "bot":
            one.add_argument("name", metavar="NAME", help="the bot's EMI")
        if name in ("trading", "bot"):
            one.add_argument("switch", choices=("on", "off"))
        if name == "recover":
            one.add_argument("market", nargs="?", default="", metavar="MARKET", help="Binance or Bitmex; both if left "
                                                                                     "out")
    kill = commands.add_parser("kill-switch", help="cancel all orders: by the running program, or without it")
    _common(kill, again=True)
    _modes(kill, argparse.SUPPRESS)
    kill.add_argument("--yes", action="store_true", help="do not ask back in live mode")


def _modes(to: argparse.ArgumentParser, default: bool | str) -> None:
    mode = to.add_mutually_exclusive_group()
    for name, words in (("demo", "trade on the bundled exchange, no keys needed"),
                        ("testnet", "Binance's demo network"), ("live", 'real money; needs TESTNET="False" too')):
        mode.add_argument(f"--{name}", action="store_true", default=default, help=words)


def _common(to: argparse.ArgumentParser, again: bool = False) -> None:
    default = argparse.SUPPRESS if again else None
    to.add_argument("--home", type=Path, metavar="DIR", default=default if again else PROJECT / "home",
                    help="settings, databases and logs (default: home/ in the project)")
    to.add_argument("--debug", action="store_true", default=default if again else False,
                    help="show tracebacks of errors")


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit code."""
    args = parser().parse_args(argv)
    _harden()
    try:
        return _run(args)
    except TerminalError as error:
        if args.debug:
            raise
        print(f"botbook: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        if args.debug:
            raise
        print(f"botbook: the program met an error of its own ({type(error).__name__}); the log in the home folder has "
              "it, --debug shows it. Orders rest at the venue; a restart recovers", file=sys.stderr)
        return 1


def _harden() -> None:
    """No core file with secrets in it; a crash prints where, without values; private events stay quick."""
    faulthandler.enable()
    sys.setswitchinterval(0.001)
    os.umask(0o077)                      # files of a session are its owner's only
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        return


def _run(args: argparse.Namespace) -> int:
    home: Path = args.home.expanduser().resolve()
    if args.command == "simulate":
        return _simulate(args, home)
    if args.command == "ctl":
        from session.ctl import ctl
        return ctl(args, home)
    modes = [f"--{mode}" for mode in ("demo", "testnet", "live") if getattr(args, mode)]
    if len(modes) > 1:                   # before and after the command: argparse sees them one by one
        raise UsageError(f"{' and '.join(modes)} exclude each other")
    if args.autotrade and not args.headless and args.command is None and _has_display():
        raise UsageError("--autotrade needs --headless; in the window, F9 switches trading on")
    if args.command == "kill-switch":
        from session.kill_switch import kill_switch
        return kill_switch(args, home, PROJECT)
    from core.home import prepare_home
    notices = prepare_home(home, PROJECT)
    if args.command == "doctor":
        from session.doctor import doctor
        return doctor(home, args.json)
    if args.command in ("ledger", *DATABASE):
        return run_command(args, home, PROJECT)
    from session.run import run_terminal
    return run_terminal(args, home, PROJECT, notices)


def _simulate(args: argparse.Namespace, home: Path) -> int:
    if args.port and not 1 <= args.port <= 65535:
        raise ConfigError("--port", str(args.port), "1 to 65535, or 0 for any free one")
    if args.replay is not None and not args.replay.is_file():
        raise ConfigError("--replay", str(args.replay), "there is no such file")
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", args.speed) or not Decimal(args.speed):
        raise ConfigError("--speed", args.speed, "a number above 0 and below 1000")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    from simulator.server import run
    return run(home, port=args.port, seed=args.seed, fresh=args.fresh, replay=args.replay, child=args.child,
               speed=Decimal(args.speed))


def _has_display() -> bool:
    from session.display import display_problem
    return not display_problem()


if __name__ == "__main__":
    sys.exit(main())
