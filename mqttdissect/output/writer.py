"""What every output format offers."""

from typing import Protocol

from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing


class Writer(Protocol):
    """A format: packet in, text out."""

    def text(self, packet: Packet) -> str:
        """The packet as text, with its newline."""

    def follow(self, passing: Passing) -> None:
        """Packets that another process writes have gone by: later ones must look as if they had been written here."""
