"""The clients of a conversation: paho-mqtt, one blocking call a step; and scripted ones for what paho refuses to do.

A step waits for its answer. Where a fault may keep the answer away it waits no longer than the stage's patience and
goes on; without a fault, an answer that does not come is an error of the harness.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from faults.packets import Sample, cut


class Gone(Exception):
    """The connection has ended: the scenario cannot go on."""


def properties(packet: str, values: dict[str, Any]) -> Properties | None:
    """Properties of the packet type that `PacketTypes` calls `packet`; None for none."""
    if not values:
        return None
    result = Properties(getattr(PacketTypes, packet))  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(result, name, value)
    return result


class Peer:
    """One paho client. Keyword arguments named as paho's properties become properties."""

    def __init__(self, port: int, client_id: str, version: int, clean: bool, patience: float, strict: bool) -> None:
        self.port = port
        self.version = version
        self.clean = clean
        self.patience = patience
        self.strict = strict
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=None if version == 5 else clean,
            protocol=MQTTProtocolVersion(version), reconnect_on_failure=False,
        )  # fmt: skip
        self.inbox: queue.Queue[MQTTMessage] = queue.Queue()
        self.answers: queue.Queue[str] = queue.Queue()
        self.gone = threading.Event()
        self.client.on_connect = lambda *_: self.answers.put("CONNACK")
        self.client.on_subscribe = lambda *_: self.answers.put("SUBACK")
        self.client.on_unsubscribe = lambda *_: self.answers.put("UNSUBACK")
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.on_connect_fail = lambda *_: self.gone.set()
        self.client.on_message = lambda _client, _data, message: self.inbox.put(message)

    def _wait(self, what: str, done: Callable[[], bool], patience: float = 0) -> None:
        """Until it is done, the connection has gone, or patience has run out."""
        end = time.monotonic() + (patience or self.patience)
        while not done():
            if self.gone.is_set() or (not self.client.is_connected() and what != "CONNACK"):
                raise Gone(what)
            if time.monotonic() > end:
                if self.strict:
                    raise RuntimeError(f"{what} did not come")
                return
            time.sleep(0.004)

    def _answer(self, what: str) -> None:
        self._wait(what, lambda: not self.answers.empty())
        with contextlib.suppress(queue.Empty):
            self.answers.get_nowait()

    def will(self, topic: str, payload: str, qos: int = 0, retain: bool = False, **values: Any) -> Peer:
        """Before `connect`."""
        self.client.will_set(topic, payload, qos, retain, properties("WILLMESSAGE", values))
        return self

    def connect(self, keep_alive: int = 60, wait: bool = True, **values: Any) -> Peer:
        """CONNECT, until CONNACK."""
        self.gone.clear()
        if self.version == 5:
            extra = properties("CONNECT", values)
            self.client.connect("127.0.0.1", self.port, keep_alive, clean_start=self.clean, properties=extra)
        else:
            self.client.connect("127.0.0.1", self.port, keep_alive)
        self.client.loop_start()
        if wait:
            self._answer("CONNACK")
        return self

    def subscribe(self, *filters: tuple[str, int | SubscribeOptions], **values: Any) -> Peer:
        """SUBSCRIBE, until SUBACK."""
        if self.version == 5:
            options = [(name, SubscribeOptions(one) if isinstance(one, int) else one) for name, one in filters]
            self.client.subscribe(options, properties=properties("SUBSCRIBE", values))
        else:
            self.client.subscribe(list(filters))  # type: ignore[arg-type]
        self._answer("SUBACK")
        return self

    def unsubscribe(self, *filters: str) -> Peer:
        """UNSUBSCRIBE, until UNSUBACK."""
        self.client.unsubscribe(list(filters))
        self._answer("UNSUBACK")
        return self

    def publish(
        self, topic: str, payload: str | bytes = "x", qos: int = 0, retain: bool = False, wait: bool = True,
        **values: Any,
    ) -> Peer:  # fmt: skip
        """PUBLISH, until the handshake is over."""
        sent = self.client.publish(topic, payload, qos, retain, properties("PUBLISH", values))
        if wait:
            self._wait("PUBACK", lambda: sent.rc != 0 or sent.is_published())
        return self

    def receive(self, count: int = 1, patience: float = 0) -> Peer:
        """Until that many messages have come."""
        for _ in range(count):
            self._wait("PUBLISH", lambda: not self.inbox.empty(), patience)
            with contextlib.suppress(queue.Empty):
                self.inbox.get_nowait()
        return self

    def rest(self, seconds: float) -> Peer:
        """Let time pass."""
        self.gone.wait(seconds)
        return self

    def disconnect(self, code: int | None = None, **values: Any) -> Peer:
        """DISCONNECT, until the connection has ended."""
        reason = None if code is None else ReasonCode(PacketTypes.DISCONNECT, identifier=code)
        self.client.disconnect(reason, properties("DISCONNECT", values))
        self.gone.wait(self.patience)
        self.client.loop_stop()
        return self

    def drop(self) -> Peer:
        """Close the TCP connection without DISCONNECT."""
        connection = self.client.socket()
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.gone.wait(self.patience)
        self.client.loop_stop()
        return self

    def close(self) -> None:
        """At the end of the conversation, whatever became of it."""
        if self.gone.is_set() or not self.client.is_connected():
            self.client.loop_stop()
            return
        self.disconnect()


class Raw:
    """A scripted client: sends bytes, keeps what it hears. `packets` makes the bytes."""

    def __init__(self, port: int, version: int, patience: float, login: tuple[str, str] | None = None) -> None:
        self.packets = Sample(version, login)
        self.patience = patience
        self.heard: list[bytes] = []
        self._buffer = bytearray()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience)

    def send(self, *packets: bytes) -> Raw:
        """In one write."""
        with contextlib.suppress(OSError):
            self._socket.sendall(b"".join(packets))
        return self

    def hear(self, kind: int, patience: float = 0) -> bytes:
        """The next packet of this type, or nothing once patience has run out. Raises `Gone` if the broker closed."""
        end = time.monotonic() + (patience or self.patience)
        while True:
            while self.heard:
                one = self.heard.pop(0)
                if one[0] >> 4 == kind:
                    return one
            left = end - time.monotonic()
            if left <= 0:
                return b""
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                return b""
            except OSError as error:
                raise Gone from error
            if not data:
                raise Gone
            self._buffer += data
            self.heard += cut(self._buffer)

    def rest(self, seconds: float) -> Raw:
        """Let time pass, and hear what comes."""
        with contextlib.suppress(Gone):
            self.hear(0, seconds)
        return self

    def close(self) -> None:
        """Close the TCP connection."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def reset(self) -> None:
        """Reset it."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.close()
