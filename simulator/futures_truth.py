"""The part of USD-M and of COIN-M in the control interface's `truth`."""

from __future__ import annotations

from simulator.futures import Futures
from simulator.money import plain
from simulator.payloads import Json, side_word

OF_TRADES = ("REALIZED_PNL", "COMMISSION", "DELIVERED_SETTELMENT", "FUNDING_FEE")  # told by fills and funding


def futures_truth(venue: Futures) -> dict[str, list[Json]]:
    """Everything the account did and has: ids with category and symbol, a funding's amount positive = paid."""
    account, listed, category = venue.account, venue.account.listed, venue.product.category
    base = {"account": account.name, "market": "Binance", "category": category}
    names = {algo.order_id: algo for algo in venue.algos.all.values() if algo.order_id}  # the client knows these ids
    orders = []
    for order in account.orders.values():
        item = listed.get(order.symbol)
        if item:
            algo = names.get(order.order_id)
            orders.append({**base, "order_id": str(order.order_id),
                           "client_id": algo.client_id if algo else order.client_id,
                           "algo_id": str(algo.algo_id) if algo else "",
                           "symbol": order.symbol, "side": side_word(order.side), "type": order.kind,
                           "tif": order.tif, "qty": plain(item.qty(order.qty)),
                           "price": plain(item.price(order.price)), "cum_qty": plain(item.qty(order.cum)),
                           "reduce_only": order.reduce_only, "status": order.status, "time": order.time})
    executions = [{**base, "exec_id": f"{category}:{f.symbol}:{f.trade_id}", "order_id": str(f.order_id),
                   "client_id": names[f.order_id].client_id if f.order_id in names else f.client_id,
                   "symbol": f.symbol, "side": side_word(f.side), "qty": plain(f.qty),
                   "price": plain(f.price), "commission": plain(f.commission),
                   "commission_asset": f.fee_asset or listed[f.symbol].asset, "realized_pnl": plain(f.realised),
                   "maker": f.maker, "time": f.time} for f in account.fills if f.symbol in listed]
    funding = [{**base, "id": f"{category}:{f.symbol}:F{f.tran_id}", "symbol": f.symbol,
                "asset": listed[f.symbol].asset, "amount": plain(-f.amount), "rate": plain(f.rate),
                "mark": plain(f.mark), "position": plain(f.position), "time": f.time}
               for f in account.funding if f.symbol in listed]
    movements = [{**base, "id": f"{category}:{i.kind}:{i.tran_id}:{i.symbol or i.asset}", "kind": i.kind,
                  "asset": i.asset, "amount": plain(i.amount), "time": i.time}
                 for i in account.income if i.kind not in OF_TRADES]
    positions = [{**base, "symbol": symbol, "position_side": side, "qty": plain(p.qty), "entry": plain(p.entry)}
                 for (symbol, side), p in account.positions.items() if p.qty]
    balances = [{**base, "asset": asset, "wallet": plain(amount)} for asset, amount in account.wallets.items()]
    waiting = [{**base, "algo_id": str(a.algo_id), "client_id": a.client_id, "symbol": a.symbol,
                "side": side_word(a.side), "type": a.kind, "qty": plain(listed[a.symbol].qty(a.qty)),
                "trigger": plain(listed[a.symbol].price(a.trigger)), "reduce_only": a.reduce_only,
                "close_position": a.close_position, "status": a.status, "time": a.created}
               for a in venue.algos.all.values() if a.symbol in listed]
    return {"conditional": waiting, "orders": orders, "executions": executions, "funding": funding,
            "movements": movements, "positions": positions, "balances": balances}
