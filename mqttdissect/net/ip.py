"""IPv4, IPv6 and TCP headers: from a frame to the TCP segment that it carries.

Sources: RFC 791, RFC 8200 (section 4 for extension headers), RFC 9293. A length of 0 in the IP header is what
segmentation offload leaves there: then the frame's own length counts. Nothing here raises on any bytes.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.frame import Frame
from mqttdissect.capture.octets import u16be, u32be
from mqttdissect.net.link import CUT_SHORT, UNKNOWN_LINK, network_offset
from mqttdissect.net.segment import Segment

TCP: Final = 6
HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
AUTHENTICATION: Final = 51
DESTINATION: Final = 60
MOBILITY: Final = 135
HIP: Final = 139
SHIM6: Final = 140


EXTENSIONS: Final = frozenset([HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6])


@final
class Unwrapper:
    """`segment(frame)` is the TCP segment in a frame, or None; what was not TCP is counted by reason."""

    def __init__(self) -> None:
        self.unknown_links: dict[int, int] = {}  # LINKTYPE_ value: frames
        self.fragments: i64 = 0  # frames that hold a part of an IP packet and not its TCP header
        self.broken: i64 = 0  # frames whose headers break off or contradict themselves

    def segment(self, frame: Frame) -> Segment | None:
        """The TCP segment that `frame` carries whole, or None."""
        data = frame.data
        size: i64 = len(data)
        at = network_offset(frame.link_type, data)
        if at < 0:
            if at == UNKNOWN_LINK:
                link_type = int(frame.link_type)
                self.unknown_links[link_type] = self.unknown_links.get(link_type, 0) + 1
            elif at == CUT_SHORT:
                self.broken += 1
            return None
        if at >= size:
            self.broken += 1
            return None
        version = i64(data[at]) >> 4
        if version == 4:
            return self._ipv4(frame, data, at, size)
        if version == 6:
            return self._ipv6(frame, data, at, size)
        self.broken += 1
        return None

    def _ipv4(self, frame: Frame, data: bytes, at: i64, size: i64) -> Segment | None:
        if at + 20 > size:
            self.broken += 1
            return None
        if data[at + 9] != TCP:
            return None
        if u16be(data, at + 6) & 0x1FFF:
            self.fragments += 1
            return None
        header = (i64(data[at]) & 0x0F) * 4
        total = u16be(data, at + 2)
        end = at + total if total else at + wire_length(frame, at)
        tcp = at + header
        if header < 20 or end < tcp + 20:
            self.broken += 1
            return None
        if header == 20:  # addresses and ports stand side by side
            return self._tcp(frame, data, tcp, end, size, data[at + 12 : at + 24])
        return self._tcp(frame, data, tcp, end, size, data[at + 12 : at + 20] + data[tcp : tcp + 4])

    def _ipv6(self, frame: Frame, data: bytes, at: i64, size: i64) -> Segment | None:
        if at + 40 > size:
            self.broken += 1
            return None
        payload = u16be(data, at + 4)
        end = at + 40 + payload if payload else at + wire_length(frame, at)
        following: i64 = data[at + 6]
        tcp = at + 40
        while following != TCP:
            if following not in EXTENSIONS:
                return None
            if tcp + 8 > size:
                self.broken += 1
                return None
            if following == AUTHENTICATION:
                length = (i64(data[tcp + 1]) + 2) * 4
            elif following == FRAGMENT:
                length = 8
                if u16be(data, tcp + 2) & 0xFFF8:
                    if data[tcp] == TCP:
                        self.fragments += 1
                    return None
            else:
                length = (i64(data[tcp + 1]) + 1) * 8
            following = data[tcp]
            tcp += length
        if end < tcp + 20:
            self.broken += 1
            return None
        if tcp == at + 40:
            return self._tcp(frame, data, tcp, end, size, data[at + 8 : at + 44])
        return self._tcp(frame, data, tcp, end, size, data[at + 8 : at + 40] + data[tcp : tcp + 4])

    def _tcp(self, frame: Frame, data: bytes, at: i64, end: i64, size: i64, flow: bytes) -> Segment | None:
        """at: of the TCP header. end: of the IP packet on the wire, which may lie behind `size`."""
        if at + 20 > size:
            self.broken += 1
            return None
        payload = at + (i64(data[at + 12]) >> 4) * 4
        if payload < at + 20 or payload > end:
            self.broken += 1
            return None
        return Segment(
            flow,
            u32be(data, at + 4),
            u32be(data, at + 8),
            i64(data[at + 13]),
            u16be(data, at + 14),
            end - payload,
            data[payload : min(end, size)] if payload < size else b"",
            frame.number,
            frame.time_ns,
        )


def wire_length(frame: Frame, at: i64) -> i64:
    """Bytes from `at` to the end of the frame as it was on the wire."""
    return max(frame.original_length, len(frame.data)) - at
