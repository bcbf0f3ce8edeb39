"""I10: after a session full of failures no secret stands in any file of the home folder or in what was printed."""

from __future__ import annotations

import re
import signal

from tests.faults.harness import Ground, Program, until

PATTERNS = (re.compile(rb"signature=[0-9a-fA-F]{16}"), re.compile(rb"/ws/[A-Za-z0-9]{32}"),
            re.compile(rb"listenKey\W{1,5}[A-Za-z0-9]{32}"))


def assert_clean(ground: Ground, program: Program) -> None:
    """Files, standard output and standard error."""
    secrets = [value.encode() for name, value in ground.exchange.venue.items() if name.startswith("api_")]
    places = [(path.name, raw) for path, raw in ground.texts()] + [("output", program.text().encode())]
    for name, raw in places:
        assert not any(secret in raw for secret in secrets), f"a key stands in {name}"
        assert not any(pattern.search(raw) for pattern in PATTERNS), f"a signature or listen key stands in {name}"


def test_no_secret_is_left_behind(ground: Ground) -> None:
    ground.turner()
    ground.robot("alfa", strategy="turner")
    ground.settings("LOG_LEVEL=debug")
    for fault in ({"path": "/fapi/v1/listenKey", "http": 500, "body": "<html>no</html>"},
                  {"path": "/fapi/v3/positionRisk", "http": 500, "body": {"code": -1000, "msg": "x"}},
                  {"path": "/fapi/v1/userTrades", "http": 503, "body": "{"}):
        ground.exchange.fault("status", times=2, **fault)
    ground.exchange.fault("reset", path="/fapi/v1/openOrders", after="accept")
    program = ground.program("--headless", "--autotrade", "--debug")
    log = ground.home / "botbook.log"
    until(lambda: log.exists() and "recovered" in log.read_text(), 30, "recovered")
    ground.exchange.fault("cut", code=1006)
    until(lambda: "stopped" in log.read_text() or "connection" in log.read_text(), 10, "the cut")

    program.signal(signal.SIGTERM)

    assert program.wait(8) == 0
    assert_clean(ground, program)


def test_not_even_when_the_keys_are_wrong(ground: Ground) -> None:
    ground.settings("LOG_LEVEL=debug", secret="x" * 64)
    program = ground.program("--headless", "--debug")
    log = ground.home / "botbook.log"
    until(lambda: log.exists() and "not accepted" in log.read_text(), 20, "refused")

    program.signal(signal.SIGTERM)

    assert program.wait(8) == 0
    assert_clean(ground, program)
    assert b"x" * 64 not in log.read_bytes() + program.text().encode()
