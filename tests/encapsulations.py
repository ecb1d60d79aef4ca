"""Every link type and encapsulation that is read, as a function from an IP packet to a frame. Built by scapy where
scapy has the layer, else from bytes with their meaning beside them. `tests/test_encapsulation.py` uses the table."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III, ERSPAN_PlatformSpecific
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.macsec import MACsec
from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH
from scapy.layers.l2 import GRE, LLC, SNAP, CookedLinux, Dot1AD, Dot1AH, Dot1Q, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw
from support import ethernet

Wrap = Callable[[bytes], bytes]

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
MAC = bytes.fromhex("020000000002 020000000001")
VENDOR_MAC = bytes.fromhex("001b21000002 001b21000001")  # tshark looks at the vendor to tell MPLS pseudowires
SNAPPED = bytes.fromhex("aaaa03 000000")
OUTER, OUTER6 = {"src": "192.0.2.1", "dst": "192.0.2.2"}, {"src": "2001:db8::1", "dst": "2001:db8::2"}


def kind(packet: bytes) -> int:
    """The EtherType of an IP packet."""
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


def typed(packet: bytes) -> bytes:
    """EtherType and packet."""
    return struct.pack(">H", kind(packet)) + packet


def number(packet: bytes) -> int:
    """The IP protocol that stands for an IP packet."""
    return 4 if packet[0] >> 4 == 4 else 41


def ppp_number(packet: bytes) -> int:
    """The PPP protocol that stands for an IP packet."""
    return 0x0021 if packet[0] >> 4 == 4 else 0x0057


def before(head: str) -> Wrap:
    """These bytes, then the packet."""
    return lambda packet: bytes.fromhex(head) + packet


def before_type(head: str, between: str = "") -> Wrap:
    """These bytes, the EtherType, perhaps more bytes, the packet."""
    return lambda packet: bytes.fromhex(head) + struct.pack(">H", kind(packet)) + bytes.fromhex(between) + packet


def before_ethernet(head: str) -> Wrap:
    """These bytes, then the packet in an Ethernet frame."""
    return lambda packet: bytes.fromhex(head) + ethernet(packet)


def layers(build: Callable[[bytes], Packet]) -> Wrap:
    """What scapy makes of these layers; the packet is the last of them."""
    return lambda packet: bytes(build(packet))


def ip4(protocol: int, build: Callable[[bytes], bytes | Packet]) -> Wrap:
    """In an IPv4 packet, in Ethernet."""
    return lambda packet: bytes(Ether(**MACS) / IP(**OUTER, proto=protocol) / Raw(bytes(build(packet))))


def ip6(protocol: int, build: Callable[[bytes], bytes | Packet]) -> Wrap:
    """In an IPv6 packet, in Ethernet."""
    return lambda packet: bytes(Ether(**MACS) / IPv6(**OUTER6, nh=protocol) / Raw(bytes(build(packet))))


def udp(port: int, build: Callable[[bytes], bytes | Packet], source: int = 50000) -> Wrap:
    """In a UDP datagram to this port, in IPv4, in Ethernet."""
    return lambda packet: bytes(
        Ether(**MACS) / IP(**OUTER) / UDP(sport=source, dport=port, chksum=0) / Raw(bytes(build(packet)))
    )


def gre(build: Callable[[bytes], bytes] = typed, **fields: int) -> Wrap:
    """In GRE; `build` gives the protocol type and what follows."""

    def wrap(packet: bytes) -> bytes:
        inner = build(packet)
        return bytes(
            Ether(**MACS) / IP(**OUTER, proto=47) / GRE(proto=inner[0] << 8 | inner[1], **fields) / Raw(inner[2:])
        )

    return wrap


def as_type(ethertype: int, build: Callable[[bytes], bytes | Packet]) -> Callable[[bytes], bytes]:
    """This EtherType, then what `build` gives."""
    return lambda packet: struct.pack(">H", ethertype) + bytes(build(packet))


def in_ethernet(build: Callable[[bytes], bytes]) -> Wrap:
    """Addresses, then what `build` gives, which starts with the EtherType."""
    return lambda packet: MAC + build(packet)


def labels(packet: bytes) -> Packet:
    """Two MPLS labels."""
    return MPLS(label=100, s=0, ttl=64) / MPLS(label=200, s=1, ttl=64) / Raw(packet)


def checked(frame: bytes) -> bytes:
    """With its frame check sequence."""
    return frame + struct.pack("<I", zlib.crc32(frame))


def ieee802_3(body: bytes) -> bytes:
    """Addresses, length, body."""
    return MAC + struct.pack(">H", len(body)) + body


TO_DS, FROM_DS, ORDER = 1, 2, 0x80


def air(flags: int = TO_DS, qos: bool = False, four: bool = False, htc: bool = False) -> Wrap:
    """An 802.11 data frame built by scapy."""

    def wrap(packet: bytes) -> bytes:
        fields = {f"addr{n}": f"02:00:00:00:00:0{n}" for n in range(1, 5 if four else 4)}
        fc = (TO_DS | FROM_DS if four else flags) | (ORDER if htc else 0)
        head = Dot11(type=2, subtype=8 if qos else 0, FCfield=fc, **fields)
        body = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=kind(packet)) / Raw(packet)
        quality = bytes(2) + (bytes.fromhex("01020304") if htc else b"") if qos else b""
        return bytes(head) + quality + bytes(body)

    return wrap


def mesh(addresses: int) -> Wrap:
    """In a mesh: the control field has flags, time to live, sequence number, and up to two more addresses."""

    def wrap(packet: bytes) -> bytes:
        frame = air(qos=True, four=True)(packet)
        control = bytes([addresses]) + bytes.fromhex("1f 01000000") + MAC[: 6 * addresses]
        return frame[:30] + b"\x00\x01" + control + frame[32:]

    return wrap


def a_msdu(*packets: bytes) -> bytes:
    """An 802.11 data frame with several packets, each in a subframe of its own."""
    head = bytes(Dot11(type=2, subtype=8, FCfield=TO_DS, addr1="02:00:00:00:00:01", addr2="02:00:00:00:00:02",
                       addr3="02:00:00:00:00:03") / Dot11QoS(A_MSDU_Present=1))  # fmt: skip
    for index, packet in enumerate(packets):
        body = SNAPPED + typed(packet)
        subframe = MAC + struct.pack(">H", len(body)) + body
        head += subframe + (bytes(-len(subframe) % 4) if index + 1 < len(packets) else b"")
    return head


def radiotap(build: Wrap, fcs: bool = False, padded: bool = False) -> Wrap:
    """With scapy's radiotap header: a time stamp, the flags, a channel."""

    def wrap(packet: bytes) -> bytes:
        flags = "+".join((["FCS"] if fcs else []) + (["pad"] if padded else []))
        frame = build(packet)
        if padded:
            frame = frame[:26] + bytes(2) + frame[26:]
        head = bytes(RadioTap(present="TSFT+Flags+Channel", mac_timestamp=1, Flags=flags, ChannelFrequency=2412))
        return head + frame + (bytes.fromhex("deadbeef") if fcs else b"")

    return wrap


def nflog(order: str) -> Wrap:
    """Attributes as the kernel's nfnetlink_log writes them: packet header, prefix, payload."""

    def attribute(code: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", 4 + len(value), code) + value + bytes(-len(value) % 4)

    def wrap(packet: bytes) -> bytes:
        head = struct.pack(">BBH", 2 if packet[0] >> 4 == 4 else 10, 0, 1)
        return head + attribute(1, bytes.fromhex("08000100")) + attribute(10, b"mqtt\0") + attribute(9, packet)

    return wrap


def twice(outer: Wrap, inner: Wrap) -> Wrap:
    """A tunnel in a tunnel: the inner one's Ethernet header comes off first."""
    return lambda packet: outer(inner(packet)[14:])


def gtp(**fields: int) -> Callable[[bytes], Packet]:
    """GTP-U with these fields."""
    return lambda packet: (
        GTP_U_Header(teid=1, gtp_type=255, length=len(packet) + 4 * any(fields.values()), **fields) / Raw(packet)
    )


def gtp_extended(packet: bytes) -> Packet:
    """GTP-U with a PDU session container, as between the radio and the core of 5G."""
    header = GTP_U_Header(teid=1, gtp_type=255, E=1, next_ex=0x85, length=len(packet) + 8)
    return header / GTPPDUSessionContainer(type=0, QFI=9, ExtHdrLen=1, NextExtHdr=0) / Raw(packet)


VXLAN_4789 = udp(4789, lambda packet: VXLAN(vni=5) / Raw(ethernet(packet)))
ERSPAN_2_IN_GRE = gre(as_type(0x88BE, lambda p: ERSPAN_II(session_id=1) / Raw(ethernet(p))), seqnum_present=1)
IP_IN_IP = ip4(4, lambda packet: packet)

OVER_ETHERNET: dict[str, Wrap] = {
    "802.1Q": layers(lambda p: Ether(**MACS) / Dot1Q(vlan=5, type=kind(p)) / Raw(p)),
    "802.1ad": layers(lambda p: Ether(**MACS) / Dot1AD(vlan=5) / Dot1Q(vlan=6, type=kind(p)) / Raw(p)),
    "802.1ah": layers(lambda p: Ether(**MACS) / Dot1AD(vlan=5) / Dot1AH(isid=7) / Raw(ethernet(p))),
    "802.1CB redundancy tag": in_ethernet(before_type("f1c1 0000 0001")),  # reserved, sequence number
    "802.1BR E-tag": in_ethernet(before_type("893f 0000 0001 0000")),
    "VN-tag": in_ethernet(before_type("8926 00010002")),
    "HSR": in_ethernet(before_type("892f 0034 0001")),  # path and length, sequence number
    "MACsec, integrity only": lambda p: bytes(
        Ether(**MACS) / MACsec(AN=0, SC=1, SCI=b"\0" * 8, PN=1, type=kind(p)) / Raw(p) / Raw(bytes(16))
    ),
    "802.3 LLC SNAP": lambda p: ieee802_3(SNAPPED + typed(p)),
    "802.3 LLC IP": lambda p: ieee802_3(bytes.fromhex("060603") + p),
    "jumbo LLC": in_ethernet(lambda p: bytes.fromhex("8870") + SNAPPED + typed(p)),
    "MPLS": in_ethernet(as_type(0x8847, labels)),
    "MPLS multicast": in_ethernet(as_type(0x8848, labels)),
    "MPLS pseudowire": in_ethernet(as_type(0x8847, lambda p: MPLS(label=16, s=1, ttl=2) / Raw(VENDOR_MAC + typed(p)))),
    "MPLS pseudowire with control word": in_ethernet(
        as_type(0x8847, lambda p: MPLS(label=16, s=1, ttl=2) / Raw(bytes(4) + VENDOR_MAC + typed(p)))
    ),
    "PPPoE": layers(lambda p: Ether(**MACS, type=0x8864) / PPPoE(sessionid=1) / PPP(proto=ppp_number(p)) / Raw(p)),
    "PPPoE in VLAN": layers(
        lambda p: Ether(**MACS) / Dot1Q(vlan=5, type=0x8864) / PPPoE(sessionid=1) / PPP(proto=ppp_number(p)) / Raw(p)
    ),
    "PPPoE, short protocol": in_ethernet(lambda p: struct.pack(">HBBHHB", 0x8864, 17, 0, 1, len(p) + 1, 0x21) + p),
    "NSH": in_ethernet(as_type(0x894F, lambda p: NSH(mdtype=1, nextproto=1, context_header=bytes(16)) / Raw(p))),
    "NSH with Ethernet": in_ethernet(
        as_type(0x894F, lambda p: NSH(mdtype=1, nextproto=3, context_header=bytes(16)) / Raw(ethernet(p)))
    ),
}

OVER_IP: dict[str, Wrap] = {
    "IPIP": IP_IN_IP,
    "IPv4 in IPv6": ip6(4, lambda packet: packet),
    "GRE": gre(),
    "GRE, all fields": gre(chksum_present=1, key_present=1, key=7, seqnum_present=1, sequence_number=9),
    "GRE, source route": gre(routing_present=1, build=lambda p: typed(p)[:2] + bytes(4) + p),
    "GRE over IPv6": ip6(47, lambda p: GRE(proto=kind(p)) / Raw(p)),
    "GRE with Ethernet": gre(as_type(0x6558, ethernet)),
    "NVGRE": gre(as_type(0x6558, ethernet), key_present=1, key=0x123400),
    "GRE with MPLS": gre(as_type(0x8847, labels)),
    "GRE with NSH": gre(as_type(0x894F, lambda p: NSH(mdtype=1, nextproto=1, context_header=bytes(16)) / Raw(p))),
    "GRE with WCCP": gre(as_type(0x883E, lambda p: p)),
    "GRE with WCCP 2": gre(as_type(0x883E, lambda p: bytes.fromhex("00000000") + p)),
    "PPTP": ip4(47, lambda p: struct.pack(">BBHHHIIH", 0x30, 0x81, 0x880B, len(p) + 4, 1, 2, 3, 0xFF03)
                + struct.pack(">H", ppp_number(p)) + p),
    "ERSPAN I": gre(as_type(0x88BE, ethernet)),
    "ERSPAN II": ERSPAN_2_IN_GRE,
    "ERSPAN III": gre(as_type(0x22EB, lambda p: ERSPAN_III(session_id=1) / Raw(ethernet(p))), seqnum_present=1),
    "ERSPAN III, longer": gre(
        as_type(0x22EB, lambda p: ERSPAN_III(session_id=1, o=1) / ERSPAN_PlatformSpecific() / Raw(ethernet(p))),
        seqnum_present=1,
    ),
    "EtherIP": ip4(97, before_ethernet("3000")),
    "MPLS in IP": ip4(137, labels),
    "Ethernet in IPv6": ip6(143, ethernet),
    "AH over IPv4": ip4(51, lambda p: AH(nh=4, payloadlen=4, spi=1, seq=1, icv=b"\0" * 12) / Raw(p)),
}  # fmt: skip

OVER_UDP: dict[str, Wrap] = {
    "VXLAN": VXLAN_4789,
    "VXLAN, Linux' port": udp(8472, lambda packet: VXLAN(vni=5) / Raw(ethernet(packet))),
    "VXLAN-GPE with IP": udp(4790, before("0c000001 00000500")),
    "VXLAN-GPE with Ethernet": udp(4790, before_ethernet("0c000003 00000500")),
    "Geneve": udp(6081, lambda packet: GENEVE(vni=5, proto=0x6558) / Raw(ethernet(packet))),
    "Geneve with options and IP": udp(
        6081, lambda p: struct.pack(">BBHIHBBI", 2, 0, kind(p), 0x500, 0x102, 0x80, 1, 7) + p
    ),
    "GTP-U": udp(2152, gtp()),
    "GTP-U with sequence": udp(2152, gtp(S=1, seq=1), source=2152),
    "GTP-U with extension": udp(2152, gtp_extended, source=2152),
    "L2TP": udp(1701, lambda p: L2TP(hdr="length+sequence", version=2, tunnel_id=1, session_id=2, ns=3, nr=4)
                / Raw(struct.pack(">HH", 0xFF03, ppp_number(p)) + p)),
    "MPLS in UDP": udp(6635, labels),
    "LISP": udp(4341, before("80000001 00000001")),
    "TZSP": udp(37008, before_ethernet("01000001 0a01d8 00 01")),  # version, type, Ethernet; RSSI, padding, end
}  # fmt: skip

NESTED: dict[str, Wrap] = {
    "VXLAN in VXLAN": twice(VXLAN_4789, VXLAN_4789),
    "VXLAN in GRE in VXLAN": twice(VXLAN_4789, twice(gre(), VXLAN_4789)),
    "GTP-U in VXLAN": twice(VXLAN_4789, udp(2152, gtp())),
    "ERSPAN of VXLAN": lambda p: ERSPAN_2_IN_GRE(VXLAN_4789(p)[14:]),
    "IPIP in IPIP in IPIP": twice(IP_IN_IP, twice(IP_IN_IP, IP_IN_IP)),
    "PPPoE in 802.1ad with IPIP": lambda p: bytes(
        Ether(**MACS) / Dot1AD(vlan=5) / Dot1Q(vlan=6, type=0x8864) / PPPoE(sessionid=1) / PPP(proto=0x21)
        / Raw(IP_IN_IP(p)[14:])
    ),
}  # fmt: skip

COOKED = "0000 {} 0006 020000000001 0000"  # packet type, ARPHRD_, address length, address
COOKED_2 = "{} 0000 00000002 {} 00 06 0200000000010000"  # protocol, -, interface, ARPHRD_, packet type, address
PPI_COMMON = "00 00 2000 69000000 0200 1400 0000000000000000 {} 0200 6c09 a000 00 00 c0 a0"
ETHERNET = 1

LINKS: dict[str, tuple[int, Wrap]] = {
    "PPP": (9, layers(lambda p: PPP(proto=ppp_number(p)) / Raw(p))),
    "PPP, address and control": (9, layers(lambda p: HDLC() / PPP(proto=ppp_number(p)) / Raw(p))),
    "PPP multilink": (9, lambda p: bytes.fromhex("ff03 003d c0000001") + struct.pack(">H", ppp_number(p)) + p),
    "PPP with MPLS": (9, lambda p: bytes.fromhex("ff03 0281") + bytes(labels(p))),
    "PPP in HDLC": (50, layers(lambda p: HDLC() / PPP(proto=ppp_number(p)) / Raw(p))),
    "Cisco HDLC on PPP_HDLC": (50, before_type("0f00")),
    "PPPoE as link type": (51, layers(lambda p: PPPoE(sessionid=1) / PPP(proto=ppp_number(p)) / Raw(p))),
    "PPP with direction": (204, lambda p: b"\x01" + bytes(HDLC() / PPP(proto=ppp_number(p)) / Raw(p))),
    "PPP of pppd": (166, lambda p: bytes.fromhex("01 03") + struct.pack(">H", ppp_number(p)) + p),
    "Cisco HDLC": (104, before_type("0f00")),
    "ATM of Solaris": (123, lambda p: bytes.fromhex("82 00 0064") + SNAPPED + typed(p)),
    "ARCNET of Linux": (129, before("01 02 0000 d4 00 0001")),
    "ERF": (197, lambda p: erf(2, bytes(2) + MAC + typed(p))),
    "ERF with extensions": (197, lambda p: erf(0x8B, bytes(2) + MAC + typed(p), "8300000000000001 0400000000000002")),
    "ERF with HDLC": (197, lambda p: erf(1, bytes.fromhex("0f00") + typed(p))),
    "ERF with IP": (197, lambda p: erf(22, p)),
    "ATM RFC 1483": (100, lambda p: SNAPPED + typed(p)),
    "ATM RFC 1483, bridged": (100, lambda p: bytes.fromhex("aaaa03 0080c2 0007 0000") + MAC + typed(p)),
    "frame relay": (107, lambda p: bytes.fromhex("1841 03") + (b"\xcc" if p[0] >> 4 == 4 else b"\x8e") + p),
    "frame relay, SNAP": (107, lambda p: bytes.fromhex("1841 03 00 80 000000") + typed(p)),
    "frame relay, Cisco": (107, before_type("1841")),
    "802.11": (105, air()),
    "802.11 from the access point": (105, air(FROM_DS)),
    "802.11 QoS": (105, air(qos=True)),
    "802.11 four addresses": (105, air(four=True)),
    "802.11 QoS, four addresses": (105, air(qos=True, four=True)),
    "802.11 QoS, HT control": (105, air(qos=True, htc=True)),
    "802.11 mesh": (105, mesh(0)),
    "802.11 mesh, more addresses": (105, mesh(2)),
    "802.11 A-MSDU": (105, a_msdu),
    "Prism": (119, lambda p: struct.pack("<II", 0x44, 144) + bytes(136) + air()(p)),
    "Prism, AVS inside": (119, lambda p: struct.pack(">II", 0x80211001, 64) + bytes(56) + air()(p)),
    "AVS": (163, lambda p: struct.pack(">II", 0x80211001, 64) + bytes(56) + air()(p)),
    "radiotap": (127, radiotap(air())),
    "radiotap, FCS": (127, radiotap(air(qos=True), fcs=True)),
    "radiotap, padded": (127, radiotap(air(qos=True), padded=True)),
    "PPI": (192, lambda p: bytes.fromhex(PPI_COMMON.format("0000")) + air()(p)),
    "PPI, FCS": (192, lambda p: bytes.fromhex(PPI_COMMON.format("0100")) + air()(p) + bytes(4)),
    "PPI with Ethernet": (192, before_ethernet("00 00 0800 01000000")),
    "Linux cooked": (113, layers(lambda p: CookedLinux(proto=kind(p)) / Raw(p))),
    "Linux cooked, PPP": (113, before_type(COOKED.format("0200"))),
    "Linux cooked, loopback": (113, before_type(COOKED.format("0304"))),
    "Linux cooked, tun": (113, before_type(COOKED.format("fffe"))),
    "Linux cooked, GRE": (113, before_type(COOKED.format("030a"))),
    "Linux cooked, LLC": (113, lambda p: bytes.fromhex(COOKED.format("0001") + "0004") + SNAPPED + typed(p)),
    "Linux cooked, PPPoE": (
        113,
        lambda p: bytes.fromhex(COOKED.format("0001") + "8864") + bytes(PPPoE() / PPP(proto=ppp_number(p)) / Raw(p)),
    ),
    "Linux cooked, MPLS": (113, lambda p: bytes.fromhex(COOKED.format("0001") + "8847") + bytes(labels(p))),
    "Linux cooked, radiotap": (113, lambda p: bytes.fromhex(COOKED.format("0323") + "0004") + radiotap(air())(p)),
    "Linux cooked 2, PPPoE": (
        276,
        lambda p: bytes.fromhex(COOKED_2.format("8864", "0001")) + bytes(PPPoE() / PPP(proto=ppp_number(p)) / Raw(p)),
    ),
    "Linux cooked 2, tun": (276, lambda p: bytes.fromhex(COOKED_2.format(f"{kind(p):04x}", "fffe")) + p),
    "Linux cooked 2, VLAN": (276, before_type(COOKED_2.format("8100", "0001") + "0064")),
    "Linux cooked 2, LLC": (276, lambda p: bytes.fromhex(COOKED_2.format("0004", "0001")) + SNAPPED + typed(p)),
    "nflog": (239, nflog("<")),
    "nflog, big-endian": (239, nflog(">")),
    "OpenBSD pflog": (117, before("3d 02 00 00" + "656d30" + "00" * 57)),  # length 61, AF_INET, pass, match; interface
    "BSD enc": (109, before("02000000 00000001 00000000")),  # AF_INET, SPI, flags
    "Solaris ipnet": (  # version, AF_INET, kind, length, interfaces, zones
        226,
        lambda p: struct.pack(">BBHIIIII", 1, 2, 0, len(p), 1, 2, 0, 0) + p,
    ),
    "MPLS as link type": (219, layers(labels)),
    "PKTAP": (258, before_ethernet("6c000000 01000000 01000000" + "656e30" + "00" * 93)),
    "PKTAP, raw IP": (258, before("6c000000 01000000 0c000000" + "75746e30" + "00" * 92)),
    "IP over InfiniBand": (242, before_type("00" * 40, "0000")),
    "IP over FireWire": (138, before_type("00" * 16)),
    "IP over Fibre Channel": (122, lambda p: bytes(16) + SNAPPED + typed(p)),
    "netANALYZER": (240, before_ethernet("00000000")),
    "netANALYZER, transparent": (241, before_ethernet("00000000 55555555555555d5")),
    "Broadcom switch tag": (281, lambda p: MAC + bytes.fromhex("00000001") + typed(p)),
    "Broadcom switch tag, prepended": (282, before_ethernet("00000001")),
    "Marvell switch tag": (284, lambda p: MAC + bytes.fromhex("00080001") + typed(p)),
    "Marvell switch tag, EtherType": (285, lambda p: MAC + bytes.fromhex("dada 0000 00080001") + typed(p)),
    "802.5": (6, lambda p: bytes.fromhex("1040") + MAC + SNAPPED + typed(p)),
    "ARCNET": (7, before("01 02 d4 00 0001")),
    "FDDI": (10, lambda p: b"\x50" + MAC + SNAPPED + typed(p)),
    "SLIP": (8, before("00" * 16)),
    "Ethernet with preamble": (274, lambda p: bytes.fromhex("55555555555555d5") + checked(MAC + typed(p))),
}

WPAN = bytes.fromhex("41 88 01 cdab 0200 0100")  # data, sequence number, PAN, destination, source


def compressed(packet: bytes) -> bytes:
    """6LoWPAN: traffic class, flow label and length left out, the rest in full (RFC 6282, section 3.1)."""
    return WPAN + bytes.fromhex("78 00") + packet[6:]


def with_crc16(frame: bytes) -> bytes:
    """With the frame check sequence of IEEE 802.15.4, section 7.2.11."""
    value = 0
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return frame + struct.pack("<H", value)


OVER_IPV6_ONLY: dict[str, Wrap] = {  # these carry IPv6
    "6in4": ip4(41, lambda packet: packet),
    "IPv6 in IPv6": ip6(41, lambda packet: packet),
    "Teredo": udp(3544, lambda packet: packet),
    "Teredo, origin": udp(3544, before("0000 1234 c0000201")),
    "Teredo, authentication and origin": udp(
        3544, before("0001 02 03 aabb 010203 0000000000000001 00 0000 1234 c0000201"), source=3544
    ),
    "GRE with IPv6": gre(),
    "PPP with IPv6": layers(lambda p: Ether(**MACS, type=0x8864) / PPPoE(sessionid=1) / PPP(proto=0x57) / Raw(p)),
    "VXLAN with IPv6": VXLAN_4789,
    "GTP-U with IPv6": udp(2152, gtp()),
}


def erf(kind: int, data: bytes, extensions: str = "") -> bytes:
    """A record of Endace's cards."""
    more = bytes.fromhex(extensions)
    return bytes(8) + struct.pack(">BBHHH", kind, 4, 16 + len(more) + len(data), 0, len(data)) + more + data


CASES: dict[str, tuple[int, Wrap]] = {
    **{name: (ETHERNET, wrap) for part in (OVER_ETHERNET, OVER_IP, OVER_UDP, NESTED) for name, wrap in part.items()},
    **LINKS,
}
CASES6: dict[str, tuple[int, Wrap]] = {
    **{name: (ETHERNET, wrap) for name, wrap in OVER_IPV6_ONLY.items()},
    "6LoWPAN": (230, lambda packet: WPAN + b"\x41" + packet),
    "6LoWPAN, compressed": (230, compressed),
    "6LoWPAN, compressed, FCS": (195, lambda packet: with_crc16(compressed(packet))),
}
