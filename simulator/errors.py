"""The venue's way of saying no: an HTTP status, a code and a sentence."""

from __future__ import annotations


class Refused(Exception):
    """A request the venue does not carry out. `code` is Binance's number, `text` its sentence."""

    def __init__(self, code: int, text: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.status = status
        self.headers = headers or {}

    def body(self) -> dict[str, object]:
        """The JSON object Binance would answer."""
        return {"code": self.code, "msg": self.text}


class CannotStart(Exception):
    """The exchange cannot be started; the text is one sentence for a person."""


class Vanish(Exception):
    """The connection is to be reset instead of answered."""
