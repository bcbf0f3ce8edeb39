"""clOrdIDs: made, written, read back; foreign text never raises."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import LONGEST_ID, Tag, emi_problem, from_dashed, is_ours, is_reserved, make, read, to_dashed

EMIS = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,19}", fullmatch=True).filter(str.isascii)
NUMBERS = st.integers(1, 10**14)


@given(NUMBERS, EMIS)
def test_what_is_made_is_read_back(number: int, emi: str) -> None:
    made = make(number, emi)

    assert read(made) == Tag(number, emi) and len(made) <= LONGEST_ID
    assert read(made.replace(".", "-"), "-") == Tag(number, emi)


def test_reserved_line_of_an_instrument() -> None:
    assert make(7, "BTCUSDT.linear") == "7.BTCUSDT.linear"
    assert read("7.BTCUSDT.linear") == Tag(7, "BTCUSDT.linear")
    assert is_reserved("1000SHIBUSDT.linear") and is_reserved("BTCUSD_PERP.inverse")
    assert not is_reserved("BTCUSDT") and not is_reserved("BTCUSDT.future") and not is_reserved(".linear")


@pytest.mark.parametrize(("number", "emi"), [
    (0, "A"), (-1, "A"), (1, ""), (1, "a.b"), (1, "9a"), (1, "x" * 21), (10**20, "x" * 20), (1, "é"),
    (1, "BTC USDT.linear"), (10**6, "x" * 24 + ".inverse")])
def test_what_may_not_stand_in_an_id_is_refused(number: int, emi: str) -> None:
    with pytest.raises(ValueError, match="clOrdID"):
        make(number, emi)


@pytest.mark.parametrize(("foreign", "tag"), [
    (None, Tag(0, "")), ("", Tag(0, "")), ("web_abc", Tag(0, "web_abc")), ("5.a.b", Tag(5, "a.b")),
    ("77.ghost", Tag(77, "ghost")), (".A", Tag(0, ".A")), ("5.", Tag(5, "")), ("-5.A", Tag(0, "-5.A")),
    ("5x.A", Tag(0, "5x.A")), ("٣.A", Tag(0, "٣.A")), ("1" * 19 + ".A", Tag(0, "1" * 19 + ".A")), ("0.A", Tag(0, "A"))])
def test_reading_splits_at_the_first_separator(foreign: str | None, tag: Tag) -> None:
    assert read(foreign) == tag


@given(st.text(), st.sampled_from([".", "-"]))
def test_foreign_text_never_raises(foreign: str, separator: str) -> None:
    tag = read(foreign, separator)

    assert 0 <= tag.number < 10**18 and tag.emi in foreign


@pytest.mark.parametrize("emi", ["A", "alfa_2", "x" * 20, "Z9"])
def test_good_names_of_bots(emi: str) -> None:
    assert emi_problem(emi) is None


@pytest.mark.parametrize("emi", ["", "1a", "_a", "a-b", "a b", "a.b", "x" * 21, "ä", "a\n"])
def test_bad_names_of_bots(emi: str) -> None:
    assert emi_problem(emi) is not None


@given(NUMBERS, st.one_of(EMIS, st.from_regex(r"[A-Za-z0-9_]{1,15}\.spot", fullmatch=True).filter(str.isascii)))
def test_our_ids_pass_a_venue_that_forbids_the_dot(number: int, emi: str) -> None:
    made = make(number, emi)

    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,36}", to_dashed(made))
    assert from_dashed(to_dashed(made)) == made and is_ours(made)


@given(st.one_of(st.from_regex(r"[a-zA-Z0-9_-]{1,36}", fullmatch=True), st.text(max_size=40),
                 st.from_regex(r"[0-9]{0,3}[-.]?[A-Za-z0-9_]{0,9}[-.]?(spot|linear)?", fullmatch=True)))
def test_any_id_of_such_a_venue_names_the_same_order_again(wire: str) -> None:
    told = from_dashed(wire)

    assert told is None or to_dashed(told) == wire
    assert not is_ours(told) or (told is not None and make(*read(told)) == told)


@pytest.mark.parametrize("foreign", [
    "web_abc", "x-12-bot", "5-a-b", "012-bot", "0-bot", "12-9bot", "12-", "-bot", "12", "12_bot", "12-BTCUSDT-linear",
    "9f1c2e7a-8f00-4f3e-9a51-0c2d6b1e7f4a", "12-" + "x" * 21])
def test_a_foreign_id_stays_as_it_is(foreign: str) -> None:
    assert from_dashed(foreign) == foreign and not is_ours(foreign)


@pytest.mark.parametrize("odd", ["", "12.BTCbot", "5.a-b"])
def test_an_id_that_we_cannot_have_sent_is_no_name(odd: str) -> None:
    assert from_dashed(odd) is None
