"""Which topic filters match a topic name (MQTT 3.1.1 and 5.0, section 4.7)."""

from typing import final

from mypy_extensions import i64

from mqttdissect.analysis.facts import Subscription


def matches(topic_filter: str, topic: str) -> bool:
    """Does the filter (without a $share prefix) match the topic name? `$SYS/...` is not matched by a first wildcard."""
    if topic_filter == topic:
        return True
    if topic.startswith("$") and topic_filter[:1] in ("#", "+"):
        return False
    filters, levels = topic_filter.split("/"), topic.split("/")
    for index in range(len(filters)):
        level = filters[index]
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(filters) == len(levels)


def is_valid(topic_filter: str) -> bool:
    """Do its wildcards stand where they may: `#` alone in the last level, `+` alone in any?"""
    if not topic_filter:
        return False
    levels = topic_filter.split("/")
    for index in range(len(levels)):
        level = levels[index]
        if "#" in level and (level != "#" or index != len(levels) - 1):
            return False
        if "+" in level and level != "+":
            return False
    return True


def matching(subscriptions: dict[str, Subscription], topic: str) -> list[Subscription]:
    """Those of a client's subscriptions that match a topic name."""
    return [one for one in subscriptions.values() if matches(one.topic, topic)]


@final
class Level:
    """A level of topic filters: what may follow (`one` for +, `rest` for #), and who subscribes to the filter that
    ends here."""

    __slots__ = ("ends", "next", "one", "rest")

    def __init__(self) -> None:
        self.next: dict[str, Level] = {}
        self.one: Level | None = None
        self.rest: Level | None = None
        self.ends: dict[tuple[str, str], Subscription] = {}  # by client identifier and whole filter

    def below(self, name: str) -> "Level | None":
        """The level behind `name`."""
        return self.one if name == "+" else self.rest if name == "#" else self.next.get(name)

    def put(self, name: str, level: "Level | None") -> None:
        """Set it, or take it away."""
        if name == "+":
            self.one = level
        elif name == "#":
            self.rest = level
        elif level is not None:
            self.next[name] = level
        else:
            del self.next[name]

    @property
    def empty(self) -> bool:
        """Does nobody need it?"""
        return not self.ends and not self.next and self.one is None and self.rest is None


@final
class Filters:
    """The subscriptions at one broker: `add`, `remove`, and `find` those that match a topic name.

    Cost: of `find`, at most a few steps for each level of the topic and each filter that matches so far.
    """

    def __init__(self) -> None:
        self._root = Level()
        self.count: i64 = 0

    def add(self, who: str, subscription: Subscription) -> None:
        """In the place of the same client's subscription with the same filter, if there is one."""
        level = self._root
        for name in subscription.topic.split("/"):
            below = level.below(name)
            if below is None:
                below = Level()
                level.put(name, below)
            level = below
        key = (who, subscription.filter)
        if key not in level.ends:
            self.count += 1
        level.ends[key] = subscription

    def remove(self, who: str, subscription: Subscription) -> None:
        """Levels that nobody needs any more go too."""
        names = subscription.topic.split("/")
        path = [self._root]
        for name in names:
            below = path[-1].below(name)
            if below is None:
                return
            path.append(below)
        key = (who, subscription.filter)
        if path[-1].ends.pop(key, None) is None:
            return
        self.count -= 1
        for at in range(len(names) - 1, -1, -1):
            if not path[at + 1].empty:
                return
            path[at].put(names[at], None)

    def find(self, topic: str) -> list[tuple[str, Subscription]]:
        """(whose, subscription) of each that matches."""
        found: list[tuple[str, Subscription]] = []
        if not self.count:
            return found
        names = topic.split("/")
        now = [self._root]
        first = not topic.startswith("$")
        for name in names:
            following: list[Level] = []
            for level in now:
                if first:
                    if level.rest is not None:
                        gather(level.rest, found)
                    if level.one is not None:
                        following.append(level.one)
                exact = level.next.get(name)
                if exact is not None:
                    following.append(exact)
            if not following:
                return found
            now = following
            first = True
        for level in now:
            gather(level, found)
            if level.rest is not None:  # a/# matches a as well
                gather(level.rest, found)
        return found


def gather(level: Level, found: list[tuple[str, Subscription]]) -> None:
    """Those that subscribe to the filter that ends here."""
    for key, one in level.ends.items():
        found.append((key[0], one))


@final
class Branch:
    """A level of topic names: what follows, and whether a name ends here."""

    __slots__ = ("ends", "next")

    def __init__(self) -> None:
        self.next: dict[str, Branch] = {}
        self.ends = ""


@final
class Topics:
    """Topic names, none empty: `add`, `remove`, and `find` those that a filter matches, at most `most` of them."""

    def __init__(self) -> None:
        self._root = Branch()

    def add(self, topic: str) -> None:
        """One more."""
        branch = self._root
        for name in topic.split("/"):
            below = branch.next.get(name)
            if below is None:
                below = branch.next[name] = Branch()
            branch = below
        branch.ends = topic

    def remove(self, topic: str) -> None:
        """One less; branches that lead nowhere go too."""
        names = topic.split("/")
        path = [self._root]
        for name in names:
            below = path[-1].next.get(name)
            if below is None:
                return
            path.append(below)
        path[-1].ends = ""
        for at in range(len(names) - 1, -1, -1):
            below = path[at + 1]
            if below.ends or below.next:
                return
            del path[at].next[names[at]]

    def find(self, topic_filter: str, most: i64) -> list[str]:
        """Those that match."""
        now = [self._root]
        names = topic_filter.split("/")
        for at in range(len(names)):
            name = names[at]
            following: list[Branch] = []
            for branch in now:
                if name == "#":
                    return everything(now, at == 0, most)
                if name == "+":
                    following.extend([below for key, below in branch.next.items() if at or not key.startswith("$")])
                else:
                    exact = branch.next.get(name)
                    if exact is not None:
                        following.append(exact)
            now = following[:most]
        return [branch.ends for branch in now if branch.ends]


def everything(branches: list[Branch], first: bool, most: i64) -> list[str]:
    """All names from these branches on, their own included; first: they are the root."""
    found: list[str] = []
    waiting = list(branches)
    while waiting and len(found) < most:
        branch = waiting.pop()
        if branch.ends:
            found.append(branch.ends)
        for key, below in branch.next.items():
            if not (first and key.startswith("$")):
                waiting.append(below)
        first = False
    return found
