"""Reads an older terminal's database: a MySQL dump as text, or its SQLite file. Rows as dictionaries, in their order.

A dump is read as a stream: CREATE TABLE says the columns where INSERT does not; strings, numbers and NULL are taken as
MySQL writes them. Nothing in the file is run.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from core.errors import LedgerError
from core.numbers import printable

TRADES = ("coins", "real_trade", "test_trade")
BOTS = "robots"
_LITE = b"SQLite format 3\x00"
_CHUNK = 1 << 16
_LONGEST = 1 << 26           # of one statement: a dump's INSERT has at most max_allowed_packet
_CREATE = re.compile(r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[`\"]?(?:\w+[`\"]?\.[`\"]?)?(\w+)[`\"]?\s*\(",
                     re.IGNORECASE)
_COLUMN = re.compile(r"^\s*[`\"]?(\w+)[`\"]?\s+\w", re.MULTILINE)
_NO_COLUMN = {"primary", "unique", "key", "constraint", "index", "check", "foreign", "fulltext"}
_INSERT = re.compile(r"(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+[`\"]?(?:\w+[`\"]?\.[`\"]?)?(\w+)[`\"]?\s*"
                     r"(?:\(([^)]*)\)\s*)?VALUES\s*", re.IGNORECASE)
_VALUE = re.compile(r"\s*(?:(NULL)|(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)|(?:_\w+\s*)?'((?:[^'\\]|\\.|'')*)')\s*([,)])",
                    re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"\s*(?:--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*.*?\*/;?)", re.DOTALL)
_BEGINS = re.compile(r"[;'\"`#]|--|/\*")
_ENDS = {"'": re.compile(r"\\|'"), '"': re.compile(r'\\|"'), "`": re.compile("`"), "#": re.compile(r"\n"),
         "--": re.compile(r"\n"), "/*": re.compile(r"\*/")}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "Z": "\x1a", "b": "\b"}

OldRow = dict[str, str]                  # column in capitals → value; NULL is left out


def tables(path: Path) -> dict[str, int]:
    """The tables of ours that the file has, each with its number of rows. Raises LedgerError for any other file."""
    if _is_lite(path):
        with _lite(path) as raw:
            names = [name for name, in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: raw.execute(_words(sa.select(sa.func.count()), name)).fetchone()[0]
                    for name in names if name in (*TRADES, BOTS)}
    found: dict[str, int] = {}
    for table, _, _ in _dump(path):
        found[table] = found.get(table, 0) + 1
    if not found:
        raise LedgerError(f"{path}: neither an SQLite file nor a dump with rows of coins, real_trade or robots; make "
                          "one with “mysqldump DATABASE coins robots”")
    return found


def rows(path: Path, table: str) -> Iterator[tuple[str, OldRow]]:
    """Where each row stands ("line 12", "row 5") and the row."""
    if not _is_lite(path):
        for name, line, row in _dump(path):
            if name == table:
                yield f"line {line}", row
        return
    with _lite(path) as raw:
        cursor = raw.execute(_words(sa.select(sa.text("*")), table))
        names = [str(column[0]).upper() for column in cursor.description]
        for number, values in enumerate(cursor, 1):
            yield f"row {number}", {name: str(value) for name, value in zip(names, values, strict=True)
                                    if value is not None}


def _words(question: sa.Select[Any], table: str) -> str:
    return str(question.select_from(sa.table(table)).compile(dialect=sqlite.dialect()))


def _is_lite(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_LITE)) == _LITE


@contextmanager
def _lite(path: Path) -> Iterator[sqlite3.Connection]:
    """The file opened for reading; its errors are sentences."""
    raw = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    raw.text_factory = lambda told: told.decode("utf-8", "replace")
    try:
        yield raw
    except sqlite3.Error as error:
        raise LedgerError(f"{path} cannot be read: {error}; copy the file anew from where it was used") from None
    finally:
        raw.close()


# ---------------------------------------------------------------- a dump

def _dump(path: Path) -> Iterator[tuple[str, int, OldRow]]:
    """Table, line and row of every INSERT into a table of ours."""
    columns: dict[str, list[str]] = {}
    for line, statement in _statements(path):
        made = _CREATE.match(statement)
        if made is not None:
            names = [name.upper() for name in _COLUMN.findall(statement[made.end():])]
            columns[made[1].lower()] = [name for name in names if name.lower() not in _NO_COLUMN]
            continue
        said = _INSERT.match(statement)
        table = said[1].lower() if said is not None else ""
        if said is None or table not in (*TRADES, BOTS):
            continue
        names = [name.strip(" `\"\n\r\t").upper() for name in said[2].split(",")] if said[2] else columns.get(table, [])
        if not names:
            raise LedgerError(f"{path} line {line}: the rows of {table} name no columns, and their table is not "
                              "made before; make the dump with “--complete-insert”")
        for at, values in _tuples(path, statement, said.end(), line):
            if len(values) != len(names):
                raise LedgerError(f"{path} line {at}: {len(values)} values for {len(names)} columns of {table}; the "
                                  "dump is damaged there")
            yield table, at, {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _tuples(path: Path, statement: str, begin: int, line: int) -> Iterator[tuple[int, list[str | None]]]:
    at, counted, end = begin, 0, len(statement)
    while at < end:
        line += statement.count("\n", counted, at)
        counted = at
        if statement[at] != "(":
            raise _damaged(path, line, statement, at, "stands where a row should begin")
        at += 1
        values: list[str | None] = []
        while True:
            value = _VALUE.match(statement, at)
            if value is None:
                raise _damaged(path, line, statement, at, "is no value")
            values.append(None if value[1] else value[2] if value[2] is not None else _text(value[3]))
            at = value.end()
            if value[4] == ")":
                break
        yield line, values
        while at < end and statement[at] in ", \n\r\t":
            at += 1


def _damaged(path: Path, line: int, statement: str, at: int, words: str) -> LedgerError:
    return LedgerError(f"{path} line {line}: “{printable(statement[at:at + 20])}” {words}; the dump is damaged there")


def _text(quoted: str) -> str:
    if "\\" not in quoted and "'" not in quoted:
        return quoted
    return re.sub(r"\\(.)|''", lambda found: "'" if found[1] is None else _ESCAPES.get(found[1], found[1]), quoted,
                  flags=re.DOTALL)


def _statements(path: Path) -> Iterator[tuple[int, str]]:
    """Each statement with the line it begins on; “;” inside quotes and comments does not end one."""
    waiting, line, at, inside = "", 1, 0, ""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        while piece := file.read(_CHUNK):
            waiting += piece
            while (found := (_ENDS[inside] if inside else _BEGINS).search(waiting, at)) is not None:
                word = found[0]
                if word == "\\":
                    if found.end() == len(waiting):
                        break                    # what it stands before is in the next piece
                    at = found.end() + 1
                    continue
                at = found.end()
                if inside:
                    inside = ""
                elif word != ";":
                    inside = word
                else:
                    statement = waiting[:at - 1]
                    bare, skipped = _without_comments(statement)
                    if bare:
                        yield line + skipped, bare
                    line += statement.count("\n")
                    waiting, at = waiting[at:], 0
            else:
                at = max(at, len(waiting) - 1)   # the last character may be half of “--”
            if len(waiting) > _LONGEST:
                raise LedgerError(f"{path} line {line}: a statement without an end; is this a MySQL dump?")
    bare, skipped = _without_comments(waiting)
    if _INSERT.match(bare):
        raise LedgerError(f"{path} line {line + skipped}: the last statement has no end; the dump was cut off")


def _without_comments(statement: str) -> tuple[str, int]:
    """The statement without what stands before it, and how many lines that were."""
    at = 0
    while (comment := _COMMENT.match(statement, at)) is not None and comment.end() > at:
        at = comment.end()
    bare = statement[at:].lstrip()
    return bare.rstrip(), statement.count("\n", 0, len(statement) - len(bare))
