"""A guard for tests and `--debug`: whoever touches a widget from another thread than the window's gets an error."""

from __future__ import annotations

import threading
import tkinter as tk
from typing import Any


class WrongThread(RuntimeError):
    """A widget was touched by a thread that does not own the window."""


class GuardedTk:
    """Stands before the interpreter of a root; every call checks the thread first."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._owner = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if threading.get_ident() != self._owner:
            raise WrongThread(f"{threading.current_thread().name} touched a widget ({name})")
        return getattr(self._inner, name)


def guard(root: tk.Tk) -> None:
    """Put the guard before this root and everything made below it from now on."""
    root.tk = GuardedTk(root.tk)  # type: ignore[assignment]  # it answers to everything the interpreter does
