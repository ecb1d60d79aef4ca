"""What later stages learn of a TCP connection besides its bytes: when it opened, who closed it, what went wrong."""

from __future__ import annotations

from support import ACK, FIN, RST, SYN
from wire import CLIENT, MS, SERVER, Wire

from mqttdissect.net.stream import FINISHED, OPEN, RESET


def test_a_handshake_that_completes() -> None:
    """The SYN opens it, the SYN-ACK answers, the client's next segment completes it."""
    stream = Wire().handshake().stream()
    assert (stream.opened_frame, stream.opened_ns) == (1, MS)
    assert (stream.synack_ns, stream.established_ns) == (2 * MS, 3 * MS)
    assert stream.source.seen
    assert stream.destination.seen


def test_a_syn_without_an_answer() -> None:
    """Sent twice; nobody answers."""
    wire = Wire()
    wire.client(-1, flags=SYN)
    wire.client(-1, flags=SYN, after=1000 * MS)
    stream = wire.stream()
    assert (stream.opened_ns, stream.synack_ns, stream.established_ns) == (MS, -1, -1)
    assert not stream.destination.seen


def test_a_handshake_left_half_open() -> None:
    """The client never answers the SYN-ACK, which comes again; a RST from it is no answer."""
    wire = Wire()
    wire.client(-1, flags=SYN)
    wire.server(-1, flags=SYN, ack=0)
    wire.server(-1, flags=SYN, ack=0)
    wire.client(0, flags=RST, ack=0)
    assert (wire.stream().synack_ns, wire.stream().established_ns) == (2 * MS, -1)


def test_a_stream_joined_in_the_middle_has_no_handshake() -> None:
    """Also where only one side was captured."""
    wire = Wire()
    wire.client(0, b"abc", ack=0)
    stream = wire.stream()
    assert (stream.synack_ns, stream.established_ns, stream.opened_frame) == (-1, -1, 1)
    assert (stream.source.seen, stream.destination.seen) == (True, False)


def test_retransmissions_are_counted() -> None:
    """Whole ones, also of bytes that wait; not those that bring something new, not keep-alive probes."""
    wire = Wire().handshake()
    wire.client(0, b"abcdef", ack=0)
    wire.client(0, b"abc", ack=0)
    wire.client(3, b"defghi", ack=0)
    half = wire.stream().source
    assert (half.retransmissions, half.retransmitted_ns) == (1, 5 * MS)
    wire.client(8, b"\0", ack=0)
    assert half.retransmissions == 1
    wire.client(20, b"later", ack=0)
    wire.client(20, b"later", ack=0)
    assert (half.retransmissions, half.retransmitted_ns) == (2, 9 * MS)
    assert wire.stream().destination.retransmissions == 0


def test_a_window_that_closes_and_opens() -> None:
    """Twice; it is told since when. What a FIN or a RST says of the window does not count."""
    wire = Wire().handshake()
    half = wire.stream().destination
    wire.server(0, ack=0, window=0)
    wire.server(0, ack=0, window=0)
    assert (half.zero_windows, half.zero_since_ns) == (1, 4 * MS)
    wire.server(0, ack=0, window=100)
    assert (half.zero_windows, half.zero_since_ns, half.zero_ns) == (1, -1, 2 * MS)
    wire.server(0, ack=0, window=0)
    assert (half.zero_windows, half.zero_since_ns) == (2, 7 * MS)
    wire.client(0, flags=FIN, ack=0, window=0)
    wire.client(1, flags=RST, window=0)
    assert (wire.stream().source.zero_windows, wire.stream().source.zero_since_ns) == (0, -1)


def test_who_closes_a_connection() -> None:
    """The first FIN counts; the RST behind it does not."""
    wire = Wire().handshake()
    wire.server(0, flags=FIN, ack=0)
    wire.client(0, flags=RST, ack=1)
    stream = wire.stream()
    assert (stream.closed_by, stream.closed_how) == (SERVER, FINISHED)
    assert (stream.closed_frame, stream.closed_ns) == (4, 4 * MS)


def test_who_resets_a_connection() -> None:
    """A RST that the receiver would not take is nothing."""
    wire = Wire().handshake()
    stream = wire.stream()
    wire.client(-500_000, flags=RST)
    assert (stream.closed_by, stream.closed_how, stream.closed_frame) == (-1, OPEN, 0)
    wire.client(0, flags=RST | ACK, ack=0)
    assert (stream.closed_by, stream.closed_how, stream.closed_frame) == (CLIENT, RESET, 5)


def test_a_stream_that_nobody_wants_still_tells_its_end() -> None:
    """Its segments pass without being put in order."""
    wire = Wire().handshake()
    stream = wire.stream()
    stream.ignored = True
    wire.client(0, b"GET /", ack=0)
    wire.server(0, flags=FIN, ack=5)
    assert (stream.closed_by, stream.closed_how) == (SERVER, FINISHED)
