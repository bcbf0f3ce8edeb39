"""A terminal in a process of its own that places one order and is then killed: see test_dead_man."""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

from tests.connectors import test_products
from tests.connectors.conftest import Exchange, Terminal


def main() -> None:
    """Told on stdin: the exchange's ready line, the product's name, the switch's seconds."""
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    exchange = cast(Exchange, SimpleNamespace(ready=told["ready"]))
    terminal = Terminal(exchange, product=getattr(test_products, told["product"]), dead_man_s=told["seconds"]).start()
    order = terminal.order(price=terminal.low())
    terminal.answer(order)
    print(order.cl_ord_id, flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main()
