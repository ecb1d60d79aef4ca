"""Capture files: what pcap and pcapng readers make of whole, damaged and hostile files, however they are fed."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tracemalloc
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.l2 import Ether
from scapy.utils import EDecimal, PcapNgWriter, PcapWriter, RawPcapReader
from support import SECOND, block, enhanced, interface, option, pcap, section

from mqttdissect.capture.frame import LATEST_NS, MAX_FRAME, CaptureError, Frame, Interface
from mqttdissect.capture.reader import CaptureReader

PCAP_HEADER, PCAP_RECORD = 24, 16
ETHERNET, RAW = 1, 101


class Read(NamedTuple):
    """All that a reader said about a capture."""

    frames: list[Frame]
    damage: list[tuple[int, str]]  # offset, what
    interfaces: list[Interface]

    data = property(lambda self: [frame.data for frame in self.frames])
    times = property(lambda self: [frame.time_ns for frame in self.frames])

    def facts(self) -> tuple[object, ...]:
        """Everything, as values that compare."""
        return [facts(one) for one in self.frames], self.damage, [(one.name, one.link_type) for one in self.interfaces]


def facts(one: Frame) -> tuple[object, ...]:
    return one.number, one.time_ns, one.link_type, one.data, one.original_length, one.interface


def read(capture: bytes, cuts: Iterable[int] = ()) -> Read:
    """Read a capture, fed whole or in the pieces between `cuts`."""
    reader = CaptureReader()
    frames: list[Frame] = []
    start = 0
    for end in [*sorted(cuts), len(capture)]:
        frames += reader.feed(capture[start:end])
        start = end
    frames += reader.close()
    return Read(frames, [(one.offset, one.message) for one in reader.damage], reader.interfaces)


def record(
    frame: bytes, time: tuple[int, int] = (1, 0), original: int | None = None, length: int | None = None
) -> bytes:
    """A pcap record in little-endian; `length` is what it claims to hold."""
    return struct.pack("<IIII", *time, len(frame) if length is None else length, original or len(frame)) + frame


# --- classic pcap ---------------------------------------------------------------------------------------------------


def test_a_pcap_file_byte_by_byte() -> None:
    """A header of 24 bytes, then for each frame 16 bytes and the frame."""
    capture = bytes.fromhex(
        "d4c3b2a1"  # magic, 0xa1b2c3d4 in little-endian: microseconds
        "0200 0400"  # version 2.4
        "00000000 00000000"  # two fields nobody uses
        "00000400"  # snap length, 262144
        "01000000"  # link type 1, Ethernet
        "05000000 20a10700"  # 5 s and 500,000 µs
        "03000000"  # 3 bytes captured
        "04000000"  # of 4 on the wire
        "aabbcc"
    )
    (frame,) = read(capture).frames
    assert facts(frame) == (1, 5_500_000_000, ETHERNET, b"\xaa\xbb\xcc", 4, 0)


@pytest.mark.parametrize(
    ("magic", "order", "nanoseconds"),
    [
        ("a1b2c3d4", ">", 123_456_000),  # microseconds, big-endian
        ("d4c3b2a1", "<", 123_456_000),  # microseconds, little-endian
        ("a1b23c4d", ">", 123_456),  # nanoseconds, big-endian
        ("4d3cb2a1", "<", 123_456),  # nanoseconds, little-endian
    ],
)
def test_the_magic_number_tells_byte_order_and_unit(magic: str, order: str, nanoseconds: int) -> None:
    """The same fields under the four magic numbers."""
    header = bytes.fromhex(magic) + struct.pack(order + "HHiIII", 2, 4, 0, 0, 65535, RAW)
    capture = header + struct.pack(order + "IIII", 7, 123_456, 2, 2) + b"hi"
    (frame,) = read(capture).frames
    assert facts(frame) == (1, 7 * SECOND + nanoseconds, RAW, b"hi", 2, 0)


def test_times_are_exact_integers() -> None:
    """The last nanosecond that a pcap file can name; as a float it would be 256 ns off."""
    capture = pcap([], nano=True) + record(b"x", (0xFFFFFFFF, 999_999_999))
    assert read(capture).times == [4_294_967_295_999_999_999]


def test_frames_are_numbered_from_1() -> None:
    """As Wireshark numbers them; an empty frame counts too."""
    assert [frame.number for frame in read(pcap([b"a", b"", b"c"])).frames] == [1, 2, 3]


def test_a_snap_length_cuts_frames() -> None:
    """A frame of 1514 bytes of which 4 were kept: both lengths are known."""
    (frame,) = read(pcap([]) + record(b"abcd", original=1514)).frames
    assert (frame.data, frame.original_length) == (b"abcd", 1514)


@pytest.mark.parametrize(
    "field",
    [
        0x0000_0001,
        0x1000_0001,  # upper four bits: the length of the frame check sequence in units of 16 bits
        0x2400_0001,  # bit 26 says that this length is valid: libpcap's LT_FCS_LENGTH_PRESENT
        0xF400_0001,
        0x03FF_0001,  # reserved
    ],
)
def test_the_link_type_is_the_lower_half_of_its_field(field: int) -> None:
    """draft-ietf-opsawg-pcap, section 4: link type in 16 bits; above it, what is known of the frame check sequence."""
    (frame,) = read(pcap([b"x"], link_type=field)).frames
    assert frame.link_type == ETHERNET


# --- damaged pcap ---------------------------------------------------------------------------------------------------

THREE = pcap([b"first", b"second", b"third"])
SECOND_RECORD = PCAP_HEADER + PCAP_RECORD + len(b"first")


@pytest.mark.parametrize("size", range(4, PCAP_HEADER))
def test_a_pcap_file_that_ends_inside_its_header(size: int) -> None:
    """It is a capture by its magic number, and damaged from its start."""
    assert read(THREE[:size])[:2] == ([], [(0, f"the file ends inside its header ({size} of 24 bytes)")])


@pytest.mark.parametrize("size", range(1, PCAP_RECORD + len(b"second")))
def test_a_pcap_file_that_ends_inside_a_record(size: int) -> None:
    """What was complete before is there; the offset is that of the broken record."""
    got = read(THREE[: SECOND_RECORD + size])
    assert got.data == [b"first"]
    assert got.damage == [(SECOND_RECORD, f"the file ends inside a record ({size} bytes of it are there)")]


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_absurd_record_length_costs_one_frame(length: int) -> None:
    """The reader looks for the next two record headers in a row that make sense."""
    bad = record(b"second", length=length)
    got = read(pcap([b"first"]) + bad + record(b"third") + record(b"fourth"))
    assert got.data == [b"first", b"third", b"fourth"]
    assert [frame.number for frame in got.frames] == [1, 2, 3]
    assert got.damage == [(SECOND_RECORD, "no valid record header; 22 bytes skipped")]  # 16 + 6
    assert read(pcap([]) + bad + record(b"third") + record(b"fourth")).data == [b"third", b"fourth"]


def test_after_damage_the_last_record_is_found_alone() -> None:
    """No second header follows it, but the end of the file stands exactly where it ends."""
    got = read(pcap([b"first"]) + record(b"second", length=0xFFFFFFFF) + record(b"third"))
    assert got.data == [b"first", b"third"]


@pytest.mark.parametrize("length", [100, 70_000, MAX_FRAME])
def test_a_record_length_beyond_the_end_hides_nothing(length: int) -> None:
    """A record that the file cannot hold, though its length is no absurd one: the records inside it are found."""
    got = read(pcap([b"first"]) + record(b"second", length=length) + record(b"third") + record(b"fourth"))
    assert got.data == [b"first", b"third", b"fourth"]
    assert [offset for offset, _ in got.damage] == [SECOND_RECORD]


def test_after_damage_records_of_another_day_are_not_believed() -> None:
    """A frame may hold a capture file itself: its records look real, but for their date."""
    inner = record(b"inner", time=(10**6, 0)) * 2
    got = read(pcap([b"first"]) + record(inner, length=0xFFFFFFFF) + record(b"third") + record(b"fourth"))
    assert got.data == [b"first", b"third", b"fourth"]


def test_damage_up_to_the_end() -> None:
    """All the rest is skipped, and the count says how much."""
    got = read(pcap([b"first"]) + b"\xff" * 1000)
    assert (got.data, got.damage) == ([b"first"], [(SECOND_RECORD, "no valid record header; 1000 bytes skipped")])


# --- not a capture --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "empty: not a single byte to read"),
        ("d4c3b2", "not a capture: it ends after 3 bytes"),  # a magic number has four
        ("7f454c46", "not a pcap or pcapng capture .it starts with 7f 45 4c 46."),  # ELF: first bytes often tell
    ],
)
def test_what_is_no_capture(data: str, why: str) -> None:
    """One line that says why."""
    with pytest.raises(CaptureError, match=f"^{why}$"):
        read(bytes.fromhex(data))


MAGICS = {
    bytes.fromhex(one)
    for one in ["a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "a1b2cd34", "34cdb2a1", "0a0d0d0a", "736e6f6f"]
}


@given(st.binary(min_size=4).filter(lambda data: data[:4] not in MAGICS), st.integers(0, 4))
def test_any_other_bytes_are_refused(data: bytes, cut: int) -> None:
    """With a CaptureError, whatever they are and however they come."""
    with pytest.raises(CaptureError, match=r"not a pcap or pcapng capture|which is not read here"):
        read(data, [cut])


# --- pcapng ---------------------------------------------------------------------------------------------------------


def test_a_pcapng_file_byte_by_byte() -> None:
    """Blocks: type, length, body padded to four bytes, length again."""
    capture = bytes.fromhex(
        "0a0d0d0a 1c000000"  # section header, 28 bytes
        "4d3c2b1a 0100 0000"  # byte order: little-endian; version 1.0
        "ffffffffffffffff 1c000000"  # length of the section: not given
        "01000000 14000000"  # interface description, 20 bytes
        "6500 0000 00000000 14000000"  # link type 101, raw IP; no snap length
        "06000000 24000000"  # enhanced packet, 36 bytes
        "00000000"  # on interface 0
        "01000000 02000000"  # 2**32 + 2 µs: the upper half comes first
        "03000000 04000000"  # 3 bytes captured of 4
        "aabbcc 00 24000000"
    )
    (frame,) = read(capture).frames
    assert facts(frame) == (1, (2**32 + 2) * 1000, RAW, b"\xaa\xbb\xcc", 4, 0)


@pytest.mark.parametrize(
    ("resolution", "ticks", "nanoseconds"),
    [
        (0, 3, 3 * SECOND),  # seconds
        (3, 1_234, 1_234_000_000),  # 10**-3
        (6, 1_234, 1_234_000),
        (9, 1_234, 1_234),
        (12, 1_999, 1),  # picoseconds, rounded down
        (19, 10**19 + 5, SECOND),
        (0x80 | 10, 1536, 1_500_000_000),  # 2**-10 s: 1536 / 1024
        (0x80 | 20, 3 << 19, 1_500_000_000),
        (0x80 | 32, 1 << 31, 500_000_000),
        (0x80 | 63, 1 << 62, 500_000_000),
        (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),  # a date in 2023, exact to the nanosecond
        (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
    ],
)
def test_an_interface_has_its_own_clock(resolution: int, ticks: int, nanoseconds: int) -> None:
    """if_tsresol (option 9): a negative power of 10, or of 2 if the top bit is set."""
    capture = section() + interface(options=option(9, bytes([resolution]))) + enhanced(b"x", ticks)
    assert read(capture).times == [nanoseconds]


@pytest.mark.parametrize(
    ("offset", "nanoseconds"),
    [
        (100, 105 * SECOND),
        (-2, 3 * SECOND),
        (-6, 0),  # before 1970: held there
        (2**62, LATEST_NS),  # in a year that 64 bits of nanoseconds do not reach: held at the last they do
    ],
)
def test_an_interface_can_shift_its_clock(offset: int, nanoseconds: int) -> None:
    """if_tsoffset (option 14): signed seconds to add to each stamp."""
    options = option(14, struct.pack("<q", offset))
    assert read(section() + interface(options=options) + enhanced(b"x", 5_000_000)).times == [nanoseconds]


@pytest.mark.parametrize("resolution", [6, 9])
@pytest.mark.parametrize("ticks", [2**63 - 1, 2**63, 2**64 - 1])
def test_stamps_beyond_2262_are_held_there(resolution: int, ticks: int) -> None:
    """`LATEST_NS` is the last instant; a stamp of all ones is late too, and not absent."""
    capture = section() + interface(options=option(9, bytes([resolution]))) + enhanced(b"x", 1) + enhanced(b"y", ticks)
    assert read(capture).times[1] == LATEST_NS


def test_options_are_read_in_the_byte_order_of_the_section() -> None:
    """Here in big-endian: name, resolution, offset."""
    options = option(2, b"eth0", ">") + option(9, b"\x09", ">") + option(14, struct.pack(">q", -1), ">")
    got = read(section(">") + interface(RAW, options, ">") + enhanced(b"x", 3 * SECOND, order=">"))
    assert (got.interfaces[0].name, got.times) == ("eth0", [2 * SECOND])


def test_each_interface_has_its_own_link_type_and_clock() -> None:
    """A capture on two interfaces at once."""
    eth0 = interface(ETHERNET, option(2, b"eth0") + option(9, b"\x06"))
    tun0 = interface(RAW, option(2, b"tun0") + option(9, b"\x03"))
    got = read(section() + eth0 + tun0 + enhanced(b"a", 1000, number=1) + enhanced(b"b", 1000, number=0))
    first, second = got.frames
    assert (first.link_type, first.interface, first.time_ns) == (RAW, 1, 1_000_000_000)
    assert (second.link_type, second.interface, second.time_ns) == (ETHERNET, 0, 1_000_000)
    assert [one.name for one in got.interfaces] == ["eth0", "tun0"]


def test_each_section_starts_over() -> None:
    """Two files put together: byte order and interface numbers are those of the section, frame numbers go on."""
    got = read(
        section("<") + interface(ETHERNET) + interface(ETHERNET) + enhanced(b"a", 1, number=1)
        + section(">") + interface(RAW, order=">") + enhanced(b"b", 2, number=0, order=">")
        + section("<") + interface(ETHERNET) + enhanced(b"c", 3, number=0)
    )  # fmt: skip
    assert [facts(one) for one in got.frames] == [
        (1, 1000, ETHERNET, b"a", 1, 1),
        (2, 2000, RAW, b"b", 1, 2),
        (3, 3000, ETHERNET, b"c", 1, 3),
    ]
    assert got.damage == []


def test_a_simple_packet_has_no_time_of_its_own() -> None:
    """Only its length on the wire; it belongs to interface 0 and takes the time of the frame before."""
    simple = block(3, struct.pack("<I", 5) + b"hello")
    got = read(section() + interface(RAW) + enhanced(b"x", 7) + simple)
    assert facts(got.frames[1]) == (2, 7000, RAW, b"hello", 5, 0)


def test_a_simple_packet_cut_by_the_snap_length() -> None:
    """Its captured length is not written down: it is the smaller of snap length and length on the wire."""
    simple = block(3, struct.pack("<I", 1514) + b"abcdefgh"[:6])  # padded by two bytes
    (frame,) = read(section() + interface(RAW, snap=6) + simple).frames
    assert (frame.data, frame.original_length) == (b"abcdef", 1514)


def test_the_obsolete_packet_block() -> None:
    """Like the enhanced one, but with 16 bits of interface number and 16 of drop count."""
    body = struct.pack("<HHIIII", 1, 9, 0, 8, 2, 60) + b"hi"
    got = read(section() + interface(ETHERNET) + interface(RAW) + block(2, body))
    assert [facts(one) for one in got.frames] == [(1, 8000, RAW, b"hi", 60, 1)]


def test_options_behind_a_packet_are_not_part_of_it() -> None:
    """A comment (option 1) on an enhanced packet block."""
    body = struct.pack("<IIIII", 0, 0, 5, 2, 2) + b"hi\0\0" + option(1, b"a comment") + option(0, b"")
    assert read(section() + interface() + block(6, body)).data == [b"hi"]


@pytest.mark.parametrize("kind", [4, 5, 10, 0xBAD, 0x80000001, 0x12345678])
def test_other_blocks_are_stepped_over(kind: int) -> None:
    """Name resolution, statistics, secrets, custom ones, and those of the future."""
    got = read(section() + block(kind, b"whatever") + interface() + block(kind, b"") + enhanced(b"x", 1))
    assert (got.data, got.damage) == ([b"x"], [])


def test_frames_are_numbered_as_in_wireshark(tmp_path: Path) -> None:
    """It counts custom blocks and journal entries, and no others."""
    pen = struct.pack("<I", 32473)
    blocks = [block(0xBAD, pen + b"data"), block(4, bytes(4)), block(5, bytes(12)), block(77, b"data")]
    blocks.append(block(0x40000BAD, pen + b"data"))
    blocks.append(block(9, b"__REALTIME_TIMESTAMP=1600000000000000\nMESSAGE=hi\n"))
    blocks.append(block(0xBAD, pen + bytes(300_000)))
    frames = [bytes(60) + bytes([number]) for number in range(len(blocks) + 1)]
    parts = [enhanced(frames[0], 1)]
    for frame, other in zip(frames[1:], blocks, strict=True):
        parts += [other, enhanced(frame, 1)]
    path = tmp_path / "numbers.pcapng"
    path.write_bytes(section() + interface(ETHERNET) + b"".join(parts))
    numbers = [int(one.number) for one in read(path.read_bytes()).frames]
    assert numbers == [1, 3, 4, 5, 6, 8, 10, 12]
    if shutil.which("tshark") is None:
        pytest.skip("tshark, which says the same, is not installed")
    command = ["tshark", "-n", "-r", path, "-Y", "eth", "-T", "fields", "-e", "frame.number"]
    assert [int(line) for line in subprocess.run(command, capture_output=True).stdout.split()] == numbers


def test_a_huge_unknown_block_is_not_held_in_memory() -> None:
    """32 MiB that nobody asked for, in pieces of 64 KiB."""
    piece = bytes(65536)
    length = struct.pack("<I", 12 + 512 * len(piece))
    reader = CaptureReader()
    reader.feed(section() + interface() + struct.pack("<I", 0x0BAD) + length)
    tracemalloc.start()
    try:
        assert [reader.feed(piece) for _ in range(512)] == [[]] * 512
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(piece)
    assert [one.data for one in reader.feed(length + enhanced(b"x", 1))] == [b"x"]
    assert reader.close() == [] and reader.damage == []


# --- damaged pcapng -------------------------------------------------------------------------------------------------

START = section() + interface()
ONE, TWO, NEXT = enhanced(b"one", 1), enhanced(b"two", 2), enhanced(b"next", 3)


@pytest.mark.parametrize("size", range(1, len(ONE)))
def test_a_pcapng_file_that_ends_inside_a_block(size: int) -> None:
    """The frames before are there; the offset is that of the broken block."""
    got = read(START + ONE + TWO[:size])
    assert got.data == [b"one"]
    assert got.damage == [(len(START + ONE), f"the file ends inside a block ({size} bytes of it are there)")]


def test_a_pcapng_file_that_ends_inside_a_block_that_is_stepped_over() -> None:
    """The offset is that of the block, as for every other, and the count is of its bytes."""
    got = read(START + ONE + block(0x0BAD, bytes(400_000))[:300_000])
    assert got.damage == [(len(START + ONE), "the file ends inside a block (300000 bytes of it are there)")]


def test_two_lengths_that_differ_in_a_block_that_is_stepped_over() -> None:
    """It is told, though nothing was lost."""
    got = read(START + block(0x0BAD, bytes(400_000))[:-4] + bytes(4) + ONE)
    why = "a block whose two lengths differ (400012 and 0); 400012 bytes skipped"
    assert (got.data, got.damage) == ([b"one"], [(len(START), why)])


@pytest.mark.parametrize(
    ("length", "why"),
    [
        (0, "a block of type 6 and 0 bytes; it needs 32"),
        (28, "a block of type 6 and 28 bytes; it needs 32"),
        (35, "a block of 35 bytes, which is not a multiple of 4"),
        (0xFFFFFFFC, "a block of type 6 and 4294967292 bytes"),
    ],
)
def test_an_absurd_block_length_costs_one_block(length: int, why: str) -> None:
    """The reader looks for the next block of a known type whose two lengths agree."""
    bad = TWO[:4] + struct.pack("<I", length) + TWO[8:]
    got = read(START + ONE + bad + NEXT)
    assert got.data == [b"one", b"next"]
    assert got.damage == [(len(START + ONE), f"{why}; {len(TWO)} bytes skipped")]


def test_two_lengths_that_differ() -> None:
    """The one in front is as doubtful as the one behind: the block is not used."""
    got = read(START + ONE + TWO[:-4] + struct.pack("<I", 40) + NEXT)
    why = "a block whose two lengths differ (36 and 40); 36 bytes skipped"
    assert (got.data, got.damage) == ([b"one", b"next"], [(len(START + ONE), why)])


@pytest.mark.parametrize("kind", [6, 0x77])  # an enhanced packet, and a type that nobody has defined
@pytest.mark.parametrize("length", [1000, 1 << 20])
def test_a_length_beyond_the_end_hides_nothing(kind: int, length: int) -> None:
    """A block that the file cannot hold: the blocks inside it are found."""
    got = read(START + ONE + struct.pack("<II", kind, length) + TWO[8:] + NEXT)
    assert got.data == [b"one", b"next"]
    assert [offset for offset, _ in got.damage] == [len(START + ONE)]


def test_a_section_header_without_byte_order() -> None:
    """Blocks behind it cannot be read; those of the next section can."""
    bad = bytearray(START)
    bad[8:12] = b"\0\0\0\0"
    got = read(bytes(bad) + ONE + START + TWO)
    why = f"a section header with no valid byte-order mark; {len(START + ONE)} bytes skipped"
    assert (got.data, got.damage) == ([b"two"], [(0, why)])


def test_a_packet_on_an_interface_that_was_never_described() -> None:
    """Without a link type nothing can be made of it. The next section does not lend it its interfaces either."""
    got = read(START + enhanced(b"lost", 1, number=1) + ONE + section() + TWO)
    assert got.data == [b"one"]
    assert got.damage == [
        (len(START), "a packet on interface 1, which the section does not describe"),
        (len(START) + 36 + len(ONE) + 28, "a packet on interface 0, which the section does not describe"),
    ]


def test_a_packet_that_claims_more_than_its_block_holds() -> None:
    """What is there is kept."""
    got = read(START + block(6, struct.pack("<IIIII", 0, 0, 5, 100, 100) + b"four") + ONE)
    why = "a packet of 100 bytes in a block with room for 4"
    assert (got.data, got.damage) == ([b"four", b"one"], [(len(START), why)])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 33])
def test_garbage_between_blocks(size: int) -> None:
    """Of any length: after damage a block may start at any byte."""
    got = read(START + ONE + b"\xfe" * size + NEXT)
    assert got.data == [b"one", b"next"]
    assert [offset for offset, _ in got.damage] == [len(START + ONE)]


def test_a_false_section_header_in_damage_changes_nothing() -> None:
    """It names the other byte order, but its length cannot be true: so neither is its byte order."""
    false = bytes.fromhex("0a0d0d0a 00000001 1a2b3c4d")
    got = read(START + ONE + bytes(8) + false + NEXT)
    assert got.data == [b"one", b"next"]


# --- in pieces ------------------------------------------------------------------------------------------------------

PCAPNG = (
    START + ONE + block(0x0BAD, bytes(300_000)) + TWO[:-4] + b"\0\0\0\0" + NEXT
    + section(">") + interface(RAW, option(2, b"tun", ">"), ">") + enhanced(b"x" * 50, 9, order=">")
)  # fmt: skip
PCAP = THREE + b"\xff" * 30 + record(b"fourth") + record(b"fifth" * 20, original=1514) + record(b"cut")[:-1]


@pytest.mark.parametrize("file", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_byte_by_byte(file: bytes) -> None:
    """The smallest pieces there are, with an empty one at each end."""
    assert read(file, range(len(file) + 1)).facts() == read(file).facts()


@given(
    file=st.sampled_from([PCAP, THREE, PCAPNG, START + ONE + TWO]),
    changes=st.lists(st.tuples(st.integers(4, 400), st.binary(min_size=1, max_size=4)), max_size=4),
    size=st.integers(0, 1000),
    cuts=st.lists(st.integers(0, 1000), max_size=8),
)
def test_pieces_do_not_matter_even_for_damaged_files(
    file: bytes, changes: list[tuple[int, bytes]], size: int, cuts: list[int]
) -> None:
    """Bytes overwritten anywhere, the end cut off: nothing raises, and the same comes out as from the whole."""
    damaged = bytearray(file if len(file) < 1000 else file[:160] + file[-300:])
    for at, new in changes:
        damaged[at : at + len(new)] = new
    capture = bytes(damaged[: max(size, 4)])
    whole = read(capture)
    assert read(capture, [min(cut, len(capture)) for cut in cuts]).facts() == whole.facts()
    assert all(frame.data in capture for frame in whole.frames)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_pieces_do_not_matter_for_shipped_captures(capture: Path, data: st.DataObject) -> None:
    """Each of them, cut anywhere."""
    file = capture.read_bytes()
    cuts = data.draw(st.lists(st.integers(0, len(file)), max_size=30))
    assert read(file, cuts).facts() == read(file).facts()


# --- against other implementations ----------------------------------------------------------------------------------


def test_shipped_captures_as_scapy_reads_them(capture: Path) -> None:
    """Bytes, length on the wire and time of every frame."""
    got = read(capture.read_bytes())
    expected = []
    with RawPcapReader(str(capture)) as reader:
        for data, meta in reader:
            if hasattr(meta, "tsresol"):
                time = ((meta.tshigh << 32) + meta.tslow) * SECOND // meta.tsresol
            else:
                time = meta.sec * SECOND + meta.usec * (1 if reader.nano else 1000)
            expected.append((data, meta.wirelen, time))
    assert expected and not got.damage
    assert [(one.data, one.original_length, one.time_ns) for one in got.frames] == expected


FRAME = st.tuples(st.binary(min_size=1, max_size=60), st.integers(0, 2**32 - 1), st.integers(0, 999_999))
FRAMES = st.lists(FRAME, max_size=8)


@settings(max_examples=50)
@given(frames=FRAMES, link_type=st.integers(1, 300), endian=st.sampled_from("<>"), nano=st.booleans())
def test_what_scapy_writes_as_pcap(
    frames: list[tuple[bytes, int, int]], link_type: int, endian: str, nano: bool
) -> None:
    """Written by scapy, read by us; but empty frames at times that jump, which look like damage."""
    file = BytesIO()
    writer = PcapWriter(file, linktype=link_type, endianness=endian, nano=nano)
    writer.write_header(None)
    for data, seconds, fraction in frames:
        writer.write_packet(data, sec=seconds, usec=fraction, caplen=len(data), wirelen=len(data) + 1)
    got = read(file.getvalue())
    assert [(one.data, one.time_ns) for one in got.frames] == [
        (data, seconds * SECOND + fraction * (1 if nano else 1000)) for data, seconds, fraction in frames
    ]
    assert all((one.link_type, one.original_length) == (link_type, len(one.data) + 1) for one in got.frames)


def test_what_scapy_writes_as_pcapng(tmp_path: Path) -> None:
    """The same for pcapng, in whole packets, as scapy has it."""
    frames = [(bytes(range(14 + size)), EDecimal(f"1700000000.99999{size}")) for size in range(9)]
    with PcapNgWriter(str(tmp_path / "out")) as writer:
        for data, time in frames:
            packet = Ether(data)
            packet.time = time
            writer.write(packet)
    got = read((tmp_path / "out").read_bytes())
    assert [(one.data, one.time_ns, one.link_type) for one in got.frames] == [
        (data, int(time * SECOND), ETHERNET) for data, time in frames
    ]


def wireshark(tool: str, *arguments: str | Path) -> None:
    """Run one of Wireshark's tools, or skip the test."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool}, which comes with Wireshark, is not installed")
    subprocess.run([tool, *map(str, arguments)], check=True, capture_output=True, timeout=60)


NAMES = ["mosquitto-3.1.1-nanoseconds.pcap", "mosquitto-3.1.1-any-sll.pcap", "mosquitto-5.0-wills.pcapng"]


@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "pcapng"])
@pytest.mark.parametrize("name", NAMES)
def test_converted_by_editcap(tmp_path: Path, name: str, kind: str) -> None:
    """The same frames in another format, at the same times (but that `pcap` has no more than microseconds)."""
    source = Path(__file__).parent.parent / "captures" / name
    wireshark("editcap", "-F", kind, source, tmp_path / "out")
    before, after = read(source.read_bytes()), read((tmp_path / "out").read_bytes())
    unit = 1000 if kind == "pcap" else 1
    assert after.times == [time // unit * unit for time in before.times]
    assert (after.data, after.damage) == (before.data, [])


def test_merged_by_mergecap(tmp_path: Path) -> None:
    """Interfaces of three link types and two clocks in one file, in order of time."""
    sources = [Path(__file__).parent.parent / "captures" / name for name in NAMES]
    wireshark("mergecap", "-w", tmp_path / "out", *sources)
    parts = [read(source.read_bytes()) for source in sources]
    merged = read((tmp_path / "out").read_bytes())
    assert merged.times == sorted(time for part in parts for time in part.times)
    before = {(one.time_ns, one.link_type, one.data) for part in parts for one in part.frames}
    assert {(one.time_ns, one.link_type, one.data) for one in merged.frames} == before
