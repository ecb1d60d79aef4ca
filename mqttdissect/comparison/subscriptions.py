"""Which QoS a client has asked for where: a broker may keep a queue for each, and these race.

Takes a connection; hands on, for a topic, the QoS of the subscriptions that bring it (MQTT 5.0, section 4.7).
"""

from __future__ import annotations

from typing import Final

from mqttdissect.comparison.facts import CLIENT
from mqttdissect.comparison.lanes import Lanes
from mqttdissect.mqtt import codes

SHARED: Final = "$share/"
PARTS: Final = ("filter", "filter QoS")


class Subscriptions:
    """`asked(topic)`: in order, each once; none if the connection has not subscribed to it."""

    def __init__(self, lanes: Lanes) -> None:
        self._filters: list[tuple[list[str], int]] = []
        self._known: dict[str, tuple[int, ...]] = {}
        for key in map(lanes.key, lanes.heads[CLIENT]):
            if key.type == codes.SUBSCRIBE:
                values = {name: [part.value for part in key.parts if part.name == name] for name in PARTS}
                for one, qos in zip(*values.values(), strict=False):
                    self._filters.append((levels(str(one)), int(qos)))

    def asked(self, topic: str) -> tuple[int, ...]:
        """The QoS of all subscriptions that match."""
        known = self._known.get(topic)
        if known is None:
            names = topic.split("/")
            found = {qos for pattern, qos in self._filters if matches(pattern, names)}
            known = self._known[topic] = tuple(sorted(found))
        return known


def levels(topic_filter: str) -> list[str]:
    """Those of a filter, of a shared subscription without its group."""
    shared = topic_filter.startswith(SHARED)
    return topic_filter.split("/")[2 if shared else 0 :]


def matches(pattern: list[str], names: list[str]) -> bool:
    """Does a filter match a topic, level by level?"""
    for at, level in enumerate(pattern):
        if level == "#":
            return True
        if at >= len(names) or level not in ("+", names[at]):
            return False
    return len(pattern) == len(names)
