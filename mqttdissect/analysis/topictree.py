"""Topics as the tree that their levels make, each place with the sums of all below it.

Not more than `DEEPEST` levels: the last place of a longer topic has the rest of it as its name.
"""

from array import array
from collections.abc import Callable
from typing import Final, final

from mqttdissect.analysis.audience import Audience
from mqttdissect.analysis.statistics import Members, Statistics, Topic

DEEPEST: Final = 64


@final
class Place:
    """A level of a topic. path: the whole name up to here. topic: its own sums, where there are messages of just this
    name. messages and so on: of all topics from here on down; before: messages at an earlier time, where that was asked
    for. subscribers: of its own name, once somebody has asked for them (`count_subscribers`); -1: not known, None: it
    has no messages of its own. unknown: it stands for the messages whose topic is not known. below: by their names;
    most have none, and share `NO_PLACES`, which nothing is added to.
    """

    __slots__ = (
        "before", "below", "bytes", "delivered", "first_ns", "last_ns", "messages", "more", "name", "path", "payload",
        "published", "publishers", "receivers", "retained", "subscribers", "topic", "topics", "unknown",
    )  # fmt: skip

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.topic: Topic | None = None
        self.topics = 0
        self.messages = 0
        self.before = 0
        self.published = 0
        self.delivered = 0
        self.bytes = 0
        self.payload = 0
        self.retained = 0
        self.publishers = Members()
        self.receivers = Members()
        self.more = False  # there are publishers or receivers that were not kept
        self.subscribers: int | None = None
        self.unknown = False
        self.first_ns = -1
        self.last_ns = -1
        self.below = NO_PLACES

    def grow(self, name: str, path: str) -> "Place":
        """The place below with this name, made where it is not there yet."""
        place = self.below.get(name)
        if place is None:
            place = Place(name, path)
            if self.below is NO_PLACES:
                self.below = {}
            self.below[name] = place
        return place

    def add(self, topic: Topic, publishers: list[int], receivers: list[int], before: int = 0) -> None:
        """The sums of a topic here or below, who sent it and was sent it, and its messages at an earlier time."""
        self.topics += 1
        self.messages += int(topic.messages)
        self.before += before
        self.published += int(topic.published)
        self.delivered += int(topic.delivered)
        self.bytes += int(topic.bytes)
        self.payload += int(topic.payload)
        self.retained += int(topic.retained)
        self.publishers.join(publishers)
        self.receivers.join(receivers)
        self.more = self.more or topic.publishers.more or topic.receivers.more
        if self.first_ns == -1 or topic.first_ns < self.first_ns:
            self.first_ns = int(topic.first_ns)
        self.last_ns = max(self.last_ns, int(topic.last_ns))


UNKNOWN: Final = "/"  # which no level can be
NO_PLACES: Final[dict[str, Place]] = {}
ORDERS: Final[dict[str, Callable[[Place], tuple[object, ...]]]] = {
    "messages": lambda place: (-place.messages, place.name),
    "bytes": lambda place: (-place.bytes, place.name),
    "retained": lambda place: (-place.retained, -place.messages, place.name),
    "publishers": lambda place: (-len(place.publishers), -place.messages, place.name),
    "subscribers": lambda place: (-(place.subscribers or 0), -place.messages, place.name),
    "name": lambda place: (place.name,),
}


@final
class Counts:
    """The messages of every topic at a moment, in the order in which topics came, which does not change."""

    def __init__(self, statistics: Statistics) -> None:
        self.others = int(statistics.other_topics.messages)
        self._topics = array("q", [int(topic.messages) for topic in statistics.topics.values()])

    def at(self, number: int) -> int:
        """Of the topic with that number; none of one that was not there."""
        return self._topics[number] if number < len(self._topics) else 0


def tree(statistics: Statistics, depth: int = DEEPEST, before: Counts | None = None) -> Place:
    """The root, without a name, of all topics that were kept apart; down to `depth` levels, below which only sums are
    kept. before: at the earlier time of `Place.before`.
    """
    root = Place("", "")
    for number, (name, topic) in enumerate(statistics.topics.items()):
        earlier = before.at(number) if before is not None else 0
        publishers = topic.publishers.numbers()
        receivers = topic.receivers.numbers()
        root.add(topic, publishers, receivers, earlier)
        place = root
        path = ""
        if not name:
            place = root.grow(UNKNOWN, "")
            place.unknown = True
            place.add(topic, publishers, receivers, earlier)
            place.topic = topic
            continue
        for level in name.split("/", DEEPEST - 1)[:depth]:
            path = f"{path}/{level}" if place is not root else level
            place = place.grow(level, path)
            place.add(topic, publishers, receivers, earlier)
        if path == name:
            place.topic = topic
    join_single(root)
    return root


def count_subscribers(places: list[Place], audience: Audience) -> None:
    """Of each of them, as far as that takes a bounded number of steps for all together."""
    audience.count_anew()
    for place in places:
        if place.topic is not None and place.subscribers is None:
            place.subscribers = audience.reached(place.path) if place.path else -1


def everywhere(root: Place) -> list[Place]:
    """All places."""
    found: list[Place] = []
    waiting = [root]
    while waiting:
        place = waiting.pop()
        found.append(place)
        waiting.extend(place.below.values())
    return found


def join_single(root: Place) -> None:
    """Levels that have nothing beside them share a row: `plant/hall-7` where no message is to `plant`, and nothing but
    `hall-7` below it.
    """
    places = [root]
    while places:
        place = places.pop()
        if place is not root and place.topic is None:
            names = [place.name]
            while len(place.below) == 1 and place.topic is None:
                one = next(iter(place.below.values()))
                names.append(one.name)
                place.topic = one.topic
                place.below = one.below
                place.path = one.path
            place.name = "/".join(names)
        places.extend(place.below.values())


def ordered(place: Place, order: str) -> list[Place]:
    """What is below a place, in one of `ORDERS`."""
    return sorted(place.below.values(), key=ORDERS[order])
