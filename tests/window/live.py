"""The whole program in the test's process: `WindowRun` with its child exchange, the main thread pumping Tk by hand.

Mouse and keys are Tk events with time stamps of the test's own, so guards by event time need no waiting; what a person
reads is read from the widgets, what happened from `control truth` and from the database file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import time
import tkinter as tk
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from core.logs import LogHandle, start_logging
from core.secrets import KnownSecrets
from core.settings import load_settings
from engine.view import View
from models import Mode, OrdType, Top
from session.build import Session
from session.window import WindowRun
from tests.faults.harness import is_running, usd_m_only

ROOT = Path(__file__).resolve().parents[2]
WINDOW_TICK_LIMIT_MS = 500      # window.md: nothing the window does may take longer

_T = TypeVar("_T")


class Market:
    """A running exchange by its control address: what a test pulls, and what really happened."""

    def __init__(self, control: str) -> None:
        self.control = control
        parts = urlsplit(control)
        self.http = f"{parts.scheme}://{parts.netloc}"

    def post(self, action: str, **body: Any) -> Any:
        """A control request that must succeed."""
        answer = requests.post(f"{self.control}/{action}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def truth(self) -> dict[str, list[dict[str, Any]]]:
        """What really happened."""
        read: dict[str, list[dict[str, Any]]] = requests.get(f"{self.control}/truth", timeout=10).json()
        return read

    def orders(self, symbol: str = "BTCUSDT") -> list[dict[str, Any]]:
        """All orders of the account, oldest first."""
        return [order for order in self.truth()["orders"] if order["symbol"] == symbol]

    def open_orders(self) -> list[dict[str, Any]]:
        """Those that still rest."""
        return [order for order in self.truth()["orders"] if order["status"] in ("NEW", "PARTIALLY_FILLED")]

    def depth(self, symbol: str = "BTCUSDT", limit: int = 1000) -> dict[str, list[tuple[Decimal, Decimal]]]:
        """The book by REST."""
        answer = requests.get(f"{self.http}/fapi/v1/depth", params={"symbol": symbol, "limit": str(limit)}, timeout=10)
        return {side: [(Decimal(price), Decimal(qty)) for price, qty in answer.json()[side]]
                for side in ("bids", "asks")}

    def trade(self, side: str, qty: Decimal, symbol: str = "BTCUSDT") -> None:
        """A stranger's market order."""
        self.post("trade", market="Binance", category="linear", symbol=symbol, side=side, qty=f"{qty:f}")

    def sell_through(self, price: Decimal) -> None:
        """Strangers sell until everything at `price` and above is bought away."""
        self.trade("SELL", sum((qty for at, qty in self.depth()["bids"] if at >= price), Decimal(0)))

    def move(self, price: Decimal, symbol: str = "BTCUSDT") -> None:
        """Trade the market to a price."""
        self.post("price", market="Binance", category="linear", symbol=symbol, price=f"{price:f}")

    def fault(self, name: str, **args: Any) -> None:
        """Inject a fault."""
        self.post("fault", name=name, **args)

    def thaw(self) -> None:
        """The strangers move again: a silent stream is then proven to be dead."""
        requests.delete(f"{self.control}/fault", params={"name": "freeze"}, timeout=10)

    def calm(self) -> None:
        """End all faults, and let the strangers stand still: a test moves the market itself."""
        requests.delete(f"{self.control}/fault", timeout=10)
        self.fault("freeze")


def rows(home: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Rows of the database file of SIM."""
    with contextlib.closing(sqlite3.connect(home / "sim.db", timeout=5)) as raw:
        raw.row_factory = sqlite3.Row
        return [dict(row) for row in raw.execute(query, values)]


class Live:
    """One window, opened and pumped."""

    def __init__(self, home: Path, mode: Mode | None = Mode.SIM) -> None:
        self.home = home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = KnownSecrets()
        if mode is Mode.SIM:
            usd_m_only(home)
        settings = load_settings(home, known, mode)
        self.logs: LogHandle = start_logging(home, "INFO", known)
        self.run = WindowRun(home, ROOT, known, mode, settings, (), "test", debug=True)
        self.app = self.run.app
        self.slowest_ms = 0.0
        self._time = 100_000
        self._ended = False
        self.child_pid = 0
        self.market = Market("http://127.0.0.1:1/control")
        self.app.root.focus_force()
        self.app.root.update()
        if self.run._needs_choice:
            self.app.first_start(self.run._choose)
        else:
            self.run._begin()
        self.app.later(30, self.run._poll)
        self.app.root.update()

    # ------------------------------------------------------------ time

    def pump(self, seconds: float = 0.0) -> None:
        """Let the window live."""
        end = time.monotonic() + seconds
        while not self._ended:
            began = time.perf_counter()
            try:
                self.app.root.update()
            except tk.TclError:
                if not self.app._stopped:
                    raise
                self._ended = True
                return
            self.slowest_ms = max(self.slowest_ms, (time.perf_counter() - began) * 1000)
            if time.monotonic() >= end:
                return
            time.sleep(0.01)

    def until(self, condition: Callable[[], _T | None], limit: float = 5.0, what: str = "the condition") -> _T:
        """The condition's first true value while the window lives; fails after `limit` seconds."""
        end = time.monotonic() + limit
        while True:
            self.pump()
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"not within {limit:g} s: {what}; last seen: {value!r}; {self.said()[:3]}")
            self.pump(0.03)

    def time(self) -> int:
        """An event time far after the last one."""
        self._time += 5_000
        return self._time

    # ------------------------------------------------------------ what there is

    @property
    def session(self) -> Session:
        """Behind the window."""
        assert self.run._session is not None
        return self.run._session

    @property
    def view(self) -> View:
        """What is shown."""
        view = self.session.view()
        assert view is not None
        return view

    def wait_live(self, limit: float = 25.0) -> None:
        """Until the account is recovered and the shown book is live and drawn."""
        self.until(lambda: self.run._session is not None or self.run.exit_code, limit, "a session")
        child = self.session.child
        if child is not None:
            self.child_pid = child.pid
            self.market = Market(child.control)
        self.until(self.is_live, limit, "recovered, book live")

    def is_live(self) -> bool:
        """Whether a click would be taken."""
        key = self.app.desk.key
        view, book = self.session.view(), self.session.board.books.get(key) if key else None
        return bool(view and view.recovered and book and book.live and self.app.layout.book.ladder
                    and view.ledger.agree_time and time.monotonic() - book.received < 2)

    def said(self) -> list[str]:
        """Messages, newest first."""
        if self.run._session is None:
            return []
        view = self.session.view()
        return [line.text for line in view.messages] if view else []

    def strips(self) -> list[str]:
        """What the strips say."""
        return self.app.strips.texts()

    def note(self) -> str:
        """What stands beside the form."""
        return self.app.desk.note.text if self.app.desk.note else ""

    def hint(self) -> str:
        """What stands over the row that was clicked."""
        canvas = self.app.layout.book.ladder_canvas
        return text_of(canvas.canvas, canvas._hint[1]) if canvas._hint_shown else ""

    def chips(self) -> list[str]:
        """Own orders as drawn in the book."""
        ladder = self.app.layout.book.ladder_canvas
        return [text for row in ladder._rows if (text := text_of(ladder.canvas, row.mine))]

    def slip(self) -> str:
        """What stands on the slip, "" without one."""
        ladder = self.app.layout.book.ladder_canvas
        if ladder._slip_shown is None:
            return ""
        return " | ".join(text_of(ladder.canvas, item) for item in ladder._slip[1:])

    def coins(self) -> list[dict[str, Any]]:
        """The ledger's fills."""
        return rows(self.home, "SELECT * FROM coins ORDER BY ID")

    def row(self, client_id: str) -> dict[str, Any]:
        """An order in the database; {} when there is none."""
        return next(iter(rows(self.home, "SELECT * FROM orders WHERE CLORDID = ?", client_id)), {})

    # ------------------------------------------------------------ hands

    def press(self, widget: tk.Misc, x: int, y: int, at: int) -> None:
        """One click of the left button."""
        widget.event_generate("<ButtonPress-1>", x=x, y=y, time=at)
        if widget.winfo_exists():
            widget.event_generate("<ButtonRelease-1>", x=x, y=y, time=at + 30)
        self.pump()

    def key(self, name: str, at: int = 0, state: int = 0) -> None:
        """Press and release a key where the cursor is."""
        at = at or self.time()
        root = self.app.root
        focus = root.focus_get()
        target: tk.Misc = focus if isinstance(focus, tk.Misc) else root
        target.event_generate(f"<KeyPress-{name}>", time=at, state=state)
        if target.winfo_exists():
            target.event_generate(f"<KeyRelease-{name}>", time=at + 30, state=state)
        else:
            self.app.keys.held.release(name, at + 30)
        self.pump()

    def drag_chip(self, price: Decimal, target: Decimal, at: int) -> None:
        """Carry the chip of one price to the row of another, and let go."""
        book = self.app.layout.book
        self.until(lambda: self.app.desk.monotonic() - book.moved_at > 0.3, 3, "rows that stand still")
        canvas, start, end = book.canvas, self.row_y(price), self.row_y(target)
        canvas.event_generate("<ButtonPress-1>", x=12, y=start, time=at)
        canvas.event_generate("<B1-Motion>", x=12, y=(start + end) // 2, time=at + 60)
        canvas.event_generate("<B1-Motion>", x=12, y=end, time=at + 120)
        canvas.event_generate("<ButtonRelease-1>", x=12, y=end, time=at + 160)
        self.pump()

    def row_y(self, price: Decimal) -> int:
        """The middle of the ladder's row of a price."""
        book = self.app.layout.book
        assert book.ladder is not None
        return book.ladder_canvas.row_top(book.ladder.prices.index(price)) + self.app.theme.row // 2

    def point_at(self, price: Decimal) -> bool:
        """Move the pointer on a row of the book; False, for use in a wait."""
        book = self.app.layout.book
        book.canvas.event_generate("<Motion>", x=book.ladder_canvas._edges[2] - 20, y=self.row_y(price))
        self.pump()
        return False

    def click_price(self, price: Decimal, at: int = 0) -> None:
        """Click a row of the book, on its size, once its rows have stood still long enough."""
        book = self.app.layout.book
        if book.ladder is None or price not in book.ladder.prices:
            book.centre()
        self.until(lambda: self.app.desk.monotonic() - book.moved_at > 0.3, 3, "rows that stand still")
        self.press(book.canvas, book.ladder_canvas._edges[2] - 20, self.row_y(price), at or self.time())

    def click_slip(self, at: int) -> None:
        """Click the open slip."""
        ladder = self.app.layout.book.ladder_canvas
        self.press(ladder.canvas, 20, ladder.slip_top + 8, at)

    def click_cross(self, price: Decimal) -> None:
        """Click the ✕ of the chip at a price."""
        book = self.app.layout.book
        self.until(lambda: self.app.desk.monotonic() - book.moved_at > 0.3, 3, "rows that stand still")
        x = book.ladder_canvas._edges[0] - self.app.theme.gap - self.app.theme.zero
        self.press(book.canvas, x, self.row_y(price), self.time())

    def top(self) -> Top:
        """The best pair the window shows."""
        top = self.app.desk.glance().top
        assert top is not None
        return top

    def bid(self, away: int = 0) -> Decimal:
        """A price so many ticks below the best bid."""
        return self.top().bid - away * Decimal("0.1")

    def ask(self, away: int = 0) -> Decimal:
        """A price so many ticks above the best ask."""
        return self.top().ask + away * Decimal("0.1")

    def buy_resting(self, away: int = 5) -> dict[str, Any]:
        """An order by book and Enter, waited for; as the exchange has it."""
        before = {order["client_id"] for order in self.market.orders()}
        at, price = self.time(), self.bid(away)
        self.click_price(price, at)
        assert self.app.desk.draft is not None, (self.hint(), self.note())
        self.key("Return", at + 200)
        made = self.until(lambda: [order for order in self.market.orders() if order["client_id"] not in before], 5,
                          "the order at the exchange")[0]
        self.until(lambda: any(line.id == made["client_id"] and line.status == "NEW" for line in self.view.orders), 5,
                   "the order in the window")
        self.app.refresh()
        return made

    # ------------------------------------------------------------ between tests, and the end

    def calm(self) -> None:
        """As freshly opened: no faults, no orders, trading OFF, re-armed, nothing open on the screen."""
        self.market.calm()
        app = self.app
        while app.shell.layers:
            app.shell.layers[-1].close()
        app.desk.drop()
        app.desk.note = app.desk.selected = None
        app.desk.habits.forget()
        if self.view.trading:
            app.desk.set_trading(False)
        if self.view.kill.locked:
            app.desk.rearm()
        self.until(self.is_live, 15, "live again")
        app.desk.cancel_of(None)
        self.until(lambda: not self.view.orders and not self.view.trading and not self.view.locked, 10, "calm")
        form = app.layout.form
        form.post.set(True)
        form.reduce.set(False)
        form.kind.choose(OrdType.LIMIT)
        form.price.set("")
        form.qty.set(app.desk.usual_qty())
        app.root.focus_force()
        app.layout.book.centre()
        self.pump(0.05)
        self.slowest_ms = 0.0

    def wm_delete(self) -> None:
        """The window manager's ✕."""
        self.app.root.tk.eval(str(self.app.root.tk.call("wm", "protocol", ".", "WM_DELETE_WINDOW")))
        self.pump()

    def wait_gone(self, limit: float = 5.0) -> float:
        """Until the window is gone by itself; how long that took."""
        began = time.monotonic()
        while not self._ended and not self.app._stopped and time.monotonic() - began < limit:
            self.pump(0.02)
        assert self.app._stopped, "the window is still there"
        assert self.run._stopper is not None and not self.run._stopper.is_alive()
        return time.monotonic() - began

    def close(self) -> None:
        """Whatever is left ends, by process id."""
        try:
            if not self.app._stopped:
                self.run._end_now()
                for waiting in self.app.root.tk.splitlist(self.app.root.tk.call("after", "info")):
                    self.app.root.after_cancel(waiting)
                self.app.destroy()
        finally:
            self._ended = True
            if self.child_pid and is_running(self.child_pid):
                with contextlib.suppress(OSError):
                    os.kill(self.child_pid, signal.SIGKILL)
            self.logs.stop()

    def check_unharmed(self) -> None:
        """No callback failed, no thread died, no widget was touched off the main thread."""
        assert self.run._session is None or self.session.dead_threads() == ()
        words = (self.home / "botbook.log").read_text(encoding="utf-8")
        for bad in ("touched a widget", "window: ", "main thread is not in main loop", "Traceback"):
            assert bad not in words, words[max(0, words.find(bad) - 300):][:3000]



def text_of(canvas: tk.Canvas, item: int) -> str:
    """What a text item of a canvas says."""
    return str(canvas.tk.call(str(canvas), "itemcget", item, "-text"))


def insert_robot(home: Path, emi: str, strategy: str, params: dict[str, Any]) -> None:
    """A row of `robots`, as a person types it; the database is there already."""
    with contextlib.closing(sqlite3.connect(home / "sim.db")) as raw:
        raw.execute("INSERT INTO robots (EMI, SYMBOL, CATEGORY, MARKET, TIMEFR, CAPITAL, STRATEGY, PARAMS)"
                    " VALUES (?, 'BTCUSDT', 'linear', 'Binance', 1, 2, ?, ?)", (emi, strategy, json.dumps(params)))
        raw.commit()
