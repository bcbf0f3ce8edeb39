"""A bar on a terminal's stderr; nothing where nobody looks, such as in a log."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(words: str, total: int | None, unit: str = " rows") -> Iterator[Callable[[int], object]]:
    """The bar while the body runs; what is given is called with how much was done since."""
    from tqdm import tqdm

    wide, high = shutil.get_terminal_size()           # 80 by 24 on a serial console, which does not know its size
    with tqdm(total=total, desc=words, unit=unit, unit_scale=True, disable=None, leave=False, mininterval=0.2,
              ncols=wide, nrows=high) as bar:
        yield bar.update
