"""The bundled exchange as our child process. It ends when our end of its input closes, also after kill -9."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from core.errors import VenueError
from core.home import write_private
from core.market_settings import Demo, DemoVenue

READY_WITHIN_S = 20.0
READY_FILE = "simulator.ready"       # how the running one is reached, for the kill switch of another process


def demo_of(ready: dict[str, dict[str, str]]) -> Demo:
    """The addresses and keys of a ready line."""
    one = {name: DemoVenue(told["http"], told["ws"], told["api_key"], told["api_secret"])
           for name, told in ready.items() if name in ("binance", "bitmex")}
    binance = one["binance"]
    return Demo(binance.http, binance.ws, binance.api_key, binance.api_secret, one.get("bitmex"))


def running(home: Path) -> Demo | None:
    """How the bundled exchange of this home is reached, while a child of some program still runs it."""
    try:
        ready = json.loads((home / READY_FILE).read_text(encoding="utf-8"))
        demo = demo_of(ready)
        parts = urlsplit(demo.http)
        socket.create_connection((parts.hostname or "", parts.port or 0), 1.0).close()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return demo


class Child:
    """Started once; `demo` says how to reach it."""

    def __init__(self, project: Path, home: Path, more: tuple[str, ...] = ()) -> None:
        self._log = open(home / "simulator.log", "ab")  # noqa: SIM115 - open as long as the child runs
        try:
            # Its own session: Ctrl-C in the terminal reaches us, and we end it in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                [sys.executable, str(project / "main.py"), "simulate", "--home", str(home), "--child", *more],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True, cwd=project)
        except OSError as error:
            self._log.close()
            raise VenueError("simulator", f"the bundled exchange cannot be started: {error.strerror}") from None
        self._ready_file: Path | None = None
        self.ready = self._wait()
        self._ready_file = home / READY_FILE
        write_private(self._ready_file, json.dumps(self.ready))
        self.control = str(self.ready["control"])
        self.demo = demo_of(self.ready)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def _wait(self) -> dict[str, dict[str, str]]:
        lines: SimpleQueue[bytes] = SimpleQueue()
        output = self._process.stdout
        assert output is not None

        def read() -> None:
            for line in output:
                lines.put(line)
            lines.put(b"")

        threading.Thread(target=read, name="simulator output", daemon=True).start()
        try:
            line = lines.get(timeout=READY_WITHIN_S)
            ready: dict[str, dict[str, str]] = json.loads(line)
            return ready
        except (Empty, ValueError):
            self.stop(0.0)
            raise VenueError("simulator", "the bundled exchange did not start; its reason stands at the end of "
                                          "simulator.log in the home folder") from None

    def stop(self, timeout: float = 2.0) -> None:
        """Close its input and wait; one that does not end is killed."""
        if self._ready_file is not None:
            self._ready_file.unlink(missing_ok=True)
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(1.0)
        self._log.close()
