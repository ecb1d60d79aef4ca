"""mqttdissect: see and understand MQTT on the wire.

    from mqttdissect import dissect
    for packet in dissect("capture.pcapng"):
        print(packet.frame, packet.name, packet.fields)

`open_capture(path)` gives frames, `dissect(source)` packets, `decode(bytes)` one packet from its bytes. `Dissector` is
the same as an object without I/O: feed it bytes, get packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "CaptureError",
    "Chunk",
    "Damage",
    "Dissector",
    "Field",
    "FieldSpec",
    "Frame",
    "Note",
    "Packet",
    "Segment",
    "Stream",
    "__version__",
    "decode",
    "dissect",
    "open_capture",
]

if TYPE_CHECKING:
    from mqttdissect.api import decode, dissect, open_capture
    from mqttdissect.capture.damage import Damage
    from mqttdissect.capture.frame import CaptureError, Frame
    from mqttdissect.mqtt.fields import Field, FieldSpec
    from mqttdissect.mqtt.packet import Note, Packet
    from mqttdissect.net.segment import Segment
    from mqttdissect.net.stream import Chunk, Stream
    from mqttdissect.pipeline import Dissector

_HOMES = {
    "decode": "api",
    "dissect": "api",
    "open_capture": "api",
    "CaptureError": "capture.frame",
    "Damage": "capture.damage",
    "Frame": "capture.frame",
    "Field": "mqtt.fields",
    "FieldSpec": "mqtt.fields",
    "Note": "mqtt.packet",
    "Packet": "mqtt.packet",
    "Segment": "net.segment",
    "Chunk": "net.stream",
    "Stream": "net.stream",
    "Dissector": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is asked for, so that the command starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mqttdissect' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mqttdissect.{_HOMES[name]}"), name)
