"""The venue's way of saying no: an HTTP status, a code and a sentence."""

from __future__ import annotations


class Refused(Exception):
    """A request the venue does not carry out. `code` is Binance's number, `text` its sentence; code 0: `text` is a
    whole page that something before the venue answers. `data` is what else the answer has to tell."""

    def __init__(self, code: int, text: str, status: int = 400, headers: dict[str, str] | None = None,
                 data: object = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.status = status
        self.headers = headers or {}
        self.data = data

    def body(self) -> dict[str, object]:
        """The JSON object Binance would answer."""
        body: dict[str, object] = {"code": self.code, "msg": self.text}
        return body if self.data is None else {**body, "data": self.data}


class CannotStart(Exception):
    """The exchange cannot be started; the text is one sentence for a person."""


class Vanish(Exception):
    """The connection is to be reset instead of answered."""
