"""A TCP stream as far as it has been put in order (`tcp`), and the chunks of bytes that come out of it."""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.net.segment import Segment

OPEN: Final = 0
FINISHED: Final = 1
RESET: Final = 2
REPLACED: Final = 3
CAPTURE_ENDED: Final = 4
DROPPED: Final = 5
ENDINGS: Final = {
    FINISHED: "the sender closed the connection (FIN)",
    RESET: "the connection was reset (RST)",
    REPLACED: "a new connection took over the ports",
    CAPTURE_ENDED: "the capture ends",
    DROPPED: "the stream was given up, there were too many",
}


@final
class Stream:
    """A TCP connection. number: from 0 in the order of first segments, as in Wireshark's tcp.stream.

    ignored: `ignore` was called by a later stage: its segments then pass without being put in order.

    flow: that of direction 0, from the client (the side that sent the SYN; if none was captured, the side that was
    seen first). opened_ns, opened_frame: of its first segment. synack_ns: of the first SYN-ACK; established_ns: of the
    client's first segment after it; -1 for none. closed_by, closed_how, closed_ns, closed_frame: direction, kind
    (`FINISHED` or `RESET`), time and frame of the first FIN or RST; -1, `OPEN`, -1 and 0 for none. reset_by: direction
    of the last RST; -1 for none.
    transport, carrier, application, analysed, shown, shown_by: for the stages that follow; not touched here. carrier:
    what its MQTT rides in, in words; empty for nothing. analysed is where the analysis has what it knows, -1 for
    nowhere. shown is what a writer has made of the stream, shown_by says which one.
    """

    __slots__ = (
        "_port",
        "_ports_differ",
        "analysed",
        "application",
        "carrier",
        "closed_by",
        "closed_frame",
        "closed_how",
        "closed_ns",
        "destination",
        "established_ns",
        "flow",
        "handshake",
        "ignored",
        "number",
        "opened_frame",
        "opened_ns",
        "reset_by",
        "shown",
        "shown_by",
        "source",
        "synack_ns",
        "transport",
    )  # fmt: skip

    def __init__(self, number: i64, flow: bytes, handshake: bool, opened_frame: i64 = 0, opened_ns: i64 = -1) -> None:
        # What each segment asks for comes first: attributes lie in memory in this order, of which a cache has lines.
        self.ignored = False
        self.handshake = handshake  # was its SYN or SYN-ACK captured?
        self._ports_differ = False
        self._port: i64 = 0
        self.source = Half(0)
        self.destination = Half(1)
        self.established_ns: i64 = -1
        self.transport: object | None = None
        self.application: object | None = None
        self.analysed: i64 = -1
        self.flow = flow
        self.number = number
        self.carrier = ""
        self.shown: object | None = None
        self.shown_by: i64 = 0
        self.opened_frame = opened_frame
        self.opened_ns = opened_ns
        self.synack_ns: i64 = -1
        self.closed_by: i64 = -1
        self.closed_how: i64 = OPEN
        self.closed_ns: i64 = -1
        self.closed_frame: i64 = 0
        self.reset_by: i64 = -1
        if len(flow) >= 4:
            self._port = self.port(0)
            self._ports_differ = self._port != self.port(1)

    def ignore(self) -> None:
        """No later stage has use for it."""
        self.ignored = True
        self.source.recent = b""
        self.destination.recent = b""

    def of(self, flow: bytes) -> "Half":
        """The direction of segments of this flow, which is the stream's."""
        if self._ports_differ:  # nearly always, and they are compared more quickly
            at: i64 = len(flow) - 4
            port = i64(flow[at]) << 8 | i64(flow[at + 1])
            return self.source if port == self._port else self.destination
        return self.source if flow == self.flow else self.destination

    def half(self, direction: i64) -> "Half":
        """The flow in `direction`."""
        return self.source if direction == 0 else self.destination

    def port(self, direction: i64) -> i64:
        """The port that segments in `direction` come from."""
        flow = self.flow
        at: i64 = len(flow) - (4 if direction == 0 else 2)
        return i64(flow[at]) << 8 | i64(flow[at + 1])


@final
class Waiting:
    """A segment's payload that lies behind a hole."""

    __slots__ = ("acknowledgement", "count", "data", "frame", "length", "time_ns")

    def __init__(self, segment: Segment, count: i64) -> None:
        self.count = count  # segments of the stream before it, since there are holes
        self.acknowledgement = segment.acknowledgement
        self.data = segment.data
        self.length = segment.length
        self.frame = segment.frame
        self.time_ns = segment.time_ns


@final
class Beyond:
    """What lies beyond the holes of one direction, while there are any."""

    __slots__ = ("acknowledged_count", "acknowledged_ns", "furthest", "order", "segments", "waiting", "widest")

    def __init__(self) -> None:
        self.order: list[int] = []  # a heap of the positions in `waiting`
        self.waiting: dict[int, Waiting] = {}
        self.widest: i64 = 0  # the longest segment that waited
        self.furthest: i64 = 0  # the end of the last one
        self.segments: i64 = 0  # of the stream, while there are holes
        self.acknowledged_ns: i64 = -1  # when the first hole was first seen to be acknowledged; -1: not yet
        self.acknowledged_count: i64 = 0  # `segments` then


@final
class Half:
    """One direction of a stream: what has been handed on, and what waits behind a hole.

    retransmissions: its segments whose payload had all been seen before, keep-alive probes left out; retransmitted_ns:
    time of the last one, -1 for none. zero_windows: how often it closed its window (it announced that it takes no more
    data); zero_since_ns: since when the window is closed, -1 while it is open; zero_ns: how long it was closed until it
    opened again, in all. `seen`: was any segment of it captured? window: the greatest one that its receiver announced,
    not scaled. scale: what its own SYN says of windows that it announces, -1 for nothing.
    """

    __slots__ = (
        "acknowledged",
        "arrived",
        "arrived_ns",
        "beyond",
        "carried",
        "delivered",
        "direction",
        "ending",
        "finish",
        "frame",
        "handed",
        "initial",
        "known",
        "lost",
        "missing",
        "next",
        "queued",
        "recent",
        "recent_start",
        "reset",
        "retransmissions",
        "retransmitted_ns",
        "scale",
        "start",
        "time_ns",
        "window",
        "zero_ns",
        "zero_since_ns",
        "zero_windows",
    )  # fmt: skip

    def __init__(self, direction: i64) -> None:
        # In the order of use, as in `Stream`: what an acknowledgement concerns, what all segments do, what few do.
        self.known = False  # is `next` known?
        self.delivered = False  # has any byte been handed on?
        self.next: i64 = 0  # position of the next byte to hand on
        self.queued: i64 = 0  # chunks that wait for their turn (`order`); while any do,
        self.handed: i64 = 0  # the position behind the bytes whose turn it was
        self.window: i64 = 0
        self.acknowledged: i64 = -1  # the furthest position that the other side has acknowledged; -1: none seen
        self.beyond: Beyond | None = None  # while there is a hole at `next`
        self.finish: i64 = -1  # the position behind the last byte, once a FIN was seen
        self.lost: i64 = 0  # bytes given up in all
        self.direction = direction
        self.frame: i64 = 0  # last frame seen, and its time
        self.time_ns: i64 = 0
        self.zero_since_ns: i64 = -1
        self.ending: i64 = OPEN
        self.carried: i64 = 0  # the frame that carried the last bytes handed on
        self.arrived: i64 = 0  # the frame with which these could be handed on, and its time
        self.arrived_ns: i64 = 0
        self.missing: i64 = 0  # bytes given up since the last chunk
        self.recent = b""  # the last bytes handed on, and their position: for comparing with what comes again
        self.recent_start: i64 = 0
        self.retransmissions: i64 = 0
        self.initial: i64 = -1  # the initial sequence number, if its SYN was captured
        self.retransmitted_ns: i64 = -1
        self.start: i64 = -1  # the first position of all
        self.reset: Segment | None = None  # a RST that was captured before what had been sent by then
        self.zero_windows: i64 = 0
        self.zero_ns: i64 = 0
        self.scale: i64 = -1

    @property
    def seen(self) -> bool:
        """Was any segment of this direction captured?"""
        return self.frame != 0

    @property
    def behind(self) -> bool:
        """Has more been sent than could be handed on so far? Segments wait behind a hole, or the other side has
        acknowledged what was not captured, were it only a FIN."""
        if self.beyond is not None:
            return True
        return self.seen and self.acknowledged > self.next + (1 if self.finish != -1 else 0)


@final
@mypyc_attr(free_list_len=1)
class Chunk:
    """In-order bytes of one direction, from one segment.

    frame: the one that carried them. arrival, time_ns: the frame with which their receiver could read them, and its
    time; that is a later one for bytes behind a hole that was filled, and not for those behind one that is only in the
    capture, though they too are handed on later. gap: bytes missing immediately before `data`; unsure: or
    fewer, as some of them were not MQTT's; before: the frame that carried the bytes before them, 0 for none. end: the
    position behind the bytes. acknowledgement: the sequence number of the other direction up to which its sender had
    received all when it sent them.
    ending: why nothing follows (`OPEN` while something may); an ending chunk has no data.
    """

    __slots__ = (
        "acknowledgement", "arrival", "before", "data", "direction", "end", "ending", "frame", "gap", "stream",
        "time_ns", "unsure",
    )  # fmt: skip

    def __init__(
        self, stream: Stream, direction: i64, data: bytes, frame: i64, arrival: i64, time_ns: i64, gap: i64, ending: i64
    ) -> None:
        self.arrival = arrival
        self.before: i64 = 0
        self.stream = stream
        self.direction = direction
        self.data = data
        self.frame = frame
        self.time_ns = time_ns
        self.gap = gap
        self.unsure = False
        self.ending = ending
        self.end: i64 = 0
        self.acknowledgement: i64 = 0

    @property
    def frames(self) -> list[tuple[int, int]]:
        """(offset in `data`, number of the frame that carried the bytes from there on)."""
        return [(0, int(self.frame))]
