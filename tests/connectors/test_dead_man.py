"""The dead-man switch over real sockets: orders of a killed terminal are cancelled, those of a stopped one stay."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from models import Ack
from tests.connectors import test_products
from tests.connectors.conftest import ROOT, Exchange, Product, Terminal, wait_for

pytestmark = pytest.mark.late
Make = Callable[..., Terminal]
NAMES = ["USDM", "INVERSE"]
SECONDS = 1.6      # a call costs weight 10: oftener would use up the minute


def state(exchange: Exchange, product: Product, cl_ord_id: str) -> str:
    """The order's state as the exchange has it."""
    rows = [row for row in exchange.of(product).truth("orders") if row["client_id"] == cl_ord_id]
    return str(rows[-1]["status"]).upper().replace("CANCELLED", "CANCELED")


@pytest.mark.parametrize("name", NAMES)
def test_orders_of_a_killed_terminal_are_cancelled_by_the_exchange(exchange: Exchange, name: str) -> None:
    product: Product = getattr(test_products, name)
    child = subprocess.Popen([sys.executable, "-m", "tests.connectors.dead_man_child"], cwd=ROOT, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    with child:
        child.stdin.write(json.dumps({"ready": exchange.ready, "product": name, "seconds": SECONDS}) + "\n")
        child.stdin.flush()
        cl_ord_id = child.stdout.readline().strip()
        time.sleep(SECONDS * 1.2)
        alive = state(exchange, product, cl_ord_id)
        child.kill()
    killed = time.monotonic()
    wait_for(lambda: state(exchange, product, cl_ord_id) == "CANCELED", 5.0, "the exchange's cancel")

    assert alive == "NEW" and time.monotonic() - killed < SECONDS + 2


@pytest.mark.parametrize("name", ["COINM", "INVERSE"])
def test_a_clean_stop_takes_the_switch_back(make: Make, exchange: Exchange, name: str) -> None:
    product: Product = getattr(test_products, name)
    terminal = make(product=product, dead_man_s=SECONDS).start()
    order = terminal.order(price=terminal.low())
    placed = terminal.answer(order)
    wait_for(lambda: terminal.venue._is_armed)
    terminal.venue.stop()
    assert terminal.venue.join(5) == ()
    time.sleep(SECONDS + 0.3)

    assert isinstance(placed, Ack) and state(exchange, product, order.cl_ord_id) == "NEW"


def test_a_symbol_that_is_left_is_let_go(make: Make, exchange: Exchange) -> None:
    terminal = make(("BTCUSDT", "ETHUSDT"), dead_man_s=SECONDS).start()
    other = terminal.product.other
    assert other is not None
    order = terminal.order(key=other, price=terminal.low(key=other), qty="0.1")
    assert isinstance(terminal.answer(order), Ack)
    wait_for(lambda: "ETHUSDT" in terminal.venue._armed)
    asked: list[dict[str, Any]] = []
    send = terminal.venue._keeper_rest.send

    def counted(call: Any) -> bytes:
        if call.path.endswith("countdownCancelAll"):
            asked.append(dict(call.params))
        body: bytes = send(call)
        return body

    wait_for(lambda: "ETHUSDT" in terminal.venue._armed, what="the first arming")
    terminal.venue._keeper_rest.send = counted
    terminal.venue.unwatch(other)
    wait_for(lambda: {"symbol": "ETHUSDT", "countdownTime": "0"} in asked)
    time.sleep(SECONDS + 0.3)

    rows = [row for row in exchange.truth()["orders"] if row["client_id"] == order.cl_ord_id]
    assert rows[-1]["status"].upper() == "NEW"


def test_without_the_setting_nothing_is_armed(make: Make) -> None:
    terminal = make().start()

    assert not terminal.venue._is_armed
