"""From frame to TCP segment: link headers, IPv4, IPv6 and TCP headers off, and what is counted when that fails."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, IPOption_NOP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, Loopback
from scapy.packet import Packet, Raw
from support import ACK, CLIENT, PSH, SERVER, SYN, ethernet, framed, ip, tcp

from mqttdissect.capture.frame import Frame
from mqttdissect.net.address import address, endpoint, port
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.segment import Segment, reverse

NULL, ETHERNET, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
CLIENT6, SERVER6 = (bytes(15) + b"\x01", 40000), (bytes(15) + b"\x02", 1883)
TCP4 = tcp(CLIENT, SERVER, 1000, 5000, PSH | ACK, b"hello")
TCP6 = tcp(CLIENT6, SERVER6, 1000, 5000, PSH | ACK, b"hello")
PACKET4 = ip(CLIENT[0], SERVER[0], TCP4)
PACKET6 = ip(CLIENT6[0], SERVER6[0], TCP6)
PORTS = struct.pack(">HH", 40000, 1883)
UDP, NO_NEXT_HEADER = 17, 59


def unwrap(data: bytes, link_type: int = ETHERNET, original: int | None = None) -> tuple[Segment | None, Unwrapper]:
    """The segment in a frame, and who found it, for what was counted."""
    unwrapper = Unwrapper()
    return unwrapper.segment(framed(data, link_type, original)), unwrapper


def segment(data: bytes, link_type: int = ETHERNET, original: int | None = None) -> Segment:
    """The segment in a frame that has one."""
    found, _ = unwrap(data, link_type, original)
    assert found is not None
    return found


def counted(data: bytes, link_type: int = ETHERNET) -> tuple[int, int, dict[int, int]]:
    """Broken, fragments, unknown link types of a frame that has no segment."""
    found, unwrapper = unwrap(data, link_type)
    assert found is None
    return unwrapper.broken, unwrapper.fragments, unwrapper.unknown_links


BROKEN, FRAGMENT, NOT_TCP = (1, 0, {}), (0, 1, {}), (0, 0, {})


# --- a segment ------------------------------------------------------------------------------------------------------


def test_a_segment_byte_by_byte() -> None:
    """Everything that the next stage needs from an Ethernet frame."""
    frame = bytes.fromhex(
        "000000000000 000000000000 0800"  # Ethernet: to, from, IPv4
        "45 00 002a"  # IPv4, header of 5 × 4 bytes; 42 bytes in all
        "0000 0000 40 06 0000"  # no fragment; protocol 6, TCP
        "0a000001 0a000002"  # from 10.0.0.1 to 10.0.0.2
        "9c40 075b"  # from port 40000 to 1883
        "000003e8 00001388"  # sequence 1000, acknowledgement 5000
        "50 18 0200"  # header of 5 × 4 bytes; PSH, ACK; window 512
        "0000 0000"
        "6869"
    )
    got = segment(frame)
    assert got.flow == bytes([10, 0, 0, 1, 10, 0, 0, 2]) + PORTS
    assert (got.sequence, got.acknowledgement, got.flags, got.window) == (1000, 5000, PSH | ACK, 512)
    assert (got.data, got.length) == (b"hi", 2)
    assert (got.frame, got.time_ns) == (7, 123)


def test_a_flow_turned_round() -> None:
    """Addresses change places, and so do ports."""
    assert reverse(b"AAAABBBBaabb") == b"BBBBAAAAbbaa"
    assert reverse(CLIENT6[0] + SERVER6[0] + b"aabb") == SERVER6[0] + CLIENT6[0] + b"bbaa"


def test_a_flow_as_people_write_it() -> None:
    """IPv6 addresses in the short form of RFC 5952, and in brackets before a port."""
    flow4, flow6 = segment(ethernet(PACKET4)).flow, segment(ethernet(PACKET6)).flow
    assert (endpoint(flow4, True), endpoint(flow4, False)) == ("10.0.0.1:40000", "10.0.0.2:1883")
    assert (endpoint(flow6, True), endpoint(flow6, False)) == ("[::1]:40000", "[::2]:1883")
    assert (address(flow6, False), port(flow6, False)) == ("::2", 1883)


# --- link headers ---------------------------------------------------------------------------------------------------

MAC = "00" * 12  # destination and source
COOKED = "0000 0001 0006 000000000000 0000"  # Linux cooked v1: packet type, ARPHRD_, address length, address
IPV4_HEADERS = {
    "Ethernet": (ETHERNET, MAC + "0800"),
    "802.1Q": (ETHERNET, MAC + "8100 0064 0800"),  # VLAN 100
    "priority tag": (ETHERNET, MAC + "8100 e000 0800"),  # VLAN 0, priority 7
    "QinQ 802.1ad": (ETHERNET, MAC + "88a8 0064 8100 00c8 0800"),
    "QinQ 0x9100": (ETHERNET, MAC + "9100 0064 8100 00c8 0800"),
    "three tags": (ETHERNET, MAC + "88a8 0001 8100 0002 8100 0003 0800"),
    "Linux cooked v1": (SLL, COOKED + "0800"),
    "Linux cooked v1, VLAN": (SLL, COOKED + "8100 0064 0800"),
    # protocol, reserved, interface index, ARPHRD_, packet type, address length, address
    "Linux cooked v2": (SLL2, "0800 0000 00000001 0001 00 06 0000000000000000"),
    "Linux cooked v2, VLAN": (SLL2, "8100 0000 00000001 0001 00 06 0000000000000000 0064 0800"),
    "raw IP": (RAW, ""),
    "raw IPv4": (IPV4, ""),
    "raw IP, BSD's number": (12, ""),
    "raw IP, OpenBSD's number": (14, ""),
    "BSD null, little-endian": (NULL, "02000000"),  # AF_INET in the byte order of the host
    "BSD null, big-endian": (NULL, "00000002"),
    "OpenBSD loop": (LOOP, "00000002"),  # always in network order
}
IPV6_HEADERS = {
    "Ethernet": (ETHERNET, MAC + "86dd"),
    "802.1Q": (ETHERNET, MAC + "8100 0064 86dd"),
    "Linux cooked v1": (SLL, COOKED + "86dd"),
    "Linux cooked v2": (SLL2, "86dd 0000 00000001 0001 00 06 0000000000000000"),
    "Linux cooked v2, VLAN": (SLL2, "8100 0000 00000001 0001 00 06 0000000000000000 0064 86dd"),
    "raw IP": (RAW, ""),
    "raw IPv6": (IPV6, ""),
    "BSD null, Linux": (NULL, "0a000000"),  # AF_INET6 is 10 here
    "BSD null, NetBSD": (NULL, "18000000"),  # 24
    "BSD null, FreeBSD": (NULL, "0000001c"),  # 28
    "BSD null, Darwin": (NULL, "1e000000"),  # 30
    "OpenBSD loop": (LOOP, "00000018"),
}


@pytest.mark.parametrize(("link_type", "header"), IPV4_HEADERS.values(), ids=IPV4_HEADERS)
def test_ipv4_behind_each_link_header(link_type: int, header: str) -> None:
    """The same packet is found behind each of them."""
    got = segment(bytes.fromhex(header) + PACKET4, link_type)
    assert (got.flow, got.data) == (CLIENT[0] + SERVER[0] + PORTS, b"hello")


@pytest.mark.parametrize(("link_type", "header"), IPV6_HEADERS.values(), ids=IPV6_HEADERS)
def test_ipv6_behind_each_link_header(link_type: int, header: str) -> None:
    """The same for IPv6."""
    got = segment(bytes.fromhex(header) + PACKET6, link_type)
    assert (got.flow, got.data) == (CLIENT6[0] + SERVER6[0] + PORTS, b"hello")


NOT_IP = {
    "ARP": (ETHERNET, MAC + "0806 0001 0800"),
    "802.3 length": (ETHERNET, MAC + "0026 4242 03"),  # spanning tree
    "ARP in a VLAN": (ETHERNET, MAC + "8100 0064 0806"),
    "ARP, cooked": (SLL, COOKED + "0806"),
    "ARP, cooked v2": (SLL2, "0806 0000 00000001 0001 00 06 0000000000000000"),
    "AppleTalk on BSD null": (NULL, "10000000"),
    "little-endian on OpenBSD loop": (LOOP, "02000000"),
}


@pytest.mark.parametrize(("link_type", "header"), NOT_IP.values(), ids=NOT_IP)
def test_what_is_not_ip_is_passed_over(link_type: int, header: str) -> None:
    """It is in most captures, and nothing is wrong with it."""
    assert counted(bytes.fromhex(header) + bytes(40), link_type) == NOT_TCP


def test_unknown_link_types_are_counted() -> None:
    """Here 147 and 148, which are for private use and will never be known."""
    unwrapper = Unwrapper()
    for link_type in (148, 147, 148):
        assert unwrapper.segment(Frame(1, 0, link_type, PACKET4, len(PACKET4), 0)) is None
    assert unwrapper.unknown_links == {148: 2, 147: 1}
    assert (unwrapper.broken, unwrapper.fragments) == (0, 0)


CUT_LINKS = {
    "nothing": (ETHERNET, ""),
    "Ethernet": (ETHERNET, MAC + "08"),
    "VLAN": (ETHERNET, MAC + "8100 00"),
    "behind VLAN": (ETHERNET, MAC + "8100 0064"),
    "Linux cooked v1": (SLL, COOKED),
    "Linux cooked v2": (SLL2, "0800 0000 00000001"),
    "BSD null": (NULL, "0200"),
    "raw IP": (RAW, ""),
}


@pytest.mark.parametrize(("link_type", "header"), CUT_LINKS.values(), ids=CUT_LINKS)
def test_a_frame_that_ends_inside_its_link_header_is_broken(link_type: int, header: str) -> None:
    """`Unwrapper.broken`: frames whose headers break off."""
    assert counted(bytes.fromhex(header), link_type) == BROKEN


def test_any_number_of_vlan_tags() -> None:
    """Nobody sends 5000 of them, but a hostile file may hold them: they are walked through, not recursed into."""
    assert segment(bytes(12) + b"\x81\x00\x00\x01" * 5000 + b"\x08\x00" + PACKET4).data == b"hello"


# --- IPv4 -----------------------------------------------------------------------------------------------------------


def test_ethernet_padding_is_not_payload() -> None:
    """Frames are at least 60 bytes long; the IP header tells where the packet ends."""
    bare = ip(CLIENT[0], SERVER[0], tcp(CLIENT, SERVER, 1, 1, ACK))
    got = segment(ethernet(bare).ljust(60, b"\0"))
    assert (got.length, got.data) == (0, b"")


def test_ipv4_options_stand_before_tcp() -> None:
    """Header length 6: 4 bytes of options."""
    options = bytes.fromhex("94040000")  # router alert
    packet = bytearray(PACKET4[:20] + options + PACKET4[20:])
    packet[0] = 0x46
    packet[2:4] = struct.pack(">H", len(packet))
    got = segment(ethernet(bytes(packet)))
    assert (got.flow, got.data) == (CLIENT[0] + SERVER[0] + PORTS, b"hello")


def test_tcp_options_stand_before_the_payload() -> None:
    """Data offset 8: 12 bytes of options."""
    header = bytearray(TCP4[:20])
    header[12] = 8 << 4
    options = bytes.fromhex("0101 080a 00000001 00000002")  # twice nothing, time stamps
    got = segment(ethernet(ip(CLIENT[0], SERVER[0], bytes(header) + options + b"hello")))
    assert (got.length, got.data) == (5, b"hello")


def test_ipv4_length_0_is_segmentation_offload() -> None:
    """A packet above 64 KiB does not fit the field: then the frame's length counts."""
    big = bytes(70_000)
    packet = bytearray(ip(CLIENT[0], SERVER[0], TCP4[:20]))
    packet[2:4] = b"\0\0"
    got = segment(ethernet(bytes(packet) + big))
    assert (got.length, got.data) == (70_000, big)


def test_ipv6_length_0_is_segmentation_offload() -> None:
    """The same, or a jumbogram."""
    big = bytes(70_000)
    packet = bytearray(ip(CLIENT6[0], SERVER6[0], TCP6[:20]))
    packet[4:6] = b"\0\0"
    got = segment(ethernet(bytes(packet) + big))
    assert (got.length, got.data) == (70_000, big)


@pytest.mark.parametrize("packet", [PACKET4, PACKET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("captured", [4, 1, 0])
def test_a_payload_cut_by_the_snap_length(packet: bytes, captured: int) -> None:
    """`length` says what was on the wire, so that what follows is not taken for a retransmission."""
    whole = ethernet(packet)
    got = segment(whole[: len(whole) - 5 + captured], original=len(whole))
    assert (got.length, got.data) == (5, b"hello"[:captured])


def test_segmentation_offload_cut_by_the_snap_length() -> None:
    """Length 0 in the header: the length on the wire is known from the record in the capture file."""
    packet = bytearray(ip(CLIENT[0], SERVER[0], TCP4[:20]))
    packet[2:4] = b"\0\0"
    got = segment(ethernet(bytes(packet) + b"some"), original=14 + 20 + 20 + 70_000)
    assert (got.length, got.data) == (70_000, b"some")


def test_a_frame_cut_inside_the_tcp_options() -> None:
    """Nothing of the payload is there, but its length is known."""
    header = bytearray(TCP4[:20])
    header[12] = 15 << 4  # 40 bytes of options
    whole = ethernet(ip(CLIENT[0], SERVER[0], bytes(header) + bytes(40) + b"hello"))
    got = segment(whole[: 14 + 20 + 30], original=len(whole))
    assert (got.length, got.data) == (5, b"")


@pytest.mark.parametrize("protocol", [1, UDP, 58, NO_NEXT_HEADER])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("payload", [b"", b"1234", bytes(40)], ids=["0 bytes", "4 bytes", "40 bytes"])
def test_other_protocols_are_passed_over(version: int, protocol: int, payload: bytes) -> None:
    """However short their packets are: their headers are none of TCP's business."""
    ends = (CLIENT[0], SERVER[0]) if version == 4 else (CLIENT6[0], SERVER6[0])
    assert counted(ethernet(ip(*ends, payload, protocol))) == NOT_TCP


# --- fragments ------------------------------------------------------------------------------------------------------


def fragment(version: int, offset: int, more: bool, payload: bytes, protocol: int = 6) -> bytes:
    """An Ethernet frame with a part of an IP packet; offset in units of 8 bytes."""
    if version == 4:
        packet = bytearray(ip(CLIENT[0], SERVER[0], payload, protocol))
        packet[6:8] = struct.pack(">H", more << 13 | offset)
        return ethernet(bytes(packet))
    header = struct.pack(">BBHI", protocol, 0, offset << 3 | more, 99)
    return ethernet(ip(CLIENT6[0], SERVER6[0], header + payload, 44))


@pytest.mark.parametrize("version", [4, 6])
def test_later_fragments_are_counted(version: int) -> None:
    """They hold no TCP header, and wait for the fragment that does."""
    assert counted(fragment(version, 3, True, bytes(24))) == FRAGMENT
    assert counted(fragment(version, 6, False, bytes(24))) == FRAGMENT


@pytest.mark.parametrize("version", [4, 6])
def test_the_first_fragment_waits_for_the_others(version: int) -> None:
    """It has the TCP header, but the segment ends elsewhere; tests/test_fragments.py goes on from here."""
    assert counted(fragment(version, 0, True, TCP4[:24])) == FRAGMENT


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_of_other_protocols_are_not_counted(version: int) -> None:
    """A long UDP datagram says nothing about TCP."""
    assert counted(fragment(version, 3, False, bytes(24), UDP)) == NOT_TCP


def test_a_fragment_that_is_whole() -> None:
    """IPv6's atomic fragment (RFC 6946): offset 0, nothing follows."""
    assert segment(fragment(6, 0, False, TCP6)).data == b"hello"


# --- IPv6 extension headers -----------------------------------------------------------------------------------------

EXTENSIONS = {
    "hop-by-hop": (0, "06 00 0104 00000000"),  # next header, (length / 8) - 1, PadN
    "hop-by-hop, 16 bytes": (0, "06 01 010c 000000000000000000000000"),
    "routing": (43, "06 02 04 00 00000000 00000000000000000000000000000003"),  # segment routing, none left
    "destination": (60, "06 00 0104 00000000"),
    "atomic fragment": (44, "06 00 0000 00000063"),
    "authentication": (51, "06 04 0000 00000001 00000001 000000000000000000000000"),  # (length / 4) - 2: 24 bytes
    "mobility": (135, "06 00 00 00 0000 0000"),
}


@pytest.mark.parametrize(("kind", "header"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_extension_headers_are_stepped_over(kind: int, header: str) -> None:
    """RFC 8200, section 4; RFC 4302 counts its length differently."""
    got = segment(ethernet(ip(CLIENT6[0], SERVER6[0], bytes.fromhex(header) + TCP6, kind)))
    assert (got.flow, got.data) == (CLIENT6[0] + SERVER6[0] + PORTS, b"hello")


def test_extension_headers_in_a_row() -> None:
    """Hop-by-hop, then destination options, then TCP."""
    hop_by_hop, destination = bytes.fromhex("3c 00 0104 00000000"), bytes.fromhex("06 00 0104 00000000")
    assert segment(ethernet(ip(CLIENT6[0], SERVER6[0], hop_by_hop + destination + TCP6, 0))).data == b"hello"


def test_an_encrypted_packet_is_passed_over() -> None:
    """Encapsulating Security Payload, 50: what is inside cannot be known."""
    assert counted(ethernet(ip(CLIENT6[0], SERVER6[0], bytes(64), 50))) == NOT_TCP


# --- broken headers -------------------------------------------------------------------------------------------------


def changed(packet: bytes, at: int, new: bytes) -> bytes:
    return packet[:at] + new + packet[at + len(new) :]


BAD_HEADERS = {
    "IP version 5": changed(PACKET4, 0, b"\x55"),
    "IPv4 header of 16 bytes": changed(PACKET4, 0, b"\x44"),
    "IPv4 header longer than the packet": changed(PACKET4, 0, b"\x4f"),
    "IPv4 length without room for TCP": changed(PACKET4, 2, b"\x00\x27"),  # 39
    "IPv4 cut": PACKET4[:19],
    "TCP over IPv4 cut": PACKET4[:39],
    "TCP header of 16 bytes": changed(PACKET4, 32, b"\x40"),
    "TCP header longer than the packet": changed(PACKET4, 32, b"\xf0"),
    "IPv6 cut": PACKET6[:39],
    "IPv6 length without room for TCP": changed(PACKET6, 4, b"\x00\x13"),  # 19
    "TCP over IPv6 cut": PACKET6[:59],
    "extension header cut": changed(PACKET6, 6, b"\x00")[:47],
    "extension header longer than the packet": changed(changed(PACKET6, 6, b"\x00"), 40, b"\x06\xff"),
}


@pytest.mark.parametrize("packet", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_broken_headers_are_counted(packet: bytes) -> None:
    """No segment, no exception, one more broken frame."""
    assert counted(packet, RAW) == BROKEN


KNOWN_LINKS = [NULL, ETHERNET, 12, 14, RAW, LOOP, SLL, IPV4, IPV6, SLL2]
STARTS = [b"", *(bytes.fromhex(one) for _, one in [*IPV4_HEADERS.values(), *IPV6_HEADERS.values()])]
EXTENDED = [PACKET6[:6] + bytes([kind]) + PACKET6[7:40] for kind in (0, 43, 44, 51)]
IP_STARTS = [b"", PACKET4[:20], PACKET6[:40], *EXTENDED]


def check(found: Segment | None, unwrapper: Unwrapper) -> None:
    """At most one thing is said of a frame, and a segment is consistent."""
    assert (found is not None) + unwrapper.broken + unwrapper.fragments + sum(unwrapper.unknown_links.values()) <= 1
    if found is not None:
        assert 0 <= len(found.data) <= found.length
        assert len(found.flow) in (12, 36)


@given(st.one_of(st.sampled_from(KNOWN_LINKS), st.integers(0, 65535)), st.binary(), st.integers(0, 2**32 - 1))
def test_any_bytes_of_any_link_type(link_type: int, data: bytes, original: int) -> None:
    """Nothing raises."""
    check(*unwrap(data, link_type, original))


@given(st.sampled_from(KNOWN_LINKS), st.sampled_from(STARTS), st.sampled_from(IP_STARTS), st.binary(max_size=80))
def test_any_bytes_behind_a_plausible_start(link_type: int, start: bytes, header: bytes, rest: bytes) -> None:
    """The same, further in."""
    check(*unwrap(start + header + rest, link_type))


@given(st.sampled_from([PACKET4, PACKET6]), st.integers(0, 63), st.binary(min_size=1, max_size=3), st.integers(0, 70))
def test_a_packet_with_a_few_bytes_changed(packet: bytes, at: int, new: bytes, size: int) -> None:
    """The same, one step from a good one, perhaps cut."""
    check(*unwrap(changed(packet, at, new)[:size], RAW, original=len(packet)))


# --- against scapy --------------------------------------------------------------------------------------------------

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
IPV4_OPTIONS = [[], [IPOption_Router_Alert()], [IPOption_NOP(), IPOption_NOP(), IPOption_Router_Alert()]]
TCP_OPTIONS = [[], [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)], [("NOP", None), ("Timestamp", (1, 2))]]
LINKS = [
    (ETHERNET, lambda: Ether(**MACS)),
    (ETHERNET, lambda: Ether(**MACS) / Dot1Q(vlan=5)),
    (ETHERNET, lambda: Ether(**MACS) / Dot1AD(vlan=5) / Dot1Q(vlan=6)),
    (SLL, lambda: CookedLinux()),
    (SLL2, lambda: CookedLinuxV2()),
    (NULL, lambda: Loopback()),
    (RAW, lambda: None),
]
EXTENSION_HEADERS = [
    lambda: IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 12)]),
    lambda: IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]),
    lambda: IPv6ExtHdrRouting(addresses=["2001:db8::5"]),
    lambda: IPv6ExtHdrFragment(id=7),
]


@st.composite
def scapy_packets(draw: st.DrawFn) -> tuple[int, Packet, Packet, bytes]:
    """Link type, a packet put together by scapy, its TCP layer, and the addresses."""
    link_type, link = draw(st.sampled_from(LINKS))
    if draw(st.booleans()):
        network = IP(src="192.0.2.1", dst="198.51.100.2", options=draw(st.sampled_from(IPV4_OPTIONS)))
        addresses = bytes.fromhex("c0000201 c6336402")
    else:
        network = IPv6(src="2001:db8::1", dst="2001:db8::2")
        addresses = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02")
        for extension in draw(st.lists(st.sampled_from(EXTENSION_HEADERS), max_size=3)):
            network = network / extension()
        if draw(st.booleans()):
            network = network / AH(nh=6, payloadlen=4, icv=b"\0" * 12)  # scapy does not fill these in by itself
    number = st.integers(0, 2**32 - 1)
    top = TCP(
        sport=draw(st.integers(0, 65535)), dport=1883, seq=draw(number), ack=draw(number),
        flags=draw(st.integers(0, 255)), window=draw(st.integers(0, 65535)), options=draw(st.sampled_from(TCP_OPTIONS)),
    )  # fmt: skip
    head = link()
    packet = network / top / Raw(draw(st.binary(max_size=40)))
    return link_type, packet if head is None else head / packet, top, addresses


@given(scapy_packets(), st.binary(max_size=12))
def test_what_scapy_builds(built: tuple[int, Packet, Packet, bytes], padding: bytes) -> None:
    """Any stack of headers from scapy, with padding behind it: all fields as they were put in."""
    link_type, packet, top, addresses = built
    got = segment(bytes(packet) + padding, link_type)
    assert got.flow == addresses + struct.pack(">HH", top.sport, top.dport)
    assert (got.sequence, got.acknowledgement, got.window) == (top.seq, top.ack, top.window)
    assert got.flags == int(top.flags)
    assert (got.data, got.length) == (packet[Raw].load, len(packet[Raw].load))


OPTIONS = {
    "": -1,
    "02 04 05b4 01 03 03 07": 7,
    "01 01 03 03 0e 00 03 03 02": 14,
    "03 03 ff": 14,  # no more is meant than 14
    "00 03 03 07": -1,
    "01 01 03 03": -1,
    "03 02 07 01": -1,
    "02 00 03 03 07": -1,
    "02 01 03 03 07": -1,
    "02 28 03 03 07": -1,
}


@pytest.mark.parametrize("options", OPTIONS)
def test_the_window_scale_of_a_syn(options: str) -> None:
    """Among other options, behind their end, cut off, with lengths that lie; without SYN it says nothing."""
    raw = bytes.fromhex(options)
    raw += bytes(-len(raw) % 4)
    for flags, expected in ((SYN, OPTIONS[options]), (SYN | ACK, OPTIONS[options]), (ACK, -1)):
        header = bytearray(tcp(CLIENT, SERVER, 1, 0, flags))
        header[12] = (5 + len(raw) // 4) << 4
        frame = ethernet(ip(CLIENT[0], SERVER[0], bytes(header) + raw))
        segment = Unwrapper().segment(Frame(1, 0, 1, frame, len(frame), 0))
        assert segment is not None
        assert segment.scale == expected


def test_options_cut_by_the_snap_length() -> None:
    """What is there of them is read."""
    header = bytearray(tcp(CLIENT, SERVER, 1, 0, SYN))
    header[12] = 7 << 4
    frame = ethernet(ip(CLIENT[0], SERVER[0], bytes(header) + bytes.fromhex("01 03 03 05 01 01 01 01")))
    for size, scale in ((len(frame) - 4, 5), (len(frame) - 5, -1), (len(frame) - 8, -1)):
        segment = Unwrapper().segment(framed(frame[:size], 1, len(frame)))
        assert segment is not None
        assert segment.scale == scale
