"""Tunnels over IP and over UDP: GRE with what it carries, VXLAN, Geneve, GTP-U, L2TP, Teredo and others.

Sources: RFC 2784, 2890, 2637, 1701 (GRE), 7348 (VXLAN), 8926 (Geneve), 2661 (L2TP), 4380 (Teredo), 7510 (MPLS in UDP),
9300 (LISP), 3378 (EtherIP); draft-foschiano-erspan, draft-ietf-nvo3-vxlan-gpe, draft-wilson-wrec-wccp-v2;
3GPP TS 29.281 (GTP-U). Nothing but the header says where one ends, so each is bounded by what it rides in.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be
from mqttdissect.net.ethernet import ETHERNET, IPV4, NSH_NEXT
from mqttdissect.net.place import CUT_SHORT, ETHERTYPES, NOT_IP, PPP_FRAME, UDP_PORTS, Place

MPLS: Final = 0x8847
BRIDGED: Final = 0x6558  # transparent Ethernet bridging
ERSPAN_2: Final = 0x88BE  # and ERSPAN I
ERSPAN_3: Final = 0x22EB
PPP_IN_GRE: Final = 0x880B
WCCP: Final = 0x883E
CHECKSUM: Final = 0x8000
ROUTED: Final = 0x4000
KEYED: Final = 0x2000
SEQUENCED: Final = 0x1000
ACKNOWLEDGED: Final = 0x0080
G_PDU: Final = 0xFF  # the message of GTP-U that carries a packet
TZSP_ETHERNET: Final = 1
TZSP_WIRELESS: Final = 0x12

TO_PORTS: Final = frozenset([4789, 8472, 4790, 6081, 6635, 4341, 37008])
"""UDP ports that a tunnel's packets go to; they come from any."""
BOTH_PORTS: Final = frozenset([2152, 1701, 3544])
"""UDP ports that a tunnel's packets go to or come from."""


def tunnel_port(data: bytes, at: i64) -> i64:
    """Which of the two ports at `at` is that of a tunnel; 0 if none is."""
    port = u16be(data, at + 2)
    if port in TO_PORTS or port in BOTH_PORTS:
        return port
    port = u16be(data, at)
    return port if port in BOTH_PORTS else 0


def udp(place: Place) -> None:
    """Ports, length, checksum."""
    if place.at + 8 > place.size:
        place.layer = NOT_IP
        return
    port = tunnel_port(place.data, place.at)
    if not port:
        place.layer = NOT_IP
        return
    length = u16be(place.data, place.at + 4)
    if length >= 8:
        place.ends(place.at + length)
    place.go(UDP_PORTS + port, 8)


def ether_ip(place: Place) -> None:
    """RFC 3378: 2 bytes, then an Ethernet frame."""
    place.go(ETHERNET, 2)


def gre(place: Place) -> None:
    """RFC 2784 with the optional fields of RFC 2890 and 1701; version 1 is PPTP's (RFC 2637)."""
    if place.short(4):
        return
    data, at = place.data, place.at
    flags = u16be(data, at)
    kind = u16be(data, at + 2)
    version = flags & 7
    length: i64 = 4
    if flags & (CHECKSUM | ROUTED):
        length += 4
    if flags & KEYED:
        length += 4
    if flags & SEQUENCED:
        length += 4
    if version == 1 and flags & ACKNOWLEDGED:
        length += 4
    if flags & ROUTED and version == 0:
        length = behind_routes(data, at, length, place.size)
    if version > 1 or place.short(length):
        place.layer = CUT_SHORT
        return
    place.at += length
    if place.at >= place.size:  # a keepalive's answer, or PPTP's acknowledgement
        place.layer = NOT_IP
    elif kind == ERSPAN_2:
        erspan(place, flags & SEQUENCED != 0)
    elif kind == ERSPAN_3:
        erspan(place, True)
    elif kind == BRIDGED:
        place.layer = ETHERNET
    elif kind == PPP_IN_GRE:
        place.layer = PPP_FRAME
    elif kind == WCCP:
        place.network(0 if data[place.at] >> 4 == 4 else 4)
    else:
        place.layer = ETHERTYPES + kind


def behind_routes(data: bytes, at: i64, length: i64, size: i64) -> i64:
    """RFC 1701: source route entries, the last of them empty."""
    while at + length + 4 <= size:
        entry: i64 = data[at + length + 3]
        last = entry == 0 and u16be(data, at + length) == 0
        length += 4 + entry
        if last:
            break
    return length


def erspan(place: Place, header: bool) -> None:
    """Type I has no header, II one of 8 bytes, III one of 12 or 20 (and may carry bare IP)."""
    if not header:
        place.layer = ETHERNET
        return
    if place.short(8):
        return
    data, at = place.data, place.at
    version = data[at] >> 4
    if version == 1:
        place.go(ETHERNET, 8)
    elif version == 2:
        if place.short(12):
            return
        length: i64 = 20 if data[at + 11] & 1 else 12
        place.go(ETHERTYPES + IPV4 if data[at + 10] >> 2 & 0x1F == 2 else ETHERNET, length)
    else:
        place.layer = NOT_IP


def vxlan(place: Place) -> None:
    """RFC 7348: a flag that the network identifier is valid, the identifier, an Ethernet frame."""
    if place.short(8):
        return
    if place.data[place.at] & 0x08:
        place.go(ETHERNET, 8)
    else:
        place.layer = NOT_IP


def vxlan_gpe(place: Place) -> None:
    """The same with a next protocol."""
    if place.short(8):
        return
    data, at = place.data, place.at
    place.go(NSH_NEXT.get(data[at + 3], NOT_IP) if data[at] & 0x04 else ETHERNET, 8)


def geneve(place: Place) -> None:
    """RFC 8926: length of the options in words, EtherType of what follows."""
    if place.short(8):
        return
    data, at = place.data, place.at
    first: i64 = data[at]
    if first & 0xC0:
        place.layer = NOT_IP
        return
    kind = u16be(data, at + 2)
    place.go(ETHERNET if kind == BRIDGED else ETHERTYPES + kind, 8 + (first & 0x3F) * 4)


def gtp(place: Place) -> None:
    """TS 29.281, section 5: version 1 with optional fields and a chain of extension headers; GTP' is not GTP-U."""
    if place.short(8):
        return
    data, at = place.data, place.at
    flags: i64 = data[at]
    if flags >> 4 != 3 or data[at + 1] != G_PDU:
        place.layer = NOT_IP
        return
    place.ends(at + 8 + u16be(data, at + 2))
    length: i64 = 8
    if flags & 7:
        length = 12
        if place.short(12):
            return
        following: i64 = data[at + 11] if flags & 4 else 0
        while following:
            if place.short(length + 4):
                return
            words: i64 = data[at + length]
            if words == 0:
                place.layer = CUT_SHORT
                return
            length += words * 4
            if place.short(length):
                return
            following = data[at + length - 1]
    place.network(length)


def l2tp(place: Place) -> None:
    """RFC 2661, section 3.1: a data message of version 2."""
    if place.short(6):
        return
    data, at = place.data, place.at
    flags = u16be(data, at)
    if flags & 0x8000 or flags & 0x0F != 2:
        place.layer = NOT_IP
        return
    length: i64 = 6
    if flags & 0x4000:
        place.ends(at + u16be(data, at + 2))
        length += 2
    if flags & 0x0800:
        length += 4
    if flags & 0x0200:
        if place.short(length + 2):
            return
        length += 2 + u16be(data, at + length)
    if place.at + length == place.size:  # an empty message
        place.layer = NOT_IP
    else:
        place.go(PPP_FRAME, length)


def teredo(place: Place) -> None:
    """RFC 4380, section 5.1.1: authentication and origin may stand before the IPv6 header."""
    data = place.data
    if place.short(4):
        return
    if u16be(data, place.at) == 1:
        place.at += 13 + i64(data[place.at + 2]) + i64(data[place.at + 3])
        if place.short(2):
            return
    if place.size >= place.at + 2 and u16be(data, place.at) == 0:
        place.at += 8
    place.network(0)


def mpls_in_udp(place: Place) -> None:
    """RFC 7510: a label stack at once."""
    place.layer = ETHERTYPES + MPLS


def lisp(place: Place) -> None:
    """RFC 9300, section 5.3: 8 bytes, then IP."""
    place.network(8)


def tzsp(place: Place) -> None:
    """TaZmen Sniffer Protocol, as MikroTik's routers mirror traffic: fields up to one that says to be the last."""
    if place.short(5):
        return
    data, at = place.data, place.at
    kind = u16be(data, at + 2)
    if data[at] != 1 or kind not in (TZSP_ETHERNET, TZSP_WIRELESS):
        place.layer = NOT_IP
        return
    at += 4
    while at < place.size and data[at] != 1:
        if data[at] == 0:
            at += 1
        elif at + 1 < place.size:
            at += 2 + i64(data[at + 1])
        else:
            break
    place.go(ETHERNET if kind == TZSP_ETHERNET else 105, at + 1 - place.at)
