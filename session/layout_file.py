"""`window.json` in the home folder: what the window remembers. Read before it opens, written on a thread of its own.

A broken file is ignored and said; it is replaced at the next change. A full disk costs the memory, nothing else.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from queue import SimpleQueue

from core.errors import ConfigError
from core.home import write_private
from interface.memory import Memory, from_json, to_json

log = logging.getLogger(__name__)

NAME = "window.json"
LARGEST = 1_000_000      # bytes; more is nothing of ours


def read_layout(home: Path) -> tuple[Memory, str]:
    """What was remembered, and a sentence when the file could not be used."""
    path = home / NAME
    try:
        if not path.exists():
            return Memory(), ""
        if path.stat().st_size > LARGEST:
            return Memory(), f"{NAME} is too large to be a layout; the window opens as the first time."
        return from_json(path.read_text(encoding="utf-8")), ""
    except OSError as error:
        return Memory(), f"{NAME} cannot be read ({error.strerror}); the window opens as the first time."
    except ValueError:
        return Memory(), f"{NAME} is broken; the window opens as the first time."


class LayoutFile:
    """Writes the newest memory; its thread starts with the first one."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._queue: SimpleQueue[Memory | None] = SimpleQueue()     # from the window; None ends the thread
        self._thread: threading.Thread | None = None

    def remember(self, memory: Memory) -> None:
        """To be written soon; returns at once."""
        self._queue.put(memory)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="layout", daemon=True)
            self._thread.start()

    def close(self, within_s: float = 1.0) -> None:
        """Write what is left and end."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        while True:
            memory = self._queue.get()
            while memory is not None and not self._queue.empty():
                newer = self._queue.get()
                if newer is None:
                    self._queue.put(None)
                    break
                memory = newer
            if memory is None:
                return
            self._write(memory)

    def _write(self, memory: Memory) -> None:
        try:
            write_private(self._path, to_json(memory))
        except ConfigError as error:
            log.warning("the window's layout is not kept: %s", error)
