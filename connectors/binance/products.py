"""What differs between Binance's products: paths, weights, windows. A record for each.

Sources: binance.md sections 5 (spot), 8.1 to 8.4 and 9.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models import Category

_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the exchange."""

    category: Category
    exec_prefix: str                  # trade ids are unique per symbol only: "linear:BTCUSDT:28457"
    paths: Mapping[str, str]
    weights: Mapping[str, int]        # where it is not 1
    snapshot_limit: int               # levels of a book snapshot
    klines_limit: int                 # rows a candle page may have
    history_rows: int                 # rows a page of fills may have
    history_window_ms: int            # a question about fills may span this much
    history_reach_ms: int             # how far back fills are kept, a day less
    status_field: str                 # of a symbol in exchangeInfo
    klines_window_ms: int = 0         # a question about candles may span this much; 0: any time


LINEAR = Product(
    category=Category.LINEAR,
    exec_prefix="linear",
    paths=MappingProxyType({
        "time": "/fapi/v1/time",
        "exchange_info": "/fapi/v1/exchangeInfo",
        "depth": "/fapi/v1/depth",
        "klines": "/fapi/v1/klines",
        "order": "/fapi/v1/order",
        "open_orders": "/fapi/v1/openOrders",
        "all_open_orders": "/fapi/v1/allOpenOrders",
        "all_orders": "/fapi/v1/allOrders",
        "user_trades": "/fapi/v1/userTrades",
        "balance": "/fapi/v3/balance",
        "account_id": "/fapi/v2/balance",
        "positions": "/fapi/v3/positionRisk",
        "position_mode": "/fapi/v1/positionSide/dual",
        "multi_assets": "/fapi/v1/multiAssetsMargin",
        "listen_key": "/fapi/v1/listenKey",
        "symbol_config": "/fapi/v1/symbolConfig",
        "brackets": "/fapi/v1/leverageBracket",
        "algo_order": "/fapi/v1/algoOrder",
        "open_algo_orders": "/fapi/v1/openAlgoOrders",
        "all_open_algo_orders": "/fapi/v1/algoOpenOrders",
        "all_algo_orders": "/fapi/v1/allAlgoOrders",
        "leverage": "/fapi/v1/leverage",
        "countdown": "/fapi/v1/countdownCancelAll",
        "income": "/fapi/v1/income",
    }),
    weights=MappingProxyType({
        "depth": 20, "klines": 5, "open_orders": 40, "all_orders": 5, "user_trades": 5, "balance": 5,
        "account_id": 5, "positions": 5, "position_mode": 30, "multi_assets": 30,
        "symbol_config": 5, "open_algo_orders": 40, "all_algo_orders": 5, "countdown": 10, "income": 30,
    }),
    snapshot_limit=1000,
    klines_limit=1500,
    history_rows=1000,
    history_window_ms=7 * _DAY,
    history_reach_ms=89 * _DAY,       # three months are 89 days at least
    status_field="status",
)

SPOT = Product(
    category=Category.SPOT,
    exec_prefix="spot",
    paths=MappingProxyType({
        "time": "/api/v3/time",
        "exchange_info": "/api/v3/exchangeInfo",
        "depth": "/api/v3/depth",
        "klines": "/api/v3/klines",
        "order": "/api/v3/order",
        "replace": "/api/v3/order/cancelReplace",
        "amend": "/api/v3/order/amend/keepPriority",
        "open_orders": "/api/v3/openOrders",
        "all_open_orders": "/api/v3/openOrders",
        "all_orders": "/api/v3/allOrders",
        "user_trades": "/api/v3/myTrades",
        "account": "/api/v3/account",
        "deposits": "/sapi/v1/capital/deposit/hisrec",
        "withdrawals": "/sapi/v1/capital/withdraw/history",
        "transfers": "/sapi/v1/asset/transfer",
    }),
    weights=MappingProxyType({
        "exchange_info": 20, "klines": 2, "amend": 4, "open_orders": 80, "all_orders": 20, "user_trades": 20,
        "account": 20,
    }),
    snapshot_limit=5000,              # levels beyond a snapshot stay unknown until they change (binance.md 7.1)
    klines_limit=1000,
    history_rows=1000,
    history_window_ms=_DAY,
    history_reach_ms=100 * 365 * _DAY,     # fills are kept for ever
    status_field="status",
)

INVERSE = Product(
    category=Category.INVERSE,
    exec_prefix="inverse",
    paths=MappingProxyType({
        "time": "/dapi/v1/time",
        "exchange_info": "/dapi/v1/exchangeInfo",
        "depth": "/dapi/v1/depth",
        "klines": "/dapi/v1/klines",
        "order": "/dapi/v1/order",
        "open_orders": "/dapi/v1/openOrders",
        "all_open_orders": "/dapi/v1/allOpenOrders",
        "all_orders": "/dapi/v1/allOrders",
        "user_trades": "/dapi/v1/userTrades",
        "balance": "/dapi/v1/balance",
        "account_id": "/dapi/v1/balance",
        "positions": "/dapi/v1/positionRisk",
        "position_mode": "/dapi/v1/positionSide/dual",
        "listen_key": "/dapi/v1/listenKey",
        "symbol_config": "/dapi/v1/positionRisk",      # which tells leverage and margin type of every contract
        "brackets": "/dapi/v2/leverageBracket",
        "algo_order": "/dapi/v1/algoOrder",
        "open_algo_orders": "/dapi/v1/openAlgoOrders",
        "all_open_algo_orders": "/dapi/v1/algoOpenOrders",
        "all_algo_orders": "/dapi/v1/allAlgoOrders",
        "leverage": "/dapi/v1/leverage",
        "countdown": "/dapi/v1/countdownCancelAll",
        "income": "/dapi/v1/income",
    }),
    weights=MappingProxyType({
        "depth": 20, "klines": 5, "open_orders": 40, "all_orders": 20, "user_trades": 20, "position_mode": 30,
        "open_algo_orders": 40, "all_algo_orders": 5, "countdown": 10, "income": 20,
    }),
    snapshot_limit=1000,
    klines_limit=1500,
    history_rows=1000,
    history_window_ms=7 * _DAY,
    history_reach_ms=89 * _DAY,
    status_field="contractStatus",
    klines_window_ms=199 * _DAY,      # 200 days are refused when they are a millisecond more
)

PRODUCTS: Mapping[Category, Product] = MappingProxyType({one.category: one for one in (LINEAR, INVERSE, SPOT)})


def family(symbol: str) -> Category:
    """Which futures product a symbol is of, by its form: one connection may carry both (binance.md 8.6).

    USD-M: BTCUSDT, BTCUSDC, dated BTCUSDT_260327. COIN-M: BTCUSD_PERP, dated BTCUSD_260327.
    """
    pair, dash, _ = symbol.partition("_")
    return Category.INVERSE if dash and pair.endswith("USD") else Category.LINEAR
