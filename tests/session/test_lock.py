"""One terminal per home: the lock is the system's, and ends with the process."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from core.errors import AlreadyRunning, ConfigError
from session.lock import NAME, is_taken, take


def hold(home: Path, ready: Event) -> None:
    """Another process that takes the lock and keeps it."""
    lock = take(home)
    ready.set()
    multiprocessing.Event().wait()
    lock.close()


def test_second_copy_is_told_who_holds_the_home(tmp_path: Path) -> None:
    with take(tmp_path):
        with pytest.raises(AlreadyRunning) as refused:
            take(tmp_path)
        assert is_taken(tmp_path)

    assert f"process {os.getpid()}" in str(refused.value) and str(tmp_path) in str(refused.value)
    assert refused.value.exit_code == 6
    assert not is_taken(tmp_path)


def test_killed_copy_does_not_block_its_successor(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready), daemon=True)
    other.start()
    assert ready.wait(10)
    assert is_taken(tmp_path)

    other.kill()
    other.join(10)

    with take(tmp_path):
        assert (tmp_path / NAME).read_text() == str(os.getpid())


def test_asking_leaves_the_holders_number_in_the_file(tmp_path: Path) -> None:
    with take(tmp_path):
        for _ in range(3):
            assert is_taken(tmp_path)
        assert (tmp_path / NAME).read_text() == str(os.getpid())


def test_file_with_nonsense_in_it_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff\xfe not a number " * 10)

    with take(tmp_path):
        assert (tmp_path / NAME).read_text() == str(os.getpid())
        with pytest.raises(AlreadyRunning):
            take(tmp_path)


def test_home_that_is_no_folder_is_a_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="choose another folder") as refused:
        take(tmp_path / "file")

    assert refused.value.exit_code == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_home_is_a_setting_to_change(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            take(tmp_path)
    finally:
        tmp_path.chmod(0o700)
