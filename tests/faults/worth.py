"""What each execution of the exchange is worth, by category: the referee's own arithmetic, nothing of the terminal.

Linear: −q·p. Inverse: +q·size/p. Quanto: by the contract's fixed multiplier. Spot: one leg in each coin. BitMEX tells
the amount of every fill; that amount counts, and the formula must agree with it to a minor unit for each contract.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = dict[str, Any]

ZERO = Decimal(0)
PLACES = Decimal("1e-12")                                       # of SUMREAL
MINOR = {"XBt": Decimal("1e-8"), "USDt": Decimal("1e-6")}       # BitMEX's units
COINS = {"XBT": "XBt", "ETH": "ETH"}                            # what the ledger calls a base coin of BitMEX
MILLIONTH = Decimal("1e-6")         # USDt in a contract of XBTUSDT per dollar; bitcoin in one of ETHUSD
COIN_DOLLARS = {"BTCUSD_PERP": Decimal(100), "ETHUSD_261225": Decimal(37)}     # a COIN-M contract; others: 10
ODD = {"ODDUSD": Decimal("137e-8"), "ODDUSDT": Decimal("7e-6"), "ODXUSD": Decimal("0.37"),     # see odd_exchange
       "LTCUSD": Decimal("2e-6")}
QUOTES = ("USDT", "USDC", "BTC", "BNB", "ETH")


def product(row: Row) -> tuple[str, str]:
    """Market and category of a row of the exchange's truth or (upper case) of ours."""
    if "MARKET" in row:
        return row["MARKET"], row["CATEGORY"]
    return row["market"], row["category"]


def instrument(row: Row) -> tuple[str, str, str]:
    """Product and symbol."""
    return *product(row), row.get("SYMBOL") or row["symbol"]


def client_id(one: Row) -> str:
    """The client id as the terminal writes it; spot's wire has "-" where we have "."."""
    name = str(one.get("client_id") or "")
    number, dash, tag = name.partition("-")
    if product(one) == ("Binance", "spot") and dash and number.isdigit():
        return f"{number}.{tag.replace('-', '.')}"
    return name


def legs(one: Row) -> dict[str, Decimal]:
    """What an execution adds to each currency, before fees."""
    signed = Decimal(one["qty"]) * (1 if one["side"] == "BUY" else -1)
    price, symbol = Decimal(one["price"]), one["symbol"]
    market, category = product(one)
    if market == "Bitmex":
        asset = one["commission_asset"]
        coins = {COINS[symbol.partition("_")[0]]: signed} if category == "spot" else {}
        return {asset: -Decimal(one["exec_cost"]) * MINOR[asset], **coins}
    if category == "inverse":
        base = symbol.partition("USD")[0]
        value = signed * COIN_DOLLARS.get(symbol, Decimal(10)) / price
        return {base: value.quantize(PLACES, ROUND_HALF_UP)}
    base, quote = split(symbol)
    return {quote: -signed * price, **({base: signed} if category == "spot" else {})}


def multiple(symbol: str, category: str) -> Decimal:
    """What a contract of BitMEX is worth: dollars of an inverse one, else coins for each dollar of its price."""
    return ODD.get(symbol, Decimal(1) if category in ("inverse", "spot") else MILLIONTH)


def split(symbol: str) -> tuple[str, str]:
    """Base and quote of a pair."""
    quote = next((one for one in QUOTES if symbol.endswith(one)), "")
    return symbol.removesuffix(quote), quote


def told_wrong(one: Row) -> str:
    """Why an amount that BitMEX told is not its contract's formula, or ""."""
    market, category = product(one)
    if market != "Bitmex":
        return ""
    symbol = one["symbol"]
    qty, price, asset = Decimal(one["qty"]), Decimal(one["price"]), one["commission_asset"]
    signed = qty if one["side"] == "BUY" else -qty
    size = multiple(symbol, category)
    formula = signed * size / price if category == "inverse" else -signed * price * size
    most = MINOR[asset] * (1 + (qty if category == "inverse" else 0))     # inverse lots are rounded one by one
    told = legs(one)[asset]
    return "" if abs(told - formula) <= most else f"{one['exec_id']}: told {told:f}, the formula gives {formula:f}"
