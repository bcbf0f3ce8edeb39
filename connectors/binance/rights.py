"""What an API key may do (apiRestrictions): one that may withdraw is refused, whatever the product.

The endpoint is on the spot host alone, and not on every network: where it is not served nothing is known, and the
first order shows what the key may do.
"""

from __future__ import annotations

import msgspec

from connectors.binance.parse import MARKET, decoder
from connectors.binance.rest import Rest
from connectors.http import Call, Client, Security, tls_context
from connectors.limiter import Limiter
from connectors.timesync import TimeSync
from connectors.venue import VenueParts
from core.errors import BadMessage, KeysRejected, Rejected, VenueError
from core.hosts import BINANCE, Reach, reach
from models import Category, Mode

RESTRICTIONS = Call("GET", "/sapi/v1/account/apiRestrictions", security=Security.SIGNED)
WITHDRAWS = ("this API key may withdraw, and is refused: make one that may read and trade and nothing else, "
             "then press F3")


class KeyRights(msgspec.Struct, rename="camel"):
    """The rights of a key."""

    enable_withdrawals: bool = False
    enable_spot_and_margin_trading: bool = False
    enable_futures: bool = False

    def may_trade(self, category: Category) -> bool:
        """Whether orders of a product may be placed."""
        return self.enable_spot_and_margin_trading if category is Category.SPOT else self.enable_futures


read = decoder(KeyRights)


def host(http: str) -> str:
    """The address that can tell the rights of the keys used at this one."""
    return BINANCE[(Mode.LIVE, Category.SPOT)].rest if reach(http) is Reach.LIVE else http


def problem(http: str, parts: VenueParts, sync: TimeSync, clients: list[Client]) -> str:
    """Why the key is not used, asked on the caller's thread; "" when it may be, or when nobody tells.

    `clients`: those that are interrupted when the product stops. Raises a VenueError when the product's own host does
    not answer; another host's silence says nothing.
    """
    address, timings = host(http), parts.timings
    client = Client(MARKET, address, timings.connect, timings.answer / 2,
                    tls_context() if address.startswith("https:") else None)
    clients.append(client)
    try:
        body = Rest(client, parts.credentials, sync, Limiter(()), parts.clock, timings.request_life).send(RESTRICTIONS)
        return WITHDRAWS if read(body).enable_withdrawals else ""
    except (Rejected, KeysRejected, BadMessage):
        return ""
    except VenueError:
        if address == http:
            raise
        return ""
    finally:
        clients.remove(client)
        client.close()
