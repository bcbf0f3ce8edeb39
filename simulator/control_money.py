"""What control may do with money: deposits and the like in every wallet, fundings of one moment, other fees."""

from __future__ import annotations

from decimal import Decimal

from simulator.bitmex_instruments import SCALES
from simulator.bitmex_venue import BitmexVenue
from simulator.control_body import Bad, count_of, number_of, time_of
from simulator.futures import Futures
from simulator.market import Market
from simulator.money import ZERO, plain
from simulator.payloads import Json
from simulator.spot_venue import SpotVenue
from simulator.venue import Venue

Owner = Futures | SpotVenue | BitmexVenue
MOST = 10_000  # movements at one time
WAYS = ("MAIN_", "_MAIN")  # how the names of transfers of the spot wallet begin or end


def deposit(venue: Venue, body: Json) -> Json:
    """Money comes to a wallet or (negative) leaves it, `count` times at one time; by default to spot's."""
    owner = _wallet_owner(venue, body)
    asset, amount = str(body.get("asset")), number_of(body, "amount")
    count, kind = count_of(body, "count", 1, MOST), str(body.get("kind") or "")
    with venue.clock.standing(time_of(body, "time", venue.clock.now())):
        if isinstance(owner, BitmexVenue):
            left = _bitmex(owner, asset, amount, count, kind)
        elif isinstance(owner, SpotVenue):
            left = _spot(owner, asset, amount, count, kind)
        else:
            left = _futures(owner, asset, amount, count, kind, str(body.get("symbol") or ""))
    return {"asset": asset, "free": plain(left)}


def _wallet_owner(venue: Venue, body: Json) -> Owner:
    if str(body.get("market", "Binance")).lower() == "bitmex":
        found: Owner | None = venue.bitmex
    else:
        category = body.get("category", "spot")
        products: dict[str, Owner] = {p.product.category: p for p in venue.products()}
        found = venue.spot if category == "spot" else products.get(str(category))
    if found is None:
        raise Bad(f"category: {body.get('category')!r} of {body.get('market', 'Binance')!r} is not traded here")
    return found


def _futures(owner: Futures, asset: str, amount: Decimal, count: int, kind: str, symbol: str) -> Decimal:
    account = owner.account
    if asset not in account.wallets and asset != "BNB":
        raise Bad(f"asset: {asset!r} is not in the wallet; known are {', '.join(account.wallets)}, BNB")
    if symbol and symbol not in owner.markets:
        raise Bad(f"symbol: {symbol!r} is not listed")
    if account.wallets.get(asset, ZERO) + amount * count < 0:
        raise Bad(f"amount: there is not so much {asset}")
    for _ in range(count):
        account.move(asset, kind or "TRANSFER", amount, symbol)
    owner.settle()
    return account.wallets[asset]


def _spot(owner: SpotVenue, asset: str, amount: Decimal, count: int, kind: str) -> Decimal:
    account = owner.account
    if asset not in account.totals:
        raise Bad(f"asset: {asset!r} is not in the spot wallet")
    if account.asset(asset).free + amount * count < 0:
        raise Bad(f"amount: there is not so much free {asset}")
    kind = kind or ("DEPOSIT" if amount > 0 else "WITHDRAW")
    fits = amount > 0 if kind == "DEPOSIT" or kind.endswith(WAYS[1]) else amount < 0
    if not fits or not (kind in ("DEPOSIT", "WITHDRAW") or kind.startswith(WAYS[0]) or kind.endswith(WAYS[1])):
        raise Bad(f"kind: {kind!r} is none of DEPOSIT, WITHDRAW, MAIN_…, …_MAIN, or does not go this way")
    for _ in range(count):
        account.move(asset, kind, amount)
    owner.settle()
    return account.asset(asset).free


def _bitmex(owner: BitmexVenue, currency: str, amount: Decimal, count: int, kind: str) -> Decimal:
    account = owner.account
    if currency not in account.wallets:
        raise Bad(f"asset: {currency!r} is not in the wallet; known are {', '.join(account.wallets)}")
    minor = amount.scaleb(SCALES[currency])
    if minor != int(minor):
        raise Bad(f"amount: {amount} is finer than a minor unit of {currency}")
    if account.wallets[currency] + int(minor) * count < 0:
        raise Bad(f"amount: there is not so much {currency}")
    for _ in range(count):
        account.move(currency, kind or ("Deposit" if minor > 0 else "Withdrawal"), int(minor))
    owner.settle()
    return Decimal(account.wallets[currency]).scaleb(-SCALES[currency])


def pay_fundings(venue: Venue, body: Json, named: list[tuple[Owner, Market]]) -> Json:
    """Funding of one or several symbols in the same millisecond, now or at the time told."""
    at = time_of(body, "time", venue.clock.now())
    told: Json = {}
    for owner, market in named:
        rate = number_of(body, "rate") if body.get("rate") is not None else market.rate()
        told = {"rate": plain(rate), "mark": plain(market.mark()), "time": at}
        owner.fund(market, rate, at)
    return told


def set_fees(owner: Owner, body: Json) -> Json:
    """Commissions of makers and takers from now on (negative: a rebate); `bnb`: paid in BNB, where there is enough."""
    if isinstance(owner, BitmexVenue):
        raise Bad("market: BitMEX's fees are those of its contracts; makers get a rebate")
    account = owner.account
    if body.get("maker") is not None or body.get("taker") is not None:
        account.set_rates((number_of(body, "maker"), number_of(body, "taker")))
    if body.get("bnb") is not None:
        account.set_bnb_fees(body["bnb"] is True)
    owner.settle()
    return {"bnb": account.bnb_fees}
