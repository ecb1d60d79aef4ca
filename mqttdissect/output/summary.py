"""`-P`: one line a packet: frame, time, source, destination, packet type, and what matters for that type.

Columns grow to the widest value so far and never shrink, so that lines stay aligned on input of any length.
"""

from typing import final

from mqttdissect.mqtt.packet import Packet
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import Gist
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

    def text(self, packet: Packet) -> str:
        """One line."""
        number = str(packet.frame)
        time = self.clock.text(packet.time_ns)
        source, destination = self.gist.ends(packet)
        if len(number) > self._number_width:
            self._number_width = len(number)
        if len(time) > self._time_width:
            self._time_width = len(time)
        if len(source) > self._source_width:
            self._source_width = len(source)
        if len(destination) > self._destination_width:
            self._destination_width = len(destination)
        number = number.rjust(self._number_width)
        time = time.rjust(self._time_width)
        source = source.rjust(self._source_width)
        destination = destination.ljust(self._destination_width)
        name = NAMES.get(packet.name, packet.name)
        gist = self.gist.line(packet)
        theme = self.theme
        if not theme.colour:
            return f"{number}  {time}  {source} → {destination}  {name}  {gist}\n"
        end = theme.end
        return (
            f"{theme.frame}{number}{end}  {theme.time}{time}{end}  {theme.address}{source}{end} → "
            f"{theme.address}{destination}{end}  {theme.type}{name}{end}  {gist}\n"
        )


WIDEST = 11
NAMES: dict[str, str] = {
    name: name.ljust(WIDEST)
    for name in (
        "RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
        "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH", "UNDECODED",
    )
}  # fmt: skip
