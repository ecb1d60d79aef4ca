"""IP packets that were cut into fragments: put together in any order, overlapping or not, within bounds."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from encapsulations import IP_IN_IP, VXLAN_4789, Wrap, gre
from hypothesis import given
from hypothesis import strategies as st
from support import ACK, CLIENT, PSH, SERVER, Stream, connect, ethernet, ip, pcap, publish, tcp

from mqttdissect.capture.frame import Frame
from mqttdissect.net.fragments import MOST_AGE_NS, MOST_BYTES, MOST_PACKETS, Fragments
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.segment import Segment
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]

CLIENT6, SERVER6 = bytes(15) + b"\x01", bytes(15) + b"\x02"
DATA = bytes(range(256)) * 4
TCP = tcp(CLIENT, SERVER, 1000, 5000, PSH | ACK, DATA)
UDP, TCP_NUMBER = 17, 6
SECOND = 1_000_000_000


def piece(
    payload: bytes, start: int, more: bool, number: int = 99, version: int = 4, protocol: int = TCP_NUMBER
) -> bytes:
    """An Ethernet frame with this part of an IP packet; start in bytes."""
    if version == 4:
        packet = bytearray(ip(CLIENT[0], SERVER[0], payload, protocol))
        packet[4:8] = struct.pack(">HH", number, more << 13 | start // 8)
        return ethernet(bytes(packet))
    header = struct.pack(">BBHI", protocol, 0, start | more, number)
    return ethernet(ip(CLIENT6, SERVER6, header + payload, 44))


def cut(payload: bytes, size: int, number: int = 99, version: int = 4, protocol: int = TCP_NUMBER) -> list[bytes]:
    """Frames with the fragments of a packet, `size` bytes of payload in each."""
    return [
        piece(payload[at : at + size], at, at + size < len(payload), number, version, protocol)
        for at in range(0, len(payload), size)
    ]


def unwrap(frames: list[bytes], unwrapper: Unwrapper | None = None, step_ns: int = 1000) -> list[Segment]:
    """The segments in these frames, numbered from 1."""
    unwrapper = unwrapper or Unwrapper()
    found = [
        unwrapper.segment(Frame(number, number * step_ns, 1, frame, len(frame), 0))
        for number, frame in enumerate(frames, 1)
    ]
    return [segment for segment in found if segment is not None]


# --- put together ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [8, 16, 512, 1024])
def test_fragments_are_put_together(version: int, size: int) -> None:
    """One segment, as if it had come whole, in the frame that completed it; TCP's header may itself be cut."""
    frames = cut(TCP, size, version=version)
    unwrapper = Unwrapper()
    (segment,) = unwrap(frames, unwrapper)
    assert (segment.data, segment.length, segment.sequence) == (DATA, len(DATA), 1000)
    assert (segment.frame, segment.time_ns) == (len(frames), len(frames) * 1000)
    assert segment.flow[-4:] == struct.pack(">HH", 40000, 1883)
    assert len(segment.flow) == (12 if version == 4 else 36)
    assert (unwrapper.reassembled, unwrapper.fragments) == (1, len(frames))
    unwrapper.close()
    assert (unwrapper.fragments_dropped, unwrapper.broken) == (0, 0)


@given(st.permutations(range(9)), st.sampled_from([4, 6]))
def test_in_any_order(order: list[int], version: int) -> None:
    """The last one to come completes the packet."""
    frames = cut(TCP, 120, version=version)
    assert len(frames) == 9
    (segment,) = unwrap([frames[index] for index in order])
    assert (segment.data, segment.frame) == (DATA, 9)


@given(st.data())
def test_overlapping_fragments_of_one_packet(data: st.DataObject) -> None:
    """Any pieces of the same packet, as long as they cover it, give the packet."""
    starts = st.integers(0, len(TCP) // 8)
    frames = cut(TCP, data.draw(st.sampled_from([64, 200, 1000])))
    for start, blocks in data.draw(st.lists(st.tuples(starts, st.integers(1, 40)), max_size=10)):
        part = TCP[start * 8 : start * 8 + blocks * 8]
        if part:
            frames.append(piece(part, start * 8, start * 8 + len(part) < len(TCP)))
    (segment, *others) = unwrap(data.draw(st.permutations(frames)))
    assert segment.data == DATA
    assert all(other.data == DATA for other in others)


def test_where_fragments_overlap_the_first_wins() -> None:
    """Receivers differ; a capture cannot tell."""
    first, second = piece(TCP[:200], 0, True), piece(b"\xff" * 160, 64, True)
    (segment,) = unwrap([first, second, piece(TCP[224:], 224, False)])
    assert segment.data == DATA[:180] + b"\xff" * 24 + DATA[204:]


def test_overlap_before_and_behind() -> None:
    """A fragment that covers others fills what is between them and around them."""
    frames = [piece(TCP[64:80], 64, True), piece(TCP[160:240], 160, True), piece(b"\xee" * 320, 0, True)]
    (segment,) = unwrap([*frames, piece(TCP[320:], 320, False)])
    whole = b"\xee" * 64 + TCP[64:80] + b"\xee" * 80 + TCP[160:240] + b"\xee" * 80 + TCP[320:]
    assert segment.data == whole[(0xEE >> 4) * 4 :]  # the TCP header, too, is what came first there


def test_exact_duplicates_are_ignored() -> None:
    """Before the packet is whole, and after: as when two interfaces of a router are captured."""
    frames = cut(TCP, 512)
    unwrapper = Unwrapper()
    assert len(unwrap([frame for frame in frames for _ in range(2)], unwrapper)) == 1
    assert unwrap(frames, unwrapper) == []
    unwrapper.close()
    assert (unwrapper.reassembled, unwrapper.fragments_dropped) == (1, 0)


def test_a_number_that_is_used_again() -> None:
    """16 bits wrap round soon: another packet with the same number is another packet."""
    other = tcp(CLIENT, SERVER, 1000 + len(DATA), 5000, PSH | ACK, DATA[::-1])
    assert [one.data for one in unwrap(cut(TCP, 512) + cut(other, 512))] == [DATA, DATA[::-1]]


def test_packets_at_the_same_time() -> None:
    """What tells them apart: addresses, protocol, number; for IPv6 addresses and number."""
    frames = [cut(TCP, 512, number, version) for version in (4, 6) for number in (1, 2, 3)]
    mixed = [frame for group in zip(*frames, strict=True) for frame in group]
    assert [one.data for one in unwrap(mixed)] == [DATA] * 6


def test_extension_headers_behind_the_fragment_header() -> None:
    """RFC 8200: the fragmentable part starts with the destination options."""
    (segment,) = unwrap(cut(bytes.fromhex("06 00 0104 00000000") + TCP, 400, version=6, protocol=60))
    assert segment.data == DATA


def test_the_first_fragment_tells_the_protocol() -> None:
    """RFC 8200, section 4.5: the others may have another next header."""
    first, second = cut(TCP, 800, version=6)
    (segment,) = unwrap([second[:54] + bytes([60]) + second[55:], first])
    assert segment.data == DATA


@pytest.mark.parametrize("wrap", [VXLAN_4789, IP_IN_IP, gre()], ids=["VXLAN", "IPIP", "GRE"])
def test_a_tunnel_whose_packets_are_cut(wrap: Wrap) -> None:
    """The outer packets are put together first; and a packet that was cut before it went into a tunnel after that."""
    outer = wrap(ip(CLIENT[0], SERVER[0], TCP))[14:]
    frames = cut(outer[20:], 400, protocol=outer[9])
    (segment,) = unwrap(frames)
    assert (segment.data, segment.frame) == (DATA, 3)
    inner = [wrap(frame[14:])[14:] for frame in cut(TCP, 600)]
    both = [one for number, packet in enumerate(inner) for one in cut(packet[20:], 400, number, protocol=packet[9])]
    (segment,) = unwrap(both)
    assert (segment.data, segment.frame) == (DATA, 4)


def test_mqtt_in_fragments() -> None:
    """From the capture file to packets; tshark finds them in the same frames."""
    stream = Stream().handshake().client(connect(), publish("topic", DATA), publish("second", DATA))
    frames: list[bytes] = []
    for number, frame in enumerate(stream.frames):
        pieces = cut(frame[34:], 400, number)
        frames += pieces if number % 2 else pieces[::-1]
    dissector = Dissector()
    packets = dissector.feed(pcap(frames)) + dissector.close()
    assert [packet.name for packet in packets] == ["CONNECT", "PUBLISH", "PUBLISH"]
    assert dissector.tcp.gaps == 0
    assert [int(packet.frame) for packet in packets] == by_tshark(frames) or shutil.which("tshark") is None


def by_tshark(frames: list[bytes]) -> list[int]:
    """The frames that tshark finds MQTT in."""
    if shutil.which("tshark") is None:
        return []
    command = ["tshark", "-n", "-r", "-", "-Y", "mqtt", "-T", "fields", "-e", "frame.number"]
    return [int(line) for line in subprocess.run(command, input=pcap(frames), capture_output=True).stdout.split()]


# --- what never gets whole ------------------------------------------------------------------------------------------


def test_a_fragment_that_never_comes() -> None:
    """Nothing is made up; the others are counted when the capture ends."""
    frames = cut(TCP, 128)
    unwrapper = Unwrapper()
    assert unwrap(frames[:4] + frames[5:], unwrapper) == []
    assert unwrapper.fragments_dropped == 0
    unwrapper.close()
    assert (unwrapper.fragments_dropped, unwrapper.reassembled) == (len(frames) - 1, 0)


def test_after_30_seconds_fragments_are_given_up() -> None:
    """By the clock of the capture; what comes too late waits for another first fragment."""
    first, second = cut(TCP, 800)
    unwrapper = Unwrapper()
    assert len(unwrap([first, second], unwrapper, MOST_AGE_NS)) == 1
    late = Unwrapper()
    assert unwrap([first, second], late, MOST_AGE_NS + 1) == []
    assert late.fragments_dropped == 1
    late.close()
    assert late.fragments_dropped == 2


def test_how_many_packets_wait_is_bounded() -> None:
    """The oldest is given up first."""
    unwrapper = Unwrapper()
    unwrap([cut(TCP, 800, number)[0] for number in range(MOST_PACKETS + 5)], unwrapper)
    assert unwrapper.fragments_dropped == 5
    assert len(unwrap([cut(TCP, 800, number)[1] for number in range(5, 10)], unwrapper)) == 5


def test_how_many_bytes_wait_is_bounded() -> None:
    """Pieces as long as they can be, and as short as they can be."""
    for size, count in ((60_000, 200), (8, 60_000)):
        held = Fragments()
        for number in range(count):
            key, start = (number, 0) if size > 8 else divmod(number, 4000)
            held.add(b"%d" % key, TCP_NUMBER, start * 16, True, bytes(size), size, 0, True)
            assert held.bytes <= MOST_BYTES
        assert held.dropped > 0
        held.close()
        assert (held.bytes, held.dropped) == (0, count)


BOUNDS = {  # what is asked for, and how many of 40 packets are then found
    "as it is": ((), 40),
    "packets": (("--max-fragments", "10"), 10),
    "memory": (("--max-fragment-memory", "1"), 16),
    "age": (("--max-fragment-age", "0.5"), 13),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_options(name: str, mqttdissect: Run, tmp_path: Path) -> None:
    """All first fragments of 64 KB packets come, then all last ones, backwards; what was given up is counted and said,
    and the packets that were whole are found."""
    options, found = BOUNDS[name]
    path = tmp_path / "fragments.pcap"
    before = Stream().handshake().client(connect())
    streams = [Stream((CLIENT[0], 50000 + number)).client(publish("topic", bytes(64_000))) for number in range(40)]
    halves = [cut(stream.frames[0][34:], 64_000, number) for number, stream in enumerate(streams)]
    frames = [*before.frames, *[first for first, _ in halves], *[second for _, second in halves[::-1]]]
    path.write_bytes(pcap(frames, step_ns=20_000_000))
    done = mqttdissect("-P", *options, path)
    lines = done.stdout.splitlines()
    assert "CONNECT" in lines[0]
    assert sum("PUBLISH" in line for line in lines) == found
    assert done.returncode == 0
    lost = 2 * (40 - found)
    if lost:
        assert f"{lost} IP fragments were passed over" in done.stderr
        assert "not within --max-fragments, --max-fragment-memory and -age" in done.stderr
    else:
        assert done.stderr == ""


def test_datagrams_that_carry_no_tunnel_are_not_kept() -> None:
    """The first fragment has the ports: what is neither VXLAN nor another tunnel takes no memory."""
    unwrapper = Unwrapper()
    assert unwrap(cut(struct.pack(">HHHH", 53, 53, 0, 0) + DATA, 200, protocol=UDP), unwrapper) == []
    assert unwrapper.held.bytes == 0
    assert unwrap(cut(struct.pack(">HHHH", 53, 53, 0, 0) + DATA, 200, 5, protocol=UDP)[::-1], unwrapper) == []
    assert unwrapper.held.bytes == 0
    unwrapper.close()
    assert (unwrapper.fragments_dropped, unwrapper.fragments) == (0, 0)


def test_fragments_cut_by_the_snap_length() -> None:
    """The packet is whole on the wire; its bytes are known up to the first that was not captured."""
    first, second, third = cut(TCP, 400)
    unwrapper = Unwrapper()
    found = [
        unwrapper.segment(Frame(number, 0, 1, frame[:200], len(frame), 0))
        for number, frame in enumerate((first, second, third), 1)
    ]
    assert found[:2] == [None, None]
    assert found[2] is not None
    assert (found[2].length, found[2].data) == (len(DATA), DATA[: 200 - 34 - 20])


BAD = {
    "beyond 65535 bytes": piece(TCP, 0xFFF8, False),
    "empty": piece(b"", 64, True),
    "7 bytes and more to come": piece(b"1234567", 64, True),
}


@pytest.mark.parametrize("name", BAD)
def test_fragments_that_cannot_be(name: str) -> None:
    """Counted as broken, and not kept."""
    unwrapper = Unwrapper()
    assert unwrap([BAD[name]], unwrapper) == []
    assert (unwrapper.broken, unwrapper.held.bytes, unwrapper.fragments) == (1, 0, 0)


def test_ends_that_contradict_each_other() -> None:
    """An end before bytes that are there already is not believed, and bytes behind the end are not either."""
    frames = cut(TCP, 400)
    (segment,) = unwrap([frames[1], piece(TCP[64:80], 64, False), frames[2], piece(b"x" * 80, 2000, True), frames[0]])
    assert segment.data == DATA


SMALL = st.tuples(st.integers(0, 12), st.booleans(), st.binary(max_size=40), st.integers(0, 3))


@given(st.lists(SMALL, max_size=30), st.sampled_from([4, 6]))
def test_any_fragments(pieces: list[tuple[int, bool, bytes, int]], version: int) -> None:
    """Nothing raises, every segment is consistent, and nothing is left behind in the end."""
    unwrapper = Unwrapper()
    frames = [piece(data, start * 8, more, number, version) for start, more, data, number in pieces]
    for segment in unwrap(frames, unwrapper):
        assert 0 <= len(segment.data) <= segment.length
    unwrapper.close()
    assert unwrapper.held.bytes == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=60)), max_size=20))
def test_the_first_byte_to_come_stays(pieces: list[tuple[int, bytes]]) -> None:
    """Against the simplest way to do it: a byte at a time, in the order in which they come."""
    expected: dict[int, int] = {}
    held = Fragments()
    for start, data in [*pieces, (0, bytes(200))]:
        for at, byte in enumerate(data, start):
            expected.setdefault(at, byte)
        assert held.add(b"key", TCP_NUMBER, start, True, data, len(data), 0, True) is None
    whole = held.add(b"key", TCP_NUMBER, 200, False, b"end", 3, 0, True)
    assert whole is not None
    assert whole.data == bytes(expected[at] for at in range(200)) + b"end"
    assert (whole.length, held.bytes) == (203, 0)
