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
connection that lacks something; and little of a broker that is found to have other clients than those that were
captured (`hidden_at`). Tables are bounded by `MOST_MESSAGES` and `WINDOW_NS`; what falls out early is not
looked at.
"""

from collections import deque
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis import delivered, extract, rules
from mqttdissect.analysis.brokers import MOST_RETAINED, OWED_NS, SETTLING_NS, SWAPPED_NS, Broker, Brokers, key_of
from mqttdissect.analysis.exchange import complete, is_late
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    BY_CAPTURE_END,
    BY_DISCONNECT,
    BY_FIN,
    CLIENT_SIDE,
    CONNECTED,
    NO_COPIES,
    NO_FILTERS,
    NO_MESSAGES,
    NO_RETAINED,
    NO_TOPICS,
    UNKNOWN,
    Client,
    Delivery,
    Link,
    Message,
    Publish,
    Request,
    Subscription,
)
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.messages import (
    MOST_TOPICS,
    accepted,
    any_as_published,
    blocked,
    brings_retained,
    crosses,
    first_due,
    fits,
    had,
    is_over,
    of_broker,
    over_by,
    still_wants,
    stood_since,
    subscribed_to,
    wanted,
)
from mqttdissect.analysis.opening import Opening, broker_of, carries_no_more
from mqttdissect.analysis.report import Report
from mqttdissect.analysis.rule import CAPTURE, NOTE
from mqttdissect.analysis.wills import LATEST_NS, Wills, may_be_old, message_of
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.stream import RESET

SECOND: Final = 1_000_000_000
WINDOW_NS: Final = 60_000_000_000  # for which messages are kept
MOST_MESSAGES: Final = 10_000  # of all brokers
MOST_ORPHANS: Final = 1_000  # deliveries of messages that may still be seen to be published
TAKEN_OVER: Final = 0x8E  # Session taken over, in a DISCONNECT
MOST_OWED: Final = 64  # subscribers of one message that are looked at
MOST_ALIKE: Final = 64  # of them that look alike and are looked at
MOST_DELIVERIES: Final = 256  # of one message that are remembered
NOBODY: Final[set[int]] = set()
MOST_EXPECTED: Final = 16  # messages owed to one connection that are looked at when it ends


@final
class Deliveries:
    """`published` and `delivered` messages, and the events between that change who gets them."""

    def __init__(self, report: Report, opening: Opening) -> None:
        self.report = report
        self.opening = opening
        self.brokers = Brokers()
        self._at = self.brokers.of(b"")  # the one that was last looked at
        self._window: deque[Message] = deque()  # oldest first
        self._owing: deque[Message] = deque()  # those of them that are not settled
        self.wills = Wills(report)
        self.watching = False  # are messages wanted?
        self._watched: deque[Message] = deque()
        self._away: dict[tuple[bytes, str], list[Message]] = {}  # for clients that are away, by broker and identifier
        self._returned: dict[int, list[Message]] = {}  # for those that came back, by number of their connection
        self._leaving: deque[tuple[int, Client, Subscription]] = deque()  # unsubscribed at that time, not long ago
        self._orphans: deque[tuple[Broker, Publish, int]] = (
            deque()
        )  # deliveries of what nobody has sent so far; streams
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
        broker = self.brokers.of(key)
        if broker.hides and not broker.told:
            self._tell(broker)
        self._at = broker
        return broker

    def _tell(self, broker: Broker) -> None:
        """What has shown that some of its clients were not captured."""
        broker.told = True
        trace = self.brokers.trace(broker.key)
        if trace is not None:
            self.report.about(trace)

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
        broker = self._broker(link)
        if not facts.topic or packet.hole_offset >= 0 or is_late(packet):
            broker.blinds(facts.time_ns)
            if facts.retain:
                broker.forget(facts.topic)
            return
        if not new or packet.notes is not None:
            return
        found = broker.filters.find(facts.topic)
        if not (found or facts.retain or self.watching or broker.looks_for(facts.topic)):
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
            if link.state == CONNECTED and link.violation < 0:
                broker.retain(facts.topic, message)
            else:
                broker.forget(facts.topic)
        if self.watching:
            self._watched.append(message)
        key = key_of(facts.topic, facts.digest)
        perhaps = NOBODY
        if key in broker.recent or broker.knows_early(key):
            perhaps = self._came_early(broker, key, message, facts)
        if found and link.state == CONNECTED and link.violation < 0 and not of_broker(facts.topic):
            self._owe(broker, found, link, message, perhaps)
        if facts.has_properties:
            message.properties = extract.properties(packet, False)
            message.expiry = extract.integer(message.properties, extract.MESSAGE_EXPIRY, UNKNOWN)
        self._keep(broker, key, message, facts.time_ns)
        if message.owes:
            self._owing.append(message)
        self.settle(facts.time_ns)

    def _keep(self, broker: Broker, key: int, message: Message, now_ns: i64) -> None:
        """Remember a message, and forget those that are old or too many."""
        recent = broker.recent
        message.among = recent
        message.key = key
        same = recent.get(key)
        if same is None:
            recent[key] = message
        elif isinstance(same, list):
            same.append(message)
        else:
            recent[key] = [same, message]
        window = self._window
        window.append(message)
        while window and (len(window) > MOST_MESSAGES or now_ns - window[0].time_ns > WINDOW_NS):
            old = window.popleft()
            old.settled = True
            old.dropped = True
            recent = old.among
            kept = recent.get(old.key)
            if kept is old:
                del recent[old.key]
            elif isinstance(kept, list):
                kept.remove(old)
                if not kept:
                    del recent[old.key]

    def _came_early(self, broker: Broker, key: int, message: Message, facts: Publish) -> set[int]:
        """It may have been captured behind deliveries of it: what these showed is explained. The connections that got
        what was taken for another message, which looks like it."""
        since_ns = message.time_ns - SWAPPED_NS
        for early in broker.came_early(key, since_ns, True):
            if early.receiver is not None:
                self._tie(broker, message, early.receiver, early)
            self.report.withdraw(early.frame)
        perhaps: set[int] = set()
        same = broker.recent.get(key)
        alike = same if isinstance(same, list) else [same]
        for at in range(len(alike) - 1, max(len(alike) - MOST_ALIKE, 0) - 1, -1):
            other = alike[at]
            if not isinstance(other, Message) or other.last is None:
                continue
            if other.time_ns + other.last.took_ns <= since_ns:
                break  # those before it were delivered earlier
            for one in other.delivered():
                if other.time_ns + one.took_ns > since_ns:
                    perhaps.add(int(one.link))
                    self.report.withdraw(one.frame)
        return perhaps

    def _owe(
        self, broker: Broker, found: list[tuple[Client, Subscription]], link: Link, message: Message, perhaps: set[int]
    ) -> None:
        """Who of those that have subscribed has to get it? perhaps: the connections that may have had it."""
        for client, one in found:
            if one.granted < 0 or one.share or one.left_frame or one.granted_ns > message.time_ns - SWAPPED_NS:
                continue
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
            if (message.deliveries and had(message, receiver)) or int(receiver.number) in perhaps:
                continue
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
            self._may_be_any(link)
            return
        broker = self._broker(link)
        client = link.client
        known = client is not None and client.link is link and client.is_known(link) and link.all_before
        known = known and link.state == CONNECTED
        found: list[Subscription] = []
        if client is not None and known:
            found = subscribed_to(client, facts.topic)
            if facts.retain:
                self._retained(link, facts, found)
        key = key_of(facts.topic, facts.digest)
        alike = broker.recent.get(key)
        message: Message | None = None
        count: i64 = 1
        if isinstance(alike, list):
            message = first_due(alike, link, facts, stood_since(found), broker.longest_ns)
            count = len(alike)
        elif isinstance(alike, Message):
            message = alike
        if facts.retain and (message is None or not message.retain) and not any_as_published(found):
            message = broker.retained_like(facts, key, message)
        if message is None or ((broker.wills or facts.topic in broker.will_owners) and not wanted(message, link)):
            will = self._unclaimed(broker, link, packet, facts, key, new, found, message)
            if will is not None:
                will.unkept = known and will.unkept
                message = will
                count = 1
            elif broker.may_be_promised(facts):
                count += 1
        if broker.others:
            count += broker.elsewhere(facts.topic, key)
        if broker.is_blind(facts.time_ns):
            count += 1
        if message is None and facts.retain and len(broker.kept) < MOST_RETAINED:
            broker.kept.add(facts.topic)
        if message is not None and not new and (facts.dup or had(message, link)):
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
        if not standing:
            delivered.nobody_asked(self.report, link, packet, facts, found, message)
        else:
            crossed = message is not None and crosses(standing, facts, message)
            if new and not crossed:
                delivered.by_subscription(self.report, link, packet, facts, standing, message, count)
            if message is not None:
                delivered.by_message(self.report, broker, link, packet, facts, standing, message, crossed, count)
        if message is not None:
            self._tie(broker, message, link, facts)
        if link.copies and facts.time_ns - link.copies[0].time_ns > OWED_NS:
            delivered.look_at_copies(self.report, link, facts.time_ns, OWED_NS)
        self.settle(facts.time_ns)

    def _may_be_any(self, link: Link) -> None:
        """A delivery that cannot be read may be of any message that is due."""
        if link.client is not None:
            for message in link.expected:
                message.paid(link.client)
        link.expected = NO_MESSAGES
        link.retained_due = NO_RETAINED
        self._returned.pop(int(link.number), None)

    def _unclaimed(
        self, broker: Broker, link: Link, packet: Packet, facts: Publish, key: int, new: bool,
        found: list[Subscription], message: Message | None,
    ) -> Message | None:  # fmt: skip
        """The will that this is, if nobody is known to have published it for this client; it may become known later.
        message: one that looks like it."""
        will: Message | None = None
        if facts.topic in broker.wills:
            due = message is not None or broker.elsewhere(facts.topic, key) > 0 or broker.is_blind(facts.time_ns)
            will = self.wills.published(broker, packet, facts, due, link, found)
        if will is not None:
            self._will(broker, facts, will)
            will.unkept = (
                not (broker.others or broker.hides) and facts.topic not in broker.retained and brings_retained(found)
            )
        if new and (will is None or not will.alone) and (not facts.retain or any_as_published(found)):
            if message is None or (broker.will_owners and broker.may_be_promised(facts)):
                broker.comes_early(key, link, facts)
            if message is None and found and not facts.retain and not facts.topic.startswith("$"):
                self._orphan(broker, link, facts, found)
        return will

    def _orphan(self, broker: Broker, link: Link, facts: Publish, found: list[Subscription]) -> None:
        """Nobody is known to have published what is delivered here. That may be found out soon; else it was a client
        that was not captured."""
        if broker.is_blind(facts.time_ns) or may_be_old(link, facts, found):
            return
        window = self._window
        if len(window) >= MOST_MESSAGES and facts.time_ns - window[0].time_ns < OWED_NS:
            return  # so many are published that it may be forgotten
        if len(self._orphans) < MOST_ORPHANS:
            self._orphans.append((broker, facts, int(link.number)))

    def _look_at_orphans(self, now_ns: i64) -> None:
        """Has anybody published what was delivered a while ago?"""
        orphans = self._orphans
        while orphans and now_ns - orphans[0][1].time_ns > SETTLING_NS:
            broker, facts, number = orphans.popleft()
            key = key_of(facts.topic, facts.digest)
            if not (key in broker.recent or broker.elsewhere(facts.topic, key) or broker.was_will(facts)):
                what = "a message is delivered that nobody was seen to publish"
                self.hidden_at(broker.key[:-2], what, number, facts.frame, facts.time_ns)

    def hidden_at(self, host: bytes, what: str, stream: i64, frame: i64, time_ns: i64) -> None:
        """At this address clients come and go that are not captured: what rests on knowing all of them is not said any
        more, nor is what was held back. what, stream, frame, time_ns: how that is known."""
        trace = Finding(
            rules.CLIENTS_NOT_CAPTURED, NOTE, CAPTURE, f"Not all clients were captured: {what}", frame, time_ns
        )
        trace.stream = stream
        trace.frames = [int(frame)]
        brokers = self.brokers.hide(host, trace)
        if not brokers:
            return
        self._tell(brokers[0])
        keys = {one.key for one in brokers}
        self.report.withdraw_of(keys)
        for broker in brokers:
            for dead in [one for of_topic in broker.wills.values() for one in of_topic]:
                if dead.will is not None and dead.will.delay:
                    dead.will.unsure = True
        for client in self.opening.clients.values():
            link = client.link
            if link is None or client.broker not in keys:
                continue
            link.retained_due = NO_RETAINED
            link.copies = NO_COPIES
            if link.goes_on:
                client.known = False
                link.inherits = False
                for side in (link.client_side, link.broker_side):
                    carries_no_more(side)

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

    def _will(self, broker: Broker, facts: Publish, message: Message) -> None:
        """A will has become a message."""
        if self.watching:
            self._watched.append(message)
        self._keep(broker, key_of(facts.topic, facts.digest), message, facts.time_ns)
        if message.retain:
            broker.retain(message.topic, message)

    # What changes who gets messages

    def connected(self, link: Link, packet: Packet) -> None:
        """A CONNECT."""
        broker = self._broker(link)
        self.brokers.connects(broker)
        for other in broker.others:
            twin = self.opening.clients.get((other.key, link.client_id))
            if twin is not None:
                twin.may_be_gone()
        if broker.hides and link.client is not None:
            link.client.may_be_gone()
        self.wills.connected(broker, link, packet)

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
        if not link.seen(CLIENT_SIDE):
            what = "of one, nothing that it sends was captured"
            self.hidden_at(broker.key[:-2], what, link.number, link.connack_frame, link.connack_ns)
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
            if client.is_known(link) and link.whole and broker.retained and not (broker.others or broker.hides):
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
            if over_by(message, broker.longest_ns) >= one.time_ns or may_delete(broker, message):
                continue
            if message.size == 0 or message.topic in link.retained_early or not fits(message, link):
                continue
            if of_broker(message.topic):
                continue
            if broker.may_hold_will(message.topic):
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
        by_broker = link.end_side == BROKER_SIDE
        if link.rival_frame and link.stream.closed_by >= 0:  # it may have been taken over before its DISCONNECT
            by_broker = by_broker or link.side(link.stream.closed_by) == BROKER_SIDE
        cut = link.captured_end and (by_broker or link.stream.closed_how == RESET)
        if cut:
            self._cut_off(link)
        if link.copies and (client is None or not client.session):  # else they may come on the next one
            delivered.look_at_copies(self.report, link, link.end_ns, SECOND)
        if client is not None:
            self._leaves(broker, link, client)
        if client is not None and not client.session and client.link is None:
            self._forget(broker, client)
        if link.strange:
            broker.strangers -= 1
        if link.captured_end and not (link.connect_frame and (link.connack_frame or complete(link))):
            broker.blinds(link.end_ns)  # it may have had a will
        told = client is not None and link.connack_frame  # else nobody can tell whether its rival was captured
        if link.disconnect_code == TAKEN_OVER and told and not (link.rival_frame or broker.others):
            what = "the session was taken over, and not by one that was"
            self.hidden_at(broker.key[:-2], what, link.number, link.end_frame, link.end_ns)
        seen = self.wills.ended(broker, link, cut)
        if seen and link.will is not None:
            facts = seen[0]
            message = message_of(link, link.will, facts.time_ns)
            message.alone = len(broker.wills.get(message.topic, [])) == 1
            self._will(broker, facts, message)
            for one in seen:
                if one.receiver is not None:
                    self._tie(broker, message, one.receiver, one)

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
                self.report.of(rule, link, link.end_frame, link.end_ns, what, [(frame, "the retained message")])

    # What is owed

    def close(self) -> None:
        """The capture has ended."""
        self._look_at_orphans(LATEST_NS)
        self.report.settle(LATEST_NS)

    def settle(self, now_ns: i64) -> None:
        """Look at the messages whose time is over."""
        if self._leaving:
            self._remove_those_that_left(now_ns)
        if self._orphans:
            self._look_at_orphans(now_ns)
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


def may_delete(broker: Broker, message: Message) -> bool:
    """May an empty message that came before this one have been retained after it? QoS 2 may count from PUBLISH or from
    PUBREL on; only what else came on the same connection has an order."""
    for one in broker.deletions.get(message.topic, NO_MESSAGES):
        in_order = one.link == message.link and one.qos < 2 and message.qos < 2
        if not in_order and over_by(one, broker.longest_ns) >= message.time_ns:
            return True
    return False


def stands(client: Client, one: Subscription) -> None:
    """The subscription may bring messages."""
    if client.standing is NO_FILTERS:
        client.standing = {}
    client.standing[one.filter] = one


def expect(link: Link, client: Client, message: Message) -> None:
    """A message is owed on this connection; of so many that nobody will ask, the oldest are forgotten."""
    if link.expected is NO_MESSAGES:
        link.expected = []
    link.expected.append(message)
    if len(link.expected) > 2 * MOST_EXPECTED:
        link.expected = [one for one in link.expected if one.owed_to(client) != UNKNOWN][-MOST_EXPECTED:]
