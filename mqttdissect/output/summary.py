"""`-P`: one line a packet: frame, time, source, destination, packet type, and what matters for that type.

Columns grow to the widest value so far and never shrink, so that lines stay aligned on input of any length.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import PACKET_TYPES
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import MOST_FLOWS, Gist
from mqttdissect.output.hosts import Hosts
from mqttdissect.output.links import NO_LINKS
from mqttdissect.output.links import lines as link_lines
from mqttdissect.output.text import cells
from mqttdissect.output.theme import Theme


@final
class SummaryWriter:
    """`text(packet)`: the line, with its newline. links: what is said of other packets (`links`). names: of hosts, by
    address."""

    def __init__(
        self, theme: Theme, clock: Clock, links: i64 = NO_LINKS, names: dict[bytes, str] | None = None
    ) -> None:
        self._hosts = Hosts(names)
        self._named = 0  # names that there were when addresses were worked out
        self.links = links
        self.theme = theme
        self.clock = clock
        self.gist = Gist(theme)
        self._number_width = 5
        self._time_width = 10
        self._width = 15  # of an address
        self._addresses: dict[bytes, list[str]] = {}  # of both directions, as wide as the columns are now

    def text(self, packet: Packet) -> str:
        """One line."""
        number = str(packet.frame)
        if len(number) != self._number_width:
            self._number_width = max(self._number_width, len(number))
            number = number.rjust(self._number_width)
        time = self.clock.text(packet.time_ns)
        if len(time) != self._time_width:
            self._time_width = max(self._time_width, len(time))
            time = time.rjust(self._time_width)
        addresses = self._both(packet)
        name = NAMES[packet.type] if packet.type != 15 else packet.name.ljust(WIDEST)
        gist = self.gist.line(packet)
        theme = self.theme
        if self.links != NO_LINKS:
            for link in link_lines(packet, self.links):
                gist += "  " + theme.paint(theme.derived, f"[{link}]")
        if not theme.colour:
            return f"{number}  {time}  {addresses}  {name}  {gist}\n"
        end = theme.end
        return (
            f"{theme.frame}{number}{end}  {theme.time}{time}{end}  {theme.address}{addresses}{end}  "
            f"{theme.type}{name}{end}  {gist}\n"
        )

    def follow(self, passing: Passing) -> None:
        """Grow the columns for packets that go by."""
        self._number_width = max(self._number_width, len(str(passing.frame)))
        self._time_width = max(self._time_width, self.clock.width(passing))
        for flow in passing.flows:
            if flow not in self._addresses:
                self._aligned(flow)

    def _both(self, packet: Packet) -> str:
        """Source and destination, aligned."""
        stream = packet.stream
        if stream is None:
            return ""
        if self._hosts.known != self._named:
            self._named = self._hosts.known
            self._addresses.clear()
        known = self._addresses.get(stream.flow)
        if known is None:
            known = self._aligned(stream.flow)
        return known[packet.direction]

    def _aligned(self, flow: bytes) -> list[str]:
        """Both directions' addresses as wide as the columns, which grow if need be."""
        one, other = self._hosts.endpoint(flow, True), self._hosts.endpoint(flow, False)
        widest = max(cells(one), cells(other))
        if widest > self._width or len(self._addresses) >= MOST_FLOWS:
            self._width = max(self._width, widest)
            self._addresses.clear()
        width = self._width
        left, right = " " * (width - cells(one)), " " * (width - cells(other))
        known = [f"{left}{one} → {other}{right}", f"{right}{other} → {one}{left}"]
        self._addresses[flow] = known
        return known


WIDEST: Final = 11
NAMES: Final = [PACKET_TYPES[number].ljust(WIDEST) for number in range(16)] + ["UNDECODED".ljust(WIDEST)]  # [-1]
