"""`-P`: one line a packet: frame, time, source, destination, packet type, and what matters for that type.

Columns grow to the widest value so far and never shrink, so that lines stay aligned on input of any length.
"""

from typing import Final, final

from mqttdissect.mqtt.codes import PACKET_TYPES
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.address import endpoint
from mqttdissect.net.tcp import Stream
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import MOST_FLOWS, Gist
from mqttdissect.output.theme import Theme


@final
class SummaryWriter:
    """`text(packet)`: the line, with its newline."""

    def __init__(self, theme: Theme, clock: Clock) -> None:
        self.theme = theme
        self.clock = clock
        self.gist = Gist(theme)
        self._number_width = 5
        self._time_width = 10
        self._source_width = 15
        self._destination_width = 15
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
        if not theme.colour:
            return f"{number}  {time}  {addresses}  {name}  {gist}\n"
        end = theme.end
        return (
            f"{theme.frame}{number}{end}  {theme.time}{time}{end}  {theme.address}{addresses}{end}  "
            f"{theme.type}{name}{end}  {gist}\n"
        )

    def _both(self, packet: Packet) -> str:
        """Source and destination, aligned."""
        stream = packet.stream
        if stream is None:
            return ""
        known = self._addresses.get(stream.flow)
        if known is None:
            known = [self._aligned(stream, 0), self._aligned(stream, 1)]
            if self._aligned(stream, 0) != known[0] or len(self._addresses) >= MOST_FLOWS:  # a column grew
                self._addresses.clear()
                known = [self._aligned(stream, 0), self._aligned(stream, 1)]
            self._addresses[stream.flow] = known
        return known[packet.direction]

    def _aligned(self, stream: Stream, direction: int) -> str:
        source = endpoint(stream.flow, direction == 0)
        destination = endpoint(stream.flow, direction == 1)
        if len(source) > self._source_width:
            self._source_width = len(source)
        if len(destination) > self._destination_width:
            self._destination_width = len(destination)
        return f"{source.rjust(self._source_width)} → {destination.ljust(self._destination_width)}"


WIDEST: Final = 11
NAMES: Final = [PACKET_TYPES[number].ljust(WIDEST) for number in range(16)] + ["UNDECODED".ljust(WIDEST)]  # [-1]
