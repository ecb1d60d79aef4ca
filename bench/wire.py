"""Frames as bytes: pcap records, Ethernet, IPv4, IPv6, TCP and UDP headers, all with correct checksums.

Takes endpoints and payloads, hands on whole Ethernet frames. Knows nothing of MQTT.

Cost: a few microseconds a frame, because no checksum is a loop in Python. The Internet checksum (RFC 1071) is
a sum modulo 65535, and 65536 is 1 modulo 65535, so the sum of all 16-bit words of a byte string is the value
of the string as one big integer, modulo 65535. A 32-bit sequence number can be added as it stands.
"""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
CLIENT, SERVER = 0, 1  # the way a segment goes: sent by the client, sent by the server
MSS = 1448  # payload bytes in the largest segment; leaves room for the timestamps option

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)  # microseconds, Ethernet
RECORD = struct.Struct("<IIII")

_TCP4 = struct.Struct("!16sHH4sH12sIIHHHH")  # Ethernet, IPv4 and TCP without options
_TCP6 = struct.Struct("!18sH2s36sIIHHHH")  # Ethernet, IPv6 and TCP without options
_TIMESTAMPS = struct.Struct("!III")
_TIMESTAMPS_KIND = 0x0101080A  # two no-operations, kind 8, length 10
_SYN_OPTIONS = bytes.fromhex("020405b4 04020101 01030307")  # MSS 1460, SACK permitted, window scale 7
_WINDOWS = (64240, 65160)
_START4 = b"\x08\x00\x45\x00"  # EtherType, then IPv4 with a header of 20 bytes
_START6 = b"\x86\xdd\x60\x00\x00\x00"  # EtherType, then IPv6, no flow label
_NEXT_HOP = b"\x06\x40"  # TCP, hop limit 64
_TTL_PROTOCOL = b"\x40\x00\x40\x06"  # don't fragment, time to live 64, TCP
_MINIMUM_FRAME = 60  # bytes; shorter frames from the wire arrive padded


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One side of a connection: hardware address (6 bytes), IP address (4 or 16 bytes), port."""

    mac: bytes
    ip: bytes
    port: int


def _words(data: bytes) -> int:
    """A value congruent, modulo 65535, to the sum of the 16-bit words of `data`, zero-padded."""
    value = int.from_bytes(data, "big")
    return value << 8 if len(data) & 1 else value


class Flow:
    """One direction of a TCP connection: the constant parts of its headers and its next sequence number."""

    __slots__ = ("_addresses", "_head", "_ident", "_ip_base", "_pad", "_tcp_base", "_v6", "_window", "seq")

    def __init__(self, source: Endpoint, target: Endpoint, seq: int, way: int) -> None:
        ports = struct.pack("!HH", source.port, target.port)
        self.seq = seq
        self._v6 = len(source.ip) == 16
        self._addresses = source.ip + target.ip + ports
        self._head = target.mac + source.mac + (_START6 if self._v6 else _START4)
        self._window = _WINDOWS[way]
        self._ident = seq & 0xFFFF
        # Captured at the server, so only the frames that it receives are padded.
        self._pad = _MINIMUM_FRAME if way == CLIENT else 0
        self._ip_base = 0x4500 + _words(_TTL_PROTOCOL) + _words(source.ip + target.ip)
        self._tcp_base = _words(self._addresses) + 6 + self._window

    def frame(self, seq: int, ack: int, flags: int, options: bytes, data: bytes) -> bytes:
        """The Ethernet frame with this segment; `options` is a multiple of 4 bytes."""
        tail = options + data
        length = 20 + len(tail)
        offset_flags = (20 + len(options)) << 10 | flags
        checksum = -(self._tcp_base + length + seq + ack + offset_flags + _words(tail)) % 65535
        if self._v6:
            ip = (self._head, length, _NEXT_HOP, self._addresses)
            return _TCP6.pack(*ip, seq, ack, offset_flags, self._window, checksum, 0) + tail
        ident = self._ident = (self._ident + 1) & 0xFFFF
        length += 20
        ip_checksum = -(self._ip_base + length + ident) % 65535
        ip4 = (self._head, length, ident, _TTL_PROTOCOL, ip_checksum, self._addresses)
        packed = _TCP4.pack(*ip4, seq, ack, offset_flags, self._window, checksum, 0)
        return (packed + tail).ljust(self._pad, b"\0")


class Connection:
    """A TCP connection between a client and a server; each segment sent is appended to `queue` as a frame."""

    __slots__ = ("_clock", "_flows", "_heard", "calm", "moved", "pure_acks", "queue", "repeated")

    def __init__(self, client: Endpoint, server: Endpoint, seqs: tuple[int, int], timestamps: bool) -> None:
        self.queue: deque[bytes] = deque()
        self.calm = False
        self.pure_acks = self.moved = self.repeated = 0
        self._flows = (Flow(client, server, seqs[0], CLIENT), Flow(server, client, seqs[1], SERVER))
        self._clock = seqs[0] >> 2 if timestamps else 0  # 0: the timestamps option is not in use
        self._heard = [0, 0]  # the last timestamp of each side

    def send(self, way: int, data: bytes, flags: int = PSH | ACK) -> None:
        """Queue one segment; a FIN takes up one sequence number."""
        flow = self._flows[way]
        seq = flow.seq
        flow.seq = seq + len(data) + (flags & FIN) & 0xFFFFFFFF
        self.queue.append(flow.frame(seq, self._flows[1 - way].seq, flags, self._timestamps(way), data))

    def acknowledge(self, way: int) -> None:
        """Queue an ACK without data from `way`; call it only after the other side sent something new."""
        self.pure_acks += 1
        self.send(way, b"", ACK)

    def stream(self, way: int, data: bytes) -> None:
        """Queue `data` in segments of at most MSS bytes; every second one and the last are acknowledged."""
        last = len(data) - MSS
        for number, start in enumerate(range(0, len(data), MSS)):
            self.send(way, data[start : start + MSS], ACK if start < last else PSH | ACK)
            if number & 1 or start >= last:
                self.acknowledge(1 - way)

    def open(self) -> None:
        """Queue the three-way handshake: 3 frames."""
        for way, flags in ((CLIENT, SYN), (SERVER, SYN | ACK)):
            flow, ack = self._flows[way], self._flows[CLIENT].seq if way == SERVER else 0
            stamp = self._timestamps(way)
            options = _SYN_OPTIONS + stamp
            self.queue.append(flow.frame(flow.seq, ack, flags, options, b""))
            flow.seq = flow.seq + 1 & 0xFFFFFFFF
        self.acknowledge(CLIENT)

    def close(self) -> None:
        """Queue a FIN of each side and the last ACK: 3 frames."""
        self.send(CLIENT, b"", FIN | ACK)
        self.send(SERVER, b"", FIN | ACK)
        self.acknowledge(CLIENT)

    def settle(self) -> None:
        """Nothing: the frames are queued already. `LossyConnection` disturbs them here unless `calm`."""

    def _timestamps(self, way: int) -> bytes:
        if not self._clock:
            return b""
        stamp = self._clock = self._clock + 7 & 0xFFFFFFFF
        self._heard[way] = stamp
        return _TIMESTAMPS.pack(_TIMESTAMPS_KIND, stamp, self._heard[1 - way])


ConnectionMaker = Callable[[Endpoint, Endpoint, tuple[int, int], bool], Connection]


def udp_frame(source: Endpoint, target: Endpoint, data: bytes) -> bytes:
    """The Ethernet frame with one UDP datagram over IPv4."""
    length = 8 + len(data)
    ports = struct.pack("!HH", source.port, target.port)
    addresses = source.ip + target.ip
    checksum = -(_words(addresses) + 17 + 2 * length + _words(ports) + _words(data)) % 65535 or 65535
    ip_head = struct.pack("!HHHHBB", 0x4500, 20 + length, 0, 0x4000, 64, 17)
    ip_checksum = -(_words(ip_head) + _words(addresses)) % 65535
    ip = ip_head + struct.pack("!H", ip_checksum) + addresses
    frame = target.mac + source.mac + b"\x08\x00" + ip + ports + struct.pack("!HH", length, checksum) + data
    return frame.ljust(_MINIMUM_FRAME, b"\0")
