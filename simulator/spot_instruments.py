"""What can be traded on spot: pairs, their filters as exchangeInfo prints them, amounts as text.

Prices and quantities are ticks and lots as everywhere inside the venue; on the wire they have eight places.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.instruments import Instrument

SHELF = "spot:"
ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
TIMES_IN_FORCE = ["GTC", "IOC", "FOK"]
SELF_TRADE = ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
MAX_NOTIONAL = Decimal(9_000_000)
MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal(5), Decimal("0.2")  # of the average price, both sides
AVERAGE_MINUTES = 5
LEAST_DELTA, MOST_DELTA = 10, 2000  # trailing stops, in hundredths of a percent
MAX_PRICE = "1000000.00000000"
MAX_ORDERS, MAX_STOPS, MAX_AMENDS = 200, 5, 10
INFO_KEYS = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision", "baseCommissionPrecision",
             "quoteCommissionPrecision")


def spot_catalogue() -> list[Instrument]:
    """The pairs of the seeded market."""
    rows: list[tuple[str, str, str, str, int, int, int, float, float]] = [
        # base, tick, lot, start, most lots (limit, market), typical lots, pace, volatility
        ("BTC", "0.01000000", "0.00001000", "67231.40", 900_000_000, 12_000_000, 4000, 0.8, 3e-4),
        ("ETH", "0.01000000", "0.00010000", "3518.25", 90_000_000, 20_000_000, 5000, 0.7, 4e-4),
        ("BNB", "0.01000000", "0.00100000", "611.60", 90_000_000, 9_000_000, 900, 0.5, 3e-4),
    ]
    return [Instrument(f"{base}USDT", base, tick, lot, "5.00000000", start, most, market, typical_lots=size, pace=pace,
                       volatility=sigma, shelf=SHELF)
            for base, tick, lot, start, most, market, size, pace, sigma in rows]


def quote_text(item: Instrument, units: int) -> str:
    """Quote amount of `units` ticks × lots, with eight places."""
    return f"{item.tick * item.lot * units:.8f}"


def spot_info(item: Instrument) -> dict[str, Any]:
    """The pair's row of exchangeInfo."""
    return {
        "symbol": item.symbol, "status": "TRADING", "baseAsset": item.base, "quoteAsset": item.quote,
        **dict.fromkeys(INFO_KEYS, 8), "orderTypes": ORDER_TYPES, "icebergAllowed": False, "ocoAllowed": False,
        "otoAllowed": False, "opoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": True,
        "cancelReplaceAllowed": True, "amendAllowed": True, "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "filters": filters(item), "permissions": [],
        "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": SELF_TRADE,
    }


def filters(item: Instrument) -> list[dict[str, Any]]:
    """The pair's filters."""
    up, down = str(MULTIPLIER_UP), str(MULTIPLIER_DOWN)
    deltas = {f"{most}Trailing{side}Delta": LEAST_DELTA if most == "min" else MOST_DELTA
              for side in ("Above", "Below") for most in ("min", "max")}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": item.tick_text, "maxPrice": MAX_PRICE, "tickSize": item.tick_text},
        {"filterType": "LOT_SIZE", "minQty": item.lot_text, "maxQty": item.qty_text(item.max_lots),
         "stepSize": item.lot_text},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": item.qty_text(item.market_max_lots),
         "stepSize": "0.00000000"},
        {"filterType": "TRAILING_DELTA", **deltas},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": up, "bidMultiplierDown": down,
         "askMultiplierUp": up, "askMultiplierDown": down, "avgPriceMins": AVERAGE_MINUTES},
        {"filterType": "NOTIONAL", "minNotional": item.min_notional_text, "applyMinToMarket": True,
         "maxNotional": f"{MAX_NOTIONAL:.8f}", "applyMaxToMarket": False, "avgPriceMins": AVERAGE_MINUTES},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_ORDERS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MAX_STOPS},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": MAX_AMENDS},
    ]


def spot_from_info(row: dict[str, Any], book: dict[str, Any]) -> Instrument:
    """A recorded exchangeInfo row as an instrument (replay).

    Old orders may stand between the ticks and lots of the day, so its steps are as fine as the recorded book needs.
    """
    kinds = {entry["filterType"]: entry for entry in row["filters"]}
    levels = [*book["bids"], *book["asks"]]
    tick = finest(kinds["PRICE_FILTER"]["tickSize"], [price for price, _ in levels])
    lot = finest(kinds["LOT_SIZE"]["stepSize"], [qty for _, qty in levels])
    notional = kinds["NOTIONAL"] if "NOTIONAL" in kinds else kinds["MIN_NOTIONAL"]
    return Instrument(
        symbol=row["symbol"], base=row["baseAsset"], quote=row["quoteAsset"], tick_text=tick, lot_text=lot,
        min_notional_text=notional["minNotional"], start_text=book["bids"][0][0], shelf=SHELF,
        max_lots=int(Decimal(kinds["LOT_SIZE"]["maxQty"]) / Decimal(lot)),
        market_max_lots=int(Decimal(kinds["MARKET_LOT_SIZE"]["maxQty"]) / Decimal(lot)))


def finest(step: str, texts: list[str]) -> str:
    """A step, or the power of ten that all texts are multiples of when that is smaller."""
    used = max((len(text.rstrip("0").partition(".")[2]) for text in texts), default=0)
    return f"{min(Decimal(step), Decimal(1).scaleb(-used)):.8f}"
