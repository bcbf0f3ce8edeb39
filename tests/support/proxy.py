"""A line to a database server that is slow, stalls, or breaks at a chosen moment: a TCP proxy on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Proxy:
    """Forwards to `port`. Set the faults from outside; they hold for open connections too."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0
        self.is_stalled = False           # nothing is passed on any more, nothing is closed
        self.cut_at: bytes | None = None  # the next request with these bytes is passed on; its answer is not
        self.cuts = 0
        self._pairs: list[socket.socket] = []
        self._is_closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it, and all connections."""
        self._is_closed = True
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections."""
        pairs, self._pairs = self._pairs, []
        for one in pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                continue
            self._pairs += [near, far]
            for one, other, is_request in ((near, far, True), (far, near, False)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(one, other, is_request), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, is_request: bool) -> None:
        try:
            while part := one.recv(65536):
                while self.is_stalled:
                    time.sleep(0.02)
                time.sleep(self.delay_s)
                other.sendall(part)
                if is_request and self.cut_at is not None and self.cut_at in part:
                    self.cut_at = None
                    self.cuts += 1
                    one.shutdown(socket.SHUT_RDWR)       # the server works it off, and its answer finds nobody
                    return
        except OSError:
            return
        finally:
            if not self.is_stalled:
                for end in (one, other) if not is_request else (one,):
                    end.close()
