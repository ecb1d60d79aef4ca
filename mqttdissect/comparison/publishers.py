"""Who published what, so that deliveries are compared in an order that somebody gives them.

Only messages of one client and one QoS have an order (MQTT 5.0, section 4.6, MQTT-4.6.0-6): a message of QoS 2 may be
overtaken while its handshake goes on. Takes two captures and which connections stand for one another; hands on, for
what was delivered, its origin: a number for client and QoS, the same in both captures. It is found by topic and
payload, wills too, and when it is first asked for.

Memory: about 200 bytes for each different message.
"""

from __future__ import annotations

from typing import Final

from mqttdissect.comparison.facts import CLIENT, Facts, Key, Session
from mqttdissect.comparison.meaning import Meanings
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.registry import WILL_PAYLOAD, WILL_TOPIC

SEVERAL: Final = -1  # clients, or one with several QoS: nobody can tell whose a delivery is
NOBODY: Final = -2
NEVER: Final = (-1, 0)  # not once: when it was published cannot be told
WILL: Final = 4  # in place of the QoS: a broker sends it when it notices
NO_PUBLISH: Final = -1


class Publishers:
    """origin, published, topic_published: what is known of a message, by side, its topic's number, its payload."""

    def __init__(self, captures: tuple[Facts, Facts], meanings: Meanings, pairs: list[tuple[Session, Session]]) -> None:
        self._captures = captures
        self._meanings = meanings
        self._mates = {two.index: one for one, two in pairs}
        self._origins: list[dict[int, int] | None] = [None, None]
        self._published: list[dict[int, tuple[int, int]]] = [{}, {}]
        self._topics: list[set[int]] = [set(), set()]
        self._numbers: dict[tuple[str, int], int] = {}

    def origin(self, side: int, subject: int, payload: int) -> int:
        """A number for who published a message, and with which QoS; SEVERAL, NOBODY."""
        return self._known(side).get(hash((subject, payload)), NOBODY)

    def published(self, side: int, subject: int, payload: int) -> tuple[int, int]:
        """The number of the PUBLISH, and its time (ns), of a message that was published once; else NEVER."""
        self._known(side)
        return self._published[side].get(hash((subject, payload)), NEVER)

    def topic_published(self, subject: int) -> bool:
        """Did clients publish to a topic in both captures?"""
        for side in (0, 1):
            self._known(side)
        return subject in self._topics[0] and subject in self._topics[1]

    def _known(self, side: int) -> dict[int, int]:
        known = self._origins[side]
        if known is not None:
            return known
        known = self._origins[side] = {}
        keys, subject = self._captures[side].keys, self._meanings.subject[side]
        qos = [published_qos(key) for key in keys]
        for session in self._captures[side].sessions:
            client = self._client(side, session)
            for index, key in enumerate(session.keys):
                if qos[key] != NO_PUBLISH:
                    self._topics[side].add(subject[key])
                    published = session.numbers[index], session.times[index]
                    self._add(side, hash((subject[key], session.exact[index])), client, qos[key], published)
                elif keys[key].type == codes.CONNECT:
                    self._will(side, keys[key], client)
        return known

    def _client(self, side: int, session: Session) -> str:
        """The client's identifier in the first capture; where it has none, a name that nobody else has."""
        if side:
            session = self._mates.get(session.index, session)
        return session.client_id or f"\0{session.index}"

    def _add(self, side: int, message: int, client: str, qos: int, published: tuple[int, int]) -> None:
        known = self._known(side)
        origin = self._numbers.setdefault((client, qos), len(self._numbers))
        before = known.get(message, NOBODY)
        known[message] = origin if before in (NOBODY, origin) else SEVERAL
        self._published[side][message] = published if before == NOBODY else NEVER

    def _will(self, side: int, connect: Key, client: str) -> None:
        """What the broker may publish for the client."""
        values = {part.spec: part.value for part in connect.parts if part.spec in (WILL_TOPIC, WILL_PAYLOAD)}
        topic, payload = values.get(WILL_TOPIC), values.get(WILL_PAYLOAD, "")
        if isinstance(topic, str):
            raw = payload.encode() if isinstance(payload, str) else b""
            message = hash((self._meanings.topic(side, topic), hash(raw) if raw else 0))
            self._add(side, message, client, WILL, NEVER)


def published_qos(key: Key) -> int:
    """Of a client's PUBLISH; else NO_PUBLISH."""
    if key.type != codes.PUBLISH or key.sender != CLIENT:
        return NO_PUBLISH
    return next((int(part.value) for part in key.parts if part.name == "mqtt.qos"), 0)
