"""The window: root, the one timer, hot keys, closing. Runs on the main thread only.

`App(mode, look)` puts the window on the screen at once, with its empty states; nothing of the network or the database
is needed for that. Later, when the parts exist, `attach(hooks)` gives it the board, the engine's view and its inbox.

    app = App(mode, Look(refresh_rate=5, scale=100, theme="dark"), memory=memory)
    app.first_start(choose)            # only without settings: "demo", "testnet" or "live"
    app.root.update()                  # on the screen; import the rest from here on
    app.attach(Hooks(board=…, view=lambda: engine.view, post=engine.inbox.put, …))
    app.run()                          # until `destroy`

Surface: `attach`, `first_start`, `problem(text, field)`, `mode` (may be set), `run`, `later(ms, function)`, `destroy`,
and for measurements `tick_ms`. `Hooks.quit` begins the ordered stop, main calls `destroy` when it has ended.
No callback here waits for a lock, the disk or the network.
"""

from __future__ import annotations

import logging
import time
import tkinter as tk
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from types import TracebackType

from core.numbers import use_ledger_context
from interface.alerts import Alerts
from interface.asking import Note
from interface.desk import Desk
from interface.export import Exports
from interface.hooks import Hooks
from interface.keys import HotKeys
from interface.layout import Layout
from interface.mainthread import guard
from interface.memory import Memory, name_of
from interface.panels.tabs import open_bot
from interface.panels.top import StatusBar, Strips, TopLine
from interface.presenters.topline import MOST_STRIPS, badge, strips, title
from interface.setup import Setup
from interface.sheets.confirm import (
    FirstStartSheet,
    LiveOrderSheet,
    QuitSheet,
    StoppingSheet,
)
from interface.sheets.help import HelpSheet
from interface.sheets.settings import SettingsSheet
from interface.shell import About, SettingLine, Shell
from interface.theme import Look, Theme
from models import Key, Mode, Side

__all__ = ["About", "App", "Look", "Memory", "SettingLine"]

log = logging.getLogger(__name__)

KEPT_TICKS = 600         # durations remembered
REMEMBER_S = 1.0         # between two looks at what the next run is to remember
LARGEST = (1920, 1080)   # the size it opens with, where the screen has it


class App:
    """The one window."""

    def __init__(self, mode: Mode | None = None, look: Look | None = None, debug: bool = False,
                 size: tuple[int, int] | None = None, memory: Memory | None = None,
                 about: Callable[[], About] = About, setup: Setup | None = None) -> None:
        use_ledger_context()
        self.look = look or Look()
        self.root = tk.Tk(className="Botbook")
        if debug:
            guard(self.root)
        self.root.report_callback_exception = self._report
        self.theme = Theme(self.root, self.look)
        self.desk = Desk()
        self.hooks: Hooks | None = None
        self.shell = Shell(self.root, self.theme, self.desk, self.refresh, tick_words=self.tick_words,
                           place_slip=self._place_slip, about=about, reset_layout=self._reset_layout,
                           setup=setup)
        self.alerts = Alerts(self.shell, self._settings, self.ask_quit)
        self._memory = memory or Memory()
        self._looked_at_memory = 0.0
        self.tick_ms: deque[float] = deque(maxlen=KEPT_TICKS)
        self._timer = ""
        self._drawing = self._stopped = self._closing = False
        self._settings_opened = False                  # at the first bad setting, once
        self._title = ""
        self._exports = Exports()
        self._build(size)
        self.mode = mode
        self._bind()
        self._tick()

    # ------------------------------------------------------------ surface

    @property
    def mode(self) -> Mode | None:
        """Which kind of account; None until the first start's sheet is answered."""
        return self.desk.mode

    @mode.setter
    def mode(self, mode: Mode | None) -> None:
        self.desk.mode = mode
        self.frame.configure(background=self.theme[badge(mode, None)[1]])
        self.refresh()

    def attach(self, hooks: Hooks) -> None:
        """The parts exist: from the next tick on they are shown and asked."""
        self.hooks = hooks
        self.desk.attach(hooks.board, hooks.post, hooks.quote)
        self.shell.about = hooks.about
        self.shell.ask_older, self.shell.pages = hooks.older, hooks.pages
        self.refresh()

    def first_start(self, choose: Callable[[str], None]) -> None:
        """No settings: a sheet asks where to trade; `choose` gets "demo", "testnet" or "live"."""
        self.shell.sheet("first start", partial(FirstStartSheet, self.shell, choose))

    def problem(self, text: str, field: str = "") -> None:
        """A setting that cannot be used: a strip says it, and the settings open at the field, once."""
        words = f"{field}: {text}" if field and field not in text else text
        if field:
            self.shell.problems[field] = text
            is_known = any(field in (line.key, f"{line.file} {line.key}") for line in self.shell.about().settings)
            if not self._settings_opened and is_known:
                self._settings_opened = True
                self.root.after_idle(lambda: self._settings(field))     # with all that is wrong, not the first alone
        self.alerts.add_setting(words)
        self.refresh()

    def settings_taken(self, refresh_rate: int, quote: bool) -> None:
        """F3 has taken changed settings: complaints about the old ones go."""
        self.look = replace(self.look, refresh_rate=refresh_rate)
        self.desk.quote = quote
        self.shell.problems.clear()
        self.alerts.problems.clear()
        self._settings_opened = False
        self.refresh()

    def later(self, ms: int, act: Callable[[], object]) -> None:
        """Call on the window's thread after so many milliseconds."""
        self.root.after(ms, act)

    def run(self) -> None:
        """Until the window is destroyed."""
        self.root.mainloop()

    def destroy(self) -> None:
        """Take the window away; twice is harmless."""
        if self._stopped:
            return
        self._stopped = True
        if self._timer:
            self.root.after_cancel(self._timer)
        self.theme.restore(self.root)
        self.root.destroy()

    def ask_quit(self) -> None:
        """Closing the window: leave orders, cancel all, or stay. Before the engine runs there is nothing to ask."""
        if self._closing:
            return
        if self.hooks is None or self.desk.view is None:
            self._quit("leave")
        else:
            self.shell.sheet("quit", partial(QuitSheet, self.shell, self._quit))

    def _quit(self, how: str) -> None:
        if self._closing:
            return
        self._closing = True
        self._remember()
        if self.hooks is None:
            self.destroy()
            return
        self.shell.sheet("stopping", partial(StoppingSheet, self.shell, how))
        self.hooks.quit(how)

    # ------------------------------------------------------------ building

    def _build(self, size: tuple[int, int] | None) -> None:
        root, theme = self.root, self.theme
        width, height = size or (min(root.winfo_screenwidth(), LARGEST[0]), min(root.winfo_screenheight(), LARGEST[1]))
        root.geometry(f"{width}x{height}+0+0")
        root.minsize(640, 420)
        root.title("Botbook")
        self.frame = tk.Frame(root, background=theme["SIM"])
        self.frame.pack(fill="both", expand=True)
        inner = tk.Frame(self.frame, background=theme["background"])
        inner.pack(fill="both", expand=True, padx=3, pady=3)
        self.top = TopLine(inner, self.shell, {
            "badge": self._badge_menu, "trading": lambda _time: self.toggle_trading(),
            "help": lambda _time: self._help(), "settings": lambda _time: self._settings(),
            "bots": lambda _time: open_bot(self.shell), "cancel": lambda _time: self.desk.cancel_symbol(),
        }, self._held)
        self.strips = Strips(inner, self.shell, self.alerts.act)
        self.status = StatusBar(inner, self.shell)
        self.status.bar.canvas.pack(side="bottom", fill="x")
        for table, arrangement in self._memory.columns.items():
            self.shell.columns_of(table).recall(arrangement)
        self.desk.wanted = self._memory.symbol
        self.desk.habits.recall(self._memory.quantities, self._memory.recent)
        self.layout = Layout(inner, self.shell, self._want_candles, self._memory)
        self.layout.book.recall_steps(self._memory.steps)
        self.layout.book.choose_view(self._memory.book)
        self.layout.arrange(width, height)
        root.bind("<Configure>", self._resized)

    def _resized(self, event: tk.Event[tk.Misc]) -> None:
        if event.widget is self.root and self.layout.arrange(event.width, event.height):
            self.root.after_idle(self.refresh)

    def _bind(self) -> None:
        everywhere: dict[str, Callable[[int], object]] = {
            "F1": lambda _t: self._help(), "F2": lambda t: self.move_selected(t),
            "F3": lambda _t: self.desk.recover_chosen(), "F4": lambda _t: self._cancel_twice(),
            "F5": lambda _t: self.desk.ask_now(),
            "F7": lambda _t: open_bot(self.shell), "F8": lambda _t: self._settings(),
            "Control-comma": lambda _t: self._settings(), "F9": lambda _t: self.toggle_trading(),
            "Shift-F9": lambda _t: self._kill_twice(), "F11": lambda _t: self._full_screen(),
            "F12": lambda _t: self.layout.tabs.choose("Messages"), "Escape": lambda _t: self.escape(),
            "Control-k": lambda _t: self._find(),
        }
        for number in range(1, 8):
            everywhere[f"Control-{number}"] = partial(self._choose_tab, number)
        chart, book = self.layout.chart_action, self.layout.book
        outside: dict[str, Callable[[int], object]] = {
            "space": lambda _t: book.centre(), "b": lambda t: self._best(Side.BUY, t),
            "s": lambda t: self._best(Side.SELL, t), "t": lambda t: self._tick_slip("take", t),
            "y": lambda t: self._tick_slip("usual", t), "bracketleft": lambda _t: book.step(-1),
            "bracketright": lambda _t: book.step(1), "plus": chart("zoom", 1), "equal": chart("zoom", 1),
            "KP_Add": chart("zoom", 1), "minus": chart("zoom", -1), "KP_Subtract": chart("zoom", -1),
            "Left": chart("pan", 5), "Right": chart("pan", -5), "End": chart("latest", 0),
            "Control-c": lambda _t: self._copy(), "Control-e": lambda _t: self._csv(),
            "Delete": lambda _t: self.cancel_selected(),
        }
        self.keys = HotKeys(self.root, everywhere, outside, self._digit, self._enter,
                            lambda: bool(self.shell.layers), self._seen)
        self.root.bind_all("<ButtonPress-1>", self._pressed)
        self.root.protocol("WM_DELETE_WINDOW", self.ask_quit)

    def _seen(self, event_time: int) -> None:
        self.shell.event_time = event_time

    def _want_candles(self, key: Key, timeframe: str) -> None:
        if self.hooks is not None:
            self.hooks.want_candles(key, timeframe)

    # ------------------------------------------------------------ the timer

    def _tick(self) -> None:
        """The one timer: look, draw what differs, come again."""
        started = time.perf_counter()
        if self._timer:
            self.root.after_cancel(self._timer)    # there is one timer, whoever calls
        try:
            self._draw()
        except Exception as error:
            self._report(type(error), error, error.__traceback__)
        finally:
            spent = (time.perf_counter() - started) * 1000
            self.tick_ms.append(spent)
            if not self._stopped:
                period = 1000 / max(1, min(10, self.look.refresh_rate))
                self._timer = self.root.after(max(1, round(period - spent)), self._tick)

    def refresh(self) -> None:
        """Draw now: somebody did something and wants to see it."""
        if not self._stopped and hasattr(self, "keys"):
            try:
                self._draw()
            except Exception as error:      # whoever asked has done its part; the picture comes with the next tick
                self._report(type(error), error, error.__traceback__)

    def _draw(self) -> None:
        if self._drawing or self._stopped:
            return                        # asked for by something this very drawing does
        self._drawing = True
        try:
            desk, hooks = self.desk, self.hooks
            desk.update(hooks.view() if hooks is not None else None)
            if desk.needs_live_sheet:
                self.shell.sheet("live", partial(LiveOrderSheet, self.shell, self._live_answer))
            if self.root.state() == "iconic":
                return
            glance = desk.glance()
            self._show_strips()
            self.top.refresh(glance)
            self.layout.refresh(glance)
            self.status.refresh(glance)
            self._show_title(title(desk.mode, glance, desk.trading()))
            self.layout.book.after_tick()
            if desk.monotonic() - self._looked_at_memory >= REMEMBER_S:
                self._looked_at_memory = desk.monotonic()
                self._remember()
            news = self._exports.news()
            if news:
                desk.note = Note(news)
        finally:
            self._drawing = False

    def _show_title(self, words: str) -> None:
        if words != self._title:
            self._title = words
            self.root.title(words)

    def _show_strips(self) -> None:
        dead = self.hooks.dead_threads() if self.hooks is not None and not self._closing else ()
        most = 1 if self.layout.shape is not None and self.layout.shape.tight else MOST_STRIPS
        self.strips.show(*strips(self.desk.glance(), dead, self.desk.trading(), self.alerts.question,
                                 self.alerts.newest, most))

    def tick_words(self) -> str:
        """How long ticks take, for F12."""
        if not self.tick_ms:
            return ""
        return f"tick {median(self.tick_ms):.1f} ms median, {max(self.tick_ms):.0f} ms worst"

    def _report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A callback failed: logged, shown, the window lives on."""
        log.error("window: %s", error, exc_info=(kind, error, trace))
        self.alerts.add_failure(kind.__name__)

    # ------------------------------------------------------------ keys and buttons

    def toggle_trading(self) -> None:
        """F9. OFF is immediate; ON asks first on a LIVE account."""
        self.alerts.toggle_trading()
        self.refresh()

    def _kill_twice(self) -> None:
        if self.desk.twice.asked("kill", self.desk.monotonic()):
            self.desk.kill()
        else:
            self.desk.note = Note("Shift+F9 again within 1.5 s: kill switch.")
        self.refresh()

    def _held(self) -> None:
        """The trading button was held for a second."""
        self.desk.kill()
        self.refresh()

    def _cancel_twice(self) -> None:
        if self.desk.twice.asked("cancel", self.desk.monotonic()):
            self.desk.cancel_symbol()
            self.desk.note = None
        else:
            self.desk.note = Note("F4 again within 1.5 s: cancel all orders of this symbol.")
        self.refresh()

    def _digit(self, digit: str) -> None:
        self.desk.type_digit(digit)
        self.refresh()

    def _enter(self, event_time: int) -> bool:
        """Enter: the slip first, then the question in a strip; False when it is nobody's."""
        if self.desk.draft is not None:
            self.desk.confirm(event_time, by_key=True)
            self.refresh()
            return True
        if self.alerts.question is not None:
            self.alerts.answer(True)
            self.refresh()
            return True
        return False

    def escape(self) -> None:
        """Close the topmost thing: menu or sheet, slip, question, note, selection."""
        top = self.shell.layers[-1] if self.shell.layers else None
        if top is not None:
            if getattr(top, "closable", lambda: True)():
                top.close()
        elif self.layout.book.chip_mouse.cancel():
            pass
        elif self.desk.draft is not None:
            self.desk.drop()
        elif self.alerts.question is not None:
            self.alerts.answer(False)
        elif self.layout.overlay is not None and self.layout.overlay.winfo_ismapped():
            self.layout.toggle_overlay()
        else:
            self.desk.note = self.desk.selected = self.desk.venue = None
        self.root.focus_set() if not self.shell.layers else None
        self.refresh()

    def _pressed(self, event: tk.Event[tk.Misc]) -> None:
        """A click anywhere: outside book, form and sheets it drops the slip."""
        self._seen(event.time)
        where = str(event.widget)
        if not any(where.startswith(str(getattr(layer, "canvas", None) or getattr(layer, "frame", "?")))
                   for layer in self.shell.layers):
            self.shell.close_menus()
        at_home = (str(self.layout.book.frame), str(self.layout.form.frame), "popdown")
        if self.desk.draft is not None and not self.shell.sheets and not any(name in where for name in at_home):
            self.desk.drop()
            self.refresh()

    def _best(self, side: Side, event_time: int) -> None:
        self.layout.book.draft_at_best(side, event_time)
        self.refresh()

    def _tick_slip(self, which: str, event_time: int) -> None:
        self.layout.book.tick(event_time, which)
        self.refresh()

    def move_selected(self, event_time: int) -> None:
        """F2: a slip that moves the selected order; its price is typed or clicked."""
        if self.desk.selected is None:
            self.desk.note = Note("Select an order first: its chip in the book, or its row.")
        elif self.desk.begin_move(*self.desk.selected, event_time):
            self._place_slip()
            self.refresh()
            entry = self.layout.form.move_entry()
            entry.focus_set()
            entry.selection_range(0, "end")
        self.refresh()

    def cancel_selected(self) -> None:
        """Delete: the selected order, at once."""
        if self.desk.selected is not None:
            key, order = self.desk.selected
            if self.desk.order(key, order) is not None:
                self.desk.cancel(key, order)
        self.refresh()

    def _choose_tab(self, number: int, _time: int) -> None:
        self.layout.tabs.choose_number(number)

    def _place_slip(self) -> None:
        self.layout.book.replace_slip()

    def _live_answer(self, go: bool, for_session: bool) -> None:
        self.desk.live_answer(go, for_session, self.shell.event_time)
        self.refresh()

    def _copy(self) -> None:
        self.shell.copy(self.layout.tabs.table.copy_text())

    def _csv(self) -> None:
        tabs = self.layout.tabs
        self._exports.write(self.shell.about().home, tabs.open, tabs.table.csv_text())

    def _find(self) -> None:
        if self.layout.watch is not None:
            self.layout.watch.find()

    def _remember(self) -> None:
        """What the next run is to know, handed on when it is another than before."""
        columns = {name: kept.arrangement() for name, kept in self.shell.column_sets.items() if kept.order}
        desk, layout = self.desk, self.layout
        memory = Memory(dict(layout.sashes), columns, layout.tabs.open, layout.chart.timeframe,
                        name_of(desk.key) if desk.key else desk.wanted, layout.book.steps(), desk.habits.quantities(),
                        layout.book.view, desk.habits.recent())
        if self.hooks is not None and memory != self._memory:
            self._memory = memory
            self.hooks.remember(memory)

    def _reset_layout(self) -> None:
        for kept in self.shell.column_sets.values():
            kept.clear()
        self.layout.sashes.clear()
        self.layout.rearrange()
        self.refresh()

    def _help(self) -> None:
        self.shell.sheet("help", partial(HelpSheet, self.shell))

    def _settings(self, field: str = "") -> None:
        self.shell.sheet("settings", partial(SettingsSheet, self.shell, field or next(iter(self.shell.problems), "")))

    def _full_screen(self) -> None:
        self.root.attributes("-fullscreen", not bool(self.root.attributes("-fullscreen")))

    def _badge_menu(self, _time: int) -> None:
        self.shell.menu(6, self.top.bar.height, [("Settings  F8", self._settings), ("Help  F1", self._help),
                                                 ("Full screen  F11", self._full_screen), ("Quit", self.ask_quit)],
                        "Help  F1")
