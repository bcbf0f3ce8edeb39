"""A connector's question without the asker's thread: each call is answered at once."""

from __future__ import annotations

from collections.abc import Callable

from connectors.asker import Question
from connectors.http import Call
from core.errors import Rejected


def drive(question: Question, answer: Callable[[Call], bytes], most: int = 2000) -> None:
    """To its end, which must come within so many calls. What `answer` raises as Rejected the question is told."""
    try:
        call = next(question)
        for _ in range(most):
            assert isinstance(call, Call)
            try:
                body = answer(call)
            except Rejected as error:
                call = question.throw(error)
            else:
                call = question.send(body)
    except StopIteration:
        return
    raise AssertionError("the question does not end")
