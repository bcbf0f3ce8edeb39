"""BitMEX's order calls: place, amend, cancel, ask, the dead-man switch. Checks and sentences are BitMEX's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from simulator.bitmex_instruments import Contract, iso
from simulator.bitmex_rows import Json, Ticket, order_guid, order_row
from simulator.bitmex_stops import KINDS, read_stop, read_stop_price
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import Call, No, Route, table

TIMES = {"GoodTillCancel": "GTC", "ImmediateOrCancel": "IOC", "FillOrKill": "FOK", "Day": "DAY"}
INSTRUCTIONS = ("ParticipateDoNotInitiate", "ReduceOnly", "Close", "LastPrice", "MarkPrice", "IndexPrice")
LONGEST_ID = 36
MAX_OPEN = 200
VIA_API = "Submitted via API."


# ---- reading an order

def read_order(venue: BitmexVenue, call: Call) -> tuple[Contract, Ticket]:
    """The order a request describes, checked against everything but the margin and the book."""
    contract = venue.contract(call.text("symbol"))
    kind = read_kind(call)
    words = [word.strip() for word in call.text("execInst").split(",") if word.strip()]
    if any(word not in INSTRUCTIONS for word in words):
        raise No(400, "Invalid execInst")
    if contract.is_spot and ("Close" in words or "ReduceOnly" in words):
        raise No(400, "Invalid execInst")  # there is no position
    closing = "Close" in words and not call.has("orderQty")
    side, qty = (read_side(call), 0) if closing else read_qty(contract, call)
    tif = read_time_in_force(call, kind)
    if "ParticipateDoNotInitiate" in words:
        if "Limit" not in kind or tif != "GTC":
            raise No(400, "Invalid execInst")
        tif = "GTX"
    works_as = KINDS.get(kind, kind.upper())
    price = read_price(contract, call.decimal("price")) if works_as == "LIMIT" else 0
    text = f"{VIA_API}\n{call.text('text')}" if call.has("text") else VIA_API
    ticket = Ticket(contract.symbol, side, price, qty // contract.unit, works_as, tif, True,
                    client_id=read_client_id(venue, call.text("clOrdID")), exec_inst=",".join(words), text=text,
                    reduce_only="ReduceOnly" in words or "Close" in words, asked=kind if kind in KINDS else "")
    if ticket.asked:
        read_stop(venue, contract, call, ticket)
    elif ticket.reduce_only:
        check_reduces(venue, ticket, closing)
    if sum(o.symbol == contract.symbol for o in venue.account.open.values()) >= MAX_OPEN:
        raise No(400, "Too many open orders")
    return contract, ticket


def read_kind(call: Call) -> str:
    """The type; inferred from the prices when it is not told."""
    stop = call.has("stopPx") or call.has("pegPriceType")
    told = {(True, True): "StopLimit", (True, False): "Stop", (False, True): "Limit", (False, False): "Market"}
    kind = call.text("ordType") or told[stop, call.has("price")]
    if kind not in ("Limit", "Market", *KINDS):
        raise No(400, "Invalid ordType")
    if stop != (kind in KINDS):
        raise No(400, "Invalid stopPx for ordType")
    if "Limit" in kind and not call.has("price"):
        raise No(400, "Invalid price")
    return kind


def read_side(call: Call) -> int:
    """+1 or −1; without a side a negative quantity sells."""
    told = call.text("side")
    if told not in ("", "Buy", "Sell"):
        raise No(400, "Invalid side")
    if told:
        return 1 if told == "Buy" else -1
    return -1 if (call.decimal("orderQty") or 0) < 0 else 1


def read_qty(contract: Contract, call: Call) -> tuple[int, int]:
    """Side and contracts of a new order."""
    qty = call.integer("orderQty", 0) or 0
    if qty < 0 and call.text("side") == "Buy":
        raise No(400, "Invalid orderQty")
    return read_side(call), whole_lots(contract, abs(qty), "orderQty")


def whole_lots(contract: Contract, qty: int, name: str) -> int:
    """A quantity that is whole lots and not too much."""
    if qty <= 0 or qty % contract.lot_size or qty > contract.max_qty:
        raise No(400, f"Invalid {name}")
    return qty


def read_price(contract: Contract, price: Decimal | None) -> int:
    """Ticks of a limit price."""
    if price is None or not 0 < price <= contract.max_price:
        raise No(400, "Invalid price")
    if price % contract.item.tick:
        raise No(400, "Invalid price tickSize")
    return int(price / contract.item.tick)


def read_time_in_force(call: Call, kind: str) -> str:
    """A market order is immediate or nothing."""
    told = call.text("timeInForce")
    if told and told not in TIMES:
        raise No(400, "Invalid timeInForce")
    if "Limit" not in kind:
        return "FOK" if told == "FillOrKill" else "IOC"
    return TIMES[told] if told else "GTC"


def read_client_id(venue: BitmexVenue, client_id: str, own: str = "") -> str:
    """The client's id: at most 36 characters, and of no open order (a finished order's may come again)."""
    if len(client_id) > LONGEST_ID:
        raise No(400, "Invalid clOrdID")
    if client_id and client_id != own and any(o.client_id == client_id for o in venue.account.open.values()):
        raise No(400, "Duplicate clOrdID")
    return client_id


def check_reduces(venue: BitmexVenue, ticket: Ticket, closing: bool) -> None:
    """Refuse a reduce-only order that has nothing to reduce; Close without a quantity takes the whole position."""
    left = venue.account.reducible(ticket)
    if not left:
        word = "Buy" if ticket.side > 0 else "Sell"
        raise No(400, f"Order had execInst of Close or ReduceOnly and side {word} but current position is "
                      f"{venue.account.holding(ticket.symbol).qty}")
    if closing:
        ticket.qty = left


# ---- changing orders

def place(venue: BitmexVenue, call: Call) -> Any:
    """POST /order: the row as the order now stands."""
    contract, ticket = read_order(venue, call)
    venue.place(contract, ticket)
    return row_of(venue, ticket)


def amend(venue: BitmexVenue, call: Call) -> Any:
    """PUT /order: orderQty or leavesQty, and price."""
    if not call.has("orderID") and not call.has("origClOrdID"):
        raise No(400, "orderID or origClOrdID must be sent")
    ticket = venue.account.find(call.text("orderID"), call.text("origClOrdID"))
    if ticket is None:
        raise No(400, "Invalid orderID" if call.has("orderID") else "Invalid origClOrdID")
    contract = venue.contract(ticket.symbol)
    total, leaves = call.integer("orderQty"), call.integer("leavesQty")
    if total is None and leaves is None and not any(call.has(n) for n in ("price", "clOrdID", "stopPx")):
        raise No(400, "Invalid amend: orderQty, leavesQty, price, stopPx, or pegOffsetValue must be provided")
    if total is not None and leaves is not None:
        raise No(400, "Invalid amend: either orderQty or leavesQty may be sent")
    if not ticket.is_open:
        raise No(400, f"Invalid ordStatus: {row_of(venue, ticket)['ordStatus']}")
    done = ticket.cum * contract.unit
    if leaves is not None:
        if leaves < 0:
            raise No(400, "Invalid leavesQty")
        total = leaves + done
    if total is not None and (total < done or total <= 0 or (total != done and leaves is None and
                                                             whole_lots(contract, total, "orderQty") <= 0)):
        raise No(400, "Invalid orderQty")
    price = read_price(contract, call.decimal("price")) if call.has("price") else ticket.price
    client_id = read_client_id(venue, call.text("clOrdID"), ticket.client_id) or ticket.client_id
    qty = ticket.qty if total is None else total // contract.unit
    stop = ticket.stop_price
    if call.has("stopPx"):
        if not ticket.waits or ticket.peg:
            raise No(400, "Invalid stopPx for ordType")
        stop = read_stop_price(contract, call.decimal("stopPx"))
    if (price, qty, client_id, stop) != (ticket.price, ticket.qty, ticket.client_id, ticket.stop_price):
        venue.amend(ticket, price, qty, client_id, stop)
    return row_of(venue, ticket)


def cancel(venue: BitmexVenue, call: Call) -> Any:
    """DELETE /order: always a list; what could not be canceled is a short row with its error."""
    ids = [("orderID", one) for one in several(call, "orderID")]
    ids = ids or [("clOrdID", one) for one in several(call, "clOrdID")]
    if not ids:
        raise No(400, "orderID or clOrdID must be sent")
    out = []
    for name, value in ids:
        ticket = venue.account.find(value if name == "orderID" else "", value if name == "clOrdID" else "")
        if ticket is None:
            if len(ids) == 1:
                raise No(404, "Not Found")
            out.append({"account": venue.account.number, name: value, "error": "Not Found",
                        "workingIndicator": False})
            continue
        out.append(cancel_one(venue, ticket, call.text("text")))
    return out


def cancel_one(venue: BitmexVenue, ticket: Ticket, text: str) -> Json:
    """One order canceled, or the row that says why not."""
    fault = venue.faults.first("fill_on_cancel", ticket.symbol)
    if fault and ticket.is_open:
        venue.faults.use(fault)
        venue.move(venue.markets[ticket.symbol], ticket.stop_price if ticket.waits else ticket.price)
    if not ticket.is_open:
        now = iso(venue.clock.now())
        return {"account": venue.account.number, "orderID": order_guid(venue.account.number, ticket.order_id),
                "error": "Unable to cancel order due to existing state", "workingIndicator": False,
                "timestamp": now, "transactTime": now}
    venue.cancel(ticket, f"Canceled\nCanceled via API.{f' {text}' if text else ''}")
    return row_of(venue, ticket)


def several(call: Call, name: str) -> list[str]:
    """A parameter that is one text or a list of them."""
    value = call.json(name)
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [call.text(name)]


def cancel_all(venue: BitmexVenue, call: Call) -> Any:
    """DELETE /order/all: of a symbol, a side or everything."""
    if call.has("symbol"):
        venue.contract(call.text("symbol"))
    call.params.setdefault("count", 500)
    wanted = {row["orderID"] for row in table(call, [row_of(venue, o) for o in venue.account.open.values()])}
    orders = [o for o in venue.account.open.values() if order_guid(venue.account.number, o.order_id) in wanted]
    venue.cancel_all(orders, "Canceled\nCanceled via API.")
    return [row_of(venue, order) for order in orders]


def cancel_all_after(venue: BitmexVenue, call: Call) -> Any:
    """POST /order/cancelAllAfter: the dead-man switch in ms, 0 ends it."""
    timeout = call.integer("timeout")
    if timeout is None or timeout < 0:
        raise No(400, "Invalid timeout")
    return {"now": iso(venue.clock.now()), "cancelTime": iso(venue.arm(timeout))}


# ---- asking

def orders(venue: BitmexVenue, call: Call) -> Any:
    """GET /order, oldest first unless reversed."""
    return table(call, [row_of(venue, order) for order in seen_orders(venue, call)])


def seen_orders(venue: BitmexVenue, call: Call) -> list[Ticket]:
    """Orders as the (perhaps lagging) copy has them, those a filter cannot mean left out early."""
    wanted = call.json("filter")
    symbol = call.text("symbol")
    pool = venue.account.orders
    if call.as_of is None and isinstance(wanted, dict) and wanted.get("open") is True:
        pool = venue.account.open
    seen = (at(order, call.as_of) for order in pool.values() if not symbol or order.symbol == symbol)
    return [order for order in seen if order is not None]


def at(order: Ticket, as_of: str | None) -> Ticket | None:
    """An order as it was at a time; None before it existed."""
    if as_of is None:
        return order
    versions = [version for version in order.log if iso(version[0]) <= as_of]
    if not versions:
        return None
    when, status, cum, value, qty, price = versions[-1]
    return replace(order, updated=when, status=status, cum=cum, value=value, qty=qty, price=price, log=[])


def row_of(venue: BitmexVenue, order: Ticket) -> Json:
    """An order's row."""
    return order_row(venue.contracts[order.symbol], venue.account.number, order)


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/api/v1/order"): Route(place, is_order=True),
    ("PUT", "/api/v1/order"): Route(amend, is_order=True),
    ("DELETE", "/api/v1/order"): Route(cancel, is_order=True),
    ("GET", "/api/v1/order"): Route(orders),
    ("DELETE", "/api/v1/order/all"): Route(cancel_all, is_order=True),
    ("POST", "/api/v1/order/cancelAllAfter"): Route(cancel_all_after),
}
