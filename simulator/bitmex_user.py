"""BitMEX's account calls: executions, positions, leverage, margin, wallet, user, key rights."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.bitmex_instruments import ASSETS, SCALES, Contract, number
from simulator.bitmex_rows import Json
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import Call, No, Route, table

HISTORY = ("Trade", "Funding", "Settlement")
BORN = "2020-01-01T00:00:00.000Z"


def executions(venue: BitmexVenue, call: Call) -> Any:
    """GET /execution: every report."""
    return table(call, seen(venue, call))


def trade_history(venue: BitmexVenue, call: Call) -> Any:
    """GET /execution/tradeHistory: fills, funding and settlements only."""
    return table(call, [row for row in seen(venue, call) if row["execType"] in HISTORY])


def seen(venue: BitmexVenue, call: Call) -> list[Json]:
    """Reports as the (perhaps lagging) copy has them."""
    rows = venue.account.executions
    return rows if call.as_of is None else [row for row in rows if row["timestamp"] <= call.as_of]


def positions(venue: BitmexVenue, call: Call) -> Any:
    """GET /position; flat ones stay."""
    return table(call, [venue.position_row(symbol) for symbol in venue.touched()])


def margined(venue: BitmexVenue, call: Call) -> Contract:
    """The contract a call names. Refuses spot pairs, which have no margin."""
    contract = venue.contract(call.text("symbol"))
    if contract.is_spot:
        raise No(400, "Invalid symbol")
    return contract


def set_leverage(venue: BitmexVenue, call: Call) -> Any:
    """POST /position/leverage: 0 = cross."""
    contract = margined(venue, call)
    leverage = call.decimal("leverage")
    if leverage is None or leverage < 0 or leverage > contract.most_leverage or 0 < leverage < Decimal("0.01"):
        raise No(400, "Invalid leverage")
    venue.set_leverage(contract.symbol, leverage)
    return venue.position_row(contract.symbol)


def isolate(venue: BitmexVenue, call: Call) -> Any:
    """POST /position/isolate: isolated at the highest leverage, or cross again."""
    contract = margined(venue, call)
    held = venue.account.holding(contract.symbol).leverage
    wanted = held or Decimal(contract.most_leverage)
    venue.set_leverage(contract.symbol, wanted if call.flag("enabled", True) else Decimal(0))
    return venue.position_row(contract.symbol)


def one_or_all(venue: BitmexVenue, call: Call, row: Any) -> Any:
    """A row of one currency (XBt unless told), or the list of all."""
    currency = call.text("currency") or "XBt"
    if currency == "all":
        return [row(name) for name in venue.account.wallets]
    if currency not in venue.account.wallets:
        raise No(400, f"Account has no {currency}")
    return row(currency)


def margin(venue: BitmexVenue, call: Call) -> Any:
    """GET /user/margin."""
    return one_or_all(venue, call, venue.margin_row)


def wallet(venue: BitmexVenue, call: Call) -> Any:
    """GET /user/wallet."""
    return one_or_all(venue, call, venue.wallet_row)


def wallet_history(venue: BitmexVenue, call: Call) -> Any:
    """GET /user/walletHistory, newest first unless told otherwise."""
    currency = call.text("currency") or "XBt"
    rows = [row for row in venue.account.movements if currency in ("all", row["currency"])
            and (call.as_of is None or row["timestamp"] <= call.as_of)]
    return table(call, rows, most=10000, reverse=True)


def user(venue: BitmexVenue, call: Call) -> Any:
    """GET /user."""
    return {"id": venue.account.number, "username": f"sim{venue.account.number}", "email": "nobody@bundled.exchange",
            "firstname": "Bundled", "lastname": "Exchange", "created": BORN, "lastUpdated": BORN,
            "preferences": {}, "TFAEnabled": "", "typ": "Individual"}


def commission(venue: BitmexVenue, call: Call) -> Any:
    """GET /user/commission."""
    return {s: {"makerFee": number(c.maker), "takerFee": number(c.taker), "settlementFee": 0}
            for s, c in venue.contracts.items()}


def margining_mode(venue: BitmexVenue, call: Call) -> Any:
    """GET /user/marginingMode: each currency on its own."""
    return {"marginingMode": "SingleAsset"}


def api_keys(venue: BitmexVenue, call: Call) -> Any:
    """GET /apiKey: a key that may place and cancel orders and may not withdraw (fault "withdraw")."""
    rights = ["order", "orderCancel"] + (["withdraw"] if venue.faults.first("withdraw") else [])
    return [{"id": venue.account.api_key, "name": "bundled", "nonce": 0, "cidr": "0.0.0.0/0", "permissions": rights,
             "enabled": True, "userId": venue.account.number, "created": BORN}]


def assets(venue: BitmexVenue, call: Call) -> Any:
    """GET /wallet/assets."""
    return [{"asset": ASSETS[name], "currency": name, "majorCurrency": ASSETS[name], "name": ASSETS[name],
             "currencyType": "Crypto", "scale": scale, "enabled": True, "isMarginCurrency": True, "networks": []}
            for name, scale in SCALES.items()]


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v1/execution"): Route(executions),
    ("GET", "/api/v1/execution/tradeHistory"): Route(trade_history),
    ("GET", "/api/v1/position"): Route(positions),
    ("POST", "/api/v1/position/leverage"): Route(set_leverage, is_order=True),
    ("POST", "/api/v1/position/isolate"): Route(isolate, is_order=True),
    ("GET", "/api/v1/user"): Route(user),
    ("GET", "/api/v1/user/margin"): Route(margin),
    ("GET", "/api/v1/user/wallet"): Route(wallet),
    ("GET", "/api/v1/user/walletHistory"): Route(wallet_history),
    ("GET", "/api/v1/user/commission"): Route(commission),
    ("GET", "/api/v1/user/marginingMode"): Route(margining_mode),
    ("GET", "/api/v1/apiKey"): Route(api_keys),
    ("GET", "/api/v1/wallet/assets"): Route(assets, keyed=False),
}
