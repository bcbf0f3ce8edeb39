"""The control interface: what really happened, and the strings a test may pull. JSON over loopback HTTP.

GET truth → conditional orders (Binance's futures), orders, executions, funding, movements by time, then positions and
balances of the accounts with keys, Binance's first. What a conditional order became has its client's id and its
algo_id. Every item carries account, market and category (BitMEX: inverse, linear, quanto or spot; its ids are those of
the wire, amounts, and quantities of spot, in coins; Binance: linear for USD-M, spot, inverse for COIN-M, in contracts).
On Binance exec_id is `<category>:<symbol>:<venue's trade id>`, funding id `<category>:<symbol>:F<tranId>`. A funding
amount is positive when paid by the account; movements are all other changes of a wallet but trades, by the ids their
histories give. POST price, trade (`parts`: as many equal ones at one time), funding (`symbols`, `time`: several in one
millisecond), each with market "Binance" or "Bitmex", category, symbol; clock; fault; deposit {market, category (spot
unless told), asset, amount (negative: it leaves), kind (of the history's rows), symbol, count, time}; fees {category,
maker, taker (negative: a rebate), bnb}; key (public_key: Ed25519, PEM) for a second API key of Binance's products; GET
fault; DELETE fault (all), fault?name=N or fault/N (by name or id). Ending all also forgets used weight, order counts
and bans. POST order {side, qty, price (none: at market), reduce_only} and cancel {order_id} are done "on the web site";
liquidate {kind: liquidation, insurance or adl} takes the position away, settle ends the contract and closes it at the
mark.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from simulator import bitmex_by_hand, burst
from simulator.binance_streams import Hub
from simulator.bitmex_rows import order_guid
from simulator.bitmex_streams import BitmexHub, Realtime
from simulator.bitmex_truth import bitmex_truth
from simulator.bitmex_venue import BitmexVenue
from simulator.bitmex_wire import MINUTE_KEYED, MINUTE_OPEN, SECOND_ORDERS, No
from simulator.by_hand import KINDS, liquidate, settle, web_cancel, web_order
from simulator.control_body import Bad, count_of, number_of, object_of
from simulator.control_money import MOST, deposit, pay_fundings, set_fees
from simulator.errors import Refused
from simulator.exchange import Order
from simulator.faults import USUAL, BadFault
from simulator.frames import bad_frames
from simulator.futures import Futures
from simulator.futures_truth import futures_truth
from simulator.keys import BadKey, register
from simulator.limits import ORDERS_1M, ORDERS_10S, WEIGHT_LIMIT
from simulator.market import Market
from simulator.money import plain
from simulator.payloads import Json
from simulator.spot_by_hand import spot_web_cancel, spot_web_order
from simulator.spot_streams import SpotHub
from simulator.spot_truth import spot_truth
from simulator.spot_venue import SpotVenue
from simulator.spot_ws_api import SpotWsApi
from simulator.venue import Venue

Answer = tuple[int, Any]
SPOT = "spot"


class Control:
    """Serves /control."""

    def __init__(self, venue: Venue, hubs: list[Hub | SpotHub | SpotWsApi | BitmexHub]) -> None:
        self.venue = venue
        self.hubs = hubs

    def handle(self, method: str, path: str, query: str, body: bytes) -> Answer:
        """Status and JSON answer of one control request."""
        name, _, rest = path.removeprefix("/control").strip("/").partition("/")
        try:
            if (method, name) == ("GET", "truth"):
                return 200, self.truth()
            if (method, name) == ("GET", "fault"):
                return 200, {"faults": self.venue.faults.shown()}
            if (method, name) == ("DELETE", "fault"):
                return 200, self._end_fault(rest or parse_qs(query).get("name", [""])[0] or object_of(body).get("name"))
            known: dict[str, Callable[[Json], Json]] = {
                "price": self._price, "trade": self._trade, "funding": self._funding, "clock": self._clock,
                "fault": self._fault, "deposit": lambda body: deposit(self.venue, body), "key": self._key,
                "order": self._order, "cancel": self._cancel, "liquidate": self._liquidate, "settle": self._settle,
                "fees": lambda body: set_fees(self._owner(body), body)}
            action = known.get(name)
            if method == "POST" and action:
                try:
                    return 200, action(object_of(body))
                except Refused as refusal:
                    raise Bad(f"refused: {refusal.text}") from None
                except No as no:
                    raise Bad(f"refused: {no}") from None
        except (Bad, BadFault) as error:
            return 400, {"error": str(error)}
        return 404, {"error": f"{method} {path} is unknown; known are GET truth, POST price, trade, funding, clock, "
                              "fault, deposit, key, order, cancel, liquidate, settle, fees, GET fault, DELETE fault"}

    def truth(self) -> Json:
        """Everything the account did and has."""
        out: Json = {}
        for product in self.venue.products():
            for name, rows in futures_truth(product).items():
                out[name] = merged(out.get(name, []), rows)
        others = [spot_truth(self.venue.spot)] if self.venue.spot else []
        others += [bitmex_truth(self.venue.bitmex)] if self.venue.bitmex else []
        for other in others:  # one after the other, each venue in its order
            for name, rows in other.items():
                out[name] = merged(out[name], rows)
        return {**out, "time": self.venue.clock.now()}

    def _price(self, body: Json) -> Json:
        owner, market = self._market(body)
        owner.move(market, self._ticks(body, market))
        return {"price": market.instrument.price_text(market.last())}

    @staticmethod
    def _ticks(body: Json, market: Market) -> int:
        price = number_of(body, "price")
        ticks = price / market.instrument.tick
        if price <= 0 or ticks != int(ticks):
            raise Bad(f"price: {price} is not a positive multiple of {market.instrument.tick_text}")
        return int(ticks)

    @staticmethod
    def _side(body: Json) -> int:
        side = {"BUY": 1, "SELL": -1}.get(str(body.get("side")).upper())
        if side is None:
            raise Bad(f"side: {body.get('side')!r} is neither BUY nor SELL")
        return side

    @staticmethod
    def _lots(body: Json, market: Market) -> int:
        qty = number_of(body, "qty")
        lots = qty / market.instrument.lot
        if qty <= 0 or lots != int(lots):
            raise Bad(f"qty: {qty} is not a positive multiple of {market.instrument.lot_text}")
        return int(lots)

    def _trade(self, body: Json) -> Json:
        """A stranger's market order, or as many equal `parts` of it at one time."""
        owner, market = self._market(body)
        side, lots, parts = self._side(body), self._lots(body, market), count_of(body, "parts", 1, MOST)
        if lots % parts:
            raise Bad(f"parts: {parts} do not divide {lots} lots")
        filled = value = 0
        with self.venue.clock.standing():
            for _ in range(parts):
                order = owner.stranger(market, side, lots // parts)
                filled, value = filled + order.cum, value + order.value
        item = market.instrument
        return {"filled": plain(item.qty(filled)), "avg_price": plain(round(item.average(value, filled), 12))}

    def _funding(self, body: Json) -> Json:
        names = body.get("symbols") or [body.get("symbol")]
        if not isinstance(names, list):
            raise Bad(f"symbols: {names!r} is not a list")
        return pay_fundings(self.venue, body, [self._market({**body, "symbol": name}) for name in names])

    def _order(self, body: Json) -> Json:
        """An order placed on the web site, with the market's own checks."""
        owner, market = self._market(body)
        side, lots = self._side(body), self._lots(body, market)
        ticks = 0
        if body.get("price") is not None:
            ticks = self._ticks(body, market)
        reduce_only = body.get("reduce_only") is True
        if isinstance(owner, BitmexVenue):
            ticket = bitmex_by_hand.web_order(owner, market, side, lots, ticks, reduce_only)
            return {"order_id": order_guid(owner.account.number, ticket.order_id), "status": ticket.status}
        order: Order = spot_web_order(owner, market, side, lots, ticks) if isinstance(owner, SpotVenue) else \
            web_order(owner, market, side, lots, ticks, reduce_only)
        return {"order_id": str(order.order_id), "client_id": order.client_id, "status": order.status}

    def _cancel(self, body: Json) -> Json:
        """An order canceled on the web site."""
        owner, _ = self._market(body)
        if isinstance(owner, BitmexVenue):
            return {"status": bitmex_by_hand.web_cancel(owner, str(body.get("order_id"))).status}
        number = int(number_of(body, "order_id"))
        order: Order = spot_web_cancel(owner, number) if isinstance(owner, SpotVenue) else web_cancel(owner, number)
        return {"order_id": str(order.order_id), "status": order.status}

    def _liquidate(self, body: Json) -> Json:
        """The venue takes a position away."""
        owner, market = self._market(body)
        kind = body.get("kind", "liquidation")
        if kind not in KINDS:
            raise Bad(f"kind: {kind!r} is none of {', '.join(KINDS)}")
        if isinstance(owner, BitmexVenue):
            return {"status": bitmex_by_hand.liquidate(owner, market, kind).status}
        if isinstance(owner, SpotVenue):
            raise Bad("category: spot has no positions to liquidate")
        order = liquidate(owner, market, kind, str(body.get("position_side", "BOTH")))
        return {"order_id": str(order.order_id), "client_id": order.client_id, "status": order.status}

    def _settle(self, body: Json) -> Json:
        """A contract ends: the position is closed at the mark."""
        owner, market = self._market(body)
        if isinstance(owner, BitmexVenue):
            return {"status": bitmex_by_hand.settle(owner, market).status}
        if isinstance(owner, SpotVenue):
            raise Bad("category: spot has no positions to settle")
        order = settle(owner, market)
        return {"order_id": str(order.order_id), "client_id": order.client_id, "status": order.status}

    def _owner(self, body: Json) -> Futures | BitmexVenue | SpotVenue:
        """The side of the venue a request names, by market and category alone."""
        if str(body.get("market", "Binance")).lower() == "bitmex" and self.venue.bitmex:
            return self.venue.bitmex
        category = body.get("category", USUAL)
        found = self._products().get(str(category))
        if found is None:
            raise Bad(f"category: {category!r} is unknown; known are {', '.join(self._products())}")
        return found

    def _clock(self, body: Json) -> Json:
        offset = number_of(body, "offset_ms")
        if offset != int(offset):
            raise Bad(f"offset_ms: {offset} is not a whole number")
        self.venue.clock.offset_ms = int(offset)
        return {"offset_ms": int(offset), "time": self.venue.clock.now()}

    def _key(self, body: Json) -> Json:
        """An Ed25519 public key (PEM) of the account; the API key it is used with on every Binance product."""
        try:
            return {"api_key": register(self.venue.store, self.venue.account.name, str(body.get("public_key")))}
        except BadKey as error:
            raise Bad(f"public_key: {error}") from None

    def _fault(self, body: Json) -> Json:
        symbol = body.get("symbol")
        bitmex = self.venue.bitmex
        listed = [symbol in product.markets for product in self._products().values()]
        if symbol and not any(listed) and not (bitmex and symbol in bitmex.contracts):
            raise Bad(f"symbol: {symbol!r} is not listed")
        faults, limits = self.venue.faults, self.venue.limits
        fault = faults.add(body)
        if fault.name == "cut":
            code = int(fault.args["code"])
            clients = [client for hub in self.hubs for client in hub.cut(code)]
            if code == 1006:
                self.venue.reset_all(clients)
        elif fault.name == "shutdown":
            for hub in self.hubs:
                if isinstance(hub, SpotHub | SpotWsApi):
                    hub.shut_down(self.venue.clock.now())
        elif fault.name == "listen_key":
            for hub in self.hubs:
                if isinstance(hub, Hub):
                    hub.expire_listen_key()
                elif isinstance(hub, SpotWsApi):
                    hub.terminate()
        elif fault.name == "limit":
            if self.venue.spot:
                own = self.venue.spot.limits
                own.weight_limit = fault.args["weight"] or own.weight_limit
                own.orders_10s = fault.args["orders_10s"] or own.orders_10s
                own.orders_1d = fault.args["orders_1d"] or own.orders_1d
            limits.weight_limit = fault.args["weight"] or limits.weight_limit
            limits.orders_10s = fault.args["orders_10s"] or limits.orders_10s
            limits.orders_1m = fault.args["orders_1m"] or limits.orders_1m
            if bitmex:
                pace = bitmex.pace
                pace.per_minute = pace.per_minute_open = fault.args["requests_1m"] or pace.per_minute
                pace.per_second = fault.args["requests_1s"] or pace.per_second
                pace.forgive()
        elif fault.name == "frame":
            self._throw(fault.args["kind"], fault.args["stream"])
        elif fault.name == "burst":
            burst.start(self._futures_hub(fault.args["category"]), faults, fault, self.venue.transport_of)
        elif fault.name == "weight":
            for one in (limits, self.venue.spot and self.venue.spot.limits):
                if one:
                    one.headers(False)
                    one.extra = int(fault.args["used"])
        shown = fault.shown()
        if fault.name in ("listen_key", "shutdown", "frame") or (fault.name == "cut" and not fault.args["seconds"]):
            faults.active.remove(fault)  # done at once
        return {"fault": shown}

    def _throw(self, kind: str, stream: str) -> None:
        """Bad frames into every connection that has such a stream, in line with what it is still to be sent."""
        pieces = bad_frames(kind)
        for hub in self.hubs:
            for one in [] if isinstance(hub, SpotWsApi) else hub.connections:
                transport = self.venue.transport_of(one.client)
                names = one.topics if isinstance(one, Realtime) else one.streams
                if transport and any(stream in name for name in names):
                    for raw in pieces:
                        one.put_raw(transport, raw)

    def _futures_hub(self, category: str) -> Hub:
        for hub in self.hubs:
            if isinstance(hub, Hub) and hub.venue.product.category == category:
                return hub
        raise Bad(f"category: {category!r} has no bursts; linear and inverse have")

    def _end_fault(self, name: str | None) -> Json:
        faults, limits = self.venue.faults, self.venue.limits
        ended = faults.end(name)
        if faults.first("limit") is None:
            limits.weight_limit, limits.orders_10s, limits.orders_1m = WEIGHT_LIMIT, ORDERS_10S, ORDERS_1M
            if self.venue.spot:
                self.venue.spot.limits.set_usual()
            if self.venue.bitmex:
                pace = self.venue.bitmex.pace
                pace.per_minute, pace.per_minute_open, pace.per_second = MINUTE_KEYED, MINUTE_OPEN, SECOND_ORDERS
        if faults.first("weight") is None:
            for one in (limits, self.venue.spot and self.venue.spot.limits):
                if one:
                    one.extra = 0
        if not name:
            limits.forgive()
            if self.venue.spot:
                self.venue.spot.limits.forgive()
            if self.venue.bitmex:
                self.venue.bitmex.pace.forgive()
        return {"ended": ended}

    def _market(self, body: Json) -> tuple[Futures | BitmexVenue | SpotVenue, Market]:
        """The market a request names, with the side of the venue it belongs to."""
        bitmex = self.venue.bitmex
        name = str(body.get("market", "Binance"))
        symbol, category = body.get("symbol"), body.get("category")
        owner: Futures | BitmexVenue | SpotVenue = self.venue
        if bitmex and name.lower() == "bitmex":
            owner = bitmex
        elif name.lower() != "binance":
            known = "Binance, Bitmex" if bitmex else "Binance"
            raise Bad(f"market: {body.get('market')!r} is not traded here; known are {known}")
        else:
            products = self._products()
            if category is not None and category not in products:
                raise Bad(f"category: {category!r} is unknown; known are {', '.join(products)}")
            owner = next((p for p in products.values() if symbol in p.markets), owner)
            owner = products[category] if category and symbol in products[category].markets else owner
        market = owner.markets.get(symbol) if isinstance(symbol, str) else None
        if market is None:
            raise Bad(f"symbol: {symbol!r} is not listed; known are {', '.join(owner.markets)}")
        of_symbol = owner.contracts[market.symbol].category if isinstance(owner, BitmexVenue) else \
            next(known for known, product in self._products().items() if product is owner)
        if (category or of_symbol) != of_symbol:
            raise Bad(f"category: {category!r} is not that of {symbol!r}; it is {of_symbol}")
        return owner, market

    def _products(self) -> dict[str, Futures | SpotVenue]:
        """Binance's products by category; without one named, a symbol is looked for in this order."""
        out: dict[str, Futures | SpotVenue] = {p.product.category: p for p in self.venue.products()}
        return {**out, **({SPOT: self.venue.spot} if self.venue.spot else {})}


def merged(rows: list[Json], more: list[Json]) -> list[Json]:
    """Both lists by time, each in its own order."""
    return list(heapq.merge(rows, more, key=lambda row: int(row.get("time", 0))))
