"""Who takes part: connections of clients, and the columns that they are drawn in, of which there are only so many."""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import FROM_CLIENT
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.address import endpoint
from mqttdissect.net.stream import CAPTURE_ENDED, OPEN, Stream
from mqttdissect.output.gist import words
from mqttdissect.output.ladder.fold import abbreviated
from mqttdissect.output.ladder.step import NOBODY
from mqttdissect.output.text import cells
from mqttdissect.transport.detect import LIKELY_PORTS

STANDING: Final = (OPEN, CAPTURE_ENDED)  # nothing is known of an end
SHORT: Final = 24  # columns of a name at an arrow
LONGEST_NAME: Final = 256  # characters that are kept
MOST_PARTIES: Final = 8192  # that are remembered; the names of others are forgotten


@final
class Party:
    """The client of a connection. number: of the TCP stream; session: of the first one of its session. side: direction
    of what it sends; sure: a packet told.

    broker: column of the other end. lane: its own column, `NOBODY` before its first packet that is shown. joined: has
    its column begun? left: was its end shown? resent: TCP segments sent again so far, by direction. chosen: do the
    user's choices of clients and streams include it? label: what to call it: its client identifier, once that is known
    (`name`), or its address; both harmless. short: the same in few columns (`short_width`).
    """

    __slots__ = (
        "address",
        "broker",
        "broker_address",
        "chosen",
        "joined",
        "label",
        "lane",
        "left",
        "name",
        "number",
        "resent",
        "session",
        "short",
        "short_width",
        "side",
        "sure",
    )  # fmt: skip

    def __init__(self, stream: Stream, packet: Packet) -> None:
        self.number = stream.number
        self.session = stream.number
        self.sure = packet.sender != 0
        self.side = client_side(packet, stream)
        self.address = endpoint(stream.flow, self.side == 0)
        self.broker_address = endpoint(stream.flow, self.side != 0)
        self.name = ""
        self.label = self.address
        self.short = abbreviated(self.address, SHORT)
        self.short_width: i64 = cells(self.short)
        self.broker: i64 = NOBODY
        self.lane: i64 = NOBODY
        self.joined = False
        self.left = False
        self.chosen = True
        self.resent: list[int] = [0, 0]

    def rename(self, name: str) -> None:
        """Its client identifier has become known."""
        self.name = name[:LONGEST_NAME]
        self.label = words(name)
        self.short = abbreviated(self.label, SHORT)
        self.short_width = cells(self.short)


def client_side(packet: Packet, stream: Stream) -> i64:
    """The direction in which the client sends: as the packets tell, else by the ports."""
    if packet.sender != 0:
        return packet.direction if packet.sender == FROM_CLIENT else 1 - packet.direction
    ports = [int(stream.port(0)), int(stream.port(1))]
    for side in (0, 1):
        if ports[1 - side] in LIKELY_PORTS and ports[side] not in LIKELY_PORTS:
            return side
    return 0 if ports[0] >= ports[1] else 1


@final
class Column:
    """A place for a client. key: its name, and its broker. owner: number of the stream whose it is; free: the end of
    that one has been drawn. stream: that stream, while it is open."""

    def __init__(self) -> None:
        self.free = True
        self.key = ""
        self.owner: i64 = NOBODY
        self.stream: Stream | None = None


@final
class Columns:
    """The places for clients. most: so many, the last of which is for all who find no other. again: may the place
    of one that has ended be given to somebody else?"""

    def __init__(self, most: i64, again: bool) -> None:
        self.most = most
        self.again = again
        self.all: list[Column] = []
        self.others = most - 1

    def take(self, party: Party, stream: Stream) -> i64:
        """A place for `party`: the one that its client had, or a free one, or a new one, or the one for all others."""
        key = f"{party.label}\n{party.broker_address}"
        free: i64 = NOBODY
        for index in range(len(self.all)):
            column = self.all[index]
            if column.free:
                if column.key == key:
                    free = index
                    break
                if free == NOBODY and self.again:
                    free = index
        if free == NOBODY:
            if len(self.all) >= self.others:
                return self.others
            free = len(self.all)
            self.all.append(Column())
        column = self.all[free]
        column.key = key
        column.owner = party.number
        column.free = False
        column.stream = stream
        return free

    def holds(self, party: Party) -> bool:
        """Is its place still its own?"""
        return party.lane == self.others or (party.lane != NOBODY and self.all[party.lane].owner == party.number)

    def leave(self, party: Party) -> bool:
        """It has ended. Was its place its own?"""
        if party.lane == self.others or not self.holds(party):
            return False
        self.all[party.lane].free = True
        return True

    def renamed(self, party: Party) -> None:
        """Its name has become known."""
        if party.lane != NOBODY and party.lane != self.others:
            self.all[party.lane].key = f"{party.label}\n{party.broker_address}"


def ended(stream: Stream) -> bool:
    """Has the connection ended, as far as the capture shows?"""
    if stream.closed_how != OPEN:
        return True
    return stream.source.ending not in STANDING and stream.destination.ending not in STANDING
