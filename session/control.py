"""The control socket of the running program: `control.sock` in the home folder, for its owner alone (0600).

One thread serves all clients and waits for none of them: sockets do not block, a client has one request in work, what
it sends and what it does not fetch is bounded, and whoever idles is sent away. Verdicts come from the engine's thread
through a queue. What is asked goes to the engine as the window's commands do (`control_desk`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from core.worker import Worker
from session import control_line as line
from session.control_desk import ControlDesk

log = logging.getLogger(__name__)

CLIENTS_MOST = 200        # beyond, whoever has been idle longest goes
IDLE_S = 15.0             # without a whole request, or without fetching an answer
VERDICT_S = 5.0           # for the engine's answer
_CHUNK = 4096
_BEAT_S = 0.5
_DEAF_S = 1.0            # nobody is taken for so long when there is no handle for another


class _Client:
    """One connection. The control thread's alone."""

    __slots__ = ("asked", "at", "deadline", "do", "got", "is_ended", "out", "socket")

    def __init__(self, made: socket.socket, now: float) -> None:
        self.socket = made
        self.got, self.out = bytearray(), bytearray()
        self.at = now                     # of its last progress
        self.asked = 0                    # number of the request in work; 0: none
        self.do = ""
        self.deadline = 0.0
        self.is_ended = False             # it sends no more


class Control:
    """The socket and its thread."""

    def __init__(self, home: Path, desk: ControlDesk, on_death: Callable[[str, BaseException], None]) -> None:
        """Opens the socket. Raises NoControl with the reason when it cannot be."""
        self._home, self._desk = home, desk
        self._listener, self._made = _listen(home)
        self._answers: SimpleQueue[tuple[_Client, int, line.Answer]] = SimpleQueue()
        self._woken, self._waker = socket.socketpair()
        for one in (self._listener, self._woken, self._waker):
            one.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._number = 0
        self._deaf_until = 0.0            # 0: clients are taken
        self._worker = Worker("control", self._run, on_death)
        self._worker.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Close the socket and end the thread."""
        self._worker.stop()
        self._wake()
        self._worker.join(timeout)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):          # full: it is awake already; closed: it has ended
            self._waker.send(b"x")

    # ------------------------------------------------------------ the thread

    def _run(self, stop: threading.Event) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            while not stop.is_set():
                for key, events in self._selector.select(_BEAT_S):
                    self._serve(key.fileobj, events)
                self._take_answers()
                self._hear_again(time.monotonic())
                self._send_idle_away(time.monotonic())
        finally:
            _remove(self._home, self._made)
            self._selector.close()
            for one in (self._listener, self._woken, self._waker, *(c.socket for c in self._clients.values())):
                one.close()

    def _serve(self, ready: object, events: int) -> None:
        if ready is self._listener:
            self._accept()
        elif ready is self._woken:
            with contextlib.suppress(BlockingIOError):
                while self._woken.recv(_CHUNK):
                    pass
        else:
            assert isinstance(ready, socket.socket)
            client = self._clients.get(ready.fileno())
            if client is not None and events & selectors.EVENT_READ:
                self._read(client)
            if client is not None and events & selectors.EVENT_WRITE and client.socket.fileno() >= 0:
                self._write(client)

    def _accept(self) -> None:
        now = time.monotonic()
        while True:
            try:
                made, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:                # no handles left: those who idle make room
                log.warning("control: a client cannot be taken: %s", error.strerror)
                if not self._make_room():           # whoever waits would be announced again at once, for ever
                    self._selector.unregister(self._listener)
                    self._deaf_until = now + _DEAF_S
                return
            made.setblocking(False)
            if len(self._clients) >= CLIENTS_MOST and not self._make_room():
                made.close()
                continue
            self._clients[made.fileno()] = _Client(made, now)
            self._selector.register(made, selectors.EVENT_READ)

    def _hear_again(self, now: float) -> None:
        if self._deaf_until and now >= self._deaf_until:
            self._deaf_until = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _make_room(self) -> bool:
        """Send away who has been idle longest; False when nobody is."""
        idle = [client for client in self._clients.values() if not client.asked]
        if idle:
            self._drop(min(idle, key=lambda client: client.at))
        return bool(idle)

    def _read(self, client: _Client) -> None:
        try:
            part = client.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        client.is_ended = client.is_ended or not part
        client.got += part
        self._next_request(client)

    def _next_request(self, client: _Client) -> None:
        """Begin with what is asked next, if it is all there and nothing else is in work."""
        if client.asked or client.out:
            self._listen_for(client)
            return
        end = client.got.find(b"\n")
        if end < 0 and client.is_ended and client.got:
            end = len(client.got)                   # the last line, without its end
        if end > line.LONGEST or (end < 0 and len(client.got) > line.LONGEST):
            self._refuse(client, f"a request has at most {line.LONGEST} bytes")
            return
        if end < 0:
            if client.is_ended:
                self._drop(client)
            else:
                self._listen_for(client)
            return
        asked = bytes(client.got[:end])
        del client.got[:end + 1]
        self._ask(client, asked)

    def _ask(self, client: _Client, asked: bytes) -> None:
        client.at = time.monotonic()
        try:
            request = line.read_request(asked)
        except line.WrongRequest as error:
            self._refuse(client, str(error))
            return
        self._number += 1
        number = client.asked = self._number
        client.do, client.deadline = request.do, client.at + VERDICT_S

        def reply(answer: line.Answer) -> None:
            """On whichever thread knows the answer."""
            self._answers.put((client, number, answer))
            self._wake()

        self._desk.take(request, reply)
        self._listen_for(client)

    def _refuse(self, client: _Client, why: str) -> None:
        """It does not speak this language: that is said, and nothing more is read of it."""
        client.got.clear()
        client.is_ended = True
        self._answer(client, line.denied("", line.BAD, why))

    def _take_answers(self) -> None:
        while True:
            try:
                client, number, answer = self._answers.get_nowait()
            except Empty:
                return
            if client.asked == number and client.socket.fileno() >= 0:
                self._answer(client, answer)

    def _answer(self, client: _Client, answer: line.Answer) -> None:
        client.asked = 0
        client.out += line.line_of(answer)
        self._write(client)

    def _write(self, client: _Client) -> None:
        try:
            while client.out:
                sent = client.socket.send(client.out)
                del client.out[:sent]
                client.at = time.monotonic()
        except BlockingIOError:
            self._listen_for(client)
            return
        except OSError:
            self._drop(client)
            return
        self._next_request(client)

    def _listen_for(self, client: _Client) -> None:
        """What is waited for: room for the answer, or more of a request; nothing while one is in work."""
        wanted = selectors.EVENT_WRITE if client.out else 0
        if not client.is_ended and not client.asked and not client.out:
            wanted |= selectors.EVENT_READ
        with contextlib.suppress(KeyError):
            self._selector.unregister(client.socket)
        if wanted:
            self._selector.register(client.socket, wanted)

    def _send_idle_away(self, now: float) -> None:
        for client in list(self._clients.values()):
            if client.asked and now > client.deadline:
                self._answer(client, line.denied(client.do, line.SILENT, "the engine did not answer within "
                                                 f"{VERDICT_S:.0f} s; it may still carry it out"))
            elif not client.asked and now - client.at > IDLE_S:
                self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.socket.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.socket)
        client.socket.close()


def _listen(home: Path) -> tuple[socket.socket, tuple[int, int]]:
    """The listening socket, and which file it is. The caller holds the home's lock: what stands there is left over,
    unless somebody answers on it all the same."""
    with line.address(home) as where:
        _clear(home / line.NAME, where)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.bind(where)
            (home / line.NAME).chmod(stat.S_IRUSR | stat.S_IWUSR)     # before it listens nobody gets in
            made.listen(128)
            found = (home / line.NAME).lstat()
        except OSError as error:
            made.close()
            raise line.NoControl(f"no control socket in {home}: {error.strerror}") from None
    return made, (found.st_dev, found.st_ino)


def _clear(path: Path, where: str) -> None:
    """Take away what a killed program left; never the socket of a living one, nor a file that is none."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise line.NoControl(f"{path} is in the way: it is no socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(where)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise line.NoControl(f"{path} cannot be used: {error.strerror or error}") from None
    raise line.NoControl(f"another program serves {path}; it was left alone")


def _remove(home: Path, made: tuple[int, int]) -> None:
    """Our own socket file, not one that was put there since."""
    with contextlib.suppress(OSError):
        found = os.lstat(home / line.NAME)
        if (found.st_dev, found.st_ino) == made:
            (home / line.NAME).unlink()
