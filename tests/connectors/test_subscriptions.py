"""Streams asked for by message: refused, not answered, silent; asked for again and told once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from connectors.subscriptions import Channel, Subscriptions


@dataclass
class Line:
    """An open connection that writes down what it is asked."""

    sent: list[dict[str, object]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    overdue: bool = False

    def __post_init__(self) -> None:
        self.streams = Subscriptions(in_address=0, tell=self.told.append)
        self.streams.opened(lambda text: self.sent.append(json.loads(text)), 0.0)
        self.streams.add({name: Channel(lambda raw: None, lambda: None, lambda now: self.overdue, 2.0)
                          for name in ("a", "b")}, 0.0)

    def asks(self, now: float) -> list[object]:
        """What it is asked for by then."""
        before = len(self.sent)
        self.streams.watch(now)
        return [message["params"] for message in self.sent[before:] if message["method"] == "SUBSCRIBE"]


def test_what_is_acknowledged_is_not_asked_for_again() -> None:
    line = Line()

    line.streams.answered(1, "")

    assert line.asks(100.0) == [] and line.told == []


def test_a_refused_stream_is_asked_for_again_ever_more_seldom_and_told_once() -> None:
    line = Line()
    line.streams.answered(1, "no room")

    assert line.asks(1.9) == []
    assert line.asks(2.1) == [["a", "b"]]
    line.streams.answered(2, "no room")
    assert line.asks(5.0) == [] and line.asks(6.2) == [["a", "b"]]
    line.streams.answered(3, "")
    assert line.asks(100.0) == []

    assert line.told == ["the exchange refuses a, b: no room. Asked for again, the rest goes on"]


def test_an_answer_that_does_not_come_for_half_of_them_is_missed() -> None:
    line = Line()
    line.streams.acknowledged(["a"])

    assert line.asks(2.1) == [["b"]]
    assert line.told == ["the exchange does not acknowledge b. Asked for again, the rest goes on"]


def test_dropped_streams_are_not_waited_for() -> None:
    line = Line()

    line.streams.drop(["a"])

    assert line.asks(2.1) == [["b"]]


def test_a_new_connection_begins_anew() -> None:
    line = Line()
    line.streams.closed()
    assert line.asks(50.0) == []

    line.streams.opened(lambda text: line.sent.append(json.loads(text)), 50.0)

    assert line.sent[-1]["params"] == ["a", "b"]
    assert line.asks(51.0) == [] and line.asks(52.1) == [["a", "b"]]


def test_silence_on_a_new_connection_too_is_told() -> None:
    line = Line(overdue=True)
    line.streams.acknowledged(["a", "b"])

    for now, wish in ((3.0, ""), (8.0, "no data on a"), (9.0, "no data on b"), (20.0, ""), (60.0, "")):
        assert line.streams.watch(now) == wish
        line.streams.acknowledged(["a", "b"])

    assert [text.partition(" stays silent")[0] for text in line.told] == ["a", "b"]
