"""Text that is safe in a spreadsheet's cell: no venue's or person's text may be read as a formula. Pure."""

from __future__ import annotations

FORMULAS = ("=", "+", "-", "@")
CONTROLS = ("\t", "\r")


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run as a formula; numbers stay numbers."""
    bare = text.strip()
    if bare[:1] not in FORMULAS and text[:1] not in CONTROLS:
        return text
    return text if is_number(bare) else "'" + text


def is_number(text: str) -> bool:
    """Digits with one dot and a sign, at most."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    return rest.replace(".", "", 1).isdigit() and rest.isascii()
