"""A bot's orders: one at a time, each asked under a ticket of its own, nothing new before the last is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from core.numbers import text
from engine.bot_parts import BotDesk, Published
from engine.bot_rules import Act, Rules, decide
from engine.commands import PlaceOrder, Verdict
from models import BotState, Instrument, OrdType
from risk.sizing import entry_quantity
from strategies.base import Strategy

EXIT_AGAIN_S = (1.0, 60.0)   # a refused take-profit or stop-loss is asked again after this, doubled up to that


@dataclass(frozen=True, slots=True)
class _Asked:
    order: PlaceOrder
    act: Act
    before: Published        # the book before it was asked
    since: float             # monotonic


class BotOrders:
    """Decides and asks, on the bot's thread. `may_trade`: trading is ON and the bot's thread is not told to end."""

    def __init__(self, desk: BotDesk, may_trade: Callable[[], bool], ticket: Callable[[str], str]) -> None:
        self._desk, self._may_trade, self._ticket = desk, may_trade, ticket
        self._acted = -1                         # start of the candle whose signal was acted on
        self._unanswered: _Asked | None = None   # the engine may still do it: only its own ticket may be asked again
        self._accepted: _Asked | None = None     # not seen in the published book yet
        self._exit_pause, self._exit_after = EXIT_AGAIN_S[0], 0.0

    @property
    def may_act(self) -> bool:
        """Whether an order could be asked for now."""
        return (self._may_trade() and self._desk.row.state is BotState.WORK and self._unanswered is None
                and self._now() >= self._desk.quiet_until and self._is_settled())

    def ask_again(self) -> None:
        """The answer that was missing, by the same ticket, so nothing can be done twice."""
        if self._unanswered is not None:
            self._ask(self._unanswered, first=False)

    def consider(self, strategy: Strategy, signal: int, price: Decimal, candle: int) -> None:
        """Do what this signal and price ask for; `candle` is the start of the candle they belong to."""
        if not self.may_act:
            return None
        before = self._desk.published            # one reading: decided on and compared with later
        instrument = self._desk.parts.board.instruments.get(self._desk.row.key)
        if instrument is None:
            return self._problem(signal, candle, f"{self._desk.row.key.symbol} is not known yet, no order")
        entry = self._entry(instrument, price) if signal else ""
        act = decide(Rules.of(strategy, instrument), before.position, signal, price, entry)
        if act is None:
            return None
        if isinstance(act, str):
            return self._problem(signal, candle, act)
        if not self._is_due(act, candle):
            return None
        if strategy.on_forming or not act.is_exit:
            self._acted = candle
        return self._ask(_Asked(self._order(act, price), act, before, self._now()), first=True)

    def _is_due(self, act: Act, candle: int) -> bool:
        return self._now() >= self._exit_after if act.is_exit else self._acted != candle

    def _problem(self, signal: int, candle: int, words: str) -> None:
        if signal and self._acted != candle:
            self._acted = candle
            self._desk.say(words, "warning")

    def _entry(self, instrument: Instrument, price: Decimal) -> Decimal | str:
        ticker = self._desk.parts.board.tickers.get(instrument.key)
        mark = (ticker.mark or ticker.last if ticker else None) or price
        return entry_quantity(instrument, self._desk.row.capital, mark)

    def _order(self, act: Act, price: Decimal) -> PlaceOrder:
        row = self._desk.row
        return PlaceOrder(self._ticket(row.emi), row.key, row.emi, act.side, act.qty, None, by_hand=False,
                          ord_type=OrdType.MARKET, reduce_only=act.reduce_only, wanted=price)

    def _ask(self, asked: _Asked, first: bool) -> None:
        if first and not (asked.act.is_exit and self._exit_pause > EXIT_AGAIN_S[0]):
            self._tell(asked, "", "info")        # before the engine says ORDER; an exit tried again was told already
        verdict = self._desk.parts.place(asked.order, self._desk.parts.timings.verdict)
        self._unanswered = asked if verdict is None else None
        if verdict is None:
            if first:
                self._tell(asked, " – no answer from the engine yet, asking again", "warning")
        elif verdict.ok:
            self._accepted = asked
            self._exit_pause, self._exit_after = EXIT_AGAIN_S[0], 0.0
        else:
            self._refused(asked, verdict)

    def _refused(self, asked: _Asked, verdict: Verdict) -> None:
        self._tell(asked, f" – refused: {verdict.refusal.text if verdict.refusal else 'no reason given'}", "warning")
        if asked.act.is_exit:
            self._exit_after = self._now() + self._exit_pause
            self._exit_pause = min(self._exit_pause * 2, EXIT_AGAIN_S[1])

    def _tell(self, asked: _Asked, end: str, level: str) -> None:
        order, act = asked.order, asked.act
        at = f" at {text(order.wanted)}" if order.wanted is not None else ""
        self._desk.say(f"{'EXIT' if act.is_exit else 'SIGNAL'} {order.side} {text(order.qty)} {order.key.symbol}{at}: "
                       f"{act.why}{end}", level)

    def _is_settled(self) -> bool:
        """Whether the accepted order has been seen in the book: between the engine's yes and its next publishing the
        book still looks as if nothing had been asked.
        """
        asked, now = self._accepted, self._desk.published
        if asked is None:
            return True
        if now.news == asked.before.news:
            return False
        if now.moves == asked.before.moves and self._now() - asked.since < self._desk.parts.timings.verdict:
            return False      # news about something else, or refused by the venue at once: a moment tells
        self._accepted = None
        return True

    def _now(self) -> float:
        return self._desk.parts.clock.monotonic()
