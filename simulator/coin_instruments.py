"""The contracts of COIN-M: dollars bought and sold with the coin as margin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.instruments import ORDER_TYPES, PERPETUAL_END, TIMES_IN_FORCE, Instrument


def coin_catalogue() -> list[Instrument]:
    """The symbols of the seeded market. Quantities are contracts."""
    rows: list[tuple[str, str, str, int, int, int, int, float, float]] = [
        # base, tick, start, contract size, most contracts (limit, market), typical contracts, pace, volatility
        ("BTC", "0.1", "67260.0", 100, 1_000_000, 60_000, 260, 0.7, 3e-4),
        ("ETH", "0.01", "3521.00", 10, 1_000_000, 100_000, 700, 0.6, 4e-4),
    ]
    return [Instrument(f"{base}USD_PERP", base, tick, "1", "0", start, most, market, Decimal("0.05"), size, pace, sigma,
                       quote="USD", contract_size=contract)
            for base, tick, start, contract, most, market, size, pace, sigma in rows]


def coin_info(item: Instrument) -> dict[str, Any]:
    """A contract's row of exchangeInfo: contractStatus and contractSize, no smallest notional."""
    up, down = Decimal(1) + item.band, Decimal(1) - item.band
    lots = {"minQty": item.lot_text, "stepSize": item.lot_text}
    return {
        "symbol": item.symbol, "pair": item.pair, "contractType": "PERPETUAL", "deliveryDate": PERPETUAL_END,
        "onboardDate": 1597042800000, "contractStatus": "TRADING", "contractSize": item.contract_size,
        "marginAsset": item.asset, "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
        "baseAsset": item.base, "quoteAsset": item.quote, "pricePrecision": item.price_places,
        "quantityPrecision": item.qty_places, "baseAssetPrecision": 8, "quotePrecision": 8, "equalQtyPrecision": 4,
        "triggerProtect": "0.0500", "underlyingType": "COIN", "underlyingSubType": ["PoW"],
        "liquidationFee": "0.015000", "marketTakeBound": "0.05", "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": item.tick_text, "maxPrice": "4520958",
             "tickSize": item.tick_text},
            {"filterType": "LOT_SIZE", "maxQty": item.qty_text(item.max_lots), **lots},
            {"filterType": "MARKET_LOT_SIZE", "maxQty": item.qty_text(item.market_max_lots), **lots},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "PERCENT_PRICE", "multiplierUp": f"{up:.4f}", "multiplierDown": f"{down:.4f}",
             "multiplierDecimal": "4"},
        ],
        "orderTypes": ORDER_TYPES, "timeInForce": TIMES_IN_FORCE,
    }
