"""`-P`: one line a packet: frame, time, source, destination, packet type, and what matters for that type.

Columns grow to the widest value so far and never shrink, so that lines stay aligned on input of any length.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import PACKET_TYPES
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.net.stream import Stream
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import Gist
from mqttdissect.output.hosts import Hosts
from mqttdissect.output.links import NO_LINKS
from mqttdissect.output.links import lines as link_lines
from mqttdissect.output.pieces import Column, digits
from mqttdissect.output.text import cells
from mqttdissect.output.theme import Theme
from mqttdissect.output.writer import Writer


@final
class SummaryWriter(Writer):
    """A line a packet. links: what is said of other packets (`links`). names: of hosts, by address."""

    def __init__(
        self, theme: Theme, clock: Clock, links: i64 = NO_LINKS, names: dict[bytes, str] | None = None
    ) -> None:
        self.links = links
        self.theme = theme
        self.clock = clock
        self.gist = Gist(theme, behind=b"\n" if links == NO_LINKS else b"")
        self._numbers = Column(5, f"{theme.end}  {theme.time}".encode())
        clock.end_with(f"{theme.end}  {theme.address}".encode())
        self._time_width: i64 = 10
        self._width = 15  # of an address
        self._hosts = Hosts(names)  # keeps the addresses of both directions, as wide as the columns are now
        self._start = theme.frame.encode()
        self._types = [self._type(name) for name in NAMES]
        self._to_link = f"  {theme.derived}[".encode()
        self._behind_link = f"]{theme.end if theme.derived else ''}".encode()

    def _type(self, name: str) -> bytes:
        """A packet type, and what stands around it."""
        theme = self.theme
        return f"{theme.end}  {theme.paint(theme.type, name.ljust(WIDEST))}  ".encode()

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """One line."""
        if self._start:
            out.append(self._start)
        self._numbers.write(packet.frame, out)
        self._time_width = self.clock.write(packet.time_ns, self._time_width, out)
        stream = packet.stream
        if stream is not None:
            known = self._hosts.kept(stream)
            if known is None:
                known = self._aligned(stream)
            out.append(known[packet.direction])
        out.append(self._types[packet.type] if packet.type != 15 else self._type(packet.name))
        self.gist.write(packet, out)
        if self.links != NO_LINKS:
            for link in link_lines(packet, self.links):
                out.append(self._to_link)
                out.append(link)
                out.append(self._behind_link)
            out.append(b"\n")

    def follow(self, passing: Passing) -> None:
        """Grow the columns for packets that go by."""
        self._numbers.width = max(self._numbers.width, digits(passing.frame))
        self._time_width = max(self._time_width, self.clock.width(passing))
        for flow in passing.flows:
            self._fit(self._hosts.endpoint(flow, True), self._hosts.endpoint(flow, False))

    def _fit(self, one: str, other: str) -> None:
        """Let the columns of addresses be as wide as these."""
        widest = max(cells(one), cells(other))
        if widest > self._width:
            self._width = widest
            self._hosts.forget()

    def _aligned(self, stream: Stream) -> list[bytes]:
        """Both directions' addresses as wide as the columns, which grow if need be."""
        one, other = self._hosts.endpoint(stream.flow, True), self._hosts.endpoint(stream.flow, False)
        self._fit(one, other)
        left, right = " " * (self._width - cells(one)), " " * (self._width - cells(other))
        known = [f"{left}{one} → {other}{right}".encode(), f"{right}{other} → {one}{left}".encode()]
        self._hosts.keep(stream, known)
        return known


WIDEST: Final = 11
NAMES: Final = [*PACKET_TYPES.values(), "UNDECODED"]  # the last one as [-1]
