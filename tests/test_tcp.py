"""TCP reassembly: each direction's bytes in order and once, however segments were sent, swapped, repeated or lost.

Positions in these examples count from a side's first byte of data: its SYN is at -1. `Wire` turns them into sequence
numbers.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FIN, PSH, RST, SYN, connect, dissect, pcap, publish
from support import Stream as Frames
from wire import CLIENT, FLOWS, MS, SERVER, TO_SERVER, Wire, ends, told

from mqttdissect.net import tcp
from mqttdissect.net.segment import Segment, reverse
from mqttdissect.net.sequence import unfold
from mqttdissect.net.stream import CAPTURE_ENDED, FINISHED, OPEN, REPLACED, RESET, Chunk
from mqttdissect.net.tcp import Reassembler

# --- sequence numbers -----------------------------------------------------------------------------------------------


def test_sequence_numbers_unfold() -> None:
    """32 bits that start over at 0 become a position that does not."""
    assert unfold(1000, 990) == 1000
    assert unfold(5, 2**32 - 3) == 2**32 + 5  # a little later, behind the wrap
    assert unfold(0xFFFFFFFE, 2**32 + 3) == 2**32 - 2  # a little earlier
    assert unfold(0xFFFFFFFE, 3) == -2  # earlier than the start


@given(st.integers(-(2**40), 2**60), st.integers(-(2**31), 2**31 - 1))
def test_unfolding_undoes_the_wrap(near: int, distance: int) -> None:
    """Every position within 2 GiB of a known one is found from its lower 32 bits."""
    assert unfold((near + distance) & 0xFFFFFFFF, near) == near + distance


# --- in order -------------------------------------------------------------------------------------------------------


def test_segments_in_order_go_straight_out() -> None:
    """A chunk for each, with the frame that carried it."""
    wire = Wire().handshake()
    (one,) = wire.client(0, b"one")
    (two,) = wire.client(3, b"two")
    (back,) = wire.server(0, b"back", ack=6)
    assert (one.direction, one.data, one.frame) == (CLIENT, b"one", 4)
    assert (two.direction, two.data, two.frame) == (CLIENT, b"two", 5)
    assert (back.direction, back.data, back.frame) == (SERVER, b"back", 6)
    assert one.stream is two.stream is back.stream
    assert (one.arrival, one.time_ns, one.gap, one.ending) == (4, 4 * MS, 0, OPEN)


def test_bytes_that_waited_tell_both_frames() -> None:
    """`frame` carried them; `arrival` filled the hole before them, and that is when they could be read."""
    wire = Wire().handshake()
    assert wire.client(3, b"def") == []  # frame 4
    first, second = wire.client(0, b"abc")  # frame 5
    assert (first.data, first.frame, first.arrival, first.time_ns) == (b"abc", 5, 5, 5 * MS)
    assert (second.data, second.frame, second.arrival, second.time_ns) == (b"def", 4, 5, 5 * MS)


def test_segments_in_reverse_order() -> None:
    """All wait for the first."""
    wire = Wire().handshake()
    assert [wire.client(at, b"abcdef"[at : at + 1]) for at in (5, 4, 3, 2, 1)] == [[]] * 5
    assert b"".join(chunk.data for chunk in wire.client(0, b"a")) == b"abcdef"


def test_a_retransmission_is_dropped() -> None:
    """The bytes were handed on already."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    assert wire.client(0, b"abc") == []


def test_a_retransmission_with_other_boundaries() -> None:
    """The sender put more into the segment the second time: only the new part is handed on."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    assert told(wire.client(0, b"abcdef")) == [(0, b"def")]


def test_overlaps_behind_a_hole() -> None:
    """Four segments that overlap in every way, then the first bytes."""
    wire = Wire().handshake()
    wire.client(4, b"efgh")  # 4 to 8
    wire.client(6, b"ghij")  # 6 to 10
    wire.client(5, b"fg")  # inside the first
    wire.client(4, b"efghi")  # the first one, longer
    assert b"".join(chunk.data for chunk in wire.client(0, b"abcde")) == b"abcdefghij"


def test_sequence_numbers_wrap() -> None:
    """Two bytes before 2**32, four behind it."""
    wire = Wire(first=(0xFFFFFFFE, 0)).handshake()
    assert told(wire.client(0, b"ab")) == [(0, b"ab")]
    assert wire.client(4, b"ef") + wire.client(0, b"ab") == []  # the latter is a retransmission from before the wrap
    assert told(wire.client(2, b"cd")) == [(0, b"cd"), (0, b"ef")]


@pytest.mark.parametrize("probe", [b"", b"\0"])
def test_keep_alive_probes_are_not_data(probe: bytes) -> None:
    """They lie one byte back, empty or with a byte of anything."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    assert wire.client(2, probe, ack=0) + wire.server(0, ack=3) == []
    assert told(wire.client(3, b"def")) == [(0, b"def")]


def test_a_capture_that_starts_with_an_empty_probe() -> None:
    """The stream is joined one byte too early; the next data tells."""
    wire = Wire()
    wire.client(2, ack=0)
    assert told(wire.client(3, b"def")) == [(0, b"def")]


# --- the start of a stream ------------------------------------------------------------------------------------------


def test_streams_are_numbered_as_they_appear() -> None:
    """As Wireshark's tcp.stream; the client's flow is direction 0."""
    wire = Wire().handshake()
    (chunk,) = wire.client(0, b"x")
    assert (chunk.stream.number, chunk.stream.flow, chunk.stream.handshake) == (0, TO_SERVER, True)
    assert (chunk.stream.port(CLIENT), chunk.stream.port(SERVER)) == (40000, 1883)
    wire.client(-1, flags=RST)
    wire.first[CLIENT] += 10**6
    wire.client(-1, flags=SYN)
    (chunk,) = wire.client(0, b"x")
    assert chunk.stream.number == 1


def test_a_capture_that_starts_with_the_syn_ack() -> None:
    """It comes from the server, so the other side is the client."""
    wire = Wire()
    wire.server(-1, flags=SYN, ack=0)
    (chunk,) = wire.client(0, b"hello", ack=0)
    assert (chunk.direction, chunk.stream.flow, chunk.stream.handshake) == (CLIENT, TO_SERVER, True)


def test_a_stream_joined_in_the_middle() -> None:
    """Nothing tells the client; the side seen first is direction 0, and each side starts with its first segment."""
    wire = Wire()
    (from_server,) = wire.server(700, b"late", ack=300)
    (from_client,) = wire.client(300, b"also", ack=704)
    assert (from_server.direction, from_server.gap, from_server.data) == (0, 0, b"late")
    assert (from_client.direction, from_client.gap, from_client.data) == (1, 0, b"also")
    assert (from_server.stream.flow, from_server.stream.handshake) == (reverse(TO_SERVER), False)


def test_a_syn_with_data() -> None:
    """TCP Fast Open: its data are at 0, for the SYN takes up a number of its own. The server has not taken them yet
    when it answers, so they come again."""
    wire = Wire()
    assert told(wire.client(-1, b"early", flags=SYN)) == [(0, b"early")]
    wire.server(-1, flags=SYN, ack=0)
    assert told(wire.client(0, b"early bird", ack=0)) == [(0, b" bird")]


def test_a_syn_captured_late_or_again_is_no_new_stream() -> None:
    """The capture swapped it with the acknowledgement that completes the handshake."""
    wire = Wire()
    wire.client(0, ack=0)
    wire.client(-1, flags=SYN)
    wire.client(-1, flags=SYN)  # again, for the answer was late
    (chunk,) = wire.client(0, b"x", ack=0)
    assert (chunk.stream.number, chunk.data) == (0, b"x")


def test_a_new_syn_reuses_the_ports() -> None:
    """The old stream never ended in the capture; it ends now, in both directions."""
    wire = Wire().handshake()
    wire.client(0, b"old")
    wire.first = [200_000, 900_000]
    assert ends(wire.client(-1, flags=SYN)) == [(CLIENT, REPLACED), (SERVER, REPLACED)]
    (chunk,) = wire.client(0, b"new")
    assert (chunk.stream.number, chunk.data) == (1, b"new")


def test_data_far_away_is_a_new_stream() -> None:
    """Its SYN was not captured: 2 GiB back cannot be the same stream."""
    wire = Wire().handshake()
    wire.client(0, b"old")
    *ending, chunk = wire.client(-(2**31) + 100, b"new")
    assert ends(ending) == [(CLIENT, REPLACED), (SERVER, REPLACED)]
    assert (chunk.stream.number, chunk.data, chunk.gap) == (1, b"new", 0)


# --- the end of a stream --------------------------------------------------------------------------------------------


def test_each_side_closes_for_itself() -> None:
    """A FIN ends its own direction; the other may go on."""
    wire = Wire().handshake()
    (end,) = wire.client(0, flags=FIN, ack=0)
    assert (end.direction, end.ending, end.data, end.gap, end.frame) == (CLIENT, FINISHED, b"", 0, 4)
    assert told(wire.server(0, b"goodbye", ack=1)) == [(0, b"goodbye")]
    assert ends(wire.server(7, flags=FIN, ack=1)) == [(SERVER, FINISHED)]
    assert wire.client(1, ack=8) == []
    assert wire.close() == []


def test_a_fin_with_data() -> None:
    """The data come first."""
    data, end = Wire().handshake().client(0, b"bye", flags=FIN | PSH, ack=0)
    assert (data.data, data.ending, end.data, end.ending) == (b"bye", OPEN, b"", FINISHED)


def test_a_repeated_fin_ends_nothing_twice() -> None:
    """It was not acknowledged in time."""
    wire = Wire().handshake()
    wire.client(0, b"bye", flags=FIN, ack=0)
    assert wire.client(0, b"bye", flags=FIN, ack=0) + wire.client(3, flags=FIN, ack=0) == []


@pytest.mark.parametrize("last", [b"", b"ghi"])
def test_a_fin_before_the_missing_data(last: bytes) -> None:
    """The direction ends only when all bytes before the FIN were handed on."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    assert wire.client(6, last, flags=FIN) == []
    chunks = wire.client(3, b"def")
    assert b"".join(chunk.data for chunk in chunks) == b"def" + last
    assert ends(chunks) == [(CLIENT, FINISHED)]


def test_a_reset_ends_both_directions() -> None:
    """Nothing follows from either side."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    assert ends(wire.server(0, flags=RST, ack=3)) == [(CLIENT, RESET), (SERVER, RESET)]
    assert wire.close() == []


def test_a_reset_that_the_receiver_would_not_take() -> None:
    """Its sequence number is out of place, as in an attack: the stream goes on."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    assert wire.client(-500_000, flags=RST) == []
    assert told(wire.client(3, b"def")) == [(0, b"def")]


def test_a_refused_connection() -> None:
    """A SYN, and a RST with sequence number 0 in answer."""
    wire = Wire(first=(1000, 0))
    wire.client(-1, flags=SYN)
    assert ends(wire.server(0, flags=RST, ack=0)) == [(CLIENT, RESET), (SERVER, RESET)]


def test_data_under_way_when_the_other_side_resets() -> None:
    """They were sent before the RST arrived, and are on the wire: they are handed on, and the direction ends again."""
    wire = Wire().handshake()
    wire.server(0, b"one", ack=0)
    assert ends(wire.client(0, flags=RST, ack=3)) == [(CLIENT, RESET), (SERVER, RESET)]
    assert told(wire.server(3, b"two", ack=0)) == [(0, b"two")]
    assert ends(wire.close()) == [(SERVER, CAPTURE_ENDED)]


def test_data_behind_a_fin() -> None:
    """No sender may do this; what it did is shown all the same."""
    wire = Wire().handshake()
    assert ends(wire.client(0, b"bye", flags=FIN)) == [(CLIENT, FINISHED)]
    assert told(wire.client(3, b"more")) == [(0, b"more")]


def test_the_capture_ends() -> None:
    """Every direction that was open says so, of every stream, once."""
    wire = Wire().handshake()
    wire.client(0, b"abc", flags=FIN)
    assert ends(wire.close()) == [(SERVER, CAPTURE_ENDED)]
    assert wire.close() == []


# --- gaps -----------------------------------------------------------------------------------------------------------


def lost(wire: Wire) -> Wire:
    """`abc` is captured, `def` (3 to 6) is not, `ghi` is: frames 4 and 5."""
    assert told(wire.client(0, b"abc")) == [(0, b"abc")]
    assert wire.client(6, b"ghi") == []
    return wire


def test_a_reset_waits_for_what_was_sent_before_it() -> None:
    """Of its own direction and of the other one; if that does not come, the capture lacks it."""
    wire = Wire().handshake()
    assert wire.client(3, flags=RST) == []
    assert ends(wire.client(0, b"abc")) == [(CLIENT, RESET), (SERVER, RESET)]
    wire = Wire().handshake()
    assert wire.client(0, ack=3) == wire.client(0, flags=RST) == []
    assert ends(wire.server(0, b"abc")) == [(CLIENT, RESET), (SERVER, RESET)]
    wire = Wire().handshake()
    assert wire.client(3, flags=RST) == wire.server(0, ack=0) == []
    assert told(wire.server(0, ack=0, after=tcp.GRACE_NS + MS)) == [(2, b""), (0, b"")]  # the third may be a FIN


def test_a_syn_that_is_captured_behind_data() -> None:
    wire = Wire()
    assert told(wire.client(0, b"abc", ack=0)) == [(0, b"abc")]
    assert wire.server(-1, flags=SYN, ack=0) == wire.client(-1, flags=SYN) == []
    assert told(wire.client(3, b"def")) == [(0, b"def")]
    assert wire.reassembler.streams == 1
    wire = Wire()
    assert wire.server(-1, flags=SYN, ack=0) == wire.client(3, b"def") == []  # where it starts is known
    assert told(wire.client(0, b"abc")) == [(0, b"abc"), (0, b"def")]


def test_a_gap_that_was_acknowledged() -> None:
    """The receiver has the bytes, so only the capture lacks them. A short grace, for captures that swap frames."""
    wire = lost(Wire().handshake())
    assert wire.server(0, ack=9) == []
    assert wire.server(0, ack=9, after=tcp.GRACE_NS // 2) == []
    (chunk,) = wire.server(0, ack=9, after=tcp.GRACE_NS // 2 + MS)
    assert (chunk.gap, chunk.data, chunk.frame, chunk.direction) == (3, b"ghi", 5, CLIENT)
    assert (wire.reassembler.gaps, wire.reassembler.gap_bytes) == (1, 3)


def test_a_gap_that_was_acknowledged_in_a_busy_stream() -> None:
    """The grace ends as well when enough segments went by."""
    wire = lost(Wire().handshake())
    chunks = [wire.server(0, ack=9, after=1) for _ in range(tcp.GRACE_SEGMENTS + 1)]
    assert [told(one) for one in chunks if one] == [[(3, b"ghi")]]


def test_a_gap_filled_in_time() -> None:
    """The capture had the acknowledgement before the data."""
    wire = lost(Wire().handshake())
    wire.server(0, ack=9)
    assert told(wire.client(3, b"def")) == [(0, b"def"), (0, b"ghi")]
    assert wire.reassembler.gaps == 0


def test_a_gap_that_was_not_acknowledged_waits() -> None:
    """The segment was lost on its way: it will be sent again, however long that takes."""
    wire = lost(Wire().handshake())
    assert wire.server(0, ack=3, after=6 * tcp.PATIENCE_NS) == []
    assert told(wire.client(3, b"def")) == [(0, b"def"), (0, b"ghi")]


def test_a_gap_in_a_one_sided_capture() -> None:
    """No acknowledgement will ever tell: patience decides."""
    wire = lost(Wire())
    assert wire.client(9, b"jkl", after=tcp.PATIENCE_NS) == []
    assert told(wire.client(12, b"mno", after=MS)) == [(3, b"ghi"), (0, b"jkl"), (0, b"mno")]


def behind(window: int, sent: int, scales: tuple[int, int] | None = (-1, -1)) -> Wire:
    """The server's last acknowledgement in the capture is of the handshake and announces `window`; then the client
    sends, of which bytes 3 to 6 are not captured, up to `sent` bytes behind them."""
    wire = Wire()
    if scales is not None:
        wire.client(-1, flags=SYN, scale=scales[0])
        wire.server(-1, flags=SYN, ack=0, window=window, scale=scales[1])
    wire.server(0, ack=0, window=window)
    wire.client(0, b"abc", ack=0)
    for at in range(6, sent + 3, 100):
        assert wire.client(at, bytes(min(100, sent + 3 - at)), ack=0, after=1000) == []
    return wire


@pytest.mark.parametrize(
    ("window", "scales", "allowed"),
    [
        (1000, (-1, -1), 1000), (1000, (2, -1), 1000), (1000, (-1, 2), 1000), (1000, (0, 2), 4000),
        (500, (14, 3), 4000), (1, None, 1 << 14),
    ],
)  # fmt: skip
def test_a_gap_whose_acknowledgement_was_not_captured(
    window: int, scales: tuple[int, int] | None, allowed: int
) -> None:
    """The receiver never said that it would take more than a window beyond the hole: so it has acknowledged that. A
    window is scaled only if both SYNs say so; who missed a SYN cannot know, and believes the greatest."""
    wire = behind(window, allowed, scales)
    assert wire.client(0, ack=0, after=2 * tcp.GRACE_NS) == []
    wire = behind(window, allowed + 1, scales)
    chunks = wire.client(0, ack=0, after=2 * tcp.GRACE_NS)
    assert chunks[0].gap == wire.reassembler.gap_bytes == 3


def test_the_grace_of_a_gap_beyond_the_window() -> None:
    """The window may have grown unseen: what was lost and comes again within the grace is no gap."""
    wire = behind(1000, 1001)
    chunks = wire.client(3, b"def", ack=0, after=tcp.GRACE_NS // 2)
    assert chunks[0].data == b"def" and wire.reassembler.gaps == 0


def test_the_gaps_of_idle_streams_are_given_up_too() -> None:
    """Any other stream's segments tell the time."""
    wire = lost(Wire())
    other = bytes([10, 0, 0, 9]) + TO_SERVER[4:]
    now = wire.now + tcp.PATIENCE_NS + MS
    (chunk,) = wire.reassembler.feed(Segment(other, 1, 0, SYN, 0, 0, b"", 99, now))
    assert (chunk.gap, chunk.data, chunk.frame, chunk.arrival, chunk.time_ns) == (3, b"ghi", 2, 2, 2 * MS)


def test_each_hole_has_its_own_patience() -> None:
    """The second hole opened long after the first: when the first is given up, the second still waits."""
    wire = lost(Wire())  # 3 to 6 is missing
    wire.client(12, b"mno", after=tcp.PATIENCE_NS - MS)  # 9 to 12 is missing too, from now on
    assert told(wire.client(15, b"pqr", after=2 * MS)) == [(3, b"ghi")]
    assert told(wire.client(9, b"jkl")) == [(0, b"jkl"), (0, b"mno"), (0, b"pqr")]


def test_each_hole_has_its_own_grace() -> None:
    """The same for holes that were acknowledged, in a busy stream: the second one's frames are only swapped."""
    wire = lost(Wire().handshake())
    for _ in range(tcp.GRACE_SEGMENTS // 2):
        assert wire.server(0, ack=9, after=1) == []
    chunks = wire.client(12, b"mno", after=1)
    while not chunks:
        chunks = wire.server(0, ack=15, after=1)
    assert told(chunks) == [(3, b"ghi")]
    assert told(wire.client(9, b"jkl", after=1)) == [(0, b"jkl"), (0, b"mno")]


def test_too_much_waits() -> None:
    """Memory is bounded: a hole that holds up 8 MiB is given up."""
    wire = lost(Wire().handshake())
    wire.server(0, ack=3)
    big = bytes(1024 * 1024)
    chunks = [chunk for n in range(tcp.MAX_WAITING // len(big)) for chunk in wire.client(9 + n * len(big), big)]
    assert told(chunks[:1]) == [(3, b"ghi")]
    assert len(chunks) == 1 + tcp.MAX_WAITING // len(big)


def test_closing_hands_on_what_waits() -> None:
    """With its gaps, and only then the end."""
    wire = lost(Wire().handshake())
    wire.client(20, b"uvw")
    first, second, end, _ = wire.close()
    assert told([first, second, end]) == [(3, b"ghi"), (11, b"uvw"), (0, b"")]
    assert (first.frame, second.frame, end.ending) == (5, 6, CAPTURE_ENDED)


@pytest.mark.parametrize("flags", [RST, SYN])
def test_a_stream_that_ends_hands_on_what_waits(flags: int) -> None:
    """By a reset, or by a new stream on its ports."""
    wire = lost(Wire().handshake())
    assert told(wire.client(9999, flags=flags) + wire.close())[:2] == [(3, b"ghi"), (9989 if flags == RST else 0, b"")]


def test_bytes_that_were_acknowledged_and_never_seen() -> None:
    """A gap at the end: the chunk that ends the direction tells it."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    wire.server(0, ack=10)
    assert told(wire.close()) == [(7, b""), (0, b"")]


def test_bytes_missing_before_a_fin() -> None:
    """The FIN is at 10, so 7 bytes are missing; the other side has acknowledged them and the FIN."""
    wire = Wire().handshake()
    wire.client(0, b"abc")
    wire.client(10, flags=FIN, ack=0)
    wire.server(0, ack=11)
    assert told(wire.close()) == [(7, b""), (0, b"")]


def test_a_segment_cut_by_the_snap_length() -> None:
    """Of 10 bytes 4 were captured: the other 6 are a gap before what follows."""
    wire = Wire().handshake()
    assert told(wire.send(CLIENT, 0, b"abcd", length=10)) == [(0, b"abcd")]
    assert told(wire.client(10, b"klm")) == [(6, b"klm")]


def test_a_cut_segment_that_waits() -> None:
    """The same behind a hole; nothing at all was captured of the last one."""
    wire = Wire().handshake()
    wire.send(CLIENT, 3, b"de", length=5)  # 3 to 8, but 5 to 8 was cut
    wire.send(CLIENT, 8, b"", length=2)
    assert told(wire.client(0, b"abc")) == [(0, b"abc"), (0, b"de")]
    assert told(wire.client(10, b"k")) == [(5, b"k")]


# --- properties -----------------------------------------------------------------------------------------------------

Span = tuple[int, int]
SEQUENCE = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 200, 2**32 - 1))


@st.composite
def shredded(draw: st.DrawFn) -> tuple[bytes, list[Span]]:
    """Bytes, and spans of them that cover all, with repetitions and overlaps, in any order."""
    data = draw(st.binary(min_size=1, max_size=120))
    position = st.integers(0, len(data))
    spans = list(pairwise(sorted({0, *draw(st.lists(position, max_size=12)), len(data)})))
    more = [(min(pair), max(pair)) for pair in draw(st.lists(st.tuples(position, position), max_size=8))]
    return data, draw(st.permutations(spans + more))


@given(shredded(), SEQUENCE, st.data())
def test_shredded_streams_come_out_whole(stream: tuple[bytes, list[Span]], first: int, draw: st.DataObject) -> None:
    """Cut, shuffled, repeated, overlapping: the same bytes in order, once, each said to be of a frame that had it."""
    data, spans = stream
    spans.insert(draw.draw(st.integers(0, len(spans))), (len(data), len(data)))  # the FIN
    wire = Wire((first, 0)).handshake()
    carried: dict[int, Span] = {}
    chunks: list[Chunk] = []
    for start, end in spans:
        chunks += wire.client(start, data[start:end], flags=FIN if start == len(data) else 0)
        carried[wire.frame] = (start, end)
    assert b"".join(chunk.data for chunk in chunks) == data
    assert ends(chunks) == [(CLIENT, FINISHED)] and chunks[-1].ending == FINISHED
    at = 0
    for chunk in chunks[:-1]:
        start, end = carried[chunk.frame]
        assert start <= at < at + len(chunk.data) <= end and chunk.gap == 0
        assert chunk.frame <= chunk.arrival
        at += len(chunk.data)


@given(st.binary(min_size=1, max_size=100), st.lists(st.integers(1, 10), max_size=30), SEQUENCE, st.randoms())
def test_frames_swapped_by_the_capture(data: bytes, sizes: list[int], first: int, shuffle: random.Random) -> None:
    """Every segment is acknowledged at once, and every frame is up to ten places from where it belongs."""
    cuts = sorted({0, len(data), *(min(sum(sizes[:n]), len(data)) for n in range(len(sizes)))})
    events: list[Callable[[], list[Chunk]]] = []
    wire = Wire((first, 77)).handshake()
    for start, end in pairwise(cuts):
        events.append(lambda start=start, end=end: wire.client(start, data[start:end], ack=0))  # type: ignore[misc]
        events.append(lambda end=end: wire.server(0, ack=end))  # type: ignore[misc]
    places = sorted(range(len(events)), key=lambda at: at + shuffle.uniform(0, 10))
    chunks = [chunk for at in places for chunk in events[at]()]
    assert b"".join(chunk.data for chunk in chunks) == data
    assert wire.reassembler.gaps == 0


@given(shredded(), SEQUENCE, st.data())
def test_what_is_lost_is_told(stream: tuple[bytes, list[Span]], first: int, draw: st.DataObject) -> None:
    """Any of the segments missing: gaps and bytes add up, and what is said to be missing was in no frame."""
    data, spans = stream
    kept = draw.draw(st.lists(st.sampled_from(spans), unique=True))
    wire = Wire((first, 0)).handshake()
    chunks = [chunk for start, end in kept for chunk in wire.client(start, data[start:end])] + wire.close()
    captured = {at for start, end in kept for at in range(start, end)}
    at = 0
    for chunk in chunks:
        if chunk.direction == CLIENT:
            assert captured.isdisjoint(range(at, at + chunk.gap))
            at += chunk.gap
            assert chunk.data == data[at : at + len(chunk.data)]
            at += len(chunk.data)
    assert at == max(captured, default=-1) + 1


SEGMENTS = st.tuples(
    st.sampled_from(FLOWS),
    st.one_of(st.integers(990, 1010), st.integers(0, 2**32 - 1)),
    st.one_of(st.integers(990, 1010), st.integers(0, 2**32 - 1)),
    st.integers(0, 255),
    st.binary(max_size=6),
    st.integers(0, 3),  # bytes cut
    st.one_of(st.integers(0, MS), st.integers(0, 2**63 - 1)),
)


@given(st.lists(SEGMENTS, max_size=30))
def test_any_segments(segments: list[tuple[bytes, int, int, int, bytes, int, int]]) -> None:
    """Nothing raises, whatever flags, numbers and times; no chunk is without a point; every direction ends."""
    reassembler = Reassembler()
    chunks: list[Chunk] = []
    for frame, (flow, sequence, acknowledgement, flags, data, cut, now) in enumerate(segments, 1):
        length = len(data) + cut
        chunks += reassembler.feed(Segment(flow, sequence, acknowledgement, flags, 0, length, data, frame, now))
    chunks += reassembler.close()
    assert all(chunk.gap >= 0 and (chunk.data or chunk.ending != OPEN) for chunk in chunks)
    assert sum(chunk.gap for chunk in chunks) == reassembler.gap_bytes
    endings = [(chunk.stream.number, chunk.direction) for chunk in chunks if chunk.ending != OPEN]
    assert sorted(set(endings)) == [(number, side) for number in range(reassembler.streams) for side in (0, 1)]


# --- cost -----------------------------------------------------------------------------------------------------------


def one_byte_segments(count: int, step: int) -> float:
    """Seconds of work for so many segments of one byte, in order (1) or in reverse (-1).

    Without the garbage collector, whose passes cost what everything else in the test process makes them cost.
    """
    wire = Wire().handshake()
    segments = [Segment(TO_SERVER, 1000 + at, 0, 0, 0, 1, b"x", at, 0) for at in range(count)][::step]
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        received = sum(len(chunk.data) for segment in segments for chunk in wire.reassembler.feed(segment))
        spent = time.process_time() - start
    finally:
        gc.enable()
    assert received == count
    return spent


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "in reverse"])
def test_cost_grows_with_the_number_of_segments(step: int) -> None:
    """Eight times as many take about eight times as long; quadratic growth would make it 64."""
    small = min(one_byte_segments(25_000, step) for _ in range(3))
    assert one_byte_segments(200_000, step) < 24 * small


def test_a_packet_in_a_hundred_thousand_segments() -> None:
    """The whole way from the capture to the packet: its bytes are not joined again with every segment."""
    payload = bytes(100_000)
    frames = Frames().handshake().client(connect(), *(bytes([one]) for one in publish("t", payload))).frames
    start = time.process_time()
    packets = dissect(pcap(frames, step_ns=1000))
    assert time.process_time() - start < 20
    assert [packet.name for packet in packets] == ["CONNECT", "PUBLISH"]
    assert packets[1].data.endswith(payload)
