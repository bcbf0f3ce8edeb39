"""The words of `main.py ledger …`, `backup` and `restore`, and which function runs each. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Common = Callable[..., None]
DATABASE = ("backup", "restore")         # commands of their own; the others stand under `ledger`


def add_commands(commands: Any, common: Common) -> None:
    """Add `ledger`, `backup` and `restore` to the command line."""
    ledger = commands.add_parser("ledger", help="work with the books")
    _usual(ledger, common)               # before the action or after it
    actions = ledger.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, common, "open", "take over positions that no row explains, as opening rows")
    _add(actions, common, "check", "compare sums, rows and exchange; exit code 10 when something differs")
    export = _add(actions, common, "export", "write ledger rows to a file")
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--csv", type=Path, metavar="FILE", help="for spreadsheets and programs")
    kind.add_argument("--parquet", type=Path, metavar="FILE", help="for programs; needs requirements-research.txt")
    export.add_argument("--bot", metavar="EMI", default="", help="rows of this owner only")
    export.add_argument("--symbol", metavar="S", default="", help="rows of this symbol only")
    export.add_argument("--market", metavar="M", default="", help="rows of this exchange only: Binance or Bitmex")
    export.add_argument("--from", dest="since", metavar="TIME", default="",
                        help="from this time on, UTC: 2026-11-21 or 2026-11-21T18:30:00")
    export.add_argument("--to", dest="until", metavar="TIME", default="", help="before this time")
    export.add_argument("--force", action="store_true", help="replace the file when it is there")
    tmatic = _add(actions, common, "import-tmatic", "book rows and bots of an older terminal's database")
    tmatic.add_argument("file", type=Path, metavar="FILE", help="its MySQL dump (.sql) or its SQLite file")
    tmatic.add_argument("--account", metavar="ID", default="", help="for rows that name no account")
    tmatic.add_argument("--table", metavar="NAME", default="", help="coins, real_trade or test_trade")
    bitmex = _add(actions, common, "import-bitmex", "book an execution history saved from BitMEX")
    bitmex.add_argument("file", type=Path, metavar="FILE", help="GET /execution/tradeHistory as JSON or CSV")
    backup = _add(commands, common, "backup", "copy the ledger to one file, also while trading")
    backup.add_argument("file", type=Path, nargs="?", metavar="FILE",
                        help="default: backups/ in the home folder, named by mode and time")
    restore = _add(commands, common, "restore", "put a backup in the ledger's place; the old one is kept aside")
    restore.add_argument("file", type=Path, metavar="FILE")


def _add(to: Any, common: Common, name: str, words: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = to.add_parser(name, help=words)
    _usual(made, common)
    return made


def _usual(made: argparse.ArgumentParser, common: Common) -> None:
    common(made, again=True)
    mode = made.add_mutually_exclusive_group()
    for flag, meaning in (("--demo", "the ledger of the bundled exchange"), ("--testnet", "of the test network"),
                          ("--live", "of real money")):
        mode.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=meaning)


def run_command(args: argparse.Namespace, home: Path, project: Path) -> int:
    """Run what was asked; the exit code."""
    match args.action if args.command == "ledger" else args.command:
        case "open":
            from session.opening import open_ledger
            return open_ledger(home)
        case "check":
            from session.ledger.check import check_ledger
            return check_ledger(args, home, project)
        case "export":
            from session.ledger.export import export_rows
            return export_rows(args, home)
        case "import-tmatic":
            from session.ledger.tmatic import import_tmatic
            return import_tmatic(args, home)
        case "import-bitmex":
            from session.ledger.bitmex import import_bitmex
            return import_bitmex(args, home)
        case "backup":
            from session.ledger.backup import backup
            return backup(args, home)
        case _:
            from session.ledger.backup import restore
            return restore(args, home)
