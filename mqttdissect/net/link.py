"""Link headers: where in a frame its IP header starts.

Sources: the LINKTYPE_ registry of tcpdump.org; IEEE 802.1Q for VLAN tags. One row a link type in `network_offset`.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be, u32be, u32le

NULL: Final = 0
ETHERNET: Final = 1
RAW: Final = 101
LOOP: Final = 108
LINUX_SLL: Final = 113
IPV4: Final = 228
IPV6: Final = 229
LINUX_SLL2: Final = 276
RAW_BSD: Final = 12  # DLT_RAW as BSDs number it; seen in files of tools that skip the mapping
RAW_OPENBSD: Final = 14
ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_IPV6: Final = 0x86DD
VLAN_TAGS: Final = frozenset([0x8100, 0x88A8, 0x9100, 0x9200])
FAMILIES: Final = frozenset([2, 10, 24, 28, 30])  # AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD, Darwin

NOT_IP: Final = -1
UNKNOWN_LINK: Final = -2
CUT_SHORT: Final = -3


def network_offset(link_type: i64, data: bytes) -> i64:
    """Offset of the IP header in the frame `data`; `NOT_IP`, `UNKNOWN_LINK` if the link type is not known, `CUT_SHORT`
    if the frame ends inside its link header."""
    if link_type == ETHERNET:
        return behind_ethertype(data, 12)
    if link_type == LINUX_SLL:
        return behind_ethertype(data, 14)
    if link_type == LINUX_SLL2:
        if len(data) < 20:
            return CUT_SHORT
        return ip_or_not(data, 20, u16be(data, 0)) if u16be(data, 0) not in VLAN_TAGS else behind_ethertype(data, 22)
    if link_type in (RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6):
        return 0
    if link_type in (NULL, LOOP):
        if len(data) < 4:
            return CUT_SHORT
        known = u32be(data, 0) in FAMILIES or (link_type == NULL and u32le(data, 0) in FAMILIES)
        return 4 if known else NOT_IP
    return UNKNOWN_LINK


def behind_ethertype(data: bytes, at: i64) -> i64:
    """The offset of the IP header whose EtherType, or that of the VLAN tags before it, is at `at`."""
    size: i64 = len(data)
    while at + 2 <= size:
        ethertype = u16be(data, at)
        if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return at + 2
        if ethertype not in VLAN_TAGS:
            return NOT_IP
        at += 4
    return CUT_SHORT


def ip_or_not(data: bytes, at: i64, ethertype: i64) -> i64:
    """`at` if the EtherType says IP."""
    return at if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6) else NOT_IP
