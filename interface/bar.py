"""One line of words, numbers and small buttons on a canvas: the top line, every panel's header, strips, status bar.

Segments are declared anew each time; only what differs is drawn. Those with an action answer to a click, and to
Tab, arrows and Enter. Segments that do not fit are left out, the highest `drop` first.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from tkinter.font import Font

from interface.batch import Batch
from interface.guards import HOLD_MS
from interface.theme import Theme


@dataclass(frozen=True, slots=True)
class Segment:
    """One word or button; `action` gets the event's time. `pad` is the room before it, in pixels at 100 %."""

    name: str
    text: str
    colour: str = "text"
    font: str = "ui"
    action: Callable[[int], None] | None = field(default=None, compare=False)    # made anew each time
    back: str = ""
    right: bool = False
    drop: int = 0
    pad: int = 8
    line: str = ""                   # colour of a line over it: the open tab


@dataclass(slots=True)
class _Slot:
    """The canvas items of one place, and what they show."""

    rect: int
    text: int
    line: int
    shown: tuple[object, ...] = ()
    left: int = 0
    end: int = -1


class Bar:
    """A canvas of one line's height."""

    def __init__(self, parent: tk.Misc, theme: Theme, back: str = "panel", height: int = 0,
                 holds: dict[str, Callable[[], None]] | None = None) -> None:
        self.theme, self._back = theme, back
        self.height = height or theme.bar
        self.canvas = tk.Canvas(parent, height=self.height, width=10, background=theme[back], highlightthickness=0,
                                borderwidth=0, takefocus=0)
        self._fonts: dict[str, Font] = {"ui": theme.ui, "bold": theme.ui_bold, "small": theme.small,
                                        "mono": theme.mono, "mono_bold": theme.mono_bold, "big": theme.big}
        self._measured: dict[tuple[str, str], int] = {}
        self._segments: tuple[Segment, ...] = ()
        self._actions: dict[str, Callable[[int], None]] = {}
        self._visible: list[Segment] = []
        self._slots: list[_Slot] = []
        self._batch = Batch(self.canvas)
        self._hover = self._pressed = self._focused = ""
        self._holds, self._hold_timer = holds or {}, ""
        bind = self.canvas.bind
        bind("<Configure>", lambda _event: self._draw())
        bind("<ButtonPress-1>", self._on_press)
        bind("<ButtonRelease-1>", self._on_release)
        bind("<Motion>", lambda event: self._set_hover(self.name_at(event.x)))
        bind("<Leave>", lambda _event: self._set_hover(""))
        bind("<FocusIn>", lambda _event: self._step(0))
        bind("<FocusOut>", lambda _event: self._set_focus(""))
        bind("<Left>", lambda _event: self._step(-1))
        bind("<Right>", lambda _event: self._step(1))
        bind("<Return>", self._on_enter)
        bind("<space>", self._on_enter)

    def colour(self, back: str) -> None:
        """Another background."""
        if back != self._back:
            self._back = back
            self.canvas.configure(background=self.theme[back])

    def show(self, segments: Sequence[Segment]) -> None:
        """What to show from now on."""
        new = tuple(segments)
        self._actions = {part.name: part.action for part in new if part.action}
        if new != self._segments:
            self._segments = new
            self.canvas.configure(takefocus=1 if self._actions else 0)
            self._draw()

    def texts(self) -> dict[str, str]:
        """What stands in the bar now, by name."""
        return {part.name: part.text for part in self._visible}

    def span(self, name: str) -> tuple[int, int] | None:
        """From where to where a segment reaches, in pixels."""
        for part, slot in zip(self._visible, self._slots, strict=False):
            if part.name == name:
                return slot.left, slot.end
        return None

    def wanted_width(self) -> int:
        """Pixels for all segments."""
        return sum(map(self._extent, self._segments)) + self.theme.px(16)

    def name_at(self, x: int) -> str:
        """The clickable segment under a pixel, "" where there is none."""
        for part, slot in zip(self._visible, self._slots, strict=False):
            if part.action and slot.left <= x <= slot.end:
                return part.name
        return ""

    def measure(self, font: str, text: str) -> int:
        """Width of a text in pixels, remembered."""
        key = (font, text)
        width = self._measured.get(key)
        if width is None:
            if len(self._measured) > 2000:
                self._measured.clear()
            width = self._measured[key] = self._fonts[font].measure(text)
        return width

    # ------------------------------------------------------------ drawing

    def _draw(self) -> None:
        width = self.canvas.winfo_width()
        if width <= 1:
            return
        self._visible = self._fitting(width)
        while len(self._slots) < len(self._visible):
            rect = self.canvas.create_rectangle(-9, -9, -9, -9, width=0)
            line = self.canvas.create_rectangle(-9, -9, -9, -9, width=0)
            self._slots.append(_Slot(rect, self.canvas.create_text(-99, 0, anchor="w"), line))
        left, right = 0, width - self.theme.px(8)
        for part, slot in zip(self._visible, self._slots, strict=False):
            extent = self._extent(part)
            if part.right:
                right -= extent
                self._place(slot, part, right, extent)
            else:
                self._place(slot, part, left, extent)
                left += extent
        for slot in self._slots[len(self._visible):]:
            if slot.shown:
                self._batch.text(slot.text, "", self.theme["text"])
                self._batch.coords(slot.rect, -9, -9, -9, -9)
                self._batch.coords(slot.line, -9, -9, -9, -9)
                slot.shown, slot.left, slot.end = (), 0, -1
        self._batch.flush()

    def _fitting(self, width: int) -> list[Segment]:
        parts = list(self._segments)
        room = width - self.theme.px(8)
        while parts and sum(map(self._extent, parts)) > room and any(part.drop for part in parts):
            worst = max(part.drop for part in parts)
            parts = [part for part in parts if part.drop != worst]
        return parts

    def _extent(self, part: Segment) -> int:
        inner = self.theme.px(8) if part.back else 0
        return self.theme.px(part.pad) + self.measure(part.font, part.text) + 2 * inner

    def _place(self, slot: _Slot, part: Segment, x: int, extent: int) -> None:
        pad = self.theme.px(part.pad)
        inner = self.theme.px(8) if part.back else 0
        start = x + pad
        end = start + extent - pad
        hot = part.action is not None and part.name in (self._hover, self._focused)
        back = self._hot_back(part) if hot else part.back
        if slot.shown == (start, end, part.text, part.colour, part.font, back, hot, part.line, self.height):
            return
        slot.shown = (start, end, part.text, part.colour, part.font, back, hot, part.line, self.height)
        slot.left, slot.end = start - (pad // 2 if not part.back else 0), end + (pad // 2 if not part.back else 0)
        margin = self.theme.px(4 if part.back else 2)
        ink = "bright" if hot and part.colour == "dim" and self.theme["panel"] < "#8" else part.colour
        self._batch.option(slot.text, f"-font {self._fonts[part.font]}")
        self._batch.coords(slot.text, start + inner, self.height // 2)
        self._batch.text(slot.text, part.text, self.theme[ink])
        if back:
            edge = 0 if part.back else self.theme.px(3)
            self._batch.coords(slot.rect, start - edge, margin, end + edge, self.height - margin)
            self._batch.fill(slot.rect, self.theme[back])
        else:
            self._batch.coords(slot.rect, -9, -9, -9, -9)
        if part.line:
            self._batch.coords(slot.line, start, 0, end, self.theme.px(2))
            self._batch.fill(slot.line, self.theme[part.line])
        else:
            self._batch.coords(slot.line, -9, -9, -9, -9)

    def _hot_back(self, part: Segment) -> str:
        return part.back if part.back not in ("", "raised", "panel") else "line"

    # ------------------------------------------------------------ mouse and keys

    def _set_hover(self, name: str) -> None:
        if name != self._hover:
            self._hover = name
            self.canvas.configure(cursor="hand2" if name else "")
            self._draw()

    def _on_press(self, event: tk.Event[tk.Misc]) -> None:
        self._pressed = self.name_at(event.x)
        if self._pressed in self._holds:
            held = self._pressed
            self._hold_timer = self.canvas.after(HOLD_MS, lambda: self._held(held))

    def _held(self, name: str) -> None:
        self._hold_timer = ""
        if self._pressed == name:
            self._pressed = ""           # the release is no click any more
            self._holds[name]()

    def _on_release(self, event: tk.Event[tk.Misc]) -> None:
        if self._hold_timer:
            self.canvas.after_cancel(self._hold_timer)
            self._hold_timer = ""
        pressed, self._pressed = self._pressed, ""
        if pressed and pressed == self.name_at(event.x) and 0 <= event.y < self.height:
            self.invoke(pressed, event.time)

    def invoke(self, name: str, event_time: int) -> None:
        """As if clicked."""
        if name in self._actions:
            self._actions[name](event_time)

    def _step(self, by: int) -> str:
        names = [part.name for part in self._visible if part.action]
        if names:
            at = names.index(self._focused) if self._focused in names else -max(0, by)
            self._set_focus(names[(at + by) % len(names)])
        return "break"

    def _set_focus(self, name: str) -> None:
        if name != self._focused:
            self._focused = name
            self._draw()

    def _on_enter(self, event: tk.Event[tk.Misc]) -> str | None:
        if not self._focused:
            return None
        self.invoke(self._focused, event.time)
        return "break"
