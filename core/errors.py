"""One exception tree. Each error is one clear sentence that names the thing, the value and what to do."""

from __future__ import annotations


class TerminalError(Exception):
    """Anything the program itself raises; `exit_code` is what a command line run ends with."""

    exit_code = 1


class UsageError(TerminalError):
    """The command line asks for something that cannot be combined."""

    exit_code = 2


class ConfigError(TerminalError):
    """A setting cannot be used. `key` and `value` name it, `market` is the market it keeps off ("" = all)."""

    exit_code = 3

    def __init__(self, key: str, value: str, text: str, market: str = "") -> None:
        self.key, self.value, self.text, self.market = key, value, text, market
        super().__init__(f"{key}={value}: {text}" if value else f"{key}: {text}" if key else text)


class VenueError(TerminalError):
    """Something between us and an exchange. `code` is the venue's number (0: none), `text` its words."""

    exit_code = 4

    def __init__(self, market: str, text: str, code: int = 0) -> None:
        self.market, self.text, self.code = market, text, code
        super().__init__(f"{market} {code}: {text}" if code else f"{market}: {text}")


class Rejected(VenueError):
    """The venue's definite no: nothing was done."""


class SilenceError(VenueError):
    """No answer, or one that does not say whether it was done."""


class Throttled(VenueError):
    """The venue refused to take the request; `retry_after` in seconds where it said so, `banned` when a ban runs."""

    def __init__(self, market: str, text: str, code: int = 0, retry_after: float | None = None,
                 banned: bool = False) -> None:
        self.retry_after, self.banned = retry_after, banned
        super().__init__(market, text, code)


class BadMessage(VenueError):
    """A message whose field is missing or absurd; the text names field and value."""


class KeysRejected(VenueError):
    """The venue does not accept the key, its permissions or this address."""


class LedgerError(TerminalError):
    """The database cannot be used, or holds something it must not."""

    exit_code = 5


class AlreadyRunning(TerminalError):
    """Another copy works on the same home or account."""

    exit_code = 6


class StrategyError(TerminalError):
    """A strategy cannot be loaded or failed; the text has file:line."""
