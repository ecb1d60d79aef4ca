"""What stands behind an EtherType: VLAN and other tags, MPLS, PPPoE, LLC and SNAP.

Sources: IEEE 802.3, 802.1Q (tags, provider backbone bridges), 802.1CB (redundancy tag), 802.1BR (E-tag), 802.1AE
(MACsec), IEC 62439-3 (HSR); RFC 1042 (SNAP), 2516 (PPPoE), 2684 (bridged over ATM), 3032 and 4385 (MPLS), 8300 (NSH).
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be
from mqttdissect.net.place import (
    CUT_SHORT,
    ENCRYPTED,
    ETHERTYPES,
    LLC,
    NETWORK,
    NLPID,
    NOT_IP,
    PPP_PROTOCOLS,
    Place,
)

ETHERNET: Final = 1
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
PPPOE_SESSION: Final = 0x8864
NSH_NEXT: Final[dict[int, int]] = {
    1: ETHERTYPES + IPV4,
    2: ETHERTYPES + IPV6,
    3: ETHERNET,
    4: ETHERTYPES + 0x894F,
    5: ETHERTYPES + 0x8847,
}
"""Next protocol of NSH (RFC 8300, section 2.2) and of VXLAN-GPE."""
KNOWN_ETHERTYPES: Final = frozenset([IPV4, IPV6, 0x0806, 0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8863, 0x8864])
LOGICAL_LINKS: Final = b"\xaa\xaa\x03"  # SNAP
LLC_IP: Final = b"\x06\x06\x03"
LLC_ISO: Final = b"\xfe\xfe\x03"
ZERO_OUIS: Final = frozenset([b"\x00\x00\x00", b"\x00\x00\xf8"])  # EtherType follows: RFC 1042, 802.1H
BRIDGED_OUI: Final = b"\x00\x80\xc2"
BRIDGED_ETHERNET: Final = frozenset([1, 7])  # with and without FCS


def ethernet(place: Place) -> None:
    """Destination, source, EtherType."""
    place.ethertype(12, 14)


def ip(place: Place) -> None:
    """An IP header, whatever version the layer before it had announced."""
    place.layer = NETWORK


def vlan(place: Place) -> None:
    """Tags of IEEE 802.1Q, 802.1CB, 802.1Q's service tags: 2 bytes, and the EtherType of what follows."""
    place.ethertype(2, 4)


def four_bytes_more(place: Place) -> None:
    """VN-tag, HSR and redundancy tags: 4 bytes, then an EtherType."""
    place.ethertype(4, 6)


def e_tag(place: Place) -> None:
    """IEEE 802.1BR: 6 bytes, then an EtherType."""
    place.ethertype(6, 8)


def backbone(place: Place) -> None:
    """IEEE 802.1ah, a service tag of 4 bytes before a whole Ethernet frame."""
    place.go(ETHERNET, 4)


def jumbo_llc(place: Place) -> None:
    """EtherType 0x8870 stands for a length that 802.3 cannot say."""
    place.layer = LLC


def macsec(place: Place) -> None:
    """IEEE 802.1AE, section 9: with only integrity protected, the EtherType follows in the clear."""
    if place.short(6):
        return
    control: i64 = place.data[place.at]
    if control & 0x0C:  # encrypted, or changed
        place.layer = ENCRYPTED
        return
    length: i64 = 14 if control & 0x20 else 6
    place.ends(place.limit - 16)  # the integrity check value
    place.ethertype(length, length + 2)


def mpls(place: Place) -> None:
    """RFC 3032: labels of 4 bytes up to the one that says to be the last. What follows is not told."""
    data = place.data
    at = place.at
    size = place.size
    while at + 4 <= size:
        at += 4
        if data[at - 2] & 1:
            break
    else:
        place.layer = CUT_SHORT
        return
    if at >= size:
        place.layer = CUT_SHORT
        return
    place.at = at
    first: i64 = data[at]
    if 0x45 <= first <= 0x4F or first >> 4 == 6:
        place.layer = NETWORK
    elif first >> 4 == 1:  # an associated channel, RFC 5586
        place.layer = NOT_IP
    elif first >> 4 == 0 and frames_at(data, at + 4, size):
        place.go(ETHERNET, 4)  # a control word, RFC 4385
    elif frames_at(data, at, size):
        place.layer = ETHERNET
    else:
        place.layer = NOT_IP


def frames_at(data: bytes, at: i64, size: i64) -> bool:
    """Does an Ethernet frame seem to start here?"""
    return at + 14 <= size and u16be(data, at + 12) in KNOWN_ETHERTYPES


def pppoe(place: Place) -> None:
    """RFC 2516, section 4: a session's header, then a PPP protocol number."""
    if place.short(6):
        return
    data, at = place.data, place.at
    if data[at] != 0x11:
        place.layer = CUT_SHORT
        return
    if data[at + 1]:  # discovery
        place.layer = NOT_IP
        return
    length = u16be(data, at + 4)
    place.at += 6
    if length:
        place.ends(place.at + length)
    ppp_protocol(place)


def ppp_protocol(place: Place) -> None:
    """RFC 1661, section 2: a protocol number of two bytes, or of one if that is odd."""
    if place.short(2):
        return
    first: i64 = place.data[place.at]
    if first & 1:
        place.go(PPP_PROTOCOLS + first, 1)
    else:
        place.go(PPP_PROTOCOLS + u16be(place.data, place.at), 2)


def nsh(place: Place) -> None:
    """RFC 8300, section 2: length in words, next protocol."""
    if place.short(8):
        return
    length = (i64(place.data[place.at + 1]) & 0x3F) * 4
    if length < 8:
        place.layer = CUT_SHORT
        return
    place.go(NSH_NEXT.get(place.data[place.at + 3], NOT_IP), length)


def llc(place: Place) -> None:
    """IEEE 802.2: SNAP, or IP by its own service access point, or ISO's."""
    if place.short(3):
        return
    data, at = place.data, place.at
    head = data[at : at + 3]
    if head == LLC_IP:
        place.network(3)
    elif head == LLC_ISO:
        place.go(NLPID, 3)
    elif head == LOGICAL_LINKS:
        snap(place, 3)
    else:
        place.layer = NOT_IP


def snap(place: Place, before: i64) -> None:
    """`before` bytes from here: an organization's code of 3 bytes, and what that organization numbers with 2."""
    if place.short(before + 5):
        return
    data, at = place.data, place.at + before
    oui = data[at : at + 3]
    kind = u16be(data, at + 3)
    if oui in ZERO_OUIS:
        place.go(ETHERTYPES + kind, before + 5)
    elif oui == BRIDGED_OUI and kind in BRIDGED_ETHERNET:
        place.at = at + 5
        padded = (
            place.at + 16 <= place.size and u16be(data, place.at) == 0 and frames_at(data, place.at + 2, place.size)
        )
        place.go(ETHERNET, 2 if padded else 0)  # padded on ATM, not on frame relay
    else:
        place.layer = NOT_IP


def nlpid(place: Place) -> None:
    """ISO/IEC TR 9577: one byte for the protocol, as on frame relay (RFC 2427)."""
    if place.short(1):
        return
    kind = place.data[place.at]
    if kind in (0xCC, 0x8E):
        place.network(1)
    elif kind == 0x80:
        snap(place, 1)
    elif kind == 0xCF:
        place.at += 1
        ppp_protocol(place)
    else:
        place.layer = NOT_IP


def frame_relay(place: Place) -> None:
    """Q.922: an address of 2 to 4 bytes, the last of them odd; control 3; perhaps padding (RFC 2427, section 3).
    Cisco's own form has an EtherType behind the address."""
    data = place.data
    at = place.at
    while at < place.size and data[at] & 1 == 0:
        at += 1
    length = at + 1 - place.at
    if place.short(length + 2):
        return
    if length > 4:
        place.layer = CUT_SHORT
    elif data[at + 1] != 3:
        place.ethertype(length, length + 2)
    else:
        place.go(NLPID, length + 2 if data[at + 2] == 0 else length + 1)
