"""Which QoS a client has asked for where: a broker may keep a queue for each, and these race.

Takes a connection; hands on, for a topic, the QoS of the subscriptions that bring it (MQTT 5.0, section 4.7).
"""

from __future__ import annotations

from typing import Final

from mqttdissect.comparison.facts import CLIENT
from mqttdissect.comparison.lanes import Lanes
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.topics import matches

SHARED: Final = "$share/"
PARTS: Final = ("filter", "filter QoS")


class Subscriptions:
    """`asked(topic)`: in order, each once; none if the connection has not subscribed to it."""

    def __init__(self, lanes: Lanes) -> None:
        self._filters: list[tuple[str, int]] = []
        self._known: dict[str, tuple[int, ...]] = {}
        for key in map(lanes.key, lanes.heads[CLIENT]):
            if key.type == codes.SUBSCRIBE:
                values = {name: [part.value for part in key.parts if part.name == name] for name in PARTS}
                for one, qos in zip(*values.values(), strict=False):
                    self._filters.append((unshared(str(one)), int(qos)))

    def asked(self, topic: str) -> tuple[int, ...]:
        """The QoS of all subscriptions that match."""
        known = self._known.get(topic)
        if known is None:
            found = {qos for topic_filter, qos in self._filters if matches(topic_filter, topic)}
            known = self._known[topic] = tuple(sorted(found))
        return known


def unshared(topic_filter: str) -> str:
    """A filter without the group of a shared subscription."""
    return topic_filter.split("/", 2)[-1] if topic_filter.startswith(SHARED) else topic_filter
