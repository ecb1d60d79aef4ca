"""The public functions. Each joins stages; what they hand out are the stages' own types."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from mqttdissect.capture.frame import Frame
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.mqtt.decode import decode as decode_packet
from mqttdissect.mqtt.framing import INCOMPLETE, MALFORMED, packet_length
from mqttdissect.mqtt.packet import BY_CONNECT, BY_OPTION, Packet
from mqttdissect.pipeline import Dissector
from mqttdissect.source import blocks_of
from mqttdissect.transport.detect import MQTT_PORT

Source = str | os.PathLike[str] | bytes | BinaryIO
"""A path (`-` is standard input), the bytes of a capture, or a binary file open for reading."""


def open_capture(source: Source) -> Iterator[Frame]:
    """The frames of a capture, in order. Raises `CaptureError` if it is none."""
    reader = CaptureReader()
    for block in blocks_of(source):
        yield from reader.feed(block)
    yield from reader.close()


def dissect(source: Source, *, ports: frozenset[int] = frozenset([MQTT_PORT]), version: int = 0) -> Iterator[Packet]:
    """The MQTT control packets of a capture, in the order in which they complete. What answers a packet is known only
    once that has come.

    ports: TCP ports whose streams are MQTT whatever they start with. version: the protocol level (3, 4, 5) to assume
    where nothing tells it. Raises `CaptureError` if the source is no capture.
    """
    dissector = Dissector(ports, version)
    dissector.mqtt.links = True
    for block in blocks_of(source):
        for packets in dissector.batches(dissector.reader.feed(block)):
            yield from packets
    for packets in dissector.batches(dissector.reader.close()):
        yield from packets
    for packets in dissector.last_batches():
        yield from packets


def decode(data: bytes, version: int = 4) -> Packet:
    """The control packet that `data` starts with, by its protocol level (3, 4, 5); a CONNECT brings its own.

    Bytes behind the packet are left alone; a packet that is not whole says so in its notes. Raises `ValueError` if
    there are no bytes, or for another version.
    """
    if not data:
        raise ValueError("no bytes to decode")
    if version not in (3, 4, 5):
        raise ValueError(f"protocol level {version!r}: 3 (MQTT 3.1), 4 (3.1.1) or 5 (5.0)")
    length = packet_length(data, 0, len(data))
    whole = length not in (INCOMPLETE, MALFORMED) and length <= len(data)
    packet = Packet(None, 0, 0, 0, data[:length] if whole else data, 0)
    packet.version = version
    packet.version_by = BY_CONNECT if data[0] >> 4 == 1 else BY_OPTION
    if not whole and length != MALFORMED:
        packet.hole_offset = len(data)
        packet.hole_bytes = length - len(data) if length else 1
        packet.hole_why = "the data ends"
    decode_packet(packet)
    return packet
