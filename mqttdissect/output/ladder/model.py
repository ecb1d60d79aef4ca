"""From packets and findings to the steps of a ladder, in one pass and bounded memory.

Fed in batches, as packets complete: `begin` with the findings made by then, `add` for the packets (in any number of
pieces), `settle`. Each returns the next steps. That a connection has ended is seen at its `Stream`, which only the
columns that are drawn hold on to; of all other connections a name is kept, of so many.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis.finding import Finding
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.codes import FROM_CLIENT, VERSIONS
from mqttdissect.mqtt.packet import BY_CONNECT, UNDECODED, UNSEEN, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER
from mqttdissect.mqtt.registry import CLIENT_IDENTIFIER, CONNECT_FLAGS, CONNECT_FLAGS_5, PUBACK_REASON
from mqttdissect.net.stream import ENDINGS, FINISHED, OPEN, RESET, Stream
from mqttdissect.net.tcp import ANY_FRAME
from mqttdissect.output.gist import Gist, delivery, gap, unknown_alias, version_source
from mqttdissect.output.hosts import KEEPERS
from mqttdissect.output.ladder.deliveries import UNKNOWN, Deliveries
from mqttdissect.output.ladder.fold import abbreviated
from mqttdissect.output.ladder.parties import LONGEST_NAME, MOST_PARTIES, Columns, Party, ended
from mqttdissect.output.ladder.selection import Selection
from mqttdissect.output.ladder.step import (
    ARROW,
    BROKER,
    ERROR,
    JOIN,
    LEAVE,
    MISSING,
    NO_TOPIC,
    NOBODY,
    NOTE,
    REMARK,
    RENAME,
    RESENT,
    WARNING,
    Step,
    Topic,
)
from mqttdissect.output.text import brief, cells, visible
from mqttdissect.output.theme import no_colour
from mqttdissect.output.values import number, size_of

ASSIGNED_CLIENT_IDENTIFIER: Final = BY_IDENTIFIER[0x12].value
TYPES: Final = [codes.PACKET_TYPES[number] for number in range(16)] + ["UNDECODED"]  # [-1]
LEVELS: Final = (REMARK, REMARK, WARNING, ERROR)  # of findings, by severity
CLEAN: Final = 0x02  # Clean Session, or Clean Start, in the flags of a CONNECT
MOST_NOTES: Final = 3  # that are malformed in one packet
DRAWN_ANYWAY: Final = frozenset(["capture-gap", "undecoded-bytes"])  # findings about what is drawn as what it is
OTHERS: Final = "others"
LONGEST: Final = 1000  # characters of one text: far more than a terminal shows, for tooltips
SUCCESS: Final = number(PUBACK_REASON, 0)
SIDES: Final = ("the client", "the broker")
MOST_TOPICS: Final = 2048  # that are remembered as they are drawn


@final
class Closing:
    """A connection that has ended, whose end is still to be drawn. resent: TCP segments sent again, by direction."""

    __slots__ = ("frame", "party", "resent", "text", "time_ns")

    def __init__(self, party: Party, stream: Stream) -> None:
        self.party = party
        self.resent: list[int] = [int(stream.source.retransmissions), int(stream.destination.retransmissions)]
        if stream.closed_how != OPEN:
            self.frame = stream.closed_frame
            self.time_ns = stream.closed_ns
            whose = SIDES[0 if stream.closed_by == party.side else 1]
            self.text = f"reset by {whose} (RST)" if stream.closed_how == RESET else f"closed by {whose} (FIN)"
        else:
            half = stream.half(0 if stream.source.time_ns >= stream.destination.time_ns else 1)
            self.frame = half.frame
            self.time_ns = half.time_ns
            self.text = ENDINGS.get(int(half.ending), ENDINGS[FINISHED])


@final
class Ladder:
    """selection: what is drawn. columns: the places for clients. brokers: how many columns there are for them (2 or
    more), the last of which is for all others. malformed: note malformed packets, since no findings will come.

    first_ns: time of the capture's first frame, to be set before packets are added. drawn: packets drawn so far.
    """

    def __init__(self, selection: Selection, columns: Columns, brokers: i64, malformed: bool) -> None:
        self.first_ns: i64 = 0
        self.drawn: i64 = 0
        self._selection = selection
        self._everything = not selection.topics and selection.start_ns < 0 and selection.end_ns < 0
        self._columns = columns
        self._most_brokers = brokers
        self._malformed = malformed
        self._brokers: dict[str, int] = {}
        self._others_joined = False
        self._parties: dict[int, Party] = {}  # by number of the stream, which has its own as well
        self._sessions: dict[str, int] = {}  # `Party.session` by client identifier and broker
        self._keeper: i64 = next(KEEPERS)
        self._deliveries = Deliveries(selection.topics)
        self._gist = Gist(no_colour(), False, longest=LONGEST)
        self._closings: list[Closing] = []  # by frame
        self._findings: list[Finding] = []  # by frame, of which those before `_found` are drawn
        self._found: i64 = 0
        self._frame: i64 = 0  # of the packets so far, the latest
        self._steps: list[Step] = []
        self._topics: dict[str, Topic] = {}

    def begin(self, findings: list[Finding]) -> list[Step]:
        """A batch begins. findings: made since the batch before."""
        left = self._findings[self._found :]  # not due by then
        self._findings = sorted(left + findings, key=frame_of) if findings else left
        self._found = 0
        for column in self._columns.all:
            stream = column.stream
            if stream is not None and ended(stream):
                column.stream = None
                party = self._parties.get(int(column.owner))
                if party is not None:
                    self._closes(party, stream)
        return self._take()

    def add(self, packets: list[Packet]) -> list[Step]:
        """Its packets, in order."""
        for packet in packets:
            before = len(self._steps)
            self._packet(packet)
            if packet.frame < self._frame:  # it was not known for what it is when it was captured
                for step in self._steps[before:]:
                    step.late = True
            else:
                self._frame = packet.frame
        return self._take()

    def settle(self, frame: i64 = ANY_FRAME) -> list[Step]:
        """It has ended; what is to be said from `frame` on is not due yet."""
        self._up_to(frame)
        return self._take()

    def close(self) -> list[Step]:
        """There is nothing more: what a connection sent again since its last packet."""
        for column in self._columns.all:
            stream = column.stream
            party = self._parties.get(int(column.owner))
            if stream is not None and party is not None:
                for direction in (0, 1):
                    self._resent(party, direction, stream.half(direction).retransmissions)
        return self._take()

    def _take(self) -> list[Step]:
        steps = self._steps
        self._steps = []
        return steps

    def _packet(self, packet: Packet) -> None:
        stream = packet.stream
        if stream is None:
            return
        frame = packet.frame
        if self._closings or self._found < len(self._findings):
            self._up_to(frame)
        party: Party | None
        kept = stream.shown
        if isinstance(kept, Party) and stream.shown_by == self._keeper:
            party = kept
        else:
            party = self._parties.get(int(stream.number))
        if party is None or (not party.sure and packet.sender != 0):
            party = self._meet(stream, packet)
        kind = packet.type
        if kind == codes.CONNECT or kind == codes.CONNACK:
            self._name(party, packet)
        out = packet.direction == party.side
        tag = self._deliveries.tag(packet, out, party.session)
        if not party.chosen or not (self._everything or self._fits(packet)):
            return
        if not party.joined or not self._columns.holds(party):
            self._join(party, stream, packet)
        if packet.resent != party.resent[packet.direction]:
            self._resent(party, packet.direction, packet.resent, packet.time_ns)
        if packet.gap_bytes:
            self._note(MISSING, party, gap(packet)[1:-1], packet.time_ns)
        self._arrow(party, packet, out, tag)
        if packet.hole_offset >= 0:
            self._note(MISSING, party, f"{size_of(int(packet.hole_bytes))} of it are missing: {packet.hole_why}")
        if packet.notes is not None and self._malformed and packet.hole_why not in UNSEEN:
            for note in packet.notes[:MOST_NOTES]:
                self._note(ERROR, party, f"malformed at offset {note.offset}: expected {visible(note.expected)}")
        if self._found < len(self._findings):
            self._beside(party, packet)

    def _arrow(self, party: Party, packet: Packet, out: bool, tag: i64) -> None:
        kind = packet.type
        name = TYPES[kind] if kind != 15 else packet.name
        width: i64 = len(name)
        topic = NO_TOPIC
        about_width: i64 = -1
        if kind == codes.PUBLISH:
            about = delivery(packet)
            if packet.topic:
                topic = self._shown(packet.topic)
            elif packet.version == 5:
                about += unknown_alias(packet)
            about_width = len(about)
        elif kind >= codes.PUBACK and kind <= codes.PUBCOMP and is_success(packet):
            about = f"id {packet.identifier}" if len(packet.data) == 4 else f"id {packet.identifier}  {SUCCESS}"
            about_width = len(about)
        elif kind == codes.PINGREQ or kind == codes.PINGRESP:
            about = ""
            about_width = 0
        else:
            about = self._gist.about(packet)
        if kind == UNDECODED:
            about = f"{size_of(len(packet.data))}: {about}"
        if party.lane == self._columns.others:
            name = f"{party.short}: {name}"
            width += party.short_width + 2
        if party.broker == self._most_brokers - 1:
            about = f"{about}  ({party.broker_address})".lstrip()
            about_width = -1
        step = Step(ARROW, party.lane, party.broker, name, about)
        step.topic = topic
        step.text_width = width
        step.more_width = about_width if about_width >= 0 else cells(about)
        step.out = out
        step.frame = packet.frame
        step.time_ns = packet.time_ns
        step.tag = 0 if tag == UNKNOWN else tag
        self._steps.append(step)
        self.drawn += 1

    def _shown(self, topic: str) -> Topic:
        """A topic name as it is drawn; most come again and again."""
        known = self._topics.get(topic)
        if known is None:
            known = Topic(abbreviated(visible(topic), LONGEST))
            if len(topic) <= LONGEST:
                if len(self._topics) >= MOST_TOPICS:
                    self._topics = {}
                self._topics[topic] = known
        return known

    def _fits(self, packet: Packet) -> bool:
        """Is the packet one of those that the user wants to see?"""
        selection = self._selection
        if selection.topics and not self._deliveries.fits:
            return False
        return selection.includes(packet.time_ns - self.first_ns)

    # Who takes part

    def _meet(self, stream: Stream, packet: Packet) -> Party:
        """The first packet of a connection, or the first that tells which side is the client."""
        if len(self._parties) >= MOST_PARTIES:
            drawn = [self._parties.get(int(column.owner)) for column in self._columns.all]
            self._parties = {int(one.number): one for one in drawn if one is not None}
            self._keeper = next(KEEPERS)
        party = Party(stream, packet)
        known = self._parties.get(int(stream.number))
        if known is not None:
            self._turned(known, party)
        else:
            party.chosen = self._selection.chooses(party, "")
        self._parties[int(stream.number)] = party
        stream.shown = party
        stream.shown_by = self._keeper
        return party

    def _turned(self, known: Party, party: Party) -> None:
        """Which side is the client was guessed, and has now been told: keep what is known."""
        party.chosen = self._selection.chooses(party, known.name)
        party.session = known.session
        party.lane = known.lane
        party.left = known.left
        party.resent = known.resent
        if party.side == known.side:
            party.broker = known.broker
            party.joined = known.joined
            if known.name:
                party.rename(known.name)
        elif known.joined and self._columns.leave(known):
            step = Step(LEAVE, known.lane, known.broker, "is no client, but a broker")
            self._steps.append(step)

    def _name(self, party: Party, packet: Packet) -> None:
        """Learn the client identifier, which is in the CONNECT or, in 5.0, assigned by the CONNACK."""
        spec = CLIENT_IDENTIFIER if packet.type == codes.CONNECT else ASSIGNED_CLIENT_IDENTIFIER
        value = packet.value(spec)
        if not value or packet.sender == 0 or (packet.sender == FROM_CLIENT) != (packet.type == codes.CONNECT):
            return
        name = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
        party.chosen = self._selection.chooses(party, name)
        if packet.type == codes.CONNECT:
            self._goes_on(party, packet, name)
        if name[:LONGEST_NAME] == party.name:
            return
        party.rename(name)
        if party.joined and self._columns.holds(party) and party.lane != self._columns.others:
            self._columns.renamed(party)
            self._steps.append(Step(RENAME, party.lane, party.broker, party.label))

    def _goes_on(self, party: Party, packet: Packet, name: str) -> None:
        """Handshakes of QoS 2 go on with the session: is it the one of an earlier connection?"""
        key = f"{name[:LONGEST_NAME]}\n{party.broker_address}"
        flags = packet.value(CONNECT_FLAGS_5 if packet.version >= 5 else CONNECT_FLAGS)
        if isinstance(flags, int) and flags & CLEAN == 0:
            party.session = self._sessions.get(key, party.session)
        if len(self._sessions) >= MOST_PARTIES:
            self._sessions.clear()
        self._sessions[key] = int(party.session)

    def _join(self, party: Party, stream: Stream, packet: Packet) -> None:
        """Its first packet that is drawn: a column for it, and for its broker."""
        if party.broker == NOBODY:
            party.broker = self._broker(party)
        lane = self._columns.take(party, stream)
        party.lane = lane
        party.joined = True
        if lane == self._columns.others:
            if not self._others_joined:
                self._others_joined = True
                self._joins(lane, party, packet, OTHERS, "clients that find no column of their own")
            return
        more = [party.address] if party.name else []
        more.append(f"stream {stream.number}")
        if packet.type != codes.CONNECT and packet.version_by != BY_CONNECT:
            more.append("CONNECT not captured")
            more.append(version_source(packet)[1:-1])
        elif packet.version_by == BY_CONNECT:
            more.append(f"MQTT {VERSIONS[int(packet.version)]}")
        self._joins(lane, party, packet, party.label, ", ".join(more))
        if ended(stream):
            self._columns.all[lane].stream = None
            party.left = False  # if its column was taken away since, it ends once more
            self._closes(party, stream)

    def _joins(self, lane: i64, party: Party, packet: Packet, name: str, more: str) -> None:
        step = Step(JOIN, lane, party.broker, name, more)
        step.time_ns = packet.time_ns
        self._steps.append(step)

    def _broker(self, party: Party) -> i64:
        address = party.broker_address
        known = self._brokers.get(address)
        if known is not None:
            return known
        most = self._most_brokers
        count: i64 = len(self._brokers)
        if count < most - 1:
            self._brokers[address] = int(count)
            self._steps.append(Step(BROKER, NOBODY, count, address))
            return count
        if count == most - 1:
            self._brokers[OTHERS] = int(count)
            self._steps.append(Step(BROKER, NOBODY, count, "other brokers"))
        return most - 1

    def _closes(self, party: Party, stream: Stream) -> None:
        """Its end is to be drawn when it is time."""
        if party.left:
            return
        party.left = True
        closing = Closing(party, stream)
        at = len(self._closings)
        while at and self._closings[at - 1].frame > closing.frame:
            at -= 1
        self._closings.insert(at, closing)

    def _leave(self) -> None:
        """Draw the first of the ends that are due."""
        closing = self._closings.pop(0)
        party = closing.party
        if not self._columns.leave(party) or not self._timely(closing.time_ns):
            return
        for direction in (0, 1):
            self._resent(party, direction, closing.resent[direction], closing.time_ns)
        step = Step(LEAVE, party.lane, party.broker, closing.text)
        step.frame = closing.frame
        step.time_ns = closing.time_ns
        self._steps.append(step)

    def _timely(self, time_ns: i64) -> bool:
        return self._everything or self._selection.includes(time_ns - self.first_ns)

    # What is to be said

    def _note(self, level: i64, party: Party, text: str, time_ns: i64 = -1) -> None:
        """time_ns: of the packet that follows; -1 for what belongs to the one before."""
        step = Step(NOTE, party.lane, party.broker, text)
        step.level = level
        step.time_ns = time_ns
        self._steps.append(step)

    def _resent(self, party: Party, direction: i64, count: i64, time_ns: i64 = -1) -> None:
        """The counter has grown."""
        new = count - party.resent[direction]
        party.resent[direction] = int(count)
        if new > 0:
            whose = SIDES[0 if direction == party.side else 1]
            self._note(RESENT, party, f"{new} TCP segment{'' if new == 1 else 's'} sent again by {whose}", time_ns)

    def _up_to(self, frame: i64) -> None:
        """Draw the ends of connections before a frame, and the findings about what lies there and was not drawn."""
        while True:
            closing = self._closings[0].frame if self._closings else ANY_FRAME
            finding = self._findings[self._found].frame if self._found < len(self._findings) else ANY_FRAME
            if min(closing, finding) >= frame:
                return
            if closing <= finding:
                self._leave()
            else:
                self._alone(self._findings[self._found])
                self._found += 1

    def _alone(self, finding: Finding) -> None:
        """A finding that is not beside its packet."""
        selection = self._selection
        if finding.rule.id in DRAWN_ANYWAY or selection.topics:
            return
        if selection.fits(finding) and self._timely(finding.time_ns):
            self._finding(self._parties.get(int(finding.stream)), finding, finding.frame)

    def _beside(self, party: Party, packet: Packet) -> None:
        """Draw the findings about the packet just drawn."""
        at = self._found
        while at < len(self._findings) and self._findings[at].frame == packet.frame:
            finding = self._findings[at]
            if finding.rule.id in DRAWN_ANYWAY or (
                finding.stream == party.number and finding.packet in ("", packet.name)
            ):
                if finding.rule.id not in DRAWN_ANYWAY:
                    self._finding(party, finding, 0)
                self._findings[at] = self._findings[self._found]  # what is left stays behind `_found`
                self._found += 1
            at += 1

    def _finding(self, party: Party | None, finding: Finding, frame: i64) -> None:
        """frame: for what stands alone; 0 beside its packet."""
        clause = finding.clause
        text = f"{finding.what} ({finding.rule.id}{', ' + clause if clause else ''})"
        shown = party is not None and party.joined and self._columns.holds(party)
        if not shown and finding.client:
            text = f"{finding.client}: {text}"
        lane = party.lane if shown and party is not None else NOBODY
        step = Step(NOTE, lane, NOBODY, brief(text, LONGEST))
        step.level = LEVELS[int(finding.severity)]
        if frame:
            step.frame = frame
            step.time_ns = finding.time_ns
            step.late = frame < self._frame
        self._steps.append(step)


def is_success(packet: Packet) -> bool:
    """Does an acknowledgement have its identifier and no more, or the reason code of success behind it?"""
    if packet.hole_offset >= 0:
        return False
    size: i64 = len(packet.data)
    return size == 4 or (size == 5 and packet.version >= 5 and packet.data[4] == 0)


def frame_of(finding: Finding) -> int:
    """What findings are sorted by."""
    return int(finding.frame)
