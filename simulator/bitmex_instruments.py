"""BitMEX's contracts: their fields, and what a number of contracts is worth at a price.

The engine counts in units (Instrument.lot contracts each), the wire in contracts. The unit of XBTUSD is half a lot:
strangers may trade 50, so partial fills need not be whole lots; orders of the account must be whole lots.
Of a spot pair Instrument.lot is coins, and the wire's quantities are minor units of the base coin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext

from simulator.instruments import Instrument

SCALES = {"XBt": 8, "USDt": 6, "Gwei": 9}  # decimal exponent of each minor unit
ASSETS = {"XBt": "XBT", "USDt": "USDT", "Gwei": "ETH"}
# First deposit of an account, minor units.
OPENING = {"XBt": 100_000_000, "USDt": 10_000_000_000, "Gwei": 5_000_000_000}
Number = int | Decimal


def half_up(amount: Decimal) -> int:
    """Nearest whole number, halves away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def number(value: Decimal | int) -> Number:
    """A decimal as the wire's JSON number: whole ones without a point, others without trailing zeros."""
    whole = int(value)
    return whole if value == whole else Decimal(value).normalize()


def major(amount: int, currency: str) -> Decimal:
    """Minor units as coins."""
    return Decimal(amount).scaleb(-SCALES[currency])


def iso(ms: int) -> str:
    """A time as BitMEX writes it."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def ms(text: str) -> int:
    """The time of such a text."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Contract:
    """One perpetual contract or spot pair. Amounts are minor units of `settle`; quantities are contracts, of a pair
    minor units of `base`.
    """

    item: Instrument  # steps and habits of its market; Instrument.lot is the engine's unit in contracts
    index: int  # BitMEX's instrumentID
    category: str  # inverse, linear, quanto or spot
    underlying: str
    quote: str
    settle: str
    multiplier: int
    lot_size: int
    listing: str
    reference: str
    risk_limit: int
    per_position: int | None = None  # underlyingToPositionMultiplier
    open_interest: int = 0
    maker: Decimal = Decimal("-0.0001")
    taker: Decimal = Decimal("0.0005")
    init: Decimal = Decimal("0.01")
    maintenance: Decimal = Decimal("0.005")
    max_qty: int = 10_000_000
    max_price: int = 1_000_000
    base: str = ""  # currency of what a spot pair trades
    ids: dict[int, int] = field(default_factory=dict)  # of book levels by price in ticks, where a recording tells them

    @property
    def symbol(self) -> str:
        """Its name."""
        return self.item.symbol

    @property
    def unit(self) -> int:
        """Contracts in one lot of the engine."""
        return int(self.item.lot * self.scale)

    @property
    def scale(self) -> int:
        """Wire quantity of one of `truth`'s: 1, of a spot pair the minor units of a coin."""
        return self.per_position or 1 if self.is_spot else 1

    @property
    def is_spot(self) -> bool:
        """Whether coins change hands: no position, no margin, no funding."""
        return self.category == "spot"

    @property
    def currencies(self) -> tuple[str, ...]:
        """The wallets a trade of it changes."""
        return (self.settle, self.base) if self.is_spot else (self.settle,)

    @property
    def is_inverse(self) -> bool:
        """Whether it settles in its underlying."""
        return self.category == "inverse"

    @property
    def most_leverage(self) -> int:
        """What the initial margin allows."""
        return int(1 / self.init)

    def value(self, qty: int, price: Decimal) -> int:
        """Worth of abs(qty) contracts. Inverse ones are rounded for each lot and then multiplied (bitmex.md 13)."""
        with localcontext() as context:
            context.prec = 60
            if self.is_inverse:
                lot = half_up(Decimal(self.lot_size * -self.multiplier) / price)
                return half_up(Decimal(abs(qty) * lot) / self.lot_size)
            if self.is_spot:
                return half_up(abs(qty) * price * 10 ** SCALES[self.settle] / self.scale)
            return half_up(abs(qty) * self.multiplier * price)

    def cost(self, qty: int, price: Decimal) -> int:
        """Signed worth as execCost has it: of a buy negative when inverse, positive otherwise; of a sell mirrored."""
        sign = (1 if qty > 0 else -1) * (-1 if self.is_inverse else 1)
        return sign * self.value(qty, price)

    def entry(self, qty: int, cost: int) -> Decimal:
        """Average price of a position from its cost: harmonic when inverse, weighted by value otherwise."""
        if not qty or not cost:
            return Decimal(0)
        with localcontext() as context:
            context.prec = 40
            if self.is_inverse:
                price = Decimal(abs(qty) * -self.multiplier) / abs(cost)
            else:
                price = Decimal(abs(cost)) / (abs(qty) * self.multiplier)
            return price.quantize(Decimal("0.00000001"), ROUND_HALF_UP)

    def notional(self, qty: int, price: Decimal, per_quote: int) -> tuple[Decimal, Decimal]:
        """Coins of the underlying and of the quote currency in abs(qty) contracts. per_quote: satoshi, for quanto."""
        value = self.value(qty, price)
        if self.is_inverse:
            return major(value, self.settle), Decimal(abs(qty))
        if self.per_position:
            return Decimal(abs(qty)) / self.per_position, major(value, self.settle)
        foreign = Decimal(value) / per_quote
        return (foreign / price).quantize(Decimal("1e-10")), foreign.quantize(Decimal("1e-8"))


def fee(cost: int, rate: Decimal) -> int:
    """Commission of a cost: positive = paid. Halves go away from zero (bitmex.md 13)."""
    return half_up(abs(cost) * rate)


def contracts() -> list[Contract]:
    """What the seeded market lists."""
    return [
        Contract(Instrument("XBTUSD", "XBT", "0.1", "50", "0", "67240.0", typical_lots=160, pace=0.6, quote="USD",
                            crowd_step=2, max_lots=200_000, market_max_lots=200_000),
                 2776, "inverse", "XBT", "USD", "XBt", -100_000_000, 100, "2016-05-13T12:00:00.000Z", ".BXBT",
                 20_000_000_000, None, 157_964_500),
        Contract(Instrument("XBTUSDT", "XBT", "0.1", "100", "0", "67260.0", typical_lots=120, pace=0.5),
                 2777, "linear", "XBT", "USDT", "USDt", 1, 100, "2021-11-10T04:00:00.000Z", ".BXBTT",
                 1_000_000_000_000, 1_000_000, 188_494_800, max_qty=1_000_000_000),
        Contract(Instrument("ETHUSD", "ETH", "0.05", "1", "0", "3518.00", typical_lots=400, pace=0.5, quote="USD",
                            volatility=4e-4),
                 290, "quanto", "ETH", "USD", "XBt", 100, 1, "2018-08-01T12:00:00.000Z", ".BETH",
                 7_500_000_000, None, 1_403_475),
        pair(Instrument("XBT_USDT", "XBT", "0.5", "0.00001", "0", "67250.0", typical_lots=4000, pace=0.4), 2823,
             "2022-05-17T04:00:00.000Z", ".BXBTT", "XBt", 1000, 10_000_000_000),
        pair(Instrument("ETH_USDT", "ETH", "0.05", "0.001", "0", "3519.00", typical_lots=1000, pace=0.3,
                        volatility=4e-4), 2825, "2022-05-17T04:00:00.000Z", ".BETHT", "Gwei", 1_000_000,
             1_000_000_000_000),
    ]


def pair(item: Instrument, index: int, listing: str, reference: str, base: str, lot_size: int, most: int) -> Contract:
    """A spot pair: the whole price is paid, and both sides pay the same fee."""
    return Contract(item, index, "spot", item.base, item.quote, "USDt", 1, lot_size, listing, reference, 0,
                    10 ** SCALES[base], maker=Decimal("0.0005"), init=Decimal(1), maintenance=Decimal(1),
                    max_qty=most, base=base)
