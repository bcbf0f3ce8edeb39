"""The BitMEX account's money: positions in contracts and cost, profit, fees, funding. Whole minor units only.

A position is a signed quantity and the signed cost it was entered at (execCost's sign), so that in every category
unrealised profit = value at the mark − cost, and what closing pays is −(its cost + the cost of what it closes).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from simulator.bitmex_instruments import Contract, fee, half_up


@dataclass(frozen=True, slots=True)
class Holding:
    """One symbol of the account. realised, comm, funding: of the session, since the day's settlement at 12:00 UTC."""

    symbol: str
    qty: int = 0
    cost: int = 0
    realised: int = 0  # after fees and funding, as BitMEX's realisedPnl
    comm: int = 0  # fees and funding paid
    traded: int = 0  # sum of execCost
    before: int = 0  # prevRealisedPnl
    opening: int = 0  # qty at the settlement
    leverage: Decimal = Decimal(0)  # 0 = cross
    updated: int = 0


def after_fill(contract: Contract, holding: Holding, qty: int, price: Decimal, paid: int) -> tuple[Holding, int, int]:
    """Holding after a fill of signed `qty`, the fill's cost, and the profit it realised before the fee `paid`."""
    cost = contract.cost(qty, price)
    new_qty = holding.qty + qty
    if holding.qty * qty >= 0:
        profit, new_cost = 0, holding.cost + cost
    elif abs(qty) <= abs(holding.qty):
        closed = half_up(Decimal(holding.cost) * abs(qty) / abs(holding.qty))
        profit, new_cost = -(cost + closed), holding.cost - closed
    else:  # turned over: the rest begins at this price
        new_cost = contract.cost(new_qty, price)
        profit = -(cost - new_cost + holding.cost)
    after = replace(holding, qty=new_qty, cost=new_cost, realised=holding.realised + profit - paid,
                    comm=holding.comm + paid, traded=holding.traded + cost)
    return after, cost, profit


def funding_payment(contract: Contract, qty: int, mark: Decimal, rate: Decimal) -> int:
    """What the account pays at a funding time (negative: gets): with a positive rate longs pay shorts."""
    return (1 if qty > 0 else -1) * fee(contract.value(qty, mark), rate)


def paid_for(contract: Contract, value: int) -> int:
    """What buying a spot pair for `value` takes at most: the taker's fee with it."""
    return value + fee(value, contract.taker)


def unrealised(contract: Contract, holding: Holding, mark: Decimal) -> int:
    """Profit not yet taken."""
    return contract.cost(holding.qty, mark) - holding.cost if holding.qty else 0


def order_margin(contract: Contract, holding: Holding, mark: Decimal, buys: int, sells: int) -> int:
    """Initial margin of one symbol: the larger of what all buys or all sells would leave, with the taker's fee."""
    value = contract.value(holding.qty, mark) * (1 if holding.qty > 0 else -1) if holding.qty else 0
    worst = max(abs(value + buys), abs(value - sells), abs(value))
    return half_up(worst * (margin_rate(contract, holding) + contract.taker))


def margin_rate(contract: Contract, holding: Holding) -> Decimal:
    """Initial margin in parts of the value: 1/leverage, in cross the contract's own."""
    return 1 / holding.leverage if holding.leverage else contract.init


def liquidation_price(contract: Contract, holding: Holding, balance: int) -> Decimal | None:
    """Where the balance would be down to the maintenance margin; None when no price does that. An estimate."""
    if not holding.qty:
        return None
    worth = abs(holding.cost)
    room = balance - half_up(worth * contract.maintenance)
    loses_up = (holding.qty < 0) != contract.is_inverse  # whether the value grows when the account loses
    edge = worth + room if loses_up else worth - room
    if edge <= 0:
        return None
    price = contract.entry(holding.qty, edge)
    return price.quantize(contract.item.tick, ROUND_HALF_UP) if 0 < price < contract.max_price else None
