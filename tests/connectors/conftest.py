"""The bundled exchange as a process, and a connector talking to it, for tests over real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from connectors import Venue, VenueConfig, VenueParts
from connectors.binance.venue import Binance
from connectors.limiter import Limiter
from core.board import Board
from core.clock import SystemClock
from core.ids import from_dashed
from core.numbers import multiple_down
from core.secrets import Credentials, KnownSecrets
from models import (
    AskHistory,
    CancelOrder,
    CandleSeries,
    Category,
    HistoryPage,
    Key,
    OrdType,
    Request,
    Side,
    SubmitOrder,
    TimeInForce,
    Timings,
    VenueMessage,
    VenueState,
    VenueUp,
)

ROOT = Path(__file__).resolve().parents[2]
BTC = Key("Binance", Category.LINEAR, "BTCUSDT")
ETH = Key("Binance", Category.LINEAR, "ETHUSDT")
T = TypeVar("T")


ROUTES = {                           # of the streams, by market and category
    ("Binance", Category.LINEAR): ("/public", "/market", "/private"),
    ("Binance", Category.INVERSE): ("/coin", "/coin", "/coin"),
    ("Binance", Category.SPOT): ("/spot", "/spot", "/ws-api/v3"),
}


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the bundled exchange and how its connector is tried: what the shared suite may not know itself."""

    make: type[Venue]
    key: Key
    other: Key | None                # a second instrument, where the exchange has one
    title: str
    qty: str                         # of an ordinary order
    large: str                       # of one that is filled in parts
    step: str                        # of one of its parts
    order_path: str                  # where orders are placed, as the fault switches name it
    book_stream: str                 # the book's stream, as they name it

    @property
    def address(self) -> str:
        """Its name in the ready line."""
        return self.key.market.lower()

    @property
    def money_path(self) -> str:
        """Where movements of money are told."""
        if self.key.market != "Binance":
            return "walletHistory"
        return "/sapi/v1/capital/deposit" if self.is_spot else "v1/income"

    @property
    def is_spot(self) -> bool:
        """Coins instead of positions."""
        return self.key.category is Category.SPOT

    @property
    def fee_in_base(self) -> bool:
        """Whether the buyer of coins pays with what he gets; BitMEX takes the quote."""
        return self.is_spot and self.key.market == "Binance"

    def config(self, told: dict[str, str], symbols: tuple[str, ...], quote_only: bool, full_book: bool) -> VenueConfig:
        """Addresses and choices."""
        public, market, private = (told["ws"] + route for route in ROUTES.get(self.key[:2], ("", "", "")))
        return VenueConfig(self.key.category, self.title, told["http"], public, market, private, symbols,
                           quote_only=quote_only, full_book=full_book, candles=50)


COINM = Product(Binance, Key("Binance", Category.INVERSE, "BTCUSD_PERP"),
                Key("Binance", Category.INVERSE, "ETHUSD_PERP"), "Binance-D", "2", "60", "25", "POST /dapi/v1/order",
                "btcusd_perp@depth")
USDM = Product(Binance, BTC, ETH, "Binance-F", "0.010", "0.500", "0.200", "POST /fapi/v1/order", "btcusdt@depth")


def wait_for(condition: Callable[[], T], seconds: float = 5.0, what: str = "the condition") -> T:
    """The condition's first true value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true within {seconds} s")


class Exchange:
    """The bundled exchange in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "simulator", "--home", str(home)], cwd=ROOT,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.binance: dict[str, str] = self.ready["binance"]

    def control(self, action: str, /, **body: Any) -> Any:
        """POST to the control interface."""
        answer = requests.post(f"{self.ready['control']}/{action}", json=body, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, name: str, **args: Any) -> None:
        """Switch a fault on."""
        self.control("fault", name=name, **args)

    def hits(self, name: str) -> int:
        """How often an active fault was met."""
        told = requests.get(f"{self.ready['control']}/fault", timeout=5).json()["faults"]
        return sum(int(one["hits"]) for one in told if one["name"] == name)

    def of(self, product: Product) -> ExchangeProduct:
        """The controls of one product."""
        return ExchangeProduct(self, product)

    def truth(self) -> Any:
        """What really happened."""
        return requests.get(f"{self.ready['control']}/truth", timeout=5).json()

    def trade(self, side: str, qty: str, symbol: str = "BTCUSDT") -> Any:
        """A stranger's market order."""
        return self.control("trade", market="Binance", category="linear", symbol=symbol, side=side, qty=qty)

    def price(self, price: Decimal | str, symbol: str = "BTCUSDT") -> None:
        """Trade the market to a price."""
        self.control("price", market="Binance", category="linear", symbol=symbol, price=str(price))

    def calm(self) -> None:
        """End all faults."""
        requests.delete(f"{self.ready['control']}/fault", timeout=5)
        self.control("clock", offset_ms=0)

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(5)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class ExchangeProduct:
    """The exchange's controls with market, category and symbol filled in."""

    def __init__(self, exchange: Exchange, product: Product) -> None:
        self.exchange, self.product = exchange, product

    def trade(self, side: str, qty: str) -> Any:
        """A stranger's market order."""
        key = self.product.key
        return self.exchange.control("trade", market=key.market, category=key.category.value, symbol=key.symbol,
                                     side=side, qty=qty)

    def now(self) -> int:
        """The exchange's clock, in whole seconds: some histories tell no more."""
        return int(self.exchange.truth()["time"]) // 1000 * 1000

    def deposit(self, asset: str, amount: str, **more: Any) -> None:
        """Money comes to the product's wallet or leaves it."""
        key = self.product.key
        self.exchange.control("deposit", market=key.market, category=key.category.value, asset=asset, amount=amount,
                              **more)

    def moved(self, since: int) -> dict[str, tuple[object, ...]]:
        """What came and went since a time, in whole seconds; BitMEX's products share their wallets."""
        key = self.product.key
        return {row["id"]: (row["kind"], row["asset"], Decimal(row["amount"]), row["time"] // 1000)
                for row in self.exchange.truth()["movements"]
                if row["market"] == key.market and row["time"] // 1000 >= since // 1000
                and (key.market != "Binance" or row["category"] == key.category.value)}

    def funding(self, rate: str) -> int:
        """Funding falls due now; when."""
        key = self.product.key
        told = self.exchange.control("funding", market=key.market, category=key.category.value, symbol=key.symbol,
                                     rate=rate)
        return int(told["time"])

    def taken(self, way: str) -> None:
        """The venue settles, liquidates or deleverages the position."""
        key = self.product.key
        name = {"market": key.market, "category": key.category.value, "symbol": key.symbol}
        if way == "settle":
            self.exchange.control("settle", **name)
        else:
            self.exchange.control("liquidate", **name, kind=way)

    def fault(self, name: str, **args: Any) -> None:
        """Switch a fault on for this product's market."""
        self.exchange.control("fault", name=name, **args)

    def truth(self, what: str) -> list[dict[str, Any]]:
        """Rows of this product's market, category and symbol, client ids as we write them."""
        key = self.product.key
        read = from_dashed if self.product.is_spot and key.market == "Binance" else str
        return [{**row, "client_id": read(row.get("client_id", ""))} for row in self.exchange.truth()[what]
                if row.get("market", key.market) == key.market and row.get("symbol") == key.symbol
                and row.get("category", key.category.value) == key.category.value]


class Terminal:
    """A connector with a recording sink in the engine's place."""

    def __init__(self, exchange: Exchange, symbols: tuple[str, ...] = (), *, product: Product = USDM,
                 secret: str = "", keys: bool = True, quote_only: bool = False, full_book: bool = False,
                 timings: Timings | None = None, limiter: Limiter | None = None, dead_man_s: float = 0.0,
                 api_key: str = "") -> None:
        told, known = exchange.ready[product.address], KnownSecrets()
        self.product = product
        self.exchange, self.board = exchange, Board()
        self.messages: list[VenueMessage] = []
        self.candles: list[tuple[Key, str, CandleSeries, bool]] = []
        self.deaths: list[tuple[str, BaseException]] = []
        self.timings = timings or Timings.quick()
        self._number = time.time_ns() // 1000 % 10 ** 12
        credentials = Credentials(api_key or told["api_key"], secret or told["api_secret"], known)
        config = replace(product.config(told, symbols or (product.key.symbol,), quote_only, full_book),
                         dead_man_s=dead_man_s)
        make: Callable[[VenueConfig, VenueParts], Venue] = product.make
        self.has_keys = keys
        self.venue: Any = make(config, VenueParts(         # tests look into it
            self.board, self.messages.append, lambda *told: self.candles.append(told),
            lambda name, error: self.deaths.append((name, error)), SystemClock(), self.timings,
            credentials if keys else None, known, limiter))

    def start(self) -> Terminal:
        """Start and wait until orders may be sent."""
        self.venue.start()
        self.got(VenueUp)
        return self

    def close(self) -> None:
        """Stop; every thread must end in time."""
        self.venue.stop()
        assert self.venue.join(3) == ()
        assert self.deaths == []

    @property
    def state(self) -> VenueState | None:
        """What the market line shows."""
        return self.board.venues.get((self.product.key.market, self.product.key.category))

    def of(self, kind: type[T]) -> list[T]:
        """All messages of a kind so far."""
        return [one for one in list(self.messages) if isinstance(one, kind)]

    def got(self, kind: type[T], where: Callable[[T], bool] = lambda one: True, count: int = 1,
            seconds: float = 6.0) -> T:
        """The latest of at least `count` messages of a kind that fit."""
        found = wait_for(lambda: (fit := [one for one in self.of(kind) if where(one)]) and len(fit) >= count and fit,
                         seconds, f"{count} × {kind.__name__}")
        assert found
        return found[-1]

    def answer(self, request: Request, seconds: float = 6.0) -> Any:
        """Post a request and wait for the message that answers it."""
        self.venue.post(request)
        return wait_for(lambda: next((one for one in list(self.messages) if getattr(one, "request", None) is request),
                                     None), seconds, f"an answer to {type(request).__name__}")

    def order(self, side: Side = Side.BUY, qty: str = "", price: Decimal | None = None, key: Key | None = None,
              tif: TimeInForce = TimeInForce.GTC, reduce_only: bool = False) -> SubmitOrder:
        """A new order with a fresh id; without a price a market order."""
        self._number += 1
        key, size = key or self.product.key, Decimal(qty or self.product.qty)
        return SubmitOrder(key, f"{self._number}.bot", side, size, price,
                           OrdType.MARKET if price is None else OrdType.LIMIT, tif, reduce_only, time.monotonic())

    def cancel(self, order: SubmitOrder, order_id: str = "") -> CancelOrder:
        """The request that ends an order."""
        return CancelOrder(order.key, order.cl_ord_id, order_id, time.monotonic())

    def low(self, share: str = "0.98", key: Key | None = None) -> Decimal:
        """A price below the market."""
        key = key or self.product.key
        book = wait_for(lambda: (book := self.board.books.get(key)) and book.live and book, what="a live book")
        assert book
        return multiple_down(book.bids[0][0] * Decimal(share), self.board.instruments[key].tick)

    def history(self, since: int = 0, key: Key | None = None, seconds: float = 10.0) -> list[HistoryPage]:
        """All pages of one read."""
        before = len(self.of(HistoryPage))
        self.venue.post(AskHistory(key or self.product.key, since, "test"))
        wait_for(lambda: any(page.last for page in self.of(HistoryPage)[before:]), seconds, "the last page")
        return self.of(HistoryPage)[before:]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests of this folder."""
    exchange = Exchange(tmp_path_factory.mktemp("exchange"))
    yield exchange
    exchange.close()


@pytest.fixture
def exchange(running: Exchange) -> Iterator[Exchange]:
    """The exchange without faults before and after."""
    running.calm()
    yield running
    running.calm()


@pytest.fixture
def make(exchange: Exchange, request: pytest.FixtureRequest) -> Iterator[Callable[..., Terminal]]:
    """Makes connectors of the test class's product, else of USD-M, and ends them."""
    made: list[Terminal] = []

    def build(*args: Any, **kwargs: Any) -> Terminal:
        kwargs.setdefault("product", getattr(request.cls, "product", USDM))
        made.append(Terminal(exchange, *args, **kwargs))
        return made[-1]

    yield build
    for terminal in made:
        terminal.venue.cancel_everything() if terminal.has_keys else None
        terminal.close()


@pytest.fixture
def terminal(make: Callable[..., Terminal]) -> Terminal:
    """A started connector on the product's first instrument."""
    return make().start()
