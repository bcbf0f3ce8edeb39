"""What an answer means, as a table: done, refused, refused to take, or nobody knows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.binance import errors
from connectors.http import Answer
from connectors.trader import resend_after
from core.errors import KeysRejected, Rejected, SilenceError, Throttled, VenueError

NOW = 1_700_000_000_000


def answer(status: int, code: int | None = None, msg: str = "", body: bytes = b"", **headers: str) -> Answer:
    if code is not None:
        body = json.dumps({"code": code, "msg": msg}).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, 0.01)


@pytest.mark.parametrize(("told", "kind"), [
    (answer(200, body=b"[]"), type(None)),
    (answer(200, 200, "The operation of cancel all open order is done."), type(None)),
    (answer(400, -2010, "refused"), Rejected),
    (answer(400, -2011, "Unknown order sent."), Rejected),
    (answer(400, -4116, "ClientOrderId is duplicated."), Rejected),
    (answer(404, body=b"<html>"), Rejected),
    (answer(403, body=b"<html>"), Rejected),
    (answer(400, -1007, "Timeout"), SilenceError),
    (answer(400, -1006, "unexpected"), SilenceError),
    (answer(500, -1000, "unknown"), SilenceError),
    (answer(500, -1001, "internal"), SilenceError),
    (answer(502, body=b"<html>Service Unavailable</html>"), SilenceError),
    (answer(503, body=b"<html>Service Unavailable</html>"), SilenceError),
    (answer(503, 0, "Unknown error, please check your request or try again later."), SilenceError),
    (answer(302), SilenceError), (answer(408), SilenceError), (answer(409, -2021, "half"), SilenceError),
    (answer(503, 0, "Service Unavailable."), Throttled),
    (answer(503, -1001, "Internal error; unable to process your request. Please try again."), Throttled),
    (answer(503, -1008, "Request throttled"), Throttled),
    (answer(400, -1021, "Timestamp"), Throttled),
    (answer(400, -1015, "Too many new orders"), Throttled),
    (answer(429, -1003, "Too many requests"), Throttled), (answer(418), Throttled),
    (answer(401, -2015, "Invalid API-key"), KeysRejected), (answer(400, -2014, "format"), KeysRejected),
    (answer(401), KeysRejected), (answer(451), KeysRejected),
])
def test_outcome(told: Answer, kind: type[object]) -> None:
    assert type(errors.failure(told, NOW)) is kind


def test_waits_come_from_header_text_or_code() -> None:
    def wait(told: Answer) -> Throttled:
        error = errors.failure(told, NOW)
        assert isinstance(error, Throttled)
        return error

    assert wait(answer(429, -1003, "x", Retry_After="7")).retry_after == 7.0
    ban = wait(answer(418, -1003, f"Way too many requests; IP banned until {NOW + 90_000}."))
    assert ban.retry_after == 90.0 and ban.banned
    assert wait(answer(400, -1015, "x")).retry_after == errors.WAIT_ORDER_COUNT
    assert wait(answer(400, -1021, "x")).retry_after == 0.0
    assert wait(answer(418)).retry_after == 120.0
    assert wait(answer(429, Retry_After="soon")).retry_after == 60.0


@given(st.integers(100, 599), st.binary(max_size=40))
def test_any_answer_means_something(status: int, body: bytes) -> None:
    error = errors.failure(Answer(status, {}, body, 0.0), NOW)

    assert error is None or isinstance(error, VenueError)
    assert error is not None or 200 <= status < 300


@pytest.mark.parametrize(("error", "sends", "now", "expected"), [
    (Throttled("B", "x", -1021, 0.0), 1, 100.0, 0.0),
    (Throttled("B", "x", -1008, 1.0), 1, 101.0, 1.0),
    (Throttled("B", "x", -1008, 1.0), 2, 101.0, None),       # once
    (Throttled("B", "x", 0, 30.0), 1, 100.0, None),          # the wait ends too late
    (Throttled("B", "x", -1021, 0.0), 1, 105.1, None),       # asked too long ago
    (SilenceError("B", "x", -1007), 1, 100.0, None),         # silence never
    (Rejected("B", "x", -2010), 1, 100.0, None),
])
def test_what_may_be_sent_again(error: VenueError, sends: int, now: float, expected: float | None) -> None:
    assert resend_after(error, sends, asked=100.0, now=now, within=5.0) == expected
