"""What one delivery shows: does it fit the receiver's subscriptions, and the message that was published?

`delivery` has found both. A delivery that is right only if another copy of the message follows is kept with its
connection until that is known.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis import extract, rules
from mqttdissect.analysis.brokers import OWED_NS, SETTLING_NS, Broker
from mqttdissect.analysis.exchange import milliseconds
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    CONNECTED,
    NO_COPIES,
    NO_ORDERS,
    UNKNOWN,
    Copy,
    Link,
    Message,
    Order,
    Publish,
    Subscription,
)
from mqttdissect.analysis.messages import (
    MOST_TOPICS,
    SOON_NS,
    accepted,
    all_as_published,
    all_no_local,
    any_as_published,
    any_identified,
    asked_since,
    blocked,
    had,
    is_due,
    is_live,
    is_settled,
    origin,
    over_by,
    stood_since,
    subscribes,
    value_of,
)
from mqttdissect.analysis.report import Report
from mqttdissect.analysis.rule import Rule
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.topics import matches

SECOND: Final = 1_000_000_000
MOST_COPIES: Final = 64  # deliveries of one connection that others have to follow
MOST_PUBLISHERS: Final = 64  # on one topic, whose order is watched
REPLACED: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-5]", 5: "[MQTT-3.3.1-5]"}  # what states it, by version
NOT_RETAINED: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-12]", 5: "[MQTT-3.3.1-8]"}
DELETED: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-10]", 5: "[MQTT-3.3.1-6]"}
EMPTY: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-11]", 5: "[MQTT-3.3.1-7]"}
OVERLAPPING: Final[dict[i64, str]] = {4: "[MQTT-3.3.5-1]", 5: "[MQTT-3.3.4-2]"}
UNALTERED: Final = (  # properties that a broker passes on (3.3.2.3)
    (extract.PAYLOAD_FORMAT, "Payload Format Indicator", "[MQTT-3.3.2-4]"),
    (extract.CONTENT_TYPE, "Content Type", "[MQTT-3.3.2-20]"),
    (extract.RESPONSE_TOPIC, "Response Topic", "[MQTT-3.3.2-15]"),
    (extract.CORRELATION_DATA, "Correlation Data", "[MQTT-3.3.2-16]"),
)


def only_copy(report: Report, link: Link, message: Message, facts: Publish, rule: Rule, what: str, stated: str) -> None:
    """The delivery is wrong if no other copy of the message comes."""
    if link.copies is NO_COPIES:
        link.copies = []
    if len(link.copies) < MOST_COPIES:
        link.copies.append(Copy(message, facts, rule, what, stated))


def look_at_copies(report: Report, link: Link, now_ns: i64, patience: i64) -> None:
    """Which of those that are old enough by now are still the only ones? While something is in flight to the client,
    another copy may have to wait; one of several that look alike may have been taken for one of another."""
    late: list[Copy] = []
    for copy in link.copies:
        if now_ns - copy.time_ns <= patience or link.of(BROKER_SIDE).flights:
            late.append(copy)
        elif isinstance(copy.message.among.get(copy.message.key), list):
            continue
        elif sum([one.link == link.number for one in copy.message.delivered()]) == 1:
            related = origin(copy.message)
            report.of(copy.rule, link, copy.frame, copy.time_ns, copy.what, related, stated=copy.stated)
    link.copies = late


def nobody_asked(
    report: Report, link: Link, packet: Packet, facts: Publish, found: list[Subscription], message: Message | None
) -> None:
    """No subscription stands that matches."""
    if facts.topic.startswith("$"):  # what a broker says of itself to those who asked in its own way
        client = link.client
        plain = "_" + facts.topic[1:]
        for one in client.subscriptions.values() if client is not None else []:
            if one.topic[:1] in ("#", "+") and matches(one.topic, plain):
                what = f"{one.filter!r} does not match {facts.topic!r}: a wildcard does not stand for a $ in front"
                report.at(rules.DELIVERY_UNSUBSCRIBED, packet, what, related=subscribes([one]), stated="[MQTT-4.7.2-1]")
                return
        return
    if found:
        left = found[0]
        if message is not None and message.time_ns <= left.left_ns + SOON_NS // 2:
            return  # it was under way
        what = f"A message on {facts.topic!r}, {milliseconds(facts.time_ns - left.left_ns)} after the UNSUBACK"
        related = [(int(left.left_frame), "UNSUBSCRIBE")]
        report.at(rules.DELIVERY_AFTER_UNSUBSCRIBE, packet, what, related=related)
        return
    what = f"The client has no subscription that matches {facts.topic!r}"
    report.at(rules.DELIVERY_UNSUBSCRIBED, packet, what)


def by_subscription(
    report: Report, link: Link, packet: Packet, facts: Publish, standing: list[Subscription], message: Message | None,
    alike: i64,
) -> None:  # fmt: skip
    """What the receiver's subscriptions alone tell; alike: messages of the same topic and payload in the window."""
    known = True
    most: i64 = 0
    as_published = False
    came_ns = facts.time_ns if message is None else message.time_ns
    for one in standing:
        if one.granted < 0 or (one.again and facts.time_ns - one.granted_ns < SETTLING_NS):
            known = False
        if one.granted > most:
            most = one.granted
        if one.before > most and (came_ns - one.granted_ns < SETTLING_NS or (message is None and blocked(link))):
            most = one.before  # it may have been on its way already
        as_published = as_published or one.retain_as_published or one.bridged
    if facts.retain and packet.version >= 5 and len(standing) == 1:
        retain_handling(report, packet, facts, standing[0])
    if not known:
        return
    if facts.qos > most and facts.qos < 3:
        what = f"QoS {facts.qos}; QoS {most} was granted"
        report.at(rules.DELIVERY_ABOVE_GRANTED, packet, what, 0, 1, subscribes(standing))
    if packet.version >= 5:
        identifiers(report, link, packet, facts, standing, message)
    if facts.retain and is_live(link, facts, standing, message, alike):
        if not as_published:
            what = "RETAIN is 1, though the subscription stood before the message came"
            report.at(rules.RETAIN_FLAG_SET, packet, what, 0, 1, subscribes(standing))
        elif message is not None and not message.retain and alike == 1 and all_as_published(standing):
            what = "RETAIN is 1, though it was published with RETAIN 0, and Retain As Published is 1"
            stated = "[MQTT-3.3.1-13]"
            report.at(rules.RETAIN_FLAG_SET, packet, what, 0, 1, origin(message), stated=stated)


def retain_handling(report: Report, packet: Packet, facts: Publish, one: Subscription) -> None:
    """Retain Handling (3.8.3.1); what an earlier SUBSCRIBE of the same filter brings may still be under way."""
    if one.retain_as_published or (one.renewed and (one.stood_ns < 0 or one.time_ns - one.stood_ns < SETTLING_NS)):
        return
    related = subscribes([one])
    if one.share:
        not_for_shared(report, packet, [one])
    elif one.retain_handling == 2 or (one.retain_handling == 1 and one.renewed):
        what = f"A retained message, though Retain Handling is {one.retain_handling}"
        stated = "[MQTT-3.3.1-10]" if one.retain_handling == 1 else ""
        report.at(rules.RETAINED_UNWANTED, packet, what, 0, 1, related, stated=stated)


def not_for_shared(report: Report, packet: Packet, standing: list[Subscription]) -> None:
    """A retained message that a shared subscription has brought."""
    what = "A retained message, though the subscription is shared"
    report.at(rules.RETAINED_UNWANTED, packet, what, 0, 1, subscribes(standing), stated="4.8.2")


def identifiers(
    report: Report, link: Link, packet: Packet, facts: Publish, standing: list[Subscription], message: Message | None
) -> None:
    """Subscription Identifiers are those of the subscriptions that match (3.3.4)."""
    if not facts.identified and not any_identified(standing):
        return
    wanted = {int(one.identifier) for one in standing if one.identifier}
    got: set[int] = set()
    for number, value in extract.properties(packet, False):
        if number == extract.SUBSCRIPTION_IDENTIFIER and isinstance(value, int):
            got.add(value)
    if got - wanted:
        what = f"Subscription Identifier {min(got - wanted)} belongs to no subscription that matches"
        report.at(rules.SUBSCRIPTION_IDENTIFIER_WRONG, packet, what, related=subscribes(standing))
        return
    if not got:
        if all(one.identifier > 0 for one in standing):
            what = f"No Subscription Identifier; that of the subscription is {min(wanted)}"
            report.at(rules.SUBSCRIPTION_IDENTIFIER_WRONG, packet, what, related=subscribes(standing))
        return
    if message is None or facts.retain:
        return
    lacking = {int(one.identifier) for one in standing if one.identifier and is_due(one, message, link)} - got
    if lacking:
        what = f"The only copy lacks Subscription Identifier {min(lacking)}, of another filter that matches"
        only_copy(report, link, message, facts, rules.SUBSCRIPTION_IDENTIFIER_WRONG, what, "[MQTT-3.3.4-4]")


def by_message(
    report: Report, broker: Broker, link: Link, packet: Packet, facts: Publish, standing: list[Subscription],
    message: Message, crossed: bool, alike: i64,
) -> None:  # fmt: skip
    """What the published message tells. crossed: it was under way when a subscription was made anew; alike: messages of
    the same topic and payload in the window."""
    captured = alike == 1 or alike <= len(broker.alike(message))  # is all that looks like it known?
    if had(message, link):
        if facts.dup or len(standing) > 1 or (facts.retain and not any_as_published(standing)):
            return
        if facts.retain and message.time_ns < max([one.time_ns for one in standing]):
            return  # it may be the retained message, for a subscription made anew
        broker.comes_early(message.key, link, facts)  # it may be of another one
        first = [one for one in message.delivered() if one.link == link.number and not one.retain]
        if facts.qos == 2 and first and captured:
            what = f"The message of frame {message.frame} is delivered a second time"
            report.at(rules.DELIVERED_TWICE, packet, what, 0, 1, origin(message))
        return
    before = message.time_ns < stood_since(standing)  # it is the retained message, or nothing that the broker may send
    if facts.retain and not before and not all_as_published(standing):
        crossed = True  # or perhaps a retained message that only looks like it
    if alike == 1 and not crossed and is_settled(standing) and (message.alone or not message.will):
        quality(report, link, packet, facts, standing, message)
    if alike == 1 and message.retain and not facts.retain:
        retain_missing(report, broker, link, packet, facts, standing, message, before)
    if before and facts.retain and message.unkept and not message.retain and facts.topic not in broker.kept:
        what = "It is sent as a retained message, though the will has RETAIN 0"
        stated = "[MQTT-3.1.2-14]" if message.version >= 5 else "[MQTT-3.1.2-16]"
        report.at(rules.WILL_CHANGED, packet, what, 0, 1, origin(message), stated=stated)
    own = message.publisher != "" and message.publisher == link.client_id and alike == 1
    if own and not before and not crossed and all_no_local(standing):
        what = "A message of the client itself, though No Local is 1"
        report.at(rules.DELIVERY_NO_LOCAL, packet, what, related=origin(message))
    if facts.retain and captured and (message.retain or not message.will):
        stale(report, broker, link, packet, facts, standing, message)
    if message.expiry >= 0 and captured and (message.alone or not message.will):
        expiry(report, link, packet, facts, message, broker.alike(message))
    if packet.version >= 5 and message.version >= 5 and alike == 1 and (message.alone or not message.will):
        passed_on(report, packet, facts, message)
    if not before and not facts.dup and alike == 1:  # of messages that look alike, any may be the one that is meant
        in_order(report, link, packet, facts, message)
    if len(standing) != 1 or not standing[0].share:
        return
    if before and facts.retain and message.retain:
        if standing[0].retain_as_published:  # else it was seen to be one already
            not_for_shared(report, packet, standing)
    elif captured:
        shared(report, link, packet, facts, standing[0], message)


def quality(
    report: Report, link: Link, packet: Packet, facts: Publish, standing: list[Subscription], message: Message
) -> None:
    """The QoS is the lower one of the message's and of what was granted (3.8.4)."""
    most: i64 = 0
    due: i64 = 0  # the same of those for which a copy of the message is surely due
    for one in standing:
        if one.granted > most:
            most = one.granted
        if one.granted > due and (len(standing) == 1 or (not facts.retain and is_due(one, message, link))):
            due = one.granted
    if facts.qos > message.qos and facts.qos <= most:
        what = f"QoS {facts.qos}; it was published with QoS {message.qos}"
        rule = rules.WILL_CHANGED if message.will else rules.DELIVERY_ABOVE_GRANTED
        report.at(rule, packet, what, 0, 1, origin(message), held=True)
    elif facts.qos < min(message.qos, due):
        what = f"QoS {facts.qos}; published with QoS {message.qos}, granted QoS {due}"
        if len(standing) == 1:
            rule = rules.WILL_CHANGED if message.will else rules.DELIVERY_BELOW_GRANTED
            report.at(rule, packet, what, 0, 1, origin(message))
        else:
            stated = OVERLAPPING.get(packet.version, "")
            only_copy(report, link, message, facts, rules.DELIVERY_BELOW_GRANTED, what, stated)


def retain_missing(
    report: Report, broker: Broker, link: Link, packet: Packet, facts: Publish, standing: list[Subscription],
    message: Message, before: bool,
) -> None:  # fmt: skip
    """A message that was published with RETAIN 1 comes with RETAIN 0 (3.3.1.3)."""
    asked_ns = min([one.asked_ns for one in standing])
    soon = facts.time_ns - stood_since(standing) < OWED_NS
    if over_by(message, broker.longest_ns) < asked_ns and link.clean and soon:
        what = "RETAIN is 0 on a retained message that was sent for a new subscription"
        report.at(rules.RETAIN_FLAG_MISSING, packet, what, 0, 1, origin(message))
        if link.retained_due:
            link.retained_due.pop(message.topic, None)
    elif not before and is_settled(standing) and all_as_published(standing):
        what = "RETAIN is 0, though Retain As Published is 1 and the message was published with RETAIN 1"
        report.at(rules.RETAIN_FLAG_MISSING, packet, what, 0, 1, origin(message))


def stale(
    report: Report, broker: Broker, link: Link, packet: Packet, facts: Publish, standing: list[Subscription],
    message: Message,
) -> None:  # fmt: skip
    """Is it the retained message, which is the last one that was published with RETAIN 1 (3.3.1.3)?"""
    if any_as_published(standing):
        return
    asked_ns = asked_since(standing)
    if facts.size == 0 and over_by(message, broker.longest_ns) < asked_ns:
        what = f"The empty message of frame {message.frame} was kept as a retained one"
        report.at(rules.RETAINED_STALE, packet, what, 0, 1, origin(message), stated=EMPTY.get(packet.version, ""))
        return
    last = broker.retained.get(facts.topic)
    if last is None or last.key == message.key or not accepted(last) or (last.qos == 0 and last.deliveries == 0):
        return
    if broker.others or broker.may_hold_will(facts.topic):
        return
    if max(link.losses.last_ns, broker.blind_ns) > last.time_ns:
        return  # something that was not seen may have come after it
    if over_by(last, broker.longest_ns) >= asked_ns or over_by(message, broker.longest_ns) >= asked_ns:
        return
    if not message.retain:
        what = f"The message of frame {message.frame} was published with RETAIN 0; the retained one is another"
        stated = NOT_RETAINED.get(packet.version, "")
    elif any(over_by(one, broker.longest_ns) >= last.time_ns for one in broker.alike(message)):
        return  # of two that came together either may be the last one; QoS 2 counts from PUBREL on
    elif last.size:
        what = f"The retained message of frame {message.frame} had been replaced by frame {last.frame}"
        stated = REPLACED.get(packet.version, "")
    else:
        what = f"The retained message of frame {message.frame} had been deleted by frame {last.frame}"
        stated = DELETED.get(packet.version, "")
    report.at(rules.RETAINED_STALE, packet, what, 0, 1, origin(last), stated=stated)


def expiry(
    report: Report, link: Link, packet: Packet, facts: Publish, message: Message, alike: list[Message]
) -> None:  # fmt: skip
    """Message Expiry Interval (3.3.2.3.3), of the one of several that may wait longest from now on."""
    for one in alike:
        if one.expiry < 0:
            return
        if message.time_ns + message.expiry * SECOND < one.time_ns + one.expiry * SECOND:
            message = one
    took = facts.time_ns - message.time_ns
    waited = took - (OWED_NS if message.will else 0)  # a will may be published so late
    if waited > message.expiry * SECOND + SETTLING_NS:
        what = f"Delivered {milliseconds(took)} after it was published; it expires after {message.expiry} s"
        report.at(rules.MESSAGE_EXPIRED, packet, what, related=origin(message))
        return
    if packet.version < 5:
        return
    left = extract.integer(extract.properties(packet, False), extract.MESSAGE_EXPIRY, UNKNOWN)
    most = message.expiry - waited // SECOND + 1
    if left == UNKNOWN:
        what = f"No Message Expiry Interval; it was published with {message.expiry} s"
        report.at(rules.EXPIRY_NOT_REDUCED, packet, what, related=origin(message))
        return
    # One that waited for long may be another, of which nothing is known any more
    fresh = len(alike) == 1 and not message.will and took < OWED_NS and message.time_ns > link.connack_ns
    too_little = fresh and not blocked(link) and left < message.expiry - took // SECOND - 2
    if left > message.expiry or (waited >= 2 * SECOND and left > most) or too_little:
        what = f"Message Expiry Interval {left} s, after {milliseconds(waited)} of the {message.expiry} s published"
        report.at(rules.EXPIRY_NOT_REDUCED, packet, what, related=origin(message))


def passed_on(report: Report, packet: Packet, facts: Publish, message: Message) -> None:
    """What a broker passes on unaltered."""
    if message.properties is None and not facts.has_properties:
        return
    delivered = extract.properties(packet, False)
    rule = rules.WILL_CHANGED if message.will else rules.DELIVERY_CHANGED
    for number, name, stated in UNALTERED:
        published, passed = value_of(message.properties, number), value_of(delivered, number)
        if published != passed:
            how = "left out" if passed is None else "added" if published is None else "changed"
            what = f"The broker has {how} the {name}"
            stated = "" if message.will else stated
            report.at(rule, packet, what, related=origin(message), stated=stated)
            return
    pairs = [value for number, value in message.properties or [] if number == extract.USER_PROPERTY]
    if pairs != [value for number, value in delivered if number == extract.USER_PROPERTY]:
        what = "The User Properties are not as published"
        stated = "[MQTT-3.1.3-10]" if message.will else ""
        report.at(rule, packet, what, related=origin(message), stated=stated)


def in_order(report: Report, link: Link, packet: Packet, facts: Publish, message: Message) -> None:
    """Messages of one publisher on one topic with one QoS come in their order (4.6)."""
    if message.will or facts.retain:
        return
    first = last = link.delivered.get(message.topic)
    while last is not None and not (
        last.link == message.link and last.qos == message.qos and last.delivered_qos == facts.qos
    ):
        last = last.following
    if last is not None:
        if message.order >= last.order:
            last.order = message.order
            return
        what = "It comes after a message that the same client published later on this topic"
        report.at(rules.DELIVERY_ORDER, packet, what, related=origin(message))
        return
    if link.delivered is NO_ORDERS or link.orders >= MOST_TOPICS:
        link.delivered = {}
        link.orders = 0
        first = None
    elif first is not None and first.behind >= MOST_PUBLISHERS:
        link.orders -= first.behind + 1
        first = None
    link.delivered[message.topic] = Order(message, facts.qos, first)
    link.orders += 1


def shared(report: Report, link: Link, packet: Packet, facts: Publish, one: Subscription, message: Message) -> None:
    """A shared subscription's message goes to one of its sessions, and to another only if it is of QoS 1 and the
    first one has lost its connection (4.8.2)."""
    if message.shares is None:
        message.shares = {}
    first = message.shares.get(one.filter)
    client = link.client
    if client is None:
        return
    if first is None:
        message.shares[one.filter] = (client, int(link.number), link.of(BROKER_SIDE).pending.get(int(facts.identifier)))
    elif first[1] != int(link.number):
        other, request = first[0].link, first[2]
        lost = other is None or other.number != first[1] or other.state != CONNECTED
        if facts.qos != 1 or not lost or request is None or request.stage != codes.PUBLISH:
            what = f"The shared subscription {one.filter!r} got it already, on stream {first[1]}"
            report.at(rules.SHARED_DELIVERED_TWICE, packet, what, related=origin(message))
