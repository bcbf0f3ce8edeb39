"""The bar of long commands, on a real terminal's other end."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest

from session.ledger.progress import progress


@pytest.mark.parametrize("columns", [100, 0])
def test_bar_is_drawn_on_a_terminal_that_knows_its_size_and_on_one_that_does_not(
        monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress("sums", 4) as done:
            done(3)

    shown = os.read(ours, 10_000).decode()
    os.close(ours)

    assert "sums:   0%|" in shown and "0.00/4.00" in shown


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("sums", 4) as done:
        done(4)

    assert capsys.readouterr() == ("", "")
