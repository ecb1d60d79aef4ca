"""Find where control packets start again in bytes whose framing was lost.

A place is taken for a boundary when the bytes from it on decode, packet after packet, without a single note, up to
the end of what is there; the last packet may go on in what is still to come. Each packet of such a chain is evidence,
counted in bits by how unlikely it is by chance; a segment that starts at the place is some too, since most senders
write whole packets. The chain with the most evidence wins, if it has `ENOUGH`.

The decoder is the one that decodes everything else: there is no second opinion of what a packet looks like.

Cost: linear in the bytes held. Every place is looked at once; chains that reach the same place are one from there on;
what may be decoded is bounded by `DECODED_PER_BYTE`.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import (
    CONNECT,
    FROM_CLIENT,
    FROM_SERVER,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREL,
    SENDERS,
    SUBSCRIBE,
    UNSUBSCRIBE,
)
from mqttdissect.mqtt.connection import Connection, trial
from mqttdissect.mqtt.packet import Packet

NOT_YET: Final = -1
NEVER: Final = -2

ENOUGH: Final = 30  # bits of evidence
AT_SEGMENT: Final = 18  # bits that a place has because a segment starts there
MOST_WAITING: Final = 256  # candidates
DECODED_PER_BYTE: Final = 32
LONGEST: Final = 2 * 1024 * 1024  # bytes of a packet that is believed without having been seen whole


@final
class Candidate:
    """A place that may be a boundary: where it is, and the bits of evidence in the packets from there on."""

    __slots__ = ("evidence", "start")

    def __init__(self, start: i64, evidence: i64) -> None:
        self.start = start
        self.evidence = evidence


@final
class Search:
    """The search in one direction: `add` what is held whenever a segment has come; `drop` bytes from its start.

    Every place is looked at once. A packet that breaks off at the end of what is held waits in `_waiting`, with the
    candidate whose chain reached it, and is looked at again when there is more.
    """

    __slots__ = (
        "_budget",
        "_chains",
        "_connection",
        "_data",
        "_direction",
        "_scanned",
        "_segment",
        "_starts",
        "_waiting",
    )

    def __init__(self, connection: Connection, direction: i64) -> None:
        self._connection = connection
        self._direction = direction
        client = connection.client
        self._starts = STARTS[0 if client == -1 else FROM_CLIENT if client == direction else FROM_SERVER]
        self._data = b""
        self._segment: i64 = 0  # where the newest segment starts
        self._scanned: i64 = 0  # places before this one were looked at
        self._chains: dict[int, Candidate] = {}  # by the place that the chain has reached
        self._waiting: dict[int, Candidate] = {}  # the same, for chains that need more bytes there
        self._budget: i64 = 0  # bytes that may be decoded: so many for each byte held, whatever is in them

    def add(self, data: bytes, segment: i64) -> i64:
        """Offset in `data`, all that is held, of the best boundary; `NOT_YET` if there is none so far.

        segment: where in `data` the newest segment starts.
        """
        size: i64 = len(data)
        self._data = data
        self._segment = segment
        self._budget += (size - segment) * DECODED_PER_BYTE
        waiting, self._waiting, self._chains = self._waiting, {}, {}
        for place in sorted(waiting):
            self._step(place, size, waiting[place])
        chains = self._chains
        starts = self._starts
        at = self._scanned
        while at < size:
            if starts[data[at]]:
                reached = chains.pop(int(at), None) if chains else None
                fresh: i64 = AT_SEGMENT if at == segment else 0
                if reached is None or reached.evidence < fresh:
                    reached = Candidate(at, fresh)
                self._step(at, size, reached)
            at += 1
        self._scanned = size
        last = chains.get(int(size))
        if last is not None:
            self._waiting[int(size)] = last
        return self._best(size)

    def drop(self, count: i64) -> None:
        """The first `count` bytes are held no longer."""
        self._scanned -= count
        waiting: dict[int, Candidate] = {}
        for place, candidate in self._waiting.items():
            if candidate.start >= count:
                waiting[place - int(count)] = Candidate(candidate.start - count, candidate.evidence)
        self._waiting = waiting

    def needed(self) -> i64:
        """Where the first candidate is; bytes before it are of no use. `NOT_YET` if there is none."""
        first: i64 = NOT_YET
        for candidate in self._waiting.values():
            if first == NOT_YET or candidate.start < first:
                first = candidate.start
        return first

    def _step(self, at: i64, size: i64, candidate: Candidate) -> None:
        """Look at the packet that would start at `at`, where the chain of `candidate` has come to."""
        data = self._data
        if at == size:
            self._waiting[int(at)] = candidate
            return
        if not self._starts[data[at]]:
            return
        body = body_at(data, at, size)
        if body < 0:
            if body == NOT_YET:
                self._wait(at, candidate, 0)
            return
        end = body + length_at(data, at, body)
        if end > size:
            if end - at <= LONGEST:
                self._wait(at, candidate, begun(data, at, body, end, size))
            return
        self._budget -= end - at
        if self._budget < 0:
            return
        bits = weight(data, at, body, end, self._connection, self._direction)
        if bits:
            evidence = candidate.evidence + bits
            known = self._chains.get(int(end))
            if known is None or known.evidence < evidence:
                self._chains[int(end)] = Candidate(candidate.start, evidence)

    def _wait(self, at: i64, candidate: Candidate, bits: i64) -> None:
        """The packet at `at` goes on in what is still to come; `bits` of evidence are in what is there of it."""
        if candidate.evidence + bits and len(self._waiting) < MOST_WAITING:
            self._waiting[int(at)] = candidate

    def _best(self, size: i64) -> i64:
        """The start of the chain with the most evidence, if that is enough."""
        best: i64 = ENOUGH - 1
        found: i64 = NOT_YET
        for place, candidate in self._waiting.items():
            bits = candidate.evidence
            at: i64 = place
            if at < size:
                body = body_at(self._data, at, size)
                if body >= 0:
                    bits += begun(self._data, at, body, body + length_at(self._data, at, body), size)
            if bits > best or (bits == best and candidate.start < found):
                best = bits
                found = candidate.start
        return found


def _starts(senders: int) -> bytes:
    """For each byte, 1 if it may be the first of a packet that one of `senders` sends in the middle of a stream."""
    table = bytearray(256)
    for first in range(256):
        kind, flags = first >> 4, first & 0x0F
        if kind in (0, CONNECT) or not SENDERS[kind] & senders:
            continue
        if kind == PUBLISH:
            table[first] = flags & 0x06 != 0x06
        else:
            table[first] = flags == (2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0)
    return bytes(table)


STARTS: Final[list[bytes]] = [_starts(FROM_CLIENT | FROM_SERVER), _starts(FROM_CLIENT), _starts(FROM_SERVER)]


def body_at(data: bytes, at: i64, size: i64) -> i64:
    """Where the fixed header that starts at `at` ends; `NOT_YET` if it breaks off, `NEVER` if it is none."""
    position = at + 1
    while position < size:
        if data[position] < 0x80:
            shortest = position == at + 1 or data[position] != 0
            return position + 1 if shortest else NEVER
        position += 1
        if position > at + 4:
            return NEVER
    return NOT_YET


def length_at(data: bytes, at: i64, body: i64) -> i64:
    """The Remaining Length of the fixed header from `at` to `body`."""
    length: i64 = 0
    position = body - 1
    while position > at:
        length = length << 7 | (i64(data[position]) & 0x7F)
        position -= 1
    return length


def weight(data: bytes, at: i64, body: i64, end: i64, connection: Connection, direction: i64) -> i64:
    """Bits of evidence in one whole packet; 0 if it is malformed."""
    kind = i64(data[at]) >> 4
    if kind == PUBLISH:
        if begun(data, at, body, end, end) == 0 and not (connection.version == 5 and end > body + 4):
            return 0
    elif end - body > 2:  # an acknowledgement, in most bytes that look like one: then a reason code follows
        if kind <= PUBCOMP and (connection.version_is_known() and connection.version < 5):
            return 0
        if PUBACK <= kind <= PUBCOMP and 0x20 <= data[body + 2] < 0x80:
            return 0
    packet = Packet(None, direction, 0, 0, data[at:end], 0)
    packet = trial(packet, connection.version)
    if packet.notes is not None and not connection.version_is_known():
        packet = trial(packet, 9 - connection.version if connection.version in (4, 5) else 4)
    if packet.notes is not None:
        return 0
    if packet.type != PUBLISH:
        return 14 + 2 * (end - body if end - body < 8 else 8)
    if not packet.topic.isprintable():
        return 0
    return 14 + 3 * min(len(packet.topic), 12)


def begun(data: bytes, at: i64, body: i64, end: i64, size: i64) -> i64:
    """Bits of evidence in a packet whose end is not there yet: only a PUBLISH shows some, in its topic name."""
    if data[at] >> 4 != PUBLISH or body + 2 > size:
        return 0
    length = i64(data[body]) << 8 | i64(data[body + 1])
    if length == 0 or body + 2 + length > end:
        return 0
    topic = data[body + 2 : min(body + 2 + length, size)]
    for byte in topic:
        if byte < 0x20 or byte == 0x7F or byte == 0x23 or byte == 0x2B:
            return 0
    return 8 + 3 * (len(topic) if len(topic) < 12 else 12)
