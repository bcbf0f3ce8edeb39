"""The endpoints by name: each function gives the `Call`, and `Rest` sends it. One `Rest` per thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime

import msgspec

from connectors.bitmex import auth, conditional, errors, parse
from connectors.bitmex.contracts import Contracts
from connectors.bitmex.values import iso
from connectors.http import Answer, Call, Client, Rank, Security
from connectors.limiter import ORDERS, WEIGHT, Budget, Limiter
from connectors.timesync import TimeSync
from core.clock import Clock
from core.dates import to_ms
from core.errors import Throttled
from core.numbers import text
from core.secrets import Credentials
from models import AmendOrder, CancelOrder, Category, Key, OrdType, SubmitOrder, TimeInForce

ORDERS_A_PAGE = 500
EXECUTIONS_A_PAGE = 500
MOVEMENTS_A_PAGE = 1000
CANDLES_A_PAGE = 1000
_TIFS = {TimeInForce.GTC: "GoodTillCancel", TimeInForce.GTX: "GoodTillCancel",
         TimeInForce.IOC: "ImmediateOrCancel", TimeInForce.FOK: "FillOrKill"}
_TYPES = {OrdType.LIMIT: "Limit", OrdType.MARKET: "Market", **conditional.WORDS}
_SIDES = {"BUY": "Buy", "SELL": "Sell"}
MINUTE, SECOND = 60.0, 1.0
CLOCK = ""                 # the API's root; never signed: our time may be what was refused


class Endpoints:
    """The calls. `contracts` gives what a symbol's wire quantities mean, `price` what it costs now."""

    def __init__(self, contracts: Callable[[], Contracts],
                 price: Callable[[Key], Decimal | None] = lambda key: None) -> None:
        self._contracts, self.price = contracts, price

    def time(self) -> Call:
        """The server's clock."""
        return Call("GET", CLOCK, rank=Rank.ORDER)

    def instruments(self) -> Call:
        """What may be traded now, of all categories."""
        return Call("GET", "/instrument/active")

    def candles(self, symbol: str, size: str, count: int, end: int | None = None) -> Call:
        """The latest rows, or the latest stamped until `end`; the running one too. Newest first (section 4)."""
        params = [("symbol", symbol), ("binSize", size), ("count", str(count)), ("reverse", "true")]
        params.append(("partial", "true") if end is None else ("endTime", iso(end)))
        return Call("GET", "/trade/bucketed", tuple(params), rank=Rank.MARKET)

    def keys(self) -> Call:
        """The account's API keys and what they may do."""
        return self._signed("/apiKey")

    def margin(self, rank: Rank = Rank.ACCOUNT) -> Call:
        """Balances of all currencies, with the account's number."""
        return self._signed("/user/margin", ("currency", "all"), rank=rank)

    def positions(self) -> Call:
        """Positions, flat ones too."""
        return self._signed("/position")

    def open_orders(self, start: int = 0) -> Call:
        """A page of the account's open orders, of all categories."""
        return self._signed("/order", ("filter", json.dumps({"open": True})), ("count", str(ORDERS_A_PAGE)),
                            ("start", str(start)))

    def query(self, symbol: str, order_id: str, cl_ord_id: str) -> Call:
        """The newest order of an id, by the venue's where known (section 8)."""
        name = {"orderID": order_id} if order_id else {"clOrdID": cl_ord_id}
        return self._signed("/order", ("symbol", symbol), ("filter", json.dumps(name)), ("reverse", "true"),
                            ("count", "1"), rank=Rank.ORDER)

    def trade_history(self, symbol: str, since: int, start: int) -> Call:
        """A page of fills, funding and settlements, oldest first."""
        return self._signed("/execution/tradeHistory", ("symbol", symbol), ("startTime", iso(since)),
                            ("count", str(EXECUTIONS_A_PAGE)), ("start", str(start)), rank=Rank.HISTORY)

    def wallet_history(self, start: int) -> Call:
        """A page of the wallet's history in every currency, newest first; it can be asked by place alone."""
        return self._signed("/user/walletHistory", ("currency", "all"), ("count", str(MOVEMENTS_A_PAGE)),
                            ("start", str(start)), ("reverse", "true"), rank=Rank.HISTORY)

    def submit(self, order: SubmitOrder) -> Call:
        """A new order; side and type are always said (section 6.1)."""
        body: dict[str, object] = {
            "symbol": order.key.symbol, "side": _SIDES[order.side.value],
            "orderQty": self._qty(order.key.symbol, order), "ordType": _TYPES[order.ord_type],
            "clOrdID": order.cl_ord_id}
        if order.ord_type.is_conditional:
            contract = self._contracts().get(order.key.symbol)
            tick = contract.instrument.tick if contract is not None else Decimal(1)
            body |= {name: msgspec.Raw(text(told).encode()) if isinstance(told, Decimal) else told
                     for name, told in conditional.fields(order, self.price(order.key), tick).items()}
        if order.ord_type.has_price:
            body["timeInForce"] = _TIFS[order.tif]
            if order.price is not None:
                body["price"] = msgspec.Raw(text(order.price).encode())
        is_reducing = order.reduce_only and order.key.category is not Category.SPOT    # there a sale always reduces
        instructions = [word for word, is_set in ((parse.POST_ONLY, order.tif is TimeInForce.GTX),
                                                  (parse.REDUCE_ONLY, is_reducing)) if is_set]
        if order.ord_type.is_conditional:
            instructions.append(conditional.MARK if order.trigger and order.trigger.by_mark else conditional.LAST)
        if instructions:
            body["execInst"] = ",".join(instructions)
        return self._change("POST", body, Rank.CANCEL if order.reduce_only else Rank.ORDER)

    def amend(self, order: AmendOrder) -> Call:
        """Absolute price and quantity; never leavesQty, which could revive an order (section 6.5)."""
        name = {"orderID": order.order_id} if order.order_id else {"origClOrdID": order.cl_ord_id}
        return self._change("PUT", {**name, "orderQty": self._qty(order.key.symbol, order),
                                    "price": msgspec.Raw(text(order.price).encode())}, Rank.ORDER)

    def cancel(self, order: CancelOrder) -> Call:
        """End one order, by the venue's id where known."""
        return self._change("DELETE", {"orderID": order.order_id} if order.order_id else {"clOrdID": order.cl_ord_id},
                            Rank.CANCEL)

    def cancel_all(self) -> Call:
        """End all open orders of the account."""
        return self._change("DELETE", {}, Rank.CANCEL, "/order/all")

    def set_leverage(self, symbol: str, leverage: int) -> Call:
        """Isolate a position at this leverage; 0 shares margin with the others (cross)."""
        return self._change("POST", {"symbol": symbol, "leverage": leverage}, Rank.ACCOUNT, "/position/leverage")

    def cancel_all_after(self, milliseconds: int) -> Call:
        """The venue cancels all orders of the account after this time unless it is asked again; 0 ends that."""
        return self._change("POST", {"timeout": milliseconds}, Rank.ORDER, "/order/cancelAllAfter")

    def _qty(self, symbol: str, order: SubmitOrder | AmendOrder) -> msgspec.Raw:
        contract = self._contracts().get(symbol)
        return msgspec.Raw(text(order.qty if contract is None else order.qty * contract.scale).encode())

    @staticmethod
    def _signed(path: str, *params: tuple[str, str], rank: Rank = Rank.ACCOUNT) -> Call:
        return Call("GET", path, params, Security.SIGNED, rank=rank)

    @staticmethod
    def _change(method: str, body: Mapping[str, object], rank: Rank, path: str = "/order") -> Call:
        return Call(method, path, (), Security.SIGNED, weight=1, orders=1, rank=rank, body=msgspec.json.encode(body))


class Rest:
    """Stamps, signs, sends once, reads the limits from the answer. Owned by one thread.

    `signs_all`: while the key is good public questions are signed too, for they then count against the account's own
    and larger budget (section 9).
    """

    def __init__(self, client: Client, credentials: Credentials | None, sync: TimeSync, limiter: Limiter, clock: Clock,
                 request_life: float, signs_all: Callable[[], bool]) -> None:
        self.client = client
        self.latency_ms: float | None = None
        self.date_ms: int | None = None        # the venue's clock in the last answer's header, whole seconds
        self.expires_s = 0                     # of the last request
        self._request_life, self._signs_all = request_life, signs_all
        self._credentials, self._sync, self._limiter, self._clock = credentials, sync, limiter, clock
        self._limits: dict[str, int] = {}

    @property
    def expires(self) -> int:
        """Venue's time after which the last request cannot be accepted any more."""
        return self.expires_s * 1000

    def turn(self, call: Call) -> float:
        """Book the call's cost and give 0, or give the seconds to wait first."""
        return self._limiter.acquire(call, self._clock.monotonic())

    def send(self, call: Call) -> bytes:
        """The body of a good answer. Raises Rejected, KeysRejected, Throttled, SilenceError or NotSent."""
        self.expires_s = expires(self._sync, self._request_life)
        signs_all = self._credentials is not None and self._signs_all()
        if signs_all and call.security is Security.NONE and call.path != CLOCK:
            call = Call(call.method, call.path, call.params, Security.SIGNED, call.weight, call.orders, call.rank)
        answer = self.client.send(auth.prepare(call, self._credentials, self.expires_s))
        now = self._clock.monotonic()
        self.latency_ms = answer.seconds * 1000
        self.date_ms = _date(answer.headers.get("Date", ""))
        if call.security is Security.SIGNED or not signs_all:       # else it speaks of the smaller budget without a key
            self._learn(answer, now)
        error = errors.failure(answer)
        if error is None:
            return answer.body
        if isinstance(error, Throttled) and answer.status == 429:      # overload and clock speak for one request only
            self._limiter.pause(error.retry_after or 0.0, now, error.banned)
        raise error

    def _learn(self, answer: Answer, now: float) -> None:
        """Pace from what the venue says is left (section 9)."""
        told = answer.headers
        for kind, seconds, suffix in ((WEIGHT, MINUTE, ""), (ORDERS, SECOND, "-1s")):
            limit, left = (_count(told.get(f"x-ratelimit-{name}{suffix}", "")) for name in ("limit", "remaining"))
            if limit and limit != self._limits.get(kind):
                self._limits[kind] = limit
                self._limiter.set_limit(Budget(kind, seconds, limit))
            most = limit or self._limits.get(kind)
            if left is not None and most is not None:
                self._limiter.learn(kind, seconds, most - left, now, seconds)


def expires(sync: TimeSync, life: float) -> int:
    """Until when a request may be accepted: the venue's seconds, rounded up."""
    return -((-sync.now_ms() - round(life * 1000)) // 1000)


def _count(told: str) -> int | None:
    return int(told) if told.isascii() and told.isdigit() and len(told) < 9 else None


def _date(told: str) -> int | None:
    try:
        return to_ms(parsedate_to_datetime(told)) if told else None
    except (ValueError, TypeError):
        return None
