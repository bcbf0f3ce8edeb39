"""Whether a window can be opened here."""

from __future__ import annotations


def display_problem() -> str:
    """Why no window can be opened, in a few words; "" = it can. Only trying tells."""
    try:
        import tkinter
    except ImportError:
        return "tkinter is not installed (Debian, Ubuntu: sudo apt-get install python3-tk)"
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:
        return str(error).split("\n")[0]
    root.destroy()
    return ""
