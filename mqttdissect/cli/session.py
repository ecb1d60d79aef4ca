"""One run over captures: read, dissect, write as packets complete, and say at the end what was seen."""

from __future__ import annotations

import gc
import sys

import click

from mqttdissect.capture.frame import CaptureError
from mqttdissect.cli.errors import DAMAGED, DONE, UNUSABLE, complain
from mqttdissect.mqtt.packet import Packet
from mqttdissect.output.clock import Clock
from mqttdissect.output.writer import Writer
from mqttdissect.pipeline import Dissector
from mqttdissect.source import blocks

COLLECT_EVERY = 500_000  # objects; nearly none of ours are in cycles, so the collector mostly finds nothing
PACKETS_AT_ONCE = 256  # in one write
MOST_DAMAGE = 10  # lines about the damage of one capture


class Enough(Exception):
    """As many packets as were asked for have been printed."""


class Session:
    """`run(paths)` returns the exit status. count: stop after so many packets."""

    def __init__(self, writer: Writer, clock: Clock, ports: frozenset[int], version: int, count: int | None) -> None:
        self._writer = writer
        self._clock = clock
        self._ports = ports
        self._version = version
        self._left = count
        self._status = DONE

    def run(self, paths: list[str], heading: str) -> int:
        """Dissect one capture after the other."""
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY, 50, 100)
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        sys.stdout.write(heading)
        try:
            for path in paths:
                self._one(path)
        except Enough:
            pass
        sys.stdout.flush()
        return self._status

    def _one(self, path: str) -> None:
        dissector = Dissector(self._ports, self._version)
        name = "standard input" if path == "-" else path
        self._clock.first_ns = -1
        usable = True
        try:
            for block in blocks(path):
                self._write(dissector, dissector.feed(block))
            self._write(dissector, dissector.close())
        except CaptureError as error:
            usable = False
            sys.stdout.flush()
            complain(f"{name}: {error}")
            self._status = UNUSABLE
        except KeyboardInterrupt:
            self._write(dissector, dissector.close())
            self._left = 0
        except Enough:
            self._left = 0
        if usable or dissector.frames:
            self._end(dissector, name)
        if self._left == 0:
            raise Enough

    def _write(self, dissector: Dissector, packets: list[Packet]) -> None:
        """Write packets; they leave at once, because whoever feeds us live waits for them."""
        if not packets:
            return
        if self._clock.first_ns < 0:
            self._clock.first_ns = dissector.first_ns
        if self._left is not None:
            packets = packets[: self._left]
            self._left -= len(packets)
        text = self._writer.text
        for at in range(0, len(packets), PACKETS_AT_ONCE):
            sys.stdout.write("".join([text(packet) for packet in packets[at : at + PACKETS_AT_ONCE]]))
        sys.stdout.flush()
        if self._left == 0:
            raise Enough

    def _end(self, dissector: Dissector, name: str) -> None:
        """Damage and, on a terminal, a line about what was seen."""
        sys.stdout.flush()
        damage = dissector.damage
        for one in damage[:MOST_DAMAGE]:
            complain(f"{name}: damaged at {one}")
        if len(damage) > MOST_DAMAGE:
            complain(f"{name}: … and {len(damage) - MOST_DAMAGE} more damaged places")
        if damage and self._status == DONE:
            self._status = DAMAGED
        for hint in hints(dissector):
            complain(f"{name}: {hint}")
        if sys.stdout.isatty():
            click.echo(totals(dissector), err=True)


def hints(dissector: Dissector) -> list[str]:
    """What a user who sees less than expected should know."""
    found = [
        f"{count} frames of link type {link_type}, which is not known here, were passed over"
        for link_type, count in sorted(dissector.unwrapper.unknown_links.items())
    ]
    found += [
        f"{count} TCP streams on ports that brokers use are {what}, which is not dissected"
        for what, count in sorted(dissector.transport.others.items())
    ]
    if dissector.unwrapper.fragments:
        found.append(f"{dissector.unwrapper.fragments} IP fragments were passed over")
    if not dissector.mqtt.packets:
        found.append(
            f"no MQTT in {dissector.frames:,} frames and {dissector.tcp.streams:,} TCP streams; "
            "if it is on another port than 1883 and was joined in the middle, -d tcp.port==N,mqtt names the port"
        )
    return found


def totals(dissector: Dissector) -> str:
    """123 frames, 2 streams (1 of MQTT), 40 packets, 0 malformed, no gaps"""
    mqtt, tcp = dissector.mqtt, dissector.tcp
    gaps = f"{tcp.gaps:,} gaps ({tcp.gap_bytes:,} bytes missing)" if tcp.gaps else "no gaps"
    return (
        f"{dissector.frames:,} frames, {tcp.streams:,} TCP streams ({dissector.transport.mqtt_streams:,} of MQTT), "
        f"{mqtt.packets:,} packets, {mqtt.malformed:,} malformed, {gaps}"
    )
