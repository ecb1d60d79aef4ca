"""Who subscribes to what: topic filters with the numbers of their clients, and how many of these a topic reaches.

Filters stand in a tree by their levels, so that finding those that match a topic name (MQTT 5.0, section 4.7) takes a
step for each level and wildcard, not one for each filter.
"""

from typing import Final, final

from mypy_extensions import i64

MOST_STEPS: Final = 5_000_000  # that counting for all topics of a capture may take
NOBODY: Final = -1
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
    """A place in the tree: what follows, and who subscribes to the filter that ends here.

    There are very many, and most have one place below or one client: these need no table.
    """

    __slots__ = ("_below", "_child", "_clients", "_name", "_one", "number")

    def __init__(self, number: i64) -> None:
        self.number = number
        self._name = ""  # of the only place below, which is `_child`
        self._child: Level | None = None
        self._below: dict[str, Level] | None = None  # places below, once there are two
        self._one: i64 = NOBODY
        self._clients: set[int] | None = None  # all, once there are two

    def below(self, name: str) -> "Level | None":
        """The place that follows."""
        if self._below is not None:
            return self._below.get(name)
        return self._child if self._child is not None and self._name == name else None

    def put(self, name: str, level: "Level") -> None:
        """A place that was not there."""
        if self._below is not None:
            self._below[name] = level
        elif self._child is None:
            self._name = name
            self._child = level
        else:
            self._below = {self._name: self._child, name: level}
            self._child = None

    def join(self, client: i64) -> bool:
        """One more subscribes. False if it did so already."""
        if self._clients is not None:
            if int(client) in self._clients:
                return False
            self._clients.add(int(client))
        elif self._one == NOBODY:
            self._one = client
        elif self._one == client:
            return False
        else:
            self._clients = {int(self._one), int(client)}
        return True

    def leave(self, client: i64) -> bool:
        """One less. False if it was none of them."""
        if self._clients is not None:
            if int(client) not in self._clients:
                return False
            self._clients.discard(int(client))
            return True
        if self._one != client:
            return False
        self._one = NOBODY
        return True

    def count(self) -> int:
        """How many subscribe."""
        if self._clients is not None:
            return len(self._clients)
        return 0 if self._one == NOBODY else 1

    def clients(self) -> list[int]:
        """Who subscribes."""
        if self._clients is not None:
            return list(self._clients)
        return [] if self._one == NOBODY else [int(self._one)]


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
        if not level.join(client):
            return False
        self.pairs += 1
        return True

    def refuse(self, topic_filter: str, client: int) -> None:
        """It has not after all."""
        level = self._find(without_share(topic_filter))
        if level is not None and level.leave(client):
            self.pairs -= 1

    def _find(self, topic_filter: str) -> Level | None:
        """The place of a filter, made where it is not there yet; None if there are too many."""
        level = self._root
        names = topic_filter.split("/")
        if self.pairs >= self.most or self._levels + len(names) > 4 * self.most:
            self.full = True
            return None
        for name in names:
            following = level.below(name)
            if following is None:
                following = Level(self._levels)
                self._levels += 1
                level.put(name, following)
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
                one = None if name in WILDCARDS else place.below(name)
                if one is not None:
                    following.append(one)
                if index > 0 or not topic.startswith("$"):
                    wildcard(place, found, following)
            places = following
            if not places:
                break
        for place in places:
            found.append(place)
            ending = place.below("#")  # a/# matches a too
            if ending is not None:
                found.append(ending)
        return self._size([one for one in found if one.count()])

    def _size(self, found: list[Level]) -> int:
        if not found:
            return 0
        if len(found) == 1:
            return found[0].count()
        key = tuple(sorted(int(one.number) for one in found))
        size = self._sizes.get(key, -1)
        if size == -1:
            clients: set[int] = set()
            for one in found:
                clients.update(one.clients())
                self.steps += one.count()
            size = len(clients)
            self._sizes[key] = size
        return size


def wildcard(place: Level, found: list[Level], following: list[Level]) -> None:
    """What + and # below a place match."""
    one = place.below("+")
    if one is not None:
        following.append(one)
    ending = place.below("#")
    if ending is not None:
        found.append(ending)
