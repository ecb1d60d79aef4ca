"""Traffic that isn't MQTT: HTTP on port 80, TLS on port 443, DNS over UDP; for the scenario `mostly-other`.

Each is a `Session` as the scheduler in `generate` wants it. TLS has a true ClientHello and ServerHello, then
records of random bytes under the type "application data".
"""

import struct
from collections import deque

from bench.sessions import World
from bench.wire import ACK, CLIENT, FIN, MSS, SERVER, udp_frame

_HOSTS = ("www.example.com", "api.example.org", "cdn.example.net", "time.example.com", "updates.example.org")


class WebSession:
    """Requests and responses over one TCP connection, HTTP or TLS."""

    closing = 4
    __slots__ = ("_conn", "_host", "_quota", "_stage", "_tls", "_world", "done", "queue")

    def __init__(self, world: World, index: int, quota: float) -> None:
        rng = world.random
        self._tls = rng.random() < 0.7
        client, server = world.endpoints(index, 443 if self._tls else 80, rng.random() < 0.12)
        seqs = (rng.getrandbits(32), rng.getrandbits(32))
        self._conn = world.connect(client, server, seqs, rng.random() < 0.5)
        self.queue = self._conn.queue
        self.done = False
        self._world, self._quota = world, quota
        self._host = rng.choice(_HOSTS)
        self._stage = 0

    def plan(self, room: int, last: bool) -> None:
        if self._stage == 0:
            self._conn.open()
        elif last or self._quota <= 0:
            self._end()
        elif self._tls and self._stage == 1:
            self._hello()
        else:
            self._request()
        self._stage += 1
        self._conn.settle()
        self._quota -= len(self.queue)

    def _end(self) -> None:
        """The server's FIN and its ACK, the client's FIN and its ACK: 4 frames."""
        for way in (SERVER, CLIENT):
            self._conn.send(way, b"", FIN | ACK)
            self._conn.acknowledge(1 - way)
        self.done = True
        self._world.tally.pure_acks += self._conn.pure_acks

    def _hello(self) -> None:
        rng = self._world.random
        name = self._host.encode()
        server_name = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
        extensions = server_name + bytes.fromhex("002b0003020304")  # supported versions: 1.3
        ciphers = bytes.fromhex("0004 1301 1302")
        hello = b"\x03\x03" + rng.randbytes(32) + b"\x00" + ciphers + b"\x01\x00" + _counted(extensions)
        self._conn.send(CLIENT, _record(22, _handshake(1, hello)))
        self._conn.acknowledge(SERVER)
        extensions = bytes.fromhex("002b00020304")
        answer = b"\x03\x03" + rng.randbytes(32) + b"\x00\x13\x01\x00" + _counted(extensions)
        self._conn.send(SERVER, _record(22, _handshake(2, answer)) + _record(20, b"\x01") + self._secret(900))
        self._conn.send(CLIENT, _record(20, b"\x01") + self._secret(53))

    def _request(self) -> None:
        """A request of one segment, a response of one to four."""
        rnd = self._world.random.random
        size = int(80 + rnd() ** 3 * 4000)
        if self._tls:
            self._conn.send(CLIENT, self._secret(60 + int(rnd() * 300)))
            response = self._secret(size)
        else:
            agent = "User-Agent: bench/1\r\nAccept: */*\r\n"
            text = f"GET /v1/items/{int(rnd() * 1e6)} HTTP/1.1\r\nHost: {self._host}\r\n{agent}\r\n"
            self._conn.send(CLIENT, text.encode())
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
            response = head.encode() + self._world.blob[:size]
        for start in range(0, len(response), MSS):
            self._conn.send(SERVER, response[start : start + MSS])
        self._conn.acknowledge(CLIENT)

    def _secret(self, size: int) -> bytes:
        """A record of `size` random bytes as application data."""
        noise = self._world.noise
        start = int(self._world.random.random() * (len(noise) - size))
        return _record(23, noise[start : start + size])


class DnsSession:
    """Queries of one host and their answers, over UDP."""

    closing = 0
    __slots__ = ("_client", "_quota", "_server", "_world", "done", "queue")

    def __init__(self, world: World, index: int, quota: float) -> None:
        self.queue: deque[bytes] = deque()
        self.done = False
        self._world, self._quota = world, quota
        self._client, self._server = world.endpoints(index, 53, False)

    def plan(self, room: int, last: bool) -> None:
        self._quota -= 2
        self.done = last or self._quota <= 0
        if last:
            return
        rng = self._world.random
        number = rng.getrandbits(16).to_bytes(2, "big")
        labels = (f"h{rng.getrandbits(16):x}." + _HOSTS[int(rng.random() * 5)]).split(".")
        name = b"".join(bytes((len(label),)) + label.encode() for label in labels) + b"\x00"
        question = name + b"\x00\x01\x00\x01"
        answer = bytes.fromhex("c00c 0001 0001 0000012c 0004 c6336401")
        counts = b"\x00\x00\x00\x00\x00\x00"
        query = number + b"\x01\x00\x00\x01" + counts + question
        response = number + b"\x81\x80\x00\x01\x00\x01" + counts[:4] + question + answer
        self.queue.append(udp_frame(self._client, self._server, query))
        self.queue.append(udp_frame(self._server, self._client, response))


def other_session(world: World, index: int, quota: float) -> WebSession | DnsSession:
    """A web session, or (one in seven) a host that asks for names."""
    return DnsSession(world, index, quota) if index % 7 == 0 else WebSession(world, index, quota)


def _counted(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _record(kind: int, data: bytes) -> bytes:
    """A TLS record."""
    return bytes((kind, 3, 3)) + _counted(data)


def _handshake(kind: int, data: bytes) -> bytes:
    """A TLS handshake message."""
    return bytes((kind,)) + len(data).to_bytes(3, "big") + data
