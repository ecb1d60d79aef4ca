"""A run whose packets several processes decode and print: `parallel` says how they share the work."""

from __future__ import annotations

import sys

import click

from mqttdissect.capture.frame import Frame
from mqttdissect.cli.recorder import Recorder
from mqttdissect.cli.session import Printer, Session
from mqttdissect.files import Captures, Source
from mqttdissect.mqtt.packet import Packet
from mqttdissect.parallel import Helper, HelperEnded, Leader, processes
from mqttdissect.pipeline import Dissector


class SharedSession(Session):
    """The same as a `Session` that prints. jobs: processes; 0 for as many as make sense."""

    def __init__(
        self, dissector: Dissector, printer: Printer, jobs: int,
        duration: float | None = None, recorder: Recorder | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dissector, printer, None, duration, recorder)
        self._printer = printer
        self._jobs = jobs
        self._leader: Leader | None = None
        self._helps = False

    def _all(self, captures: Source) -> None:
        size = processes(self._jobs, captures.total)
        if size == 1 or not isinstance(captures, Captures):
            super()._all(captures)
            return
        captures.bound()
        sys.stdout.flush()
        try:
            self._leader = leader = Leader(size, lambda helper: self._help(captures, helper), self._put)
            try:
                super()._all(captures)
                leader.settle(True)
            finally:
                leader.close()
        except HelperEnded as error:
            raise click.ClickException(str(error)) from None
        self._leader = None
        self._dissector.mqtt.packets += leader.packets
        self._dissector.mqtt.malformed += leader.malformed

    def _dissect(self, frames: list[Frame]) -> None:
        leader, dissector = self._leader, self._dissector
        if leader is None:
            super()._dissect(frames)
        elif leader.turns.mine():
            self._hand_on(dissector.feed_frames(frames))
        else:
            self._follow(frames)
            leader.expect(int(frames[0].number))
            leader.settle()

    def _hand_on(self, packets: list[Packet]) -> None:
        leader = self._leader
        if leader is None:
            super()._hand_on(packets)
            return
        for text in self._printer.texts(packets, self._dissector):
            leader.write(encoded(text))
        leader.settle()

    def _say(self, line: str) -> None:
        if self._helps:
            return
        if self._leader is not None:
            self._leader.settle(True)
        super()._say(line)

    def _put(self, text: bytes) -> None:
        self._progress.make_way()
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()

    def _follow(self, frames: list[Frame]) -> None:
        self._dissector.follow_frames(frames)
        self._printer.follow(self._dissector)

    def _help(self, captures: Captures, helper: Helper) -> None:
        """What a helper does."""
        self._helps = True
        self._leader = None
        dissector, mqtt = self._dissector, self._dissector.mqtt
        for frames in captures.frames():
            if helper.turns.mine():
                packets, malformed = int(mqtt.packets), int(mqtt.malformed)
                text = encoded("".join(self._printer.texts(dissector.feed_frames(frames), dissector)))
                helper.send(int(frames[0].number), int(mqtt.packets) - packets, int(mqtt.malformed) - malformed, text)
            else:
                self._follow(frames)


def encoded(text: str) -> bytes:
    """As standard output would have it."""
    return text.encode(sys.stdout.encoding, sys.stdout.errors or "strict")
