"""The link headers that most captures have: where in a frame its IP header starts. `layers` knows all the others.

Sources: the LINKTYPE_ registry of tcpdump.org; IEEE 802.1Q for VLAN tags. One row a link type in `network_offset`.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be

ETHERNET: Final = 1
RAW: Final = 101
LINUX_SLL: Final = 113
LINUX_SLL2: Final = 276
ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_IPV6: Final = 0x86DD
VLAN_TAGS: Final = frozenset([0x8100, 0x88A8, 0x9100, 0x9200])
OTHER: Final = -1


def network_offset(link_type: i64, data: bytes) -> i64:
    """Offset of the IP header in the frame `data`; `OTHER` if that needs a closer look."""
    if link_type == ETHERNET:
        return behind_ethertype(data, 12)
    if link_type == LINUX_SLL:
        return behind_ethertype(data, 14)
    if link_type == LINUX_SLL2:
        if len(data) > 20 and u16be(data, 0) in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return 20
        return OTHER
    return 0 if link_type == RAW else OTHER


def behind_ethertype(data: bytes, at: i64) -> i64:
    """The offset of the IP header whose EtherType, or that of the VLAN tags before it, is at `at`."""
    size: i64 = len(data)
    while at + 2 <= size:
        ethertype = u16be(data, at)
        if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return at + 2
        if ethertype not in VLAN_TAGS:
            return OTHER
        at += 4
    return OTHER
