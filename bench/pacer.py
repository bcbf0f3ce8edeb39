"""A process that sends evenly spaced frames with the time of sending in them: `python -m bench.pacer`.

First line on stdout: its port. Path: /<frames per second>/<frames>/<bytes>; rate 0: as fast as they are taken.
"""

from __future__ import annotations

import socket
import threading
import time

from bench.wire import text_frame, upgrade

HEAD = b'{"stream":"btcusdt@pace","data":{"sent":'


def frame(size: int) -> bytes:
    """A text frame of `size` bytes of payload; its time of sending stands behind HEAD, 20 digits."""
    now = b"%020d" % time.monotonic_ns()
    return text_frame(HEAD + now + b',"pad":"' + b"x" * (size - len(HEAD) - 31) + b'"}}')


def sent_at(payload: bytes) -> int:
    """When it was sent, in ns of the monotonic clock all processes share."""
    return int(payload[len(HEAD):len(HEAD) + 20])


def main() -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65_536)
    rate, count, size = (int(part) for part in head.split(b" ")[1].split(b"/")[1:4])
    connection.sendall(upgrade(head))
    try:
        if rate:
            _even(connection, rate, count, size)
        else:
            _fast(connection, count, size)
        connection.recv(65_536)            # until the other side has had enough
    except OSError:
        pass
    connection.close()


def _even(connection: socket.socket, rate: int, count: int, size: int) -> None:
    begun = time.monotonic()
    for number in range(count):
        left = begun + number / rate - time.monotonic()
        if left > 0:
            time.sleep(left)
        connection.sendall(frame(size))


def _fast(connection: socket.socket, count: int, size: int) -> None:
    block = b"".join(frame(size) for _ in range(100))
    for _ in range(count // 100):
        connection.sendall(block)


if __name__ == "__main__":
    main()
