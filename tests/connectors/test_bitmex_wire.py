"""BitMEX: signing, what answers mean, wire objects → records."""

# Decimals are compared with whole numbers here: easier to read.
# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bitmex import auth, errors, parse
from connectors.bitmex.contracts import instruments
from connectors.bitmex.rest import Endpoints, Rest, expires
from connectors.bitmex.values import iso, time_ms
from connectors.http import Answer, Call, Client, Prepared, Security
from connectors.limiter import ORDERS, WEIGHT, Budget, Limiter
from connectors.timesync import TimeSync
from core.clock import HandClock
from core.errors import BadMessage, KeysRejected, Rejected, SilenceError, Throttled, VenueError
from core.secrets import Credentials, KnownSecrets
from models import (
    AmendOrder,
    CancelOrder,
    Category,
    ExecKind,
    OrdStatus,
    OrdType,
    Side,
    SubmitOrder,
    TimeInForce,
)
from tests.connectors.bitmex_rows import FILL, INSTRUMENTS, ORDER, SPOT, XBT, XBTUSDT, contracts, raw

KEY, SECRET = "LAqUlngMIQkIUjXMUreyu3qn", "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"   # published with the API
CREDENTIALS = Credentials(KEY, SECRET, KnownSecrets())
CALLS = Endpoints(contracts)


# ---------------------------------------------------------------- signing

@pytest.mark.parametrize(("call", "stamp", "signature"), [
    (Call("GET", "/instrument", security=Security.SIGNED), 1518064236,
     "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00"),
    (Call("POST", "/order", security=Security.SIGNED, body=b'{"symbol":"XBTM15","price":219.0,'
          b'"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}'), 1518064238,
     "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b"),
])
def test_published_signatures(call: Call, stamp: int, signature: str) -> None:
    made = auth.prepare(call, CREDENTIALS, stamp)

    assert (made.headers["api-key"], made.headers["api-expires"]) == (KEY, str(stamp))
    assert made.headers["api-signature"] == signature
    assert made.url.startswith("/api/v1/")


def test_query_is_signed_as_sent() -> None:
    told = auth.headers(CREDENTIALS, "GET", "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D", 1518064237)

    assert told["api-signature"] == "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f"


def test_a_connection_signs_the_same_path_wherever_it_is() -> None:
    assert auth.of_socket(CREDENTIALS, 1518064236)[2] == (
        "api-signature: 6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945")
    assert auth.socket_of("ws://127.0.0.1:1/x/realtime/") == "ws://127.0.0.1:1/x/realtime"
    assert auth.socket_of("wss://ws.bitmex.com") == "wss://ws.bitmex.com/realtime"
    assert auth.base_of("http://127.0.0.1:1/x/api/v1/") == "http://127.0.0.1:1/x"


def test_what_is_signed_needs_a_key() -> None:
    with pytest.raises(KeysRejected):
        auth.prepare(CALLS.margin(), None, 1)


# ---------------------------------------------------------------- answers

def answer(status: int, message: str | None = None, body: bytes = b"", **headers: str) -> Answer:
    told = body if message is None else raw({"error": {"message": message, "name": "HTTPError"}})
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, told, 0.01)


@pytest.mark.parametrize(("told", "kind"), [
    (answer(400, "Invalid price tickSize"), Rejected),
    (answer(400, "Account has insufficient Available Balance, 100 XBt required"), Rejected),
    (answer(404, "Not Found"), Rejected),
    (answer(400, "This request has expired - `expires` is in the past. Current time: 1"), Throttled),
    (answer(401, "Invalid API Key."), KeysRejected),
    (answer(403, "Access Denied"), KeysRejected),
    (answer(429, "Rate limit exceeded, retry in 3 seconds."), Throttled),
    (answer(503, "The system is currently overloaded. Please try again later."), Throttled),
    (answer(503, "Service unavailable"), SilenceError),
    (answer(503, body=b"<html>busy</html>"), SilenceError),
    (answer(502, body=b""), SilenceError),
    (answer(504, "Gateway timeout"), SilenceError),
    (answer(302, body=b""), SilenceError),
    (answer(400, body=b"["), Rejected),
], ids=lambda value: str(getattr(value, "status", "")))
def test_meaning_of_an_answer(told: Answer, kind: type[Exception]) -> None:
    assert type(errors.failure(told)) is kind


def test_good_answers_are_no_errors() -> None:
    assert errors.failure(answer(200, body=b"[]")) is None


@pytest.mark.parametrize(("told", "wait", "banned"), [
    (answer(429, "Rate limit exceeded, retry in 3 seconds."), 3.0, False),
    (answer(429, "Rate limit exceeded", Retry_After="7"), 7.0, False),
    (answer(429, "Rate limit exceeded", Retry_After="3600"), 3600.0, True),
    (answer(429, body=b"?"), 1.0, False),
    (answer(503, "The system is currently overloaded. Please try again later."), 0.5, False),
])
def test_how_long_to_wait(told: Answer, wait: float, banned: bool) -> None:
    error = errors.failure(told)

    assert isinstance(error, Throttled) and (error.retry_after, error.banned) == (wait, banned)


def test_what_a_refusal_is_about() -> None:
    def of(text: str) -> VenueError | None:
        return errors.failure(answer(400, text))

    for text, is_it in (("Duplicate clOrdID", errors.is_duplicate), ("Invalid ordStatus: Filled", errors.is_gone),
                        ("Invalid orderID", errors.is_gone), ("Not Found", errors.is_gone),
                        ("This request has expired - `expires`", errors.is_clock)):
        error = of(text)
        assert error is not None and is_it(error), text
    other = of("Invalid price")
    assert other is not None and not (errors.is_duplicate(other) or errors.is_gone(other) or errors.is_clock(other))


class Told(Client):
    """A client that answers from a list."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.sent = list(answers), list[Prepared]()

    def send(self, prepared: Prepared) -> Answer:
        self.sent.append(prepared)
        return self.answers.pop(0)


def line(client: Client, is_known: bool = True) -> tuple[Rest, Limiter]:
    limiter = Limiter((Budget(WEIGHT, 60.0, 30), Budget(ORDERS, 1.0, 10)))
    clock = HandClock()
    return Rest(client, CREDENTIALS, TimeSync(clock), limiter, clock, 5.0, lambda: is_known), limiter


def test_pace_follows_the_headers() -> None:
    client = Told(Answer(200, {"x-ratelimit-limit": "120", "x-ratelimit-remaining": "30",
                               "x-ratelimit-remaining-1s": "9"}, b"[]", 0.1))
    rest, limiter = line(client)

    rest.send(CALLS.positions())

    assert limiter.usage(HandClock().monotonic()) == pytest.approx(0.75)


def test_too_many_requests_pause_everything_and_overload_only_one() -> None:
    client = Told(answer(503, "The system is currently overloaded. Please try again later."),
                  answer(429, "Rate limit exceeded, retry in 9 seconds."))
    rest, limiter = line(client)
    now = HandClock().monotonic()
    for left in (0.0, 9.0):
        with pytest.raises(Throttled):
            rest.send(CALLS.positions())
        assert limiter.pause_left(now) == left


@pytest.mark.parametrize("is_known", [True, False])
def test_public_questions_are_signed_while_the_key_is_good(is_known: bool) -> None:
    client = Told(answer(200, body=b"[]"))
    line(client, is_known)[0].send(CALLS.instruments())

    assert ("api-key" in client.sent[0].headers) is is_known


def test_expiry_is_in_whole_seconds_and_never_too_early() -> None:
    clock = HandClock()
    sync = TimeSync(clock)
    sync.take(1_700_000_000_001, clock.monotonic(), clock.monotonic())

    assert expires(sync, 5.0) == 1_700_000_006


# ---------------------------------------------------------------- requests

def submit(**changed: Any) -> SubmitOrder:
    given: dict[str, Any] = {"key": XBT, "cl_ord_id": "7.bot", "side": Side.BUY, "qty": Decimal(100),
                             "price": Decimal("0.00001819"), "ord_type": OrdType.LIMIT, "tif": TimeInForce.GTC,
                             "reduce_only": False, "asked": 0.0} | changed
    return SubmitOrder(**given)


def test_order_bodies() -> None:
    plain, post = CALLS.submit(submit()), CALLS.submit(submit(tif=TimeInForce.GTX, reduce_only=True, side=Side.SELL))
    market = CALLS.submit(submit(price=None, ord_type=OrdType.MARKET))

    assert plain.body == (b'{"symbol":"XBTUSD","side":"Buy","orderQty":100,"ordType":"Limit","clOrdID":"7.bot",'
                          b'"timeInForce":"GoodTillCancel","price":0.00001819}')
    assert json.loads(post.body)["execInst"] == "ParticipateDoNotInitiate,ReduceOnly"
    assert "price" not in json.loads(market.body) and json.loads(market.body)["ordType"] == "Market"
    assert plain.orders == 1 and plain.security is Security.SIGNED


def test_spot_quantities_go_out_in_minor_units() -> None:
    body = json.loads(CALLS.submit(submit(key=SPOT, qty=Decimal("0.0001"), price=Decimal(37000))).body)

    assert (body["orderQty"], body["price"]) == (10000, 37000)


def test_amend_is_absolute_and_cancel_names_what_is_known() -> None:
    amend = AmendOrder(XBT, "7.bot", "", Side.BUY, Decimal(300), Decimal("49999.5"), 0.0)
    by_id = CancelOrder(XBT, "7.bot", "8f19", 0.0)

    assert json.loads(CALLS.amend(amend).body) == {"origClOrdID": "7.bot", "orderQty": 300, "price": 49999.5}
    assert CALLS.cancel(by_id).body == b'{"orderID":"8f19"}'
    assert (CALLS.cancel_all().path, CALLS.cancel_all().body) == ("/order/all", b"{}")


# ---------------------------------------------------------------- instruments

def test_categories_multipliers_and_currencies() -> None:
    told, problems = instruments(raw(INSTRUMENTS))

    assert problems == ()
    assert [(str(one.instrument.key.category), one.instrument.multiplier, one.instrument.settle) for one in told] == [
        ("inverse", 1, "XBt"), ("linear", Decimal("0.000001"), "USDt"), ("quanto", Decimal("0.000001"), "XBt"),
        ("spot", 1, "USDt")]
    first, spot = told[0].instrument, told[3].instrument
    assert (first.tick, first.lot, first.min_qty, first.maker_fee, first.taker_fee) == (
        Decimal("0.1"), 100, 100, Decimal("-0.0001"), Decimal("0.0005"))
    assert (spot.lot, spot.max_qty, spot.base, spot.quote) == (Decimal("0.00001"), 100, "XBt", "USDT")


@pytest.mark.parametrize(("changed", "words"), [
    ({"settlCurrency": "Doge"}, "minor unit"), ({"tickSize": 0}, "tickSize"), ({"lotSize": None}, "lotSize"),
    ({"multiplier": 0}, "multiplier"), ({"symbol": "XBT USD"}, "symbol"), ({"tickSize": "x"}, "tickSize"),
])
def test_absurd_instruments_are_left_out(changed: dict[str, Any], words: str) -> None:
    told, problems = instruments(raw([INSTRUMENTS[0] | changed, INSTRUMENTS[2]]))

    assert [one.instrument.key.symbol for one in told] == ["ETHUSD"]
    assert len(problems) == 1 and words in problems[0]


def test_closed_instruments_are_not_traded() -> None:
    told, _ = instruments(raw([INSTRUMENTS[0] | {"state": "Closed"}]))

    assert not told[0].instrument.trading


# ---------------------------------------------------------------- orders, fills, account

def one_order(**changed: Any) -> parse.OrderRow:
    return parse.order(raw({**ORDER, **changed}))


def test_order_row() -> None:
    told = parse.report(one_order(execInst="ParticipateDoNotInitiate,ReduceOnly", cumQty=100, avgPx=50000.5),
                        contracts()["XBTUSD"])

    assert (told.key, told.cl_ord_id, told.side, told.tif) == (XBT, "7.bot", Side.BUY, TimeInForce.GTX)
    assert (told.qty, told.cum_qty, told.price, told.avg_px) == (200, 100, 50000, Decimal("50000.5"))
    assert told.reduce_only and told.time == 1_779_374_347_060 and told.status is OrdStatus.NEW


@pytest.mark.parametrize(("word", "status"), [
    ("PartiallyFilled", OrdStatus.PARTIALLY_FILLED), ("PendingNew", OrdStatus.PENDING_NEW),
    ("PendingReplace", OrdStatus.PENDING_REPLACE), ("Expired", OrdStatus.EXPIRED), ("Stopped", OrdStatus.EXPIRED),
    ("Untriggered", OrdStatus.NEW)])
def test_order_states(word: str, status: OrdStatus) -> None:
    assert parse.report(one_order(ordStatus=word), contracts()["XBTUSD"]).status is status


def test_unknown_words_are_refused_and_unknown_types_shown() -> None:
    with pytest.raises(BadMessage, match="ordStatus"):
        parse.report(one_order(ordStatus="Melting"), contracts()["XBTUSD"])
    with pytest.raises(BadMessage, match="side"):
        parse.report(one_order(side=""), contracts()["XBTUSD"])
    stop = parse.report(one_order(ordType="Pegged"), contracts()["XBTUSD"])
    assert (stop.ord_type, stop.type_text) == (None, "Pegged")


def test_why_an_order_ended() -> None:
    row = one_order(ordStatus="Canceled", text="Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted")

    assert "ParticipateDoNotInitiate" in parse.reason(row)
    assert parse.reason(one_order(text="Canceled\nCanceled via API.")) == ""
    assert parse.reason(one_order(ordStatus="Rejected", ordRejReason="Invalid price")) == "Invalid price"


def fill(**changed: Any) -> parse.ExecutionRow:
    return parse.executions(raw([{**FILL, **changed}]))[0]


def test_inverse_fill_is_told_in_coins() -> None:
    told = parse.execution(fill(), contracts()["XBTUSD"], "42")

    assert (told.exec_id, told.account, told.order_id) == ("0193-a", "42", ORDER["orderID"])
    assert (told.last_qty, told.last_px, told.leaves_qty, told.order_qty) == (100, 50000, 100, 200)
    assert (told.fee, told.fee_currency, told.value) == (Decimal("0.000001"), "XBt", Decimal("0.002"))
    assert told.maker is False and told.kind is ExecKind.TRADE


def test_linear_fill_with_a_rebate() -> None:
    row = fill(symbol="XBTUSDT", settlCurrency="USDt", side="Sell", lastQty=1000, lastPx=64321.5,
               execCost=-64321500, execComm=-6432, lastLiquidityInd="AddedLiquidity")
    told = parse.execution(row, contracts()["XBTUSDT"], "42")

    assert (told.key, told.value, told.fee, told.fee_currency, told.maker) == (
        XBTUSDT, Decimal("64.3215"), Decimal("-0.006432"), "USDt", True)


def test_what_is_not_told_stays_unknown() -> None:
    row = parse.executions(raw([{name: value for name, value in FILL.items()
                                 if name not in ("execComm", "execCost", "leavesQty", "lastLiquidityInd")}]))[0]
    told = parse.execution(row, contracts()["XBTUSD"], "42")

    assert (told.fee, told.fee_currency, told.value, told.leaves_qty, told.maker) == (None, None, None, None, None)


@pytest.mark.parametrize(("changed", "kind"), [
    ({"orderID": "00000000-0000-0000-0000-000000000000", "clOrdID": "", "text": "Liquidation"}, ExecKind.LIQUIDATION),
    ({"orderID": "00000000-0000-0000-0000-000000000000", "clOrdID": None, "text": "Deleverage"}, ExecKind.ADL),
    ({"execType": "Settlement"}, ExecKind.SETTLEMENT),
    ({"text": "Liquidation of my dreams"}, ExecKind.TRADE),
])
def test_what_made_a_fill(changed: dict[str, Any], kind: ExecKind) -> None:
    assert parse.execution(fill(**changed), contracts()["XBTUSD"], "42").kind is kind


def test_only_trades_and_settlements_are_fills() -> None:
    assert [parse.is_fill(fill(execType=word)) for word in ("Trade", "Settlement", "Funding", "New", "Canceled")] == [
        True, True, False, False, False]
    assert not parse.is_fill(fill(lastQty=0))


def test_position_and_balances_in_whole_coins() -> None:
    row = parse.positions(raw([{"account": 42, "symbol": "XBTUSD", "currency": "XBt", "strategy": "OneWay",
                                "currentQty": -100, "avgEntryPrice": 50000.5, "markPrice": 5.0e4, "posMargin": 2000,
                                "liquidationPrice": 100000000, "leverage": 10,
                                "timestamp": "2026-05-21T14:39:07.060Z"}]))[0]
    margins = parse.margins(raw([{"account": 42, "currency": "XBt", "walletBalance": 100000000,
                                  "marginBalance": 99999000, "availableMargin": 5}, {"currency": "Doge", "amount": 1}]))
    told = parse.position(row, contracts()["XBTUSD"])
    balance = parse.balance(margins[0], Category.INVERSE)

    assert (told.qty, told.entry, told.margin, told.leverage) == (-100, Decimal("50000.5"), Decimal("0.00002"), 10)
    assert balance is not None and (balance.wallet, balance.margin_balance, balance.available) == (
        1, Decimal("0.99999"), Decimal("0.00000005"))
    assert parse.balance(margins[1], Category.INVERSE) is None
    assert parse.account(margins) == "42"


def test_bars_are_moved_to_their_start_and_empty_ones_skipped() -> None:
    rows = raw([{"timestamp": "2024-11-25T10:31:00.000Z", "open": 98950.0, "high": 98965, "low": 98940,
                 "close": 98960.0, "volume": 95000}, {"timestamp": "2024-11-25T10:30:00.000Z", "volume": 0}])
    told = parse.candles(rows, 60_000, contracts()["XBTUSD"])

    assert [(one.time, one.close, one.volume) for one in told] == [(1_732_530_600_000, 98960, 95000)]


def test_rights_of_our_own_key() -> None:
    rows = raw([{"id": "other", "permissions": ["withdraw"]}, {"id": "mine", "permissions": ["order"]}])

    assert parse.permissions(rows, "mine") == ("order",)


def test_times() -> None:
    assert time_ms("2021-07-22T22:36:10.014Z") == 1_626_993_370_014
    assert iso(1_626_993_370_014) == "2021-07-22T22:36:10.014Z"
    assert time_ms("") == 0
    with pytest.raises(BadMessage):
        time_ms("tomorrow")


def test_server_time() -> None:
    assert parse.server_time(b'{"name":"BitMEX API","timestamp":1700000000000}') == 1_700_000_000_000
    with pytest.raises(BadMessage):
        parse.server_time(b'{"timestamp":17}')


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("XBTUSD")
NAMES = sorted({*ORDER, *FILL, *INSTRUMENTS[0], "currency", "currentQty"})
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(NAMES), inner, max_size=8), max_leaves=20)


@given(VALUES)
def test_any_value_gives_records_or_a_bad_message(value: object) -> None:
    told = json.dumps(value).encode()
    known = contracts()
    for read in (instruments, parse.margins, parse.positions, parse.orders, parse.executions, parse.server_time,
                 parse.raw_rows, lambda one: [parse.report(row, known["XBTUSD"]) for row in parse.orders(one)],
                 lambda one: [parse.execution(row, known["XBTUSD"], "") for row in parse.executions(one)
                              if parse.is_fill(row)],
                 lambda one: [parse.position(row, known["XBTUSD"]) for row in parse.positions(one)],
                 lambda one: parse.candles(one, 60_000, known["XBTUSD"])):
        try:
            read(told)
        except BadMessage as error:
            assert error.market == "Bitmex"


@given(st.dictionaries(st.sampled_from(sorted(FILL)), SCALARS, max_size=4))
def test_a_spoilt_fill_is_refused_or_whole(changed: dict[str, object]) -> None:
    known = contracts()["XBTUSD"]
    try:
        rows = parse.executions(json.dumps([FILL | changed]).encode())
        told = [parse.execution(row, known, "42") for row in rows if parse.is_fill(row)]
    except BadMessage:
        return
    assert all(one.last_qty > 0 and one.last_px.is_finite() for one in told)
