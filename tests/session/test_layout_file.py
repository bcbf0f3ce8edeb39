"""`window.json`: private, whole after every kill, ignored when broken."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from interface.memory import Memory
from session.layout_file import NAME, LayoutFile, read_layout


def test_what_was_remembered_is_read_again(tmp_path: Path) -> None:
    assert read_layout(tmp_path) == (Memory(), "")
    file = LayoutFile(tmp_path)
    for number in range(50):
        file.remember(Memory(tab="Trades", steps={"a": number + 1}))
    file.close()

    assert read_layout(tmp_path) == (Memory(tab="Trades", steps={"a": 50}), "")
    assert os.name == "nt" or stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"x" * 1_000_001])
def test_a_broken_file_is_said_and_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    memory, said = read_layout(tmp_path)
    assert memory == Memory() and NAME in said


def test_a_folder_in_its_place_costs_the_memory_only(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert "cannot be read" in read_layout(tmp_path)[1]
    file = LayoutFile(tmp_path)
    file.remember(Memory(tab="Trades"))
    file.close()
    assert (tmp_path / NAME).is_dir()
