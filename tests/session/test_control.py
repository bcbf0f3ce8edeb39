"""The control socket: who may use it, what it answers, and that no client can stand in another's way."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.board import Board
from engine.commands import Command, KillSwitch, Recover, SetTrading, Verdict
from engine.view import View
from models import Mode
from session import control, control_line, ctl
from session.control import Control
from session.control_desk import ControlDesk
from session.control_line import NoControl, address

Reply = Callable[[Verdict], None]


class Stub:
    """A session whose engine answers when told to."""

    def __init__(self) -> None:
        self.board = Board()
        self.asked: list[Command] = []
        self.is_silent = False
        self.is_dead = False
        self.shown: View | None = View(0, time.monotonic(), Mode.SIM, (), False, (), ())

    def view(self) -> View | None:
        return self.shown

    def post(self, command: Command, reply: Reply | None = None) -> None:
        self.asked.append(command)
        if reply is not None and not self.is_silent:
            threading.Thread(target=reply, args=(Verdict(command.ticket, True),), daemon=True).start()

    def is_deciding(self) -> bool:
        return not self.is_dead

    def dead_threads(self) -> tuple[str, ...]:
        return ()

    def markets(self) -> tuple[str, ...]:
        return ("Binance",)


@pytest.fixture
def session() -> Stub:
    return Stub()


@pytest.fixture
def served(tmp_path: Path, session: Stub) -> Iterator[Path]:
    """The home whose socket is served."""
    made = Control(tmp_path, ControlDesk(session, "0"), lambda name, error: None)
    yield tmp_path
    made.stop()


def connect(home: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(5)
    with address(home) as where:
        ctl.connect(made, where, time.time() + 5)
    return made


def told(made: socket.socket) -> list[dict[str, Any]]:
    """All answers until the program hangs up."""
    got = b""
    while part := made.recv(65536):
        got += part
    return [json.loads(line) for line in got.splitlines()]


def talk(home: Path, content: bytes) -> list[dict[str, Any]]:
    """What is answered to these bytes, sent by a client that then says no more."""
    with connect(home) as made:
        made.sendall(content)
        made.shutdown(socket.SHUT_WR)
        return told(made)


def test_it_is_its_owners_alone_and_goes_with_the_program(tmp_path: Path, session: Stub) -> None:
    made = Control(tmp_path, ControlDesk(session, "0"), lambda name, error: None)
    found = (tmp_path / control_line.NAME).lstat()

    assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o600
    made.stop()
    assert not (tmp_path / control_line.NAME).exists()


@pytest.mark.parametrize(("content", "words"), [
    (b"\x00\xff\xfe rubbish\n", "not JSON"), (b"[1, 2]\n", "object"), (b'{"v": 2, "do": "kill"}\n', '"v" must be 1'),
    (b'{"v": true, "do": "kill"}\n', '"v" must be 1'), (b'{"v": 1, "do": "buy"}\n', '"do" must be one of'),
    (b'{"v": 1, "do": "trading", "on": "yes"}\n', '"on" must be'), (b'{"v": 1, "do": "bot", "on": true}\n', '"name"'),
    (b'{"v": 1, "do": "kill", "ticket": "a b"}\n', '"ticket"'), (b"[" * 4000 + b"\n", "JSON"),
    (b'{"v": 1, "do": "kill", "until": "soon"}\n', '"until"'), (b"\n" * 3000, "not JSON"),
    (b"x" * 5000, "at most 4096 bytes"), (b'{"v": 1, "do": "kill", "name": "' + b"n" * 100 + b'"}\n', '"name"'),
])
def test_what_is_no_request_is_said_and_hung_up(served: Path, session: Stub, content: bytes, words: str) -> None:
    answers = talk(served, content)

    assert len(answers) == 1 and not answers[0]["ok"] and answers[0]["error"] == "bad"
    assert words in answers[0]["text"]
    assert not session.asked
    assert ctl.ask(served, {"do": "status"})["ok"]


def test_a_request_may_come_in_pieces_and_several_in_one(served: Path, session: Stub) -> None:
    with connect(served) as made:
        for byte in b'{"v": 1, "do": "cancel-all", "ticket": "one"}\n':
            made.send(bytes([byte]))
        made.sendall(b'{"v": 1, "do": "trading", "on": true}\n{"v": 1, "do": "positions"}')
        made.shutdown(socket.SHUT_WR)
        answers = told(made)

    assert [one["do"] for one in answers] == ["cancel-all", "trading", "positions"]
    assert all(one["ok"] and one["v"] == 1 for one in answers)
    assert session.asked[0].ticket == "control-one" and isinstance(session.asked[1], SetTrading)


def test_without_a_handle_for_it_a_client_waits_and_is_answered_later(served: Path, session: Stub,
                                                                     caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")

    def told_of_it() -> int:
        return sum("a client cannot be taken" in record.message for record in caplog.records)

    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made, address(served) as where:
        made.settimeout(5)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, usual[1]))
        try:
            made.connect(str(where))
            time.sleep(0.6)
            assert told_of_it() == 1, "said again and again, without a pause"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)
        made.sendall(b'{"v": 1, "do": "status"}\n')
        made.shutdown(socket.SHUT_WR)
        assert [one["ok"] for one in told(made)] == [True]


def test_a_client_that_neither_asks_nor_fetches_hinders_nobody(served: Path, session: Stub,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "IDLE_S", 1.0)
    idle, slow, deaf = connect(served), connect(served), connect(served)
    slow.send(b'{"v": 1,')
    deaf.sendall(b'{"v": 1, "do": "status"}\n' * 2000)        # never reads: its buffers fill up

    begun = time.monotonic()
    assert ctl.ask(served, {"do": "status"})["ok"]
    assert time.monotonic() - begun < 1
    for made in (idle, slow):
        assert made.recv(10) == b"", "it is sent away"
    deaf.settimeout(10)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(1000):
            deaf.sendall(b'{"v": 1, "do": "status"}\n')
            time.sleep(0.01)
    for made in (idle, slow, deaf):
        made.close()


def test_hundred_clients_at_once_and_more_than_are_kept(served: Path, session: Stub) -> None:
    waiting = [connect(served) for _ in range(control.CLIENTS_MOST + 20)]
    answers: list[bool] = []

    def work() -> None:
        answers.append(bool(ctl.ask(served, {"do": "trading", "on": False})["ok"]))

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert answers == [True] * 100
    assert len({command.ticket for command in session.asked}) == 100
    for made in waiting:
        made.close()


def test_an_engine_that_does_not_answer_is_said(served: Path, session: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "VERDICT_S", 0.3)
    session.is_silent = True

    assert ctl.ask(served, {"do": "kill"})["error"] == "silent"
    assert isinstance(session.asked[0], KillSwitch)


def test_a_dead_engine_is_said_and_the_kill_switch_works_all_the_same(served: Path, session: Stub) -> None:
    session.is_dead = True

    answer = ctl.ask(served, {"do": "kill"})

    assert answer["error"] == "silent" and "venues are asked directly" in answer["text"]
    assert isinstance(session.asked[0], KillSwitch)


def test_while_the_program_starts_only_the_kill_switch_is_taken(served: Path, session: Stub) -> None:
    session.shown = None

    assert "starting" in ctl.ask(served, {"do": "trading", "on": True})["text"]
    assert ctl.ask(served, {"do": "kill"})["ok"]
    assert [type(command) for command in session.asked] == [KillSwitch]


def test_what_raises_the_risk_is_not_done_late(served: Path, session: Stub) -> None:
    for asked, is_done in (({"do": "trading", "on": True}, False), ({"do": "recover"}, False),
                           ({"do": "trading", "on": False}, True), ({"do": "kill"}, True)):
        answer = ctl.ask(served, {**asked, "until": 1000})
        assert answer["ok"] is is_done
        assert is_done or "too late" in answer["text"]


def test_a_market_is_named_as_it_is_called_here_or_refused(served: Path, session: Stub) -> None:
    assert ctl.ask(served, {"do": "recover", "market": "bINANCE"})["ok"]
    assert "Kraken is not connected here" in ctl.ask(served, {"do": "recover", "market": "Kraken"})["text"]
    assert [c.market for c in session.asked if isinstance(c, Recover)] == ["Binance"]


# ---------------------------------------------------------------- the place


def test_what_a_killed_program_left_is_replaced(tmp_path: Path, session: Stub) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / control_line.NAME))
    left.close()                                 # the file stays, as after kill -9

    made = Control(tmp_path, ControlDesk(session, "0"), lambda name, error: None)

    assert ctl.ask(tmp_path, {"do": "status"})["ok"]
    made.stop()


def test_the_socket_of_a_living_program_is_left_alone(served: Path, session: Stub) -> None:
    with pytest.raises(NoControl, match="another program serves"):
        Control(served, ControlDesk(session, "1"), lambda name, error: None)

    assert ctl.ask(served, {"do": "status"})["status"]["version"] == "0"


def test_a_file_in_its_place_is_never_taken_away(tmp_path: Path, session: Stub) -> None:
    (tmp_path / control_line.NAME).write_text("mine")

    with pytest.raises(NoControl, match="no socket"):
        Control(tmp_path, ControlDesk(session, "0"), lambda name, error: None)

    assert (tmp_path / control_line.NAME).read_text() == "mine"


def test_a_long_path_is_served_too(tmp_path: Path, session: Stub) -> None:
    home = tmp_path / ("a-rather-long-name" * 5) / ("and-another-one" * 5)
    home.mkdir(parents=True)

    made = Control(home, ControlDesk(session, "0"), lambda name, error: None)

    assert ctl.ask(home, {"do": "status"})["ok"]
    made.stop()
    assert not (home / control_line.NAME).exists()


def test_a_system_without_such_sockets_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")

    with pytest.raises(NoControl, match="no control socket on this system"), address(tmp_path):
        pass
