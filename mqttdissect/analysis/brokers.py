"""What is known of each broker, and how much time it gets."""

from collections.abc import Iterator
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis.facts import Link, Message, Publish, Will
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.matching import Filters, Topics

OWED_NS: Final = 5_000_000_000  # that a broker may take to deliver
MOST_BROKERS: Final = 4096
MOST_PORTS: Final = 16  # of one address
MOST_RETAINED: Final = 10_000  # messages of one broker
MOST_DELETIONS: Final = 8  # of one topic that may come late
MOST_HIDING: Final = 65_536  # addresses with clients that were not captured
ALWAYS_NS: Final = 1 << 62  # as `Broker.blind_ns`: not all of its clients were captured
NO_LINKS: Final[list[Link]] = []
MOST_EARLY: Final = 1024  # deliveries of one broker that come before what they are of; as many again of before
SWAPPED_NS: Final = 5_000_000  # by which a capture may have packets out of order
SETTLING_NS: Final = 1_000_000_000  # around a change of subscriptions, in which messages may cross it


def key_of(topic: str, digest: int) -> int:
    """Of messages that look alike: the hash of topic and digest."""
    one: i64 = hash(topic)
    other: i64 = digest
    return int(one ^ (other >> 1))  # ASCII has the same hash as text and as bytes


@final
class Broker:
    """What is known of one broker. key: its address and port. recent: messages by the hash of topic and digest, a list
    where several look alike. transits: messages tied to a delivery, and the time that they took in all and at most, in
    nanoseconds."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.filters = Filters()
        self.recent: dict[int, object] = {}
        self.retained: dict[str, Message] = {}  # by topic; an empty one says that there is none any more
        self.topics = Topics()  # of the retained ones
        self.deletions: dict[str, list[Message]] = {}  # the last empty ones, by topic
        self.others: list[Broker] = []  # at other ports of its address: they may be this one, too
        self.blind_ns: i64 = -1  # when something came that is not known; or `ALWAYS_NS`
        self.told = False  # was it said that it hides clients?
        self.kept: set[str] = set()  # topics of retained messages that nobody was seen to publish
        self.wills: dict[str, list[Link]] = {}  # by topic, of connections that have ended
        self.will_owners: dict[str, dict[int, int]] = {}  # connections with a will, by topic and payload hash
        self._early: dict[int, Publish] = {}  # what nobody was seen to send, by topic and digest,
        self._early_count: i64 = 0
        self._early_ns: i64 = 0  # since then,
        self._earlier = self._early  # and before that
        self.strangers: i64 = 0  # connections of clients whose subscriptions are not all known
        self.transits: i64 = 0
        self.transit_ns: i64 = 0
        self.longest_ns: i64 = 0

    @property
    def hides(self) -> bool:
        """Has it clients that come and go without being captured?"""
        return self.blind_ns == ALWAYS_NS

    def blinds(self, now_ns: i64) -> None:
        """Something comes now that is not known."""
        if now_ns > self.blind_ns:
            self.blind_ns = now_ns

    def is_blind(self, now_ns: i64) -> bool:
        """May anything be under way that came lately, and is not known?"""
        if self.blind_ns >= 0 and now_ns - self.blind_ns < OWED_NS:
            return True
        for one in self.others:
            if one.blind_ns >= 0 and now_ns - one.blind_ns < OWED_NS:
                return True
        return False

    def elsewhere(self, topic: str, key: int) -> i64:
        """At how many other ports may what looks like this have come from?"""
        return sum([key in one.recent or topic in one.wills or topic in one.will_owners for one in self.others])

    def retain(self, topic: str, message: Message) -> None:
        """It keeps this message for the topic; an empty one says that it keeps none."""
        if message.size == 0 and (topic in self.deletions or len(self.deletions) < MOST_RETAINED):
            self.deletions[topic] = [*self.deletions.get(topic, [])[1 - MOST_DELETIONS :], message]
        if topic in self.retained:
            self.retained[topic] = message
        elif len(self.retained) < MOST_RETAINED:
            self.retained[topic] = message
            self.topics.add(topic)

    def promises(self, will: Will) -> None:
        """A connection has this will."""
        owners = self.will_owners.setdefault(will.topic, {})
        digest = hash(will.payload)
        owners[digest] = owners.get(digest, 0) + 1

    def promised(self, will: Will) -> None:
        """A connection with this will is over."""
        owners = self.will_owners.get(will.topic)
        digest = hash(will.payload)
        if owners is None or digest not in owners:
            return
        owners[digest] -= 1
        if owners[digest] == 0:
            del owners[digest]
        if not owners:
            del self.will_owners[will.topic]

    def may_be_promised(self, facts: Publish) -> bool:
        """Is this like the will of a connection that has not ended, as far as is known?"""
        owners = self.will_owners.get(facts.topic)
        return owners is not None and facts.digest in owners

    def was_will(self, facts: Publish) -> bool:
        """Was this delivery taken for a will?"""
        return any(
            one.will is not None and one.will.fired == facts.frame for one in self.wills.get(facts.topic, NO_LINKS)
        )

    def may_hold_will(self, topic: str) -> bool:
        """May a will have been retained that nobody was seen to get?"""
        for dead in self.wills.get(topic, NO_LINKS):
            will = dead.will
            if will is not None and will.retain and not will.fired and (will.unsure or not will.cancelled):
                return True
        return False

    def retained_like(self, facts: Publish, key: int, message: Message | None) -> Message | None:
        """What is sent as a retained message, where `message` only looks like it."""
        kept = self.retained.get(facts.topic)
        if kept is not None and kept.key == key:
            return kept
        return None if self.may_hold_will(facts.topic) else message

    def forget(self, topic: str) -> None:
        """Who knows what it keeps for the topic?"""
        if self.retained.pop(topic, None) is not None:
            self.topics.remove(topic)

    def comes_early(self, key: int, link: Link, facts: Publish) -> None:
        """Perhaps it is a will, whose client is seen to die later, or a message that is captured later."""
        if facts.receiver is not None:
            return  # that is known already
        if facts.time_ns - self._early_ns > SETTLING_NS or self._early_count >= MOST_EARLY:
            self._earlier = self._early
            self._early = {}
            self._early_ns = facts.time_ns
            self._early_count = 0
        self._early_count += 1
        facts.receiver = link
        facts.earlier = self._early.get(key)
        self._early[key] = facts

    def knows_early(self, key: int) -> bool:
        """Was anything like it delivered lately?"""
        return key in self._early or key in self._earlier

    def came_early(self, key: int, since_ns: i64, once: bool = False) -> list[Publish]:
        """The deliveries since then of a message that is known only now. once: one for each connection, and the others
        are kept."""
        came: list[Publish] = []
        receivers: set[int] = set()
        for some in (self._earlier, self._early):
            same: list[Publish] = []
            one = some.pop(key, None)
            while one is not None:
                same.append(one)
                one = one.earlier
            last: Publish | None = None
            for one in reversed(same):
                number = int(one.receiver.number) if one.receiver is not None else -1
                one.earlier = None
                if one.time_ns > since_ns and not (once and number in receivers):
                    receivers.add(number)
                    came.append(one)
                elif once:
                    one.earlier = last
                    last = one
            if last is not None:
                some[key] = last
        return came

    def alike(self, message: Message) -> list[Message]:
        """Those of the same topic and payload."""
        same = self.recent.get(message.key)
        return same if isinstance(same, list) else [message]

    def looks_for(self, topic: str) -> bool:
        """May a message on this topic be taken for a will, or for that of somebody who is not known?"""
        return self.strangers > 0 or bool(self.others) or topic in self.will_owners or topic in self.wills


@final
class Brokers:
    """All of them, by address and port. Of very many, those are forgotten to which no client has connected for longest:
    then nothing is said of what they should know."""

    def __init__(self) -> None:
        self._all: dict[bytes, Broker] = {}
        self._hosts: dict[bytes, list[Broker]] = {}  # by address
        self._hiding: dict[bytes, Finding | None] = {}  # addresses with clients that were not captured: what shows it

    def __iter__(self) -> Iterator[Broker]:
        return iter(self._all.values())

    def get(self, key: bytes) -> Broker | None:
        """None if nothing is known of it."""
        return self._all.get(key)

    def of(self, key: bytes) -> Broker:
        """One that is new, if nothing is known of it."""
        broker = self._all.get(key)
        return broker if broker is not None else self._meet(key)

    def connects(self, broker: Broker) -> None:
        """A client connects to it."""
        if len(self._all) > MOST_BROKERS // 2:
            self._all.pop(broker.key, None)
            self._all[broker.key] = broker

    def hide(self, host: bytes, trace: Finding) -> list[Broker]:
        """At this address, or at its port if there is one, clients come and go that are not captured, as `trace` shows.
        The brokers there, if that is new."""
        if host in self._hiding:
            return []
        if len(self._hiding) >= MOST_HIDING:
            del self._hiding[next(iter(self._hiding))]
        self._hiding[host] = trace
        at_port = self._all.get(host)
        brokers = self._hosts.get(host, []) if at_port is None else [at_port]
        brokers = [one for one in brokers if not one.hides]
        for one in brokers:
            one.blind_ns = ALWAYS_NS
        return brokers

    def trace(self, key: bytes) -> Finding | None:
        """What has shown it of the broker's address, the first time that it is asked for."""
        for host in (key, key[:-2]):
            found = self._hiding.get(host)
            if found is not None:
                self._hiding[host] = None
                return found
        return None

    def _meet(self, key: bytes) -> Broker:
        if len(self._all) >= MOST_BROKERS:
            for old in list(self._all.values())[: MOST_BROKERS // 8]:
                self._forget(old)
        broker = self._all[key] = Broker(key)
        if key in self._hiding or key[:-2] in self._hiding:
            broker.blind_ns = ALWAYS_NS
        neighbours = self._hosts.setdefault(key[:-2], [])
        broker.others = neighbours.copy()
        for other in neighbours:
            if len(other.others) < MOST_PORTS:
                other.others.append(broker)
        if len(neighbours) < MOST_PORTS:
            neighbours.append(broker)
        return broker

    def _forget(self, old: Broker) -> None:
        del self._all[old.key]
        neighbours = self._hosts.get(old.key[:-2])
        if neighbours is not None and old in neighbours:
            neighbours.remove(old)
            if not neighbours:
                del self._hosts[old.key[:-2]]
        for other in old.others:
            other.others = [one for one in other.others if one is not old]
