"""What every output format offers: packets in, pieces of UTF-8 out.

A format adds the pieces of a packet to a list, which is joined once for many packets. Most pieces never change, so that
they are made once and need neither copying nor encoding before that.
"""

from mypy_extensions import i64

from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing


class Writer:
    """A format."""

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """Add the packet, with its newline, to `out`."""
        raise NotImplementedError

    def fill(self, packets: list[Packet], at: i64, out: list[bytes], most: i64) -> i64:
        """Add packets from index `at` on, until `out` has `most` pieces; returns the index of the next one."""
        count: i64 = len(packets)
        while at < count and len(out) < most:
            self.write(packets[at], out)
            at += 1
        return at

    def text(self, packet: Packet) -> str:
        """The same as text."""
        out: list[bytes] = []
        self.write(packet, out)
        return b"".join(out).decode()

    def follow(self, passing: Passing) -> None:
        """Packets that another process writes have gone by: later ones must look as if they had been written here.
        Unless a format says otherwise, they do anyway."""
