"""MQTT behind every link type and in every tunnel: the same conversation is found in each, by tshark as well.

`tests/encapsulations.py` has the frames. Tunnels of a real kernel and a real switch are in `tests/test_tunnels.py`.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from encapsulations import (
    CASES,
    CASES6,
    ETHERNET,
    IP_IN_IP,
    MAC,
    VXLAN_4789,
    Wrap,
    a_msdu,
    air,
    gre,
    ip4,
    radiotap,
    udp,
)
from hypothesis import given
from hypothesis import strategies as st
from support import (
    ACK,
    CLIENT,
    CONNACK,
    DISCONNECT,
    PSH,
    SERVER,
    Stream,
    connect,
    enhanced,
    ethernet,
    framed,
    interface,
    ip,
    publish,
    section,
    tcp,
)

from mqttdissect.capture.frame import Frame
from mqttdissect.net import fallback
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.layers import LINK_TYPES
from mqttdissect.net.names import NAMES, link_name
from mqttdissect.net.segment import Segment
from mqttdissect.pipeline import Dissector

ALL: dict[str, tuple[int, Wrap]] = {**CASES, **CASES6}
CLIENT6, SERVER6 = bytes(15) + b"\x01", bytes(15) + b"\x02"
PACKET = ip(CLIENT[0], SERVER[0], tcp(CLIENT, SERVER, 1000, 5000, PSH | ACK, b"hello"))
BY_TCPDUMP = {
    "PPP of pppd", "netANALYZER", "netANALYZER, transparent", "Broadcom switch tag", "Broadcom switch tag, prepended",
    "Marvell switch tag", "Marvell switch tag, EtherType", "SLIP",
}  # fmt: skip
"""What tshark (4.0) does not read, or not without more of a header than counts here; but tcpdump does."""
IP_TYPES = (b"\x08\x00", b"\x86\xdd")
ONLY_IPV4 = {"GRE with WCCP"}  # says so of what it carries
BY_NEITHER = {
    "nflog, big-endian": "both take the byte order of the machine that they run on",
    "MPLS as link type": "tcpdump and tshark know its name and no more",
}


def conversation(port: int, version: int) -> list[bytes]:
    """The IP packets of a short MQTT conversation from this port on."""
    if version == 4:
        stream = Stream((CLIENT[0], port))
    else:
        stream = Stream((CLIENT6, port), (SERVER6, 1883))
    stream.handshake().client(connect()).server(CONNACK).client(publish("a/b", b"x" * 40))
    stream.server(publish("c", b"y")).client(DISCONNECT).fin()
    return [frame[14:] for frame in stream.frames]


EXPECTED = ["1", "2", "3", "3", "14"]  # CONNECT, CONNACK, PUBLISH both ways, DISCONNECT


def unwrap(data: bytes, link_type: int = ETHERNET) -> tuple[Segment | None, Unwrapper]:
    """The segment in a frame, and who found it."""
    unwrapper = Unwrapper()
    return unwrapper.segment(framed(data, link_type)), unwrapper


# --- each of them ---------------------------------------------------------------------------------------------------


def file_of(names: list[str]) -> bytes:
    """A pcapng file with an interface for each case, and the conversation on each."""
    parts = [section(), *(interface(ALL[name][0]) for name in names)]
    for index, name in enumerate(names):
        version = 6 if name in CASES6 else 4
        for packet in conversation(20000 + index, version):
            parts.append(enhanced(ALL[name][1](packet), 1_000_000, index))
    return b"".join(parts)


@pytest.mark.parametrize("name", ALL)
def test_the_conversation_is_found(name: str) -> None:
    """All five packets, with the innermost addresses, and nothing to complain of."""
    dissector = Dissector()
    packets = dissector.feed(file_of([name])) + dissector.close()
    assert [str(packet.type) for packet in packets] == EXPECTED
    assert packets[0].stream is not None
    source = CLIENT6 if name in CASES6 else CLIENT[0]
    assert packets[0].stream.flow[: len(source)] == source
    unwrapper = dissector.unwrapper
    assert (unwrapper.broken, unwrapper.unknown_links, unwrapper.encrypted, unwrapper.in_parts) == (0, {}, 0, 0)
    assert (dissector.tcp.streams, dissector.tcp.gaps) == (1, 0)


IN_IP = [name for name, (link, _) in CASES.items() if link == ETHERNET and CASES[name][1](PACKET)[12:14] in IP_TYPES]


@pytest.mark.parametrize("outer", CASES)
def test_each_in_each(outer: str) -> None:
    """Whatever carries IP packets, also those that are a tunnel's themselves, in an IP packet of either version."""
    link, wrap = CASES[outer]
    for name in IN_IP:
        packet = CASES[name][1](PACKET)[14:]
        if packet[0] >> 4 == 6 and outer in ONLY_IPV4:
            continue
        segment, unwrapper = unwrap(wrap(packet), link)
        assert segment is not None, name
        assert (segment.data, segment.flow[:4], unwrapper.broken) == (b"hello", CLIENT[0], 0)


@pytest.fixture(scope="module")
def by_tshark(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Case: the types of the MQTT packets that tshark finds in it."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    names = list(ALL)
    path: Path = tmp_path_factory.mktemp("encapsulation") / "all.pcapng"
    path.write_bytes(file_of(names))
    command = ["tshark", "-n", "-r", str(path), "-Y", "mqtt", "-T", "fields", "-d", "udp.port==8472,vxlan"]
    for field in ("frame.interface_id", "mqtt.msgtype"):
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    found: dict[str, list[str]] = {name: [] for name in names}
    for line in output.splitlines():
        index, types = line.split("\t")
        found[names[int(index)]] += types.split(",")
    return found


@pytest.mark.parametrize("name", ALL)
def test_tshark_agrees(name: str, by_tshark: dict[str, list[str]]) -> None:
    """The same frames are what they are meant to be to an independent dissector."""
    if name in BY_TCPDUMP or name in BY_NEITHER:
        assert by_tshark[name] != EXPECTED, "tshark reads it: take it out of the tables"
    else:
        assert by_tshark[name] == EXPECTED


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
@pytest.mark.parametrize("name", sorted(BY_TCPDUMP))
def test_tcpdump_agrees(name: str, tmp_path: Path) -> None:
    """The same for what only tcpdump reads: it prints the inner addresses of every frame."""
    path = tmp_path / "one.pcapng"
    path.write_bytes(file_of([name]))
    output = subprocess.run(["tcpdump", "-n", "-r", str(path)], capture_output=True, check=True).stdout.decode()
    lines = [line for line in output.splitlines() if "10.0.0.1.20000" in line and "10.0.0.2.1883" in line]
    assert len(lines) == len(conversation(20000, 4))


def test_every_link_type_is_in_the_table() -> None:
    """A link type that nobody tests is not there."""
    in_link_tests = {0, 12, 14, 101, 108, 228, 229}  # tests/test_link.py
    tested = {link_type for link_type, _ in ALL.values()}
    assert (set(LINK_TYPES) | fallback.BY_DPKT | fallback.BY_SCAPY) - tested - in_link_tests == set()


# --- what stays closed ----------------------------------------------------------------------------------------------


def protected(frame: bytes) -> bytes:
    """The same 802.11 frame, said to be encrypted."""
    return frame[:1] + bytes([frame[1] | 0x40]) + frame[2:]


CLOSED = {
    "802.11": (105, protected(air()(PACKET))),
    "802.11 QoS": (105, protected(air(qos=True)(PACKET))),
    "radiotap": (127, radiotap(lambda packet: protected(air()(packet)))(PACKET)),
    "MACsec": (ETHERNET, MAC + bytes.fromhex("88e5 2c 00 00000001 0000000000000001") + PACKET),  # SCI, E, C
    "ESP over IPv4": (ETHERNET, ip4(50, lambda packet: packet)(PACKET)),
    "ESP over IPv6": (ETHERNET, ethernet(ip(CLIENT6, SERVER6, PACKET, 50))),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_is_encrypted_is_counted(name: str) -> None:
    """Nothing can be said of it, but that it is there."""
    link_type, frame = CLOSED[name]
    found, unwrapper = unwrap(frame, link_type)
    assert found is None
    assert (unwrapper.encrypted, unwrapper.broken, unwrapper.in_parts) == (1, 0, 0)


def with_byte(frame: bytes, at: int, value: int) -> bytes:
    """The same frame with another byte."""
    return frame[:at] + bytes([value]) + frame[at + 1 :]


IN_PARTS = {
    "802.11, more follows": (105, with_byte(air()(PACKET), 1, 0x05)),
    "802.11, second part": (105, with_byte(air()(PACKET), 22, 0x01)),
    "PPP multilink, first part": (9, bytes.fromhex("ff03 003d 80000001 0021") + PACKET),
    "PPP multilink, last part": (9, bytes.fromhex("ff03 003d 40000002") + PACKET),
}


@pytest.mark.parametrize("name", IN_PARTS)
def test_what_is_cut_below_ip_is_counted(name: str) -> None:
    """It is not put together, and it does not look like something else."""
    found, unwrapper = unwrap(IN_PARTS[name][1], IN_PARTS[name][0])
    assert found is None
    assert (unwrapper.in_parts, unwrapper.broken) == (1, 0)


NOT_OURS = {
    "PPPoE discovery": (ETHERNET, MAC + bytes.fromhex("8863 11 09 0000 0004 0101 0000")),
    "PPP LCP": (9, bytes.fromhex("ff03 c021 01 01 0004")),
    "802.11 beacon": (105, bytes.fromhex("8000") + bytes(40)),
    "802.11 without data": (105, bytes.fromhex("4801") + bytes(22)),
    "spanning tree": (ETHERNET, MAC + bytes.fromhex("0026 424203") + bytes(35)),
    "CDP": (ETHERNET, MAC + bytes.fromhex("0010 aaaa03 00000c 2000") + bytes(8)),
    "GRE keepalive": (ETHERNET, ip4(47, lambda packet: bytes(4))(b"")),
    "GTP-U echo": (ETHERNET, udp(2152, lambda packet: bytes.fromhex("3201 0004 00000000 00010000"))(b"")),
    "VXLAN without a network": (ETHERNET, udp(4789, lambda packet: bytes(8) + ethernet(packet))(PACKET)),
    "L2TP control": (ETHERNET, udp(1701, lambda packet: bytes.fromhex("c802 000c 0001 0000 0000 0001"))(b"")),
    "DNS": (ETHERNET, udp(53, lambda packet: bytes(30))(b"")),
    "TCP in UDP to no tunnel's port": (ETHERNET, udp(9999, lambda packet: packet)(PACKET)),
    "netlink, cooked": (113, bytes.fromhex("0000 0338 0000 0000000000000000 0000") + PACKET),
    "CAN, cooked": (113, bytes.fromhex("0000 0118 0000 0000000000000000 000c") + PACKET),
    "MPLS associated channel": (ETHERNET, MAC + bytes.fromhex("8847 0000d140 10000001") + bytes(20)),
    "nflog without a packet": (239, bytes.fromhex("02000001 0800 0100 08000100")),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_carries_no_ip_is_passed_over(name: str) -> None:
    """Such frames are in most captures of their kind, and nothing is wrong with them."""
    found, unwrapper = unwrap(NOT_OURS[name][1], NOT_OURS[name][0])
    assert found is None
    assert (unwrapper.broken, unwrapper.encrypted, unwrapper.in_parts, unwrapper.unknown_links) == (0, 0, 0, {})


# --- sizes ----------------------------------------------------------------------------------------------------------


NO_LENGTH = {"6LoWPAN, compressed", "6LoWPAN, compressed, FCS"}  # once cut, nothing says how long they were


@pytest.mark.parametrize("name", sorted(set(ALL) - NO_LENGTH))
def test_a_frame_cut_at_any_place(name: str) -> None:
    """The payload is as long as it was on the wire, of which as much is there as was captured; never more."""
    link_type, wrap = ALL[name]
    packet = PACKET if name in CASES else ip(CLIENT6, SERVER6, PACKET[20:])
    frame = wrap(packet)
    seen = 0
    for size in range(len(frame)):
        found = Unwrapper().segment(framed(frame[:size], link_type, len(frame)))
        if found is not None:
            seen += 1
            assert (found.length, found.data) == (5, b"hello"[: len(found.data)])
    assert seen >= 5


def test_a_frame_check_sequence_is_not_payload() -> None:
    """Segmentation offload leaves no length in the IP header; then the frame's counts, without its last 4 bytes."""
    packet = PACKET[:2] + bytes(2) + PACKET[4:]
    for fcs in (False, True):
        found, _ = unwrap(radiotap(air(), fcs=fcs)(packet), 127)
        assert found is not None
        assert (found.length, found.data) == (5, b"hello")


@pytest.mark.parametrize("wrap", [VXLAN_4789, IP_IN_IP, gre()], ids=["VXLAN", "IPIP", "GRE"])
def test_inside_a_tunnel_the_tunnel_ends_the_packet(wrap: Wrap) -> None:
    """Padding of the outer frame is not part of an inner packet that has no length."""
    found, _ = unwrap(wrap(PACKET[:2] + bytes(2) + PACKET[4:]) + b"padding")
    assert found is not None
    assert (found.length, found.data) == (5, b"hello")


def test_an_a_msdu_has_several_packets() -> None:
    """The first is returned, the others are there until the next frame."""
    packets = [ip(CLIENT[0], SERVER[0], tcp(CLIENT, SERVER, 1000 + 5 * n, 1, ACK, b"hell%d" % n)) for n in range(5)]
    found, unwrapper = unwrap(a_msdu(*packets), 105)
    assert found is not None
    assert [one.data for one in [found, *unwrapper.more]] == [b"hell0", b"hell1", b"hell2", b"hell3", b"hell4"]
    assert [one.frame for one in unwrapper.more] == [7] * 4
    unwrapper.segment(Frame(8, 0, ETHERNET, ethernet(PACKET), 59, 0))
    assert unwrapper.more == []


def nested(wrap: Callable[[bytes], bytes], times: int) -> bytes:
    """The packet in so many tunnels."""
    packet = PACKET
    for _ in range(times):
        packet = wrap(packet)[14:]
    return ethernet(packet)


@pytest.mark.parametrize("wrap", [VXLAN_4789, IP_IN_IP, gre()], ids=["VXLAN", "IPIP", "GRE"])
def test_tunnels_in_tunnels_have_a_bound(wrap: Wrap) -> None:
    """16 are taken off; more are damage."""
    assert unwrap(nested(wrap, 16))[0] is not None
    for times in (17, 100, 500):
        found, unwrapper = unwrap(nested(wrap, times))
        assert (found, unwrapper.broken) == (None, 1)


# --- link types that are not known ----------------------------------------------------------------------------------


def test_an_unknown_link_type_has_a_name() -> None:
    """As libpcap has it."""
    assert link_name(253) == "253 (NETLINK)"
    assert link_name(147) == "147 (USER0, for private use)"
    assert link_name(65000) == "65000"
    assert not set(NAMES) & set(LINK_TYPES)


def test_a_known_link_type_around_an_unknown_one() -> None:
    """PPI says which one it carries, and that one is counted."""
    found, unwrapper = unwrap(bytes.fromhex("00000800 fd000000") + PACKET, 192)
    assert (found, unwrapper.unknown_links) == (None, {253: 1})


@pytest.mark.parametrize("link_type", [-1, -7, 0x10800, 0x20006, 0x50000, 2**40])
def test_numbers_that_are_no_link_types(link_type: int) -> None:
    """They are not taken for something else."""
    found, unwrapper = unwrap(PACKET, link_type)
    assert (found, unwrapper.unknown_links) == (None, {link_type: 1})


@pytest.mark.parametrize(("link_type", "package"), [(7, "dpkt"), (274, "scapy")])
def test_what_is_missing_is_named(link_type: int, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says which extra reads such frames; with it, there is nothing to say."""
    assert fallback.ip_packet(link_type, bytes(60)) == b""
    assert fallback.advice(link_type) == ""

    def no_import(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(fallback, "import_module", no_import)
    monkeypatch.setattr(fallback, "_missing", set())
    found, unwrapper = unwrap(PACKET, link_type)
    assert (found, unwrapper.unknown_links) == (None, {link_type: 1})
    assert fallback.advice(link_type) == f"; {package} knows it: pip install 'mqttdissect[links]'"
    assert fallback.advice(253) == ""


# --- any bytes ------------------------------------------------------------------------------------------------------

OWN = sorted(LINK_TYPES) + sorted(fallback.BY_DPKT | fallback.BY_SCAPY)
FRAMES = [(link_type, wrap(PACKET)) for link_type, wrap in CASES.values()]
FRAMES += [(link_type, wrap(ip(CLIENT6, SERVER6, PACKET[20:]))) for link_type, wrap in CASES6.values()]


def check(found: Segment | None, unwrapper: Unwrapper, link_type: int) -> None:
    """A segment is consistent, and of a frame with one packet no more than one thing is said."""
    said = unwrapper.broken + unwrapper.fragments + unwrapper.encrypted + unwrapper.in_parts
    if link_type in (0, ETHERNET, 9, 51, 104, 219, 239):  # no A-MSDU can be inside
        assert (found is not None) + said + sum(unwrapper.unknown_links.values()) <= 1
    for one in [found, *unwrapper.more]:
        if one is not None:
            assert 0 <= len(one.data) <= one.length
            assert len(one.flow) in (12, 36)


@given(st.sampled_from(OWN), st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_any_bytes_of_any_link_type(link_type: int, data: bytes, original: int) -> None:
    """Nothing raises."""
    unwrapper = Unwrapper()
    check(unwrapper.segment(framed(data, link_type, original)), unwrapper, link_type)
    unwrapper.close()


@given(
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4),
    st.integers(0, 300),
)
def test_any_bytes_changed_in_any_encapsulation(
    frame: tuple[int, bytes], changes: list[tuple[int, int]], size: int
) -> None:
    """The same, a few bytes from a good frame, perhaps cut."""
    link_type, data = frame
    for at, value in changes:
        if at < len(data):
            data = with_byte(data, at, value)
    unwrapper = Unwrapper()
    check(unwrapper.segment(framed(data[:size], link_type, len(data))), unwrapper, link_type)


HOSTILE = {
    "labels without end": (ETHERNET, MAC + b"\x88\x47" + bytes(1_000_000)),
    "tags without end": (ETHERNET, MAC + b"\x88\xa8\x00\x01\xf1\xc1\x00\x00\x00\x00" * 100_000),
    "MACsec in MACsec": (ETHERNET, MAC + bytes.fromhex("88e5 00 00 00000001") * 100_000),
    "NSH in NSH": (ETHERNET, MAC + bytes.fromhex("894f") + bytes.fromhex("0002 0104 00000000") * 100_000),
    "PKTAP in PKTAP": (258, bytes.fromhex("0c000000 01000000 02010000") * 100_000),
    "PPI in PPI": (192, bytes.fromhex("00000800 c0000000") * 100_000),
    "PPI of empty fields": (192, bytes.fromhex("0000 f8ff 01000000") + bytes(1_000_000)),
    "radiotap of flags": (127, bytes.fromhex("0000 ffff") + b"\xff" * 100_000),
    "A-MSDU of empty subframes": (105, bytes.fromhex("8801") + bytes(22) + b"\x80\x00" + bytes(1_000_000)),
    "A-MSDU of small subframes": (
        105,
        bytes.fromhex("8801") + bytes(22) + b"\x80\x00" + (bytes(12) + bytes.fromhex("0002 4500")) * 60_000,
    ),
    "nflog of empty attributes": (239, bytes.fromhex("02000001") + bytes.fromhex("04000000") * 250_000),
    "GRE of source routes": (ETHERNET, ip4(47, lambda packet: b"\x40\x00\x08\x00" + b"\x01" * 60_000)(b"")),
    "GTP-U of extensions": (ETHERNET, udp(2152, lambda packet: b"\x34\xff" + b"\x01" * 60_000)(b"")),
    "TZSP of padding": (ETHERNET, udp(37008, lambda packet: b"\x01\x00\x00\x01" + bytes(60_000))(b"")),
    "Teredo of nothing": (ETHERNET, udp(3544, lambda packet: bytes(60_000))(b"")),
    "frame relay of addresses": (107, bytes(1_000_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_frames_end(name: str) -> None:
    """No layer can be repeated without bound: the whole frame is gone through a few times at most."""
    link_type, frame = HOSTILE[name]
    unwrapper = Unwrapper()
    began = time.process_time()
    for _ in range(3):
        unwrapper.segment(Frame(1, 0, link_type, frame, len(frame), 0))
    assert time.process_time() - began < 2.0
