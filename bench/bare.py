"""The floor of a private fill, as a process: raw websocket, one durable insert. `python -m bench.bare PORT N`

It reads the same fills as the terminal at the same time, so both meet the same disk. First line: ready; then the
milliseconds of each fill as JSON.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from bench.wire import RawSocket


def main(port: int, count: int) -> None:
    """Read, insert, note."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        ledger = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        ledger.execute("PRAGMA journal_mode=WAL")
        ledger.execute("PRAGMA synchronous=FULL")
        ledger.execute("CREATE TABLE fills (id INTEGER PRIMARY KEY, raw TEXT)")
        line = RawSocket(port, "/private/ws/floor")
        print("ready", flush=True)
        while len(took) < count:
            for payload in line.frames():
                if b"ORDER_TRADE_UPDATE" in payload:
                    ledger.execute("INSERT INTO fills (raw) VALUES (?)", (payload.decode(),))
                    took.append((time.monotonic_ns() - json.loads(payload)["o"]["t"]) / 1e6)
        line.close()
        ledger.close()
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
