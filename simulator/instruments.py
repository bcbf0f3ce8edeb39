"""What can be traded: steps, limits and texts of each symbol.

Inside the venue a price is a whole number of ticks and a quantity a whole number of lots; this file owns the way to
and from decimal text, so that no amount ever passes through a float.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulator.money import LINEAR, Inverse, Sums

ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
TIMES_IN_FORCE = ["GTC", "IOC", "FOK", "GTX"]
PERPETUAL_END = 4133404800000  # the delivery date Binance prints for contracts without one
COIN_PLACES = 13  # inverse values are counted in 1e-13 coins: fine enough that an average price comes out exact
COIN_PRICE_STEP = Decimal("0.00001")  # … to these places


def places(text: str) -> int:
    """Number of digits after the point in a decimal text: "0.10" → 2."""
    return len(text.partition(".")[2])


def scaled(units: int, step: int, digits: int) -> str:
    """Text of `units` steps, where one step is `step` of the last of `digits` decimals."""
    number = units * step
    if not digits:
        return str(number)
    sign = "-" if number < 0 else ""
    text = str(abs(number)).zfill(digits + 1)
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One perpetual contract. Texts are as exchangeInfo prints them. With a contract size it is one of COIN-M."""

    symbol: str
    base: str
    tick_text: str
    lot_text: str
    min_notional_text: str
    start_text: str = "1"
    max_lots: int = 1_000_000
    market_max_lots: int = 120_000
    band: Decimal = Decimal("0.05")  # limit prices must lie within mark × (1 ± band)
    typical_lots: int = 100  # size of an ordinary stranger's order
    pace: float = 1.0  # how busy the symbol is, 1 = BTCUSDT
    volatility: float = 3e-4  # relative move of an ordinary minute
    quote: str = "USDT"
    crowd_step: int = 1  # strangers quote and trade in multiples of so many lots
    shelf: str = ""  # before its name in the store: two products may list the same symbol
    contract_size: int | None = None  # dollars of one contract; None: quantities are coins (USD-M)
    tick: Decimal = field(init=False)
    lot: Decimal = field(init=False)
    min_notional: Decimal = field(init=False)
    price_places: int = field(init=False)
    qty_places: int = field(init=False)
    tick_step: int = field(init=False)
    lot_step: int = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "tick", Decimal(self.tick_text))
        put(self, "lot", Decimal(self.lot_text))
        put(self, "min_notional", Decimal(self.min_notional_text))
        put(self, "price_places", places(self.tick_text))
        put(self, "qty_places", places(self.lot_text))
        put(self, "tick_step", int(self.tick.scaleb(self.price_places)))
        put(self, "lot_step", int(self.lot.scaleb(self.qty_places)))

    def price_text(self, ticks: int) -> str:
        """Price as Binance prints it in books and klines."""
        return scaled(ticks, self.tick_step, self.price_places)

    def qty_text(self, lots: int) -> str:
        """Quantity as Binance prints it."""
        return scaled(lots, self.lot_step, self.qty_places)

    def units(self, ticks: int, lots: int) -> int:
        """What a trade is worth in the instrument's smallest unit of value: ticks × lots, inverse 1e-13 coins."""
        if self.contract_size is None:
            return ticks * lots
        scale: int = 10 ** (COIN_PLACES + self.price_places - self.qty_places)
        dollars = lots * self.lot_step * self.contract_size * scale
        price = ticks * self.tick_step
        return (2 * dollars + price) // (2 * price)

    def value_text(self, units: int) -> str:
        """Amount of `units`: in the quote exact, inverse in coins to eight places."""
        if self.contract_size is None:
            return scaled(units, self.tick_step * self.lot_step, self.price_places + self.qty_places)
        return f"{Decimal(units).scaleb(-COIN_PLACES):.8f}"

    def average(self, units: int, lots: int) -> Decimal:
        """Average price of lots that were worth `units`; 0 without any."""
        if not lots or not units:
            return Decimal(0)
        if self.contract_size is None:
            return Decimal(units) * self.tick / lots
        price = self.qty(lots) * self.contract_size / Decimal(units).scaleb(-COIN_PLACES)
        return price.quantize(COIN_PRICE_STEP)

    @property
    def sums(self) -> Sums:
        """Its arithmetic."""
        return LINEAR if self.contract_size is None else Inverse(Decimal(self.contract_size))

    @property
    def asset(self) -> str:
        """The coin of margin, profit and fees."""
        return self.quote if self.contract_size is None else self.base

    @property
    def pair(self) -> str:
        """The pair its contracts are of: the symbol itself, of COIN-M without the ending."""
        return self.symbol.partition("_")[0]

    @property
    def family(self) -> int:
        """`st` of stream payloads: 1 USD-M, 2 COIN-M."""
        return 1 if self.contract_size is None else 2

    @property
    def kept_as(self) -> str:
        """Its name in the store, and what its random numbers depend on."""
        return self.shelf + self.symbol

    def price(self, ticks: int) -> Decimal:
        """Price of a number of ticks."""
        return self.tick * ticks

    def qty(self, lots: int) -> Decimal:
        """Quantity of a number of lots."""
        return self.lot * lots

    def start_ticks(self) -> int:
        """Where the seeded market begins."""
        return int(Decimal(self.start_text) / self.tick)

    def info(self) -> dict[str, Any]:
        """The symbol's row of exchangeInfo."""
        up, down = Decimal(1) + self.band, Decimal(1) - self.band
        lots = {"minQty": self.lot_text, "stepSize": self.lot_text}
        return {
            "symbol": self.symbol, "pair": self.symbol, "contractType": "PERPETUAL", "deliveryDate": PERPETUAL_END,
            "onboardDate": 1569398400000, "status": "TRADING", "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000", "baseAsset": self.base, "quoteAsset": self.quote,
            "marginAsset": self.quote, "pricePrecision": self.price_places, "quantityPrecision": self.qty_places,
            "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": ["PoW"],
            "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10000,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": self.tick_text, "maxPrice": "4529764",
                 "tickSize": self.tick_text},
                {"filterType": "LOT_SIZE", "maxQty": self.qty_text(self.max_lots), **lots},
                {"filterType": "MARKET_LOT_SIZE", "maxQty": self.qty_text(self.market_max_lots), **lots},
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": self.min_notional_text},
                {"filterType": "PERCENT_PRICE", "multiplierUp": f"{up:.4f}", "multiplierDown": f"{down:.4f}",
                 "multiplierDecimal": "4"},
                {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE",
                 "notionalLimit": "2000000000"},
            ],
            "orderTypes": ORDER_TYPES, "timeInForce": TIMES_IN_FORCE, "permissionSets": ["GRID", "COPY"],
        }


def catalogue() -> list[Instrument]:
    """The symbols of the seeded market."""
    rows: list[tuple[str, str, str, str, str, int, int, str, int, float, float]] = [
        # base, tick, lot, min notional, start, most lots (limit, market), band, typical lots, pace, volatility
        ("BTC", "0.10", "0.001", "100", "67250.00", 1_000_000, 120_000, "0.05", 220, 1.0, 3e-4),
        ("ETH", "0.01", "0.001", "20", "3520.00", 10_000_000, 2_000_000, "0.05", 3000, 0.9, 4e-4),
        ("SOL", "0.0100", "0.01", "5", "172.0000", 100_000_000, 8_000_000, "0.05", 3500, 0.8, 6e-4),
        ("XRP", "0.0001", "0.1", "5", "2.2400", 100_000_000, 20_000_000, "0.05", 9000, 0.6, 6e-4),
        ("BNB", "0.010", "0.01", "5", "612.000", 10_000_000, 200_000, "0.05", 500, 0.5, 3e-4),
        ("DOGE", "0.000010", "1", "5", "0.214300", 50_000_000, 30_000_000, "0.10", 6000, 0.5, 8e-4),
    ]
    return [Instrument(f"{base}USDT", base, tick, lot, notional, start, most, market, Decimal(band), size, pace, sigma)
            for base, tick, lot, notional, start, most, market, band, size, pace, sigma in rows]


def from_exchange_info(row: dict[str, Any], start_text: str) -> Instrument:
    """A recorded exchangeInfo row as an instrument (replay). Filters of other kinds are ignored."""
    filters = {entry["filterType"]: entry for entry in row["filters"]}
    lot = Decimal(filters["LOT_SIZE"]["stepSize"])
    return Instrument(
        symbol=row["symbol"], base=row["baseAsset"], quote=row["quoteAsset"],
        tick_text=filters["PRICE_FILTER"]["tickSize"], lot_text=filters["LOT_SIZE"]["stepSize"],
        min_notional_text=filters.get("MIN_NOTIONAL", {"notional": "0"})["notional"], start_text=start_text,
        max_lots=int(Decimal(filters["LOT_SIZE"]["maxQty"]) / lot),
        market_max_lots=int(Decimal(filters["MARKET_LOT_SIZE"]["maxQty"]) / lot),
        band=Decimal(filters["PERCENT_PRICE"]["multiplierUp"]) - 1, contract_size=row.get("contractSize"),
    )
