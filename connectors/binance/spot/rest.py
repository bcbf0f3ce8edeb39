"""Spot's endpoints by name, where they differ from the futures' (binance.md 5.1 to 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connectors.binance.products import SPOT
from connectors.binance.rest import Endpoints
from connectors.binance.spot import transfers
from connectors.binance.spot.parse import POST_ONLY, TYPES
from connectors.http import Call, Rank, Security
from core import ids
from core.numbers import text
from models import AmendOrder, CancelOrder, OrderReport, OrdType, SubmitOrder, TimeInForce

_BIPS = 100                # of one percent: trailingDelta
_CHEAP_LEVELS = 1000       # of a snapshot while the budget is half used: a fifth of the weight


class SpotEndpoints(Endpoints):
    """The calls of spot."""

    def __init__(self, usage: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(SPOT)
        self._usage = usage          # of the request budget, 0…1

    def snapshot(self, symbol: str) -> Call:
        """A whole book: deep, since levels beyond it stay unknown; less so while lines break often."""
        return self.depth(symbol, self.product.snapshot_limit if self._usage() < 0.5 else _CHEAP_LEVELS)

    def depth(self, symbol: str, limit: int) -> Call:
        """A book snapshot. Weight by its size (binance.md 5.1)."""
        weight = 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
        return replace(super().depth(symbol, limit), weight=weight)

    def klines(self, symbol: str, interval: str, limit: int, end: int | None = None) -> Call:
        """The latest candles, or the latest that began by `end`; the last one still forms."""
        return replace(super().klines(symbol, interval, limit, end), weight=self.product.weights["klines"])

    def account(self) -> Call:
        """Who we are and what we hold."""
        return self._call("account", (("omitZeroBalances", "true"),), security=Security.SIGNED)

    def query(self, symbol: str, order_id: str, cl_ord_id: str, rank: Rank = Rank.ACCOUNT) -> Call:
        """One order."""
        return self._call("order", (("symbol", symbol), _name(order_id, cl_ord_id)), security=Security.SIGNED,
                          rank=rank, weight=4)

    def deposits(self, start: int, end: int, offset: int) -> Call:
        """What came from outside within a window."""
        return self._capital("deposits", start, end, offset)

    def withdrawals(self, start: int, end: int, offset: int) -> Call:
        """What was sent outside within a window."""
        return self._capital("withdrawals", start, end, offset)

    def _capital(self, name: str, start: int, end: int, offset: int) -> Call:
        params = (("startTime", str(start)), ("endTime", str(end)), ("offset", str(offset)),
                  ("limit", str(transfers.ROWS_A_PAGE)))
        return self._call(name, params, security=Security.SIGNED, rank=Rank.HISTORY)

    def transfers(self, way: str, start: int, end: int, page: int) -> Call:
        """What went one way between the account's wallets within a window."""
        params = (("type", way), ("startTime", str(start)), ("endTime", str(end)), ("current", str(page)),
                  ("size", str(transfers.TRANSFERS_A_PAGE)))
        return self._call("transfers", params, security=Security.SIGNED, rank=Rank.HISTORY)

    def submit(self, order: SubmitOrder) -> Call:
        """A new order. There is no reduce-only here: a sale always reduces."""
        trigger = order.trigger
        is_post_only = order.ord_type is OrdType.LIMIT and order.tif is TimeInForce.GTX
        kind = POST_ONLY if is_post_only else TYPES[order.ord_type]
        params = [("symbol", order.key.symbol), ("side", order.side.value), ("type", kind)]
        if order.ord_type.has_price and not is_post_only:
            params.append(("timeInForce", order.tif.value))
        params.append(("quantity", text(order.qty)))
        if order.ord_type.has_price and order.price is not None:
            params.append(("price", text(order.price)))
        if trigger is not None and trigger.price is not None:
            params.append(("stopPrice", text(trigger.price)))
        if trigger is not None and trigger.callback is not None:
            params.append(("trailingDelta", text(trigger.callback * _BIPS)))
        params += [("newClientOrderId", ids.to_dashed(order.cl_ord_id)), ("newOrderRespType", "RESULT")]
        return self._call("order", params, method="POST", security=Security.SIGNED, orders=1,
                          rank=Rank.CANCEL if order.reduce_only else Rank.ORDER)

    def lower(self, order: AmendOrder, now: OrderReport) -> Call:
        """A smaller quantity: the order keeps its place in the queue, its venue id and its client id."""
        params = (("symbol", order.key.symbol), ("orderId", now.order_id),
                  ("newClientOrderId", ids.to_dashed(now.cl_ord_id or "")), ("newQty", text(order.qty)))
        return self._call("amend", params, method="PUT", security=Security.SIGNED, rank=Rank.ORDER)

    def replace(self, order: AmendOrder, now: OrderReport) -> Call:
        """Cancel the unfilled order and place it anew under the same client id, or do nothing."""
        is_post_only = now.tif is TimeInForce.GTX
        params = [("symbol", order.key.symbol), ("side", now.side.value),
                  ("type", POST_ONLY if is_post_only else "LIMIT"),
                  ("cancelReplaceMode", "STOP_ON_FAILURE"), ("cancelRestrictions", "ONLY_NEW"),
                  ("cancelOrderId", now.order_id), ("cancelNewClientOrderId", moved_mark(now.order_id))]
        if not is_post_only:
            params.append(("timeInForce", "GTC"))
        params += [("quantity", text(order.qty)), ("price", text(order.price)),
                   ("newClientOrderId", ids.to_dashed(now.cl_ord_id or "")), ("newOrderRespType", "RESULT")]
        return self._call("replace", params, method="POST", security=Security.SIGNED, orders=1, rank=Rank.ORDER)

    def cancel(self, order: CancelOrder) -> Call:
        """End one order."""
        return self._call("order", (("symbol", order.key.symbol), _name(order.order_id, order.cl_ord_id)),
                          method="DELETE", security=Security.SIGNED, rank=Rank.CANCEL)


def moved_mark(order_id: str) -> str:
    """The id of the cancel inside a cancelReplace: it tells that the order goes on under another venue id."""
    return f"moved-{order_id}"


def _name(order_id: str, cl_ord_id: str) -> tuple[str, str]:
    """An order of ours by our id, which stays when it is moved; a foreign one by the venue's."""
    if order_id and not ids.is_ours(cl_ord_id):
        return "orderId", order_id
    return "origClientOrderId", ids.to_dashed(cl_ord_id)
