"""A frame from the socket to the connector's callback, beside a raw socket reading the same frames in the same run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.pacer import sent_at
from bench.process import running
from bench.row import Row, Size, share
from bench.wire import RawSocket
from connectors.stream import Stream
from core.clock import SystemClock
from models import Timings

RATE, BYTES = 2_000, 477
BATCH = 2_000           # frames of one turn: raw socket and connector take turns
WARM = 100              # frames of a turn left out: connecting


class Arrivals:
    """A feed that notes when each frame is handed over."""

    def __init__(self, url: str, count: int) -> None:
        self.took: list[int] = []
        self.done = threading.Event()
        self._url, self._count = url, count

    def address(self) -> str:
        """Where the frames come from."""
        return self._url

    def opened(self, send: Callable[[str], None]) -> None:
        """Nothing to ask for."""

    def frame(self, raw: bytes, now: float) -> None:
        """Note the time since the sending."""
        self.took.append(time.monotonic_ns() - sent_at(raw))
        if len(self.took) == self._count:
            self.done.set()

    def flush(self, now: float) -> None:
        """Nothing is held back."""

    def tick(self, now: float) -> str:
        """Stay connected."""
        return ""

    def take(self, message: Any) -> None:
        """Nobody posts."""

    def paused(self) -> None:
        """No matter."""

    def closed(self, text: str) -> None:
        """The end of a turn."""


def rows(size: Size) -> list[Row]:
    """Latency at 2,000 frames a second, processor time, and the most that goes through."""
    turns, batch = max(1, round(12 * size.share)), max(200, min(BATCH, int(40_000 * size.share)))
    raw: list[int] = []
    ours: list[int] = []
    spent: list[float] = []
    with running(["-m", "bench.pacer"]) as (_, port):
        for _ in range(turns):
            raw += _raw(int(port), batch)
            took, cpu = _stream(int(port), RATE, batch)
            ours += took
            spent.append(cpu)
        most = max(2_000, int(100_000 * size.share))
        fastest = max(_fastest(int(port), most) for _ in range(3))
    floor_is = "a raw socket of the same run"
    rows_ = []
    for part, name, bound in ((0.5, "p50", 1.5), (0.99, "p99", 2.5)):
        rows_.append(Row(f"websocket → callback {name}", share(ours, part) / 1000, share(raw, part) / 1000, "µs", bound,
                         of_ratio=True, floor_is=floor_is, note=f"{RATE:,} frames/s of {BYTES} bytes, {len(ours):,}"))
    return [*rows_,
            Row("websocket: share of a core", 100 * median(spent), None, "%", 5.0, note=f"at {RATE:,} frames/s"),
            Row("websocket: most frames", fastest, None, "/s", 120_000, at_least=True)]


def _raw(port: int, count: int) -> list[int]:
    line = RawSocket(port, f"/{RATE}/{count}/{BYTES}")
    took: list[int] = []
    try:
        while len(took) < count:
            for payload in line.frames():
                took.append(time.monotonic_ns() - sent_at(payload))
    finally:
        line.close()
    return took[WARM:]


def _stream(port: int, rate: int, count: int) -> tuple[list[int], float]:
    """Latencies, and the share of a core this process used meanwhile."""
    feed = Arrivals(f"ws://127.0.0.1:{port}/{rate}/{count}/{BYTES}", count)
    stream = Stream("bench", feed, SystemClock(), Timings(), 15.0, lambda name, error: None)
    begun, cpu = time.monotonic(), time.process_time()
    stream.worker.start()
    is_done = feed.done.wait(60)
    took, spent = time.monotonic() - begun, time.process_time() - cpu
    stream.stop()
    stream.worker.join(5)
    if not is_done:
        raise RuntimeError(f"only {len(feed.took)} of {count} frames came")
    return feed.took[WARM:], spent / took


def _fastest(port: int, count: int) -> float:
    """Frames a second of processor time."""
    feed = Arrivals(f"ws://127.0.0.1:{port}/0/{count}/{BYTES}", count)
    stream = Stream("bench", feed, SystemClock(), Timings(), 15.0, lambda name, error: None)
    begun = time.process_time()
    stream.worker.start()
    is_done = feed.done.wait(60)
    spent = time.process_time() - begun
    stream.stop()
    stream.worker.join(5)
    if not is_done:
        raise RuntimeError(f"only {len(feed.took)} of {count} frames came")
    return count / spent
