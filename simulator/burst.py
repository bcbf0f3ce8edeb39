"""Very many market frames at once (the fault `burst`): best prices, mark prices and 40-level diffs, all of them true.

They go past the websocket library, many in one write, else this process would be what is slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulator.binance_streams import Connection, Hub, encode
from simulator.faults import Fault, Faults
from simulator.frames import LAST, TEXT, frame
from simulator.market import Market
from simulator.payloads import Json

TransportOf = Callable[[tuple[str, int]], asyncio.Transport | None]
SLICE_S = 0.02
LEVELS = 20         # of each side in a diff
_tasks: set[asyncio.Task[None]] = set()     # a task that nobody holds may vanish


def start(hub: Hub, faults: Faults, fault: Fault, transport_of: TransportOf) -> None:
    """Begin; the fault counts the frames in `hits` and ends with the last."""
    task = asyncio.get_running_loop().create_task(_run(hub, faults, fault, transport_of))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _run(hub: Hub, faults: Faults, fault: Fault, transport_of: TransportOf) -> None:
    loop = asyncio.get_running_loop()
    begun, total, seconds = loop.time(), int(fault.args["frames"]), max(SLICE_S, float(fault.args["seconds"]))
    while fault.hits < total and fault in faults.active:
        due = min(total, int(total * (loop.time() - begun + SLICE_S) / seconds))
        if due > fault.hits:
            fault.hits += _slice(hub, due - fault.hits, transport_of) or total
        await asyncio.sleep(SLICE_S)
    if fault in faults.active:
        faults.active.remove(fault)


def _slice(hub: Hub, count: int, transport_of: TransportOf) -> int:
    """So many frames now, spread over symbols and connections; how many they were (0: nobody listens)."""
    sources = [(one, transport, makers) for market in hub.venue.markets.values() for one in hub.connections
               if (transport := transport_of(one.client)) and (makers := _frames(hub, market, one))]
    made = 0
    for number, (one, transport, makers) in enumerate(sources, 1):
        until = count * number // len(sources)
        texts = [makers[at % len(makers)]() for at in range(until - made)]
        one.put_raw(transport, b"".join(frame(TEXT | LAST, text) for text in texts))
        made = until
    return made


def _frames(hub: Hub, market: Market, one: Connection) -> list[Callable[[], bytes]]:
    """What makes the next frame of each stream of a symbol on a connection; a diff comes after four others."""
    name = market.symbol.lower()
    makers: list[Callable[[], bytes]] = []
    for stream, event in ((f"{name}@bookTicker", hub.publisher.top_event), (f"{name}@markPrice@1s",
                                                                           hub.publisher.mark_event)):
        if one in hub.subscribers.get(stream, ()):
            text = _wrapped(one, stream, event(market))
            makers += [lambda text=text: text] * 4  # type: ignore[misc]
    diffs = f"{name}@depth@100ms"
    if hub.subscribers.get(diffs) == {one}:     # the chain of several readers is one
        makers.append(_diff_maker(hub, market, one, diffs))
    return makers


def _diff_maker(hub: Hub, market: Market, one: Connection, stream: str) -> Callable[[], bytes]:
    """Diffs that tell the same levels again and again, each with the next id of the chain."""
    diffs, engine = hub.publisher.diffs(stream), market.engine
    parts: list[bytes] = []

    def make() -> bytes:
        engine.update_id += 1
        if not parts:
            diffs.touched |= {(side, price) for side in (1, -1) for price in engine.sides[side].prices(LEVELS)}
            event = diffs.collect()
            assert event is not None
            last = event["u"]
            before, after = _wrapped(one, stream, {**event, "U": 0, "u": 1, "pu": 2}).split(b'"U":0,"u":1,"pu":2')
            parts.extend((before, after))
            return before + b'"U":%d,"u":%d,"pu":%d' % (event["U"], last, event["pu"]) + after
        now, diffs.last_id = engine.update_id, engine.update_id
        return parts[0] + b'"U":%d,"u":%d,"pu":%d' % (now, now, now - 1) + parts[1]

    return make


def _wrapped(one: Connection, stream: str, event: Json) -> bytes:
    plain: bytes = encode(event)
    return b'{"stream":"%s","data":%s}' % (stream.encode(), plain) if one.combined else plain
