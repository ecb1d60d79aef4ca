"""Who subscribes to what: topic filters with the numbers of their clients, and how many of these a topic reaches.

Filters stand in a tree by their levels, so that finding those that match a topic name (MQTT 5.0, section 4.7) takes a
step for each level and wildcard, not one for each filter.
"""

from typing import Final, final

MOST_STEPS: Final = 5_000_000  # that counting for all topics of a capture may take
SHARED: Final = "$share/"
WILDCARDS: Final = ("+", "#")  # in a topic name they are malformed, and match nothing by themselves


def without_share(topic_filter: str) -> str:
    """The filter of a shared subscription ($share/NAME/FILTER, MQTT 5.0, section 4.8.2); any other as it is."""
    if not topic_filter.startswith(SHARED):
        return topic_filter
    parts = topic_filter.split("/", 2)
    return parts[2] if len(parts) == 3 else topic_filter


@final
class Level:
    """A place in the tree: what follows, and who subscribes to the filter that ends here."""

    __slots__ = ("below", "clients", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.below: dict[str, Level] = {}
        self.clients: set[int] | None = None


@final
class Audience:
    """`subscribe` clients by number; `reached(topic)` is how many of them have a filter that matches, after
    `count_anew`.

    most: pairs of client and filter that are kept; `full` says that there were more.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.pairs = 0
        self.full = False
        self.steps = 0
        self._levels = 1
        self._root = Level(0)
        self._sizes: dict[tuple[int, ...], int] = {}  # of the union of the clients of these places

    def subscribe(self, topic_filter: str, client: int) -> bool:
        """Client `client` has this filter. False if that was known, or is too much to keep."""
        level = self._find(without_share(topic_filter))
        if level is None:
            return False
        clients = level.clients
        if clients is None:
            clients = level.clients = set()
        if client in clients:
            return False
        clients.add(client)
        self.pairs += 1
        return True

    def refuse(self, topic_filter: str, client: int) -> None:
        """It has not after all."""
        level = self._find(without_share(topic_filter))
        if level is not None and level.clients is not None and client in level.clients:
            level.clients.discard(client)
            self.pairs -= 1

    def _find(self, topic_filter: str) -> Level | None:
        """The place of a filter, made where it is not there yet; None if there are too many."""
        level = self._root
        names = topic_filter.split("/")
        if self.pairs >= self.most or self._levels + len(names) > 4 * self.most:
            self.full = True
            return None
        for name in names:
            following = level.below.get(name)
            if following is None:
                following = Level(self._levels)
                self._levels += 1
                level.below[name] = following
            level = following
        return level

    def count_anew(self) -> None:
        """Before asking for all topics: more may have subscribed since."""
        self.steps = 0
        self._sizes = {}

    def reached(self, topic: str) -> int:
        """How many clients have a filter that matches; -1 if finding out took too long for all topics together."""
        found: list[Level] = []
        places = [self._root]
        names = topic.split("/")
        for index in range(len(names)):
            following: list[Level] = []
            self.steps += len(places)
            if self.steps > MOST_STEPS:
                return -1
            name = names[index]
            for place in places:
                one = None if name in WILDCARDS else place.below.get(name)
                if one is not None:
                    following.append(one)
                if index > 0 or not topic.startswith("$"):
                    wildcard(place, found, following)
            places = following
            if not places:
                break
        for place in places:
            found.append(place)
            ending = place.below.get("#")  # a/# matches a too
            if ending is not None:
                found.append(ending)
        return self._size([one for one in found if one.clients])

    def _size(self, found: list[Level]) -> int:
        if not found:
            return 0
        if len(found) == 1:
            return len(found[0].clients or ())
        key = tuple(sorted(one.number for one in found))
        size = self._sizes.get(key, -1)
        if size == -1:
            clients: set[int] = set()
            for one in found:
                clients.update(one.clients or ())
                self.steps += len(one.clients or ())
            size = len(clients)
            self._sizes[key] = size
        return size


def wildcard(place: Level, found: list[Level], following: list[Level]) -> None:
    """What + and # below a place match."""
    one = place.below.get("+")
    if one is not None:
        following.append(one)
    ending = place.below.get("#")
    if ending is not None:
        found.append(ending)
