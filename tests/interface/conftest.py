"""One real window a module, fed by hand, its clocks and its event times in the test's hand."""

from __future__ import annotations

import itertools
import time
import tkinter as tk
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from engine.commands import Command
from engine.view import View
from interface.app import App
from interface.desk import Desk
from models import Mode, OrdType

from .demo_feed import BTC, START, Stage

C = TypeVar("C")

# An interpreter freed by another thread than its own aborts the process; these live as long as the tests.
INTERPRETERS: list[object] = []


class Driver:
    """A window with a stage behind it, and the hands that click and type."""

    def __init__(self, size: tuple[int, int] = (1920, 1080)) -> None:
        self.now = 1000.0
        self._times = itertools.count(100_000, 5_000)
        self.app = App(Mode.SIM, debug=True, size=size)
        INTERPRETERS.append(self.app.root.tk)
        self.app.root.update()
        self.stage = Stage()
        self.reset()

    def reset(self, mode: Mode = Mode.SIM) -> None:
        """As freshly started and recovered."""
        app = self.app
        while app.shell.layers:
            app.shell.layers[-1].close()
        self.now += 100
        app._closing, app._looked_at_memory = False, 0.0
        app.alerts.question, app.alerts.problems = None, []
        Desk.__init__(app.desk, lambda: self.now, lambda: START + 5_000)
        self.stage = Stage(mode)
        self.stage.fill(self.now, START)
        app.mode = mode
        app.attach(self.stage.hooks())
        app.layout.book.ladder = None
        app.layout.form._key = None
        app.layout.book._steps.clear()
        app.layout.book.choose_view("ladder")
        app.layout.book._hint = ("", 0, 0.0)
        app.layout.chart.timeframe = "1m"
        app.layout.tabs.choose("Orders")
        app.layout.tabs.lists.as_trips = False
        app.layout.tabs.lists.choose()
        app.root.focus_force()
        app.layout.form.post.set(True)
        app.layout.form.kind.choose(OrdType.LIMIT)
        self.draw()
        self.now += 1
        self.draw()
        self.stage.posted.clear()

    def draw(self) -> None:
        """One tick, and everything Tk has to do for it."""
        self.app.refresh()
        self.app.root.update()

    def time(self) -> int:
        """An event time far after the last one."""
        return next(self._times)

    def sent(self, kind: type[C]) -> list[C]:
        """Posted commands of a kind."""
        return [command for command in self.stage.posted if isinstance(command, kind)]

    def posted(self) -> list[Command]:
        """All commands."""
        return self.stage.posted

    def click(self, widget: tk.Misc, x: int, y: int, time: int = 0) -> None:
        """Press and release at a place of a widget."""
        at = time or self.time()
        widget.event_generate("<ButtonPress-1>", x=x, y=y, time=at)
        widget.event_generate("<ButtonRelease-1>", x=x, y=y, time=at + 30)
        self.app.root.update()

    def key(self, name: str, time: int = 0, state: int = 0, widget: tk.Misc | None = None) -> None:
        """Press and release a key where the cursor is."""
        at = time or self.time()
        target = widget or self.app.root.focus_get() or self.app.root
        assert not isinstance(target, str)
        target.event_generate(f"<KeyPress-{name}>", time=at, state=state)
        if target.winfo_exists():
            target.event_generate(f"<KeyRelease-{name}>", time=at + 30, state=state)
        else:
            self.app.keys.held.release(name, at + 30)
        self.app.root.update()

    def drag(self, start: tuple[int, int], end: tuple[int, int], time: int = 0, widget: tk.Misc | None = None) -> None:
        """Press in one place of the book, carry it to another in steps, and let go there."""
        canvas = widget or self.app.layout.book.canvas
        at = time or self.time()
        canvas.event_generate("<ButtonPress-1>", x=start[0], y=start[1], time=at)
        for step in range(1, 5):
            x, y = (round(a + (b - a) * step / 4) for a, b in zip(start, end, strict=True))
            canvas.event_generate("<B1-Motion>", x=x, y=y, time=at + step * 40)
        self.app.root.update()
        canvas.event_generate("<ButtonRelease-1>", x=end[0], y=end[1], time=at + 200)
        self.app.root.update()

    def row_y(self, price: str) -> int:
        """The middle of the ladder's row of a price, written as shown but with plain digits."""
        book = self.app.layout.book
        assert book.ladder is not None
        row = [str(value) for value in map(float, book.ladder.prices)].index(str(float(price)))
        return book.ladder_canvas.row_top(row) + self.app.theme.row // 2

    def click_price(self, price: str, time: int = 0) -> None:
        """Click a row of the book, on its size."""
        book = self.app.layout.book
        self.click(book.canvas, book.ladder_canvas._edges[2] - 20, self.row_y(price), time)

    def slip_texts(self) -> list[str]:
        """What stands on the slip."""
        ladder = self.app.layout.book.ladder_canvas
        if ladder._slip_shown is None:
            return []
        return [self.item(ladder.canvas, item) for item in ladder._slip[1:]]

    def note(self) -> str:
        """What stands beside the form."""
        return self.app.desk.note.text if self.app.desk.note else ""

    @staticmethod
    def item(canvas: tk.Canvas, item: int, option: str = "text") -> str:
        """An option of a canvas item."""
        return str(canvas.tk.call(str(canvas), "itemcget", item, f"-{option}"))

    def until(self, done: Callable[[], bool], rounds: int = 400) -> bool:
        """Update until something is so."""
        for _round in range(rounds):
            self.app.root.update()
            if done():
                return True
            time.sleep(0.005)
        return done()

    def viewed(self) -> View:
        """What the stage shows now."""
        assert self.stage.view is not None
        return self.stage.view


@pytest.fixture(scope="module")
def opened() -> Iterator[Driver]:
    """The module's one window."""
    driver = Driver()
    yield driver
    driver.app.destroy()


@pytest.fixture
def window(opened: Driver) -> Driver:
    """The window as freshly started, BTCUSDT selected, everything recovered."""
    opened.reset()
    assert opened.app.desk.key == BTC
    return opened
