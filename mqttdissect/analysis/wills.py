"""Wills: when they are due, and what the broker makes of them (3.1.2.5, 3.1.3.2, 3.1.3.3 and 3.14.4 of MQTT 5.0).

The wills of connections that have ended are kept by topic; a PUBLISH from the broker that no client has published is
looked for among them. A will that somebody would see, and that does not come, is reported when its time is over.

While the delay of a will lasts, its client may come back: to the same session, which cancels the will [MQTT-3.1.3-9],
or to a new one: then it may come at once, since the old session has ended (3.1.4), or not at all [MQTT-3.1.2-8]. A
connection that is taken over has ended like any other, and a will without a delay is due; MQTT 3.1 does not say so.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis import rules
from mqttdissect.analysis.brokers import OWED_NS, SETTLING_NS, Broker, key_of
from mqttdissect.analysis.exchange import milliseconds
from mqttdissect.analysis.facts import CLIENT_SIDE, CONNECTED, Client, Link, Message, Publish, Subscription, Will
from mqttdissect.analysis.messages import any_as_published, blocked, of_broker
from mqttdissect.analysis.report import Report
from mqttdissect.analysis.rule import Rule
from mqttdissect.mqtt.packet import Packet

SECOND: Final = 1_000_000_000
LONGEST_DELAY: Final = 10 * 365 * 24 * 3600  # seconds of a will that anybody waits for
LATEST_NS: Final = 1 << 62  # beyond that, times are nonsense and sums of them too large
LONGEST: Final = 1 << 28  # bytes of a packet
MOST_WILLS: Final = 512  # topics of wills of connections that have ended,
MOST_ALIKE: Final = 512  # and wills of one topic


@final
class Wills:
    """`connected`, `accepted` and `ended` connections, and what is `published` for them."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._due: list[tuple[Link, Client]] = []  # those that somebody would see, and who
        self._first_ns: i64 = LATEST_NS  # when the first of them is due

    def published(
        self, broker: Broker, packet: Packet, facts: Publish, due: bool, link: Link, found: list[Subscription]
    ) -> Message | None:
        """The message of a will that the broker publishes now, on this connection for the subscriptions found, if this
        is one. due: only one that is due, and that nobody has seen yet, since it may be another message."""
        of_topic = broker.wills.get(facts.topic)
        if of_topic is None:
            return None
        dead: Link | None = None
        alike = 0
        old = may_be_old(link, facts, found)
        promised = broker.may_be_promised(facts)
        for one in of_topic:
            if one.will is None or hash(one.will.payload) != facts.digest:
                continue
            over = (one.will.came_back and one.will.cancelled) or (promised and not old)
            if over and packet.time_ns - one.will.due_ns > OWED_NS:
                continue
            alike += 1
            late = packet.time_ns - one.will.due_ns
            early = late < 0 and not one.will.came_back and not one.will.unsure
            if due and (one.will.fired or (one.will.cancelled and not one.will.unsure) or late >= OWED_NS or early):
                continue
            if old and not one.will.fired and (one.will.cancelled or late < -SECOND):
                continue  # another message that looks like it
            if old and facts.retain and not one.will.retain:
                continue
            dead = one
        if dead is None:
            if not due and not alike and not old:
                self._changed(broker, of_topic, packet, facts)
            return None
        will = dead.will
        assert will is not None
        if will.fired == 0:
            will.fired = packet.frame
            dead.will_frame = packet.frame
            wrong = breaks(dead, will, packet.time_ns) if alike == 1 else None
            if wrong is not None:
                rule, what, stated = wrong
                self.report.at(rule, packet, what, related=of_will(dead), stated=stated)
                broker.comes_early(key_of(facts.topic, facts.digest), link, facts)  # or it is another message
        message = message_of(dead, will, will.due_ns if will.due_ns <= packet.time_ns else packet.time_ns)
        message.alone = alike == 1 and not due and not promised
        return message

    def _changed(self, broker: Broker, of_topic: list[Link], packet: Packet, facts: Publish) -> None:
        """A message on a will's topic, when the will is due, that nobody published: the will, changed; unless it may be
        the will of another, or come from somebody who is not known."""
        if len(of_topic) > 1 or facts.topic in broker.will_owners or broker.strangers:
            return
        for dead in of_topic:
            will = dead.will
            if will is None or will.fired or will.cancelled or facts.retain:
                continue
            if 0 <= packet.time_ns - will.due_ns < SETTLING_NS and facts.time_ns - dead.end_ns < SETTLING_NS:
                what = f"A message on the will topic of {dead.client_id!r} that is not its will"
                self.report.at(rules.WILL_CHANGED, packet, what, related=of_will(dead))
                will.fired = packet.frame
                return

    def connected(self, broker: Broker, link: Link, packet: Packet) -> None:
        """A CONNECT: if the broker accepts it, a will that waits is due now, or not at all."""
        client = link.client
        if client is None or client.dead is None:
            return
        will = client.dead.will
        if will is None or will.fired or will.cancelled:
            self._forget(broker, client)
        elif packet.time_ns < will.due_ns:
            will.came_back = True

    def accepted(self, broker: Broker, link: Link) -> None:
        """A CONNACK with success."""
        if link.will is not None:
            broker.promises(link.will)
        client = link.client
        dead = client.dead if client is not None else None
        if client is not None and dead is not None and dead.will is not None:
            self._comes_back(dead, link)
            if not dead.will.cancelled:
                client.dead = None

    def _comes_back(self, dead: Link, link: Link) -> None:
        """The client has a new connection: what does that mean for a will whose delay is not over?"""
        will = dead.will
        if will is None or will.fired or will.cancelled or will.delay == 0 or will.due_ns <= link.connect_ns:
            return
        if link.goes_on:
            will.unsure = will.unsure or will.due_ns - link.connack_ns < SETTLING_NS
            will.cancelled = will.came_back = True
            return
        will.unsure = True
        will.came_back = False
        will.due_ns = max(dead.end_ns, link.connect_ns)

    def _forget(self, broker: Broker, client: Client) -> None:
        """It is known what became of the will that the client has left."""
        dead = client.dead
        client.dead = None
        of_topic = broker.wills.get(dead.will.topic) if dead is not None and dead.will is not None else None
        if dead is not None and dead.will is not None and of_topic is not None and dead in of_topic:
            of_topic.remove(dead)
            if not of_topic:
                del broker.wills[dead.will.topic]

    def ended(self, broker: Broker, link: Link, cut: bool) -> list[Publish]:
        """The connection is over. cut: nobody knows what of its last packets the broker has read. The deliveries of the
        will, if it was published before the connection was seen to end."""
        client = link.client
        will = link.will
        if will is None or link.connack_frame == 0 or link.code != 0:
            return []
        if cut and link.disconnect_side == CLIENT_SIDE and link.end_ns - link.disconnect_ns < SETTLING_NS:
            will.unsure = True
        if (link.rival_frame or broker.hides) and link.version == 3:
            will.unsure = True
        broker.promised(will)
        if not link.captured_end:
            return []
        delay = min(will.delay, link.expiry)
        if link.expiry_least < delay or (will.delay and broker.hides):
            will.unsure = True
        will.due_ns = link.end_ns
        if not will.cancelled and link.end_ns < LATEST_NS:
            will.due_ns += min(delay, LONGEST_DELAY) * SECOND
        if link.rival_frame:
            will.came_back = will.due_ns > link.end_ns
        if len(broker.wills) >= MOST_WILLS:
            del broker.wills[next(iter(broker.wills))]
        of_topic = broker.wills.setdefault(will.topic, [])
        of_topic.append(link)
        if len(of_topic) > MOST_ALIKE:
            oldest = of_topic.pop(0).will
            if oldest is not None:
                oldest.unsure = True  # nobody looks for it any more
        if client is not None:
            before = client.dead
            if before is not None and before.will is not None and (before.will.fired or before.will.cancelled):
                self._forget(broker, client)
            client.dead = link
            if client.link is not None and client.link is not link:
                self._comes_back(link, client.link)
        key = key_of(will.topic, hash(will.payload))
        seen = broker.came_early(key, link.end_ns - SETTLING_NS)
        seen = [one for one in seen if one.receiver is not link]
        if seen and will.cancelled and seen[0].time_ns < link.disconnect_ns:
            return []  # a message that looks like it
        if seen:
            facts = seen[0]
            self.report.withdraw(facts.frame)
            will.fired = link.will_frame = facts.frame
            wrong = breaks(link, will, facts.time_ns)
            if wrong is not None and not facts.retain and key not in broker.recent and facts.receiver is not None:
                rule, what, stated = wrong
                self.report.of(rule, facts.receiver, facts.frame, facts.time_ns, what, of_will(link), stated=stated)
        elif not will.cancelled and link.whole:
            self._owe(broker, link)
        return seen

    def reset(self, link: Link) -> None:
        """A client that had closed its direction resets the connection: what the broker had not read then is lost."""
        will = link.will
        if will is not None and link.disconnect_side == CLIENT_SIDE and link.end_ns - link.disconnect_ns < SETTLING_NS:
            will.unsure = True
            self.report.withdraw(will.fired)

    def _owe(self, broker: Broker, link: Link) -> None:
        """Is there anybody who would see the will? Then that it does not come is noticed."""
        will = link.will
        if will is None or of_broker(will.topic):
            return
        for client, one in broker.filters.find(will.topic):
            if one.granted < 0 or one.share or one.left_frame:
                continue
            if client.known and client.link is not None and client.link is not link:
                if client.link.whole and client.link.state == CONNECTED:
                    will.witness = int(client.link.number)
                    client.link.witnesses += 1
                    self._due.append((link, client))
                    self._first_ns = min(self._first_ns, will.due_ns)
                    return

    def leaves(self, link: Link, client: Client, told: i64) -> None:
        """A connection that would see wills is left, at `told`."""
        for dead, witness in self._due:
            if witness is client and told - due_ns(dead) > SECOND:
                self._missing(dead, witness, link)

    def settle(self, now_ns: i64) -> None:
        """Look at the wills whose time is over."""
        self.report.settle(now_ns)
        if now_ns - self._first_ns <= OWED_NS:
            return
        waiting = self._due
        self._due = []
        self._first_ns = LATEST_NS
        for dead, witness in waiting:
            due = due_ns(dead)
            if now_ns - due > OWED_NS:
                self._missing(dead, witness, witness.link)
            else:
                self._due.append((dead, witness))
                self._first_ns = min(self._first_ns, due)

    def _missing(self, link: Link, client: Client, other: Link | None) -> None:
        """A will that was due was not seen by its witness, on its connection `other`."""
        will = link.will
        if will is None or will.fired or will.cancelled or will.unsure:
            return
        if other is None or int(other.number) != will.witness or not other.whole or not client.is_known(other):
            return
        what = f"The will on {will.topic!r} was not published, though {client.id!r} has subscribed to it"
        related = [(int(link.connect_frame), "the CONNECT with the will")]
        self.report.of(rules.WILL_NOT_PUBLISHED, link, link.end_frame, link.end_ns, what, related)


def breaks(dead: Link, will: Will, now_ns: i64) -> tuple[Rule, str, str] | None:
    """The rule that the broker breaks if it publishes the will now, how, and what states it; None if it may."""
    early = will.due_ns - now_ns
    if will.unsure:
        return None
    if will.cancelled and will.came_back:
        what = f"The will of {dead.client_id!r} is published, though it came back before the delay was over"
        return rules.WILL_EARLY, what, "[MQTT-3.1.3-9]"
    if will.cancelled:
        what = f"The will of {dead.client_id!r} is published, though its DISCONNECT cancelled it"
        return rules.WILL_AFTER_DISCONNECT, what, ""
    if early > SECOND and not will.came_back:
        what = f"The will of {dead.client_id!r} is published {milliseconds(early)} before its delay is over"
        return rules.WILL_EARLY, what, ""
    return None


def of_will(dead: Link) -> list[tuple[int, str]]:
    """Where the will comes from."""
    return [(int(dead.connect_frame), "the CONNECT with the will"), (int(dead.end_frame), "its end")]


def message_of(dead: Link, will: Will, since_ns: i64) -> Message:
    """The will as a message of then."""
    message = Message(will.topic, will.qos, will.retain, dead.connect_frame, since_ns)
    message.publisher = dead.client_id
    message.link = dead.number
    message.will = True
    message.version = dead.version
    message.properties = will.properties
    message.expiry = will.expiry
    message.settled = True
    message.size = len(will.payload)
    message.length = message.size + 4 * len(will.topic) if will.properties is None else LONGEST
    return message


def may_be_old(link: Link, facts: Publish, found: list[Subscription]) -> bool:
    """May this delivery be of a message from long ago: one that is sent again, that was retained, or that waited for
    its receiver? found: the subscriptions that it is for, as far as they are known."""
    if facts.dup or blocked(link):
        return True
    since = max(int(link.connack_ns), int(link.first_ns))
    if (link.goes_on or not link.connack_frame) and facts.time_ns - since < OWED_NS:
        return True
    if not facts.retain:
        return False
    if not any_as_published(found):
        return True
    return facts.time_ns - max([one.time_ns for one in found]) < OWED_NS


def due_ns(link: Link) -> i64:
    """When the will of a connection is due."""
    return link.will.due_ns if link.will is not None else link.end_ns
