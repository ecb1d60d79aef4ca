"""Every byte of every packet belongs to exactly one leaf field, whatever was done to the packet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support import dissect

from mqttdissect import Packet, decode
from mqttdissect.mqtt.fields import BYTE, GROUP

VERSIONS = st.sampled_from([3, 4, 5])


def assert_accounted(packet: Packet) -> None:
    """The leaves cover the packet from the first byte to the last, each byte once; bits make up their byte."""
    at = 0
    for leaf in packet.leaves():
        assert leaf.start == at, packet
        at = leaf.end
    assert at == len(packet.data), packet
    for field in packet.fields:
        if field.spec.bits:
            assert field.spec.kind == BYTE
            assert field.end == field.start + 1
            assert sum(bit.mask for bit in field.spec.bits) == 0xFF
        if field.spec.kind == GROUP:
            assert 0 <= field.start <= field.end <= len(packet.data)
    assert 0 <= packet.payload <= len(packet.fields)


def shipped() -> list[bytes]:
    """The distinct packets of the shipped captures, short ones: the seeds of the damaged ones."""
    found: dict[bytes, None] = {}
    for path in sorted((Path(__file__).parent.parent / "captures").glob("*.pcap*")):
        for packet in dissect(path.read_bytes()):
            if len(packet.data) < 500:
                found[packet.data] = None
    return list(found)


SEEDS = shipped()


def test_there_are_seeds_of_every_type() -> None:
    """The captures hold every packet type, so that the damaged packets do."""
    assert {seed[0] >> 4 for seed in SEEDS} >= set(range(1, 16))


@given(st.binary(min_size=1, max_size=200), VERSIONS)
def test_random_bytes(data: bytes, version: int) -> None:
    """Bytes from nowhere."""
    assert_accounted(decode(data, version))


@given(st.integers(0, 255), st.binary(max_size=120), VERSIONS)
def test_any_body_behind_a_true_length(first: int, body: bytes, version: int) -> None:
    """A packet whose framing is right and whose rest is noise."""
    assert_accounted(decode(bytes([first, len(body)]) + body, version))


@given(st.sampled_from(SEEDS), st.data(), VERSIONS)
def test_damaged_packets(seed: bytes, data: st.DataObject, version: int) -> None:
    """Real packets with bytes changed, cut short, or decoded as of another version."""
    raw = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_accounted(decode(bytes(raw[: data.draw(st.integers(1, len(raw)))]), version))


def test_shipped_captures(capture: Path) -> None:
    """Every packet of every capture, and each byte in a frame."""
    for packet in dissect(capture.read_bytes()):
        assert_accounted(packet)
        assert packet.frames[0][0] == 0
        assert all(a[0] < b[0] for a, b in pairwise(packet.frames))
