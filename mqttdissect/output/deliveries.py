"""`mqttdissect deliveries`: each message from its publisher to its subscribers, as a line or as JSON."""

from __future__ import annotations

from mqttdissect.analysis.facts import Message
from mqttdissect.output.clock import Clock, seconds
from mqttdissect.output.sessions import duration, size, words
from mqttdissect.output.theme import Theme

MOST = 16  # subscribers named on one line


def line(message: Message, clock: Clock, theme: Theme) -> str:
    """`#12  0.123  sensor → hall/door  QoS 1  24 B  to reader #14 (0.4 ms), and log #15; not to screen`"""
    marks = ("  RETAIN" if message.retain else "") + ("  will" if message.will else "")
    publisher = words(message.publisher) or "(not known)"
    frame = theme.paint(theme.frame, f"#{message.frame}")
    time = theme.paint(theme.time, clock.text(message.time_ns))
    topic = theme.paint(theme.topic, words(message.topic))
    parts = [f"{frame}  {time}  {publisher} → {topic}  QoS {message.qos}{marks}  {size(int(message.size))}"]
    had = message.delivered()
    if had:
        named = [
            f"{words(one.client) or f'stream {one.link}'} #{one.frame} after {duration(int(one.took_ns))}"
            + (f" QoS {one.qos}" if one.qos != message.qos else "")
            for one in had[:MOST]
        ]
        more = f" and {len(had) - MOST} more" if len(had) > MOST else ""
        parts.append("to " + ", ".join(named) + more)
    missed = [client.id for client, _ in message.missed()]
    if message.refused:
        parts.append(theme.paint(theme.error, "refused by the broker"))
    elif missed:
        names = ", ".join(words(one) for one in missed[:MOST]) + (" …" if len(missed) > MOST else "")
        parts.append(theme.paint(theme.error, f"not to {names}, who subscribed to it"))
    if not had and not missed and not message.refused:
        parts.append(theme.paint(theme.hidden, "to nobody that was captured"))
    return "  ".join(parts) + "\n"


def as_json(message: Message) -> dict[str, object]:
    """The same as an object."""
    return {
        "frame": int(message.frame),
        "time": seconds(int(message.time_ns), 9),
        "stream": int(message.link),
        "publisher": message.publisher,
        "topic": message.topic,
        "qos": int(message.qos),
        "retain": message.retain,
        "will": message.will,
        "payload_bytes": int(message.size),
        "delivered": [
            {
                "client_id": one.client,
                "stream": int(one.link),
                "frame": int(one.frame),
                "qos": int(one.qos),
                "after": seconds(int(one.took_ns), 9),
            }
            for one in message.delivered()
        ],
        "missed": [{"client_id": client.id, "stream": number} for client, number in message.missed()],
    }
