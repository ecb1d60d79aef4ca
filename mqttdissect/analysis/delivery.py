"""From publisher to subscribers: what the broker made of each message (3.3.1 to 3.3.5, 3.8.4, 4.3 to 4.8 of MQTT 5.0).

Theory of operation
-------------------
For each broker (address and port) the messages that clients published lately are kept by topic and digest of their
payload, and the subscriptions of its clients in a tree of topic levels. A PUBLISH from the broker is tied to the oldest
message of the same topic and payload that its receiver has not had yet; what differs between the two is then looked at.
A message is owed to each connected client with a subscription that was granted before; those that did not get it within
`OWED_NS` are reported, once for each publisher, topic and subscriber.

A broker's own messages ($SYS/...), and those of clients that were not captured, have no known message: of them only the
receiver's subscriptions are looked at. Nothing is said of a client whose subscriptions are not all known, or of a
connection that lacks something. Tables are bounded by `MOST_MESSAGES` and `WINDOW_NS`; what falls out early is not
looked at.
"""

from collections import deque
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis import extract, rules
from mqttdissect.analysis.brokers import OWED_NS, SETTLING_NS, Broker
from mqttdissect.analysis.exchange import is_late, milliseconds
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    BY_CAPTURE_END,
    BY_DISCONNECT,
    BY_FIN,
    CLIENT_SIDE,
    CONNECTED,
    NO_COPIES,
    NO_FILTERS,
    NO_MATCHES,
    NO_MESSAGES,
    NO_ORDERS,
    NO_RETAINED,
    NO_TOPICS,
    UNKNOWN,
    Client,
    Copy,
    Delivery,
    Link,
    Message,
    Order,
    Publish,
    Request,
    Subscription,
)
from mqttdissect.analysis.matching import matches, matching
from mqttdissect.analysis.opening import Opening, broker_of
from mqttdissect.analysis.report import Report
from mqttdissect.analysis.rule import Rule
from mqttdissect.analysis.wills import Wills
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.stream import RESET

SECOND: Final = 1_000_000_000
WINDOW_NS: Final = 60_000_000_000  # for which messages are kept
HASTE: Final = 4  # times as long as it takes to acknowledge a message, a broker may take to hand it on
NEVER_NS: Final = 4_000_000_000_000_000_000
SOON_NS: Final = 250_000_000  # after the SUBACK, in which what is published may still be sent as the retained message
MOST_COPIES: Final = 64  # deliveries of one connection that others have to follow
ADDED: Final = 16  # bytes that a broker may add to a message
MOST_MESSAGES: Final = 10_000  # of all brokers
MOST_RETAINED: Final = 10_000  # of one broker
BUSY: Final = 16  # messages in flight to a client that may hold up others
MOST_OWED: Final = 64  # subscribers of one message that are looked at
MOST_DELIVERIES: Final = 256  # of one message that are remembered
MOST_EXPECTED: Final = 16  # messages owed to one connection that are looked at when it ends
MOST_TOPICS: Final = 512  # that are looked at on one connection, and publishers on all topics whose order is watched,
MOST_PUBLISHERS: Final = 64  # and on one of them
REPLACED: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-5]", 5: "[MQTT-3.3.1-5]"}  # what states it, by version
NOT_RETAINED: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-12]", 5: "[MQTT-3.3.1-8]"}
DELETED: Final[dict[i64, str]] = {4: "[MQTT-3.3.1-10]", 5: "[MQTT-3.3.1-6]"}
OVERLAPPING: Final[dict[i64, str]] = {4: "[MQTT-3.3.5-1]", 5: "[MQTT-3.3.4-2]"}
UNALTERED: Final = (  # properties that a broker passes on (3.3.2.3)
    (extract.PAYLOAD_FORMAT, "Payload Format Indicator", "[MQTT-3.3.2-4]"),
    (extract.CONTENT_TYPE, "Content Type", "[MQTT-3.3.2-20]"),
    (extract.RESPONSE_TOPIC, "Response Topic", "[MQTT-3.3.2-15]"),
    (extract.CORRELATION_DATA, "Correlation Data", "[MQTT-3.3.2-16]"),
)


@final
class Deliveries:
    """`published` and `delivered` messages, and the events between that change who gets them."""

    def __init__(self, report: Report, opening: Opening) -> None:
        self.report = report
        self.opening = opening
        self._at = Broker(b"")  # the one that was last looked at
        self.brokers: dict[bytes, Broker] = {self._at.key: self._at}
        self._window: deque[Message] = deque()  # oldest first
        self._owing: deque[Message] = deque()  # those of them that are not settled
        self.wills = Wills(report)
        self.watching = False  # are messages wanted?
        self._watched: deque[Message] = deque()
        self._away: dict[tuple[bytes, str], list[Message]] = {}  # for clients that are away, by broker and identifier
        self._returned: dict[int, list[Message]] = {}  # for those that came back, by number of their connection
        self._leaving: deque[tuple[int, Client, Subscription]] = deque()  # unsubscribed at that time, not long ago
        self._complained: set[tuple[str, str, str]] = set()  # publisher, topic, subscriber

    def _broker(self, link: Link) -> Broker:
        key = link.broker
        if key is None:
            key = broker_of(link)
            if key == self._at.key:
                key = self._at.key
            link.broker = key
        if key is self._at.key:
            return self._at
        broker = self.brokers.get(key)
        if broker is None:
            broker = self.brokers[key] = Broker(key)
        self._at = broker
        return broker

    def take(self, now_ns: i64, closed: bool) -> list[Message]:
        """The messages whose time to be delivered is over, if they are `watching`; all of them if nothing follows."""
        found: list[Message] = []
        watched = self._watched
        while watched and (closed or len(watched) > MOST_MESSAGES or now_ns - watched[0].time_ns > OWED_NS):
            found.append(watched.popleft())
        return found

    # From the client

    def published(self, link: Link, packet: Packet, facts: Publish, new: bool) -> None:
        """A client's PUBLISH."""
        if facts.retain and facts.size == 0 and packet.hole_offset < 0:
            what = f"An empty retained message deletes the one on {facts.topic!r}"
            self.report.at(rules.RETAINED_TOMBSTONE, packet, what, 0, 1)
        if not new or packet.hole_offset >= 0 or not facts.topic or packet.notes is not None or is_late(packet):
            return
        broker = self._broker(link)
        found = broker.filters.find(facts.topic)
        if not (found or facts.retain or self.watching or is_looked_for(broker, facts.topic)):
            return  # nobody will be seen to get it
        message = Message(facts.topic, facts.qos, facts.retain, facts.frame, facts.time_ns)
        message.link = link.number
        message.size = facts.size
        message.length = len(packet.data) + (4 * len(facts.topic) if facts.alias else 0)
        message.publisher = link.client_id
        message.version = packet.version
        message.order = link.client_side.messages
        if facts.qos:
            message.request = link.of(CLIENT_SIDE).pending.get(int(facts.identifier))
        if facts.retain:
            retain(broker, facts.topic, message)
        if self.watching:
            self._watched.append(message)
        if found and link.state == CONNECTED and link.violation < 0:
            self._owe(broker, found, link, message)
        if facts.has_properties:
            message.properties = extract.properties(packet, False)
            message.expiry = extract.integer(message.properties, extract.MESSAGE_EXPIRY, UNKNOWN)
        self._keep(broker, key_of(facts), message, facts.time_ns)
        if message.owes:
            self._owing.append(message)
        self.settle(facts.time_ns)

    def _keep(self, broker: Broker, key: int, message: Message, now_ns: i64) -> None:
        """Remember a message, and forget those that are old or too many."""
        message.broker = broker.key
        message.key = key
        same = broker.recent.get(key)
        if same is None:
            broker.recent[key] = message
        elif isinstance(same, list):
            same.append(message)
        else:
            broker.recent[key] = [same, message]
        window = self._window
        window.append(message)
        while window and (len(window) > MOST_MESSAGES or now_ns - window[0].time_ns > WINDOW_NS):
            old = window.popleft()
            old.settled = True
            old.dropped = True
            recent = self.brokers[old.broker].recent
            kept = recent.get(old.key)
            if kept is old:
                del recent[old.key]
            elif isinstance(kept, list):
                kept.remove(old)
                if not kept:
                    del recent[old.key]

    def _owe(self, broker: Broker, found: list[tuple[Client, Subscription]], link: Link, message: Message) -> None:
        """Who of those that have subscribed has to get it?"""
        for client, one in found:
            if one.granted < 0 or one.left_frame or one.granted_ns > message.time_ns:
                continue
            if one.share and (broker.strangers or not is_alone(found, one)):
                continue  # one of them will get it
            if client is link.client and (one.no_local or link.bridge):
                continue
            receiver = client.link
            if receiver is None:
                self._queue(client, one, message)
                continue
            if not client.is_known(receiver) or not receiver.whole:
                continue
            if receiver.state != CONNECTED or (receiver.version < 4 and not receiver.clean):
                continue  # in MQTT 3.1 a broker does not say that it has lost a session
            if fits(message, receiver) and message.owe(client, receiver.number, MOST_OWED):
                expect(receiver, client, message)

    def _queue(self, client: Client, one: Subscription, message: Message) -> None:
        """A message for a client that is away, whose session the broker keeps (3.1.2.4)."""
        if not client.session or not client.known or message.qos == 0 or one.granted == 0:
            return
        key = (client.broker, client.id)
        queued = self._away.get(key)
        if queued is None:
            if len(self._away) >= MOST_MESSAGES:
                self._away.clear()
            self._away[key] = [message]
        elif len(queued) <= MOST_EXPECTED:  # one more says that there were too many to tell what a broker may drop
            queued.append(message)

    # From the broker

    def delivered(self, link: Link, packet: Packet, facts: Publish, new: bool) -> None:
        """A broker's PUBLISH."""
        if packet.hole_offset >= 0 or not facts.topic or packet.notes is not None:
            return
        broker = self._broker(link)
        client = link.client
        known = client is not None and client.is_known(link) and link.all_there and link.state == CONNECTED
        found: list[Subscription] = []
        if client is not None and known:
            found = subscribed_to(client, facts.topic)
            if facts.retain:
                self._retained(link, facts, found)
        alike = broker.recent.get(key_of(facts))
        message: Message | None = None
        count: i64 = 1
        if isinstance(alike, list):
            message = first_due(alike, link, facts, stood_since(found), broker.longest_ns)
            count = len(alike)
        elif isinstance(alike, Message):
            message = alike
        if broker.wills and (message is None or (message.will and had(message, link)) or not wanted(message, link)):
            will = self.wills.published(broker, packet, facts, message is not None)
            if will is not None:
                self._will(broker, facts, will)
                message = will
                count = 1
        if message is not None and facts.dup and not new:
            return
        if not known:
            if message is not None:
                self._tie(broker, message, link, facts)
            return
        standing = found
        for one in found:
            if one.left_ns >= 0:
                standing = [one for one in found if not is_over(one, facts, message)]
                break
        again = message is not None and had(message, link)
        if not standing:
            self._nobody_asked(link, packet, facts, found, message)
        else:
            if new:
                self._by_subscription(link, packet, facts, standing, message, count)
            if message is not None:
                self._by_message(link, packet, facts, standing, message, again, count)
        if message is not None:
            self._tie(broker, message, link, facts)
        if link.copies and facts.time_ns - link.copies[0].time_ns > OWED_NS:
            self._look_at_copies(link, facts.time_ns, OWED_NS)
        self.settle(facts.time_ns)

    def _retained(self, link: Link, facts: Publish, found: list[Subscription]) -> None:
        """A retained message has come; perhaps before the SUBACK (3.8.4)."""
        if link.retained_due:
            link.retained_due.pop(facts.topic, None)
        for one in found:
            if one.granted < 0:
                if link.retained_early is NO_TOPICS:
                    link.retained_early = set()
                if len(link.retained_early) < MOST_TOPICS:
                    link.retained_early.add(facts.topic)
                return

    def _only_copy(self, link: Link, message: Message, facts: Publish, rule: Rule, what: str, stated: str) -> None:
        """The delivery is wrong if no other copy of the message comes."""
        if link.copies is NO_COPIES:
            link.copies = []
        if len(link.copies) < MOST_COPIES:
            link.copies.append(Copy(message, facts, rule, what, stated))

    def _look_at_copies(self, link: Link, now_ns: i64, patience: i64) -> None:
        """Which of those that are old enough by now are still the only ones?"""
        late: list[Copy] = []
        for copy in link.copies:
            if now_ns - copy.time_ns <= patience:
                late.append(copy)
            elif sum([one.link == link.number for one in copy.message.delivered()]) == 1:
                related = origin(copy.message)
                self.report.of(copy.rule, link, copy.frame, copy.time_ns, copy.what, related, stated=copy.stated)
        link.copies = late

    def _tie(self, broker: Broker, message: Message, link: Link, facts: Publish) -> None:
        """This delivery is of that message."""
        took = facts.time_ns - message.time_ns
        if message.deliveries == 0 and took >= 0:
            broker.transits += 1
            broker.transit_ns += took
            if took > broker.longest_ns:
                broker.longest_ns = took
        if message.deliveries < MOST_DELIVERIES:
            message.deliver(Delivery(link, facts, took))
        client = link.client
        if client is not None:
            message.paid(client)

    def _nobody_asked(
        self, link: Link, packet: Packet, facts: Publish, found: list[Subscription], message: Message | None
    ) -> None:
        """No subscription stands that matches."""
        if facts.topic.startswith("$"):  # what a broker says of itself to those who asked in its own way
            client = link.client
            plain = "_" + facts.topic[1:]
            for one in client.subscriptions.values() if client is not None else []:
                if one.topic[:1] in ("#", "+") and matches(one.topic, plain):
                    what = f"{one.filter!r} does not match {facts.topic!r}: a wildcard does not stand for a $ in front"
                    self.report.at(
                        rules.DELIVERY_UNSUBSCRIBED, packet, what, related=subscribes([one]), stated="[MQTT-4.7.2-1]"
                    )
                    return
            return
        if found:
            left = found[0]
            if message is not None and message.time_ns <= left.left_ns + SOON_NS // 2:
                return  # it was under way
            what = f"A message on {facts.topic!r}, {milliseconds(facts.time_ns - left.left_ns)} after the UNSUBACK"
            related = [(int(left.left_frame), "UNSUBSCRIBE")]
            self.report.at(rules.DELIVERY_AFTER_UNSUBSCRIBE, packet, what, related=related)
            return
        what = f"The client has no subscription that matches {facts.topic!r}"
        self.report.at(rules.DELIVERY_UNSUBSCRIBED, packet, what)

    def _by_subscription(
        self, link: Link, packet: Packet, facts: Publish, standing: list[Subscription], message: Message | None,
        alike: i64,
    ) -> None:  # fmt: skip
        """What the receiver's subscriptions alone tell; alike: messages of the same topic and payload in the window."""
        report = self.report
        known = True
        most: i64 = 0
        as_published = False
        came_ns = facts.time_ns if message is None else message.time_ns
        for one in standing:
            if one.granted < 0 or (one.renewed and facts.time_ns - one.granted_ns < SETTLING_NS):
                known = False
            if one.granted > most:
                most = one.granted
            if one.before > most and (came_ns - one.granted_ns < SETTLING_NS or (message is None and blocked(link))):
                most = one.before  # it may have been on its way already
            as_published = as_published or one.retain_as_published
        if facts.retain and packet.version >= 5 and len(standing) == 1:
            self._retain_handling(packet, facts, standing[0])
        if not known:
            return
        if facts.qos > most and facts.qos < 3:
            what = f"QoS {facts.qos}; QoS {most} was granted"
            report.at(rules.DELIVERY_ABOVE_GRANTED, packet, what, 0, 1, subscribes(standing))
        if packet.version >= 5:
            self._identifiers(link, packet, facts, standing, message)
        if facts.retain and is_live(link, facts, standing, message, alike):
            if not as_published:
                what = "RETAIN is 1, though the subscription stood before the message came"
                report.at(rules.RETAIN_FLAG_SET, packet, what, 0, 1, subscribes(standing))
            elif message is not None and not message.retain and alike == 1 and all_as_published(standing):
                what = "RETAIN is 1, though it was published with RETAIN 0, and Retain As Published is 1"
                stated = "[MQTT-3.3.1-13]"
                report.at(rules.RETAIN_FLAG_SET, packet, what, 0, 1, origin(message), stated=stated)

    def _retain_handling(self, packet: Packet, facts: Publish, one: Subscription) -> None:
        """Retain Handling (3.8.3.1); what an earlier SUBSCRIBE of the same filter brings may still be under way."""
        if one.retain_as_published or (one.renewed and (one.stood_ns < 0 or one.time_ns - one.stood_ns < SETTLING_NS)):
            return
        if one.retain_handling == 2 or (one.retain_handling == 1 and one.renewed):
            what = f"A retained message, though Retain Handling is {one.retain_handling}"
            related = subscribes([one])
            stated = "[MQTT-3.3.1-10]" if one.retain_handling == 1 else ""
            self.report.at(rules.RETAINED_UNWANTED, packet, what, 0, 1, related, stated=stated)

    def _identifiers(
        self, link: Link, packet: Packet, facts: Publish, standing: list[Subscription], message: Message | None
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
            self.report.at(rules.SUBSCRIPTION_IDENTIFIER_WRONG, packet, what, related=subscribes(standing))
        elif wanted and not got and len(wanted) == len(standing):
            what = f"No Subscription Identifier; that of the subscription is {min(wanted)}"
            self.report.at(rules.SUBSCRIPTION_IDENTIFIER_WRONG, packet, what, related=subscribes(standing))
        elif got and got != wanted and message is not None:
            what = f"The only copy lacks Subscription Identifier {min(wanted - got)}, of another filter that matches"
            self._only_copy(link, message, facts, rules.SUBSCRIPTION_IDENTIFIER_WRONG, what, "[MQTT-3.3.4-4]")

    def _by_message(
        self,
        link: Link,
        packet: Packet,
        facts: Publish,
        standing: list[Subscription],
        message: Message,
        again: bool,
        alike: i64,
    ) -> None:
        """What the published message tells; alike: messages of the same topic and payload in the window."""
        report = self.report
        first_ns = stood_since(standing)
        most: i64 = 0
        settled = True
        for one in standing:
            if one.granted > most:
                most = one.granted
            settled = settled and one.granted >= 0 and not one.renewed
        before = message.time_ns < first_ns  # it is the retained message, or nothing that the broker may send
        if again:
            if facts.qos == 2 and not facts.dup and len(standing) == 1 and not facts.retain:
                what = f"The message of frame {message.frame} is delivered a second time"
                report.at(rules.DELIVERED_TWICE, packet, what, 0, 1, origin(message))
            return
        if alike == 1 and settled and (message.alone or not message.will):
            least = min(message.qos, most)
            if facts.qos > message.qos and facts.qos <= most:
                what = f"QoS {facts.qos}; it was published with QoS {message.qos}"
                rule = rules.WILL_CHANGED if message.will else rules.DELIVERY_ABOVE_GRANTED
                report.at(rule, packet, what, 0, 1, origin(message))
            elif facts.qos < least:
                what = f"QoS {facts.qos}; published with QoS {message.qos}, granted QoS {most}"
                rule = rules.WILL_CHANGED if message.will else rules.DELIVERY_BELOW_GRANTED
                if len(standing) == 1:
                    report.at(rule, packet, what, 0, 1, origin(message))
                else:
                    rule = rules.DELIVERY_BELOW_GRANTED
                    self._only_copy(link, message, facts, rule, what, OVERLAPPING.get(packet.version, ""))
        if alike == 1 and message.retain and not facts.retain:
            asked_ns = min([one.asked_ns for one in standing])
            if (
                over_by(message, self._broker(link).longest_ns) < asked_ns
                and link.clean
                and facts.time_ns - first_ns < OWED_NS
            ):
                what = "RETAIN is 0 on a retained message that was sent for a new subscription"
                report.at(rules.RETAIN_FLAG_MISSING, packet, what, 0, 1, origin(message))
                if link.retained_due:
                    link.retained_due.pop(message.topic, None)
            elif not before and settled and all_as_published(standing):
                what = "RETAIN is 0, though Retain As Published is 1 and the message was published with RETAIN 1"
                report.at(rules.RETAIN_FLAG_MISSING, packet, what, 0, 1, origin(message))
        if message.publisher and message.publisher == link.client_id and all_no_local(standing) and not before:
            what = "A message of the client itself, though No Local is 1"
            report.at(rules.DELIVERY_NO_LOCAL, packet, what, related=origin(message))
        if facts.retain and not message.will:
            self._stale(link, packet, facts, standing, message)
        if message.expiry >= 0:
            self._expiry(packet, facts, message)
        if packet.version >= 5 and message.version >= 5 and not message.will and alike == 1:
            self._properties(packet, facts, message)
        if not before and not facts.dup and alike == 1:  # of messages that look alike, any may be the one that is meant
            self._order(link, packet, facts, message)
        if len(standing) == 1 and standing[0].share:
            self._shared(link, packet, facts, standing[0], message)

    def _stale(
        self, link: Link, packet: Packet, facts: Publish, standing: list[Subscription], message: Message
    ) -> None:
        """Is it the retained message, which is the last one that was published with RETAIN 1 (3.3.1.3)?"""
        for one in standing:
            if one.retain_as_published:
                return
        broker = self._broker(link)
        asked_ns = min([one.time_ns for one in standing])
        last = broker.retained.get(facts.topic)
        if last is None or last.key == message.key or not accepted(last):
            return
        if over_by(last, broker.longest_ns) >= asked_ns or over_by(message, broker.longest_ns) >= asked_ns:
            return
        if not message.retain:
            what = f"The message of frame {message.frame} was published with RETAIN 0; the retained one is another"
            stated = NOT_RETAINED.get(packet.version, "")
        elif message.time_ns >= last.time_ns:
            return
        elif last.size:
            what = f"The retained message of frame {message.frame} had been replaced by frame {last.frame}"
            stated = REPLACED.get(packet.version, "")
        else:
            what = f"The retained message of frame {message.frame} had been deleted by frame {last.frame}"
            stated = DELETED.get(packet.version, "")
        self.report.at(rules.RETAINED_STALE, packet, what, 0, 1, origin(last), stated=stated)

    def _expiry(self, packet: Packet, facts: Publish, message: Message) -> None:
        """Message Expiry Interval (3.3.2.3.3)."""
        waited = facts.time_ns - message.time_ns
        if waited > message.expiry * SECOND + SETTLING_NS:
            what = f"Delivered {milliseconds(waited)} after it was published; it expires after {message.expiry} s"
            self.report.at(rules.MESSAGE_EXPIRED, packet, what, related=origin(message))
            return
        if packet.version < 5:
            return
        left = extract.integer(extract.properties(packet, False), extract.MESSAGE_EXPIRY, UNKNOWN)
        most = message.expiry - waited // SECOND + 1
        if left == UNKNOWN:
            what = f"No Message Expiry Interval; it was published with {message.expiry} s"
            self.report.at(rules.EXPIRY_NOT_REDUCED, packet, what, related=origin(message))
            return
        if left > message.expiry or (waited >= 2 * SECOND and left > most):
            what = f"Message Expiry Interval {left} s, after {milliseconds(waited)} of the {message.expiry} s published"
            self.report.at(rules.EXPIRY_NOT_REDUCED, packet, what, related=origin(message))

    def _properties(self, packet: Packet, facts: Publish, message: Message) -> None:
        """What a broker passes on unaltered."""
        if message.properties is None and not facts.has_properties:
            return
        passed_on = extract.properties(packet, False)
        for number, name, stated in UNALTERED:
            published, passed = value_of(message.properties, number), value_of(passed_on, number)
            if published != passed:
                how = "left out" if passed is None else "added" if published is None else "changed"
                what = f"The broker has {how} the {name}"
                self.report.at(rules.DELIVERY_CHANGED, packet, what, related=origin(message), stated=stated)
                return
        pairs = [value for number, value in message.properties or [] if number == extract.USER_PROPERTY]
        if pairs != [value for number, value in passed_on if number == extract.USER_PROPERTY]:
            self.report.at(
                rules.DELIVERY_CHANGED, packet, "The User Properties are not as published", related=origin(message)
            )

    def _order(self, link: Link, packet: Packet, facts: Publish, message: Message) -> None:
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
            self.report.at(rules.DELIVERY_ORDER, packet, what, related=origin(message))
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

    def _shared(self, link: Link, packet: Packet, facts: Publish, one: Subscription, message: Message) -> None:
        """A shared subscription's message goes to one of its sessions, and to another only if it is of QoS 1 and the
        first one has lost its connection (4.8.2)."""
        if message.shares is None:
            message.shares = {}
        first = message.shares.get(one.filter)
        client = link.client
        if client is None:
            return
        if first is None:
            message.shares[one.filter] = (client, int(link.number))
        elif first[1] != int(link.number):
            other = first[0].link
            if facts.qos == 2 or (other is not None and other.number == first[1]):  # else its connection was lost
                what = f"The shared subscription {one.filter!r} got it already, on stream {first[1]}"
                self.report.at(rules.SHARED_DELIVERED_TWICE, packet, what, related=origin(message))

    def _will(self, broker: Broker, facts: Publish, message: Message) -> None:
        """A will has become a message."""
        if self.watching:
            self._watched.append(message)
        self._keep(broker, key_of(facts), message, facts.time_ns)
        if message.retain:
            retain(broker, message.topic, message)

    # What changes who gets messages

    def connected(self, link: Link, packet: Packet) -> None:
        """A CONNECT."""
        self.wills.connected(self._broker(link), link, packet)

    def accepted(self, link: Link, packet: Packet) -> None:
        """A CONNACK: the subscriptions of a session that ended with it are gone."""
        client = link.client
        if link.code != 0:
            return
        broker = self._broker(link)
        if client is None or not client.known:
            broker.strangers += 1
            link.strange = True
        self.wills.accepted(broker, link)
        if client is None:
            return
        self._forget(broker, client, client.subscriptions)
        queued = self._away.pop((client.broker, client.id), None)
        if queued is not None and link.session_present and len(queued) <= MOST_EXPECTED:
            self._returned[int(link.number)] = queued
        while self.opening.gone:
            other = self.opening.gone.pop()
            self._forget(self.brokers.get(other.broker), other)

    def _forget(self, broker: Broker | None, client: Client, but: dict[str, Subscription] = NO_FILTERS) -> None:
        """The client's subscriptions are gone, but for these."""
        if not client.standing:
            return
        kept: dict[str, Subscription] = {}
        for name, one in client.standing.items():
            if name in but:
                kept[name] = one
            elif broker is not None:
                broker.filters.remove(client, one)
        client.standing = kept if kept else NO_FILTERS

    def asked(self, link: Link, request: Request) -> None:
        """A SUBSCRIBE: from now on the subscriptions may bring messages."""
        client = link.client
        if client is None or request.subscriptions is None:
            return
        broker = self._broker(link)
        for one in request.subscriptions:
            if one.filter not in client.standing and client.subscriptions.get(one.filter) is one:
                broker.filters.add(client, one)
                stands(client, one)

    def granted(self, link: Link, packet: Packet, request: Request) -> None:
        """A SUBACK: from now on the subscriptions count; and retained messages are due."""
        client = link.client
        if client is None or request.subscriptions is None:
            return
        broker = self._broker(link)
        for one in request.subscriptions:
            if client.subscriptions.get(one.filter) is not one:
                if client.standing.get(one.filter) is one:  # it was refused
                    broker.filters.remove(client, one)
                    del client.standing[one.filter]
                continue
            if one.granted < 0:
                continue
            if client.standing.get(one.filter) is not one:
                broker.filters.add(client, one)
                stands(client, one)
            if one.share or one.retain_handling == 2 or (one.retain_handling == 1 and one.renewed):
                continue
            if client.is_known(link) and link.whole and broker.retained:
                self._retained_due(broker, link, packet, one)
        link.retained_early = NO_TOPICS

    def _retained_due(self, broker: Broker, link: Link, packet: Packet, one: Subscription) -> None:
        """Retained messages that a new subscription has to bring (3.3.1.3)."""
        topics = [one.topic]
        if "#" in one.topic or "+" in one.topic:
            topics = broker.topics.find(one.topic, MOST_TOPICS)
        messages = [broker.retained[topic] for topic in topics if topic in broker.retained]
        for message in messages:
            if message.time_ns > one.time_ns - SETTLING_NS or len(link.retained_due) >= MOST_TOPICS:
                continue
            if message.size == 0 or message.topic in link.retained_early or not fits(message, link):
                continue
            if one.no_local and message.publisher == link.client_id:
                continue
            if message.expiry >= 0 and packet.time_ns - message.time_ns > message.expiry * SECOND:
                continue
            if accepted(message):
                if link.retained_due is NO_RETAINED:
                    link.retained_due = {}
                link.retained_due[message.topic] = (int(message.frame), int(packet.time_ns), message.qos == 0)

    def unsubscribed(self, link: Link, packet: Packet, request: Request) -> None:
        """An UNSUBACK."""
        client = link.client
        if client is None:
            return
        self._remove_those_that_left(packet.time_ns)
        for name in request.names or []:
            one = client.standing.pop(name, None)
            if one is not None:
                self._leaving.append((int(packet.time_ns), client, one))

    def _remove_those_that_left(self, now_ns: i64) -> None:
        """What is published shortly after an UNSUBACK is still looked at: nobody who has left may get it."""
        leaving = self._leaving
        while leaving and (len(leaving) > MOST_MESSAGES or now_ns - leaving[0][0] > SETTLING_NS):
            _, client, one = leaving.popleft()
            broker = self.brokers.get(client.broker)
            if broker is not None and one.filter not in client.standing:
                broker.filters.remove(client, one)

    def ended(self, link: Link) -> None:
        """The connection is over, and why is known."""
        client = link.client
        broker = self._broker(link)
        cut = link.captured_end and (link.end_side == BROKER_SIDE or link.stream.closed_how == RESET)
        if cut:
            self._cut_off(link)
        if link.copies:
            self._look_at_copies(link, link.end_ns, SECOND)
        if client is not None:
            self._leaves(broker, link, client)
        if client is not None and not client.session and client.link is None:
            self._forget(broker, client)
        if link.strange:
            broker.strangers -= 1
        self.wills.ended(broker, link, cut)

    def _cut_off(self, link: Link) -> None:
        """A connection was reset, or closed by the broker: who knows what of the last packets the broker has read."""
        mine = link.of(CLIENT_SIDE)
        if not mine.messages or link.end_ns - mine.last_ns > SETTLING_NS:
            return
        for message in reversed(self._owing):
            if link.end_ns - message.time_ns > SETTLING_NS:
                return
            if message.link == link.number:
                message.cut = True

    def judge(self, link: Link) -> None:
        """All is known of the connection."""
        self._missing_retained(link)

    def _leaves(self, broker: Broker, link: Link, client: Client) -> None:
        """A client goes: did it get all that it should have had by then? Nothing is said of a connection that broke."""
        expected = link.expected
        link.expected = NO_MESSAGES
        queued = self._returned.pop(int(link.number), None)
        told = link.disconnect_ns if link.disconnect_side == CLIENT_SIDE else link.end_ns
        if not client.is_known(link) or not link.all_there or link.end not in (BY_DISCONNECT, BY_FIN, BY_CAPTURE_END):
            return
        if link.end != BY_CAPTURE_END and link.end_side != CLIENT_SIDE:
            return
        if link.witnesses:
            self.wills.leaves(link, client, told)
        patience = SECOND + 2 * broker.longest_ns
        busy = told - link.of(BROKER_SIDE).last_ns < SECOND
        if busy and patience < OWED_NS:
            patience = OWED_NS  # it may be on its way
        if queued is not None and not busy and not link.of(BROKER_SIDE).flights and told - link.connack_ns > patience:
            for message in queued:
                if self._still_queued(link, client, message):
                    self._missing(link, message)
        for message in expected:
            if message.settled or told - message.time_ns < patience or not accepted(message):
                continue
            if message.owed_to(client) == link.number:
                message.paid(client)
                self._missing(link, message)

    def _still_queued(self, link: Link, client: Client, message: Message) -> bool:
        """Should a message that waited for this connection have come?"""
        if message.dropped or had(message, link) or not accepted(message) or not fits(message, link):
            return False
        waited = link.connack_ns - message.time_ns
        if message.expiry >= 0 and waited > (message.expiry - 1) * SECOND:
            return False
        return any(one.left_frame == 0 for one in subscribed_to(client, message.topic))

    def _missing_retained(self, link: Link) -> None:
        """Retained messages that a subscription should have brought."""
        due = len(link.retained_due)
        if due == 0 or not link.all_there or blocked(link):
            return
        if due >= link.of(CLIENT_SIDE).limits.receive_maximum:
            return  # they may have waited for its acknowledgements
        for topic, (frame, since_ns, may_go) in link.retained_due.items():
            if link.end_ns - since_ns > 2 * SECOND:
                what = f"The retained message on {topic!r} was not sent for the new subscription"
                rule = rules.RETAINED_DISCARDED if may_go else rules.RETAINED_MISSING
                self.report.of(rule, link, link.end_frame, link.end_ns, what, [(frame, "the retained PUBLISH")])

    # What is owed

    def settle(self, now_ns: i64) -> None:
        """Look at the messages whose time is over."""
        if self._leaving:
            self._remove_those_that_left(now_ns)
        owing = self._owing
        while owing and now_ns - owing[0].time_ns > OWED_NS:
            self._settle(owing.popleft())
        self.wills.settle(now_ns)

    def _settle(self, message: Message) -> None:
        """Did all get it who had to?"""
        if message.settled or not message.owes or not accepted(message):
            return
        message.settled = True
        for client, number in message.owed():
            link = client.link
            if link is None or link.number != number or link.state != CONNECTED:
                continue
            if not client.is_known(link) or not link.all_there:
                continue
            self._missing(link, message)

    def _missing(self, link: Link, message: Message) -> None:
        """A message that a client should have got."""
        client = link.client
        if blocked(link) or client is None or not still_wants(client, message.topic):
            return
        case = (message.publisher, message.topic, link.client_id)
        if case in self._complained:
            return
        if len(self._complained) > MOST_MESSAGES:
            self._complained.clear()
        self._complained.add(case)
        what = f"The message on {message.topic!r} of frame {message.frame} did not reach this subscriber"
        related = [(int(message.frame), "PUBLISH to the broker")]
        self.report.of(rules.DELIVERY_MISSING, link, message.frame, message.time_ns, what, related)


def subscribed_to(client: Client, topic: str) -> list[Subscription]:
    """The client's subscriptions that match, those included that it has just left."""
    known = client.matched.get(topic)
    if known is None:
        if client.matched is NO_MATCHES or len(client.matched) >= MOST_TOPICS:
            client.matched = {}
        known = client.matched[topic] = matching(client.subscriptions, topic)
    return known


def still_wants(client: Client, topic: str) -> bool:
    """Has the client not left all of its subscriptions that match since?"""
    for one in client.standing.values():
        if one.left_frame == 0 and matches(one.topic, topic):
            return True
    return False


def subscribes(standing: list[Subscription]) -> list[tuple[int, str]]:
    """Where they were asked for."""
    return [(int(one.frame), f"SUBSCRIBE {one.filter}") for one in standing[:4]]


def origin(message: Message) -> list[tuple[int, str]]:
    """Where it came from."""
    return [(int(message.frame), "the will in CONNECT" if message.will else "PUBLISH to the broker")]


def stands(client: Client, one: Subscription) -> None:
    """The subscription may bring messages."""
    if client.standing is NO_FILTERS:
        client.standing = {}
    client.standing[one.filter] = one


def retain(broker: Broker, topic: str, message: Message) -> None:
    """The broker keeps this message for the topic; an empty one says that it keeps none."""
    if topic in broker.retained:
        broker.retained[topic] = message
    elif len(broker.retained) < MOST_RETAINED:
        broker.retained[topic] = message
        broker.topics.add(topic)


def blocked(link: Link) -> bool:
    """Are so many messages in flight to the client that others may have to wait?"""
    flights = link.of(BROKER_SIDE).flights
    return flights > BUSY or flights >= link.of(CLIENT_SIDE).limits.receive_maximum


def fits(message: Message, link: Link) -> bool:
    """Is the message surely no longer than the client takes, which else must not get it (3.1.2.11.4)?"""
    limit = link.of(CLIENT_SIDE).limits.maximum_packet
    return limit == 0 or message.length + ADDED <= limit


def is_alone(found: list[tuple[Client, Subscription]], one: Subscription) -> bool:
    """Has a shared subscription one session only, which then gets every message (4.8.2)?"""
    return sum([other.filter == one.filter for _, other in found]) == 1


def is_over(one: Subscription, facts: Publish, message: Message | None) -> bool:
    """Has the client left this subscription so long ago that nothing is on its way for it any more?"""
    if one.left_ns < 0:
        return False
    if message is not None and message.time_ns > one.left_ns + SOON_NS // 2:
        return True
    return facts.time_ns - one.left_ns >= SETTLING_NS


def is_live(link: Link, facts: Publish, standing: list[Subscription], message: Message | None, alike: i64) -> bool:
    """Is it surely sent because it was published, and not because it was retained when the client subscribed?"""
    asked_ns = max([one.time_ns for one in standing])
    fresh = facts.time_ns - max(asked_ns, link.connack_ns) < 2 * SETTLING_NS
    if message is not None and (alike == 1 or not fresh):
        return message.time_ns > max([one.granted_ns for one in standing]) + SOON_NS
    return not fresh and message is None and not blocked(link)


def accepted(message: Message) -> bool:
    """Has the broker taken responsibility for the message?"""
    request = message.request
    if request is None:
        return (message.qos == 0 and not message.cut) or message.will
    return not request.refused and request.stage in (codes.PUBACK, codes.PUBREL, codes.PUBCOMP)


def wanted(message: Message, link: Link) -> bool:
    """Does this client still have to get it?"""
    client = link.client
    return client is not None and not had(message, link) and message.owed_to(client) != UNKNOWN


def over_by(message: Message, longest_ns: i64) -> i64:
    """When the broker had surely handed on the message to those who had subscribed by then. It may acknowledge first,
    and take its time, if it is a slow one. longest_ns: that it was seen to take."""
    request = message.request
    if request is None:
        return message.time_ns + SETTLING_NS
    if request.stage not in (codes.PUBACK, codes.PUBCOMP):
        return NEVER_NS
    return request.stage_ns + max(longest_ns, HASTE * (request.stage_ns - message.time_ns))


def had(message: Message, link: Link) -> bool:
    """Did this connection get the message already?"""
    number = link.number
    one = message.first
    while one is not None:
        if one.link == number:
            return True
        one = one.following
    return False


def key_of(facts: Publish) -> int:
    """Of messages that look alike: the hash of topic and digest."""
    return hash((facts.topic, facts.digest))


def expect(link: Link, client: Client, message: Message) -> None:
    """A message is owed on this connection; of so many that nobody will ask, the oldest are forgotten."""
    if link.expected is NO_MESSAGES:
        link.expected = []
    link.expected.append(message)
    if len(link.expected) > 2 * MOST_EXPECTED:
        link.expected = [one for one in link.expected if one.owed_to(client) != UNKNOWN][-MOST_EXPECTED:]


def first_due(candidates: list[Message], link: Link, facts: Publish, since_ns: i64, longest_ns: i64) -> Message | None:
    """The oldest of them that this connection has not had, of those published since its subscription, at `since_ns`; if
    there is none, a retained one, the newest first, or one that was still under way then; else the newest of all."""
    under_way: Message | None = None
    for message in candidates:
        if message.time_ns > facts.time_ns or had(message, link):
            continue
        if message.time_ns >= since_ns:
            return message
        if under_way is None and over_by(message, longest_ns) >= since_ns:
            under_way = message
    if under_way is not None and not facts.retain:
        return under_way
    for at in range(len(candidates) - 1, -1, -1):
        message = candidates[at]
        if message.retain and message.time_ns <= facts.time_ns and not had(message, link):
            return message
    return under_way if under_way is not None else candidates[-1] if candidates else None


def stood_since(standing: list[Subscription]) -> i64:
    """When the oldest of them began; 0 for none."""
    first_ns: i64 = 0
    for one in standing:
        since = one.stood_ns if 0 <= one.stood_ns < one.time_ns else one.time_ns
        if first_ns == 0 or since < first_ns:
            first_ns = since
    return first_ns


def all_as_published(standing: list[Subscription]) -> bool:
    """Do all of them want RETAIN as it was published?"""
    for one in standing:
        if not one.retain_as_published:
            return False
    return True


def all_no_local(standing: list[Subscription]) -> bool:
    """Does none of them want the client's own messages?"""
    for one in standing:
        if not one.no_local:
            return False
    return True


def is_looked_for(broker: Broker, topic: str) -> bool:
    """May a message on this topic be taken for a will, for that of somebody who is not known, or for a retained one?"""
    return (
        broker.strangers > 0
        or topic in broker.will_owners
        or topic in broker.wills
        or (len(broker.retained) > 0 and topic in broker.retained)
    )


def any_identified(standing: list[Subscription]) -> bool:
    """Has any of them a Subscription Identifier?"""
    for one in standing:
        if one.identifier:
            return True
    return False


def value_of(found: list[tuple[int, object]] | None, number: int) -> object:
    """The value of a property; None if it is not there."""
    if found is not None:
        for one, value in found:
            if one == number:
                return value
    return None
