"""Headers that capture cards and their drivers put before a frame: Endace's ERF, ATM of Solaris, ARCNET of Linux.

Sources: Endace's "Extensible Record Format"; LINKTYPE_SUNATM and LINKTYPE_ARCNET_LINUX of tcpdump.org; RFC 1201 for
what is in ARCNET.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be
from mqttdissect.net.ethernet import ETHERNET
from mqttdissect.net.link import RAW
from mqttdissect.net.place import CUT_SHORT, LLC, NOT_IP, Place

ERF_HEADER: Final = 16
ERF_MORE: Final = 0x80  # in a type: an extension header of 8 bytes follows, whose first byte says the same of the next
PPP_HDLC: Final = 50
ERF_TYPES: Final[dict[int, tuple[int, int]]] = {  # type of a record: what is in it, and bytes before that
    1: (PPP_HDLC, 0),
    2: (ETHERNET, 2),
    10: (PPP_HDLC, 0),
    11: (ETHERNET, 2),
    15: (PPP_HDLC, 0),
    16: (ETHERNET, 2),
    19: (PPP_HDLC, 0),
    20: (ETHERNET, 2),
    22: (RAW, 0),
    23: (RAW, 0),
}
SUNATM_LLC: Final = 2  # kind of traffic, in the low half of the first byte
ARCNET_IP: Final = 212  # system code


def erf(place: Place) -> None:
    """Time (8 bytes), type, flags, length of the record, losses, length on the wire; extension headers."""
    if place.short(ERF_HEADER):
        return
    data, at = place.data, place.at
    kind = i64(data[at + 8])
    length = u16be(data, at + 10)
    head: i64 = ERF_HEADER
    more = kind & ERF_MORE
    while more:
        if place.short(head + 8):
            return
        more = i64(data[at + head]) & ERF_MORE
        head += 8
    known = ERF_TYPES.get(kind & 0x7F)
    if known is None:
        place.layer = NOT_IP
        return
    layer, before = known
    if length < head + before or place.short(head + before):
        place.layer = CUT_SHORT
        return
    place.ends(at + length)
    place.go(layer, head + before)


def sun_atm(place: Place) -> None:
    """Direction and kind, VPI, VCI."""
    if not place.short(4):
        place.go(LLC if place.data[place.at] & 0x0F == SUNATM_LLC else NOT_IP, 4)


def arcnet_linux(place: Place) -> None:
    """Source, destination, two bytes of nothing, system code; split flag, sequence number."""
    if place.short(8):
        return
    data, at = place.data, place.at
    if data[at + 4] == ARCNET_IP and data[at + 5] == 0:
        place.network(8)
    else:
        place.layer = NOT_IP
