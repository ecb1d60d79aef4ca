"""One run over captures: read, dissect, hand on packets as they complete, and say at the end what was seen."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import click

from mqttdissect.capture.frame import CaptureError, Frame
from mqttdissect.cli.errors import DAMAGED, DONE, UNUSABLE, complain
from mqttdissect.cli.out import put, takes_utf_8, translated
from mqttdissect.cli.progress import Progress
from mqttdissect.cli.recorder import Recorder
from mqttdissect.files import CaptureFile, Listener, Source
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.net.fallback import advice
from mqttdissect.net.fragments import Fragments
from mqttdissect.net.names import link_name
from mqttdissect.output.clock import Clock
from mqttdissect.output.links import Holder
from mqttdissect.output.writer import Writer
from mqttdissect.pipeline import Dissector
from mqttdissect.source import STOP

TEXT_AT_ONCE = 48 * 1024  # bytes in one write, about: more would not fit a core's cache, nor what malloc keeps
FEWEST_PIECES, MOST_PIECES = 500, 6000  # for so much text
YOUNG = 50_000  # objects between two looks for garbage among the youngest: nearly none of ours is any
SELDOM = 50  # and how many of these there are for one among older ones
MOST_DAMAGE = 10  # lines about the damage of one capture


class Enough(Exception):
    """As many packets as were asked for have been printed."""


class Consumer(Protocol):
    """Who wants the packets of a run. prints: does it write to standard output while the run goes on?"""

    prints: bool

    def start(self) -> None:
        """Before anything is read."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """The packets that have completed since, which may be none."""

    def end(self, dissector: Dissector) -> int:
        """There are no more. The exit status, as far as it is for the consumer to say."""


class Printer:
    """Writes each packet at once."""

    prints = True

    def __init__(self, writer: Writer, clock: Clock, heading: str) -> None:
        self._writer = writer
        self._clock = clock
        self._heading = heading
        self._pieces = FEWEST_PIECES  # of the next part
        self._utf_8 = takes_utf_8(sys.stdout)

    def start(self) -> None:
        """Write the heading."""
        sys.stdout.write(self._heading)
        sys.stdout.flush()

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Write packets; they leave at once, because whoever feeds us live waits for them."""
        for part in self.texts(packets, dissector):
            put(part)
        if packets:
            sys.stdout.buffer.flush()

    def texts(self, packets: list[Packet], dissector: Dissector) -> Iterator[bytes]:
        """What to write for packets, in parts, as standard output would have it."""
        if packets and self._clock.first_ns < 0:
            self._clock.first_ns = dissector.first_ns
        at = 0
        while at < len(packets):
            out: list[bytes] = []
            at = self._writer.fill(packets, at, out, self._pieces)
            text = b"".join(out)
            self._pieces = max(FEWEST_PIECES, min(MOST_PIECES, len(out) * TEXT_AT_ONCE // (len(text) + 1)))
            yield text if self._utf_8 else translated(text, sys.stdout)

    def follow(self, passing: Passing, dissector: Dissector) -> None:
        """Packets that another process writes have gone by."""
        if passing.frame:
            if self._clock.first_ns < 0:
                self._clock.first_ns = dissector.first_ns
            self._writer.follow(passing)
            self._clock.follow(passing)

    def end(self, dissector: Dissector) -> int:
        """Everything has been written."""
        return DONE


class Session:
    """`run(...)` returns the exit status.

    count: stop after so many packets. duration: after so many seconds. recorder: writes down the frames. holder: keeps
    packets back until it is known what answers them.
    """

    def __init__(
        self, dissector: Dissector, consumer: Consumer, count: int | None = None,
        duration: float | None = None, recorder: Recorder | None = None, holder: Holder | None = None,
    ) -> None:  # fmt: skip
        self._dissector = dissector
        self._consumer = consumer
        self._left = count
        self._duration = duration
        self._recorder = recorder
        self._holder = holder
        self._status = DONE
        self._usable = False
        self._flushed = False
        self._progress = Progress()

    def run(self, open_source: Callable[[Listener], Source]) -> int:
        """Dissect what the source has, as one capture."""
        gc.freeze()
        gc.set_threshold(YOUNG, SELDOM, SELDOM)
        self._consumer.start()
        arm(self._duration)
        captures = open_source(self)
        dissector = self._dissector
        dissector.notes.files = captures.names
        try:
            self._all(captures)
        except Enough:
            for _ in self._flush():
                pass
        finally:
            self._progress.stop()
        captures.close()
        if self._recorder is not None:
            self._recorder.close()
        if self._holder is not None and self._holder.waiting:
            self._consumer.take(self._holder.close(), dissector)
        if self._status == DONE or self._usable or dissector.frames:
            self._status = max(self._status, self._consumer.end(dissector))
        if self._usable or dissector.frames:
            self._end(captures.names[0] if len(captures.names) == 1 else "")
        sys.stdout.flush()
        return self._status

    def _all(self, captures: Source) -> None:
        """Read, dissect and write, until the end, or Ctrl-C, or enough."""
        try:
            for frames in captures.frames():
                if self._recorder is not None:
                    self._record(self._recorder, frames)
                self._dissect(frames)
                self._progress.show(captures)
                if STOP.wanted:
                    break
        except KeyboardInterrupt:
            pass
        except CaptureError as error:
            self.failed(captures.names[0], error)
        for packets in self._flush():
            self._hand_on(packets)

    def _flush(self) -> Iterable[list[Packet]]:
        """What only the end completes, once."""
        flushed, self._flushed = self._flushed, True
        return [] if flushed else self._dissector.last_batches()

    def _dissect(self, frames: list[Frame]) -> None:
        """Frames in the order of the source, none left out."""
        for packets in self._dissector.batches(frames):
            self._hand_on(packets)

    def _record(self, recorder: Recorder, frames: list[Frame]) -> None:
        """Write frames down; that this cannot go on is said once, and the dissection goes on."""
        try:
            recorder.write(frames)
        except CaptureError as error:
            self._recorder = None
            self._say(str(error))
            self._status = UNUSABLE

    def failed(self, name: str, error: CaptureError) -> None:
        """One line; the others are still read."""
        self._say(f"{name}: {error}")
        self._status = UNUSABLE

    def passed_over(self, name: str, count: int) -> None:
        """Files in a directory that are no captures."""
        self._say(f"{name}: {count} files that are no captures were passed over")

    def ended(self, file: CaptureFile) -> None:
        """What is left to say of one capture: damage, and what its machine dropped."""
        damage = file.damage
        for one in damage[:MOST_DAMAGE]:
            self._say(f"{file.name}: damaged at {one}")
        if len(damage) > MOST_DAMAGE:
            self._say(f"{file.name}: … and {len(damage) - MOST_DAMAGE} more damaged places")
        if damage and self._status == DONE:
            self._status = DAMAGED
        for interface in file.reader.interfaces:
            self._usable = True
            dropped = max(interface.dropped, interface.lost)
            if dropped:
                where = f" (interface {interface.name})" if interface.name else ""
                self._say(f"{file.name}: {dropped:,} packets were dropped while capturing{where}")

    def _say(self, line: str) -> None:
        """A line on standard error, behind what has been written so far."""
        self._progress.stop()
        sys.stdout.flush()
        complain(line)

    def _hand_on(self, packets: list[Packet]) -> None:
        """Packets for the consumer, as many as are wanted."""
        dissector, holder = self._dissector, self._holder
        if self._left is not None:
            packets = packets[: self._left]
            self._left -= len(packets)
        if holder is not None:
            packets = holder.take(packets, dissector.mqtt.cost, dissector.last_ns)
        if self._consumer.prints and packets:
            self._progress.make_way()
        self._consumer.take(packets, dissector)
        if self._left == 0 and (holder is None or not holder.waiting):
            raise Enough

    def _end(self, name: str) -> None:
        """What a user should know and, on a terminal, a line about what was seen."""
        for hint in hints(self._dissector):
            self._say(f"{name}: {hint}" if name else hint)
        if sys.stdout.isatty():
            click.echo(totals(self._dissector), err=True)


def arm(duration: float | None) -> None:
    """Let Ctrl-C, and the end of `duration` seconds, stop the run once what was read is dissected."""
    if threading.current_thread() is not threading.main_thread():
        return
    STOP.wanted = False
    signal.signal(signal.SIGINT, lambda *_: STOP.request())
    if duration is not None and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: STOP.request())
        signal.setitimer(signal.ITIMER_REAL, duration)


def hints(dissector: Dissector) -> list[str]:
    """What a user who sees less than expected should know."""
    unwrapper = dissector.unwrapper
    found = [
        f"{count} frames of link type {link_name(link_type)} cannot be read here{advice(link_type)}"
        for link_type, count in sorted(unwrapper.unknown_links.items())
    ]
    found += [
        f"{count} TCP streams on ports that brokers use are {what}, which is not dissected"
        for what, count in sorted(dissector.transport.others.items())
    ]
    if unwrapper.fragments_dropped:
        found.append(
            f"{unwrapper.fragments_dropped:,} IP fragments were passed over: their packets are not there whole"
            + early(unwrapper.held)
        )
    if unwrapper.wrong:
        found.append(f"{unwrapper.wrong} TCP segments with a wrong checksum were left out")
    if dissector.tcp.conflicts:
        found.append(
            f"{dissector.tcp.conflicts} TCP segments differ from another copy of the same bytes; --overlap says which "
            "copy counts"
        )
    if dissector.tcp.dropped:
        found.append(
            f"{dissector.tcp.dropped:,} open streams were given up, as there were more than --max-streams at a time"
        )
    if dissector.tcp.hurried:
        found.append(
            f"{dissector.tcp.hurried:,} gaps were given up early, as more than --max-waiting would have waited"
        )
    in_part = dissector.mqtt.room.given_up
    if in_part:
        found.append(f"{in_part:,} packets were kept in part, as more than --max-incomplete would have waited")
    if unwrapper.in_parts:
        found.append(f"{unwrapper.in_parts} frames hold parts of what PPP or 802.11 cut up, which is not put together")
    if unwrapper.encrypted:
        found.append(f"{unwrapper.encrypted} frames are encrypted below TCP (802.11, MACsec or IPsec)")
    if not dissector.mqtt.packets:
        found.append(
            f"no MQTT in {dissector.frames:,} frames and {dissector.tcp.streams:,} TCP streams; "
            "if it is on another port than 1883 and was joined in the middle, -d tcp.port==N,mqtt names the port"
        )
    return found


def early(held: Fragments) -> str:
    """How many fragments might have found the rest of their packet, had they waited for longer."""
    if not held.dropped_early:
        return ""
    return f", or {held.dropped_early:,} of them not within --max-fragments, --max-fragment-memory and -age"


def totals(dissector: Dissector) -> str:
    """123 frames, 2 streams (1 of MQTT), 40 packets, 0 malformed, no gaps"""
    mqtt, tcp = dissector.mqtt, dissector.tcp
    gaps = f"{tcp.gaps:,} gaps ({tcp.gap_bytes:,} bytes missing)" if tcp.gaps else "no gaps"
    return (
        f"{dissector.frames:,} frames, {tcp.streams:,} TCP streams ({dissector.transport.mqtt_streams:,} of MQTT), "
        f"{mqtt.packets:,} packets, {mqtt.malformed:,} malformed, {gaps}"
    )
