"""What every product's connector must tell about money beyond trades, over real sockets. Part of `suite`."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from models import AskMoney, ExecKind, Execution, Funding, MoneyMoved, MoneyPage, Movement
from tests.connectors.conftest import ExchangeProduct, Product, Terminal, wait_for

Fact = Funding | Movement
KINDS = {"settle": ExecKind.SETTLEMENT, "liquidation": ExecKind.LIQUIDATION, "adl": ExecKind.ADL}


class MoneySuite:
    """The journeys of money."""

    product: ClassVar[Product]

    # ------------------------------------------------------------ how it is asked

    def money(self, terminal: Terminal, since: int) -> list[Fact]:
        """All facts of one read."""
        key, before = self.product.key, len(terminal.of(MoneyPage))
        terminal.venue.post(AskMoney(key.market, key.category, since, "test"))
        wait_for(lambda: any(page.last for page in terminal.of(MoneyPage)[before:]), 15.0, "the last page of money")
        pages = terminal.of(MoneyPage)[before:]
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert all(page.since == since and page.read_start > since and page.account for page in pages)
        return [fact for page in pages for fact in page.facts]

    def moved(self, terminal: Terminal, since: int) -> dict[str, tuple[object, ...]]:
        """The movements of one read that are not older than a time (withdrawals are told by the second), each once."""
        told = [one for one in self.money(terminal, since) if isinstance(one, Movement)]
        assert len(told) == len({one.move_id for one in told})
        return {one.move_id: (one.kind, one.currency, one.amount, one.time // 1000) for one in told
                if one.time // 1000 >= since // 1000}

    def fundings(self, terminal: Terminal, since: int) -> list[Funding]:
        """Fundings as the product tells them: asked for, or among the executions."""
        told = [one for one in self.money(terminal, since) if isinstance(one, Funding)]
        return [*told, *(one for page in terminal.history(since) for one in page.fundings)]

    def settle_of(self, terminal: Terminal) -> str:
        """The currency of the product's wallet."""
        wait_for(lambda: self.product.key in terminal.board.instruments)
        return terminal.board.instruments[self.product.key].settle

    # ------------------------------------------------------------ movements

    def test_money_that_comes_and_goes_is_hinted_and_told_by_its_history(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        coin, since = self.settle_of(terminal), controls.now()
        controls.deposit(coin, "1.5")
        controls.deposit(coin, "-0.25")

        terminal.got(MoneyMoved)
        first, again = (self.moved(terminal, since) for _ in range(2))

        assert first == again == controls.moved(since)
        assert {amount for _, _, amount, _ in first.values()} >= {Decimal("1.5"), Decimal("-0.25")}

    def test_movements_that_share_one_time_are_all_read_though_in_disorder(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        coin, since = self.settle_of(terminal), controls.now()
        controls.deposit(coin, "0.000001", count=1100)
        controls.fault("disorder", path=self.product.money_path)

        told = self.moved(terminal, since)

        truth = controls.moved(since)
        assert len(told) == len(truth) >= 1100
        assert told == truth

    def test_a_history_that_lags_is_whole_when_it_is_read_again(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        coin, since = self.settle_of(terminal), controls.now()
        controls.deposit(coin, "1")
        controls.fault("lag", path=self.product.money_path, seconds=30)
        late = self.moved(terminal, since)
        controls.exchange.calm()

        assert set(controls.moved(since)) > set(late) and self.moved(terminal, since) == controls.moved(since)


class PositionMoneySuite(MoneySuite):
    """What only products with positions have."""

    # ------------------------------------------------------------ funding

    def test_a_funding_is_told_once_by_stream_and_history(
            self, terminal: Terminal, controls: ExchangeProduct) -> None:
        order = terminal.order()
        terminal.answer(order)
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        since = controls.now() - 10
        at = controls.funding("0.001")

        wait_for(lambda: [*terminal.of(MoneyMoved), *terminal.of(Funding)])
        by_history, again = ([one for one in self.fundings(terminal, since) if one.time == at] for _ in range(2))

        truth = [row for row in controls.truth("funding") if row["time"] == at]
        assert by_history == again and len(truth) == 1
        assert [self.shown(one) for one in by_history] == [self.shown_row(row) for row in truth]
        assert [self.shown(one) for one in terminal.of(Funding)] in ([], [self.shown_row(row) for row in truth])
        assert {one.key for one in by_history} == {self.product.key}

    @staticmethod
    def shown(one: Funding) -> tuple[object, ...]:
        """What truth can be compared with."""
        return one.exec_id, str(one.amount.normalize()), one.currency, one.time

    @staticmethod
    def shown_row(row: dict[str, Any]) -> tuple[object, ...]:
        """The same of truth."""
        return row["id"], str(Decimal(row["amount"]).normalize()), row["asset"], row["time"]

    # ------------------------------------------------------------ what the venue does to a position

    @pytest.mark.parametrize("way", KINDS)
    def test_what_the_venue_does_to_a_position_is_a_fill_of_its_kind(
            self, terminal: Terminal, controls: ExchangeProduct, way: str) -> None:
        order = terminal.order()
        terminal.answer(order)
        terminal.got(Execution, lambda one: one.cl_ord_id == order.cl_ord_id)
        since = controls.now() - 10
        controls.taken(way)

        told = terminal.got(Execution, lambda one: one.kind is KINDS[way])
        time.sleep(0.1)

        read = {one.exec_id: one for page in terminal.history(since) for one in page.executions}
        row = next(row for row in controls.truth("executions") if row["exec_id"] == told.exec_id)
        same = read[told.exec_id]
        assert (same.kind, same.last_qty, same.fee, same.side) == (told.kind, told.last_qty, told.fee, told.side)
        assert told.last_qty == Decimal(row["qty"]) and told.fee is not None
        assert not [
            one for one in controls.exchange.truth()["positions"]
            if (one["market"], one["symbol"]) == (self.product.key.market, self.product.key.symbol)]
