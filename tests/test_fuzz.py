"""A short run of the fuzzer, and the inputs that once broke something. `fuzz/README.md` says what is checked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Stream, pcap

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"
sys.path.append(str(FUZZ))

from inputs import TARGETS, Case, Inputs  # noqa: E402
from mutate import records, smashed  # noqa: E402

import fuzz  # noqa: E402

SECONDS = 4.5
REGRESSIONS = sorted((FUZZ / "regressions").glob("*.bin"))


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """The shipped captures, read once."""
    return Inputs()


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_breaks(target: str, inputs: Inputs) -> None:
    """As many inputs as there is time for; the number of the first bad one is in the message."""
    run = fuzz.run_for(SECONDS, 20, (target,), inputs, fuzz.Run())
    assert run.tried > 5
    assert not run.failures, "\n".join(text for _, text in run.failures.values())


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_broke(path: Path) -> None:
    """Inputs of bugs that were fixed."""
    trouble = fuzz.problem(fuzz.from_file(path))
    assert trouble is None, trouble.text


def chain_that_breaks() -> bytes:
    """A stream joined in the middle whose every second byte starts a long chain of packets that ends in garbage."""
    stream = Stream()
    for _ in range(5):
        stream.client(b"\xff" + b"\xc0\0" * 723 + b"\xff")
    return pcap(stream.frames)


def single_bytes() -> bytes:
    """Garbage that arrives byte by byte."""
    return pcap(Stream().client(*[b"\xff"] * 8000).frames)


def jumping_clock() -> bytes:
    """Many streams with a hole each, in a capture whose clock goes back at every other frame."""
    frames: list[bytes] = []
    for port in range(4000):
        frames += Stream((bytes([10, 0, 0, 1]), 1000 + port)).client(b"\x10").lose(0, 5).client(b"\0").frames
    data = bytearray(pcap(frames))
    at = 24
    for number, frame in enumerate(frames):
        data[at] = 1 + number % 2
        at += 16 + len(frame)
    return bytes(data)


@pytest.mark.parametrize("build", [chain_that_breaks, single_bytes, jumping_clock])
def test_what_is_hard_takes_no_longer_than_the_rest(build: Callable[[], bytes]) -> None:
    """Inputs whose cost would grow with the square of their size."""
    trouble = fuzz.problem(Case("stream", 0, build()))
    assert trouble is None, trouble.text


def test_inputs_are_the_same_for_the_same_seed(inputs: Inputs) -> None:
    """A failure can be made again from its number."""
    for target in TARGETS:
        again = Inputs()
        for number in range(5):
            assert inputs.case(target, 9, number) == again.case(target, 9, number)
        assert inputs.case(target, 9, 0) != inputs.case(target, 10, 0)


def test_records_of_the_shipped_captures_are_found(capture: Path) -> None:
    """Damage to lengths hits lengths."""
    from random import Random

    data = capture.read_bytes()
    places = records(data)
    assert len(places) > 3
    assert places[-1][0] + places[-1][1] == len(data)
    assert smashed(Random(1), data) != data
