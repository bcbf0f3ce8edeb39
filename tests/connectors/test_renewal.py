"""A connection that will end is replaced before it does: nothing is missed, nothing comes twice (faults M10)."""

from __future__ import annotations

import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha1
from typing import Any

import pytest

from connectors.binance import events
from connectors.binance.feed import SHUTDOWN, MarketFeed
from connectors.bitmex.stream import Partials
from connectors.complaints import Complaints
from connectors.line import Greeting, Renew, Said
from connectors.pace import Pace
from connectors.stream import Stream
from connectors.subscriptions import Channel, Subscriptions
from connectors.timesync import TimeSync
from core.clock import HandClock, SystemClock
from core.errors import VenueError
from models import Ack, Book, Category, Execution, Health, Key, OrderReport, Side, Timings, VenueDown
from tests.connectors.conftest import USDM, Exchange, Product, Terminal, wait_for
from tests.connectors.test_products import INVERSE
from tests.connectors.test_spot_products import SPOT

Make = Callable[..., Terminal]
RENEWING = replace(Timings.quick(), day_cut=1.5)


class Broadcaster:
    """A websocket server that numbers its frames and sends each to all who are connected."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.lines: list[socket.socket] = []
        self.accepted = 0
        self.times: list[float] = []
        self.refuses = self.answers_pings = False
        self.sent = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept), threading.Thread(target=self._send)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads."""
        self._stop.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(5)
        self._server.close()
        for line in self.lines:
            line.close()

    def drop_oldest(self) -> None:
        """Reset the connection that was there first."""
        with self._lock:
            self.lines.pop(0).shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            line, _ = self._server.accept()
            if self._stop.is_set() or self.refuses:
                line.close()
                if self._stop.is_set():
                    return
                continue
            asked = line.recv(65536).decode()
            key = next(row for row in asked.split("\r\n") if row.lower().startswith("sec-websocket-key")).split(": ")[1]
            accept = b64encode(sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            with self._lock:
                line.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
                self.lines.append(line)
                self.accepted += 1
                self.times.append(time.monotonic())

    @staticmethod
    def _answer(line: socket.socket) -> None:
        """Short masked pings become pongs; everything else is thrown away."""
        line.setblocking(False)
        try:
            asked = line.recv(65536)
        except OSError:
            return
        finally:
            line.setblocking(True)
        while len(asked) > 6:
            size = asked[1] & 0x7F
            mask, body = asked[2:6], asked[6:6 + size]
            if asked[0] == 0x89:
                line.sendall(bytes([0x8A, size]) + bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)))
            asked = asked[6 + size:]

    def _send(self) -> None:
        while not self._stop.wait(0.005):
            with self._lock:
                if self.answers_pings and self.lines:
                    self._answer(self.lines[0])
                self.sent += 1
                text = f"{self.sent:08}".encode()
                for line in list(self.lines):
                    try:
                        line.sendall(bytes([0x81, len(text)]) + text)
                    except OSError:
                        self.lines.remove(line)


class Listener:
    """A feed that writes down what happens; `wish` is what its next tick says."""

    def __init__(self, port: int) -> None:
        self.port, self.frames, self.wish, self.opens = port, list[int](), "", 0
        self.closes: list[str] = []
        self.greeting: Greeting | None = None

    def address(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def opened(self, send: Callable[[str], None]) -> None:
        self.opens += 1

    def renewed(self, send: Callable[[str], None]) -> Greeting | None:
        send("subscribe the rest")
        return self.greeting

    def frame(self, raw: bytes, now: float) -> None:
        self.frames.append(int(raw))

    def flush(self, now: float) -> None:
        pass

    def tick(self, now: float) -> str:
        wish, self.wish = self.wish, ""
        return wish

    def take(self, message: object) -> None:
        pass

    def paused(self) -> None:
        pass

    def closed(self, text: str) -> None:
        self.closes.append(text)


@pytest.fixture
def server() -> Iterator[Broadcaster]:
    made = Broadcaster()
    yield made
    made.close()


@pytest.fixture
def stream(server: Broadcaster) -> Iterator[tuple[Stream, Listener]]:
    feed = Listener(server.port)
    made = Stream("test", feed, SystemClock(), Timings.quick(), 1.0, lambda name, error: None, renewed=feed.renewed)
    made.worker.start()
    wait_for(lambda: len(feed.frames) > 10)
    yield made, feed
    made.stop()
    assert made.worker.join(1.0) and made.worker.error is None


def is_whole(frames: list[int]) -> bool:
    """Every number once and in order."""
    return frames == list(range(frames[0], frames[0] + len(frames)))


def test_the_next_connection_is_made_first_and_no_frame_is_missed_or_repeated(
        server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    for renewals in (1, 2, 3):
        feed.wish = Renew("soon")
        wait_for(lambda wanted=renewals: line.status.renewals == wanted)  # type: ignore[misc]
    seen = len(feed.frames)
    wait_for(lambda: len(feed.frames) > seen + 50)

    assert is_whole(feed.frames)
    assert (feed.opens, feed.closes, server.accepted, line.status.opens) == (1, [], 4, 1)
    wait_for(lambda: len(server.lines) == 1, what="the end of the old connections")


def test_an_old_connection_that_ends_early_is_left_without_a_gap(
        server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    feed.wish = Renew("soon")
    wait_for(lambda: len(server.lines) == 2)
    server.drop_oldest()
    wait_for(lambda: line.status.renewals == 1)
    seen = len(feed.frames)
    wait_for(lambda: len(feed.frames) > seen + 50)

    assert is_whole(feed.frames) and (feed.opens, feed.closes) == (1, [])


class Waiting:
    """A greeting that is over with the third frame, or refused with it; every frame is to be told."""

    def __init__(self, refusal: str = "") -> None:
        self._refusal, self._count = refusal, 0

    @property
    def is_done(self) -> bool:
        return self._count == 3

    def takes(self, raw: bytes) -> bool:
        self._count += 1
        if self.is_done and self._refusal:
            raise VenueError("Test", self._refusal)
        return False


def test_what_comes_while_the_new_connection_is_greeted_is_told_once(
        server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    server.answers_pings = True
    feed.greeting, feed.wish = Waiting(), Renew("soon")
    wait_for(lambda: line.status.renewals == 1)
    seen = len(feed.frames)
    wait_for(lambda: len(feed.frames) > seen + 50)

    assert is_whole(feed.frames) and (feed.opens, feed.closes, server.accepted) == (1, [], 2)


def test_a_refused_greeting_leaves_the_first_connection_alone(
        server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    feed.greeting, feed.wish = Waiting("no"), Renew("soon")
    wait_for(lambda: server.accepted == 2)
    seen = len(feed.frames)
    wait_for(lambda: len(feed.frames) > seen + 100)

    assert is_whole(feed.frames) and line.status.is_open and not line.status.renewals and feed.closes == []


def test_when_the_old_one_may_have_ended_before_the_new_one_was_ready_all_is_asked_anew(
        server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    feed.greeting, feed.wish = Said(), Renew("soon")
    wait_for(lambda: len(server.lines) == 2)
    server.drop_oldest()             # it never answered the ping that came after the greeting
    wait_for(lambda: feed.opens == 2)

    assert len(feed.closes) == 1 and line.status.renewals == 0


def test_while_no_second_connection_can_be_made_the_first_goes_on(
        server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    server.refuses = True
    feed.wish = Renew("soon")
    seen = len(feed.frames)
    wait_for(lambda: len(feed.frames) > seen + 100)

    assert is_whole(feed.frames) and line.status.is_open and not line.status.renewals
    server.refuses = False


def test_an_ordinary_reason_still_closes_first(server: Broadcaster, stream: tuple[Stream, Listener]) -> None:
    line, feed = stream
    feed.wish = "broken"
    wait_for(lambda: feed.opens == 2)

    assert feed.closes == ["broken"] and line.status.renewals == 0


def test_what_the_address_does_not_name_is_asked_for_on_the_new_connection() -> None:
    subscriptions = Subscriptions(in_address=2)
    said: list[str] = []
    channel = Channel(lambda raw: None, lambda: None, lambda now: False, 1.0)
    subscriptions.opened(lambda text: None, 0.0)
    subscriptions.add({f"s{number}": channel for number in range(4)}, 0.0)

    subscriptions.renewed(said.append)

    assert subscriptions.in_address() == "s0/s1" and len(said) == 1 and '["s2", "s3"]' in said[0]


def test_the_exchanges_notice_is_understood_on_every_kind_of_connection() -> None:
    clock = HandClock()
    for raw in (b'{"e":"serverShutdown","E":1}', b'{"stream":"x","data":{"e":"serverShutdown","E":1}}',
                b'{"event":{"e":"serverShutdown","E":1}}'):
        feed = MarketFeed("ws://127.0.0.1:1", clock, TimeSync(clock), Complaints("test"))
        feed.frame(raw, 0.0)
        assert feed.tick(0.0) is SHUTDOWN and feed.tick(0.0) == ""
    assert events.private(b'{"e":"serverShutdown","E":1}', Category.LINEAR, "A") == (events.Shutdown(),)


class Published(dict[Key, Book]):
    """The board's books, and whether one was ever not live once it was."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []
        self.count = 0

    def __setitem__(self, key: Key, book: Book) -> None:
        if key in self and self[key].live and not book.live:
            self.lost.append(book.reason)
        self.count += 1
        super().__setitem__(key, book)


@pytest.mark.late
@pytest.mark.parametrize("product", [USDM, SPOT, INVERSE], ids=lambda one: one.title)
def test_books_and_the_account_live_through_the_24_hours(make: Make, exchange: Exchange, product: Product) -> None:
    exchange.control("deposit", asset="BTC", amount="1")       # spot takes its fees in what was bought
    terminal = make(product=product, timings=RENEWING)
    books = terminal.board.books = Published()
    terminal.start()
    terminal.low()
    ours: list[str] = []
    end = time.monotonic() + 3.5
    streams: Callable[[], list[Any]] = lambda: [*terminal.venue._pool.streams, terminal.venue._private]  # noqa: E731
    while time.monotonic() < end or min(one.status.renewals for one in streams()) < 2 or len(ours) % 2:
        order = terminal.order(Side.SELL if len(ours) % 2 else Side.BUY)      # and no position remains for others
        assert isinstance(terminal.answer(order), Ack)
        ours.append(order.cl_ord_id)
        time.sleep(0.15)
        assert time.monotonic() < end + 10
    wait_for(lambda: {one.cl_ord_id for one in terminal.of(Execution)} >= set(ours))
    fills, told = terminal.of(Execution), terminal.of(OrderReport)

    assert books.lost == [] and books.count > 20 and terminal.board.books[product.key].resyncs == 0
    assert all(one.status.opens == 1 for one in streams()) and terminal.of(VenueDown) == []
    assert len({one.exec_id for one in fills}) == len(fills) and len(set(told)) == len(told)
    assert sum(one.last_qty for one in fills) == len(ours) * Decimal(product.qty)
    assert terminal.state and terminal.state.health is Health.LIVE and terminal.state.reconnects == 0


@pytest.mark.late
def test_before_spot_shuts_down_another_private_connection_is_there(make: Make, exchange: Exchange) -> None:
    exchange.control("deposit", asset="BTC", amount="1")
    terminal = make(product=SPOT).start()
    exchange.fault("shutdown")
    private = terminal.venue._private
    wait_for(lambda: private.status.renewals == 1, 8.0)
    orders = [terminal.order(side) for side in (Side.BUY, Side.SELL)]
    for order in orders:
        assert isinstance(terminal.answer(order), Ack)
    terminal.got(Execution, lambda one: one.cl_ord_id == orders[1].cl_ord_id)

    assert terminal.of(VenueDown) == [] and private.status.opens == 1


def test_a_new_bitmex_connection_is_ready_when_every_topic_has_begun() -> None:
    greeting = Partials(["trade:XBTUSD", "order"])
    told = [greeting.takes(raw) for raw in (
        b'{"info":"Welcome"}', b'{"success":true,"subscribe":"order"}',
        b'{"table":"order","action":"partial","filter":{"account":1},"data":[]}',
        b'{"table":"order","action":"insert","data":[{"orderID":"1"}]}')]
    before = greeting.is_done

    last = greeting.takes(b'{"table":"trade","action":"partial","filter":{"symbol":"XBTUSD"},"data":[]}')

    assert (told, before, last, greeting.is_done) == ([True, True, True, False], False, True, True)
    with pytest.raises(VenueError, match="refused: no such"):
        greeting.takes(b'{"status":400,"error":"no such topic"}')


def test_connections_that_can_wait_are_spaced_among_all_streams_of_a_host(server: Broadcaster) -> None:
    pace, timings = Pace(), replace(Timings.quick(), connections=0.8)
    feeds = [Listener(server.port) for _number in range(7)]
    streams = [Stream(f"test {number}", feed, SystemClock(), timings, 1.0, lambda name, error: None,
                      renewed=feed.renewed, pace=pace) for number, feed in enumerate(feeds)]
    for one in streams:
        one.worker.start()
    wait_for(lambda: all(len(feed.frames) > 5 for feed in feeds))
    begun = len(server.times)

    for feed in feeds:
        feed.wish = Renew("the exchange says that it will close")
    wait_for(lambda: all(one.status.renewals == 1 for one in streams), 8.0)
    for one in streams:
        one.stop()
        assert one.worker.join(1.0) and one.worker.error is None
    made = server.times[begun:]

    assert begun == 7 and len(made) == 7
    # a sixth within the window would mean that nobody waited; the server may see them a little closer together
    assert all(sixth - first > 0.7 for first, sixth in zip(made, made[5:], strict=False))
    assert made[4] - server.times[begun - 1] > 0.6              # and what was made before counts too
    assert all(is_whole(feed.frames) and feed.closes in ([], ["stopped"]) for feed in feeds)
