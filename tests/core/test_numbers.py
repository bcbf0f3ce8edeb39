"""Rounding to tick and lot, reading what people type, printing without exponent."""

from __future__ import annotations

import threading
from decimal import Decimal, getcontext, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.numbers import (
    LEDGER_CONTEXT,
    decimals,
    half_up,
    is_exact,
    is_multiple,
    multiple_down,
    multiple_up,
    padded,
    printable,
    read_number,
    round_to_lot,
    round_to_tick,
    text,
    use_ledger_context,
)

D = Decimal
STEPS = st.sampled_from(["0.00001", "0.0001", "0.01", "0.05", "0.1", "0.25", "0.5", "1", "5", "10", "100"]).map(D)
NUMBERS = st.decimals("-1e15", "1e15", places=12)


@pytest.mark.parametrize(("number", "printed"), [
    ("0.00003", "0.00003"), ("3E-5", "0.00003"), ("1.2E+3", "1200"), ("100", "100"), ("1.500", "1.5"),
    ("-0.50", "-0.5"), ("0.000", "0"), ("-0", "0"), ("0E+5", "0"), ("1E+20", "100000000000000000000")])
def test_text_has_no_exponent_and_no_idle_zeros(number: str, printed: str) -> None:
    assert text(D(number)) == printed


@given(NUMBERS)
def test_text_is_read_back_as_the_same_number(number: Decimal) -> None:
    assert D(text(number)) == number


@pytest.mark.parametrize(("step", "places"), [
    ("0.001", 3), ("0.50", 1), ("10", 0), ("1E+3", 0), ("1", 0), ("1E-8", 8), ("0.10000000", 1)])
def test_places_of_a_step(step: str, places: int) -> None:
    assert decimals(D(step)) == places


def test_padded_has_the_places_of_the_step() -> None:
    assert padded(D("1.5"), D("0.001")) == "1.500"
    assert padded(D("50000"), D("10")) == "50000"
    assert padded(D("3E-5"), D("0.00001")) == "0.00003"


@pytest.mark.parametrize(("price", "tick", "buy", "rounded"), [
    ("49999.7", "0.5", True, "49999.5"), ("49999.7", "0.5", False, "50000.0"),       # scenario 21
    ("1.15", "0.01", True, "1.15"), ("1.159", "0.01", True, "1.15"), ("1.151", "0.01", False, "1.16"),
    ("0.00003", "0.00001", True, "0.00003"), ("0.00003", "0.00001", False, "0.00003"), ("7", "0", True, "7")])
def test_price_is_never_worse_than_asked(price: str, tick: str, buy: bool, rounded: str) -> None:
    assert round_to_tick(D(price), D(tick), buy) == D(rounded)


@pytest.mark.parametrize(("qty", "lot", "rounded"), [
    ("150", "100", "100"), ("-150", "100", "-100"), ("0.0019", "0.001", "0.001"), ("99", "100", "0"), ("7", "0", "7")])
def test_quantity_is_cut_towards_zero(qty: str, lot: str, rounded: str) -> None:
    assert round_to_lot(D(qty), D(lot)) == D(rounded)


@given(NUMBERS, STEPS)
def test_multiples_enclose_the_number(number: Decimal, step: Decimal) -> None:
    down, up = multiple_down(number, step), multiple_up(number, step)

    assert down <= number <= up and up - down in (0, step)
    assert is_multiple(down, step) and is_multiple(up, step)
    assert is_multiple(number, step) == (down == up == number)


def test_what_is_a_multiple() -> None:
    assert is_multiple(D("0.3"), D("0.1")) and is_multiple(D("1.1"), D("0.00000001"))
    assert not is_multiple(D("0.35"), D("0.1"))
    assert is_multiple(D("0.35"), D(0))


@pytest.mark.parametrize("typed", ["9" * 40, "1" + "0" * 39, "0." + "1" * 38])
def test_the_longest_number_people_may_type_is_no_trouble_on_any_thread(typed: str) -> None:
    number = read_number(typed)
    assert isinstance(number, Decimal)

    with localcontext() as context:
        context.prec = 28
        assert is_multiple(number, D("0.00000001")) == ("." not in typed)
        assert multiple_down(number, D("0.00000001")) <= number <= multiple_up(number, D("0.00000001"))
        assert round_to_lot(number, D("0.001")) <= number


@pytest.mark.parametrize(("number", "places", "rounded"), [
    ("0.0000000000005", 12, "0.000000000001"), ("-0.0000000000005", 12, "-0.000000000001"),
    ("0.00000000000049", 12, "0"), ("2.5", 0, "3"), ("-2.5", 0, "-3")])
def test_halves_go_away_from_zero(number: str, places: int, rounded: str) -> None:
    assert half_up(D(number), places) == D(rounded)


def test_exactness() -> None:
    assert is_exact(D("1.23"), 2) and is_exact(D("1.230"), 2) and is_exact(D(5), 0)
    assert not is_exact(D("1.234"), 2)


@pytest.mark.parametrize(("typed", "number"), [
    ("1", "1"), (" 12.5 ", "12.5"), ("1 000 000.5", "1000000.5"), ("1\u2009000", "1000"), ("1\u202f000", "1000"),
    (".5", "0.5"), ("5.", "5"), ("-5", "-5"), ("+5", "5"), ("007", "7")])
def test_numbers_as_people_type_them(typed: str, number: str) -> None:
    assert read_number(typed) == D(number)


@pytest.mark.parametrize(("typed", "words"), [
    ("", "type a number"), ("  ", "type a number"), ("1,5", "write the decimal point as a dot"),
    ("1e9", "“1e9” is not a plain number"), ("0x10", "is not a plain number"), ("nan", "is not a plain number"),
    ("inf", "is not a plain number"), ("１２", "is not a plain number"), ("٣", "is not a plain number"),
    ("1.2.3", "is not a plain number"), ("--5", "is not a plain number"), (".", "is not a plain number"),
    ("5 BTC", "is not a plain number"), ("9" * 41, "too long"), ("\x00", "is not a plain number"),
    ("1_000", "is not a plain number")])
def test_what_is_no_number_has_a_sentence(typed: str, words: str) -> None:
    found = read_number(typed)

    assert isinstance(found, str) and words in found


@given(st.text(max_size=60))
def test_nothing_typed_ever_raises(typed: str) -> None:
    found = read_number(typed)

    assert found.is_finite() if isinstance(found, Decimal) else found.isprintable()


def test_printable_text_has_no_control_signs_and_an_end() -> None:
    assert printable("a\x1b[31mb\r\nc\u202e") == "a [31mb  c "
    assert printable("x" * 300) == "x" * 199 + "…"
    assert printable("short", 5) == "short"


def test_ledger_context_belongs_to_the_thread_that_asks_for_it() -> None:
    seen: list[tuple[int, int]] = []

    def work() -> None:
        before = getcontext().prec
        use_ledger_context()
        seen.append((before, getcontext().prec))

    ours = getcontext().prec
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(28, LEDGER_CONTEXT.prec)] and getcontext().prec == ours
