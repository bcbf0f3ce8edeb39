"""A private MariaDB server in a folder of its own for as long as a test run lasts: started, killed, stopped here."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pymysql

from db.dialects import MySqlAddress

INSTALLER, SERVER = "mariadb-install-db", "mariadbd"
PASSWORD = "correct-horse-7"
READY_S = 20.0


def missing() -> str:
    """The name of a program that is not installed ("" = all are there)."""
    return next((name for name in (INSTALLER, SERVER) if program(name) is None), "")


def program(name: str) -> str | None:
    """Its path; servers stand where ordinary users do not look."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")


class MariaDb:
    """One server: a data folder, a socket file, a free port on loopback; user `botbook` may do everything."""

    user = "botbook"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "s"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._run(INSTALLER, "--auth-root-authentication-method=normal", "--skip-test-db")
        self.start()
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER 'botbook'@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute("GRANT ALL ON *.* TO 'botbook'@'127.0.0.1'")
            cursor.execute("CREATE USER 'nobody'@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))

    def start(self) -> None:
        """Start the server and wait until it answers."""
        arguments = [f"--socket={self._socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                     f"--pid-file={self._folder / 'pid'}", "--skip-name-resolve", "--innodb-buffer-pool-size=32M",
                     "--performance-schema=OFF"]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(self._command(SERVER, *arguments), stdout=log, stderr=log)
        limit = time.monotonic() + READY_S
        while True:
            try:
                self.root().close()
                return
            except pymysql.err.OperationalError:
                if self._process.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """A clean end."""
        self._end(signal.SIGTERM)

    def root(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A connection as root, to the server itself."""
        return pymysql.connect(unix_socket=str(self._socket), user="root", autocommit=True, connect_timeout=5)

    def address(self, database: str, user: str = user) -> MySqlAddress:
        """Where the program finds it."""
        return MySqlAddress("127.0.0.1", self.port, user, database)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(self._command(name, *arguments), capture_output=True, check=False, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout[-1000:]}{done.stderr[-1000:]}")

    def _command(self, name: str, *arguments: str) -> list[str]:
        path = program(name)
        assert path is not None
        return [path, "--no-defaults", f"--datadir={self._folder / 'data'}", f"--user={getpass.getuser()}", *arguments]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
