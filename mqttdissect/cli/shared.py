"""A run whose packets several processes decode and print: `parallel` says how they share the work."""

from __future__ import annotations

import sys
from collections import deque

import click

from mqttdissect.capture.frame import Frame
from mqttdissect.cli.out import put
from mqttdissect.cli.recorder import Recorder
from mqttdissect.cli.session import Printer, Session
from mqttdissect.files import Captures, Source
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.output.links import Holder, is_open
from mqttdissect.parallel import Helper, HelperEnded, Leader, Sink, processes
from mqttdissect.pipeline import Dissector


class Block:
    """Packets of one block of frames, or some of them, and what takes their text once it is known what answers them.
    last: does the block end with them?"""

    def __init__(self, packets: list[Packet], sink: Sink, last: bool = True) -> None:
        self.packets = packets
        self.sink = sink
        self.last = last
        self._at = 0  # all before it are settled

    def is_open(self, cost: int) -> bool:
        """May a packet still get an answer that it can name? cost: of all packets so far."""
        while self._at < len(self.packets) and not is_open(self.packets[self._at], cost):
            self._at += 1
        return self._at < len(self.packets)


class SharedSession(Session):
    """The same as a `Session` that prints. jobs: processes; 0 for as many as make sense."""

    def __init__(
        self, dissector: Dissector, printer: Printer, jobs: int,
        duration: float | None = None, recorder: Recorder | None = None, holder: Holder | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dissector, printer, None, duration, recorder, holder)
        self._printer = printer
        self._jobs = jobs
        self._leader: Leader | None = None
        self._helps = False
        self._queue: deque[Block | Passing] = deque()  # in order: blocks to write, and what goes by between them

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
                self._advance(True)
                leader.settle(True)
            finally:
                leader.close()
        except HelperEnded as error:
            raise click.ClickException(str(error)) from None
        self._leader = None
        self._dissector.mqtt.packets += leader.packets
        self._dissector.mqtt.malformed += leader.malformed

    def _dissect(self, frames: list[Frame]) -> None:
        leader = self._leader
        if leader is None or leader.turns.mine():
            super()._dissect(frames)
        else:
            self._follow(frames)
            leader.expect(int(frames[0].number))
            leader.settle()

    def _hand_on(self, packets: list[Packet]) -> None:
        leader = self._leader
        if leader is None:
            super()._hand_on(packets)
            return
        self._queue.append(Block(packets, leader.reserve()))
        self._advance()
        leader.settle()

    def _say(self, line: str) -> None:
        if self._helps:
            return
        if self._leader is not None:
            self._leader.settle(True)
        super()._say(line)

    def _put(self, text: bytes | memoryview) -> None:
        self._progress.make_way()
        put(text)
        sys.stdout.buffer.flush()

    def _follow(self, frames: list[Frame]) -> None:
        self._dissector.follow_frames(frames)
        self._queue.append(self._dissector.mqtt.passing.copy())
        self._advance()

    def _advance(self, ended: bool = False) -> None:
        """Write the blocks whose packets wait for nothing. ended: nothing follows any more."""
        queue, dissector, printer = self._queue, self._dissector, self._printer
        while queue:
            head = queue[0]
            if isinstance(head, Passing):
                printer.follow(head, dissector)
            elif self._holder is not None and not ended and head.is_open(int(dissector.mqtt.cost)):
                return
            else:
                for part in printer.texts(head.packets, dissector):
                    head.sink.write(part)
                if head.last:
                    head.sink.end()
            queue.popleft()

    def _help(self, captures: Captures, helper: Helper) -> None:
        """What a helper does."""
        self._helps = True
        self._leader = None
        dissector, mqtt = self._dissector, self._dissector.mqtt
        for frames in captures.frames():
            if helper.turns.mine():
                before = int(mqtt.packets), int(mqtt.malformed)
                sink = helper.send(int(frames[0].number))
                for packets in dissector.batches(frames):
                    self._queue.append(Block(packets, sink, False))
                    self._advance()
                sink.packets, sink.malformed = int(mqtt.packets) - before[0], int(mqtt.malformed) - before[1]
                self._queue.append(Block([], sink))
                self._advance()
            else:
                self._follow(frames)
        for _ in dissector.last_batches():  # may have answers, for the leader to print
            pass
        self._advance(True)
