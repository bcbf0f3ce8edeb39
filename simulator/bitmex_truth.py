"""The BitMEX part of the control interface's `truth`."""

from __future__ import annotations

from decimal import Decimal

from simulator.bitmex_instruments import major, ms
from simulator.bitmex_rows import Json, order_guid
from simulator.bitmex_user import HISTORY
from simulator.bitmex_venue import BitmexVenue
from simulator.money import plain
from simulator.payloads import side_word


def bitmex_truth(venue: BitmexVenue) -> dict[str, list[Json]]:
    """The BitMEX account in the words of `truth`: amounts in coins, a funding's positive = paid, ids as on the wire.

    Quantities are contracts, of spot pairs coins; a spot pair has no position, what it moved is in the balances.
    """
    account = venue.account

    def base(symbol: str) -> Json:
        return {"account": str(account.number), "market": "Bitmex", "category": venue.contracts[symbol].category}

    out: dict[str, list[Json]] = {
        "orders": [], "executions": [], "funding": [], "movements": [], "positions": [], "balances": []}
    for order in account.orders.values():
        contract = venue.contracts[order.symbol]
        out["orders"].append({
            **base(order.symbol), "order_id": order_guid(account.number, order.order_id), "client_id": order.client_id,
            "symbol": order.symbol, "side": side_word(order.side), "type": order.kind, "tif": order.tif,
            "qty": plain(contract.item.qty(order.qty)), "price": plain(contract.item.price(order.price)),
            "cum_qty": plain(contract.item.qty(order.cum)), "reduce_only": order.reduce_only, "status": order.status,
            "time": order.time})
    for row in account.executions:
        if row["execType"] not in HISTORY:
            continue
        symbol, is_short = row["symbol"], row["foreignNotional"] > 0
        contract = venue.contracts[symbol]
        settle = contract.settle
        paid = plain(major(row["execComm"], settle))
        if row["execType"] == "Funding":
            out["funding"].append({
                **base(symbol), "id": row["execID"], "symbol": symbol, "asset": settle, "amount": paid,
                "rate": plain(Decimal(row["commission"])), "mark": plain(Decimal(row["lastPx"])),
                "position": str(-row["lastQty"] if is_short else row["lastQty"]), "time": ms(row["timestamp"])})
            continue
        out["executions"].append({
            **base(symbol), "exec_id": row["execID"], "order_id": row["orderID"], "client_id": row.get("clOrdID", ""),
            "symbol": symbol, "side": row["side"].upper(), "qty": plain(Decimal(row["lastQty"]) / contract.scale),
            "price": plain(Decimal(row["lastPx"])), "commission": paid, "commission_asset": settle,
            "exec_cost": row["execCost"], "exec_comm": row["execComm"],
            "realized_pnl": plain(major(row["realisedPnl"], settle)),
            "maker": row["lastLiquidityInd"] == "AddedLiquidity", "time": ms(row["timestamp"])})
    for row in account.movements:
        if row["transactType"] not in ("RealisedPNL", "SpotTrade"):
            currency = row["currency"]
            out["movements"].append({
                "account": str(account.number), "market": "Bitmex", "category": wallet_of(venue, currency),
                "id": row["transactID"], "kind": row["transactType"], "asset": currency,
                "amount": plain(major(row["amount"], currency)), "time": ms(row["timestamp"])})
    for symbol, contract in venue.contracts.items():
        holding = account.holding(symbol)
        if holding.qty:
            entry = contract.entry(holding.qty, holding.cost)
            out["positions"].append({**base(symbol), "symbol": symbol, "position_side": "BOTH",
                                     "qty": str(holding.qty), "entry": plain(entry), "cost": holding.cost})
    for currency, amount in account.wallets.items():
        wallet = plain(major(amount + account.realised(currency), currency))
        out["balances"].append({"account": str(account.number), "market": "Bitmex",
                                "category": wallet_of(venue, currency), "asset": currency, "wallet": wallet})
    return out


def wallet_of(venue: BitmexVenue, currency: str) -> str:
    """The category that a wallet is shown with: that of the first contract settled in it, else of the pair it is in."""
    return next((c.category for c in venue.contracts.values() if c.settle == currency),
                next((c.category for c in venue.contracts.values() if c.base == currency), "linear"))
