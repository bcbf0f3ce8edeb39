"""F8: the settings, to read; one that cannot be used is marked, with what is wrong beside it. Puts the layout back."""

from __future__ import annotations

from collections.abc import Mapping

from interface.presenters.columns import Column
from interface.presenters.words import Cell
from interface.sheets.sheet import Sheet
from interface.shell import SettingLine, Shell
from interface.table import Table

MOST_SENTENCES = 4       # wrong settings spelled out over the table; all are marked in it


def setting_columns(problems: Mapping[str, str]) -> tuple[Column[SettingLine], ...]:
    """Group, key, value, meaning; what is wrong stands in the place of the meaning."""
    def key(line: SettingLine) -> Cell:
        return Cell(f"✕ {line.key}", "error") if line.key in problems else Cell(line.key)

    def value(line: SettingLine) -> Cell:
        if line.key in problems:
            return Cell(line.value or "(empty)", "error")
        return Cell(line.value, "text" if line.value != line.default else "dim")

    def sentence(line: SettingLine) -> Cell:
        wrong = problems.get(line.key)
        return Cell(f"✕ {wrong}", "error") if wrong else Cell(line.sentence, "dim")

    return (Column("group", "Group", 20, lambda s, g: Cell(s.group, "dim"), sort=lambda s, g: s.group, drop=1),
            Column("key", "Key", 24, lambda s, g: key(s), sort=lambda s, g: s.key),
            Column("value", "Value", 26, lambda s, g: value(s)),
            Column("sentence", "What it does", 30, lambda s, g: sentence(s), rest=True))


class SettingsSheet(Sheet):
    """Keys and values, to read; the file says where to change them."""

    def __init__(self, shell: Shell, field: str = "") -> None:
        super().__init__(shell, "Settings")
        about, problems = shell.about(), shell.problems
        where = f"Edit .env and .env.Binance in {about.home}, then start again." if about.home else (
            "Edit .env and .env.Binance, then start again.")
        self.words([f"{where} Secrets are shown by their last four letters only."], "dim", 120)
        known = [(key, wrong) for key, wrong in problems.items() if any(line.key == key for line in about.settings)]
        self.words([f"✕ {wrong}" if key in wrong else f"✕ {key}: {wrong}" for key, wrong in known[:MOST_SENTENCES]],
                   "error", 120)
        self.table = Table(self.body, self.theme, setting_columns(problems), lambda line: line.key,
                           "No settings are loaded yet.")
        self.table.canvas.pack(fill="both", expand=True)
        self.button("Reset layout", self._reset)
        done = self.button("Close  Esc", self.close, side="right")
        self.place(self.theme.zero * 130, self.theme.row * 30)
        self.table.show(about.settings, shell.desk.glance())
        if field:
            shell.root.update_idletasks()          # rows are known once the sheet has its size
            self.table.reveal(field)
        done.focus_set()

    def _reset(self) -> None:
        """Sashes and columns as they were the first time."""
        self.close()
        self.shell.reset_layout()
