"""A blocking wrapper around paho-mqtt's client: every call returns when the broker has answered."""

from __future__ import annotations

import os
import queue
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.client import MQTTv5 as MQTTv5
from paho.mqtt.client import MQTTv31 as MQTTv31
from paho.mqtt.client import MQTTv311 as MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST = os.environ.get("MQTT_HOST", "127.0.0.1")
PORT = int(os.environ.get("MQTT_PORT", "1883"))
SECONDS = 15.0


def properties(packet: str, **values: Any) -> Properties:
    """Properties of the packet type that `PacketTypes` calls `packet`; a list repeats a property."""
    result = Properties(getattr(PacketTypes, packet))  # type: ignore[no-untyped-call]
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            setattr(result, name, one)
    return result


class Peer:
    """One MQTT client. `connect` returns the reason code; a step raises when the broker stays silent."""

    def __init__(self, client_id: str = "", version: int = MQTTv311, clean: bool = True) -> None:
        self.version = version
        self.clean = clean
        clean_session = None if version == MQTTv5 else clean
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session,
            protocol=version,  # type: ignore[arg-type]
            reconnect_on_failure=False,
        )
        self.inbox: queue.Queue[MQTTMessage] = queue.Queue()
        self.answers: queue.Queue[tuple[str, int, list[ReasonCode]]] = queue.Queue()
        self.gone = threading.Event()
        self.client.on_connect = self._on_connect
        self.client.on_connect_fail = lambda *_: self.gone.set()
        self.client.on_message = lambda _client, _data, message: self.inbox.put(message)
        self.client.on_subscribe = self._on_subscribe
        self.client.on_unsubscribe = self._on_unsubscribe
        self.client.on_disconnect = lambda *_: self.gone.set()

    def _on_connect(self, client: Client, data: Any, flags: Any, code: ReasonCode, _: Any) -> None:
        self.answers.put(("connack", 0, [code]))

    def _on_subscribe(self, client: Client, data: Any, mid: int, codes: list[ReasonCode], _: Any) -> None:
        self.answers.put(("suback", mid, codes))

    def _on_unsubscribe(self, client: Client, data: Any, mid: int, codes: list[ReasonCode], _: Any) -> None:
        self.answers.put(("unsuback", mid, codes))

    def _answer(self, kind: str) -> list[ReasonCode]:
        got, _, codes = self.answers.get(timeout=SECONDS)
        if got != kind:
            raise RuntimeError(f"{kind} expected, {got} came")
        return codes

    def login(self, user: str, password: str) -> Peer:
        self.client.username_pw_set(user, password)
        return self

    def will(self, topic: str, payload: bytes | str, qos: int = 0, retain: bool = False, **values: Any) -> Peer:
        given = properties("WILLMESSAGE", **values) if values else None
        self.client.will_set(topic, payload, qos, retain, given)
        return self

    def connect(self, host: str = HOST, port: int = PORT, keepalive: int = 60, **values: Any) -> ReasonCode:
        self.gone.clear()
        if self.version == MQTTv5:
            given = properties("CONNECT", **values) if values else None
            self.client.connect(host, port, keepalive, clean_start=self.clean, properties=given)
        else:
            self.client.connect(host, port, keepalive)
        self.client.loop_start()
        return self._answer("connack")[0]

    def subscribe(self, *filters: tuple[str, int | SubscribeOptions], **values: Any) -> list[ReasonCode]:
        given = properties("SUBSCRIBE", **values) if values else None
        if self.version == MQTTv5:
            options = [(name, o if isinstance(o, SubscribeOptions) else SubscribeOptions(o)) for name, o in filters]
            self.client.subscribe(options, properties=given)
        else:
            self.client.subscribe([(name, o) for name, o in filters if isinstance(o, int)])
        return self._answer("suback")

    def unsubscribe(self, *filters: str, **values: Any) -> list[ReasonCode]:
        self.client.unsubscribe(list(filters), properties("UNSUBSCRIBE", **values) if values else None)
        return self._answer("unsuback")

    def publish(
        self, topic: str, payload: bytes | str = b"", qos: int = 0, retain: bool = False, **values: Any
    ) -> None:
        given = properties("PUBLISH", **values) if values else None
        self.client.publish(topic, payload, qos, retain, given).wait_for_publish(SECONDS)

    def receive(self, count: int = 1) -> list[MQTTMessage]:
        return [self.inbox.get(timeout=SECONDS) for _ in range(count)]

    def disconnect(self, code: int | None = None, **values: Any) -> None:
        reason = None if code is None else ReasonCode(PacketTypes.DISCONNECT, identifier=code)
        self.client.disconnect(reason, properties("DISCONNECT", **values) if values else None)
        self.wait_gone()

    def wait_gone(self) -> None:
        """Waits until the connection has ended, whoever ended it."""
        if not self.gone.wait(SECONDS):
            raise RuntimeError("the connection did not end")
        self.client.loop_stop()

    def drop(self) -> None:
        """Ends the TCP connection without a DISCONNECT."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()
