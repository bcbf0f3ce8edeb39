"""A window fed by hand, as rich as the drawings: for screenshots, for measurements, and for the tests' fake engine.

    python -m tests.interface.demo_feed --size 1366x768 --scene slip --shot picture.png
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal

from core.board import Board
from engine.commands import Command
from engine.view import (
    AccountLine,
    BookSums,
    BotLine,
    KillState,
    LedgerState,
    MessageLine,
    OrderLine,
    PositionLine,
    Strip,
    TradeLine,
    View,
)
from interface.app import About, App, Look, SettingLine
from interface.hooks import Hooks
from models import (
    Book,
    Candle,
    CandleSeries,
    Category,
    Health,
    Instrument,
    Key,
    Mode,
    OrdStatus,
    OrdType,
    Side,
    Ticker,
    TimeInForce,
    Top,
    VenueState,
)

D = Decimal
BTC = Key("Binance", Category.LINEAR, "BTCUSDT")
SYMBOLS: tuple[tuple[str, str, str, str, str], ...] = (   # symbol, price, tick, lot, change
    ("BTCUSDT", "61204.5", "0.1", "0.001", "1.84"), ("ETHUSDT", "2411.07", "0.01", "0.001", "-0.62"),
    ("SOLUSDT", "148.22", "0.01", "1", "3.10"), ("XRPUSDT", "0.5321", "0.0001", "0.1", "-0.11"),
    ("BNBUSDT", "571.30", "0.01", "0.01", "0.40"), ("DOGEUSDT", "0.10731", "0.00001", "1", "2.02"))
START = 1_760_000_400_000 - 1_760_000_400_000 % 60_000


def key_of(symbol: str) -> Key:
    """A USD-M key."""
    return Key("Binance", Category.LINEAR, symbol)


def instrument(symbol: str, tick: str = "0.1", lot: str = "0.001", least: str = "5") -> Instrument:
    """An instrument with plain rules."""
    return Instrument(key_of(symbol), symbol.removesuffix("USDT"), "USDT", "USDT", D(tick), D(lot), D(lot), D(10_000),
                      D(1_000), D(least))


def book_around(mid: Decimal, tick: Decimal, now: float, seed: int = 7, depth: int = 60, live: bool = True,
                time_ms: int = 0) -> Book:
    """A book of one tick's spread whose best bid is `mid`."""
    chance = random.Random(seed)
    sizes = [D(chance.randint(60, 1600)) / 1000 for _level in range(depth * 2)]
    bids = tuple((mid - tick * index, sizes[index]) for index in range(depth))
    asks = tuple((mid + tick * (index + 1), sizes[depth + index]) for index in range(depth))
    return Book(bids, asks, time_ms, now, live)


def candles(last: Decimal, count: int, end: int, frame: int = 60_000, seed: int = 3) -> tuple[Candle, ...]:
    """A lively history that ends at `last`."""
    chance, price, made = random.Random(seed), float(last), []
    for index in range(count):
        drift = math.sin(index / 23) * 6 + math.sin(index / 7) * 3
        opened = price - drift - chance.gauss(0, 9)
        high, low = max(opened, price) + abs(chance.gauss(0, 7)), min(opened, price) - abs(chance.gauss(0, 7))
        rounded = [D(round(value * 10)) / 10 for value in (opened, high, low, price)]
        made.append(Candle(end - (index + 1) * frame, rounded[0], rounded[1], rounded[2], rounded[3],
                           D(chance.randint(5_000, 90_000)) / 1000))
        price = opened
    return tuple(reversed(made))


def order(number: int, price: str, side: Side = Side.BUY, owner: str = BTC.reserved, qty: str = "0.050",
          leaves: str = "", status: OrdStatus = OrdStatus.NEW, key: Key = BTC, type_text: str = "limit PO",
          since: float = 0.0) -> OrderLine:
    """An open order."""
    placed = time.time_ns() // 1_000_000 - 60_000 - number % 100 * 7_000
    return OrderLine(f"{number}.{owner}", key, owner, side, OrdType.LIMIT, type_text, TimeInForce.GTC, D(qty),
                     D(leaves or qty), D(price), status, placed, False, 0, since)


def bot(emi: str, status: str, key: Key = BTC, pos: str = "0", real: str = "0", fees: str = "0", volume: str = "0",
        event: str = "", reason: str = "", orders: int = 0, frame: str = "1m") -> BotLine:
    """A row of the Bots panel."""
    sums = BookSums(D(pos), D(real), D(fees), D(0), D(volume))
    return BotLine(emi, key, frame, status, reason, "ma_cross", '{"fast": 5, "slow": 20, "reverse": true}', 10,
                   D("0.010"), None, orders, sums, BookSums(), (), "USDT", event)


def make_view(mode: Mode = Mode.SIM, now: float = 0.0, wall: int = START, trading: bool = False) -> View:
    """A rich view."""
    lines = (order(1109584201, "61204.2"), order(1109584202, "61204.9", Side.SELL, qty="0.050", leaves="0.030",
                                                 status=OrdStatus.PARTIALLY_FILLED, type_text="limit"),
             order(1109584203, "60905.0", owner="grid1"), order(1109584204, "60901.0", owner="grid1"),
             order(1109584205, "61203.6", owner="grid1", status=OrdStatus.PENDING_NEW),
             order(1109584206, "61205.4", Side.SELL, owner="grid1", status=OrdStatus.UNKNOWN, since=now - 7))
    bots = (bot("grid1", "WORK", pos="0.250", real="-14985.52", fees="41.02", volume="18.4", orders=4,
                event="18:30 buy 60 905"),
            bot("trend1", "OFF", key_of("ETHUSDT"), real="-18.70", fees="3.40", volume="6.2", event="16:05 exit",
                frame="5m"),
            bot("fund1", "SUSPENDED", key_of("SOLUSDT"), pos="-12", real="1778.64", fees="0.77", volume="40",
                reason="strategies/fund.py:41 KeyError: 'rate'", frame="1h"),
            bot(BTC.reserved, "RESERVED", pos="0", real="12.30", fees="0.44", volume="0.3", orders=2))
    positions = (PositionLine(BTC, D("0.250"), D("60880.4"), D("0.250"), D("41230.0"), D("1526.1"), D(10),
                              (("grid1", D("0.250")),)),
                 PositionLine(key_of("SOLUSDT"), D("-12"), D("148.22"), D("-12"), D("201.4"), D("177.9"), D(10),
                              (("fund1", D("-12")),)),
                 PositionLine(key_of("XRPUSDT"), D("300"), D("0.5301"), D("100"), None, D("15.9"), D(10),
                              (("XRPUSDT.linear", D("300")),), "books 300, exchange 100, difference -200. F5 asks",
                              True))
    balances = (AccountLine("Binance", Category.LINEAR, "USDT", D("10482.11"), D("8903.55"), D("10401.09"),
                            D("299.08"), D("45.63"), D("1.20"), D(10), D("-15072.32"), ((BTC, D("0.250")),),
                            D("10000"), D("9500"), D("500"), agrees=True),
                AccountLine("Binance", Category.LINEAR, "BNB", D("1.204"), D("1.204"), D("1.204"), D(0), D(0), D(0),
                            None, control=D("1.204"), opening=D(1), moved=D("0.2"), off=D("0.004"),
                            tolerance=D("1e-8"), agrees=False))
    trades = tuple(TradeLine(900 - n, BTC, wall - n * 1_130_000 - 60_000, Side.BUY if n % 2 else Side.SELL, D("0.050"),
                             D("61150.0") - n * 7, D("0.61"), "USDT", "grid1" if n % 3 else BTC.reserved,
                             f"linear:BTCUSDT:{28457 - n}", D("12.30") if n % 2 == 0 else None) for n in range(12))
    messages = (MessageLine(wall - 4_000, "Binance", "Binance-F −2019: margin is insufficient. Nothing was sent again.",
                            "error"),
                MessageLine(wall - 65_000, "Binance", "strategies/fund.py:41 KeyError: 'rate'", "warning", "fund1"),
                MessageLine(wall - 90_000, "Binance", "order 1109584203 placed", "info", "grid1", 12),
                MessageLine(wall - 300_000, "Binance", "recovered: 6 orders, 2 positions, 1203 fills", "info"))
    ledger = LedgerState("sqlite", True, "", 0, 0.2, True, "", wall - 60_000)
    return View(wall, now, mode, ("SIM-1",) if mode is Mode.SIM else ("acct-77813f9a",), trading,
                (("Binance", Category.LINEAR),), tuple(key_of(row[0]) for row in SYMBOLS), lines, positions, bots,
                balances, trades, messages, (), (), ledger, KillState(), "", 2)


@dataclass
class Stage:
    """A board and a view that a test or a picture moves by hand; commands are recorded."""

    mode: Mode = Mode.SIM
    board: Board = field(default_factory=Board)
    view: View | None = None
    posted: list[Command] = field(default_factory=list)
    wanted: list[tuple[Key, str]] = field(default_factory=list)
    quits: list[str] = field(default_factory=list)
    dead: tuple[str, ...] = ()
    offset: float = 0.0

    def fill(self, now: float, wall: int) -> None:
        """Everything at once."""
        self.board.venues[("Binance", Category.LINEAR)] = VenueState(
            "Binance", Category.LINEAR, "Binance-F", Health.LIVE, account="SIM-1", has_keys=True, latency_ms=38,
            clock_offset_ms=40, weight_used=0.09, last_data=now)
        for symbol, price, tick, lot, change in SYMBOLS:
            key = key_of(symbol)
            self.board.instruments[key] = instrument(symbol, tick, lot)
            bid = D(price)
            self.board.tops[key] = Top(bid, D("1.2"), bid + D(tick), D("0.7"), wall, now)
            self.board.tickers[key] = Ticker(bid, Side.BUY, bid - D(tick) * 6, bid, D("0.0001"), wall + 11_520_000,
                                             D(change), bid - D(tick) * 100, wall, now)
        self.board.books[BTC] = book_around(D("61204.5"), D("0.1"), now, time_ms=wall)
        end = wall - wall % 60_000
        self.board.candles[(BTC, "1m")] = CandleSeries(candles(D("61204.5"), 500, end), Candle(
            end, D("61204.5"), D("61212.0"), D("61180.3"), D("61204.5"), D("12.4")), 500, True)
        self.view = make_view(self.mode, now, wall)

    def hooks(self) -> Hooks:
        """For `App.attach`."""
        return Hooks(self.board, lambda: self.view, self.posted.append,
                     lambda key, frame: self.wanted.append((key, frame)), self.quits.append, lambda: self.dead,
                     about)

    def change(self, **fields: object) -> None:
        """Another view."""
        assert self.view is not None
        self.view = replace(self.view, **fields)  # type: ignore[arg-type]  # fields of View by name

    def move(self, ticks: int, now: float, seed: int = 7) -> None:
        """The market moves: another book, last price and forming candle."""
        tick = D("0.1")
        bid = D("61204.5") + tick * ticks
        old = self.board.books[BTC]
        self.board.books[BTC] = replace(book_around(bid, tick, now, seed), time=old.time + 100)
        self.board.tops[BTC] = Top(bid, D("1.2"), bid + tick, D("0.7"), old.time + 100, now)
        self.board.tickers[BTC] = replace(self.board.tickers[BTC], last=bid, received=now)
        series = self.board.candles[(BTC, "1m")]
        if series.forming is not None:
            forming = series.forming._replace(close=bid, high=max(series.forming.high, bid),
                                              low=min(series.forming.low, bid))
            self.board.candles[(BTC, "1m")] = replace(series, forming=forming)

    def go_stale(self, seconds: float, now: float) -> None:
        """The book is not live any more."""
        self.board.books[BTC] = replace(self.board.books[BTC], live=False, received=now - seconds, resyncs=2)


def about() -> About:
    """Settings as the sheet shows them."""
    rows = (("General", "TESTNET", "True", "Test network instead of live.", "True"),
            ("General", "REFRESH_RATE", "5", "Draws per second, 1 to 10.", "5"),
            ("General", "ORDER_BOOK_DEPTH", "full", "quote = best prices only.", "full"),
            ("Database", "SQLITE_DATABASE", "sim.db", "File of the ledger.", ""),
            ("Binance", "LINEAR_SYMBOLS", "BTCUSDT, ETHUSDT, SOLUSDT", "What is watched and traded.", ""),
            ("Binance", "API_KEY", "••••3f9a", "Key of the account.", ""),
            ("Binance", "API_SECRET", "••••", "Its secret, never shown.", ""))
    return About("0.1.0", "home", "home/botbook.log", tuple(
        SettingLine(group, key, value, words, default) for group, key, value, words, default in rows))


def put_scene(app: App, stage: Stage, scene: str, now: float) -> None:
    """Bring the window into a state worth a picture."""
    from interface.draft import Draft
    if scene in ("slip", "amber", "move"):
        price = {"slip": "61203.9", "amber": "61204.6", "move": "61203.8"}[scene]
        if scene == "move":
            app.desk.begin_move(BTC, stage.view.orders[0].id if stage.view else "", 1, price)
        else:
            app.desk.begin(Draft(BTC, BTC.reserved, Side.BUY, "0.050", price), 1)
        app.layout.book.replace_slip()
    if scene in ("stale", "lost"):
        stage.go_stale(6.4, now)
        venue = stage.board.venues[("Binance", Category.LINEAR)]
        stage.board.venues[("Binance", Category.LINEAR)] = replace(
            venue, health=Health.LOST, attempt=2, retry_at=now + 3, last_data=now - 6.4, reconnects=1)
    if scene == "empty":
        stage.change(orders=(), positions=(), bots=(), trades=(), messages=(), balances=())
        stage.board.books.clear()
        stage.board.candles[(BTC, "1m")] = CandleSeries(candles(D("61204.5"), 12, START), None, 300, False)
    if scene == "bare":
        stage.view = None
        stage.board.venues.clear()
        app.desk.key = None
    if scene == "on":
        stage.change(trading=True)
    if scene == "takeover":
        stage.change(strips=(Strip("warning", "XRPUSDT: the venue holds 100 that no row explains.",
                                   "takeover:Binance/linear/XRPUSDT", "Take over…"),
                             Strip("error", "Ledger cannot write: disk full. Trading stopped, cancels work.")))
    sheets = {"help": "F1", "settings": "F8", "bot": "F7"}
    if scene in sheets:
        app.root.focus_force()
        app.root.event_generate(f"<{sheets[scene]}>", time=5000)
    if scene == "quit":
        app.ask_quit()
    if scene == "order" and stage.view is not None:
        app.layout.tabs.open_order(stage.view.orders[1])
    if scene == "find":
        app.layout.watch.find() if app.layout.watch else None
    if scene == "first":
        app.first_start(lambda _what: None)
    for tab in ("Orders", "Positions", "Trades", "Messages"):
        if scene == tab.lower():
            app.layout.tabs.choose(tab)


def main() -> None:
    """Open the window and, where asked, save a picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--scene", default="")
    parser.add_argument("--mode", default="SIM")
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--shot", default="")
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    stage = Stage(Mode(options.mode))
    app = App(Mode(options.mode), Look(5, options.scale, options.theme), size=(width, height))
    app.root.update()
    now, wall = time.monotonic(), time.time_ns() // 1_000_000
    stage.fill(now, wall)
    app.attach(stage.hooks())
    app.root.update()
    put_scene(app, stage, options.scene, now)
    app.root.update()
    until = time.monotonic() + max(0.7, options.seconds)
    count = 0
    while time.monotonic() < until:
        app.root.update()
        time.sleep(0.02)
        count += 1
        if options.seconds and count % 5 == 0:
            stage.move(round(math.sin(count / 40) * 6), time.monotonic(), count)
    if options.shot:
        subprocess.run(["import", "-window", "root", "-crop", f"{options.size}+0+0", options.shot], check=True)
    print(app.tick_words())
    app.destroy()


if __name__ == "__main__":
    main()
