"""Pieces of output say what Python's own formatting says."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mqttdissect.output.clock import FORMATS, Clock
from mqttdissect.output.links import duration
from mqttdissect.output.ndjson import quoted
from mqttdissect.output.pieces import Column, aligned, decimal, digits, number, spaces
from mqttdissect.output.text import printable, printable_ascii
from mqttdissect.output.values import LONGEST, payload

LARGEST = 2**63 - 1
counts = st.one_of(st.integers(0, 10_000), st.integers(0, 10_000_000), st.integers(0, LARGEST))
times = st.one_of(st.integers(0, 10**13), st.integers(0, LARGEST))


@given(st.one_of(counts, st.integers(-LARGEST, LARGEST)))
def test_a_number_is_its_digits(value: int) -> None:
    assert number(value) == str(value).encode()


@given(counts, st.integers(0, 80))
def test_an_aligned_number(value: int, width: int) -> None:
    out: list[bytes] = []
    assert aligned(value, width, out) == max(width, len(str(value)))
    assert b"".join(out) == str(value).rjust(width).encode()
    assert digits(value) == len(str(value))


@given(st.lists(st.tuples(counts, st.integers(0, 3000)), max_size=8), st.integers(0, 12))
def test_a_column_of_numbers(values: list[tuple[int, int]], width: int) -> None:
    """Numbers near each other and far apart; the column may be widened in between."""
    column = Column(width)
    for value, step in values:
        for one in (value, max(value - step, 0), value):
            width = max(width, len(str(one)))
            out: list[bytes] = []
            column.write(one, out)
            assert b"".join(out) == str(one).rjust(width).encode()
        width = column.width = width + step % 3


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 3 * 10**9), st.integers(0, 20)), max_size=8))
def test_stamps_one_after_the_other(stamps: list[tuple[int, int, int]]) -> None:
    """Each looks as on its own, whatever was written before it."""
    clock = Clock()
    clock.first_ns = 0
    for time_ns, step, width in stamps:
        for one in (time_ns, time_ns + step):
            text = clock.text(one)
            out: list[bytes] = []
            assert clock.write(one, width, out) == max(width, len(text))
            assert b"".join(out) == text.rjust(width).encode()


def test_digits_change_at_powers_of_ten() -> None:
    for power in range(19):
        assert digits(10**power) == power + 1
        assert digits(10**power - 1) == max(power, 1)


@given(st.integers(-LARGEST, LARGEST))
def test_a_decimal_has_nine_digits(ns: int) -> None:
    out: list[bytes] = []
    decimal(ns, out)
    whole, rest = divmod(abs(ns), 1_000_000_000)
    assert b"".join(out).decode() == f"{'-' if ns < 0 else ''}{whole}.{rest:09}"


@given(st.integers(0, 300))
def test_spaces(count: int) -> None:
    assert spaces(count) == b" " * count


@given(st.sampled_from(FORMATS), times, times, st.integers(0, 30))
def test_a_stamp_in_pieces_is_the_same_as_text(form: str, first_ns: int, time_ns: int, width: int) -> None:
    one, other = Clock(form), Clock(form)
    one.first_ns = other.first_ns = first_ns
    for now in (time_ns, first_ns, time_ns):  # `d` depends on the packet before
        out: list[bytes] = []
        text = other.text(now)
        assert one.write(now, width, out) == max(width, len(text))
        assert b"".join(out).decode() == text.rjust(width)


@given(st.integers(0, 9_999))
def test_a_short_duration_is_exact(micros: int) -> None:
    assert duration(micros * 1000).decode() == f"{micros / 1000:g} ms"


def test_durations() -> None:
    assert duration(-800_000) == b"-0.8 ms"
    assert duration(12_345_678) == b"12.3 ms"
    assert duration(1_234_567_890) == b"1.234 s"


@given(st.one_of(st.text(), st.text(st.characters(max_codepoint=127))))
def test_a_quoted_text_reads_as_it_was_and_hides_nothing(text: str) -> None:
    raw = quoted(text)
    assert json.loads(raw) == text
    assert raw.decode().isprintable()


@given(st.one_of(st.text(), st.text(st.characters(max_codepoint=127))))
def test_printable_means_what_python_means(text: str) -> None:
    assert printable(text) == text.isprintable()
    assert printable_ascii(text.encode()) == (text.isascii() and text.isprintable())


@given(st.binary(min_size=1, max_size=2000))
def test_a_payload_is_shown_harmless_and_short(raw: bytes) -> None:
    shown = payload(raw)
    assert shown.isprintable()
    assert len(shown) < LONGEST * 10 + 60


def test_what_a_payload_is() -> None:
    assert payload(b'{"a": 1}\n') == '{"a": 1}\\n  (9 bytes, JSON)'
    assert payload(b'{"a": 1') == '{"a": 1  (7 bytes, text)'
    assert payload(b"[1, }") == "[1, }  (5 bytes, text)"
    assert payload(b"{\xff}") == "{.}  (3 bytes, binary)"
    assert payload(b"x" * 300) == "x" * LONGEST + "…  (300 bytes, text)"
    assert payload("ä\x1b".encode()) == "...  (3 bytes, binary)"
