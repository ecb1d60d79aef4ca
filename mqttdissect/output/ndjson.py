"""`-T json`: one object a line, a line a packet."""

import json
from typing import Final, final

import orjson
from mypy_extensions import i64

from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.codes import VERSIONS
from mqttdissect.mqtt.fields import BYTE, DERIVED, GROUP, UNDECODED, Field
from mqttdissect.mqtt.packet import UNDECODED as NO_PACKET
from mqttdissect.mqtt.packet import Note, Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.net.tcp import Stream
from mqttdissect.output import values
from mqttdissect.output.clock import seconds
from mqttdissect.output.gist import Gist
from mqttdissect.output.hosts import Hosts
from mqttdissect.output.links import NO_LINKS, REQUESTS, for_json
from mqttdissect.output.theme import Theme

VERSION_SOURCES: Final = ("connect", "inferred", "option", "assumed")


@final
class JsonWriter:
    """`text(packet)`: the object, with its newline. secrets: show passwords and authentication data. about: what is
    known of frames. links: what is said of other packets (`links`)."""

    def __init__(self, theme: Theme, secrets: bool, about: FrameNotes | None = None, links: i64 = REQUESTS) -> None:
        self.links = links
        self.about = about if about is not None else FrameNotes()
        self.secrets = secrets
        self._gist = Gist(theme)
        self._hosts = Hosts(self.about.hosts)

    def text(self, packet: Packet) -> str:
        """One line of JSON."""
        source, destination = self._gist.ends(packet)
        stream: Stream | None = packet.stream
        mqtt: dict[str, object] = {}
        fields: list[dict[str, object]] = []
        group = ""
        group_end = 0
        for index, field in enumerate(packet.fields):
            if field.spec.kind == GROUP:
                count = field.value
                group = field.spec.label
                group_end = index + 1 + (count if isinstance(count, int) else 0)
                continue
            entry = self._entry(field, mqtt)
            if index < group_end:
                entry["group"] = group
            fields.append(entry)
        line: dict[str, object] = {
            "frame": int(packet.frame),
            "time": seconds(int(packet.time_ns), 9),
            "stream": None if stream is None else int(stream.number),
            "src": source,
            "dst": destination,
            "packet": packet.name,
            "version": VERSIONS[int(packet.version)],
            "length": len(packet.data),
            "malformed": None,
            "mqtt": mqtt,
            "fields": fields,
        }
        if self.links != NO_LINKS:
            for_json(packet, self.links, line, mqtt)
        if packet.version_by:
            line["version_by"] = VERSION_SOURCES[int(packet.version_by)]
        if packet.spans:
            line["frames"] = [[start, frame] for start, frame in packet.spans]
        if stream is not None and self._hosts.known:
            forward = packet.direction == 0
            for key, name in (
                ("src_name", self._hosts.name(stream.flow, forward)),
                ("dst_name", self._hosts.name(stream.flow, not forward)),
            ):
                if name:
                    line[key] = name
        file = self.about.name(int(packet.frame))
        if file:
            line["file"] = file
        comments = self.about.comments(int(packet.frame), packet.spans)
        if comments:
            line["comments"] = [comment for _, comment in comments]
        if packet.gap_bytes:
            line["gap"] = {"bytes": int(packet.gap_bytes), "after": int(packet.gap_after)}
        notes = packet.notes
        if notes is not None:
            line["malformed"] = note(notes[0])
            if len(notes) > 1:
                line["notes"] = [note(one) for one in notes]
        if packet.type == NO_PACKET:
            line["packet"] = None
        text = orjson.dumps(line).decode()
        return (text if text.isprintable() else escaped(text)) + "\n"

    def follow(self, passing: Passing) -> None:
        """What others write changes nothing here."""

    def _entry(self, field: Field, mqtt: dict[str, object]) -> dict[str, object]:
        """One field, its bits within; its values go into `mqtt` too."""
        spec = field.spec
        value = values.plain(field, self.secrets)
        entry: dict[str, object] = {
            "name": spec.name,
            "label": spec.label,
            "start": int(field.start),
            "end": int(field.end),
            "value": value,
            "display": values.display(field, self.secrets),
        }
        if spec.kind == DERIVED:
            entry["derived"] = True
        if spec.kind != UNDECODED:
            if spec.kind == DERIVED and mqtt.get(spec.name) == "":
                mqtt[spec.name] = value  # the topic that an alias stands for, in the place of the empty one
            else:
                put(mqtt, spec.name, value)
            if spec.alias:
                put(mqtt, spec.alias, values.under_alias(field, self.secrets))
        byte = field.value
        if spec.bits and spec.kind == BYTE and isinstance(byte, int):
            bits: list[dict[str, object]] = []
            for bit in spec.bits:
                part = bit.value(byte)
                shown: object = part
                if bit.flag:  # not in one expression: mypyc would make a number of the truth value
                    shown = part == 1
                put(mqtt, bit.name, shown)
                bits.append({"name": bit.name, "label": bit.label, "mask": bit.mask, "value": shown,
                             "display": values.bits(bit, byte)})  # fmt: skip
            entry["bits"] = bits
        return entry


def escaped(text: str) -> str:
    """JSON in which nothing is left that a terminal would obey or hide; all of it is inside strings."""
    return "".join([char if char.isprintable() else json.dumps(char)[1:-1] for char in text.replace("\x7f", "\\u007f")])


def put(mqtt: dict[str, object], name: str, value: object) -> None:
    """Add a value under its name; a name that occurs again has a list."""
    if name not in mqtt:
        mqtt[name] = value
        return
    before = mqtt[name]
    if isinstance(before, list):
        before.append(value)
    else:
        mqtt[name] = [before, value]


def note(one: Note) -> dict[str, object]:
    """What is malformed."""
    return {"offset": int(one.offset), "expected": one.expected, "section": one.section}
