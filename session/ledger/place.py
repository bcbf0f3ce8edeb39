"""Which ledger a command works on, and how it is opened: read beside a running program, or written alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError
from core.home import has_settings
from core.secrets import KnownSecrets
from core.settings import MysqlSettings, Settings, load_settings
from db.dialects import MySqlAddress
from db.reading import Reading
from db.store import Store
from models import Mode
from session import lock
from session.build import open_store
from session.run import flag_of


def settings_of(args: argparse.Namespace, home: Path, known: KnownSecrets) -> Settings:
    """The settings the terminal would start with. Raises ConfigError when their database cannot be used."""
    flag = flag_of(args)
    if flag is None and not has_settings(home):
        flag = Mode.SIM                  # as a start without a window does
    settings = load_settings(home, known, flag)
    for problem in settings.problems:
        if problem.key.startswith(("MYSQL", "SQLITE")):
            raise problem.error()
    return settings


def address_of(database: MysqlSettings) -> MySqlAddress:
    """Where the server is."""
    return MySqlAddress(database.host, database.port, database.user, database.database, database.socket)


def reading(settings: Settings) -> Reading:
    """The ledger, for reading."""
    database = settings.database
    if isinstance(database, MysqlSettings):
        return Reading.mysql(address_of(database), database.password.reveal())
    return Reading.sqlite(database.path)


@contextmanager
def writing(settings: Settings, home: Path) -> Iterator[Store]:
    """The ledger for writing, which no other copy of the program works with meanwhile."""
    with lock.take(home):
        store = open_store(settings, home)
        try:
            yield store
        finally:
            store.close()


def readable(path: Path) -> Path:
    """A file a person named. Raises ConfigError when it cannot be read."""
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        raise ConfigError("", "", f"{path} cannot be read ({error.strerror}); give the name of the file") from None
