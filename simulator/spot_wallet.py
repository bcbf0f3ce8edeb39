"""The histories of the spot wallet: deposits, withdrawals, transfers between the account's wallets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulator.errors import Refused
from simulator.money import plain
from simulator.payloads import Json
from simulator.spot_rows import Movement
from simulator.spot_venue import SpotVenue
from simulator.wire import Request, Route

DAY_MS = 86400 * 1000
DEPOSIT, WITHDRAW = "DEPOSIT", "WITHDRAW"


def seen(spot: SpotVenue, request: Request, kind: str, most_days: int) -> list[Movement]:
    """Movements of a kind within the window, newest first."""
    now = spot.clock.now()
    start, end = request.integer("startTime"), request.integer("endTime")
    if start is not None and end is not None and end - start > most_days * DAY_MS:
        raise Refused(-1127, f"More than {most_days} days between startTime and endTime.")
    begin = now - 90 * DAY_MS if start is None else start
    return [m for m in reversed(spot.account.movements) if m.kind == kind and begin <= m.time
            and (end is None or m.time <= end) and (request.as_of is None or m.time <= request.as_of)]


def capital(kind: str) -> Any:
    """GET capital/deposit/hisrec or capital/withdraw/history, paged by offset."""
    row = deposit_row if kind == DEPOSIT else withdrawal_row

    def handler(spot: SpotVenue, request: Request) -> Any:
        offset, limit = request.integer("offset", 0) or 0, request.limit(1000, 1000)
        return [row(m) for m in seen(spot, request, kind, 90)[offset:offset + limit]]
    return handler


def deposit_row(moved: Movement) -> Json:
    """A deposit that is credited."""
    return {"id": str(moved.number), "amount": plain(moved.amount), "coin": moved.asset, "network": moved.asset,
            "status": 1, "address": "bundled", "addressTag": "", "txId": f"bundled-{moved.number}",
            "insertTime": moved.time, "completeTime": moved.time, "transferType": 0, "confirmTimes": "1/1",
            "unlockConfirm": 0, "walletType": 0}


def withdrawal_row(moved: Movement) -> Json:
    """A withdrawal that is done."""
    at = f"{datetime.fromtimestamp(moved.time // 1000, UTC):%Y-%m-%d %H:%M:%S}"
    return {"id": str(moved.number), "amount": plain(-moved.amount), "transactionFee": "0", "coin": moved.asset,
            "status": 6, "address": "bundled", "txId": f"bundled-{moved.number}", "applyTime": at,
            "network": moved.asset, "transferType": 0, "info": "", "confirmNo": 1, "walletType": 0, "txKey": "",
            "completeTime": at}


def transfers(spot: SpotVenue, request: Request) -> Any:
    """GET asset/transfer of one way, paged by number."""
    way = request.need("type")
    size, page = request.integer("size", 10) or 10, request.integer("current", 1) or 1
    if not 1 <= size <= 100:
        raise Refused(-1130, "Data sent for parameter 'size' is not valid.")
    found = seen(spot, request, way, 184)
    if not found:
        return {"total": 0}
    return {"total": len(found), "rows": [
        {"asset": m.asset, "amount": plain(abs(m.amount)), "type": way, "status": "CONFIRMED", "tranId": m.number,
         "timestamp": m.time} for m in found[(page - 1) * size:page * size]]}


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/sapi/v1/capital/deposit/hisrec"): Route(capital(DEPOSIT), 1, "SIGNED"),
    ("GET", "/sapi/v1/capital/withdraw/history"): Route(capital(WITHDRAW), 1, "SIGNED"),
    ("GET", "/sapi/v1/asset/transfer"): Route(transfers, 1, "SIGNED"),
}
