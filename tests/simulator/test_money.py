"""Money of the bundled exchange beyond trades: fundings of one moment, movements of every wallet, settlements, fees."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal as D
from typing import Any

import pytest
import requests

from tests.simulator.bitmex_client import Bitmex
from tests.simulator.coin_client import Coin
from tests.simulator.sim_client import Exchange
from tests.simulator.spot_client import Spot

Row = dict[str, Any]


def wallet(rows: Iterable[Row], asset: str) -> D:
    """What truth says is there."""
    return next(D(row["wallet"]) for row in rows if row["asset"] == asset)


def linear(exchange: Exchange, what: str) -> list[Row]:
    """USD-M's rows of truth."""
    return [row for row in exchange.truth()[what] if row["category"] == "linear"]


def test_two_symbols_are_funded_in_the_same_millisecond(exchange: Exchange) -> None:
    exchange.order("BUY", "0.010")
    exchange.order("SELL", "0.100", symbol="ETHUSDT")
    at = exchange.truth()["time"] - 5
    before = wallet(linear(exchange, "balances"), "USDT")

    exchange.control("funding", symbols=["BTCUSDT", "ETHUSDT"], rate="0.001", time=at)

    paid = [row for row in linear(exchange, "funding") if row["time"] == at]
    assert [row["symbol"] for row in paid] == ["BTCUSDT", "ETHUSDT"]
    assert [D(row["position"]) for row in paid] == [D("0.01"), D("-0.1")]
    assert wallet(linear(exchange, "balances"), "USDT") == before - sum(D(row["amount"]) for row in paid)
    rows = exchange.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE", startTime=at, endTime=at)
    assert {f"linear:{row['symbol']}:F{row['tranId']}": -D(row["income"]) for row in rows} == {
        row["id"]: D(row["amount"]) for row in paid}


@pytest.mark.parametrize(("amount", "kind", "reason"), [
    ("250.5", None, "DEPOSIT"), ("-20", None, "WITHDRAW"), ("-1.25", "INSURANCE_CLEAR", "INSURANCE_CLEAR"),
    ("0.01", "REFERRAL_KICKBACK", "REFERRAL_KICKBACK")])
def test_movements_of_usdm_are_income_and_told_on_the_stream(
        exchange: Exchange, amount: str, kind: str | None, reason: str) -> None:
    stream = exchange.private()
    before = wallet(linear(exchange, "balances"), "USDT")

    exchange.control("deposit", category="linear", asset="USDT", amount=amount, **({"kind": kind} if kind else {}))

    event = stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE")[-1]
    row = exchange.ok("GET", "/fapi/v1/income", startTime=event["T"])[-1]
    assert (event["a"]["m"], D(event["a"]["B"][0]["bc"])) == (reason, D(amount))
    assert (row["incomeType"], D(row["income"]), row["symbol"]) == (kind or "TRANSFER", D(amount), "")
    truth = linear(exchange, "movements")[-1]
    assert truth["id"] == f"linear:{row['incomeType']}:{row['tranId']}:USDT" and D(truth["amount"]) == D(amount)
    assert wallet(linear(exchange, "balances"), "USDT") == before + D(amount) == D(event["a"]["B"][0]["wb"])
    stream.close()


def test_many_rows_of_one_time_are_paged_while_pages_are_counted(exchange: Exchange, coin: Coin) -> None:
    exchange.control("deposit", category="linear", asset="USDT", amount="0.01", count=2500)
    coin.control("deposit", asset="BTC", amount="0.00000001", count=1200)
    at = linear(exchange, "movements")[-1]["time"]

    pages = [exchange.ok("GET", "/fapi/v1/income", startTime=at, endTime=at, limit=1000, page=number)
             for number in (1, 2, 3)]
    exchange.fault("pageless")
    later = coin.truth("movements")[-1]["time"]
    same = [coin.ok("GET", "income", startTime=later, endTime=later, limit=1000, page=number) for number in (1, 2)]

    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert len({row["tranId"] for page in pages for row in page}) == 2500
    assert len(same[0]) == 1000 and same[0] == same[1]


def test_income_is_told_for_three_months_and_windows_of_coinm_for_a_year(exchange: Exchange, coin: Coin) -> None:
    now, day = exchange.truth()["time"], 86_400_000
    for days in (91, 89):
        for category, asset in (("linear", "USDT"), ("inverse", "BTC")):
            exchange.control("deposit", category=category, asset=asset, amount="0.5", time=now - days * day)

    assert [row["time"] for row in exchange.ok("GET", "/fapi/v1/income", startTime=now - 99 * day,
                                               endTime=now - day)] == [now - 89 * day]
    assert [row["time"] for row in coin.ok("GET", "income", startTime=now - 99 * day, endTime=now - day)] == [
        now - 91 * day, now - 89 * day]
    assert coin.code("GET", "income", startTime=now - 400 * day, endTime=now) == -1127


def test_spot_tells_deposits_withdrawals_and_transfers_by_their_own_histories(spot: Spot) -> None:
    stream = spot.private()
    begin = spot.exchange.truth()["time"]
    for asset, amount, kind in (("BTC", "0.5", None), ("BTC", "-0.2", None), ("USDT", "-100", "MAIN_UMFUTURE"),
                                ("USDT", "40", "FUNDING_MAIN")):
        spot.exchange.control("deposit", asset=asset, amount=amount, **({"kind": kind} if kind else {}))
    stream.events("balanceUpdate")

    deposit = spot.exchange.ok("GET", "/sapi/v1/capital/deposit/hisrec", startTime=begin)[0]
    withdrawal = spot.exchange.ok("GET", "/sapi/v1/capital/withdraw/history", startTime=begin)[0]
    out = spot.exchange.ok("GET", "/sapi/v1/asset/transfer", type="MAIN_UMFUTURE", startTime=begin)
    back = spot.exchange.ok("GET", "/sapi/v1/asset/transfer", type="FUNDING_MAIN", startTime=begin)
    nothing = spot.exchange.ok("GET", "/sapi/v1/asset/transfer", type="MAIN_MARGIN", startTime=begin)

    assert (deposit["coin"], D(deposit["amount"]), deposit["status"]) == ("BTC", D("0.5"), 1)
    assert (withdrawal["coin"], D(withdrawal["amount"]), withdrawal["status"]) == ("BTC", D("0.2"), 6)
    assert (out["total"], out["rows"][0]["amount"], back["rows"][0]["asset"], nothing) == (
        1, "100", "USDT", {"total": 0})
    assert [row["id"] for row in spot.truth("movements")[-4:]] == [
        f"spot:DEPOSIT:{deposit['id']}:BTC", f"spot:WITHDRAW:{withdrawal['id']}:BTC",
        f"spot:MAIN_UMFUTURE:{out['rows'][0]['tranId']}:USDT", f"spot:FUNDING_MAIN:{back['rows'][0]['tranId']}:USDT"]
    stream.close()


def test_movements_of_spot_add_up_to_the_wallet_without_trades(spot: Spot) -> None:
    moved: dict[str, D] = {}
    for row in spot.truth("movements"):
        moved[row["asset"]] = moved.get(row["asset"], D(0)) + D(row["amount"])

    fills = spot.truth("executions")
    assert fills == []
    assert {row["asset"]: D(row["wallet"]) for row in spot.truth("balances") if D(row["wallet"])} == {
        asset: amount for asset, amount in moved.items() if amount}


def test_bitmex_wallet_history_has_movements_beside_the_days_profit(bitmex: Bitmex) -> None:
    stream = bitmex.socket("wallet", keyed=True)
    before = bitmex.margin()["walletBalance"]
    for amount, kind in (("0.5", None), ("-0.25", None), ("0.00000001", "Transfer")):
        bitmex.exchange.control("deposit", market="Bitmex", asset="XBt", amount=amount,
                                **({"kind": kind} if kind else {}))

    rows = bitmex.ok("GET", "user/walletHistory", currency="XBt", count=3)
    stream.settled(lambda: any(row.get("transferIn") == 1 for row in stream.table("wallet")))
    told = next(row for row in stream.table("wallet") if row["currency"] == "XBt")

    assert [(row["transactType"], row["amount"], row["transactStatus"]) for row in rows] == [
        ("Transfer", 1, "Completed"), ("Withdrawal", -25_000_000, "Completed"), ("Deposit", 50_000_000, "Completed")]
    assert [row["id"] for row in bitmex.truth("movements")[-3:]] == [row["transactID"] for row in rows[::-1]]
    assert bitmex.margin()["walletBalance"] == before + 25_000_001
    assert (told["deposited"], told["withdrawn"], told["transferIn"]) == (150_000_000, 25_000_000, 1)
    stream.close()


def test_a_settlement_closes_the_position_by_a_fill_of_the_venue(exchange: Exchange, bitmex: Bitmex) -> None:
    exchange.fault("freeze")
    exchange.order("BUY", "0.010")
    begin = exchange.truth()["time"]
    exchange.control("settle", category="linear", symbol="BTCUSDT")
    fill = linear(exchange, "executions")[-1]
    kinds = {row["incomeType"] for row in exchange.ok("GET", "/fapi/v1/income", startTime=begin)}

    bitmex.ok("POST", "order", {"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "ordType": "Market"})
    bitmex.control("settle", "XBTUSD")
    row = bitmex.ok("GET", "execution/tradeHistory", symbol="XBTUSD", reverse="true", count=1)[0]

    assert fill["client_id"].startswith("settlement_autoclose-") and fill["side"] == "SELL"
    assert "COMMISSION" in kinds and "REALIZED_PNL" not in kinds
    assert linear(exchange, "positions") == []
    assert (row["execType"], row["side"], row["lastQty"], row["execComm"]) == ("Settlement", "Sell", 100, 0)
    assert bitmex.truth("executions")[-1]["exec_id"] == row["execID"] and "clOrdID" not in row


def test_many_fills_in_one_millisecond(exchange: Exchange) -> None:
    exchange.fault("freeze")
    bid, ask = exchange.top()
    price = str(bid + D("0.1")) if ask - bid > D("0.1") else str(bid)
    exchange.order("BUY", "0.300", price)
    ahead = sum(D(q) for p, q in exchange.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5)["bids"] if D(p) >= D(price))
    if ahead > D("0.3"):
        exchange.control("trade", symbol="BTCUSDT", side="SELL", qty=str(ahead - D("0.3")))

    exchange.control("trade", symbol="BTCUSDT", side="SELL", qty="0.300", parts=300)

    fills = linear(exchange, "executions")[-300:]
    assert len({row["time"] for row in fills}) == 1 and len({row["exec_id"] for row in fills}) == 300
    assert {row["qty"] for row in fills} == {"0.001"}


def test_rebates_and_fees_in_bnb(exchange: Exchange, spot: Spot) -> None:
    exchange.fault("freeze")
    exchange.control("fees", category="linear", maker="-0.0001", taker="0.0004")
    bid, ask = exchange.top()
    exchange.order("BUY", "0.010", str(ask))
    taken = linear(exchange, "executions")[-1]
    exchange.control("deposit", category="linear", asset="BNB", amount="1")
    exchange.ok("POST", "/fapi/v1/feeBurn", feeBurn="true")
    exchange.order("SELL", "0.010")
    burnt = linear(exchange, "executions")[-1]
    row = exchange.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")[-1]
    income = exchange.ok("GET", "/fapi/v1/income", incomeType="COMMISSION", startTime=burnt["time"])[-1]
    balances = {one["asset"]: D(one["balance"]) for one in exchange.ok("GET", "/fapi/v3/balance")}
    exchange.control("fees", category="linear", bnb=False)
    resting = exchange.order("BUY", "0.010", str(bid))
    exchange.move(bid - 1)
    made = linear(exchange, "executions")[-1]
    exchange.control("fees", category="linear", maker="0.0002", taker="0.0005")

    assert (taken["commission_asset"], D(taken["commission"])) == (
        "USDT", (D(taken["price"]) * D("0.01") * D("0.0004")).quantize(D("1e-8")))
    assert (burnt["commission_asset"], row["commissionAsset"], income["asset"]) == ("BNB",) * 3
    assert D(burnt["commission"]) == D(row["commission"]) == -D(income["income"]) == 1 - balances["BNB"] > 0
    assert made["order_id"] == str(resting["orderId"]) and D(made["commission"]) < 0
    spot.control("fees", maker="-0.0002", taker="0.001")
    order = spot.order("BUY", "0.01000", str(spot.top()[0]))
    spot.move(spot.top()[0] - 5)
    spot.control("fees", maker="0.001", taker="0.001")
    assert spot.status(order) == "FILLED"
    assert all(D(one["commission"]) < 0 for one in spot.truth("executions") if one["order_id"] == str(order["orderId"]))


def test_a_lagging_or_disordered_copy_of_the_money(exchange: Exchange, spot: Spot, bitmex: Bitmex) -> None:
    exchange.control("deposit", category="linear", asset="USDT", amount="1", count=5)
    spot.exchange.control("deposit", asset="USDT", amount="1")
    bitmex.exchange.control("deposit", market="Bitmex", asset="USDt", amount="1")
    begin = exchange.truth()["time"] - 1000
    questions: list[tuple[str, Row]] = [("/fapi/v1/income", {"startTime": begin}),
                                        ("/sapi/v1/capital/deposit/hisrec", {"startTime": begin})]
    for path, params in questions:
        assert exchange.ok("GET", path, **params)
        exchange.fault("lag", path=path, seconds=30)
        assert exchange.ok("GET", path, **params) == []
    newest = bitmex.ok("GET", "user/walletHistory", currency="all", count=1)[0]
    exchange.fault("lag", path="walletHistory", seconds=30)
    assert newest not in bitmex.ok("GET", "user/walletHistory", currency="all", count=10)
    requests.delete(f"{exchange.ready['control']}/fault", timeout=10)
    rows = exchange.ok("GET", "/fapi/v1/income", startTime=begin)
    exchange.fault("disorder", path="/fapi/v1/income")
    other = exchange.ok("GET", "/fapi/v1/income", startTime=begin)

    assert other != rows and sorted(other, key=str) == sorted(rows, key=str)


def test_bad_requests_about_money_name_the_field(exchange: Exchange) -> None:
    bad: list[tuple[str, Row, str]] = [
        ("deposit", {"category": "linear", "asset": "DOGE", "amount": 1}, "asset"),
        ("deposit", {"category": "linear", "asset": "USDT", "amount": "-1000000"}, "amount"),
        ("deposit", {"asset": "USDT", "amount": 1, "kind": "WITHDRAW"}, "kind"),
        ("deposit", {"asset": "USDT", "amount": 1, "count": 0}, "count"),
        ("deposit", {"market": "Bitmex", "asset": "XBt", "amount": "0.000000001"}, "amount"),
        ("deposit", {"category": "quanto", "asset": "USDT", "amount": 1}, "category"),
        ("funding", {"symbol": "BTCUSDT", "time": 5}, "time"), ("funding", {"symbols": "BTCUSDT"}, "symbols"),
        ("trade", {"symbol": "BTCUSDT", "side": "BUY", "qty": "0.010", "parts": 3}, "parts"),
        ("fees", {"category": "linear", "maker": "0"}, "taker"), ("fees", {"market": "Bitmex"}, "market"),
        ("settle", {"category": "linear", "symbol": "BTCUSDT"}, "refused"),
        ("settle", {"category": "spot", "symbol": "BTCUSDT"}, "category")]
    for name, body, field in bad:
        answer = requests.post(f"{exchange.ready['control']}/{name}", json=body, timeout=5)
        assert answer.status_code == 400 and answer.json()["error"].startswith(field), answer.text
