"""What every output format offers."""

from typing import Protocol

from mqttdissect.mqtt.packet import Packet


class Writer(Protocol):
    """A format: packet in, text out."""

    def text(self, packet: Packet) -> str:
        """The packet as text, with its newline."""
