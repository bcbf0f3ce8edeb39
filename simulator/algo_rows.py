"""Conditional orders as Binance writes them: REST rows and ALGO_UPDATE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.instruments import Instrument
from simulator.payloads import Json, side_word

if TYPE_CHECKING:
    from simulator.algo import Algo


def algo_row(item: Instrument, algo: Algo, listed: bool = False) -> Json:
    """A conditional order as REST shows it; `listed` adds what became of it (queries)."""
    row: Json = {
        "algoId": algo.algo_id, "clientAlgoId": algo.client_id, "algoType": "CONDITIONAL", "orderType": algo.kind,
        "symbol": algo.symbol, "side": side_word(algo.side), "positionSide": algo.position_side,
        "timeInForce": algo.tif, "quantity": item.qty_text(algo.qty), "algoStatus": algo.status,
        "triggerPrice": item.price_text(algo.trigger), "price": item.price_text(algo.price), "icebergQuantity": None,
        "selfTradePreventionMode": algo.stp, "workingType": algo.working, "priceMatch": "NONE",
        "closePosition": algo.close_position, "priceProtect": algo.price_protect, "reduceOnly": algo.reduce_only,
        "activatePrice": item.price_text(algo.activate) if algo.activate else "",
        "callbackRate": algo.callback, "createTime": algo.created, "updateTime": algo.updated,
        "triggerTime": algo.triggered, "goodTillDate": 0,
    }
    if listed:
        row |= {"actualOrderId": str(algo.order_id) if algo.order_id else "",
                "actualPrice": algo.average if algo.filled else "0.00000", "tpTriggerPrice": "0.00", "tpPrice": "0.00",
                "slTriggerPrice": "0.00", "slPrice": "0.00", "tpOrderType": ""}
    return row


def algo_event(item: Instrument, algo: Algo) -> Json:
    """ALGO_UPDATE."""
    inner: Json = {
        "caid": algo.client_id, "aid": algo.algo_id, "at": "CONDITIONAL", "o": algo.kind, "s": algo.symbol,
        "S": side_word(algo.side), "ps": algo.position_side, "f": algo.tif, "q": item.qty_text(algo.qty),
        "X": algo.status, "ai": str(algo.order_id) if algo.order_id else "", "ap": algo.average,
        "aq": item.qty_text(algo.filled), "act": ("MARKET" if algo.is_market else "LIMIT") if algo.order_id else "0",
        "tp": item.price_text(algo.trigger), "p": item.price_text(algo.price), "V": algo.stp, "wt": algo.working,
        "pm": "NONE", "cp": algo.close_position, "pP": algo.price_protect, "R": algo.reduce_only,
        "tt": algo.triggered, "gtd": 0,
    }
    if algo.reason:
        inner["rm"] = algo.reason
    if algo.callback:
        inner["ia"] = algo.active
    return {"e": "ALGO_UPDATE", "T": algo.updated, "E": algo.updated, "st": item.family, "o": inner}
