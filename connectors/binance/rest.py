"""The endpoints by name: each function gives the `Call`, and `Rest` sends it. One `Rest` per thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from connectors.binance import auth, errors
from connectors.binance import conditional as algo
from connectors.binance.products import Product
from connectors.http import Answer, Call, Client, Rank, Security
from connectors.limiter import ORDERS, WEIGHT, Limiter
from connectors.timesync import TimeSync
from core.clock import Clock
from core.errors import Throttled, VenueError
from core.numbers import text
from core.secrets import Credentials
from models import TIMEFRAMES, AmendOrder, CancelOrder, OrdType, SubmitOrder, TimeInForce, Trigger

_USED = re.compile(r"x-mbx-(used-weight|order-count)-(\d{1,3})([smhd])", re.ASCII | re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Endpoints:
    """The calls of one product."""

    def __init__(self, product: Product) -> None:
        self.product = product

    def _call(self, name: str, params: Iterable[tuple[str, str]] = (), *, method: str = "GET",
              security: Security = Security.NONE, rank: Rank = Rank.ACCOUNT, weight: int | None = None,
              orders: int = 0) -> Call:
        cost = self.product.weights.get(name, 1) if weight is None else weight
        return Call(method, self.product.paths[name], tuple(params), security, cost, orders, rank)

    def has(self, name: str) -> bool:
        """Whether the product has such a call."""
        return name in self.product.paths

    def time(self) -> Call:
        """The server's clock."""
        return self._call("time", rank=Rank.ORDER)

    def exchange_info(self) -> Call:
        """Instruments and limits."""
        return self._call("exchange_info")

    def depth(self, symbol: str, limit: int) -> Call:
        """A book snapshot. Weight by its size (binance.md 8.1)."""
        weight = 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
        return self._call("depth", (("symbol", symbol), ("limit", str(limit))), rank=Rank.MARKET, weight=weight)

    def snapshot(self, symbol: str) -> Call:
        """A whole book, as deep as is useful."""
        return self.depth(symbol, self.product.snapshot_limit)

    def klines(self, symbol: str, interval: str, limit: int, end: int | None = None) -> Call:
        """The latest candles, or the latest that began by `end`; the last one still forms."""
        params = [("symbol", symbol), ("interval", interval), ("limit", str(limit))]
        if end is not None:
            window = self.product.klines_window_ms
            if window:               # with a start too the rows are still the latest before the end (binance.md 8.1)
                params.append(("startTime", str(max(0, end - min(window, limit * TIMEFRAMES[interval])))))
            params.append(("endTime", str(end)))
        weight = 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
        return self._call("klines", params, rank=Rank.MARKET, weight=weight)

    def account_id(self) -> Call:
        """Balances with the account's alias."""
        return self._call("account_id", security=Security.SIGNED)

    def balance(self) -> Call:
        """Balances."""
        return self._call("balance", security=Security.SIGNED)

    def positions(self) -> Call:
        """Positions that are not flat."""
        return self._call("positions", security=Security.SIGNED)

    def position_mode(self) -> Call:
        """One-way or hedge."""
        return self._call("position_mode", security=Security.SIGNED)

    def multi_assets(self) -> Call:
        """Whether several assets serve as one margin."""
        return self._call("multi_assets", security=Security.SIGNED)

    def open_orders(self, rank: Rank = Rank.ACCOUNT) -> Call:
        """All open orders of the account."""
        return self._call("open_orders", security=Security.SIGNED, rank=rank)

    def query(self, symbol: str, order_id: str, cl_ord_id: str, rank: Rank = Rank.ACCOUNT) -> Call:
        """One order, by the venue's id where known."""
        return self._call("order", (("symbol", symbol), _order_name(order_id, cl_ord_id)),
                          security=Security.SIGNED, rank=rank)

    def all_orders(self, symbol: str, from_id: int) -> Call:
        """Up to 1000 orders with ids from `from_id` on."""
        return self._call("all_orders", (("symbol", symbol), ("orderId", str(from_id)), ("limit", "1000")),
                          security=Security.SIGNED, rank=Rank.HISTORY)

    def user_trades(self, symbol: str, start: int, end: int) -> Call:
        """Fills of a window, oldest first."""
        return self._trades(symbol, (("startTime", str(start)), ("endTime", str(end))))

    def user_trades_from(self, symbol: str, trade_id: int) -> Call:
        """Fills from an id on; excludes times (binance.md 8.2)."""
        return self._trades(symbol, (("fromId", str(trade_id)),))

    def _trades(self, symbol: str, window: tuple[tuple[str, str], ...]) -> Call:
        limit = ("limit", str(self.product.history_rows))
        return self._call("user_trades", (("symbol", symbol), *window, limit), security=Security.SIGNED,
                          rank=Rank.HISTORY)

    def income(self, start: int, end: int, kind: str = "", page: int = 1) -> Call:
        """Changes of the wallets within a window, of all kinds or of one."""
        params = [("startTime", str(start)), ("endTime", str(end)), ("limit", "1000")]
        params += [("incomeType", kind)] if kind else []
        params += [("page", str(page))] if page > 1 else []
        return self._call("income", params, security=Security.SIGNED, rank=Rank.HISTORY)

    def listen_key(self, method: str) -> Call:
        """POST gets or keeps the key of the private stream, PUT prolongs it, DELETE ends it."""
        return self._call("listen_key", method=method, security=Security.KEY)

    def submit(self, order: SubmitOrder) -> Call:
        """A new order. RESULT waits for the end of orders that do not rest, so their answer tells it."""
        if order.ord_type.is_conditional:
            return self._submit_conditional(order)
        rests = order.ord_type is OrdType.LIMIT and order.tif in (TimeInForce.GTC, TimeInForce.GTX)
        params = [("symbol", order.key.symbol), ("side", order.side.value), ("type", order.ord_type.value)]
        if order.ord_type is OrdType.LIMIT:
            params.append(("timeInForce", order.tif.value))
        params.append(("quantity", text(order.qty)))
        if order.price is not None and order.ord_type is OrdType.LIMIT:
            params.append(("price", text(order.price)))
        if order.reduce_only:
            params.append(("reduceOnly", "true"))
        params += [("newClientOrderId", order.cl_ord_id), ("newOrderRespType", "ACK" if rests else "RESULT")]
        return self._call("order", params, method="POST", security=Security.SIGNED, weight=0, orders=1,
                          rank=Rank.CANCEL if order.reduce_only else Rank.ORDER)

    def _submit_conditional(self, order: SubmitOrder) -> Call:
        """It waits outside the book, at an endpoint of its own (binance.md 8.3)."""
        trigger = order.trigger or Trigger(None)
        params = [("algoType", "CONDITIONAL"), ("symbol", order.key.symbol), ("side", order.side.value),
                  ("type", algo.WORDS[order.ord_type]), ("quantity", text(order.qty))]
        if order.ord_type.has_price and order.price is not None:
            params += [("timeInForce", order.tif.value), ("price", text(order.price))]
        is_trailing = order.ord_type is OrdType.TRAILING_STOP
        if trigger.price is not None:
            params.append(("activatePrice" if is_trailing else "triggerPrice", text(trigger.price)))
        if is_trailing and trigger.callback is not None:
            params.append(("callbackRate", text(trigger.callback)))
        params.append(("workingType", algo.MARK if trigger.by_mark else algo.LAST))
        if order.reduce_only:
            params.append(("reduceOnly", "true"))
        params.append(("clientAlgoId", order.cl_ord_id))
        return self._call("algo_order", params, method="POST", security=Security.SIGNED, weight=0, orders=1,
                          rank=Rank.CANCEL if order.reduce_only else Rank.ORDER)

    def amend(self, order: AmendOrder) -> Call:
        """Absolute quantity and price; both are mandatory."""
        params = (("symbol", order.key.symbol), ("side", order.side.value), ("quantity", text(order.qty)),
                  ("price", text(order.price)), _order_name(order.order_id, order.cl_ord_id))
        return self._call("order", params, method="PUT", security=Security.SIGNED, weight=1, orders=1, rank=Rank.ORDER)

    def cancel(self, order: CancelOrder) -> Call:
        """End one order, by the venue's id where known."""
        if is_waiting(order):
            name = _algo_name(order.order_id, order.cl_ord_id)
            return self._call("algo_order", (("symbol", order.key.symbol), name), method="DELETE",
                              security=Security.SIGNED, rank=Rank.CANCEL)
        return self._call("order", (("symbol", order.key.symbol), _order_name(order.order_id, order.cl_ord_id)),
                          method="DELETE", security=Security.SIGNED, rank=Rank.CANCEL)

    def cancel_all(self, symbol: str) -> Call:
        """End all open orders of a symbol."""
        return self._call("all_open_orders", (("symbol", symbol),), method="DELETE", security=Security.SIGNED,
                          rank=Rank.CANCEL)


    def cancel_all_conditional(self, symbol: str) -> Call:
        """End all conditional orders of a symbol: `cancel_all` leaves them (binance.md 8.2)."""
        return self._call("all_open_algo_orders", (("symbol", symbol),), method="DELETE", security=Security.SIGNED,
                          rank=Rank.CANCEL)

    def query_conditional(self, order_id: str, cl_ord_id: str) -> Call:
        """One conditional order."""
        return self._call("algo_order", (_algo_name(order_id, cl_ord_id),), security=Security.SIGNED,
                          rank=Rank.ORDER)

    def open_conditional(self, rank: Rank = Rank.ACCOUNT) -> Call:
        """All waiting conditional orders of the account."""
        return self._call("open_algo_orders", security=Security.SIGNED, rank=rank)

    def all_conditional(self, symbol: str, start: int, end: int) -> Call:
        """Conditional orders made within a window of at most seven days, whatever became of them."""
        params = (("symbol", symbol), ("startTime", str(start)), ("endTime", str(end)), ("limit", "1000"))
        return self._call("all_algo_orders", params, security=Security.SIGNED, rank=Rank.HISTORY)

    def symbol_config(self) -> Call:
        """Leverage and margin type of each symbol."""
        return self._call("symbol_config", security=Security.SIGNED)

    def brackets(self) -> Call:
        """The largest leverage of each symbol."""
        return self._call("brackets", security=Security.SIGNED)

    def set_leverage(self, symbol: str, leverage: int) -> Call:
        """Change it; asking again for the same is harmless."""
        return self._call("leverage", (("symbol", symbol), ("leverage", str(leverage))), method="POST",
                          security=Security.SIGNED)

    def countdown(self, symbol: str, milliseconds: int) -> Call:
        """The venue cancels the symbol's orders after this time unless it is asked again; 0 ends that."""
        params = (("symbol", symbol), ("countdownTime", str(milliseconds)))
        return self._call("countdown", params, method="POST", security=Security.SIGNED, rank=Rank.ORDER)


def is_waiting(order: CancelOrder | AmendOrder) -> bool:
    """Whether the order has not triggered, as far as the request knows."""
    if order.order_id:
        return order.order_id.startswith(algo.PREFIX)
    return isinstance(order, CancelOrder) and order.conditional


def _algo_name(order_id: str, cl_ord_id: str) -> tuple[str, str]:
    number = order_id.removeprefix(algo.PREFIX)
    return ("algoId", number) if order_id != number else ("clientAlgoId", cl_ord_id)


def _order_name(order_id: str, cl_ord_id: str) -> tuple[str, str]:
    return ("orderId", order_id) if order_id else ("origClientOrderId", cl_ord_id)


class Rest:
    """Stamps, signs, sends once, reads the limits from the answer. Owned by one thread."""

    def __init__(self, client: Client, credentials: Credentials | None, sync: TimeSync, limiter: Limiter, clock: Clock,
                 request_life: float,
                 failure: Callable[[Answer, int], VenueError | None] = errors.failure) -> None:
        self.client = client
        self.latency_ms: float | None = None
        self.stamped = 0                       # venue's time of the last request
        self.recv_window_ms = max(1, round(request_life * 1000))
        self._credentials, self._sync, self._limiter, self._clock = credentials, sync, limiter, clock
        self._failure = failure                # what an answer means; spot has codes of its own

    @property
    def expires(self) -> int:
        """Venue's time after which the last request cannot be accepted any more."""
        return self.stamped + self.recv_window_ms

    def turn(self, call: Call) -> float:
        """Book the call's cost and give 0, or give the seconds to wait first."""
        return self._limiter.acquire(call, self._clock.monotonic())

    def send(self, call: Call) -> bytes:
        """The body of a good answer. Raises Rejected, KeysRejected, Throttled, SilenceError or NotSent."""
        self.stamped = self._sync.now_ms()
        answer = self.client.send(auth.prepare(call, self._credentials, self.stamped, self.recv_window_ms))
        now = self._clock.monotonic()
        self.latency_ms = answer.seconds * 1000
        self._learn(answer, now)
        error = self.judge(answer)
        if error is None:
            return answer.body
        raise error

    def judge(self, answer: Answer) -> VenueError | None:
        """The error an answer stands for; one that speaks for every request holds all of them back."""
        error = self._failure(answer, self._sync.now_ms())
        # 429 and 418 speak for every request; overload, clock and order-count codes only for this one.
        if isinstance(error, Throttled) and (answer.status in (418, 429) or error.banned) and error.code != -1015:
            self._limiter.pause(error.retry_after or 0.0, self._clock.monotonic(), error.banned)
        return error

    def _learn(self, answer: Answer, now: float) -> None:
        for name, value in answer.headers.items():
            told = _USED.fullmatch(name)
            if told is not None and value.isascii() and value.isdigit():
                kind = WEIGHT if told[1].lower() == "used-weight" else ORDERS
                seconds = int(told[2]) * _SECONDS[told[3].lower()]
                # Weights are counted by the venue's clock minutes; of order counters it is not known.
                gone = self._sync.now_ms() / 1000 % seconds if kind == WEIGHT else 0.0
                self._limiter.learn(kind, seconds, int(value[:9]), now, seconds - gone)
