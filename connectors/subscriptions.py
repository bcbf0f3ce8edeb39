"""What one connection streams: asked for, acknowledged, last heard; silent streams are asked again, then reconnected.

Owned by the connection's thread. A venue may acknowledge a stream and never push it (binance.md 9.1), so each stream
says itself when it is overdue. Strikes: first the stream is subscribed anew, then the connection is built anew once,
after that it is only subscribed anew, ever more seldom, until it is heard again. A stream that was asked for by message
and is refused, or not acknowledged within its bound, is asked for again likewise, also when its silence proves nothing;
a person is told once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

log = logging.getLogger(__name__)

IN_ADDRESS = 50       # streams named in the address; more are subscribed by message
A_MESSAGE = 50        # streams in one message
LONGEST = 600.0       # seconds between attempts for a stream that stays silent


class Channel:
    """One stream."""

    __slots__ = ("bound", "flush", "last", "next_try", "overdue", "read", "strikes")

    def __init__(self, read: Callable[[bytes], None], flush: Callable[[], None], overdue: Callable[[float], bool],
                 bound: float) -> None:
        self.read = read              # one frame; what it changes may wait for `flush`
        self.flush = flush            # publish: called when no more frames wait
        self.overdue, self.bound = overdue, bound
        self.last = 0.0               # monotonic; a frame, or the asking
        self.strikes = 0
        self.next_try = 0.0


@dataclass(frozen=True, slots=True)
class _Open:
    """A stream that is asked for and not acknowledged: how often so far, and when again (monotonic)."""

    tries: int
    due: float


def by_number(names: list[str], is_on: bool, number: int) -> str:
    """A message that begins or ends streams; the answer names its number."""
    return json.dumps({"method": "SUBSCRIBE" if is_on else "UNSUBSCRIBE", "params": names, "id": number})


class Subscriptions:
    """Names and their channels. `word` makes the messages, the first `in_address` names stand in the address, `tell`
    says what is refused."""

    def __init__(self, word: Callable[[list[str], bool, int], str] = by_number, in_address: int = IN_ADDRESS,
                 tell: Callable[[str], None] = log.warning) -> None:
        self._word, self._in_address, self._tell = word, in_address, tell
        self.channels: dict[bytes, Channel] = {}
        self._send: Callable[[str], None] | None = None
        self._number = 0
        self._asked: dict[int, list[str]] = {}
        self._now = 0.0
        self._open: dict[str, _Open] = {}     # asked for by message, not acknowledged yet
        self._told: set[str] = set()          # names of which a person knows

    def add(self, channels: dict[str, Channel], now: float) -> None:
        """Stream these too."""
        self._now = now
        new = {name.encode(): channel for name, channel in channels.items() if name.encode() not in self.channels}
        for channel in new.values():
            channel.last = now
        self.channels.update(new)
        self._say(True, [name.decode() for name in new])

    def drop(self, names: Iterable[str]) -> None:
        """End these."""
        gone = [name for name in names if self.channels.pop(name.encode(), None) is not None]
        for name in gone:
            self._open.pop(name, None)
        self._say(False, gone)

    def in_address(self) -> str:
        """The first names, as they stand in the address."""
        return "/".join(name.decode() for name in list(self.channels)[:self._in_address])

    def opened(self, send: Callable[[str], None], now: float) -> None:
        """A new connection: what the address did not name is asked for."""
        self._send, self._asked, self._open, self._now = send, {}, {}, now
        for channel in self.channels.values():
            channel.last = now
        self._say(True, [name.decode() for name in list(self.channels)[self._in_address:]])

    def renewed(self, send: Callable[[str], None]) -> None:
        """Another connection takes over: what its address does not name is asked for on it, all else stays."""
        names = [name.decode() for name in list(self.channels)[self._in_address:]]
        for begin in range(0, len(names), A_MESSAGE):
            self._number += 1
            self._asked[self._number] = names[begin:begin + A_MESSAGE]
            send(self._word(self._asked[self._number], True, self._number))

    def closed(self) -> None:
        """No connection: nothing can be asked."""
        self._send, self._open = None, {}

    def answered(self, number: int, error: str) -> None:
        """The venue's answer to a message; the streams of a refused one are asked for again."""
        names = self._asked.pop(number, [])
        if error:
            self.refused(error, names)
        else:
            self.acknowledged(names)

    def acknowledged(self, names: Iterable[str]) -> None:
        """These are streamed from now on."""
        for name in names:
            self._open.pop(name, None)
            self._told.discard(name)

    def refused(self, error: str, names: Iterable[str] = ()) -> None:
        """The venue's no; without names it is about some that are not acknowledged yet."""
        about = [name for name in names or self._open if name in self._open and name not in self._told]
        if about:
            self._told.update(about)
            self._tell(f"the exchange refuses {_listed(about)}: {error}. Asked for again, the rest goes on")

    def watch(self, now: float) -> str:
        """Ask silent streams again; a text when the connection should be built anew."""
        self._now = now
        self._ask_again(now)
        silent = []
        for name, channel in self.channels.items():
            if not channel.overdue(now):
                if channel.strikes and now - channel.last < channel.bound:
                    channel.strikes, channel.next_try = 0, 0.0
                    self._told.discard(name.decode())
                continue
            if now < channel.next_try or now - channel.last < channel.bound:
                continue
            channel.strikes += 1
            channel.next_try = now + min(channel.bound * 2 ** min(channel.strikes, 10), LONGEST)
            if channel.strikes == 2:
                return f"no data on {name.decode()}"
            if channel.strikes == 3 and name.decode() not in self._told:
                self._told.add(name.decode())
                self._tell(f"{name.decode()} stays silent on a new connection too. Asked for again, the rest goes on")
            silent.append(name.decode())
        if silent:
            log.info("silent streams are subscribed anew: %s", ", ".join(silent[:5]))
            self._say(False, silent)
            self._say(True, silent)
        return ""

    def _ask_again(self, now: float) -> None:
        """Those whose acknowledgement is overdue."""
        late = [name for name, one in self._open.items() if now >= one.due]
        if not late:
            return
        log.info("not acknowledged, asked for again: %s", _listed(late))
        about = [name for name in late if name not in self._told]
        if about:
            self._told.update(about)
            self._tell(f"the exchange does not acknowledge {_listed(about)}. Asked for again, the rest goes on")
        self._say(True, late)

    def again(self, name: str) -> None:
        """End and begin one stream: what the venue sends first is the whole picture."""
        self._say(False, [name])
        self._say(True, [name])

    def _say(self, is_on: bool, names: list[str]) -> None:
        if self._send is None:
            return
        for begin in range(0, len(names), A_MESSAGE):
            self._number += 1
            part = names[begin:begin + A_MESSAGE]
            if is_on:
                self._asked[self._number] = part
                for name in part:
                    self._expect(name)
            self._send(self._word(part, is_on, self._number))

    def _expect(self, name: str) -> None:
        """An acknowledgement is due within the stream's bound, then later and later."""
        before, channel = self._open.get(name), self.channels.get(name.encode())
        tries = 1 if before is None else before.tries + 1
        if channel is not None:
            self._open[name] = _Open(tries, self._now + min(channel.bound * 2 ** min(tries - 1, 10), LONGEST))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
