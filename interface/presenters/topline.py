"""Badge, trading button and prices of the top line; the window's title; the strips. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.titles import full_name
from engine.view import Strip, View
from interface.presenters.bots import is_bot
from interface.presenters.glance import Glance, position_of
from interface.presenters.words import age, clock, countdown, percent, price
from models import Health, Mode, Side, VenueState

MOST_STRIPS = 2
TRADING_HINT = "trading ON: reduce-only"


def badge(mode: Mode | None, view: View | None) -> tuple[str, str]:
    """The mode (LIVE with the last four of the account) and the name of its colour."""
    if mode is None:
        return "–", "SIM"
    if mode is Mode.LIVE:
        account = view.accounts[0] if view and view.accounts else ""
        return f"LIVE …{account[-4:]}" if account else "LIVE", "LIVE"
    return mode.value, mode.value


def trading_word(on: bool, view: View | None) -> tuple[str, str]:
    """“▶ TRADING ON 2/3 F9” and the name of its colour."""
    if not on:
        return "■ TRADING OFF  F9", "off"
    bots = [bot for bot in view.bots if is_bot(bot)] if view else []
    return f"▶ TRADING ON {sum(bot.status == 'WORK' for bot in bots)}/{len(bots)}  F9", "on"


def title(mode: Mode | None, glance: Glance, on: bool) -> str:
    """The title bar."""
    parts = [badge(mode, glance.view)[0]]
    if glance.key is not None:
        last = glance.ticker.last if glance.ticker else None
        at = price(last, glance.instrument) if last is not None else ""
        name = full_name(glance.key) if glance.key.symbol in glance.twins else glance.key.symbol
        parts.append(f"{name} {at}".strip())
    parts.append("TRADING ON" if on else "TRADING OFF")
    return " · ".join(parts)


def prices(glance: Glance) -> list[tuple[str, str, str]]:
    """(label, value, colour): last, mark, index, 24 h, funding with its countdown, own position."""
    ticker = glance.ticker
    if ticker is None or glance.key is None:
        return []
    colour = {Side.BUY: "buy", Side.SELL: "sell"}.get(ticker.last_side, "text") if ticker.last_side else "text"
    parts = [("Last", price(ticker.last, glance.instrument), colour),
             ("Mark", price(ticker.mark, glance.instrument), "text")]
    if ticker.index is not None:
        parts.append(("Index", price(ticker.index, glance.instrument), "text"))
    if ticker.change_24h is not None:
        parts.append(("24h", percent(ticker.change_24h), "buy" if ticker.change_24h >= 0 else "sell"))
    if ticker.funding_rate is not None:
        left = f" {countdown(ticker.next_funding - glance.wall)}" if ticker.next_funding else ""
        parts.append(("Fund", percent(ticker.funding_rate * 100, 4) + left, "text"))
    return parts


def has_position(glance: Glance) -> bool:
    """Whether the selected instrument has one."""
    line = position_of(glance.view, glance.key)
    return line is not None and bool(line.qty)


@dataclass(frozen=True, slots=True)
class StripLine:
    """One strip as drawn: buttons are (label, name of what it does)."""

    level: str
    text: str
    buttons: tuple[tuple[str, str], ...] = ()


def venue_strip(venue: VenueState, now: float) -> StripLine | None:
    """The strip of a venue that is lost, banned or kept off by a setting."""
    where = f"{venue.market}/{venue.category.value}"
    if venue.health is Health.LOST:
        silent = f"no data for {age(now - venue.last_data)}" if venue.last_data is not None else venue.text or "lost"
        attempt = f", attempt {venue.attempt}" if venue.attempt else ""
        soon = f", next in {max(0.0, venue.retry_at - now):.0f} s" if venue.retry_at is not None else ""
        return StripLine("warning", f"{venue.title}: {silent}{attempt}{soon}. Orders for it are paused.",
                         (("Details", f"venue:{where}"), ("F3 retry", f"recover:{where}")))
    if venue.health is Health.BANNED:
        until = f" until {clock(venue.banned_until)}" if venue.banned_until else ""
        return StripLine("error", f"{venue.title}: banned{until} (Retry-After). Data by stream; cancels are queued.",
                         (("Details", f"venue:{where}"),))
    if venue.health is Health.OFF and venue.problem:
        return StripLine("error", f"{venue.title} stays off: {venue.problem}", (("Settings F8", "settings"),))
    return None


def engine_strip(strip: Strip) -> StripLine:
    """A strip of the engine."""
    return StripLine(strip.level, strip.text, ((strip.label or strip.action, strip.action),) if strip.action else ())


def strips(glance: Glance, dead: tuple[str, ...], on: bool, asking: StripLine | None,
           own: StripLine | None, most: int = MOST_STRIPS) -> tuple[list[StripLine], int]:
    """At most two strips (one, where there is no height), errors first, and how many more there are."""
    view = glance.view
    found: list[StripLine] = []
    if asking is not None:
        found.append(asking)
    if own is not None:
        found.append(own)
    if dead:
        found.append(StripLine("error", f"Stopped: {', '.join(dead)}. Orders rest at the venue. Restart recovers.",
                               (("Close", "quit"),)))
    if view is not None:
        found += _kill_strips(view)
        found += [engine_strip(strip) for strip in view.strips]
        if not on and view.bot_orders and not any(strip.action == "cancel_bot_orders" for strip in view.strips):
            many = "1 bot order rests" if view.bot_orders == 1 else f"{view.bot_orders} bot orders rest"
            found.append(StripLine("warning", f"{many} at the venue.", (("Cancel them", "cancel_bot_orders"),)))
    for venue in glance.board.venues.values():
        made = venue_strip(venue, glance.now)
        if made is not None:
            found.append(made)
    ordered = found if asking is not None else sorted(found, key=lambda line: line.level != "error")
    return ordered[:most], max(0, len(ordered) - most)


def _kill_strips(view: View) -> list[StripLine]:
    kill, made = view.kill, []
    again = f", {kill.asked_again} asked again" if kill.asked_again else ""
    counted = f"cancelled {kill.done} of {kill.total}{again}" if kill.total else ""
    if kill.locked and not any(strip.action == "rearm" for strip in view.strips):
        words = f"Kill switch: trading OFF, orders locked. {counted}".strip()
        made.append(StripLine("error", words, (("re-arm", "rearm"),)))
    elif kill.total and kill.done < kill.total:
        made.append(StripLine("warning", f"Cancel all: {counted}"))
    return made
