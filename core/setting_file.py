"""One settings file read: its values by the table, and what was wrong with them. Main thread.

A value that only concerns look or rate falls back to its default and is said in `notices`; any other wrong value is a
`Problem`. Values of secrets are never repeated.
"""

from __future__ import annotations

import difflib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dotenv.parser import parse_stream

from core.errors import ConfigError
from core.home import check_private
from core.hosts import read_url
from core.secrets import KnownSecrets
from core.setting_keys import (
    KEYS,
    LONGEST_VALUE,
    Kind,
    SettingKey,
    keys_of,
    read_choice,
    read_flag,
    read_names,
    read_number,
    repeats,
    shown,
)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that cannot be used; `market` is what it keeps off ("" = everything)."""

    file: str
    key: str
    value: str             # as it may be shown: cut, secrets as ***
    text: str
    market: str = ""

    def __str__(self) -> str:
        return str(self.error())

    def error(self) -> ConfigError:
        """The same as an exception, for a run without a window."""
        return ConfigError(f"{self.file} {self.key}".strip(), self.value, self.text, self.market)


class SettingFile:
    """One settings file: its values, and what was wrong with them."""

    def __init__(self, home: Path, name: str, market: str, text: str | None = None) -> None:
        """`text`: what the file would hold, in place of what it holds."""
        self.home, self.name, self.market = home, name, market
        self.notices: list[str] = []
        self.problems: list[Problem] = []
        self.keys = keys_of(name)
        self.values: dict[str, str] = {}
        try:
            self._take(read_text(home / name) if text is None else text)
        except ConfigError as error:
            self.problems.append(Problem(name, "", "", error.text, market))

    def _take(self, text: str) -> None:
        lines: dict[str, int] = {}
        for binding in parse_stream(io.StringIO(text)):
            line = binding.original.line + _leading_lines(binding.original.string)
            if binding.error or (binding.key is not None and binding.value is None):
                self._broken(binding.original.string, line)
            if binding.key is None or binding.value is None:
                continue
            if binding.key in lines:
                both = f"lines {lines[binding.key]} and {line}"
                self.notices.append(f"{self.name}: {_word(binding.key)} stands in {both}. The last one counts.")
            lines[binding.key] = line
            self._put(binding.key, binding.value.strip(), line)

    def _put(self, name: str, value: str, line: int) -> None:
        key = self.keys.get(name)
        if key is None:
            self.notices.append(self._stranger(name, line))
        elif len(value) > LONGEST_VALUE:
            self.refuse(name, f"longer than {LONGEST_VALUE} characters", value)
        elif "\n" in value or "\r" in value:
            first = value.splitlines()[0]  # the rest may be other settings, secrets among them
            self.refuse(name, f"line {line}: runs over several lines; is a closing quote missing?", first)
        else:
            self.values[name] = value

    def _broken(self, text: str, line: int) -> None:
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]{1,40})", text)
        name = match[1] if match else ""
        if name in self.keys and not self.keys[name].forgiven:
            self.refuse(name, f'line {line} cannot be read; it must look like {name}="…"')
        else:
            self.notices.append(f'{self.name}: line {line} cannot be read and is left out; lines look like KEY="…".')

    def _stranger(self, name: str, line: int) -> str:
        where = f"{self.name} line {line}: {_word(name)}"
        home = next((key.file for key in KEYS if key.name == name), None)
        if home is not None:
            return f"{where} belongs into {home}; it is not used here."
        near = difflib.get_close_matches(name.upper(), self.keys, n=1)
        return f"{where} is not known" + (f"; is {near[0]} meant?" if near else " and not used.")

    def refuse(self, name: str, text: str, value: str | None = None) -> None:
        """Note a problem at this key; a value not given is the one in the file."""
        key = self.keys.get(name)
        value = self.values.get(name, "") if value is None else value
        self.problems.append(Problem(self.name, name, shown(key, value) if value else "", text, self.market))

    def hide_secrets(self, known: KnownSecrets) -> None:
        """Every secret of the file is hidden from now on, those of the set not in use too."""
        for name, key in self.keys.items():
            if key.kind is Kind.HIDDEN:
                known.add(self.values.get(name, ""))

    def text(self, name: str) -> str:
        """The value, or the default; "" and a problem when it does not fit the key's pattern."""
        key = self.keys[name]
        value = self.values.get(name, key.default)
        if value and key.pattern and not re.fullmatch(key.pattern, value):
            self.refuse(name, f"{key.allowed} expected")
            return ""
        return value

    def number(self, name: str) -> int:
        """The number, or the default with a notice or a problem."""
        key = self.keys[name]
        return self._or_default(key, read_number(key, self._given(key)), int(key.default))

    def flag(self, name: str) -> bool:
        """True or False; a wrong word is a problem and counts as the default."""
        key = self.keys[name]
        return self._or_default(key, read_flag(self._given(key)), key.default == "True")

    def choice(self, name: str) -> str:
        """The choice, or the default with a notice."""
        key = self.keys[name]
        return self._or_default(key, read_choice(key, self._given(key)), key.default)

    def _given(self, key: SettingKey) -> str:
        return self.values.get(key.name) or key.default

    def _or_default(self, key: SettingKey, value: _Value | None, default: _Value) -> _Value:
        if value is not None:
            return value
        if key.forgiven:
            self.notices.append(f"{key.name}={shown(key, self.values[key.name])}: {key.allowed}. Using {key.default}.")
        else:
            self.refuse(key.name, f"{key.allowed} expected")
        return default

    def names(self, name: str, most: int, may_be_empty: bool = False) -> tuple[str, ...]:
        """The list's parts in upper case, repeats left out with a notice."""
        key = self.keys[name]
        parts = tuple(part.upper() for part in read_names(self.values.get(name, key.default)))
        for wrong in [part for part in parts if not re.fullmatch(key.pattern, part)][:1]:
            self.refuse(name, "not a name: 2 to 40 letters A-Z, digits or _", wrong)
        if not parts and not may_be_empty:
            self.refuse(name, f"empty; {key.allowed} expected")
        if len(parts) > most:
            self.refuse(name, f"{len(parts)} names, at most {most} are taken")
        again = repeats(parts)
        if again:
            self.notices.append(f"{self.name}: {name} has {', '.join(again[:5])} more than once; once is enough.")
        return tuple(dict.fromkeys(parts))

    def url(self, name: str, schemes: tuple[str, str]) -> str | None:
        """The address, None when empty or wrong."""
        value = self.values.get(name, "")
        if not value:
            return None
        try:
            return read_url(value, schemes)
        except ValueError as error:
            self.refuse(name, str(error))
            return None


def read_text(path: Path) -> str:
    """What a settings file holds, "" when there is none. Raises ConfigError when it cannot or must not be read."""
    try:
        check_private(path)
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigError(path.name, "", "is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(path.name, "", f"cannot be read: {error.strerror}") from None


def _leading_lines(text: str) -> int:
    """How many line ends stand before the first word; \\r\\n is one."""
    blank = text[: len(text) - len(text.lstrip())]
    return len(re.findall(r"\r\n|\n|\r", blank))


def _word(text: str) -> str:
    return shown(None, text)
