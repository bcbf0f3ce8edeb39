"""Orders, executions, positions and balances as BitMEX writes them. Rows carry no null and no empty text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from simulator import bitmex_money
from simulator.bitmex_instruments import Contract, half_up, iso, number
from simulator.bitmex_money import Holding
from simulator.exchange import Order

Json = dict[str, Any]
encode = msgspec.json.Encoder(decimal_format="number").encode
decode = msgspec.json.Decoder(float_hook=Decimal).decode  # amounts never pass through a float

NOBODY = "00000000-0000-0000-0000-000000000000"  # orderID of what no order caused
STATUS = {"NEW": "New", "PARTIALLY_FILLED": "PartiallyFilled", "FILLED": "Filled", "CANCELED": "Canceled",
          "REJECTED": "Rejected"}
KINDS = {"LIMIT": "Limit", "MARKET": "Market"}
TIMES = {"GTC": "GoodTillCancel", "GTX": "GoodTillCancel", "IOC": "ImmediateOrCancel", "FOK": "FillOrKill",
         "DAY": "Day"}
STRATEGY = "OneWay"


@dataclass(slots=True, eq=False)
class Ticket(Order):
    """An order of the account with what only BitMEX tells about it."""

    exec_inst: str = ""
    text: str = ""
    peg: int = 0  # ticks a trailing stop keeps from the market, signed
    triggered: str = ""  # a conditional order's (`asked`): what it says once its price has come
    refused: str = ""  # why it was refused when it triggered

    @property
    def waits(self) -> bool:
        """Whether it is a conditional order whose price has not come."""
        return bool(self.asked) and not self.triggered


def side_name(side: int) -> str:
    """Buy or Sell."""
    return "Buy" if side > 0 else "Sell"


def guid(kind: int, count: int) -> str:
    """An id in the venue's form for the count-th of a kind: 1 executions, 2 wallet rows, from 16 on trades."""
    return f"00000000-006d-1000-{kind:04x}-{count:012x}"


def order_guid(account: int, order_id: int) -> str:
    """The orderID of an order: the same after every restart."""
    text = hashlib.sha256(f"bundled exchange order {account}:{order_id}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def tidy(row: Json) -> Json:
    """The row without what it does not have."""
    return {key: value for key, value in row.items() if value is not None and value != ""}


def average(contract: Contract, order: Order) -> int | Decimal | None:
    """Average fill price, None without a fill."""
    if not order.cum:
        return None
    price = Decimal(order.value) * contract.item.tick / order.cum
    return number(price.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def order_row(contract: Contract, account: int, order: Ticket) -> Json:
    """An order of REST and of the order table."""
    return tidy({
        "orderID": order_guid(account, order.order_id), "clOrdID": order.client_id, "account": account,
        "symbol": order.symbol, "strategy": STRATEGY, "side": side_name(order.side),
        "orderQty": order.qty * contract.unit or None,
        "price": number(contract.item.price(order.price)) if order.kind == "LIMIT" else None,
        "currency": contract.quote, "settlCurrency": "" if contract.is_spot else contract.settle,
        "ordType": order.asked or KINDS[order.kind],
        "stopPx": number(contract.item.price(order.stop_price)) if order.stop_price else None,
        "pegOffsetValue": number(contract.item.tick * order.peg) if order.peg else None,
        "pegPriceType": "TrailingStopPeg" if order.peg else None, "triggered": order.triggered,
        "ordRejReason": order.refused,
        "timeInForce": TIMES[order.tif], "execInst": order.exec_inst, "ordStatus": STATUS[order.status],
        "workingIndicator": order.is_open and not order.waits,
        "leavesQty": order.left * contract.unit if order.is_open else 0,
        "cumQty": order.cum * contract.unit, "avgPx": average(contract, order), "text": order.text,
        "transactTime": iso(order.updated), "timestamp": iso(order.updated)})


def report_row(contract: Contract, account: int, order: Ticket, exec_id: str, kind: str) -> Json:
    """An execution report of an order that is not a trade: New, Canceled, Replaced."""
    row = order_row(contract, account, order)
    return {"execID": exec_id, **row, "execType": kind}


def trade_row(contract: Contract, account: int, order: Ticket, exec_id: str, match: str, qty: int, price: Decimal,
              cost: int, paid: int, profit: int, maker: bool, per_quote: int) -> Json:
    """An execution report of a fill. qty unsigned; cost and paid as execCost and execComm."""
    home, foreign = contract.notional(qty, price, per_quote)
    return {"execID": exec_id, **order_row(contract, account, order), "execType": "Trade", "lastQty": qty,
            "lastPx": number(price), "lastLiquidityInd": "AddedLiquidity" if maker else "RemovedLiquidity",
            "commission": number(contract.maker if maker else contract.taker), "feeType": "Maker" if maker else "Taker",
            "tradePublishIndicator": "PublishTrade", "trdMatchID": match, "execCost": cost, "execComm": paid,
            "homeNotional": number(home * order.side), "foreignNotional": number(-foreign * order.side),
            "realisedPnl": profit, "trdType": "Regular"}


def funding_row(contract: Contract, account: int, qty: int, exec_id: str, mark: Decimal, rate: Decimal, paid: int,
                at: int, per_quote: int) -> Json:
    """The execution report of a funding. It has no side: foreignNotional > 0 tells a short (bitmex.md 10.5)."""
    home, foreign = contract.notional(qty, mark, per_quote)
    sign = 1 if qty > 0 else -1
    return {"execID": exec_id, "orderID": NOBODY, "account": account, "symbol": contract.symbol, "strategy": STRATEGY,
            "lastQty": abs(qty), "lastPx": number(mark), "orderQty": abs(qty), "price": number(mark),
            "currency": contract.quote, "settlCurrency": contract.settle, "execType": "Funding", "ordType": "Limit",
            "timeInForce": "AtTheClose", "ordStatus": "Filled", "workingIndicator": False, "leavesQty": 0,
            "cumQty": abs(qty), "avgPx": number(mark), "commission": number(rate), "text": "Funding",
            "execCost": contract.cost(qty, mark), "execComm": paid, "homeNotional": number(home * sign),
            "foreignNotional": number(-foreign * sign), "transactTime": iso(at), "timestamp": iso(at),
            "tradePublishIndicator": "DoNotPublishTrade"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Sums of a symbol's open orders: contracts and worth of each side."""

    buys: int = 0
    sells: int = 0
    buy_value: int = 0
    sell_value: int = 0


def position_row(contract: Contract, account: int, holding: Holding, mark: Decimal, waiting: Waiting, balance: int,
                 per_quote: int, now: int) -> Json:
    """A position; flat ones keep their row with currentQty 0."""
    qty = holding.qty
    value = contract.cost(qty, mark) if qty else 0
    home, foreign = contract.notional(qty, mark, per_quote) if qty else (Decimal(0), Decimal(0))
    profit = bitmex_money.unrealised(contract, holding, mark)
    rate = bitmex_money.margin_rate(contract, holding)
    margin = bitmex_money.order_margin(contract, holding, mark, waiting.buy_value, waiting.sell_value)
    held = bitmex_money.order_margin(contract, holding, mark, 0, 0)
    entry = contract.entry(qty, holding.cost)
    sign = (qty > 0) - (qty < 0)
    limit = bitmex_money.liquidation_price(contract, holding, balance)
    row: Json = {
        "account": account, "symbol": contract.symbol, "strategy": STRATEGY, "currency": contract.settle,
        "underlying": contract.underlying, "quoteCurrency": contract.quote, "commission": number(contract.taker),
        "initMarginReq": number(rate.quantize(Decimal("1e-8"))), "maintMarginReq": number(contract.maintenance),
        "riskLimit": contract.risk_limit, "leverage": number(holding.leverage or Decimal(contract.most_leverage)),
        "crossMargin": not holding.leverage, "rebalancedPnl": 0, "prevRealisedPnl": holding.before,
        "prevUnrealisedPnl": 0, "openingQty": holding.opening, "openOrderBuyQty": waiting.buys,
        "openOrderBuyCost": -waiting.buy_value if contract.is_inverse else waiting.buy_value,
        "openOrderBuyPremium": 0, "openOrderSellQty": waiting.sells,
        "openOrderSellCost": waiting.sell_value if contract.is_inverse else -waiting.sell_value,
        "openOrderSellPremium": 0, "currentQty": qty, "currentCost": holding.traded, "currentComm": holding.comm,
        "realisedCost": holding.traded - holding.cost, "unrealisedCost": holding.cost, "grossOpenPremium": 0,
        "isOpen": bool(qty), "markPrice": number(mark), "markValue": value, "riskValue": abs(value),
        "homeNotional": number(home * sign), "foreignNotional": number(-foreign * sign), "posCost": holding.cost,
        "posCross": 0, "posComm": 0, "posLoss": 0, "posMargin": held, "posMaint": half_up(
            abs(holding.cost) * contract.maintenance), "posInit": held, "initMargin": margin - held,
        "maintMargin": held + profit if holding.leverage else held, "realisedPnl": holding.realised,
        "unrealisedPnl": profit, "unrealisedPnlPcnt": 0, "unrealisedRoePcnt": 0, "timestamp": iso(now)}
    if qty:
        part = Decimal(profit) / max(1, abs(holding.cost))
        row |= {"avgCostPrice": number(entry), "avgEntryPrice": number(entry), "breakEvenPrice": number(entry),
                "unrealisedPnlPcnt": number(round(part, 4)), "unrealisedRoePcnt": number(round(part / rate, 4)),
                "marginCallPrice": limit and number(limit), "liquidationPrice": limit and number(limit),
                "bankruptPrice": limit and number(limit), "deleveragePercentile": 1}
    return tidy(row)


def margin_row(account: int, currency: str, amount: int, holdings: list[tuple[Contract, Holding, Decimal, Waiting]],
               locked: int, now: int) -> Json:
    """The margin account of one currency; holdings are those settled in it, `locked` is what open spot orders need."""
    realised = sum(h.realised for _, h, _, _ in holdings)
    profit = sum(bitmex_money.unrealised(c, h, mark) for c, h, mark, _ in holdings)
    worth = sum(c.value(h.qty, mark) for c, h, mark, _ in holdings)
    kept = sum(bitmex_money.order_margin(c, h, mark, 0, 0) for c, h, mark, _ in holdings)
    used = locked + sum(bitmex_money.order_margin(c, h, mark, w.buy_value, w.sell_value) for c, h, mark, w in holdings)
    wallet, balance = amount + realised, amount + realised + profit
    free = max(0, balance - used)
    leverage = Decimal(worth) / balance if balance > 0 else Decimal(0)
    part = Decimal(used) / balance if balance > 0 else Decimal(0)
    return {"account": account, "currency": currency, "riskLimit": 1_000_000_000_000, "amount": amount,
            "prevRealisedPnl": sum(h.before for _, h, _, _ in holdings),
            "grossComm": sum(h.comm for _, h, _, _ in holdings),
            "grossOpenCost": sum(w.buy_value + w.sell_value for _, _, _, w in holdings), "grossOpenPremium": 0,
            "grossExecCost": sum(abs(h.traded) for _, h, _, _ in holdings), "grossMarkValue": worth,
            "riskValue": worth, "initMargin": used - kept, "maintMargin": kept, "targetExcessMargin": 0,
            "realisedPnl": realised, "unrealisedPnl": profit, "walletBalance": wallet, "marginBalance": balance,
            "marginLeverage": number(round(leverage, 8)), "marginUsedPcnt": number(round(part, 4)),
            "excessMargin": free, "availableMargin": free, "withdrawableMargin": max(0, min(free, wallet)),
            "makerFeeDiscount": 0, "takerFeeDiscount": 0, "foreignMarginBalance": 0, "foreignRequirement": 0,
            "timestamp": iso(now)}


def wallet_row(account: int, currency: str, moved: list[tuple[str, int]], amount: int, now: int) -> Json:
    """The wallet of one currency; `moved`: kinds and amounts of its history."""
    def total(kind: str, sign: int) -> int:
        return sum(abs(one) for name, one in moved if name == kind and one * sign > 0)
    return {"account": account, "currency": currency, "deposited": total("Deposit", 1),
            "withdrawn": total("Withdrawal", -1), "transferIn": total("Transfer", 1),
            "transferOut": total("Transfer", -1), "amount": amount, "pendingCredit": 0, "pendingDebit": 0,
            "confirmedDebit": 0, "timestamp": iso(now)}


def movement_row(account: int, count: int, currency: str, kind: str, amount: int, address: str, balance: int,
                 at: int) -> Json:
    """A row of the wallet's history."""
    return tidy({"transactID": guid(2, count), "account": account, "currency": currency, "transactType": kind,
                 "amount": amount, "fee": 0, "transactStatus": "Completed", "address": address,
                 "transactTime": iso(at), "timestamp": iso(at), "walletBalance": balance})
