"""Packets in, findings and the facts of connections out.

Theory of operation
-------------------
`chunk` is given every chunk of a stream that carries MQTT, with the packets that it completed. A packet passes, in this
order: what it shows on its own (`packets`); whether its sender may send it now (`opening`, `keepalive`); what it asks
or answers (`exchange`, `subscribing`); what it means for other clients (`delivery`). When a direction ends or
the capture does, its connection is looked at as a whole, and handed out.

Nothing is kept of a connection that has ended but counts and what its client's session needs; tables are bounded.
Cost: constant time a packet, but for subscriptions: see `delivery`.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis import carried, exchange, extract, keepalive, opening, packets, rules, subscribing
from mqttdissect.analysis.brokers import OWED_NS
from mqttdissect.analysis.delivery import Deliveries
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    CLIENT_SIDE,
    CLOSING,
    CONNECTED,
    ENDED,
    Client,
    Link,
    Losses,
    Message,
)
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.opening import Opening
from mqttdissect.analysis.report import Report
from mqttdissect.analysis.turns import Turns
from mqttdissect.analysis.unread import whose
from mqttdissect.analysis.wills import MOST_WILLS, due_ns
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.codes import FROM_CLIENT
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.net.order import passed
from mqttdissect.net.stream import CAPTURE_ENDED, DROPPED, OPEN, REPLACED, RESET, Chunk

SECOND: Final = 1_000_000_000
OVER: Final = -2  # as `Stream.analysed`: both directions have ended
BACK_NS: Final = 1_000_000_000  # by which time may go back without a word
AHEAD_NS: Final = 30 * 24 * 3600 * SECOND  # by which it may go on
HALF_OPEN: Final = 3  # segments sent again that nobody acknowledged
ZERO_WINDOW_NS: Final = 1_000_000_000


@final
class Analysis:
    """`chunk` it, `close` it at the end; `take` the findings and `take_links` the connections that ended since.

    severities: what the user wants of rules, by id; see `rule`. links, packets: seen so far. finding.counts has the
    findings by rule.
    """

    def __init__(self, severities: dict[str, int] | None = None) -> None:
        self.report = Report(severities)
        self.opening = Opening(self.report)
        self.deliveries = Deliveries(self.report, self.opening)
        self.links: i64 = 0
        self._turns = Turns()
        self._open: dict[int, Link] = {}  # by number of the stream
        self._room = subscribing.Room(self.opening.clients, self._open)
        self._places: list[Link | None] = []  # the same, by `Stream.analysed`: found with less than a dictionary takes
        self._free: list[int] = []  # places where nothing is
        self._half_closed: dict[int, Link] = {}  # those that have ended, while one side may still send
        self._ended: list[Link] = []
        self._dying: list[Link] = []  # those of them whose will may still come
        self._closed = False
        self._losses = Losses()
        self._now_ns: i64 = 0
        self._frame: i64 = 0

    @property
    def clients(self) -> dict[tuple[bytes, str], Client]:
        """By broker (address and port) and client identifier."""
        return self.opening.clients

    @property
    def open_links(self) -> list[Link]:
        """The connections that have not ended."""
        return list(self._open.values())

    def take(self) -> list[Finding]:
        """The findings since this was last asked."""
        return self.report.take()

    def take_links(self) -> list[Link]:
        """The connections that have ended since this was last asked, those with a will once that was published, or was
        not in its time."""
        ended = self._ended
        self._ended = []
        if self._dying:
            kept: list[Link] = []
            for link in self._dying:
                will = link.will
                over = self._closed or will is None or will.fired or (will.cancelled and not will.came_back)
                if over or self._now_ns - due_ns(link) > OWED_NS:
                    ended.append(link)
                else:
                    kept.append(link)
            self._dying = kept
        return ended

    def take_messages(self) -> list[Message]:
        """The messages that were published, once their time to be delivered is over; see `Deliveries.watching`."""
        return self.deliveries.take(self._now_ns, self._closed)

    def chunk(self, chunk: Chunk, found: list[Packet]) -> None:
        """A chunk, and the packets that it completed."""
        now = chunk.time_ns
        if chunk.ending == OPEN:
            if (now < self._now_ns - BACK_NS and chunk.arrival >= self._frame) or (
                now > self._now_ns + AHEAD_NS and self._now_ns
            ):
                self._jump(chunk)
                self._now_ns = now
            elif now > self._now_ns:
                self._now_ns = now
        if chunk.arrival > self._frame:
            self._frame = chunk.arrival
        passed(chunk)
        other = chunk.stream.half(1 - chunk.direction)
        if self._turns.waiting or other.acknowledged > other.next or other.queued:
            due = self._turns.take(chunk, found, self._now_ns)
            while self._turns.overdue:
                late = self._open.get(self._turns.overdue.pop())
                if late is not None and late.seen(CLIENT_SIDE) and late.seen(BROKER_SIDE):
                    late.say_partial("the capture lacks bytes of it that were acknowledged")
            for one, packets_of_one in due:
                self._take(one, packets_of_one)
        else:
            self._take(chunk, found)

    def _take(self, chunk: Chunk, found: list[Packet]) -> None:
        """A chunk whose turn it is."""
        place = chunk.stream.analysed
        link = self._places[place] if place >= 0 else None
        if link is None:
            link = self._half_closed.get(int(chunk.stream.number))
            if link is not None:
                self.report.link = link
                self._after_end(link, chunk, found)
                return
            if (chunk.ending != OPEN and not found) or (place == OVER and crosses_reset(chunk)):
                return
            link = self._enter(chunk)
        self.report.link = link
        if chunk.gap:
            self._gap(link, chunk)
        for packet in found:
            self._packet(link, packet)
        if chunk.ending != OPEN:
            captured = chunk.ending not in (CAPTURE_ENDED, DROPPED) and (
                chunk.ending != REPLACED or chunk.stream.closed_by >= 0
            )
            self._leave(link, chunk.arrival, captured)
            self._half_closed[int(link.number)] = link

    def unread(self, chunk: Chunk) -> None:
        """A chunk of a stream that is not known to be MQTT, or that is none."""
        host = whose(chunk)
        if host:
            what = "a stream to its address may carry MQTT that is not read"
            self.deliveries.hidden_at(host, what, chunk.stream.number, chunk.arrival, chunk.time_ns)

    def _enter(self, chunk: Chunk) -> Link:
        """A new connection."""
        stream = chunk.stream
        link = Link(stream, chunk.arrival, chunk.time_ns, self._losses)
        if stream.analysed == OVER:
            link.say_partial("it goes on behind its end")
        self._open[int(link.number)] = link
        if self._free:
            stream.analysed = self._free.pop()
            self._places[stream.analysed] = link
        else:
            stream.analysed = len(self._places)
            self._places.append(link)
        self.links += 1
        return link

    def _after_end(self, link: Link, chunk: Chunk, found: list[Packet]) -> None:
        """What the other side still sends when one has closed its direction: it may answer requests, and is counted."""
        if chunk.gap:
            self._gap(link, chunk)
        for packet in found:
            if packet.type == UNDECODED or not packet.sender:
                continue
            side: i64 = CLIENT_SIDE if packet.sender == FROM_CLIENT else BROKER_SIDE
            mine = link.of(side)
            mine.packets += 1
            mine.bytes += len(packet.data)
            if packet.begun_ns < link.end_ns:
                mine.last_ns = link.end_ns  # until then it was sending that
            if packet.type == codes.PUBLISH:
                mine.messages += 1
            elif packet.type == codes.PINGRESP:
                link.answered_ping()
            elif exchange.ASKED[packet.type]:
                asker = side if packet.type == codes.PUBREL else 1 - side
                link.of(asker).pending.pop(int(extract.identifier(packet)), None)
        if chunk.ending == RESET:
            self.deliveries.wills.reset(link)
        if chunk.ending != OPEN and chunk.ending != CAPTURE_ENDED:  # then `close` does it, when all gaps are known
            del self._half_closed[int(link.number)]
            self._judge(link)

    def close(self) -> None:
        """The capture has ended."""
        for link in list(self._open.values()):
            self.report.link = link
            self._leave(link, self._frame, False)
            self._half_closed[int(link.number)] = link
        for link in self._half_closed.values():
            self.report.link = link
            self._judge(link)
        self._half_closed = {}
        self.deliveries.close()
        self._closed = True

    def _jump(self, chunk: Chunk) -> None:
        """The capture's clock has jumped: no duration across that means anything."""
        now = chunk.time_ns
        by = now - self._now_ns
        for link in self._open.values():
            for side in (CLIENT_SIDE, BROKER_SIDE):
                if link.of(side).last_ns:
                    link.of(side).last_ns = now
                for request in link.of(side).pending.values():
                    request.stage_ns = now
                    request.time_ns = now
        first = self._open.get(int(chunk.stream.number))
        if first is None:
            first = Link(chunk.stream, chunk.arrival, now, self._losses)
        words = "back" if by < 0 else "ahead"
        span = exchange.milliseconds(by if by > 0 else -by)
        self.report.of(rules.CLOCK_JUMP, first, chunk.arrival, now, f"The time stamps jump {words} by {span}")

    def _gap(self, link: Link, chunk: Chunk) -> None:
        """Bytes of a stream are missing."""
        side = link.side(chunk.direction)
        self._losses.last_ns = self._now_ns
        link.say_partial(f"the capture lacks bytes of it, first before frame {chunk.arrival}")
        for one in (CLIENT_SIDE, BROKER_SIDE):
            if side < 0 or one == side:
                link.of(one).gap_bytes += chunk.gap
                link.of(one).gap_frame = chunk.arrival
        unit = "byte" if chunk.gap == 1 else "bytes"
        what = f"The capture lacks {chunk.gap} {unit} of the stream"
        related = [(int(chunk.before), "the frame before")] if chunk.before else []
        self.report.of(rules.CAPTURE_GAP, link, chunk.arrival, chunk.time_ns, what, related)

    def _packet(self, link: Link, packet: Packet) -> None:
        """The next packet of a connection."""
        if packet.type == UNDECODED:
            why = str(packet.fields[0].value) if packet.fields else ""
            self._joined(link, packet)
            link.say_partial(f"bytes of it could not be cut into packets: {why}")
            what = f"{len(packet.data)} bytes that could not be cut into packets: {why}"
            self.report.at(rules.UNDECODED_BYTES, packet, what, 0, len(packet.data))
            return
        if packet.hole_offset >= 0:
            link.say_partial(f"bytes of the packet in frame {packet.frame} are missing")
        if packet.sender == 0:
            self._joined(link, packet)
            link.say_partial("nothing tells who is the client")
            opening.joined(self.report, link, packet)
            packets.check(self.report, link, packet)
            return
        report = self.report
        side: i64 = CLIENT_SIDE if packet.sender == FROM_CLIENT else BROKER_SIDE
        mine, other = link.of(side), link.of(1 - side)
        if link.client_direction < 0 or (mine.packets == 0 and other.packets == 0):
            link.client_direction = packet.direction if side == CLIENT_SIDE else 1 - packet.direction
        if mine.packets == 0 and side == BROKER_SIDE and packet.type != codes.CONNACK and packet.type != codes.AUTH:
            if link.stream.half(packet.direction).initial == -1:
                link.say_partial("the beginning of what the broker sent was not captured")
        before = report.closing
        link.version = packet.version
        packets.check(report, link, packet)
        if opening.in_time(report, link, packet, side):
            if side == CLIENT_SIDE:
                keepalive.speaks(report, link, packet)
            if mine.largest and len(packet.data) > mine.largest:
                self._too_large(link, packet, side, mine.largest)
            self._by_type(link, packet, side)
        if packet.notes is not None and exchange.is_unclear(packet):
            mine.unclear_ns = packet.time_ns
        mine.packets += 1
        mine.bytes += len(packet.data)
        mine.last_ns = packet.time_ns
        mine.last_frame = packet.frame
        if report.closing != before and (packet.version > 3 or packet.type == codes.CONNECT):
            link.violate(side, packet.frame, packet.time_ns)  # 3.1 has nobody close for anything but an invalid CONNECT

    def _joined(self, link: Link, packet: Packet) -> None:
        """Its first packets cannot be read, if the capture lacks its beginning."""
        if link.whole and not link.stream.handshake:
            self._losses.last_ns = packet.time_ns

    def _too_large(self, link: Link, packet: Packet, side: i64, limit: i64) -> None:
        said = "CONNECT" if side == BROKER_SIDE else "CONNACK"
        frame = link.connect_frame if side == BROKER_SIDE else link.connack_frame
        what = f"{packet.name} of {len(packet.data)} bytes; {exchange.WHO[1 - side]} takes up to {limit}"
        self.report.at(rules.PACKET_TOO_LARGE, packet, what, related=[(int(frame), said)])

    def _by_type(self, link: Link, packet: Packet, side: i64) -> None:
        """What the packet means for its connection."""
        report = self.report
        kind = packet.type
        if kind == codes.PUBLISH:
            facts = extract.publish(packet)
            link.of(side).messages += 1
            new = exchange.sends_publish(report, link, packet, side, facts)
            if side == CLIENT_SIDE:
                self.deliveries.published(link, packet, facts, new)
            else:
                self.deliveries.delivered(link, packet, facts, new)
        elif kind >= codes.PUBACK and kind <= codes.PUBCOMP:
            if not wrong_way(packet):
                exchange.answered(report, link, packet, side)
        elif wrong_way(packet):
            return
        elif kind == codes.PINGREQ:
            if not exchange.is_late(packet):
                link.pinged(packet.frame, packet.time_ns)
        elif kind == codes.PINGRESP:
            self._pingresp(link, packet)
        elif kind == codes.CONNECT:
            if self.opening.connect(link, packet):
                self.deliveries.connected(link, packet)
        elif kind == codes.CONNACK:
            if self.opening.connack(link, packet):
                self.deliveries.accepted(link, packet)
        elif kind == codes.SUBSCRIBE:
            asked = exchange.sends_request(report, link, packet, side)
            subscribing.subscribe(report, link, packet, asked, self._room)
            if asked is not None:
                self.deliveries.asked(link, asked)
        elif kind == codes.UNSUBSCRIBE:
            subscribing.unsubscribe(link, packet, exchange.sends_request(report, link, packet, side))
        elif kind == codes.SUBACK:
            request = exchange.answered(report, link, packet, side)
            if request is not None:
                subscribing.suback(report, link, packet, request)
                self.deliveries.granted(link, packet, request)
        elif kind == codes.UNSUBACK:
            request = exchange.answered(report, link, packet, side)
            if request is not None:
                subscribing.unsuback(report, link, packet, request)
                self.deliveries.unsubscribed(link, packet, request)
        elif kind == codes.DISCONNECT:
            if side == BROKER_SIDE:
                keepalive.last_silence(report, link, packet.frame, packet.time_ns, True)
            self.opening.disconnect(link, packet, side)
        elif kind == codes.AUTH and packet.version >= 5:
            self.opening.auth(link, packet, side)
        if packet.version >= 5 and side == BROKER_SIDE and not link.problem_information:
            packets.unwanted(report, link, packet, extract.properties(packet, False))

    def _pingresp(self, link: Link, packet: Packet) -> None:
        """The answer to the oldest PINGREQ."""
        if link.pings or link.more_pings:
            asked = link.answered_ping()
            if asked is None:
                return
            frame, sent_ns = asked
            took = packet.time_ns - sent_ns
            if took > exchange.LATE_NS and link.all_before:
                what = f"PINGRESP came {exchange.milliseconds(took)} after the PINGREQ"
                exchange.slow(self.report, link, packet, what, [(frame, "PINGREQ")], sent_ns, took)
        elif link.all_before:
            self.report.at(rules.PINGRESP_UNASKED, packet, "PINGRESP answers no PINGREQ", 0, 1)

    def _leave(self, link: Link, frame: i64, captured: bool) -> None:
        """A connection is over, as far as its client is concerned, or the capture is."""
        del self._open[int(link.number)]
        place = link.stream.analysed
        self._places[place] = None
        self._free.append(int(place))
        link.stream.analysed = -1
        self.opening.ended(link, frame, self._now_ns, captured)
        self.deliveries.ended(link)

    def _judge(self, link: Link) -> None:
        """Both directions of a connection have ended: only now is it known what the capture lacks of them."""
        report = self.report
        for side in (CLIENT_SIDE, BROKER_SIDE):
            if link.client_direction < 0:
                continue
            if not link.seen(side):
                link.say_partial(f"nothing that {exchange.WHO[side]} sent was captured")
            elif link.behind(side):
                link.say_partial(f"the capture lacks bytes that {exchange.WHO[side]} sent at the end")
                self._losses.last_ns = self._now_ns
        if link.connect_frame and link.state in (CONNECTED, CLOSING):
            keepalive.ended(report, link)
            exchange.ended(report, link)
        self.opening.judge(link)
        self.deliveries.judge(link)
        self._network(link)
        if link.stream.carrier:
            carried.ended(report, link)
        link.state = ENDED
        link.stream.analysed = OVER
        link.client = None  # which may outlive it by far, as may who was handed it
        if link.will is not None and not link.will.cancelled and len(self._dying) < MOST_WILLS:
            self._dying.append(link)
        else:
            self._ended.append(link)

    def _network(self, link: Link) -> None:
        """What TCP tells of a connection."""
        stream = link.stream
        for direction in (0, 1):
            half = stream.half(direction)
            back = stream.half(1 - direction)
            side = link.side(direction)
            if side < 0 or not half.seen:
                continue
            closed = half.zero_ns + (max(link.end_ns - half.zero_since_ns, 0) if half.zero_since_ns >= 0 else 0)
            if half.zero_windows and closed > ZERO_WINDOW_NS:  # a moment is usual in a burst
                times = "once" if half.zero_windows == 1 else f"{half.zero_windows} times"
                span = exchange.milliseconds(closed)
                what = (
                    f"{exchange.WHO[side].capitalize()} closed its TCP window {times}, for {span}: it reads too slowly"
                )
                self.report.of(rules.ZERO_WINDOW, link, link.end_frame, link.end_ns, what, fault=exchange.PARTIES[side])
            silent = half.retransmitted_ns - back.time_ns
            if half.retransmissions >= HALF_OPEN and back.seen and silent > SECOND:
                gone = exchange.WHO[1 - side].capitalize()
                what = f"{gone} is gone: what {exchange.WHO[side]} sends is not acknowledged"
                self.report.of(rules.HALF_OPEN, link, link.end_frame, link.end_ns, what)


def crosses_reset(chunk: Chunk) -> bool:
    """Was it sent by the side that was reset, which did not know yet? Nobody has read it."""
    reset_by = chunk.stream.reset_by
    return reset_by >= 0 and chunk.direction != reset_by


def wrong_way(packet: Packet) -> bool:
    """Did the side that must not send it send this packet? Then nothing is made of it."""
    return not codes.SENDERS[packet.type] & packet.sender
