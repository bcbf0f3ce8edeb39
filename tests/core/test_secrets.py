from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from core.secrets import Credentials, KnownSecrets, Password

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"

# Published by the venue: the payload exactly as signed, and its signature.
PUBLISHED = [
    (ORDER, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    (ORDER.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"),
     "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    (f"apiKey={KEY}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC"
     "&timestamp=1645423376532&type=LIMIT", "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"),
    (f"apiKey={KEY}&price=0.10000000&quantity=1.00000000&recvWindow=5000&side=BUY&symbol=１２３４５６&timeInForce=GTC"
     "&timestamp=1645423376532&type=LIMIT", "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd"),
    (ORDER.replace("&quantity", "quantity"), "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
]


@dataclasses.dataclass(frozen=True)
class Holder:
    credentials: Credentials
    password: Password


def credentials() -> Credentials:
    return Credentials(KEY, SECRET, KnownSecrets())


@pytest.mark.parametrize(("payload", "signature"), PUBLISHED)
def test_published_signatures_are_reproduced(payload: str, signature: str) -> None:
    assert credentials().sign(payload.encode()) == signature


def test_signing_twice_gives_the_same() -> None:
    ours = credentials()

    assert ours.sign(b"a") == ours.sign(b"a") != ours.sign(b"b")


def test_nothing_that_prints_shows_key_or_secret() -> None:
    password = Password("swordfish", KnownSecrets())
    holder = Holder(credentials(), password)
    prints = [repr(holder), str(holder), f"{holder.credentials}", f"{holder.credentials!r:>20}", f"{password:>10}",
              repr(dataclasses.asdict(holder)), repr(vars(holder)), repr(copy.deepcopy(holder)),
              repr(copy.copy(holder)), repr(inspect.getmembers(holder.credentials)), repr(inspect.getmembers(password))]

    assert not [text for text in prints if KEY in text or SECRET in text or "swordfish" in text]
    assert "***" in repr(holder.credentials)


def test_there_is_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(credentials())


@pytest.mark.parametrize("sealed", [credentials(), Password("swordfish", KnownSecrets()), KnownSecrets()])
def test_secrets_are_never_pickled(sealed: object) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(sealed)


def test_key_goes_into_the_header_and_the_window_sees_its_end() -> None:
    assert credentials().header_key() == KEY
    assert credentials().masked() == "••••Eh8A"


def test_known_secrets_are_hidden_in_every_spelling() -> None:
    known = KnownSecrets()
    Password('p&ss "wörd"', known)

    for text in ('x p&ss "wörd" y', "x p%26ss%20%22w%C3%B6rd%22 y", 'x p&ss \\"w\\u00f6rd\\" y'):
        assert known.hide(text) == "x *** y"


def test_short_texts_do_not_tear_holes() -> None:
    known = KnownSecrets()
    known.add("at")

    assert known.hide("that") == "that"
