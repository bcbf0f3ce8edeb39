"""The spot part of the control interface's `truth`."""

from __future__ import annotations

from simulator.money import plain
from simulator.payloads import Json, side_word
from simulator.spot_venue import SpotVenue

CATEGORY = "spot"


def spot_truth(spot: SpotVenue) -> dict[str, list[Json]]:
    """The spot wallet in the words of `truth`. No positions; a balance has `wallet` (all), free, locked."""
    own = spot.account
    base: Json = {"account": own.name, "market": "Binance", "category": CATEGORY}
    out: dict[str, list[Json]] = {
        "orders": [], "executions": [], "funding": [], "movements": [], "positions": [], "balances": []}
    for order in own.orders.values():
        market = spot.markets.get(order.symbol)
        if market:
            item = market.instrument
            out["orders"].append({
                **base, "order_id": str(order.order_id), "client_id": order.client_id, "symbol": order.symbol,
                "side": side_word(order.side), "type": order.type, "tif": order.tif,
                "qty": plain(item.qty(order.qty)), "price": plain(item.price(order.price)),
                "stop_price": plain(item.price(order.stop)), "cum_qty": plain(item.qty(order.cum)),
                "reduce_only": False, "status": order.status, "time": order.time})
    out["executions"] = [
        {**base, "exec_id": f"{CATEGORY}:{f.symbol}:{f.trade_id}", "order_id": str(f.order_id),
         "client_id": f.client_id, "symbol": f.symbol, "side": side_word(f.side), "qty": plain(f.qty),
         "price": plain(f.price), "commission": plain(f.commission), "commission_asset": f.commission_asset,
         "realized_pnl": "0", "maker": f.maker, "time": f.time} for f in own.fills]
    out["movements"] = [{**base, "id": f"{CATEGORY}:{m.kind}:{m.number}:{m.asset}", "kind": m.kind, "asset": m.asset,
                         "amount": plain(m.amount), "time": m.time} for m in own.movements]
    for name, total in sorted(own.totals.items()):
        asset = own.asset(name)
        out["balances"].append({**base, "asset": name, "wallet": plain(total), "free": plain(asset.free),
                                "locked": plain(asset.locked)})
    return out
