"""`main.py backup [FILE]` and `main.py restore FILE`.

A backup is taken while the program trades or while it does not. A restore wants the program ended, looks at the file
first, and keeps what stood there before.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from core.errors import ConfigError, LedgerError
from core.secrets import KnownSecrets
from core.settings import MysqlSettings, Settings
from db.backup import backup_file, backup_server, judged, restore_file, restore_server
from db.mysql import LONG_ANSWER_S, open_mysql
from db.store import Store
from session import lock
from session.build import BACKUPS, open_store
from session.ledger.place import address_of, reading, settings_of
from session.ledger.progress import progress


def backup(args: argparse.Namespace, home: Path) -> int:
    """Copy the ledger; the exit code."""
    settings = settings_of(args, home, KnownSecrets())
    target: Path = args.file or home / BACKUPS / f"{settings.mode.value.lower()}-{_stamp()}.db"
    if target.exists():
        raise ConfigError("", "", f"{target} is there already; choose another name")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("", "", f"{target.parent} cannot be made: {error.strerror}") from None
    database = settings.database
    with reading(settings) as ledger:
        marks = ledger.marks()
        if "mode" not in marks:
            raise LedgerError(f"{ledger.where} holds no ledger yet")
        if isinstance(database, MysqlSettings):
            with progress("backup", None) as done:
                backup_server(ledger, target, done)
        else:
            ledger.close()
            with progress("backup", None, " pages") as done:
                backup_file(database.path, target, done)
    judged(target)
    print(f"backup of {marks['mode']} written: {target} ({target.stat().st_size / 1e6:,.1f} MB)")
    return 0


def restore(args: argparse.Namespace, home: Path) -> int:
    """Put a backup in the ledger's place; the exit code."""
    settings = settings_of(args, home, KnownSecrets())
    with lock.take(home):
        marks = judged(args.file)
        if marks["mode"] != settings.mode.value:
            raise LedgerError(f"{args.file} holds the books of {marks['mode']}, the settings say "
                              f"{settings.mode.value}; nothing was changed")
        database = settings.database
        if isinstance(database, MysqlSettings):
            aside = f"its tables end with _{_restore_server(args.file, home, settings, database)}"
        else:
            kept = restore_file(args.file, database.path, _stamp())
            aside = str(kept) if kept is not None else "there was none"
    print(f"{args.file} is the ledger of {marks['mode']} now; the one before: {aside}")
    return 0


def _restore_server(file: Path, home: Path, settings: Settings, database: MysqlSettings) -> str:
    """The same on a server; the ending of the old tables' names. Who trades on one of its accounts is not disturbed."""
    store = open_store(settings, home)
    engine = open_mysql(address_of(database), database.password.reveal(), LONG_ANSWER_S)
    try:
        with reading(settings) as ledger:
            accounts = {(row.key.market, row.account) for row in ledger.books().values()}
        for market, account in sorted(accounts):
            store.lock_account(market, account)
        with tempfile.TemporaryDirectory() as folder:
            newest = Path(folder) / "ledger.db"
            shutil.copyfile(file, newest)
            older = Store.sqlite(newest)
            older.prepare(settings.mode.value)
            older.close()
            with progress("restore", None) as done:
                return restore_server(newest, engine, _stamp().replace("-", "_"), done)
    finally:
        engine.dispose()
        store.close()


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime())
