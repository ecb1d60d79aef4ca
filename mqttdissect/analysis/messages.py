"""What is to be known of messages and subscriptions before anything is said of them: questions with their answers."""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis.brokers import OWED_NS, SETTLING_NS, SWAPPED_NS
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    CLIENT_SIDE,
    NO_MATCHES,
    UNKNOWN,
    Client,
    Link,
    Message,
    Publish,
    Subscription,
)
from mqttdissect.analysis.matching import matching
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.topics import matches

HASTE: Final = 4  # times as long as it takes to acknowledge a message, a broker may take to hand it on
NEVER_NS: Final = 4_000_000_000_000_000_000
SOON_NS: Final = 250_000_000  # after the SUBACK, in which what is published may still be sent as the retained message
ADDED: Final = 16  # bytes that a broker may add to a message
BUSY: Final = 16  # messages in flight to a client that may hold up others
MOST_TOPICS: Final = 512  # that are looked at on one connection, and publishers on all of them whose order is watched


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


def blocked(link: Link) -> bool:
    """Are so many messages in flight to the client that others may have to wait?"""
    flights = link.of(BROKER_SIDE).flights
    return flights > BUSY or flights >= link.of(CLIENT_SIDE).limits.receive_maximum


def of_broker(topic: str) -> bool:
    """Is the topic the broker's own, by its $? Clients should not get to send each other messages on it (4.7.2)."""
    return topic.startswith("$")


def fits(message: Message, link: Link) -> bool:
    """Is the message surely no longer than the client takes, which else must not get it (3.1.2.11.4)?"""
    limit = link.of(CLIENT_SIDE).limits.maximum_packet
    return limit == 0 or message.length + ADDED <= limit


def is_due(one: Subscription, message: Message, link: Link) -> bool:
    """Is a copy of the message surely due for this one of several subscriptions that match?"""
    if one.share or one.left_frame or one.granted_ns < 0 or one.granted_ns > message.time_ns:
        return False
    if one.granted == 0 and message.time_ns < link.connack_ns:
        return False  # of QoS 0 nothing need be kept for a client that is away (3.1.2.4)
    return not (one.no_local and message.publisher == link.client_id)


def is_over(one: Subscription, facts: Publish, message: Message | None) -> bool:
    """Has the client left this subscription so long ago that nothing is on its way for it any more?"""
    if one.left_ns < 0:
        return False
    if message is not None:
        return message.time_ns > one.left_ns + SOON_NS // 2  # what was buffered before may still come (3.10.4)
    return facts.time_ns - one.left_ns >= SETTLING_NS


def crosses(standing: list[Subscription], facts: Publish, message: Message) -> bool:
    """Was the message published before a subscription was made anew, so that the one before may have brought it?"""
    for one in standing:
        if one.again and message.time_ns <= one.granted_ns:
            if not facts.retain or 0 <= one.stood_ns <= message.time_ns:
                return True
    return False


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
    if message.will:  # which may come late
        first = message.first
        return message.time_ns + (OWED_NS if first is None else first.took_ns + SETTLING_NS)
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


def first_due(candidates: list[Message], link: Link, facts: Publish, since_ns: i64, longest_ns: i64) -> Message | None:
    """The oldest of them that this connection has not had, of those published since its subscription, at `since_ns`:
    first of all one that its client still has to get, then one that it has not had on an earlier connection. If there
    is none, a retained one, the newest first, or one that was still under way then; else the newest of all."""
    client = link.client
    if facts.retain:  # those that were not retained do not come so
        candidates = [one for one in candidates if one.retain] or candidates
    due: Message | None = None
    under_way: Message | None = None
    for message in candidates:
        if message.time_ns > facts.time_ns + SWAPPED_NS or had(message, link):
            continue
        if message.time_ns >= since_ns:
            if client is None or message.owed_to(client) != UNKNOWN:
                return message
            if due is None and all(one.client != link.client_id for one in message.delivered()):
                due = message
        elif under_way is None and over_by(message, longest_ns) >= since_ns:
            under_way = message
    if due is not None:
        return due
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


def asked_since(standing: list[Subscription]) -> i64:
    """The SUBSCRIBE that retained messages may still be sent for; of one that was replaced soon, that one."""
    first_ns = NEVER_NS
    for one in standing:
        soon = one.renewed and one.time_ns - one.stood_ns < SETTLING_NS
        first_ns = min(first_ns, one.asked_ns if soon else one.time_ns)
    return first_ns


def is_settled(standing: list[Subscription]) -> bool:
    """Is it known what was granted for all of them, and did none replace another one?"""
    for one in standing:
        if one.granted < 0 or one.renewed:
            return False
    return True


def all_as_published(standing: list[Subscription]) -> bool:
    """Do all of them want RETAIN as it was published?"""
    for one in standing:
        if not one.retain_as_published:
            return False
    return True


def any_as_published(standing: list[Subscription]) -> bool:
    """May RETAIN be as it was published, for any of them?"""
    for one in standing:
        if one.retain_as_published or one.bridged:
            return True
    return False


def all_no_local(standing: list[Subscription]) -> bool:
    """Does none of them want the client's own messages?"""
    for one in standing:
        if not one.no_local:
            return False
    return True


def brings_retained(standing: list[Subscription]) -> bool:
    """Has one of them brought the retained messages that there were?"""
    for one in standing:
        if one.granted >= 0 and not one.share and one.retain_handling == 0 and not one.renewed:
            return True
    return False


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
