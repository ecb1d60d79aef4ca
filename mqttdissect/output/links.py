"""What a packet answers, and which packet answers it, in words and for machines.

A request can name its answer only if it is printed after that has come: `Holder` keeps packets back for so long, in
order. How far apart the two may be is counted in what all packets between them take in memory: that is bounded, and
the same however the input arrives and however many processes share the work.
"""

from collections import deque
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import AUTH, CONNECT, PACKET_TYPES, PUBLISH
from mqttdissect.mqtt.fields import FieldSpec
from mqttdissect.mqtt.packet import Exchange, Packet
from mqttdissect.mqtt.registry import HANDSHAKE_IN, HANDSHAKE_TIME, REQUEST_IN, RESPONSE_IN, RESPONSE_TIME
from mqttdissect.output.clock import seconds
from mqttdissect.output.pieces import NUMBERS, THREE, aligned

# What a writer says of other packets
NO_LINKS: Final = 0
REQUESTS: Final = 1  # that which came before
ALL_LINKS: Final = 2  # and that which came after, where a `Holder` is before the writer

MICROS: Final = [b""] * 10_000  # durations of less than 10 ms, once written
MOST_APART: Final = 8 * 1024 * 1024  # bytes in memory of the packets between a request and an answer that it names


def answer_to(packet: Packet) -> Exchange | None:
    """The exchange whose answer the packet can name."""
    exchange = packet.response
    if exchange is None or exchange.answered_frame == 0:
        return None
    return exchange if exchange.answered_cost - exchange.asked_cost <= MOST_APART else None


def is_open(packet: Packet, cost: i64) -> bool:
    """May the packet still get an answer that it can name? cost: of all packets so far."""
    exchange = packet.response
    return exchange is not None and exchange.answered_frame == 0 and cost - exchange.asked_cost <= MOST_APART


def start_of(packet: Packet) -> Exchange | None:
    """The exchange that knows how a longer handshake began, where the packet is the last of it."""
    exchange = packet.request
    if exchange is None or exchange.began_frame == 0 or packet.response is not None:
        return None
    return exchange


def starter(packet: Packet) -> str:
    """The name of the packet that a handshake began with, by the last one of it."""
    kind: int = PUBLISH
    if packet.type == AUTH:
        kind = AUTH
    elif packet.type < PUBLISH:
        kind = CONNECT
    return PACKET_TYPES[kind]


def lines(packet: Packet, links: i64) -> list[bytes]:
    """`Request in #8, 0.8 ms` and the like, as far as `links` asks for it."""
    found: list[bytes] = []
    if links == NO_LINKS:
        return found
    request = packet.request
    if request is not None:
        found.append(line(b"Request in #", request.asked_frame, packet.time_ns - request.asked_ns, b""))
        start = start_of(packet)
        if start is not None:
            before = f"{starter(packet)} in #".encode()
            found.append(line(before, start.began_frame, packet.time_ns - start.began_ns, b" in all"))
    if links == ALL_LINKS and packet.response is not None:
        answer = answer_to(packet)
        if answer is not None:
            found.append(line(b"Response in #", answer.answered_frame, answer.answered_ns - packet.time_ns, b""))
    return found


def line(before: bytes, frame: i64, ns: i64, behind: bytes) -> bytes:
    """What stands in another frame, and the time between."""
    parts = [before]
    aligned(frame, 0, parts)
    parts.append(b", ")
    parts.append(duration(ns))
    parts.append(behind)
    return b"".join(parts)


def duration(ns: i64) -> bytes:
    """0.025 ms, 12.3 ms, 1.234 s"""
    if 0 <= ns < 10_000_000:
        micros = ns // 1000
        text = MICROS[micros]
        if not text:
            text = (NUMBERS[micros // 1000] + b"." + THREE[micros % 1000]).rstrip(b"0").rstrip(b".") + b" ms"
            MICROS[micros] = text
        return text
    if ns < 0:
        return b"-" + duration(-ns)
    if ns >= 1_000_000_000:
        return f"{seconds(int(ns), 3)} s".encode()
    return f"{ns // 1_000_000}.{ns // 100_000 % 10} ms".encode()


def link_cell(spec: FieldSpec, packet: Packet) -> str:
    """The text of one of these fields for a table; empty where there is nothing to say."""
    if spec is RESPONSE_IN:
        answer = answer_to(packet)
        return str(answer.answered_frame) if answer is not None else ""
    exchange = packet.request if spec is REQUEST_IN or spec is RESPONSE_TIME else start_of(packet)
    if exchange is None:
        return ""
    if spec is REQUEST_IN:
        return str(exchange.asked_frame)
    if spec is HANDSHAKE_IN:
        return str(exchange.began_frame)
    return seconds(int(packet.time_ns - (exchange.asked_ns if spec is RESPONSE_TIME else exchange.began_ns)), 9)


LINK_FIELDS: Final[dict[str, FieldSpec]] = {
    spec.name: spec for spec in (REQUEST_IN, RESPONSE_TIME, RESPONSE_IN, HANDSHAKE_IN, HANDSHAKE_TIME)
}


@final
class Holder:
    """`take` packets in order; it returns those that may be printed. `close` returns the rest.

    patience_ns: a packet is not held longer than so much time of the capture; 0 for any time, so that what is said
    depends on nothing but the capture. waiting: packets that are held.
    """

    def __init__(self, patience_ns: i64 = 0) -> None:
        self.patience_ns = patience_ns
        self.waiting: i64 = 0
        self._held: deque[Packet] = deque()

    def take(self, packets: list[Packet], cost: i64, time_ns: i64) -> list[Packet]:
        """More packets, which may be none. cost: of all packets so far. time_ns: of the last frame captured."""
        held = self._held
        held.extend(packets)
        self.waiting += len(packets)
        done: list[Packet] = []
        while self.waiting:
            first: Packet = held[0]
            if is_open(first, cost) and (self.patience_ns == 0 or time_ns - first.time_ns <= self.patience_ns):
                break
            done.append(held.popleft())
            self.waiting -= 1
        return done

    def close(self) -> list[Packet]:
        """There are no more."""
        rest = list(self._held)
        self._held.clear()
        self.waiting = 0
        return rest
