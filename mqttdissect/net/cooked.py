"""Link headers that an operating system makes up: Linux cooked, BSD loopback, logs of packet filters, Apple's PKTAP.

Sources: the LINKTYPE_ registry of tcpdump.org and the pages that it links to; Linux' if_arp.h and if_ether.h.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be, u16le, u32be, u32le
from mqttdissect.net.ethernet import ETHERNET
from mqttdissect.net.place import CUT_SHORT, ETHERTYPES, LLC, NETWORK, NOT_IP, PPP_FRAME, Place

NULL: Final = 0
FAMILIES: Final = frozenset([2, 10, 24, 28, 30])  # AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
HARDWARE: Final[dict[int, int]] = {801: 105, 802: 119, 803: 127, 824: NOT_IP}
"""ARPHRD_ value: what it is whatever the protocol: 802.11, with Prism header, with radiotap; netlink."""
COOKED_PROTOCOLS: Final[dict[int, int]] = {1: NOT_IP, 3: ETHERNET, 4: LLC, 7: PPP_FRAME}
"""Protocols that are no EtherTypes: Novell's 802.3, Ethernet, 802.2 LLC, PPP over HDLC."""
NFLOG_PAYLOAD: Final = 9


def linux_cooked(place: Place) -> None:
    """LINKTYPE_LINUX_SLL: packet type, ARPHRD_ value, address and its length, protocol."""
    if not place.short(16):
        data, at = place.data, place.at
        cooked(place, u16be(data, at + 2), u16be(data, at + 14), 16)


def linux_cooked_2(place: Place) -> None:
    """LINKTYPE_LINUX_SLL2: protocol, interface index, ARPHRD_ value, packet type, address."""
    if not place.short(20):
        data, at = place.data, place.at
        cooked(place, u16be(data, at + 8), u16be(data, at), 20)


def cooked(place: Place, hardware: i64, protocol: i64, length: i64) -> None:
    layer: i64 = COOKED_PROTOCOLS.get(protocol, ETHERTYPES + protocol)
    place.go(HARDWARE.get(hardware, layer), length)


def bsd_null(place: Place) -> None:
    """LINKTYPE_NULL: an address family in the byte order of the host."""
    if place.short(4):
        return
    data, at = place.data, place.at
    known = u32be(data, at) in FAMILIES or u32le(data, at) in FAMILIES
    place.go(NETWORK if known else NOT_IP, 4)


def bsd_loop(place: Place) -> None:
    """LINKTYPE_LOOP: the same in network order."""
    if not place.short(4):
        place.go(NETWORK if u32be(place.data, place.at) in FAMILIES else NOT_IP, 4)


def ipsec_trace(place: Place) -> None:
    """LINKTYPE_ENC of the BSDs: address family, SPI, flags; then the packet as it is inside IPsec."""
    place.network(12)


def packet_filter_log(place: Place) -> None:
    """LINKTYPE_PFLOG: a header that says how long it is, but for the padding to 4 bytes."""
    if not place.short(1):
        place.network((i64(place.data[place.at]) + 3) // 4 * 4)


def netfilter_log(place: Place) -> None:
    """LINKTYPE_NFLOG: a header of 4 bytes, then attributes of which one is the packet. Their lengths and types are in
    the byte order of the host: types are small."""
    if place.short(4):
        return
    data, at = place.data, place.at + 4
    while at + 4 <= place.size:
        little = data[at + 3] & 0x7F == 0
        length = u16le(data, at) if little else u16be(data, at)
        kind = (u16le(data, at + 2) if little else u16be(data, at + 2)) & 0x7FFF
        if length < 4:
            break
        if kind == NFLOG_PAYLOAD:
            place.ends(at + length)
            place.network(at + 4 - place.at)
            return
        at += (length + 3) // 4 * 4
    place.layer = NOT_IP if at == place.size else CUT_SHORT


def pktap(place: Place) -> None:
    """LINKTYPE_PKTAP: length of the header, kind of record, link type of what follows; all little-endian."""
    if place.short(12):
        return
    data, at = place.data, place.at
    length = u32le(data, at)
    link_type = u32le(data, at + 8)
    if length < 12 or link_type > 0xFFFF or place.short(length):
        place.layer = CUT_SHORT
        return
    place.go(link_type, length)


def solaris_ipnet(place: Place) -> None:
    """LINKTYPE_IPNET."""
    place.network(24)


def ip_over_infiniband(place: Place) -> None:
    """LINKTYPE_IPOIB: 20 bytes of the global route header, destination, EtherType, 2 bytes without meaning."""
    place.ethertype(40, 44)


def ip_over_firewire(place: Place) -> None:
    """LINKTYPE_APPLE_IP_OVER_IEEE1394: destination and source of 8 bytes, EtherType."""
    place.ethertype(16, 18)


def ip_over_fibre_channel(place: Place) -> None:
    """LINKTYPE_IP_OVER_FC: destination and source of 8 bytes, LLC."""
    place.go(LLC, 16)


def switch_tag(place: Place) -> None:
    """LINKTYPE_DSA_TAG_BRCM, _DSA: 4 bytes of a switch between addresses and EtherType."""
    place.ethertype(16, 18)


def long_switch_tag(place: Place) -> None:
    """LINKTYPE_DSA_TAG_EDSA: 8 bytes."""
    place.ethertype(20, 22)


def ethernet_4_bytes_in(place: Place) -> None:
    """LINKTYPE_DSA_TAG_BRCM_PREPEND, LINKTYPE_NETANALYZER."""
    place.go(ETHERNET, 4)


def ethernet_12_bytes_in(place: Place) -> None:
    """LINKTYPE_NETANALYZER_TRANSPARENT: 4 bytes, preamble, start of the frame."""
    place.go(ETHERNET, 12)
