"""The test network never lets a request leave for a live host: every name that is looked up is written down."""

from __future__ import annotations

import re
import socket
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import TerminalError
from core.secrets import KnownSecrets
from core.settings import load_settings
from engine.commands import AskNow, KillSwitch, PlaceOrder, Recover
from models import Category, Key, Mode, Side, Timings
from session.build import Session
from tests.faults.harness import until, write_private

TEST_HOSTS = re.compile(r"demo-(fapi|fstream)\.binance\.com")
KEYS = "\n".join(f"{prefix}API_KEY={'k' * 64}\n{prefix}API_SECRET={'s' * 64}" for prefix in ("", "TESTNET_"))


@pytest.mark.parametrize("more", ["", "HTTP_URL=https://fapi.binance.com\nWS_URL=wss://fstream.binance.com"])
def test_the_test_network_reaches_only_its_own_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     more: str) -> None:
    asked: list[str] = []

    def look_up(host: Any, *rest: Any, **named: Any) -> Any:
        asked.append(str(host))
        raise socket.gaierror("nothing leaves this test")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: (_ for _ in ()).throw(OSError("nothing leaves")))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    write_private(home / ".env.Binance", f"{KEYS}\n{more}")
    fatal: list[TerminalError] = []
    settings = load_settings(home, KnownSecrets())
    assert (settings.mode, settings.problems) == (Mode.TESTNET, ())

    session = Session(settings, home, Timings.quick(), fatal.append)
    session.start()
    key = Key("Binance", Category.LINEAR, "BTCUSDT")
    until(lambda: asked, 5, "a look-up")
    for command in (AskNow("1"), Recover("2"), KillSwitch("4"),
                    PlaceOrder("3", key, key.reserved, Side.BUY, Decimal(1), Decimal(1), True)):
        session.post(command)
    time.sleep(1.0)
    session.stop()

    assert len(asked) > 3 and not fatal
    assert {host for host in asked if not TEST_HOSTS.fullmatch(host)} == set()
