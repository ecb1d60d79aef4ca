"""SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (3.8 to 3.11): what was asked, what was granted, what stands.

A subscription stands from its SUBSCRIBE on, since the broker may send messages before its SUBACK; it owes them only
after that. One that was unsubscribed is kept until the same filter comes again, so that what is delivered for it later
can be told from what nobody ever asked for.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis import extract, rules
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    CLIENT_SIDE,
    MOST_LISTED,
    NO_FILTERS,
    NO_MATCHES,
    NO_SUBSCRIPTIONS,
    Client,
    Limits,
    Link,
    Request,
    Subscription,
)
from mqttdissect.analysis.report import Report
from mqttdissect.mqtt.clauses import BYTES_MISSING, STRING
from mqttdissect.mqtt.codes import SUBACK_RETURN
from mqttdissect.mqtt.packet import BY_CONNECT, BY_OPTION, Packet

FAILURE: Final = 0x80
MOST_SUBSCRIPTIONS: Final = 10_000  # of one client that are kept, and filters that await an answer
MOST_OF_ALL: Final = 200_000  # of both of all clients
SOME: Final = 10_000  # filters between two counts, at least


@final
class Room:
    """For the subscriptions of all clients together, and filters that await an answer. Nobody says when some have gone:
    they are counted when there seem to be too many."""

    def __init__(self, clients: dict[tuple[bytes, str], Client], links: dict[int, Link]) -> None:
        self._clients = clients
        self._links = links
        self._left: i64 = MOST_OF_ALL
        self._since: i64 = 0  # filters since they were counted

    def take(self, count: i64) -> bool:
        """For so many more. Is there room?"""
        self._since += count
        if self._left < count and self._since >= SOME:
            self._since = 0
            self._left = MOST_OF_ALL
            for client in self._clients.values():
                self._left -= len(client.subscriptions)
            for link in self._links.values():
                self._left -= link.asking
        if self._left < count:
            return False
        self._left -= count
        return True


def subscribe(report: Report, link: Link, packet: Packet, request: Request | None, room: Room) -> None:
    """A SUBSCRIBE."""
    if packet.notes is not None and is_cut(packet):
        if link.client is not None:
            link.client.known = False
        return
    asked = extract.subscriptions(packet)
    if packet.version >= 5 and link.connack_frame:
        limits(report, link, packet, asked)
    fits = link.asking + len(asked) <= MOST_SUBSCRIPTIONS and room.take(len(asked))
    if request is not None and fits:
        request.subscriptions = asked
        link.asking += len(asked)
    if link.subscribed is NO_SUBSCRIPTIONS:
        link.subscribed = asked[:MOST_LISTED]
    elif len(link.subscribed) < MOST_LISTED:
        link.subscribed.extend(asked[:MOST_LISTED])
    client = link.client
    if client is None or packet.hole_offset >= 0:
        return
    client.matched = NO_MATCHES
    if not fits:
        client.known = False
        return
    if client.subscriptions is NO_FILTERS:
        client.subscriptions = {}
    for one in asked:
        before = client.subscriptions.get(one.filter)
        one.again = before is not None
        one.renewed = before is not None and before.left_frame == 0
        one.bridged = link.bridge
        if before is not None and before.left_frame == 0:
            one.asked_ns = before.asked_ns
        if before is not None and before.left_frame == 0 and before.granted >= 0:
            one.stood_ns = before.stood_ns
            one.before = before.granted
        if before is not None or len(client.subscriptions) < MOST_SUBSCRIPTIONS:
            client.subscriptions[one.filter] = one
        else:
            client.known = False


def is_cut(packet: Packet) -> bool:
    """Of a malformed packet: does it break off, so that its receiver may have read other filters in it?"""
    return any(note.clause in (BYTES_MISSING, STRING) for note in packet.notes or [])


def limits(report: Report, link: Link, packet: Packet, asked: list[Subscription]) -> None:
    """What the broker's CONNACK has said that it does not take."""
    taken = link.of(BROKER_SIDE).limits
    related = [(int(link.connack_frame), "CONNACK")]
    for one in asked:
        if not taken.wildcards and wild(one):
            what = f"{one.filter!r} has a wildcard; the broker takes none"
            report.at(rules.WILDCARD_UNAVAILABLE, packet, what, related=related)
        if not taken.shared and one.share:
            what = f"{one.filter!r} is shared; the broker takes no shared subscriptions"
            report.at(rules.SHARED_UNAVAILABLE, packet, what, related=related)
    if asked and asked[0].identifier and not taken.subscription_identifiers:
        what = f"Subscription Identifier {asked[0].identifier}; the broker takes none"
        report.at(rules.SUBSCRIPTION_IDENTIFIER_UNAVAILABLE, packet, what, related=related)


def wild(one: Subscription) -> bool:
    """Has the filter a wildcard?"""
    return "#" in one.topic or "+" in one.topic


def takes(taken: Limits, one: Subscription) -> bool:
    """Does the broker take such a subscription, by its CONNACK?"""
    return (
        (taken.wildcards or not wild(one))
        and (taken.shared or not one.share)
        and (taken.subscription_identifiers or one.identifier == 0)
    )


def suback(report: Report, link: Link, packet: Packet, request: Request) -> None:
    """A SUBACK, with a code for each filter of its SUBSCRIBE."""
    asked = request.subscriptions
    if asked is None:
        return
    link.asking -= len(asked)
    codes = extract.codes(packet)
    related = [(int(request.frame), f"SUBSCRIBE {request.identifier}")]
    if codes and len(codes) != len(asked):  # none at all is malformed, and reported as that
        if packet.version_by not in (BY_CONNECT, BY_OPTION):
            return  # it may be of another version
        what = f"{len(codes)} codes for {len(asked)} topic filters"
        report.at(rules.SUBACK_COUNT, packet, what, related=related)
    for at in range(min(len(codes), len(asked))):
        one = asked[at]
        code: i64 = codes[at]
        if code >= FAILURE:
            names = extract.CODE_NAMES if packet.version >= 5 else SUBACK_RETURN
            name = f"0x{code:02x} {names.get(int(code), '')}".rstrip()
            what = f"The broker refuses the subscription of {one.filter!r}: {name}"
            report.at(rules.SUBSCRIPTION_REFUSED, packet, what, related=related)
            if link.client is not None and link.client.subscriptions.get(one.filter) is one and not one.renewed:
                del link.client.subscriptions[one.filter]
                link.client.matched = NO_MATCHES
            continue
        if code > 2:
            continue
        if packet.version >= 5 and not takes(link.of(BROKER_SIDE).limits, one):
            link.violate(CLIENT_SIDE, request.frame, request.time_ns)  # it may refuse it, or close the connection
        one.granted = code
        one.granted_ns = packet.time_ns
        if one.stood_ns < 0:
            one.stood_ns = packet.time_ns
        if code > one.qos:
            what = f"QoS {code} granted for {one.filter!r}, QoS {one.qos} asked"
            report.at(rules.GRANTED_MORE, packet, what, related=related)
        elif code < one.qos:
            what = f"QoS {code} granted for {one.filter!r}, QoS {one.qos} asked"
            report.at(rules.QOS_DOWNGRADE, packet, what, related=related)


def unsubscribe(link: Link, packet: Packet, request: Request | None) -> None:
    """An UNSUBSCRIBE."""
    if request is None:
        return
    if packet.notes is not None and is_cut(packet):
        if link.client is not None:
            link.client.known = False
        return
    names = extract.filters(packet)
    client = link.client
    if link.asking + len(names) <= MOST_SUBSCRIPTIONS:
        request.names = names
        link.asking += len(names)
    elif client is not None:
        client.known = False
    if client is None:
        return
    for name in names:
        standing = client.subscriptions.get(name)
        if standing is not None:
            standing.left_frame = packet.frame


def unsuback(report: Report, link: Link, packet: Packet, request: Request) -> None:
    """An UNSUBACK; in MQTT 5.0 with a code for each filter."""
    names = request.names
    if names is None:
        return
    link.asking -= len(names)
    related = [(int(request.frame), f"UNSUBSCRIBE {request.identifier}")]
    codes: list[int] = []
    if packet.version >= 5:
        codes = extract.codes(packet)
        if codes and len(codes) != len(names):
            what = f"{len(codes)} codes for {len(names)} topic filters"
            report.at(rules.UNSUBACK_COUNT, packet, what, related=related)
    client = link.client
    if client is None:
        return
    for at in range(len(names)):
        standing = client.subscriptions.get(names[at])
        if standing is None or standing.left_frame == 0:
            continue
        if at < len(codes) and codes[at] >= FAILURE:
            standing.left_frame = 0  # it still stands
        else:
            standing.left_ns = packet.time_ns
