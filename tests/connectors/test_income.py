"""The income history against a venue in memory: what is told, and that every row is read once, however they lie."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from connectors.binance import events, income
from connectors.binance.products import INVERSE, LINEAR, Product
from connectors.binance.questions import Questions
from connectors.binance.rest import Endpoints
from connectors.http import Call
from connectors.timesync import TimeSync
from core.clock import HandClock
from core.errors import BadMessage, Rejected
from models import (
    AskMoney,
    BalanceReport,
    Category,
    Funding,
    Key,
    MoneyMoved,
    MoneyPage,
    Movement,
    Notice,
    VenueMessage,
)
from tests.support.asked import drive

NOW = 1_700_000_000_000
DAY = 86_400_000
BTC = Key("Binance", Category.LINEAR, "BTCUSDT")


def row(kind: str, amount: str, tran: int | str, time: int = NOW - DAY, symbol: str = "", asset: str = "USDT",
        trade: str = "") -> dict[str, Any]:
    return {"symbol": symbol, "incomeType": kind, "income": amount, "asset": asset, "info": kind, "time": time,
            "tranId": tran, "tradeId": trade}


@dataclass
class Venue:
    """Answers GET income; `newest`: a full page tells the end of its window; `pages`: what becomes of `page`."""

    rows: list[dict[str, Any]]
    newest: bool = False
    pages: str = "counted"
    calls: list[Call] = field(default_factory=list)

    def answer(self, call: Call) -> bytes:
        self.calls.append(call)
        params = dict(call.params)
        if self.pages == "refused" and "page" in params:
            raise Rejected("Binance", "Parameter 'page' sent when not required.", -1106)
        page = int(params.get("page", 1)) if self.pages == "counted" else 1
        start, end, limit = int(params["startTime"]), int(params["endTime"]), int(params["limit"])
        assert end - start < 365 * DAY and call.path.endswith("v1/income")
        kind = params.get("incomeType")
        found = sorted((one for one in self.rows if start <= int(one["time"]) <= end
                        and kind in (None, one["incomeType"])), key=lambda one: int(one["time"]))
        if self.newest:
            found.reverse()
        return json.dumps(found[(page - 1) * limit:page * limit]).encode()


def read(venue: Venue, since: int = NOW - 2 * DAY, product: Product = LINEAR) -> list[Funding | Movement]:
    messages = told(venue, since, product)
    return [fact for one in messages if isinstance(one, MoneyPage) for fact in one.facts]


def told(venue: Venue, since: int, product: Product = LINEAR) -> list[VenueMessage]:
    messages: list[VenueMessage] = []
    questions = Questions(Endpoints(product), TimeSync(HandClock(NOW)), messages.append, lambda: "A")
    drive(questions.money(AskMoney("Binance", product.category, since, "test")), venue.answer)
    pages = [one for one in messages if isinstance(one, MoneyPage)]
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert all((page.read_start, page.since, page.reason) == (NOW, since, "test") for page in pages)
    return messages


def test_each_kind_is_a_funding_a_movement_or_told_by_fills() -> None:
    at = NOW - DAY
    facts = read(Venue([
        row("FUNDING_FEE", "-0.37500000", 9001, symbol="BTCUSDT"), row("FUNDING_FEE", "0.1", "9001", symbol="ETHUSDT"),
        row("TRANSFER", "500", 9001), row("INSURANCE_CLEAR", "-3.5", 9002, symbol="BTCUSDT"),
        row("REFERRAL_KICKBACK", "0.002", 9003, asset="BNB"), row("SOMETHING_NEW", "1", 9004),
        row("AUTO_EXCHANGE", "-2", 9005, asset="BNB"), row("AUTO_EXCHANGE", "600", 9005),
        row("COMMISSION", "-0.01", 7, symbol="BTCUSDT", trade="28"), row("COMMISSION", "-0.1", 8, asset="BNB"),
        row("REALIZED_PNL", "12", 9, symbol="BTCUSDT"), row("DELIVERED_SETTELMENT", "4", 10, symbol="BTCUSDT_260327"),
        row("FUNDING_FEE", "-1", 11, symbol="BTCUSD_PERP", asset="BTC")]))

    assert facts[0] == Funding(BTC, "A", "linear:BTCUSDT:F9001", Decimal("0.375"), "USDT", at)
    assert facts[1].time == at and isinstance(facts[1], Funding) and facts[1].amount == Decimal("-0.1")
    moved = [one for one in facts[2:] if isinstance(one, Movement)]
    assert [(one.move_id, one.kind, one.currency, str(one.amount)) for one in moved] == [
        ("linear:TRANSFER:9001:USDT", "TRANSFER", "USDT", "500"),
        ("linear:INSURANCE_CLEAR:9002:BTCUSDT", "INSURANCE_CLEAR", "USDT", "-3.5"),
        ("linear:REFERRAL_KICKBACK:9003:BNB", "REFERRAL_KICKBACK", "BNB", "0.002"),
        ("linear:SOMETHING_NEW:9004:USDT", "SOMETHING_NEW", "USDT", "1"),
        ("linear:AUTO_EXCHANGE:9005:BNB", "AUTO_EXCHANGE", "BNB", "-2"),
        ("linear:AUTO_EXCHANGE:9005:USDT", "AUTO_EXCHANGE", "USDT", "600")]
    assert len(facts) == 8


def test_coin_m_tells_its_own_symbols_and_ids_as_text() -> None:
    facts = read(Venue([row("FUNDING_FEE", "-0.00000012", "9689322392", symbol="BTCUSD_PERP", asset="BTC"),
                        row("FUNDING_FEE", "-1", 11, symbol="BTCUSDT")]), product=INVERSE)

    assert [(one.exec_id, one.currency, one.amount) for one in facts if isinstance(one, Funding)] == [
        ("inverse:BTCUSD_PERP:F9689322392", "BTC", Decimal("0.00000012"))]
    assert len(facts) == 1


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize(("count", "apart"), [
    (0, 1), (999, 1), (1000, 1), (1001, 0), (2500, 0), (4000, 7), (3000, 500)])
def test_every_row_is_read_once_and_oldest_first(count: int, apart: int, newest: bool) -> None:
    begin = NOW - DAY
    venue = Venue([row("TRANSFER", "1", number, begin + number * apart) for number in range(count)], newest)

    facts = read(venue)

    assert sorted(int(one.move_id.split(":")[2]) for one in facts if isinstance(one, Movement)) == list(range(count))
    assert [one.time for one in facts] == sorted(one.time for one in facts)
    assert len(venue.calls) < 90


@pytest.mark.parametrize("pages", ["counted", "ignored", "refused"])
def test_a_moment_full_of_fills_hides_no_funding(pages: str) -> None:
    at = NOW - DAY
    fills = [row("COMMISSION", "-0.01", number, at, "BTCUSDT", trade=str(number)) for number in range(2500)]
    others = [row("FUNDING_FEE", "-1", 1, at, "BTCUSDT"), row("TRANSFER", "5", 1, at), row("TRANSFER", "7", 2, at + 1)]
    venue = Venue([*fills, *others], pages=pages)

    facts = read(venue)

    assert [type(one) for one in facts] == [Funding, Movement, Movement] and len(venue.calls) < 30


def test_2500_transfers_at_one_time_are_read_by_page_and_what_cannot_be_read_is_said() -> None:
    rows = [row("TRANSFER", "1", number) for number in range(2500)]

    assert len(read(Venue(rows))) == 2500
    messages = told(Venue(rows, pages="ignored"), NOW - 2 * DAY)
    notices = [one for one in messages if isinstance(one, Notice)]
    assert [one.level for one in notices] == ["error"] and "TRANSFER" in notices[0].text
    assert sum(len(one.facts) for one in messages if isinstance(one, MoneyPage)) == 1000


def test_any_lie_of_the_rows_is_read_whole() -> None:
    chance = random.Random(7)
    for _ in range(6):
        crowded = [NOW - chance.randrange(1, DAY) for _ in range(3)]
        times = [chance.choice(crowded) + chance.choice((0, 0, 0, chance.randrange(60_000)))
                 for _ in range(chance.randrange(3000))]
        times = [time for time in times if time <= NOW]
        venue = Venue([row("TRANSFER", "1", number, time) for number, time in enumerate(times)],
                      newest=chance.random() < 0.5)

        facts = read(venue)

        assert len(facts) == len({one.move_id for one in facts if isinstance(one, Movement)}) == len(times)


def test_the_last_three_months_are_read_and_what_lies_before_is_said() -> None:
    venue = Venue([row("TRANSFER", "1", 1, NOW - 100 * DAY), row("TRANSFER", "2", 2, NOW - 88 * DAY)])

    pages = [one for one in told(venue, 0) if isinstance(one, MoneyPage)]

    assert [page.missing_from for page in pages] == [NOW - 89 * DAY]
    assert [one.amount for one in pages[0].facts] == [2]
    assert told(Venue([]), NOW - DAY)[-1] == MoneyPage(
        "Binance", Category.LINEAR, "A", (), True, NOW, NOW - DAY, "test", None)


@pytest.mark.parametrize("change", [{"income": "NaN"}, {"time": "yesterday"}, {"tranId": ""}, {"income": None},
                                    {"incomeType": 5}])
def test_absurd_rows_are_named(change: dict[str, Any]) -> None:
    with pytest.raises(BadMessage, match="field"):
        income.facts(income.rows(json.dumps([row("TRANSFER", "1", 1) | change]).encode()), Category.LINEAR, "A")


@pytest.mark.parametrize(("reason", "is_hint"), [
    ("FUNDING_FEE", True), ("DEPOSIT", True), ("WITHDRAW", True), ("ASSET_TRANSFER", True), ("INSURANCE_CLEAR", True),
    ("COIN_SWAP_DEPOSIT", True), ("ORDER", False), ("MARGIN_TYPE_CHANGE", False), ("MARGIN_TRANSFER", False)])
def test_the_stream_hints_that_money_moved(reason: str, is_hint: bool) -> None:
    frame = {"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": {"m": reason, "B": [{"a": "USDT", "wb": "5"}], "P": []}}

    out = events.private(json.dumps(frame).encode(), Category.LINEAR, "A")

    assert out is not None and isinstance(out[0], BalanceReport)
    assert list(out[1:]) == ([MoneyMoved("Binance", Category.LINEAR, reason)] if is_hint else [])
