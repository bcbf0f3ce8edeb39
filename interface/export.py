"""Writing a table as CSV on a thread of its own: no callback of the window waits for the disk."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue


class Exports:
    """Starts the writing and, at a later tick, tells how it went."""

    def __init__(self) -> None:
        self._done: SimpleQueue[str] = SimpleQueue()

    def write(self, home: str, name: str, text: str) -> None:
        """Write `text` to `exports/<name>-<time>.csv` under the home folder."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        path = Path(home or ".") / "exports" / f"{name.lower()}-{stamp}.csv"
        threading.Thread(target=self._write, args=(path, text), name="export", daemon=True).start()

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
            self._done.put(f"written: {path}")
        except OSError as error:
            self._done.put(f"CSV not written: {path}: {error.strerror}")

    def news(self) -> str:
        """What has been finished since, "" when nothing."""
        try:
            return self._done.get_nowait()
        except Empty:
            return ""
