"""What the settings sheet asks of the program: try a connection, save. Each is a job on a thread of its own, looked at
by the window's timer; nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

Changes = Mapping[tuple[str, str], str]     # file and key → what was typed


@dataclass(frozen=True, slots=True)
class TestLine:
    """One step of a test: ✓ good, ▲ with a catch, ✕ bad; `cure` says what to do."""

    __test__ = False                        # no test of pytest's

    mark: str
    product: str
    step: str
    text: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `problems`: settings it found wrong, by file and key."""

    lines: tuple[TestLine, ...] = ()
    doing: str = ""                         # what is being asked now
    done: bool = False
    ok: bool = False
    note: str = ""
    problems: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Job(Protocol):
    """Something that runs."""

    @property
    def progress(self) -> Progress:
        """How far it is; a new record each time something happened."""

    def stop(self) -> None:
        """End it after what it is doing now; its last answer is not shown any more."""


class Setup(Protocol):
    """The program's side."""

    def test(self, changes: Changes) -> Job:
        """Try every product of the settings as they would be with these changes. Nothing is saved or changed."""

    def save(self, changes: Changes) -> Job:
        """Write the changes into their files."""
