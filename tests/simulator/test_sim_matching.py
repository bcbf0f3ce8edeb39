"""The matching engine against worked examples and against a slow model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import Refused
from simulator.exchange import Engine, Order


class Notes:
    """Hooks that write down what happened."""

    def __init__(self) -> None:
        self.trades: list[tuple[str, str, int, int]] = []
        self.ended: list[tuple[str, str]] = []
        self.position = 0

    def units(self, price: int, lots: int) -> int:
        return price * lots

    def traded(self, taker: Order, maker: Order, price: int, lots: int) -> None:
        self.trades.append((taker.client_id, maker.client_id, price, lots))
        for party in (taker, maker):
            if party.mine:
                self.position += party.side * lots

    def reducible(self, order: Order) -> int:
        return max(0, -self.position * order.side)

    def expired(self, order: Order, status: str) -> None:
        self.ended.append((order.client_id, status))


def engine() -> tuple[Engine, Notes]:
    notes = Notes()
    return Engine("X", notes), notes


def order(name: str, side: int, price: int, qty: int, **more: object) -> Order:
    return Order("X", side, price, qty, client_id=name, **more)  # type: ignore[arg-type]  # more: fields by name


def test_price_first_then_time() -> None:
    book, notes = engine()
    for name, price in (("late", 102), ("first", 101), ("second", 101)):
        book.submit(order(name, -1, price, 5))

    book.submit(order("taker", 1, 102, 12))

    assert notes.trades == [("taker", "first", 101, 5), ("taker", "second", 101, 5), ("taker", "late", 102, 2)]
    assert book.depth(-1, 5) == [(102, 3)]
    assert book.depth(1, 5) == []


def test_rest_of_a_limit_order_waits() -> None:
    book, _ = engine()
    book.submit(order("sell", -1, 100, 2))

    book.submit(order("buy", 1, 100, 5))

    assert book.depth(1, 5) == [(100, 3)] and book.best(-1) is None


@pytest.mark.parametrize(("tif", "code"), [("GTX", -5022), ("FOK", -5021)])
def test_post_only_and_fill_or_kill_are_refused_before_they_count(tif: str, code: int) -> None:
    book, notes = engine()
    book.submit(order("sell", -1, 100, 2))

    with pytest.raises(Refused) as refusal:
        book.check(order("buy", 1, 100, 5, tif=tif, mine=True))

    assert refusal.value.code == code and not notes.trades


def test_rest_of_market_and_ioc_expires() -> None:
    book, notes = engine()
    book.submit(order("sell", -1, 100, 2))

    book.submit(order("ioc", 1, 100, 5, tif="IOC", mine=True))
    book.submit(order("market", 1, 0, 5, kind="MARKET", mine=True))

    assert notes.ended == [("ioc", "EXPIRED"), ("market", "EXPIRED")] and book.best(1) is None


def test_own_resting_order_expires_instead_of_a_self_trade() -> None:
    book, notes = engine()
    book.submit(order("mine", -1, 100, 2, mine=True))
    book.submit(order("other", -1, 100, 2))

    book.submit(order("taker", 1, 100, 2, mine=True))

    assert notes.trades == [("taker", "other", 100, 2)]
    assert notes.ended == [("mine", "EXPIRED_IN_MATCH")]


def test_reduce_only_stops_at_a_flat_position() -> None:
    book, notes = engine()
    notes.position = 3
    book.submit(order("bid", 1, 100, 10))

    book.submit(order("close", -1, 100, 8, mine=True, reduce_only=True))

    assert notes.trades == [("close", "bid", 100, 3)] and notes.position == 0
    assert notes.ended == [("close", "EXPIRED")]


def test_update_ids_grow_and_touched_prices_are_told() -> None:
    book, _ = engine()
    touched: set[tuple[int, int]] = set()
    book.watchers.append(touched)
    before = book.update_id

    book.submit(order("a", 1, 99, 1))
    book.submit(order("b", -1, 99, 1))

    assert touched == {(1, 99)} and book.update_id == before + 2


class Model:
    """The same rules with one list, searched through for every lot."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int, int, int]] = []
        self.trades: list[tuple[str, str, int, int]] = []

    def submit(self, name: str, side: int, price: int, qty: int) -> None:
        while qty:
            others = [w for w in self.waiting if w[1] == -side and (price - w[2]) * side >= 0]
            if not others:
                self.waiting.append((name, side, price, qty))
                return
            best = min(others, key=lambda w: w[2] * side)  # min keeps the first, that is the oldest
            lots = min(qty, best[3])
            self.trades.append((name, best[0], best[2], lots))
            qty -= lots
            at = self.waiting.index(best)
            self.waiting[at: at + 1] = [(*best[:3], best[3] - lots)] if best[3] > lots else []

    def cancel(self, name: str) -> None:
        self.waiting = [w for w in self.waiting if w[0] != name]

    def depth(self, side: int) -> list[tuple[int, int]]:
        levels: dict[int, int] = {}
        for _, owner_side, price, qty in self.waiting:
            if owner_side == side:
                levels[price] = levels.get(price, 0) + qty
        return sorted(levels.items(), reverse=side > 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(
    st.tuples(st.sampled_from([1, -1]), st.integers(95, 105), st.integers(1, 9)),
    st.integers(0, 30)), max_size=40))
def test_engine_equals_the_model(steps: list[tuple[int, int, int] | int]) -> None:
    book, notes = engine()
    model = Model()
    placed: list[Order] = []

    for number, step in enumerate(steps):
        if isinstance(step, int):
            if step < len(placed):
                if placed[step].left:
                    book.remove(placed[step])
                model.cancel(placed[step].client_id)
            continue
        placed.append(order(str(number), *step))
        book.submit(placed[-1])
        model.submit(str(number), *step)

    assert notes.trades == model.trades
    assert (book.depth(1, 99), book.depth(-1, 99)) == (model.depth(1), model.depth(-1))
    bid, ask = book.best(1), book.best(-1)
    assert bid is None or ask is None or bid < ask
