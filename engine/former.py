"""The names a bot had before it was renamed: what it traded under them is its history. Pure.

A row of the ledger keeps the name it was booked under. `renamed` says, for each name that was given up, which came
after it; a name that is in use again is another bot's, and what stands under it belongs to that one.
"""

from __future__ import annotations

from collections.abc import Container, Mapping


def former_names(renamed: Mapping[str, str], robots: Container[str], emi: str) -> tuple[str, ...]:
    """The former names of a bot, the last one first."""
    names = [emi]
    for name in names:                   # grows while it is walked
        names += [old for old, new in renamed.items() if new == name and old not in names and old not in robots]
    return tuple(names[1:])
