"""Many subscriptions, and many topic names: which of them match one (MQTT 3.1.1 and 5.0, section 4.7)."""

from bisect import bisect_left
from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.analysis.facts import Client, Subscription
from mqttdissect.mqtt.topics import matches, wildcard

NOBODY: Final[list[tuple[Client, Subscription]]] = []  # nothing is ever added to it
DEEPEST: Final = 64  # levels of a filter before its first wildcard that are looked up together
MOST_LOOKED_AT: Final = 4096  # topic names
MOST_KNOWN: Final = 4096  # topic names whose beginnings are remembered,
LONGEST_KNOWN: Final = 256  # if they have no more characters


def matching(subscriptions: dict[str, Subscription], topic: str) -> list[Subscription]:
    """Those of a client's subscriptions that match a topic name."""
    return [one for one in subscriptions.values() if matches(one.topic, topic)]


@final
@mypyc_attr(acyclic=True)
class Subscribers:
    """Who subscribes to one topic filter, and its shared forms: nearly always a single client, so the first needs no
    table."""

    __slots__ = ("_all", "_one", "_who")

    def __init__(self) -> None:
        self._one: tuple[Client, Subscription] | None = None
        self._all: dict[tuple[str, str], tuple[Client, Subscription]] | None = None  # by client identifier and filter

    def add(self, who: Client, subscription: Subscription) -> None:
        """In the place of the same client's subscription with the same filter, if there is one."""
        one = self._one
        new = (who, subscription)
        if self._all is not None:
            self._all[who.id, subscription.filter] = new
        elif one is None or (one[0] is who and one[1].filter == subscription.filter):
            self._one = new
        else:
            self._all = {(one[0].id, one[1].filter): one, (who.id, subscription.filter): new}
            self._one = None

    def remove(self, who: Client, subscription: Subscription) -> None:
        """If it is there."""
        one = self._one
        if self._all is not None:
            self._all.pop((who.id, subscription.filter), None)
        elif one is not None and one[0] is who and one[1].filter == subscription.filter:
            self._one = None

    def gather(self, found: list[tuple[Client, Subscription]]) -> None:
        """Add whose subscriptions there are."""
        if self._all is not None:
            found += self._all.values()
        elif self._one is not None:
            found.append(self._one)

    @property
    def empty(self) -> bool:
        """Is nobody left?"""
        return self._one is None and not self._all


@final
class Level:
    """A level of topic filters behind their first wildcard: what may follow (`one` for +, `next` for names), who
    subscribes to the filter that ends here, and who to all that follows (#)."""

    __slots__ = ("ends", "next", "one", "rest")

    def __init__(self) -> None:
        self.next: dict[str, Level] | None = None
        self.one: Level | None = None
        self.rest: Subscribers | None = None
        self.ends: Subscribers | None = None

    def below(self, name: str) -> "Level | None":
        """The level behind `name`."""
        if name == "+":
            return self.one
        return self.next.get(name) if self.next is not None else None

    def grow(self, name: str) -> "Level":
        """The same, made where it is not there yet."""
        level = self.below(name)
        if level is None:
            level = Level()
            if name == "+":
                self.one = level
            else:
                if self.next is None:
                    self.next = {}
                self.next[name] = level
        return level

    def place(self, rest: bool) -> Subscribers:
        """Who subscribes to all that follows, or to the filter that ends here; made where it is not there yet."""
        found = self.rest if rest else self.ends
        if found is None:
            found = Subscribers()
            if rest:
                self.rest = found
            else:
                self.ends = found
        return found

    def leave(self, rest: bool, who: Client, subscription: Subscription) -> None:
        """One of them goes."""
        found = self.rest if rest else self.ends
        if found is None:
            return
        found.remove(who, subscription)
        if found.empty:
            if rest:
                self.rest = None
            else:
                self.ends = None

    def cut(self, name: str) -> None:
        """Nothing is behind `name` any more."""
        if name == "+":
            self.one = None
        elif self.next is not None:
            del self.next[name]

    @property
    def empty(self) -> bool:
        """Does nobody need it?"""
        return self.ends is None and self.rest is None and self.one is None and not self.next


@final
class Filters:
    """The subscriptions at one broker: `add`, `remove`, and `find` those that match a topic name.

    Filters without a wildcard stand in one table, the others by what they have before their first wildcard (`a/b/` of
    `a/b/+/c`), not more than `DEEPEST` levels of it, and then in a tree: most need two objects, however many levels
    they have. Cost of `find`: a look-up for each number of levels that some filter has before its wildcard, and a step
    for each level behind them and each filter that matches so far.
    """

    def __init__(self) -> None:
        self._exact: dict[str, Subscribers] = {}
        self._roots: dict[str, Level] = {}
        self._depths: list[int] = [0] * (DEEPEST + 1)  # how many roots have so many levels
        self._deepest: i64 = -1  # the most levels that one of them ever had
        self._beginnings: dict[str, list[str]] = {}  # by topic name: those of its beginnings that may be roots

    def add(self, who: Client, subscription: Subscription) -> None:
        """In the place of the same client's subscription with the same filter, if there is one."""
        topic = subscription.topic
        root = root_of(topic)
        if root is None:
            place = self._exact.get(topic)
            if place is None:
                place = self._exact[topic] = Subscribers()
            place.add(who, subscription)
            return
        level = self._roots.get(root)
        if level is None:
            level = self._roots[root] = Level()
            depth = root.count("/")
            if self._depths[depth] == 0:
                self._beginnings = {}
            self._depths[depth] += 1
            self._deepest = max(self._deepest, depth)
        rest = topic[len(root) :]
        if rest != "#":
            for name in rest.split("/"):
                if name == "#":
                    break
                level = level.grow(name)
        level.place(rest.endswith("#")).add(who, subscription)

    def remove(self, who: Client, subscription: Subscription) -> None:
        """What nobody needs any more goes too."""
        topic = subscription.topic
        root = root_of(topic)
        if root is None:
            place = self._exact.get(topic)
            if place is not None:
                place.remove(who, subscription)
                if place.empty:
                    del self._exact[topic]
            return
        level = self._roots.get(root)
        rest = topic[len(root) :]
        path: list[Level] = []
        names: list[str] = []
        if rest != "#":
            for name in rest.split("/"):
                if name == "#" or level is None:
                    break
                path.append(level)
                names.append(name)
                level = level.below(name)
        if level is None:
            return
        level.leave(rest.endswith("#"), who, subscription)
        while level.empty and path:
            level = path.pop()
            level.cut(names.pop())
        if level.empty and not path:
            del self._roots[root]
            self._depths[root.count("/")] -= 1

    def find(self, topic: str) -> list[tuple[Client, Subscription]]:
        """(client, subscription) of each that matches."""
        found = NOBODY
        place = self._exact.get(topic)
        if place is not None:
            found = []
            place.gather(found)
        roots = self._roots
        if not roots:
            return found
        beginnings = self._beginnings.get(topic)
        if beginnings is None:
            beginnings = self._begin(topic)
        for root in beginnings:
            level = roots.get(root)
            if level is not None:
                if found is NOBODY:
                    found = []
                if len(root) <= len(topic):
                    descend(level, topic[len(root) :], found)
                elif level.rest is not None:  # a/# matches a as well
                    level.rest.gather(found)
        return found

    def _begin(self, topic: str) -> list[str]:
        """The beginnings of a topic name with as many levels as some root has, and itself with one level more."""
        depths = self._depths
        found = [""] if depths[0] and not topic.startswith("$") else []
        depth: i64 = 1
        at = topic.find("/") + 1
        while at and depth <= self._deepest:
            if depths[depth]:
                found.append(topic[:at])
            at = topic.find("/", at) + 1
            depth += 1
        if at == 0 and depth <= self._deepest and depths[depth]:
            found.append(topic + "/")
        if len(topic) <= LONGEST_KNOWN:
            if len(self._beginnings) >= MOST_KNOWN:
                self._beginnings = {}
            self._beginnings[topic] = found
        return found


def root_of(topic_filter: str) -> str | None:
    """What a filter has before its first wildcard, but not more than `DEEPEST` levels; None if it has no wildcard."""
    at = wildcard(topic_filter)
    if at < 0:
        return None
    root = topic_filter[: topic_filter.rfind("/", 0, at) + 1]
    if root.count("/") <= DEEPEST:
        return root
    return "/".join([*root.split("/")[:DEEPEST], ""])


def descend(level: Level, rest: str, found: list[tuple[Client, Subscription]]) -> None:
    """Add whose filters from `level` on match the rest of a topic name."""
    if level.one is None and level.next is None:  # the usual a/b/#
        if level.rest is not None:
            level.rest.gather(found)
        return
    now = [level]
    for name in rest.split("/"):
        following: list[Level] = []
        for one in now:
            if one.rest is not None:
                one.rest.gather(found)
            if one.one is not None:
                following.append(one.one)
            exact = one.next.get(name) if one.next is not None else None
            if exact is not None:
                following.append(exact)
        if not following:
            return
        now = following
    for one in now:
        if one.ends is not None:
            one.ends.gather(found)
        if one.rest is not None:  # a/+/# matches a/b as well
            one.rest.gather(found)


@final
class Topics:
    """Topic names, none twice: `add`, `remove`, and `find` those that a filter with a wildcard matches.

    They stand in their order, so that those of one beginning are neighbours. Cost: a binary search, and moving what
    comes behind, which are pointers.
    """

    def __init__(self) -> None:
        self._names: list[str] = []

    def add(self, topic: str) -> None:
        """One more."""
        self._names.insert(bisect_left(self._names, topic), topic)

    def remove(self, topic: str) -> None:
        """One less."""
        at = bisect_left(self._names, topic)
        if at < len(self._names) and self._names[at] == topic:
            del self._names[at]

    def find(self, topic_filter: str, most: i64) -> list[str]:
        """Those that match, at most `most`, as far as `MOST_LOOKED_AT` names of the same beginning show them."""
        names = self._names
        found: list[str] = []
        start = topic_filter[: wildcard(topic_filter)]
        if start and topic_filter[len(start) - 1 :] == "/#":  # a/# matches a as well
            index: i64 = bisect_left(names, start[:-1])
            if index < len(names) and names[index] == start[:-1]:
                found.append(start[:-1])
        index = bisect_left(names, start)
        end = min(len(names), index + MOST_LOOKED_AT)
        while index < end and len(found) < most:
            name = names[index]
            if not name.startswith(start):
                break
            if matches(topic_filter, name):
                found.append(name)
            index += 1
        return found
