"""Colours, fonts and spacing: three palettes as data, named fonts, and the sizes everything else is measured in.

Every size comes from the fonts: `u` is the line height of the mono font, a row is `u + 5`, a column is its characters
times the width of "0" plus a gap. A scale changes the fonts (through tk scaling) and with them all of it.
"""

from __future__ import annotations

import tkinter as tk
from dataclasses import dataclass
from tkinter import ttk
from tkinter.font import Font, families

Palette = dict[str, str]

GAP = 8                  # pixels between two columns, at 100 %
AS_ZERO = "\u2009–…×"    # letters that stand in many cells, beside ASCII
POINTS = 9               # size of the text; secondary text is dimmer, and never below 8

DARK: Palette = {
    "background": "#0f1318", "panel": "#151a21", "raised": "#1b222b", "line": "#2a333f",
    "text": "#d7dde5", "dim": "#9aa6b4", "bright": "#ffffff",
    "buy": "#4c9be8", "sell": "#e8894a", "buy_bar": "#16283d", "sell_bar": "#33231a", "stale_bar": "#1e232a",
    "buy_button": "#1d4f86", "sell_button": "#8a4a1c", "buy_hover": "#245f9f", "sell_hover": "#a05822",
    "warning": "#e0b000", "error": "#ff6b6b", "selection": "#24405f", "flash": "#33404f",
    "SIM": "#3b4a5c", "PAPER": "#2f5d62", "TESTNET": "#6a3d9a", "LIVE": "#b3261e", "on": "#1b6b3a", "off": "#7a2e2e",
    "warning_strip": "#4a3800", "warning_ink": "#ffe08a", "error_strip": "#5a1f1f", "error_ink": "#ffd0d0",
    "tag": "#d7dde5", "tag_ink": "#0f1318", "entry": "#0f1318", "grid": "#232b35",
    # the same inks on a selected row, where they need more light
    "buy_hot": "#8cc4ff", "sell_hot": "#ffb584", "dim_hot": "#c6cfda", "error_hot": "#ffa8a8", "warning_hot": "#ffd75e",
}

CLASSIC: Palette = DARK | {
    "buy": "#3fb96b", "sell": "#f0716b", "buy_bar": "#14301f", "sell_bar": "#3a1d1d",
    "buy_button": "#1b6b3a", "sell_button": "#97332d", "buy_hover": "#227c45", "sell_hover": "#a83f38",
    "buy_hot": "#7fe3a5", "sell_hot": "#ffaaa5",
}

LIGHT: Palette = {
    "background": "#e9edf1", "panel": "#f7f9fb", "raised": "#e1e7ed", "line": "#bcc6d0",
    "text": "#18202a", "dim": "#4a5866", "bright": "#ffffff",
    "buy": "#14599e", "sell": "#984608", "buy_bar": "#d3e4f5", "sell_bar": "#f6dfcc", "stale_bar": "#dfe3e8",
    "buy_button": "#1d5c9e", "sell_button": "#9a4d14", "buy_hover": "#17508b", "sell_hover": "#84410f",
    "warning": "#7d5c00", "error": "#b3261e", "selection": "#c9dcf0", "flash": "#d6dee6",
    "SIM": "#3b4a5c", "PAPER": "#2f5d62", "TESTNET": "#6a3d9a", "LIVE": "#b3261e", "on": "#1b6b3a", "off": "#7a2e2e",
    "warning_strip": "#f4e2a6", "warning_ink": "#4a3800", "error_strip": "#f6cfcc", "error_ink": "#6d120c",
    "tag": "#18202a", "tag_ink": "#ffffff", "entry": "#ffffff", "grid": "#dde3e9",
    "buy_hot": "#0f4a85", "sell_hot": "#7d3a05", "dim_hot": "#3a4754", "error_hot": "#96190f", "warning_hot": "#614700",
}

PALETTES: dict[str, Palette] = {"dark": DARK, "classic": CLASSIC, "light": LIGHT}


@dataclass(frozen=True, slots=True)
class Look:
    """What the settings say of the window's looks: ticks per second, scale in percent, name of the palette."""

    refresh_rate: int = 5
    scale: int = 100
    theme: str = "dark"


class Theme:
    """The palette, the named fonts and the measures of one window. Made once, right after the root."""

    def __init__(self, root: tk.Tk, look: Look) -> None:
        self.colours = PALETTES.get(look.theme, DARK)
        self.scale = look.scale / 100
        self._scaling = float(root.tk.call("tk", "scaling"))
        root.tk.call("tk", "scaling", self._scaling * self.scale)
        known = set(families(root))
        sans = "DejaVu Sans" if "DejaVu Sans" in known else "TkDefaultFont"
        mono = "DejaVu Sans Mono" if "DejaVu Sans Mono" in known else "TkFixedFont"
        self.ui = _font(root, "BotbookUi", sans, POINTS)
        self.ui_bold = _font(root, "BotbookUiBold", sans, POINTS, bold=True)
        self.small = _font(root, "BotbookSmall", sans, POINTS - 1)
        self.mono = _font(root, "BotbookMono", mono, POINTS)
        self.mono_bold = _font(root, "BotbookMonoBold", mono, POINTS, bold=True)
        self.big = _font(root, "BotbookBig", sans, POINTS + 4, bold=True)
        self.u = self.mono.metrics("linespace")
        self.row = self.u + self.px(5)
        self.bar = self.u + self.px(8)
        self.zero = self.mono.measure("0")
        self.gap = self.px(GAP)
        self._as_wide = {ord(mark): None for mark in AS_ZERO if self.mono.measure(mark) == self.zero}
        self._style(root)

    def restore(self, root: tk.Tk) -> None:
        """Before the root goes: Tk keeps the scaling for the next root of this process."""
        root.tk.call("tk", "scaling", self._scaling)

    def px(self, pixels: float) -> int:
        """So many pixels of the 100 % drawing, at this scale."""
        return round(pixels * self.scale)

    def width(self, chars: float) -> int:
        """Of a column for so many characters."""
        return round(chars * self.zero) + self.gap

    def is_even(self, text: str) -> bool:
        """Whether each letter is as wide as "0" in the mono font: ASCII, and of a few others what measures so."""
        return text.isascii() or text.translate(self._as_wide).isascii()

    def __getitem__(self, name: str) -> str:
        return self.colours[name]

    def _style(self, root: tk.Tk) -> None:
        root.configure(background=self["background"])
        root.option_add("*Font", "BotbookUi")
        for option, name in (("background", "entry"), ("foreground", "text"), ("selectBackground", "selection"),
                             ("selectForeground", "text")):
            root.option_add(f"*TCombobox*Listbox.{option}", self[name])
        root.option_add("*TCombobox*Listbox.font", "BotbookMono")
        root.option_add("*TCombobox*Listbox.borderWidth", 0)
        root.option_add("*TCombobox*Listbox.highlightThickness", 0)
        style = ttk.Style(root)
        style.theme_use("clam")
        style.configure(".", background=self["panel"], foreground=self["text"], bordercolor=self["line"],
                        darkcolor=self["panel"], lightcolor=self["panel"], troughcolor=self["background"],
                        focuscolor=self["buy"], font="BotbookUi", relief="flat")
        style.configure("TFrame", background=self["panel"])
        style.configure("TPanedwindow", background=self["background"])
        style.configure("Sash", sashthickness=self.px(4), gripcount=0, background=self["background"],
                        lightcolor=self["background"], bordercolor=self["background"])
        self._buttons(style)
        self._fields(style)

    def _buttons(self, style: ttk.Style) -> None:
        pad = (self.px(6), self.px(3))
        looks = {"TButton": ("raised", "line", "text"), "Buy.TButton": ("buy_button", "buy_hover", "bright"),
                 "Sell.TButton": ("sell_button", "sell_hover", "bright"), "Danger.TButton": ("LIVE", "off", "bright"),
                 "Go.TButton": ("on", "buy_button", "bright")}
        for name, (face, hover, ink) in looks.items():
            style.configure(name, background=self[face], foreground=self[ink], borderwidth=1, padding=pad,
                            bordercolor=self[face], lightcolor=self[face], darkcolor=self[face], anchor="center",
                            width=-1)
            style.map(name, background=[("disabled", self["panel"]), ("pressed", self[hover]), ("active", self[hover])],
                      foreground=[("disabled", self["dim"])],
                      bordercolor=[("focus", self["buy"]), ("disabled", self["line"])],
                      lightcolor=[("pressed", self[hover])], darkcolor=[("pressed", self[hover])])
        style.configure("Preset.TButton", padding=(self.px(1), self.px(1)))
        style.configure("Compact.Preset.TButton", padding=(self.px(1), 0))
        for name in ("Compact.TButton", "Compact.Buy.TButton", "Compact.Sell.TButton"):
            style.configure(name, padding=(self.px(1), 0))       # as high as a field: the book's rows are counted

    def _fields(self, style: ttk.Style) -> None:
        pad = (self.px(4), self.px(1))
        for name in ("TEntry", "TCombobox"):
            style.configure(name, fieldbackground=self["entry"], foreground=self["text"], insertcolor=self["text"],
                            bordercolor=self["line"], lightcolor=self["entry"], darkcolor=self["entry"], padding=pad,
                            selectbackground=self["selection"], selectforeground=self["text"],
                            arrowcolor=self["dim"], background=self["raised"], arrowsize=self.px(11))
            style.map(name, bordercolor=[("focus", self["buy"])], lightcolor=[("focus", self["entry"])],
                      fieldbackground=[("readonly", self["entry"]), ("disabled", self["panel"])],
                      foreground=[("disabled", self["dim"])], background=[("readonly", self["raised"])],
                      selectbackground=[("readonly", self["entry"])], selectforeground=[("readonly", self["text"])])
        style.configure("Bad.TEntry", bordercolor=self["error"], fieldbackground=self["entry"],
                        foreground=self["error"], insertcolor=self["text"], padding=pad,
                        lightcolor=self["entry"], darkcolor=self["entry"])
        style.map("Bad.TEntry", bordercolor=[("focus", self["error"])], lightcolor=[("focus", self["entry"])])
        style.configure("TCheckbutton", background=self["panel"], foreground=self["text"], font="BotbookUi",
                        indicatorbackground=self["entry"], indicatorforeground=self["bright"],
                        upperbordercolor=self["dim"], lowerbordercolor=self["dim"], indicatorsize=self.px(10),
                        indicatormargin=(0, 0, self.px(4), 0), padding=0)
        style.map("TCheckbutton", background=[("active", self["panel"])],
                  indicatorforeground=[("disabled", self["panel"])], foreground=[("disabled", self["dim"])],
                  indicatorbackground=[("disabled", self["panel"]), ("selected", self["buy_button"]),
                                       ("pressed", self["raised"])],
                  upperbordercolor=[("focus", self["buy"])], lowerbordercolor=[("focus", self["buy"])])


def _font(root: tk.Tk, name: str, family: str, points: int, bold: bool = False) -> Font:
    if family.startswith("Tk"):
        family = str(Font(root, name=family, exists=True).actual("family"))
    return Font(root, name=name, family=family, size=points, weight="bold" if bold else "normal")
