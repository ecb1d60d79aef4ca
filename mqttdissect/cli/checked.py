"""A run that wants findings with its packets: this process makes them, or a second one beside it does.

Where there is a second one, both go through the same captures in the same blocks. It sends, for each list of packets
that the first one comes to, the findings that were made by then: a `SIZE`, and so many bytes of `marshal`. One more is
behind the end of the captures. So the first one has at any time what it would have found itself.

Some findings rest on what comes later. The packets of small captures wait for them, so that all findings are known when
the first packet is handed on.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.finding import Finding, of_values
from mqttdissect.capture.frame import CaptureError
from mqttdissect.cli.session import Consumer, Session
from mqttdissect.files import Captures, Listener, Source
from mqttdissect.mqtt.packet import Packet
from mqttdissect.parallel import WORTHWHILE, Child, HelperEnded, processes
from mqttdissect.pipeline import Dissector
from mqttdissect.source import STOP

if TYPE_CHECKING:
    from typing import BinaryIO

    from mqttdissect.cli.recorder import Recorder

SIZE = struct.Struct("=Q")  # of what follows, in bytes
HELD = 16384  # packets of a small capture that wait, at most
HELD_BYTES = 4 * 1024 * 1024  # of them


class Findings:
    """`take` those that were made since this was last asked."""

    def __init__(self) -> None:
        self._made: list[Finding] = []

    def add(self, findings: list[Finding]) -> None:
        """More of them."""
        self._made += findings

    def take(self) -> list[Finding]:
        """By frames, more or less."""
        made, self._made = self._made, []
        return made


class CheckedSession(Session):
    """The same as a `Session`. findings: where to put them, before the packets are handed on. jobs: processes that may
    share the work; 0 for as many as make sense."""

    def __init__(
        self, dissector: Dissector, consumer: Consumer, findings: Findings, jobs: int,
        count: int | None = None, duration: float | None = None, recorder: Recorder | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dissector, consumer, count, duration, recorder)
        self._findings = findings
        self._jobs = jobs
        self._room = -1  # bytes of packets that may still wait; -1 if none do
        self._held: list[Packet] = []
        self._lines: list[str] = []  # that are to be said behind what the held packets bring
        self._child: Child | None = None
        self._helps = False

    def run(self, open_source: Callable[[Listener], Source]) -> int:
        """Dissect what the source has, as one capture."""
        try:
            return super().run(open_source)
        except HelperEnded as error:
            raise click.ClickException(str(error)) from None
        finally:
            self._alone()

    def _all(self, captures: Source) -> None:
        if 0 <= captures.total < WORTHWHILE:
            self._room = HELD_BYTES
        whole = self._left is None and self._duration is None
        if whole and isinstance(captures, Captures) and processes(self._jobs, captures.total) > 1:
            captures.bound()
            self._child = Child(lambda pipe: self._help(captures, pipe), [])
        else:
            self._dissector.analysis = Analysis()
        super()._all(captures)
        self._gather()
        self._let_go()

    def _flush(self) -> Iterable[list[Packet]]:
        if STOP.wanted:
            self._alone()  # what it finds further on is not about what has been read here
        return super()._flush()

    def _hand_on(self, packets: list[Packet]) -> None:
        self._gather()
        if self._room < 0:
            super()._hand_on(packets)
            return
        self._held += packets
        self._room -= sum([len(packet.data) for packet in packets])
        if self._room < 0 or len(self._held) >= (HELD if self._left is None else min(HELD, self._left)):
            self._let_go()

    def _let_go(self) -> None:
        """Hand on what is held."""
        self._room = -1
        packets, self._held = self._held, []
        super()._hand_on(packets)

    def _say(self, line: str) -> None:
        if self._held:
            self._lines.append(line)
        elif not self._helps:
            super()._say(line)

    def _end(self, name: str) -> None:
        for line in self._lines:
            super()._say(line)
        super()._end(name)

    def _gather(self) -> None:
        """The findings up to here."""
        if self._child is not None:
            (size,) = self._child.unpacked(SIZE)
            if size:
                self._findings.add([of_values(one) for one in marshal.loads(self._child.exactly(size))])
        elif self._dissector.analysis is not None:
            self._findings.add(made(self._dissector.analysis))

    def _alone(self) -> None:
        """Without the second process."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _help(self, captures: Captures, descriptor: int) -> None:
        """What the second process does."""
        self._helps = True
        dissector = self._dissector
        dissector.analysis = analysis = Analysis()
        with open(descriptor, "wb") as pipe:
            try:
                for frames in captures.frames():
                    for _ in dissector.batches(frames):
                        send(made(analysis), pipe)
            except CaptureError:
                pass  # the other one says so
            for _ in dissector.last_batches():
                send(made(analysis), pipe)
            send(made(analysis), pipe)


def made(analysis: Analysis) -> list[Finding]:
    """The findings since this was last asked. Connections that have ended are let go of."""
    analysis.take_links()
    return analysis.take()


def send(findings: list[Finding], pipe: BinaryIO) -> None:
    """To the other process, at once."""
    data = marshal.dumps([one.values() for one in findings]) if findings else b""
    pipe.write(SIZE.pack(len(data)) + data)
    pipe.flush()
