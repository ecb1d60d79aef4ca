"""Requests and answers on one connection: packet identifiers, acknowledgements, limits, re-deliveries.

Theory of operation
-------------------
Each side has a table of its requests by packet identifier (MQTT 5.0, sections 2.2.1, 4.3): PUBLISH of QoS 1 and 2 until
their handshake is complete, SUBSCRIBE and UNSUBSCRIBE until they are confirmed. Every packet of a handshake moves its
request to the next stage, or does not fit.

What the capture cannot decide is not reported. Neither an answer to nothing nor an identifier in use counts on a
connection of which something is missing. That an answer is missing counts only if everything was captured that its
sender sent since the request (`Link.sure_since`), and if it had time, or has answered later requests.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis import extract, rules
from mqttdissect.analysis.facts import BROKER_SIDE, CLIENT_SIDE, CONNECTED, Link, Publish, Request
from mqttdissect.analysis.report import Report
from mqttdissect.analysis.rule import BROKER, CLIENT, Rule
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import PACKET_IDENTIFIER

PATIENCE_NS: Final = 1_000_000_000  # that an answer may take
SLOW_NS: Final = 1_000_000_000
LATE_NS: Final = 200_000_000  # an answer that took so long is looked into
UNCLEAR_NS: Final = 5_000_000_000  # for which a malformed packet may explain answers
QUIET_NS: Final = 10_000_000_000  # between two reports of slow answers on one connection
QUEUE: Final = 128  # messages in flight that are remarkable, and each doubling of them,
QUEUE_NS: Final = 5_000_000_000  # if the oldest waits so long,
VERY_MANY: Final = 1024  # or if they are so many
DUP: Final = 0x08  # in the fixed header
PARTIES: Final = (CLIENT, BROKER)
FIRST_OF_QOS_2: Final[dict[i64, str]] = {4: "[MQTT-4.3.3-1]", 5: "[MQTT-4.3.3-2]"}  # DUP 0, by version
WHO: Final = ("the client", "the broker")
WHOSE: Final = ("client's", "broker's")


def milliseconds(ns: i64) -> str:
    """`0.8 ms`, `1.2 s`, `86,400 s`"""
    if ns < 999_500_000:
        return f"{int(ns) / 1e6:.3g} ms"
    return f"{int(ns) / 1e9:.3g} s" if ns < 999_500_000_000 else f"{int(ns) / 1e9:,.0f} s"


def sends_publish(report: Report, link: Link, packet: Packet, side: i64, facts: Publish) -> bool:
    """A PUBLISH. Is it a message that was not seen before?"""
    if packet.version >= 5:
        limits_of_publish(report, link, packet, side, facts)
    if facts.qos == 0 or facts.qos == 3 or facts.identifier == 0 or packet.hole_offset >= 0:
        return True
    mine = link.of(side)
    number = int(facts.identifier)
    before = mine.pending.get(number)
    if before is not None and again(report, link, packet, side, facts, before):
        return False
    if facts.dup and before is None and certain(link) and not link.session_present:
        report.at(
            rules.DUP_ON_FIRST_DELIVERY,
            packet,
            "DUP is 1 in the first PUBLISH of a message",
            0,
            1,
            stated=FIRST_OF_QOS_2.get(packet.version, "") if facts.qos == 2 and side == CLIENT_SIDE else "",
        )
    request = Request(codes.PUBLISH, facts.identifier, facts.frame, facts.time_ns)
    request.qos = facts.qos
    request.late = is_late(packet)
    request.digest = facts.digest
    request.topic = facts.topic
    request.retain = facts.retain
    mine.orders += 1
    request.order = mine.orders
    mine.ask(number, request)
    mine.flights += 1
    if packet.version >= 5:
        receive_maximum(report, link, packet, side)
    count = mine.flights
    if count >= QUEUE and count & (count - 1) == 0:
        queue(report, link, packet, side, count)
    return True


def is_late(packet: Packet) -> bool:
    """Was the packet held back by a hole in its stream: was it captured in an earlier frame than it was handed on?"""
    return packet.spans is not None and packet.spans[-1][1] != packet.frame


def is_unclear(packet: Packet) -> bool:
    """Of a malformed packet: can it not be told for sure what it asks or answers?"""
    kind = packet.type
    return kind == codes.PUBLISH or (codes.PUBLISH < kind <= codes.UNSUBACK and extract.identifier(packet) == 0)


def may_answer_unclear(link: Link, packet: Packet) -> bool:
    """May an answer be to a malformed packet, whose receiver has read it otherwise?"""
    last_ns = max(link.client_side.unclear_ns, link.broker_side.unclear_ns)
    return last_ns >= 0 and packet.time_ns - last_ns < UNCLEAR_NS


def certain(link: Link) -> bool:
    """Is all known of the exchanges of this connection, since it began with no state from before?"""
    told = link.connack_frame != 0 and link.version > 3  # 3.1 does not say whether a session is present
    return complete(link) and (link.clean or (told and not link.session_present))


def complete(link: Link) -> bool:
    """Is all there that both sides sent on this connection?"""
    return link.whole and link.seen(CLIENT_SIDE) and link.seen(BROKER_SIDE)


def comes_from_nowhere(link: Link, kind: i64) -> bool:
    """Is an answer of this type, for which no request is known, certainly one to nothing? In a session that goes on,
    what was under way is known if the session was captured. But PUBREL may come again though its PUBCOMP was captured,
    which then did not arrive."""
    if kind == codes.SUBACK or kind == codes.UNSUBACK:
        return complete(link)
    return certain(link) or (kind != codes.PUBREL and link.inherits and complete(link))


def again(report: Report, link: Link, packet: Packet, side: i64, facts: Publish, before: Request) -> bool:
    """A PUBLISH whose identifier is in use: is it the same message, sent again?"""
    related = [(int(before.frame), f"{codes.PACKET_TYPES[int(before.type)]} {before.identifier}")]
    number = facts.identifier
    same = before.type == codes.PUBLISH and before.qos == facts.qos and before.digest == facts.digest
    if same and before.topic != facts.topic and facts.topic and before.topic:
        same = False
    if same and (before.carried or facts.dup or before.stage == codes.PUBLISH):
        before.sent += 1
        link.of(side).reuse(int(number))  # each of them may be answered
        if not facts.dup:
            what = f"PUBLISH {number} is sent again with DUP 0"
            report.at(rules.REDELIVERY_WITHOUT_DUP, packet, what, 0, 1, related)
        if before.retain != facts.retain and facts.dup:
            what = f"PUBLISH {number} is sent again with RETAIN {int(facts.retain)}"
            report.at(rules.REDELIVERY_CHANGED, packet, what, 0, 1, related)
        if before.stage == codes.PUBREL:
            what = f"PUBLISH {number} is sent again after its PUBREL"
            report.at(rules.PUBLISH_AFTER_PUBREL, packet, what, 0, 1, related)
        elif before.carried:
            redelivered(report, link, packet, side, before)
        elif packet.version >= 5 and link.whole:
            what = f"PUBLISH {number} is sent again on the connection on which it was sent before"
            report.at(rules.RESENT_WHILE_CONNECTED, packet, what, 0, 1, related)
        return True
    if before.carried and not facts.dup:
        if link.all_before:
            what = f"Packet identifier {number} is still in use by a message of the connection before"
            report.at(rules.IDENTIFIER_IN_USE, packet, what, *identifier_bytes(packet), related)
    elif facts.dup and before.type == codes.PUBLISH:
        what = f"PUBLISH {number} is sent again with another topic, QoS or message"
        report.at(rules.REDELIVERY_CHANGED, packet, what, 0, 1, related)
    elif link.all_before:
        what = f"Packet identifier {number} is used again before the handshake of frame {before.frame} is complete"
        report.at(rules.IDENTIFIER_IN_USE, packet, what, *identifier_bytes(packet), related)
    link.of(side).reuse(int(number))
    forget(link, side, before)
    return False


def redelivered(report: Report, link: Link, packet: Packet, side: i64, before: Request) -> None:
    """A message of the connection before, sent again on this one: in the order of then (4.6; a broker of MQTT 5.0 has
    an order in one topic and QoS only). Its handshake starts anew: whoever was away kept nobody waiting."""
    before.carried = False
    link.of(side).unsent -= 1
    if packet.version >= 5:
        receive_maximum(report, link, packet, side)
    any_topic = side == CLIENT_SIDE or packet.version < 5
    for other in link.of(side).pending.values():
        if (
            other.carried
            and other.type == codes.PUBLISH
            and other.stage == codes.PUBLISH
            and other.order < before.order
            and (any_topic or (other.qos == before.qos and other.topic == before.topic))
        ):
            what = f"PUBLISH {before.identifier} is sent again before PUBLISH {other.identifier}, which came first"
            related = [
                (int(other.frame), f"PUBLISH {other.identifier}"),
                (int(before.frame), f"PUBLISH {before.identifier}"),
            ]
            report.at(rules.REDELIVERY_ORDER, packet, what, 0, 1, related)
            break
    before.stage = codes.PUBLISH
    before.stage_ns = packet.time_ns
    before.time_ns = packet.time_ns
    before.frame = packet.frame
    before.late = is_late(packet)


def forget(link: Link, side: i64, request: Request) -> None:
    """A request is over."""
    mine = link.of(side)
    number = int(request.identifier)
    if number in mine.pending:
        del mine.pending[number]
    if request.type == codes.PUBLISH:
        mine.flights -= 1
        if mine.unsent and (request.carried or mine.unsent > mine.flights):
            mine.unsent -= 1


def identifier_bytes(packet: Packet) -> tuple[int, int]:
    """Where the packet identifier is."""
    for field in packet.fields:
        if field.spec is PACKET_IDENTIFIER:
            return int(field.start), int(field.end)
    return -1, -1


def limits_of_publish(report: Report, link: Link, packet: Packet, side: i64, facts: Publish) -> None:
    """What the other side has said that it takes (MQTT 5.0, sections 3.1.2.11 and 3.2.2.3)."""
    limits = link.of(1 - side).limits
    if facts.alias:
        if link.whole and (link.connack_frame or side == BROKER_SIDE) and facts.alias > limits.alias_maximum:
            report.at(
                rules.TOPIC_ALIAS_EXCEEDED,
                packet,
                f"Topic Alias {facts.alias}; {WHO[1 - side]} takes up to {limits.alias_maximum}",
                related=limit_said(link, side),
            )
        elif not facts.topic and link.whole:
            report.at(
                rules.TOPIC_ALIAS_UNKNOWN, packet, f"Topic Alias {facts.alias} was not set before on this connection"
            )
    if side == CLIENT_SIDE and link.connack_frame:
        if facts.qos > limits.maximum_qos and facts.qos < 3:
            what = f"QoS {facts.qos}; the broker takes up to {limits.maximum_qos}"
            report.at(rules.MAXIMUM_QOS_EXCEEDED, packet, what, 0, 1, limit_said(link, side))
        if facts.retain and not limits.retain:
            report.at(
                rules.RETAIN_UNAVAILABLE,
                packet,
                "RETAIN is 1; the broker takes no retained messages",
                0,
                1,
                limit_said(link, side),
            )


def limit_said(link: Link, side: i64) -> list[tuple[int, str]]:
    """Where the other side has said what it takes."""
    if side == CLIENT_SIDE:
        return [(int(link.connack_frame), "CONNACK")]
    return [(int(link.connect_frame), "CONNECT")]


def receive_maximum(report: Report, link: Link, packet: Packet, side: i64) -> None:
    """4.9 of MQTT 5.0; a message carried from the connection before counts only once it is sent again."""
    limit = link.of(1 - side).limits.receive_maximum
    count = link.of(side).flights - link.of(side).unsent
    if count <= limit or not link.all_before or (side == CLIENT_SIDE and not link.connack_frame):
        return
    report.at(
        rules.RECEIVE_MAXIMUM_EXCEEDED,
        packet,
        f"{count} messages are not acknowledged; {WHO[1 - side]} takes {limit} at a time",
        related=limit_said(link, side),
        closes=side == CLIENT_SIDE,  # a client counts what it has acknowledged, though that is still on its way
    )


def queue(report: Report, link: Link, packet: Packet, side: i64, count: i64) -> None:
    """Many messages or other requests in flight, the oldest since long, or very many."""
    for request in link.of(side).pending.values():
        if request.carried:
            continue
        age = packet.time_ns - request.time_ns
        if link.sure_since(1 - side, request.time_ns):
            those = "messages" if packet.type == codes.PUBLISH else "requests"
            what = f"{count} {those} are not acknowledged, the oldest since {milliseconds(age)}"
            related = [(int(request.frame), "the oldest")]
            if age > QUEUE_NS:
                report.at(rules.QUEUE_BUILD_UP, packet, what, related=related, fault=PARTIES[1 - side])
            elif count >= VERY_MANY:
                report.at(rules.MANY_IN_FLIGHT, packet, what, related=related)
        return


def sends_request(report: Report, link: Link, packet: Packet, side: i64) -> Request | None:
    """A SUBSCRIBE or UNSUBSCRIBE."""
    number = extract.identifier(packet)
    if number == 0 or packet.hole_offset >= 0:
        return None
    before = link.of(side).pending.get(int(number))
    if before is not None:
        repeated = packet.version == 3 and packet.flags & DUP != 0 and before.type == packet.type  # 2.1 of MQTT 3.1
        if link.all_before and not repeated:
            what = f"Packet identifier {number} is used again before the handshake of frame {before.frame} is complete"
            related = [(int(before.frame), f"{codes.PACKET_TYPES[int(before.type)]} {number}")]
            report.at(rules.IDENTIFIER_IN_USE, packet, what, *identifier_bytes(packet), related)
        link.of(side).reuse(int(number))
        forget(link, side, before)
    request = Request(packet.type, number, packet.frame, packet.time_ns)
    request.late = is_late(packet)
    link.of(side).orders += 1
    request.order = link.of(side).orders
    link.of(side).ask(int(number), request)
    count = len(link.of(side).pending)
    if count >= QUEUE and count & (count - 1) == 0:
        queue(report, link, packet, side, count)
    return request


def answered(report: Report, link: Link, packet: Packet, side: i64) -> Request | None:
    """`side` answers a request of the other one, or goes on with a handshake of its own (PUBREL).

    Returns the request that is complete with it.
    """
    number = extract.identifier(packet)
    if number == 0 or packet.hole_offset >= 0:
        return None
    kind = packet.type
    asker = side if kind == codes.PUBREL else 1 - side
    request = link.of(asker).pending.get(int(number))
    if request is None:
        to_nothing(report, link, packet, asker, int(number))
        return None
    stage = request.stage
    if request.type != ASKED[kind]:
        wrong(report, link, packet, request)
        return None
    if kind == codes.PUBACK or kind == codes.PUBREC:
        if request.qos != (1 if kind == codes.PUBACK else 2):
            what = f"{packet.name} {number} answers a PUBLISH of QoS {request.qos}"
            report.at(rules.ACKNOWLEDGEMENT_WRONG, packet, what, 0, 1, [(int(request.frame), f"PUBLISH {number}")])
            forget(link, asker, request)
            link.of(asker).reuse(int(number))
            return request
        if kind == codes.PUBREC and stage != codes.PUBLISH:
            if request.sent == 1 and not request.carried and certain(link):
                wrong(report, link, packet, request)
            link.of(asker).reuse(int(number))  # it too is answered, with a PUBREL (4.3.3)
            return None
        in_order(report, link, packet, asker, request)
    elif kind == codes.PUBREL and not request.carried:
        if stage == codes.PUBREL:
            released_again(report, link, packet, asker, request)
            return None
        if stage == codes.PUBREC:
            in_order(report, link, packet, asker, request)
        else:
            if certain(link):
                wrong(report, link, packet, request)
            link.of(asker).reuse(int(number))  # the PUBREC is still due, and so is a PUBCOMP
    elif kind == codes.PUBCOMP and stage != codes.PUBREL and not request.carried:
        if certain(link):
            wrong(report, link, packet, request)
        if not link.all_before:
            link.of(asker).reuse(int(number))  # the PUBREL may have been sent before it, and be captured later
    took = packet.time_ns - request.stage_ns
    if took > LATE_NS and not request.carried and (kind != codes.PUBREL or stage == codes.PUBREC):
        late(report, link, packet, request, took)
    request.stage = kind
    request.stage_ns = packet.time_ns
    request.carried = False
    failed = packet.version >= 5 and (kind == codes.PUBACK or kind == codes.PUBREC) and extract.code(packet) >= 0x80
    if failed:
        request.refused = True
        report.at(
            rules.PUBLISH_REFUSED,
            packet,
            f"PUBLISH {number} is refused: {extract.code_name(packet)}",
            related=[(int(request.frame), f"PUBLISH {number}")],
        )
    if kind == codes.PUBREL or (kind == codes.PUBREC and not failed):
        return None
    mine = link.of(asker)
    if mine.unsent and mine.flights - mine.unsent >= link.of(1 - asker).limits.receive_maximum:
        mine.freed_ns = packet.time_ns
    forget(link, asker, request)
    return request


def released_again(report: Report, link: Link, packet: Packet, asker: i64, request: Request) -> None:
    """A PUBREL that is sent again, since its PUBCOMP lets it wait. Before MQTT 5.0 that is allowed."""
    number = request.identifier
    asked_for = int(number) in link.of(asker).reused  # by another PUBREC
    link.of(asker).reuse(int(number))  # each of them is answered
    if packet.version >= 5 and link.whole and not asked_for:
        what = f"PUBREL {number} is sent again on the connection on which it was sent before"
        report.at(rules.RESENT_WHILE_CONNECTED, packet, what, 0, 1, [(int(request.frame), f"PUBLISH {number}")])


ASKED: Final = [0] * 16  # by type of an answer, what it is for; 0 for none
for _answer in (codes.PUBACK, codes.PUBREC, codes.PUBREL, codes.PUBCOMP):
    ASKED[_answer] = codes.PUBLISH
ASKED[codes.SUBACK] = codes.SUBSCRIBE
ASKED[codes.UNSUBACK] = codes.UNSUBSCRIBE


def wrong(report: Report, link: Link, packet: Packet, request: Request) -> None:
    """An answer that the request does not wait for."""
    asker = BROKER_SIDE if (packet.sender == codes.FROM_CLIENT) == (packet.type != codes.PUBREL) else CLIENT_SIDE
    if not link.all_before or int(request.identifier) in link.of(asker).reused or may_answer_unclear(link, packet):
        return
    last = codes.PACKET_TYPES[int(request.stage)]
    what = f"{packet.name} {request.identifier} does not follow on {last}"
    report.at(
        rules.ACKNOWLEDGEMENT_WRONG,
        packet,
        what,
        0,
        1,
        [(int(request.frame), f"{codes.PACKET_TYPES[int(request.type)]} {request.identifier}")],
    )


def in_order(report: Report, link: Link, packet: Packet, asker: i64, request: Request) -> None:
    """Acknowledgements come in the order of what they acknowledge (4.6). That binds clients; brokers only where they
    deliver messages, thus with PUBREL, and in MQTT 5.0 not even then."""
    mine = link.of(asker)
    kind = packet.type
    if request.sent > 1 or request.carried:
        return
    place = request.confirmed if kind == codes.PUBREL else request.order
    if kind == codes.PUBREC:
        mine.confirmed += 1
        request.confirmed = mine.confirmed
    if place < mine.last_order(kind):
        by_broker = packet.sender == codes.FROM_SERVER
        if link.all_before and (not by_broker or (kind == codes.PUBREL and packet.version < 5)):
            later = "PUBREC" if kind == codes.PUBREL else "PUBLISH"
            what = f"{packet.name} {request.identifier} comes after that of a later {later}"
            related = [(int(request.frame), f"PUBLISH {request.identifier}")]
            stated = "[MQTT-4.6.0-6]" if by_broker and packet.version == 4 else ""
            report.at(rules.ACKNOWLEDGEMENT_ORDER, packet, what, 0, 1, related, stated=stated)
        return
    mine.answered(kind, place)


def late(report: Report, link: Link, packet: Packet, request: Request, took: i64) -> None:
    """An answer that took long: TCP may tell why."""
    if link.slow_ns >= 0 and packet.time_ns - link.slow_ns < QUIET_NS:
        return
    if took <= SLOW_NS and not sent_again(link, request.stage_ns):
        return
    if not link.all_before:
        return
    what = f"{packet.name} {request.identifier} came {milliseconds(took)} after what it answers"
    related = [(int(request.frame), f"{codes.PACKET_TYPES[int(request.type)]} {request.identifier}")]
    slow(report, link, packet, what, related, request.stage_ns, took)


def sent_again(link: Link, since_ns: i64) -> bool:
    """Did TCP send anything again since then?"""
    stream = link.stream
    return stream.source.retransmitted_ns >= since_ns or stream.destination.retransmitted_ns >= since_ns


def slow(
    report: Report, link: Link, packet: Packet, what: str, related: list[tuple[int, str]], since_ns: i64, took: i64
) -> None:
    """Report a slow answer under the rule that says why."""
    stream = link.stream
    for half in (stream.source, stream.destination):
        if half.retransmitted_ns >= since_ns:
            why = f"{what}; segments were sent again in between ({half.retransmissions} so far)"
            report.at(rules.TCP_LOSS, packet, why, related=related)
            link.slow_ns = packet.time_ns
            return
    if took > SLOW_NS:
        report.at(
            rules.SLOW_ANSWER,
            packet,
            what,
            related=related,
            fault=CLIENT if packet.sender == codes.FROM_CLIENT else BROKER,
        )
        link.slow_ns = packet.time_ns


def to_nothing(report: Report, link: Link, packet: Packet, asker: i64, number: int) -> None:
    """An answer without a request."""
    kind = packet.type
    if kind == codes.PUBREL:
        link.of(asker).exceed(number)
    elif kind == codes.PUBCOMP and number in link.of(asker).surplus:
        link.of(asker).surplus.discard(number)
        return
    if may_answer_unclear(link, packet):
        return
    if link.all_before and comes_from_nowhere(link, kind) and number not in link.of(asker).reused:
        asked = "PUBREC" if kind == codes.PUBREL else codes.PACKET_TYPES[ASKED[kind]]
        what = f"{packet.name} {number} answers no {asked} that is under way"
        report.at(rules.ANSWER_UNEXPECTED, packet, what, *identifier_bytes(packet), link=link)
    if packet.type == codes.PUBREC:
        link.of(asker).reuse(int(number))  # to it a PUBREL is no answer to nothing


def ended(report: Report, link: Link) -> None:
    """The connection has ended: which requests had no answer?"""
    end_frame, end_ns = link.end_frame, link.end_ns
    for side in (CLIENT_SIDE, BROKER_SIDE):
        for request in link.of(side).pending.values():
            if request.carried:
                not_again(report, link, side, request, end_frame, end_ns)
            else:
                missing(report, link, side, request, end_frame, end_ns)


MISSING: Final[dict[i64, Rule]] = {
    codes.PUBLISH: rules.PUBLISH_UNACKNOWLEDGED,
    codes.PUBREC: rules.PUBREL_MISSING,
    codes.PUBREL: rules.PUBCOMP_MISSING,
    codes.SUBSCRIBE: rules.SUBACK_MISSING,
    codes.UNSUBSCRIBE: rules.UNSUBACK_MISSING,
}
ANSWERS: Final[dict[i64, str]] = {
    codes.PUBREC: "PUBREL",
    codes.PUBREL: "PUBCOMP",
    codes.SUBSCRIBE: "SUBACK",
    codes.UNSUBSCRIBE: "UNSUBACK",
}


def missing(report: Report, link: Link, side: i64, request: Request, end_frame: i64, end_ns: i64) -> None:
    """A request that was not answered, or a handshake that did not go on."""
    stage = request.stage
    owes = side if stage == codes.PUBREC else 1 - side
    if not link.sure_since(owes, request.stage_ns) or not link.sure_since(side, request.stage_ns):
        return
    if request.late or (link.violation == side and link.violation_ns <= request.time_ns):
        return
    if link.unheard(1 - owes, request.stage_ns) or link.of(owes).unclear_ns >= request.stage_ns:
        return
    waited = end_ns - request.stage_ns
    overtaken = (
        stage == codes.PUBLISH
        and link.of(side).last_order(codes.PUBACK if request.qos == 1 else codes.PUBREC) > request.order
    )
    if link.disconnect_side != -1 and link.disconnect_ns - request.stage_ns < PATIENCE_NS:
        waited = 0
    if waited < PATIENCE_NS and not (overtaken and waited > PATIENCE_NS // 10):
        return
    answer = ANSWERS.get(stage)
    if answer is None:
        answer = "PUBACK" if request.qos == 1 else "PUBREC"
    name = codes.PACKET_TYPES[int(request.type)]
    what = f"{name} {request.identifier} has no {answer}, in {milliseconds(waited)} until the connection ended"
    rule = MISSING.get(stage)
    if rule is not None:
        report.of(
            rule,
            link,
            request.frame,
            request.time_ns,
            what,
            [(int(end_frame), "the end of the connection")],
            PARTIES[owes],
        )


def not_again(report: Report, link: Link, side: i64, request: Request, end_frame: i64, end_ns: i64) -> None:
    """A message of the connection before, which should have been sent again on this one (4.4.0-1)."""
    if not (link.whole and link.state >= CONNECTED and link.session_present and link.connack_ns):
        return
    if not link.sure_since(side, link.connack_ns) or end_ns - link.connack_ns < PATIENCE_NS:
        return
    name = "PUBREL" if request.stage in (codes.PUBREL, codes.PUBREC) else "PUBLISH"
    limits = link.of(1 - side).limits
    if name == "PUBLISH" and (kept_back(link, side, end_ns) or request.qos > limits.maximum_qos):
        return
    what = f"{name} {request.identifier} is not sent again, though the session goes on"
    report.of(
        rules.REDELIVERY_MISSING,
        link,
        link.connack_frame,
        link.connack_ns,
        what,
        [(int(request.frame), f"PUBLISH {request.identifier}")],
        PARTIES[side],
    )


def kept_back(link: Link, side: i64, end_ns: i64) -> bool:
    """Did the other side's Receive Maximum not let this one send again all that it had to (4.9 of MQTT 5.0)?"""
    mine = link.of(side)
    full = mine.flights - mine.unsent >= link.of(1 - side).limits.receive_maximum
    return full or end_ns - mine.freed_ns < PATIENCE_NS
