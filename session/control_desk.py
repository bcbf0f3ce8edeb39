"""What is asked over the control socket: commands for the engine, and reports of the published view. Control thread.

Nothing here waits: a report is made of the latest view at once, a command's verdict is passed on when it comes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from core.board import Board
from core.numbers import printable, text
from core.titles import market_title, title_of
from engine.commands import CancelAll, Command, KillSwitch, Recover, SetBot, SetTrading, Verdict
from engine.view import PositionLine, View, position_pnl
from models import BotState, OrdStatus
from session.control_line import REFUSED, SILENT, Answer, Request, accepted, denied

_BOTS = {state.value for state in BotState}
Reply = Callable[[Answer], None]


class Running(Protocol):
    """What is used of a session."""

    board: Board

    def view(self) -> View | None:
        """The engine's latest view."""

    def post(self, command: Command, reply: Callable[[Verdict], None] | None = None) -> None:
        """Hand a command to the engine."""

    def is_deciding(self) -> bool:
        """Whether the engine's thread lives."""

    def dead_threads(self) -> tuple[str, ...]:
        """Names of threads that died."""

    def markets(self) -> tuple[str, ...]:
        """The markets of this session."""


class ControlDesk:
    """Carries requests to a session and answers back."""

    def __init__(self, session: Running, version: str) -> None:
        self._session, self._version = session, version
        self._began = time.monotonic()
        self._tickets = itertools.count(1)

    def take(self, request: Request, reply: Reply) -> None:
        """Answer now, or when the engine has."""
        view = self._session.view()
        if view is None and request.do != "kill":
            reply(denied(request.do, SILENT, "the program is starting: nothing is known yet; try again"))
            return
        if view is not None and request.do == "status":
            reply(accepted("status", "", status=self._status(view)))
            return
        if view is not None and request.do == "positions":
            reply(accepted("positions", "", positions=[self._position(one) for one in view.positions]))
            return
        command = self._command(request, view)
        if isinstance(command, str):
            reply(denied(request.do, REFUSED, command))
        elif view is not None and not self._session.is_deciding():
            self._session.post(command)              # the kill switch goes to the venues without the engine
            asked = isinstance(command, KillSwitch | CancelAll)
            reply(denied(request.do, SILENT, "the engine's thread has stopped" + (
                "; the venues are asked directly to cancel" if asked else "; a restart recovers")))
        else:
            self._session.post(command, lambda verdict: reply(_told(request, verdict, view)))

    # ------------------------------------------------------------ commands

    def _command(self, request: Request, view: View | None) -> Command | str:
        """The engine's command, or why there is none."""
        ticket = f"control-{request.ticket or next(self._tickets)}"
        if request.until is not None and _raises_risk(request) and time.time() * 1000 > request.until:
            return "it came too late: whoever asked has stopped waiting"
        match request.do:
            case "trading":
                return SetTrading(ticket, request.on)
            case "bot":
                names = [line.emi for line in view.bots if line.status in _BOTS] if view else []
                if view is not None and request.name not in names:
                    known = f"there are {', '.join(names)}" if names else "there is none"
                    return f"there is no bot {printable(request.name, 40)}; {known}"
                return SetBot(ticket, request.name, BotState.WORK if request.on else BotState.OFF)
            case "cancel-all":
                return CancelAll(ticket)
            case "kill":
                return KillSwitch(ticket)
            case "recover":
                market = _market(request.market, self._session.markets())
                return Recover(ticket, market or "") if market is not None else (
                    f"{printable(request.market, 40)} is not connected here; "
                    f"{', '.join(self._session.markets()) or 'nothing'} is")
        return f"{request.do} is not known"

    # ------------------------------------------------------------ reports

    def _status(self, view: View) -> dict[str, object]:
        ledger, board = view.ledger, self._session.board
        recovered = set(view.recovered)
        return {
            "version": self._version, "process": os.getpid(), "mode": view.mode.value,
            "uptime_s": round(time.monotonic() - self._began), "view_age_s": round(
                max(0.0, time.monotonic() - view.published), 1),
            "trading": view.trading, "locked": view.locked,
            "kill": {"locked": view.kill.locked, "total": view.kill.total, "done": view.kill.done},
            "ledger": {"kind": ledger.kind, "ok": ledger.ok, "text": ledger.text, "queued": ledger.queued,
                       "agrees": ledger.agrees, "agree_text": ledger.agree_text, "agree_time": ledger.agree_time},
            "venues": [{"market": one.market, "category": one.category.value, "title": one.title,
                        "health": one.health.value, "text": one.problem or one.text, "account": one.account,
                        "has_keys": one.has_keys, "recovered": (one.market, one.category) in recovered,
                        "latency_ms": None if one.latency_ms is None else round(one.latency_ms)}
                       for one in list(board.venues.values())],
            "orders": len(view.orders), "bot_orders": view.bot_orders,
            "unknown_orders": sum(one.status is OrdStatus.UNKNOWN for one in view.orders),
            "bots": [{"name": one.emi, "market": one.key.market, "category": one.key.category.value,
                      "symbol": one.key.symbol, "product": title_of(one.key), "status": one.status,
                      "reason": one.reason, "position": text(one.sums.pos), "orders": one.orders}
                     for one in view.bots],
            "warnings": [{"level": one.level, "text": one.text} for one in view.strips],
            "dead_threads": list(self._session.dead_threads()),
        }

    def _position(self, one: PositionLine) -> dict[str, object]:
        return {
            "market": one.key.market, "category": one.key.category.value, "symbol": one.key.symbol,
            "product": title_of(one.key), "position": text(one.qty), "venue": _text(one.venue_qty),
            "entry": _text(one.entry), "unrealised": _text(self._pnl(one)), "liquidation": _text(one.liquidation),
            "margin": _text(one.margin), "leverage": _text(one.leverage),
            "owners": {name: text(qty) for name, qty in one.by_owner}, "status": one.status, "blocked": one.blocked}

    def _pnl(self, one: PositionLine) -> Decimal | None:
        """At the mark, or at the closing side's best price where there is none."""
        board = self._session.board
        ticker, top, instrument = board.tickers.get(one.key), board.tops.get(one.key), board.instruments.get(one.key)
        at = ticker.mark if ticker is not None else None
        if at is None and top is not None:
            at = top.bid if one.qty > 0 else top.ask
        return position_pnl(one.key.category, one.qty, one.entry, instrument.multiplier, at) if instrument else None


def _raises_risk(request: Request) -> bool:
    """Whether it is better not done than done late."""
    return request.do == "recover" or (request.do in ("trading", "bot") and request.on)


def _market(asked: str, known: tuple[str, ...]) -> str | None:
    """The market as it is called here; "" = all, None = there is none of this name."""
    if not asked:
        return ""
    names = {name.casefold(): name for name in known}
    return names.get(asked.casefold())


def _told(request: Request, verdict: Verdict, view: View | None) -> Answer:
    """The engine's verdict, in words."""
    if not verdict.ok:
        return denied(request.do, REFUSED, verdict.refusal.text if verdict.refusal else "refused")
    open_orders = len(view.orders) if view else 0
    orders = f"{open_orders} order{'s' if open_orders != 1 else ''}"
    match request.do:
        case "trading":
            return accepted(request.do, f"trading is {'ON' if request.on else 'OFF'}")
        case "bot":
            return accepted(request.do, f"{request.name} is {'WORK' if request.on else 'OFF'}")
        case "cancel-all":
            return accepted(request.do, f"the cancel of all open orders is sent ({orders} shown)")
        case "kill":
            return accepted(request.do, "kill switch: trading is OFF, new orders are locked, the cancel of all open "
                                        f"orders is sent ({orders} shown); re-arm in the window, or restart")
    return accepted(request.do, f"{market_title(request.market.capitalize()) or 'all markets'}: reconnecting and "
                                "recovering")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)
