"""A thread that asks questions one after the other, the most important first. Keeper and loader are made of it.

A question is a generator: it yields a `Call` and is sent the body, or yields seconds to sleep. A call without an answer
is asked again with backoff; a refusal is thrown into the generator, which may know what it means. A question that ends
with an error is begun anew, later: it stays until it is answered.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from connectors.http import Call, NotSent
from core.backoff import backoff
from core.clock import Clock
from core.errors import KeysRejected, SilenceError, Throttled, VenueError
from core.worker import Worker
from models import Timings

log = logging.getLogger(__name__)

Question = Generator[Call | float, bytes, None]
SLICE = 0.25


class Line(Protocol):
    """Where calls are sent."""

    def turn(self, call: Call) -> float:
        """Book the call's cost and give 0, or the seconds to wait first."""

    def send(self, call: Call) -> bytes:
        """The body of a good answer, or an error."""


@dataclass(order=True, slots=True)
class _Task:
    rank: int
    number: int
    due: float = field(compare=False)
    name: str = field(compare=False)
    make: Callable[[], Question] = field(compare=False)
    question: Question | None = field(compare=False, default=None)
    call: Call | None = field(compare=False, default=None)
    waits: Iterator[float] | None = field(compare=False, default=None)


class Asker:
    """Queue and thread. `post`, `drop` and `stop` may be called from any thread."""

    def __init__(self, name: str, line: Line, clock: Clock, timings: Timings,
                 on_death: Callable[[str, BaseException], None], on_keys: Callable[[KeysRejected], None],
                 on_failure: Callable[[VenueError], None] = lambda error: None) -> None:
        self._line, self._clock, self._timings = line, clock, timings
        self._on_keys, self._on_failure = on_keys, on_failure
        self._inbox: queue.SimpleQueue[_Task | str] = queue.SimpleQueue()   # unbounded: questions are few
        self._tasks: list[_Task] = []
        self._number = 0
        self.worker = Worker(name, self._work, on_death)

    def post(self, name: str, make: Callable[[], Question], rank: int, delay: float = 0.0) -> None:
        """Ask this. `rank` 0 is the most important."""
        self._inbox.put(_Task(rank, 0, self._clock.monotonic() + delay, name, make))

    def drop(self, name: str) -> None:
        """Forget the questions of this name."""
        self._inbox.put(name)

    def stop(self) -> None:
        """End the thread; the owner interrupts the call that may be running."""
        self.worker.stop()
        self._inbox.put("")

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            now = self._clock.monotonic()
            due = min((task.due for task in self._tasks), default=now + SLICE)
            self._take(min(max(0.0, due - now), SLICE))
            if stop.is_set():
                return
            now = self._clock.monotonic()
            ready = [task for task in self._tasks if task.due <= now]
            if ready:
                self._step(min(ready), stop)

    def _take(self, wait: float) -> None:
        try:
            item = self._inbox.get(timeout=wait) if wait > 0 else self._inbox.get_nowait()
            while True:
                if isinstance(item, str):
                    self._tasks = [task for task in self._tasks if task.name != item]
                else:
                    self._number += 1
                    item.number = self._number
                    self._tasks.append(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _step(self, task: _Task, stop: threading.Event) -> None:
        """One call of one question."""
        if task.call is None:
            self._advance(task, lambda question: next(question))
            return
        wait = self._line.turn(task.call)
        if wait > 0:
            task.due = self._clock.monotonic() + wait
            return
        try:
            body = self._line.send(task.call)
        except (SilenceError, NotSent, Throttled) as error:
            if not stop.is_set():
                self._again(task, error)
        except VenueError as refusal:
            failure = refusal
            self._advance(task, lambda question: question.throw(failure))
        else:
            task.waits = None
            self._advance(task, lambda question: question.send(body))

    def _advance(self, task: _Task, move: Callable[[Question], Call | float]) -> None:
        """Let the question go on to its next call or sleep."""
        if task.question is None:
            task.question = task.make()
        try:
            wish = move(task.question)
        except StopIteration:
            self._tasks.remove(task)
        except KeysRejected as error:
            self._on_keys(error)
            self._anew(task, error, self._timings.backoff_max)
        except VenueError as error:
            self._anew(task, error, 0.0)
        else:
            task.call = wish if isinstance(wish, Call) else None
            task.due = self._clock.monotonic() + (0.0 if isinstance(wish, Call) else wish)

    def _anew(self, task: _Task, error: VenueError, least: float) -> None:
        task.question, task.call = None, None
        self._again(task, error, least)

    def _again(self, task: _Task, error: VenueError, least: float = 0.0) -> None:
        if task.waits is None:
            task.waits = backoff(self._timings.backoff_first, self._timings.backoff_max)
        told = error.retry_after or 0.0 if isinstance(error, Throttled) else 0.0
        wait = max(next(task.waits), told, least)
        log.info("%s: %s; again in %.1f s", task.name, error, wait)
        self._on_failure(error)
        task.due = self._clock.monotonic() + wait
