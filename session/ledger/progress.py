"""A bar on a terminal's stderr; nothing where nobody looks, such as in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(words: str, total: int | None, unit: str = " rows") -> Iterator[Callable[[int], object]]:
    """The bar while the body runs; what is given is called with how much was done since."""
    from tqdm import tqdm

    with tqdm(total=total, desc=words, unit=unit, unit_scale=True, disable=None, leave=False, mininterval=0.2) as bar:
        yield bar.update
