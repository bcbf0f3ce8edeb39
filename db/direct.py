"""Statements for the engine's writes, handed to the driver itself: compiled once, values bound by their columns' types.

SQLAlchemy makes the text and the types; executed through it, a fill's transaction would take twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler


class Statement:
    """One statement with named values, ready for a cursor of the dialect's driver."""

    __slots__ = ("_is_named", "_places", "text")

    def __init__(self, statement: sa.Executable, dialect: sa.Dialect, columns: list[str] | None = None) -> None:
        """`columns`: those an insert gives, where it leaves some to the database."""
        compiled = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)
        self.text = compiled.string
        self._is_named = compiled.positiontup is None
        self._places = tuple((name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
                             for name in compiled.positiontup or compiled.binds)

    def run(self, cursor: Any, values: Mapping[str, object]) -> None:
        """Execute it. Raises the driver's errors, and LedgerError for a number that is not exact."""
        bound = [values[name] if bind is None else bind(values[name]) for name, bind in self._places]
        if self._is_named:
            cursor.execute(self.text, {name: value for (name, _), value in zip(self._places, bound, strict=True)})
        else:
            cursor.execute(self.text, bound)
