"""From the database into memory: an account's ledger when its venue comes up, and single orders that ended long ago.

Engine thread. Facts win over kept sums: where rows were added or taken away outside the program, the sums follow them.
"""

from __future__ import annotations

from dataclasses import replace

from core.dates import day_start
from core.rows import BookRow, Loaded
from db.store import Store
from engine.core import Core
from engine.history_file import HistoryFile
from engine.kept import fold, zeroed
from engine.state import YEAR_2000_MS, Decision, Now, Sight, VenueId
from engine.timeline import Timeline
from models import AccountSnapshot, Execution, Funding, Key, OrderFound, OrderReport

EARLY_MOST = 10_000           # messages of one product; what is more comes again by its history


class Accounts:
    """The accounts of the session; `known` says whose ledger is in memory."""

    def __init__(self, core: Core, store: Store, history: HistoryFile) -> None:
        self._core, self._store, self._history = core, store, history
        self.known: dict[VenueId, str] = {}
        self._early: dict[VenueId, list[Execution | Funding | OrderReport]] = {}

    def is_early(self, message: object) -> bool:
        """Whether this came before its venue was up, and with it the ledger it belongs to; it is kept then.

        The private stream is opened first and tells at once; booked now, a fill would begin sums of no account.
        """
        if not isinstance(message, Execution | Funding | OrderReport) or self._core.state.account(message.key):
            return False
        kept = self._early.setdefault(message.key[:2], [])
        if len(kept) < EARLY_MOST:
            kept.append(message)
        return True

    def take_early(self, where: VenueId) -> list[Execution | Funding | OrderReport]:
        """What was kept for a venue that is up now."""
        return self._early.pop(where, [])

    def adopt(self, where: VenueId, account: str, now: Now) -> Decision | None:
        """A venue is up: the first time for an account, its ledger is read; None when it is in memory.

        Products of one market may share their account: the first of them brings the ledger of all.
        """
        before = self.known.get(where)
        if before == account:
            return None
        if before is not None and before not in [one for at, one in self.known.items() if at != where]:
            self._core.forget(where[0], before)      # other keys: that account's orders are not asked for here
        if (where[0], account) in self.ledgers():
            self.known[where] = account
            return None
        self.lock(where, account)
        decision = self.load(where[0], account, now)
        self.known[where] = account
        return decision

    def ledgers(self) -> set[tuple[str, str]]:
        """(market, account) of every ledger in memory."""
        return {(market, account) for (market, _), account in self.known.items()}

    def lock(self, where: VenueId, account: str) -> None:
        """Keep other copies of the program off this account. Raises AlreadyRunning."""
        self._store.lock_account(where[0], account)

    def load(self, market: str, account: str, now: Now) -> Decision:
        """Read an account's ledger into memory; the rows of the decision are to be committed."""
        day = day_start(now.venue)
        loaded = self._store.load(market, account, day)
        note = ""
        if sum(row.fills for row in loaded.books) != self._store.count_fills(market, account):
            loaded, note = self._rebuild(market, account, loaded.books, day)
        decision = self._core.adopt(market, account, loaded, day, now)
        if note:
            decision.note(market, note, "warning")
        self._earlier_cursors(market, account)
        return decision

    def _rebuild(self, market: str, account: str, kept: tuple[BookRow, ...], day: int) -> tuple[Loaded, str]:
        right, count = tuple[BookRow, ...](), 0
        for page in self._store.coin_pages(market, account):     # a million rows do not fit into memory at once
            right, count = fold(page, right), count + len(page)
        self._store.write(zeroed(kept, right))
        if not count:
            self._store.forget_booked(market, account)
        note = f"the kept sums of {account} did not fit its {count} ledger rows; made anew from them"
        return self._store.load(market, account, day), note

    def _earlier_cursors(self, market: str, account: str) -> None:
        """history.ini's time of this account wins where it is earlier than the database's."""
        state = self._core.state
        section = self._history.of_account(market, account)
        state.first_read[account] = self._history.first(market, account) or YEAR_2000_MS
        if section is None:
            return
        for (owner, key, kind), ms in list(state.cursors.items()):
            if owner == account and key.market == market and section < ms:
                state.cursors[(owner, key, kind)] = section

    def fetch_past(self, message: object, sight: Sight) -> Sight | None:
        """What a funding, or a fill older than one, needs to know of the past; None: the fill is booked already."""
        state = self._core.state
        if isinstance(message, Funding):
            self._fetch_timeline(message.account, message.key, message.time)
        elif isinstance(message, Execution) and message.time < state.funded.get((message.account, message.key), 0):
            market = message.key.market
            if self._store.has_fact(market, message.account, message.exec_id):
                return None              # read again; its place among the fundings was found when it was booked
            later = self._store.fundings(message.key, message.account, message.time)
            if later:
                self._fetch_timeline(message.account, message.key, min(row.time for row in later))
                return replace(sight, fundings=later)
        return sight

    def _fetch_timeline(self, account: str, key: Key, time: int) -> None:
        state = self._core.state
        if time < state.past_from(account, key):
            state.timelines[(account, key)] = Timeline(time, self._store.filled_from(key, account, time))

    def fetch_order(self, message: object, now: Now) -> None:
        """An ended order is not in memory; what comes late for it needs its row."""
        match message:
            case Execution() | OrderReport():
                self._fetch(message.key, message.cl_ord_id or "", message.order_id, now)
            case OrderFound():
                self._fetch(message.report.key, message.request.cl_ord_id, message.report.order_id, now)
            case AccountSnapshot():
                for report in message.orders:
                    self._fetch(report.key, report.cl_ord_id or "", report.order_id, now)

    def _fetch(self, key: Key, cl_ord_id: str, order_id: str, now: Now) -> None:
        state = self._core.state
        if state.find(key, cl_ord_id, order_id) is not None or state.database_problem:
            return
        found = self._store.find_order(key, state.account(key), cl_ord_id, order_id)
        if found is not None:
            self._core.remember(found, now)
