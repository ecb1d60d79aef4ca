"""PPP and Cisco HDLC: link types of their own, and what PPPoE, L2TP and PPTP carry.

Sources: RFC 1661 and 1662 (PPP), 1990 (multilink), 3241 and 5072 for protocol numbers; the LINKTYPE_ registry.
"""

from typing import Final

from mqttdissect.capture.octets import u16be
from mqttdissect.net.ethernet import ppp_protocol
from mqttdissect.net.place import ETHERTYPES, IN_PARTS, PPP_FRAME, Place

CISCO_UNICAST: Final = 0x0F
CISCO_MULTICAST: Final = 0x8F
WHOLE: Final = 0xC0  # both begin and end of a multilink fragment


def ppp(place: Place) -> None:
    """Address and control (RFC 1662, section 3.1), which may be left out, then the protocol."""
    if place.short(2):
        return
    if u16be(place.data, place.at) == 0xFF03:
        place.at += 2
    ppp_protocol(place)


def ppp_or_cisco(place: Place) -> None:
    """LINKTYPE_PPP_HDLC: PPP as RFC 1662 has it, or Cisco's HDLC; the first byte tells."""
    if place.short(2):
        return
    if place.data[place.at] in (CISCO_UNICAST, CISCO_MULTICAST):
        cisco_hdlc(place)
    else:
        ppp(place)


def cisco_hdlc(place: Place) -> None:
    """Address, control, EtherType."""
    if place.short(4):
        return
    place.go(ETHERTYPES + u16be(place.data, place.at + 2), 4)


def after_direction(place: Place) -> None:
    """A byte for the direction, then PPP."""
    place.go(PPP_FRAME, 1)


def of_pppd(place: Place) -> None:
    """LINKTYPE_PPP_PPPD: the direction stands where the address would; then control, protocol."""
    if place.short(2):
        return
    place.at += 2 if place.data[place.at + 1] == 3 else 1
    ppp_protocol(place)


def multilink(place: Place) -> None:
    """RFC 1990, section 3, with long sequence numbers: a packet that was not cut."""
    if place.short(5):
        return
    if place.data[place.at] & WHOLE != WHOLE:
        place.layer = IN_PARTS
        return
    place.at += 4
    ppp_protocol(place)
