"""Writes down what passes on one side of the proxy as a capture: Ethernet, IPv4 and TCP around exactly those bytes.

Real traffic and real times; only the frames around it are made here, so that many conversations are recorded at once
without root, and none has another's packets. Some kinds are recorded by tcpdump as well (`test_faults.py`).
"""

from __future__ import annotations

import struct
import time

from support import ACK, FIN, PSH, RST, SYN, Stream

CLIENT, BROKER = 0, 1
MTU = 1448  # bytes of payload in a segment
BROKER_END = (bytes([10, 0, 0, 2]), 1883)
WINDOW_AT = 14 + 20 + 14  # Ethernet, IPv4, and where the window stands in TCP


class Connection:
    """One TCP connection as the recorder sees it."""

    def __init__(self, recorder: Recorder, port: int) -> None:
        self.recorder = recorder
        self.stream = Stream((bytes([10, 0, 0, 1]), port), BROKER_END)
        self.finished = [False, False]
        self.reset_seen = False
        self.windows: dict[int, int] = {}  # of sides that announce another one than usual
        for side, flags in ((CLIENT, SYN), (BROKER, SYN | ACK), (CLIENT, ACK)):
            self._write(side, b"", flags)

    def _write(self, side: int, data: bytes, flags: int, sequence: int | None = None) -> None:
        if side == self.recorder.dead:
            return
        frame = bytearray(self.stream.segment(side, data, flags, sequence))
        if side in self.windows:
            frame[WINDOW_AT : WINDOW_AT + 2] = struct.pack(">H", self.windows[side])
        self.recorder.write(bytes(frame))

    def again(self, side: int, data: bytes) -> None:
        """The last bytes of a side, sent again."""
        self._write(side, data, PSH | ACK, self.stream.sequence[side] - len(data))

    def data(self, side: int, data: bytes) -> None:
        """Bytes that a side has sent, acknowledged by the other."""
        for at in range(0, len(data), MTU):
            piece = data[at : at + MTU]
            if self.recorder.lose > 0 and side == BROKER:
                self.recorder.lose -= 1
                self.stream.lose(side, len(piece))
            else:
                self._write(side, piece, PSH | ACK)
                if self.recorder.repeat:
                    self.again(side, piece)
        self._write(1 - side, b"", ACK)

    def window(self, side: int, size: int) -> None:
        """A side says how much it takes from now on."""
        self.windows[side] = size
        self._write(side, b"", ACK)

    def fin(self, side: int) -> None:
        """A side closes."""
        if not self.finished[side] and not self.reset_seen:
            self.finished[side] = True
            self._write(side, b"", FIN | ACK)
            self._write(1 - side, b"", ACK)

    def reset(self, side: int) -> None:
        """A side resets."""
        if not self.reset_seen:
            self.reset_seen = True
            self._write(side, b"", RST | ACK)


class Recorder:
    """The capture of one conversation, of as many connections as it has.

    lose: how many of the broker's segments the capture will lack; repeat: every segment is captured twice, as if it
    were sent again; shift_ns: what the capturing machine's clock is off by. dead: a side of which nothing arrives any
    more, not even by TCP.
    """

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.lose = 0
        self.repeat = False
        self.shift_ns = 0
        self.dead = -1
        self._port = 40000

    def connection(self) -> Connection:
        """One more."""
        self._port += 1
        return Connection(self, self._port)

    def write(self, frame: bytes) -> None:
        """A frame, now."""
        self.frames.append((time.time_ns() + self.shift_ns, frame))

    def capture(self) -> bytes:
        """The file: classic pcap, nanoseconds, Ethernet."""
        out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
        for time_ns, frame in self.frames:
            seconds, rest = divmod(time_ns, 1_000_000_000)
            out.append(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
        return b"".join(out)
