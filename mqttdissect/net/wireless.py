"""IEEE 802.11 data frames, and what capture tools put before them: radiotap, AVS, Prism and PPI headers.

Sources: IEEE 802.11-2020, sections 9.2.4 (header), 9.3.2 (data frames), 9.3.2.2 (A-MSDU); radiotap.org; the PPI
specification of CACE; the LINKTYPE_ registry. Encrypted frames stay closed; fragments of 802.11 are not put together.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be, u16le, u32be, u32le
from mqttdissect.net.place import CUT_SHORT, ENCRYPTED, IN_PARTS, LLC, NOT_IP, SEVERAL, Place

IEEE802_11: Final = 105
TO_AND_FROM_DS: Final = 0x03
MORE_FRAGMENTS: Final = 0x04
PROTECTED: Final = 0x40
ORDER: Final = 0x80
DATA: Final = 0x08  # version 0, type 2
NO_DATA: Final = 0x40  # bits of the subtype
QOS: Final = 0x80
A_MSDU: Final = 0x80
MESH_CONTROL: Final = 0x01
FCS_AT_END: Final = 0x10  # radiotap's flags
DATA_PAD: Final = 0x20
AVS_MAGIC: Final = 0x80211000
PPI_COMMON: Final = 2  # field of PPI with the flags of an 802.11 frame


def ieee802_11(place: Place) -> None:
    """A frame without a header of the capturing tool."""
    data_frame(place, False)


def data_frame(place: Place, padded: bool) -> None:
    """Header of a data frame. padded: is it filled up to a multiple of 4 bytes?"""
    if place.short(2):
        return
    data, at = place.data, place.at
    kind: i64 = data[at]
    flags: i64 = data[at + 1]
    if kind & 0x0F != DATA or kind & NO_DATA:
        place.layer = NOT_IP
        return
    length: i64 = 30 if flags & TO_AND_FROM_DS == TO_AND_FROM_DS else 24
    control: i64 = 0
    mesh = False
    if place.short(length + 2):
        return
    if kind & QOS:
        control = data[at + length]
        mesh = bool(data[at + length + 1] & MESH_CONTROL) and flags & TO_AND_FROM_DS == TO_AND_FROM_DS
        length += 6 if flags & ORDER else 2  # the HT control field
    if flags & PROTECTED:
        place.layer = ENCRYPTED
        return
    if flags & MORE_FRAGMENTS or data[at + 22] & 0x0F:
        place.layer = IN_PARTS
        return
    if padded:
        length += -length & 3
    if control & A_MSDU:
        place.at += length
        aggregated(place)
        return
    if mesh:
        if place.short(length + 6):
            return
        length += 6 + (i64(data[at + length]) & 3) * 6  # IEEE 802.11, section 9.2.4.7.3
    place.go(LLC, length)


def aggregated(place: Place) -> None:
    """An A-MSDU: destination, source, length, LLC; filled up to a multiple of 4 bytes."""
    at = place.at
    while at + 14 <= place.size:
        length = u16be(place.data, at + 12)
        start = at + 14
        end = min(start + length, place.size)
        if start < end:
            place.parts.append(Place(LLC, place.data, start, end, start + length))
        at = start + length + (-(14 + length) & 3)
    place.layer = SEVERAL if place.parts else CUT_SHORT


def radiotap(place: Place) -> None:
    """Version 0, length, words of flags for the fields that follow; of these only the frame's own flags count."""
    if place.short(8):
        return
    data, at = place.data, place.at
    length = u16le(data, at + 2)
    if data[at] != 0 or length < 8 or place.short(length):
        place.layer = CUT_SHORT
        return
    present = u32le(data, at + 4)
    field = at + 8
    more = data[at + 7] & 0x80
    while more and field + 4 <= at + length:
        more = data[field + 3] & 0x80
        field += 4
    if present & 1:  # a time stamp, aligned to its 8 bytes
        field += (-(field - at) & 7) + 8
    flags: i64 = 0
    if present & 2 and field < at + length:
        flags = data[field]
    place.at += length
    if flags & FCS_AT_END:
        place.ends(place.limit - 4)
    data_frame(place, flags & DATA_PAD != 0)


def avs(place: Place) -> None:
    """A magic number and the length of the header, both in network order."""
    if place.short(8):
        return
    length = u32be(place.data, place.at + 4)
    if length < 8 or place.short(length):
        place.layer = CUT_SHORT
        return
    place.go(IEEE802_11, length)


def prism(place: Place) -> None:
    """A message code and the length of the header, in the byte order of the host; or an AVS header."""
    if place.short(8):
        return
    data, at = place.data, place.at
    if u32be(data, at) & 0xFFFFF000 == AVS_MAGIC:
        avs(place)
        return
    length = min(u32le(data, at + 4), u32be(data, at + 4))  # of two readings the smaller
    if length < 8 or place.short(length):
        place.layer = CUT_SHORT
        return
    place.go(IEEE802_11, length)


def ppi(place: Place) -> None:
    """Version, flags, length, link type; fields, of which one may say that an FCS stands at the end."""
    if place.short(8):
        return
    data, at = place.data, place.at
    length = u16le(data, at + 2)
    link_type = u32le(data, at + 4)
    if length < 8 or link_type > 0xFFFF or place.short(length):
        place.layer = CUT_SHORT
        return
    end = at + length
    field = at + 8
    while field + 4 <= end:
        if u16le(data, field) == PPI_COMMON and field + 14 <= end and data[field + 12] & 1:
            place.ends(place.limit - 4)
        field += 4 + u16le(data, field + 2)
    place.go(link_type, length)
