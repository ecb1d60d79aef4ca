"""A proxy on the loopback interface that changes MQTT traffic in one way, and records the side where it shows.

Every connection of a client is a `Link`: a socket to the client and one to the broker. What either sends is cut into
control packets; each goes through the fault's rules, which say what goes on instead. What is recorded is one side of
the proxy only: the broker's for a client at fault (the broker sees the changed packets and answers to them), the
client's for a broker at fault. So the capture reads as one client and one broker of which one errs.

A fault is a list of rules; a rule is (which packets, what is done). What is done gets the link and the packet and
returns what goes on in its place, or None to let it pass. It runs in the proxy's thread, where it may also send, close
and call later. State of a running fault lies in `Proxy.memory`; the rules themselves have none.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.packets import CONNECT, Connect, cut
from faults.recorder import BROKER, CLIENT, Connection, Recorder

Action = Callable[["Link", bytes], "Sequence[bytes] | None"]


@dataclass(frozen=True)
class Where:
    """Which packets: of this sender and type; `nth` of those on the link (0: each); of a client by its role (the part
    of its identifier before the hyphen) and by which of its connections it is (0: any)."""

    sender: int
    type: int
    nth: int = 1
    role: str = ""
    turn: int = 0

    def matches(self, link: Link, data: bytes, sender: int) -> bool:
        """Is it this packet? `link.seen` counts it already."""
        return (
            sender == self.sender
            and data[0] >> 4 == self.type
            and self.nth in (0, link.seen[sender, self.type])
            and self.role in ("", link.role)
            and self.turn in (0, link.turn)
        )


@dataclass
class Fault:
    """rules: (which packets, what is done), all that match are applied in order. holds: (side, role): when this side
    closes, the other does not hear of it. resets: roles whose end by the client becomes a reset."""

    rules: list[tuple[Where, Action]] = field(default_factory=list)
    holds: set[tuple[int, str]] = field(default_factory=set)
    resets: bool = False

    def __add__(self, other: Fault) -> Fault:
        return Fault(self.rules + other.rules, self.holds | other.holds, self.resets or other.resets)


class Link:
    """One connection of a client through the proxy.

    role: of the client, `reader` in `reader-7`; turn: its how manieth connection it is. seen: packets by (sender,
    type). memory: the proxy's, for rules. sender: of the packet at hand.
    """

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.memory = proxy.memory
        self.version = 4
        self.client = ""
        self.role = ""
        self.turn = 0
        self.sender = CLIENT
        self.seen: Counter[tuple[int, int]] = Counter()
        self.writers: list[asyncio.StreamWriter] = []
        self.closed = [False, False]  # towards this side
        self.record: Connection | None = None

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the client's connect to the end of both."""
        proxy = self.proxy
        if proxy.captured == CLIENT:
            self.record = proxy.recorder.connection()
        try:
            far, far_writer = await asyncio.open_connection(
                "127.0.0.1", proxy.broker, local_addr=(proxy.source, 0) if proxy.source else None
            )
        except OSError:
            writer.close()
            return
        if proxy.captured == BROKER:
            self.record = proxy.recorder.connection()
        self.writers = [writer, far_writer]
        for one in self.writers:
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(self._pump(reader, CLIENT), self._pump(far, BROKER))
            self.end(CLIENT)
            self.end(BROKER)
        finally:
            for one in self.writers:
                one.close()

    async def _pump(self, reader: asyncio.StreamReader, sender: int) -> None:
        buffer = bytearray()
        while True:
            try:
                data = await reader.read(65536)
            except OSError:
                self._recorded(sender, lambda one: one.reset(sender))
                self.reset(1 - sender)
                return
            if not data:
                break
            self._recorded(sender, lambda one, data=data: one.data(sender, data))
            buffer += data
            for one in cut(buffer):
                self._pass(sender, one)
        self._recorded(sender, lambda one: one.fin(sender))
        if (sender, self.role) in self.proxy.fault.holds or (sender, "") in self.proxy.fault.holds:
            return
        if sender == CLIENT and self.proxy.fault.resets:
            self.reset(BROKER)
        else:
            self.end(1 - sender)
            self.end(sender)

    def _recorded(self, side: int, what: Callable[[Connection], object]) -> None:
        if side == self.proxy.captured and self.record is not None:
            what(self.record)

    def _pass(self, sender: int, data: bytes) -> None:
        kind = data[0] >> 4
        if kind == CONNECT and sender == CLIENT and not self.seen[CLIENT, CONNECT]:
            self._meet(data)
        self.sender = sender
        self.seen[sender, kind] += 1
        out: Sequence[bytes] = [data]
        for where, action in self.proxy.fault.rules:
            if where.matches(self, data, sender):
                instead = action(self, data)
                out = out if instead is None else instead
        self.send(1 - sender, b"".join(out))

    def _meet(self, data: bytes) -> None:
        with contextlib.suppress(IndexError, ValueError, UnicodeDecodeError):
            told = Connect.of(data)
            self.version = told.level
            self.client = told.client.decode()
            self.role = self.client.rsplit("-", 1)[0]
        self.proxy.turns[self.role] += 1
        self.turn = self.proxy.turns[self.role]
        self.proxy.links[self.role] = self

    def send(self, to: int, data: bytes) -> None:
        """These bytes to a side, as if the other had sent them."""
        if data and not self.closed[to] and not self.writers[to].is_closing():
            self._recorded(to, lambda one: one.data(1 - to, data))
            self.writers[to].write(data)

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        """Call it then, if the link still lives."""
        asyncio.get_running_loop().call_later(seconds, what)

    def end(self, to: int) -> None:
        """Close towards a side."""
        if not self.closed[to]:
            self.closed[to] = True
            self._recorded(to, lambda one: one.fin(1 - to))
            with contextlib.suppress(OSError, RuntimeError):
                self.writers[to].write_eof()

    def reset(self, to: int) -> None:
        """Reset towards a side."""
        if not self.closed[to]:
            self.closed[to] = True
            self._recorded(to, lambda one: one.reset(1 - to))
            linger = struct.pack("ii", 1, 0)
            with contextlib.suppress(OSError):
                self.writers[to].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writers[to].transport.abort()


class Proxy:
    """A listening port before a broker's. captured: the side that is recorded. source: address that the broker sees.

    memory: what rules keep while they run. links: the latest of each role.
    """

    def __init__(self, broker: int, fault: Fault, captured: int, source: str = "") -> None:
        self.broker = broker
        self.fault = fault
        self.captured = captured
        self.source = source
        self.recorder = Recorder()
        self.memory: dict[str, Any] = {}
        self.turns: Counter[str] = Counter()
        self.links: dict[str, Link] = {}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens on `port`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await Link(self).run(reader, writer)
        finally:
            self._running.discard(task)

    async def stop(self, patience: float = 1.0) -> None:
        """Once the connections have ended, or after `patience` seconds."""
        assert self._server is not None
        self._server.close()
        if self._running:
            _, left = await asyncio.wait(list(self._running), timeout=patience)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
