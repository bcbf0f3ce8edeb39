"""The whole terminal on a recorded session of the real exchange (extra suite: where the recordings are at hand).

What must come out is computed here from the recording itself: a book by the venue's rules, the last public trade, and
the minutes as their last kline message has them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.board import DEEP
from core.clock import SystemClock
from models import Candle, Category, Key
from tests.faults.harness import write_private
from tests.simulator.sim_client import Exchange
from tests.window.live import Live, Market

D = Decimal
SUSHI, KEEP = (Key("Binance", Category.LINEAR, symbol) for symbol in ("SUSHIUSDT", "KEEPUSDT"))
LASTS_S = 31.0               # the recording
LEAD_MS = 3_000              # … and what the exchange's clock stands before it

Levels = tuple[tuple[Decimal, Decimal], ...]


@dataclass
class Expected:
    """What one symbol must look like at the end."""

    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    last_id: int = 0
    last_trade: Decimal | None = None
    minutes: dict[int, Candle] = field(default_factory=dict)

    def apply(self, message: dict[str, Any]) -> None:
        """One recorded message."""
        if message["e"] == "depthUpdate" and message["u"] >= self.last_id:
            for side, rows in ((self.bids, message["b"]), (self.asks, message["a"])):
                side.update({D(price): D(qty) for price, qty in rows})
        elif message["e"] == "aggTrade":
            self.last_trade = D(message["p"])
        elif message["e"] == "kline":
            k = message["k"]
            self.minutes[k["t"]] = Candle(k["t"], D(k["o"]), D(k["h"]), D(k["l"]), D(k["c"]), D(k["v"]))

    def book(self, depth: int) -> tuple[Levels, Levels]:
        """Best levels of both sides."""
        bids = sorted(((price, qty) for price, qty in self.bids.items() if qty), reverse=True)
        asks = sorted((price, qty) for price, qty in self.asks.items() if qty)
        return tuple(bids[:depth]), tuple(asks[:depth])


def read_recording(folder: Path) -> tuple[dict[str, Expected], int]:
    """Each symbol's end, and the recording's first moment in ms."""
    made: dict[str, Expected] = {}
    for line in map(json.loads, (folder / "usdm_depth_snapshots.jsonl").read_text().splitlines()):
        symbol = line["url"].partition("symbol=")[2].partition("&")[0]
        bids, asks = ({D(price): D(qty) for price, qty in line["response"][side]} for side in ("bids", "asks"))
        made[symbol] = Expected(bids, asks, line["response"]["lastUpdateId"])
    lines = [json.loads(text) for text in (folder / "usdm_ws_session.jsonl").read_text().splitlines()]
    for line in lines:
        if line["dir"] == "recv" and "data" in line["msg"]:
            made[line["msg"]["data"]["s"]].apply(line["msg"]["data"])
    return made, int(lines[0]["t"] * 1000)


class ThatDay(SystemClock):
    """This machine's clock, had it run when the recording was made: a clock years off trades nothing."""

    shift_ms = 0

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC, then."""
        return super().wall_ms() - self.shift_ms


@pytest.fixture(scope="module")
def recording(shared_fixtures: Path) -> Path:
    """The folder of the recorded session."""
    return shared_fixtures / "binance" / "cryptofeed"


@pytest.fixture(scope="module")
def replayed(recording: Path, tmp_path_factory: pytest.TempPathFactory, quick: None, screen: str
             ) -> Iterator[tuple[Live, Exchange, dict[str, Expected]]]:
    """The terminal with its window, connected to the exchange that plays the recording."""
    expected, start_ms = read_recording(recording)
    folder = tmp_path_factory.mktemp("replay")
    exchange = Exchange(folder / "exchange", "--replay", str(recording / "usdm_ws_session.jsonl"))
    home = folder / "home"
    home.mkdir(mode=0o700)
    venue = exchange.venue
    write_private(home / ".env", "TESTNET=True")
    write_private(home / ".env.Binance", "\n".join((
        f"TESTNET_HTTP_URL={venue['http']}", f"TESTNET_WS_URL={venue['ws']}",
        f"TESTNET_API_KEY={venue['api_key']}", f"TESTNET_API_SECRET={venue['api_secret']}",
        f"LINEAR_SYMBOLS={SUSHI.symbol},{KEEP.symbol}")))
    patch = pytest.MonkeyPatch()
    patch.setattr(ThatDay, "shift_ms", time.time_ns() // 1_000_000 - start_ms + LEAD_MS)
    patch.setattr("session.build.SystemClock", ThatDay)
    window = None
    try:
        window = Live(home, mode=None)
        window.market = Market(str(exchange.ready["control"]))
        yield window, exchange, expected
        window.check_unharmed()
    finally:
        patch.undo()
        if window is not None:
            window.close()
        exchange.close()


def place_by_hand(window: Live, qty: str, side: str, kind: str, price: str = "") -> None:
    """By the form and Enter."""
    form, at = window.app.layout.form, window.time()
    window.app.desk.habits.forget_sent()
    form.post.set(False)
    form.qty.set(qty)
    form.price.set(price)
    window.pump(0.05)
    window.press(form.buttons[f"{side} {kind}"], 20, 8, at)
    assert window.app.desk.draft is not None, window.note()
    window.key("Return", at + 700)
    if window.app.desk.draft is not None:            # a price that takes now asks first
        window.key("t", at + 800)
        window.key("Return", at + 1500)
    assert window.app.desk.draft is None, window.note()


@pytest.mark.lengthy
def test_the_terminal_ends_with_the_recordings_market_and_its_orders_booked(
        replayed: tuple[Live, Exchange, dict[str, Expected]]) -> None:
    window, exchange, expected = replayed
    window.wait_live()
    assert window.app.desk.key == SUSHI
    board = window.session.board
    board.wanted_depth[KEEP] = DEEP
    window.session.want_candles(KEEP, "1m")

    # While it plays: a market order and one that rests inside the spread or takes; then the rest of the recording.
    place_by_hand(window, "3", "Buy", "market")
    window.until(lambda: len(exchange.truth()["executions"]) >= 1, 5, "the first fill")
    place_by_hand(window, "2", "Sell", "limit", f"{window.top().bid}")
    window.until(lambda: all(order["status"] == "FILLED" for order in exchange.truth()["orders"]), 10, "both filled")

    def at_the_end() -> bool:
        return all(board.books[key].live and (board.books[key].bids, board.books[key].asks)
                   == expected[key.symbol].book(DEEP) for key in (SUSHI, KEEP))

    window.until(at_the_end, LASTS_S + 10, "the recording's book")
    window.pump(1.5)                 # after the end come empty diffs only: nothing may change any more
    assert at_the_end()

    for key in (SUSHI, KEEP):
        want = expected[key.symbol]
        assert board.tickers[key].last == want.last_trade
        series = board.candles[key, "1m"]
        shown = {candle.time: candle for candle in (*series.closed, *([series.forming] if series.forming else ()))}
        assert {at: shown.get(at) for at in want.minutes} == want.minutes
    best_bid = expected["SUSHIUSDT"].book(1)[0][0][0]
    assert window.top().bid == best_bid

    truth = exchange.truth()["executions"]
    booked = window.until(lambda: found if len(found := window.coins()) == len(truth) else None, 5, "rows")
    assert {c["EXECID"]: (D(c["QTY"]), D(c["TRADE_PRICE"]), D(c["COMMISS"])) for c in booked} == {
        one["exec_id"]: (D(one["qty"]) * (1 if one["side"] == "BUY" else -1), D(one["price"]), D(one["commission"]))
        for one in truth}
    assert sum(D(c["QTY"]) for c in booked) == 1
    assert {c["EMI"] for c in booked} == {"SUSHIUSDT.linear"}
