"""IPv4, IPv6 and TCP headers: from a frame to the TCP segment that it carries, through any tunnels on the way.

Sources: RFC 791, RFC 8200 (section 4 for extension headers), RFC 9293. A length of 0 in the IP header is what
segmentation offload leaves there: then the frame's own length counts. Nothing here raises on any bytes.

What most captures hold, TCP in IP in Ethernet, takes the short way: `segment`, `_ipv4` or `_ipv6`, `_tcp`. What is
anything else takes the long one: `_inside` has `layers.walk` take off what stands before the next IP header, `_upper`
has `fragments` collect what was cut. Of IP packets in IP packets, the innermost has the addresses.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.frame import Frame
from mqttdissect.capture.octets import u16be, u32be
from mqttdissect.net.checksum import tcp_is_right
from mqttdissect.net.fallback import ip_packet
from mqttdissect.net.fragments import LONGEST, Fragments
from mqttdissect.net.layers import CARRIERS, walk
from mqttdissect.net.link import ETHERNET, RAW, network_offset
from mqttdissect.net.place import (
    CUT_SHORT,
    ENCRYPTED,
    ETHERTYPES,
    IN_PARTS,
    NETWORK,
    PROTOCOLS,
    SEVERAL,
    UNKNOWN_LINK,
    Place,
)
from mqttdissect.net.segment import GREATEST_SCALE, SYN, Segment
from mqttdissect.net.tunnel import tunnel_port

TCP: Final = 6
UDP: Final = 17
HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
ENCRYPTED_PAYLOAD: Final = 50
AUTHENTICATION: Final = 51
DESTINATION: Final = 60
MOBILITY: Final = 135
HIP: Final = 139
SHIM6: Final = 140
EXTENSIONS: Final = frozenset([HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6])
MOST_NESTED: Final = 16
"""IP packets in IP packets; more of them is damage, or meant to do some."""
OPTIONS_END: Final = 0  # kinds of options of TCP
NO_OPERATION: Final = 1
WINDOW_SCALE: Final = 3


@final
class Unwrapper:
    """`segment(frame)` is the TCP segment in a frame, or None; what was not TCP is counted by reason.

    A frame may hold several (an A-MSDU of 802.11 does): `more` has the others until the next call.
    """

    def __init__(self, check: bool = False, held: Fragments | None = None) -> None:
        self.check = check  # leave segments out whose TCP checksum is wrong?
        self.wrong: i64 = 0  # such segments
        self.unknown_links: dict[int, int] = {}  # LINKTYPE_ value: frames
        self.fragments: i64 = 0  # of IP packets that carry TCP, at whatever depth
        self.broken: i64 = 0  # frames whose headers break off or contradict themselves
        self.encrypted: i64 = 0  # frames of 802.11 or MACsec, packets of ESP
        self.in_parts: i64 = 0  # frames with a part of what only IP's fragments are put together from here
        self.more: list[Segment] = []
        self.held = held if held is not None else Fragments()

    @property
    def fragments_dropped(self) -> int:
        """Fragments given up since the rest of their packet did not come, or came too late."""
        return int(self.held.dropped)

    @property
    def reassembled(self) -> int:
        """Packets put back together from fragments."""
        return int(self.held.joined)

    def close(self) -> None:
        """The capture has ended: fragments that still wait are given up."""
        self.held.close()

    def segment(self, frame: Frame) -> Segment | None:
        """The TCP segment that `frame` carries or completes, or None."""
        if self.more:
            self.more = []
        data = frame.block
        at = frame.start
        size = frame.end
        limit = at + max(frame.original_length, size - at)
        if frame.link_type != ETHERNET or size - at < 34 or data[at + 12] != 8 or data[at + 13]:
            data = frame.data
            size -= at
            limit -= at
            at = network_offset(frame.link_type, data)
        else:  # nearly always
            at += 14
        if 0 <= at < size:
            version = i64(data[at]) >> 4
            if version == 4:
                return self._ipv4(frame, data, at, size, limit, 0)
            if version == 6:
                return self._ipv6(frame, data, at, size, limit, 0)
            self.broken += 1
            return None
        place = Place(frame.link_type, data, 0, size, limit)
        if not 0 <= frame.link_type < ETHERTYPES:
            place.layer = UNKNOWN_LINK
            place.found = frame.link_type
        return self._inside(frame, place, 0)

    def _ipv4(self, frame: Frame, data: bytes, at: i64, size: i64, limit: i64, depth: i64) -> Segment | None:
        """at: of the header. size: where the captured bytes end that may belong to it; limit: where they did on the
        wire. depth: IP packets around this one."""
        if at + 20 > size:
            self.broken += 1
            return None
        header = (i64(data[at]) & 0x0F) * 4
        total = u16be(data, at + 2)
        end = at + total if total else limit
        inner = at + header
        if data[at + 9] != TCP or u16be(data, at + 6) & 0x3FFF:
            return self._other_ipv4(frame, data, at, inner, size, end, depth)
        if header < 20 or end < inner + 20:
            self.broken += 1
            return None
        if header == 20:  # addresses and ports stand side by side
            return self._tcp(frame, data, inner, end, size, data[at + 12 : at + 24])
        return self._tcp(frame, data, inner, end, size, data[at + 12 : at + 20] + data[inner : inner + 4])

    def _other_ipv4(
        self, frame: Frame, data: bytes, at: i64, inner: i64, size: i64, end: i64, depth: i64
    ) -> Segment | None:
        """What is not TCP, or not whole."""
        protocol: i64 = data[at + 9]
        if protocol != TCP and not CARRIERS[protocol] and protocol != AUTHENTICATION:
            self.encrypted += protocol == ENCRYPTED_PAYLOAD
            return None
        if inner < at + 20 or end < inner:
            self.broken += 1
            return None
        addresses = data[at + 12 : at + 20]
        cut = u16be(data, at + 6) & 0x3FFF
        if cut:
            key = addresses + data[at + 9 : at + 10] + data[at + 4 : at + 6]
            start = (cut & 0x1FFF) * 8
            return self._fragment(frame, key, protocol, start, cut > 0x1FFF, data, inner, size, end, addresses, depth)
        return self._upper(frame, protocol, data, inner, size, end, addresses, depth)

    def _ipv6(self, frame: Frame, data: bytes, at: i64, size: i64, limit: i64, depth: i64) -> Segment | None:
        if at + 40 > size:
            self.broken += 1
            return None
        payload = u16be(data, at + 4)
        end = at + 40 + payload if payload else limit
        following: i64 = data[at + 6]
        if following != TCP:
            return self._upper(frame, following, data, at + 40, size, end, data[at + 8 : at + 40], depth)
        if end < at + 60:
            self.broken += 1
            return None
        return self._tcp(frame, data, at + 40, end, size, data[at + 8 : at + 44])

    def _upper(
        self, frame: Frame, protocol: i64, data: bytes, at: i64, size: i64, end: i64, addresses: bytes, depth: i64
    ) -> Segment | None:
        """What stands behind an IP header, in the order of RFC 8200: extension headers, then TCP or a tunnel."""
        while protocol in EXTENSIONS:
            if at + 8 > size:
                self.broken += 1
                return None
            length: i64 = 8
            following: i64 = data[at]
            if protocol == AUTHENTICATION:
                length = (i64(data[at + 1]) + 2) * 4
            elif protocol == FRAGMENT:
                cut = u16be(data, at + 2)
                if cut & 0xFFF9:
                    if not CARRIERS[following] and following not in EXTENSIONS and following != TCP:
                        return None
                    key = addresses + data[at + 4 : at + 8]
                    start = cut & 0xFFF8
                    more = cut & 1 != 0
                    return self._fragment(frame, key, following, start, more, data, at + 8, size, end, addresses, depth)
            else:
                length = (i64(data[at + 1]) + 1) * 8
            protocol = following
            at += length
        if protocol == TCP:
            if end < at + 20:
                self.broken += 1
                return None
            return self._tcp(frame, data, at, end, size, addresses + data[at : at + 4])
        if CARRIERS[protocol]:
            return self._inside(frame, Place(PROTOCOLS + protocol, data, at, min(size, end), end), depth + 1)
        self.encrypted += protocol == ENCRYPTED_PAYLOAD
        return None

    def _inside(self, frame: Frame, place: Place, depth: i64) -> Segment | None:
        """What stands behind a link header or in a tunnel."""
        if depth <= MOST_NESTED:
            walk(place)
        else:
            place.layer = CUT_SHORT
        if place.layer == NETWORK and place.at < place.size:
            version = i64(place.data[place.at]) >> 4
            if version == 4:
                return self._ipv4(frame, place.data, place.at, place.size, place.limit, depth)
            if version == 6:
                return self._ipv6(frame, place.data, place.at, place.size, place.limit, depth)
        if place.layer == UNKNOWN_LINK:
            return self._unknown(frame, place, depth)
        if place.layer == SEVERAL:
            return self._several(frame, place, depth)
        if place.layer == ENCRYPTED:
            self.encrypted += 1
        elif place.layer == IN_PARTS:
            self.in_parts += 1
        elif place.layer in (NETWORK, CUT_SHORT):
            self.broken += 1
        return None

    def _several(self, frame: Frame, place: Place, depth: i64) -> Segment | None:
        """All but the first segment go to `more`."""
        found = [self._inside(frame, part, depth + 1) for part in place.parts]
        segments = [segment for segment in found if segment is not None]
        if not segments:
            return None
        self.more += segments[1:]
        return segments[0]

    def _unknown(self, frame: Frame, place: Place, depth: i64) -> Segment | None:
        """A link type without a step of its own, perhaps inside of another."""
        link_type = int(place.found)
        packet = ip_packet(link_type, place.data[place.at : place.size])
        if packet is None:
            self.unknown_links[link_type] = self.unknown_links.get(link_type, 0) + 1
            return None
        if not packet:
            return None
        size: i64 = len(packet)
        limit = max(size, place.limit - place.at)
        return self._inside(frame, Place(RAW, packet, 0, size, limit), depth + 1)

    def _fragment(
        self, frame: Frame, key: bytes, protocol: i64, start: i64, more: bool,
        data: bytes, at: i64, size: i64, end: i64, addresses: bytes, depth: i64,
    ) -> Segment | None:  # fmt: skip
        """A part of an IP packet; with the last one missing, the packet is unwrapped as if it had come whole."""
        length = end - at
        if more:
            length -= length & 7  # RFC 791: all but the last are cut at multiples of 8 bytes
        if length <= 0 or start + length > LONGEST:
            self.broken += 1
            return None
        wanted = True
        if protocol == UDP:
            wanted = start > 0 or (at + 4 <= size and tunnel_port(data, at) != 0)
        else:
            self.fragments += 1
        captured = data[at : min(size, at + length)] if at < size else b""
        whole = self.held.add(key, protocol, start, more, captured, length, frame.time_ns, wanted)
        if whole is None:
            return None
        if depth >= MOST_NESTED:
            self.broken += 1
            return None
        size = len(whole.data)
        return self._upper(frame, whole.protocol, whole.data, 0, size, whole.length, addresses, depth + 1)

    def _tcp(self, frame: Frame, data: bytes, at: i64, end: i64, size: i64, flow: bytes) -> Segment | None:
        """at: of the TCP header. end: of the IP packet on the wire, which may lie behind `size`."""
        if at + 20 > size:
            self.broken += 1
            return None
        payload = at + (i64(data[at + 12]) >> 4) * 4
        if payload < at + 20 or payload > end:
            self.broken += 1
            return None
        if self.check and end <= size and not tcp_is_right(flow, data, at, end):
            self.wrong += 1
            return None
        flags = i64(data[at + 13])
        segment = Segment(
            flow,
            u32be(data, at + 4),
            u32be(data, at + 8),
            flags,
            u16be(data, at + 14),
            end - payload,
            data[payload : min(end, size)] if payload < size else b"",
            frame.number,
            frame.time_ns,
        )
        if flags & SYN:
            segment.scale = window_scale(data, at + 20, min(payload, size))
        return segment


def window_scale(data: bytes, at: i64, end: i64) -> i64:
    """The shift count in the options of a SYN, from `at` to `end`; -1 if there is none (RFC 7323, section 2.2)."""
    while at + 2 < end and data[at] != OPTIONS_END:
        if data[at] == NO_OPERATION:
            at += 1
            continue
        length: i64 = data[at + 1]
        if data[at] == WINDOW_SCALE and length == 3:
            return min(i64(data[at + 2]), GREATEST_SCALE)
        if length < 2:
            return -1
        at += length
    return -1
