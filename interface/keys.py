"""Hot keys of the whole window. F-keys and Esc work wherever the cursor is; letters, digits and Space only outside
entries. A held key counts once, except where repeating is what one wants (digits, zoom, pan, step)."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from interface.guards import HeldKeys

SHIFT, CONTROL, ALT = 0x1, 0x4, 0x8
_TYPING = ("TEntry", "Entry", "TCombobox", "Text", "Listbox", "TSpinbox")
_REPEATING = {"BackSpace", "plus", "minus", "equal", "KP_Add", "KP_Subtract", "Left", "Right", "bracketleft",
              "bracketright", "period", "KP_Decimal", *"0123456789", *(f"KP_{digit}" for digit in "0123456789")}

Handler = Callable[[int], object]


class HotKeys:
    """A table from key to handler; handlers get the event's time."""

    def __init__(self, root: tk.Tk, everywhere: dict[str, Handler], outside: dict[str, Handler],
                 digit: Callable[[str], None], enter: Callable[[int], bool], modal: Callable[[], bool],
                 seen: Callable[[int], None]) -> None:
        self._everywhere, self._outside = everywhere, outside
        self._digit, self._enter, self._modal, self._seen = digit, enter, modal, seen
        self.held = HeldKeys()
        root.bind_all("<KeyPress>", self._on_press)
        root.bind_all("<KeyRelease>", lambda event: self.held.release(event.keysym, event.time))
        # These edit text in entries; here they belong to the window.
        for sequence in ("<Control-Key-k>", "<Control-Key-e>"):
            root.unbind_class("TEntry", sequence)

    def _on_press(self, event: tk.Event[tk.Misc]) -> str | None:
        name, now = event.keysym, event.time
        self._seen(now)
        first = self.held.press(name, now)
        if not first and name not in _REPEATING:
            return None
        typing = is_typing(event.widget)
        state = int(event.state)
        named = ("Control-" if state & CONTROL else "") + ("Shift-" if state & SHIFT and name.startswith("F") else "")
        handler = self._everywhere.get(named + name)
        if handler is not None:
            handler(now)
            return "break"
        if name in ("Return", "KP_Enter"):
            return self._on_enter(event, typing)
        if typing or self._modal() or state & ALT:
            return None
        return self._on_letter(event, named + name)

    def _on_enter(self, event: tk.Event[tk.Misc], typing: bool) -> str | None:
        if self._modal():
            return None
        if self._enter(event.time):
            return "break"
        if not typing and not isinstance(event.widget, str) and event.widget.winfo_class() == "TButton":
            event.widget.tk.call(str(event.widget), "invoke")
            return "break"
        return None

    def _on_letter(self, event: tk.Event[tk.Misc], name: str) -> str | None:
        if int(event.state) & CONTROL == 0 and ((event.char in "0123456789." and event.char) or name == "BackSpace"):
            self._digit("" if name == "BackSpace" else event.char)
            return None
        handler = self._outside.get(name) or self._outside.get(name.lower() if len(name) == 1 else "")
        if handler is None or (name == "space" and _is_button(event.widget)):
            return None
        handler(event.time)
        return "break"


def is_typing(widget: object) -> bool:
    """Whether the keyboard belongs to an entry (a widget Tk made itself, such as a list of choices, comes as text)."""
    if not isinstance(widget, tk.Misc):
        return True
    return widget.winfo_exists() and widget.winfo_class() in _TYPING


def _is_button(widget: object) -> bool:
    return isinstance(widget, tk.Misc) and widget.winfo_class() in ("TButton", "TCheckbutton")
