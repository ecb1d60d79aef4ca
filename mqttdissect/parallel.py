"""Several processes go through the same capture, and each writes the packets of its own blocks of frames.

Theory of operation
-------------------
What a packet looks like depends on all that came before it: which streams there are, what waits behind holes, which
version a CONNECT named, how wide columns have become. So each process reads every frame and puts every stream in order;
but of the packets in the blocks of others it only finds the ends (`Dissector.follow_frames`), which takes a fraction of
the time that decoding and writing them would. A block is a list of frames as the source hands it out, and they are
dealt out in turn. No process tells the others anything, and all of them come to the same state.

The leader, which is the process that the user started, is one of them. Its helpers send their text through pipes: of
each block a `HEAD`, then parts, a `SIZE` before each, and one of 0 and `COUNTS` behind the last. The leader puts all of
it in order, and it alone touches standard output and standard error. Parts are as small as they are made, so that they
are in a core's cache all the way.
A pipe bounds how far a helper can get ahead, `MOST_HELD` how much the leader keeps while it waits for one.

A helper ends with its part of the capture, when the leader has gone (its pipe breaks), or when the leader ends it.
`Child` is what is below that: a process and the pipe from it, also for those that share the work in another way.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

WORTHWHILE = 2 * 1024 * 1024  # bytes of captures; fewer are dissected before a second process has started
MOST_BY_DEFAULT = 8  # processes; more gain little, since each reads everything
MOST_HELD = 4 * 1024 * 1024  # bytes of text that the leader keeps while an earlier block is not there
PIPE = 1024 * 1024  # bytes in a helper's pipe, if the system grants that
READ = 128 * 1024  # bytes at once
HEAD = struct.Struct("=Q")  # of a block: number of its first frame
COUNTS = struct.Struct("=QQ")  # of a block: packets, malformed ones
SIZE = struct.Struct("=Q")  # of a part, in bytes


class HelperEnded(Exception):
    """A helper has ended before its time. Its text is one line for the user."""


def processes(wanted: int, total: int) -> int:
    """How many processes to use. wanted: what the user said, 0 for nothing. total: bytes of the captures, -1 if nobody
    can know, as of pipes, which cannot be read twice."""
    if total < 0 or not hasattr(os, "fork") or threading.current_thread() is not threading.main_thread():
        return 1
    if threading.active_count() > 1:
        return 1  # whatever another thread holds at the moment would be held for ever in the copy
    if wanted:
        return wanted
    return min(cores(), MOST_BY_DEFAULT) if total >= WORTHWHILE else 1


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Child:
    """A process of its own that does `work`, with the pipe that it writes to, which this one reads from. others: those
    that were started before. Raises `HelperEnded` if it cannot be started, or ends before what is to be read is there.
    """

    def __init__(self, work: Callable[[int], None], others: list[Child]) -> None:
        try:
            self._descriptor, writing = os.pipe()
            self._process = start(lambda: self._work(work, writing, others))
        except OSError as error:
            raise HelperEnded(f"cannot start another process: {error.strerror}; --jobs 1 does without") from None
        os.close(writing)
        widen(self._descriptor)

    def _work(self, work: Callable[[int], None], writing: int, others: list[Child]) -> None:
        for other in others:
            os.close(other._descriptor)
        os.close(self._descriptor)
        detach()
        work(writing)

    def ready(self) -> bool:
        """Is something to be read?"""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def unpacked(self, form: struct.Struct) -> tuple[int, ...]:
        """The next numbers."""
        return form.unpack(self.exactly(form.size))

    def exactly(self, size: int) -> bytearray:
        """The next `size` bytes."""
        data = bytearray(size)
        view = memoryview(data)
        while view:
            view = view[self.read(view) :]
        return data

    def read(self, into: memoryview) -> int:
        """How many bytes were read, at least one."""
        size = os.readv(self._descriptor, [into])
        if size:
            return size
        status = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        self._process = 0
        how = f"was ended by signal {-status}" if status < 0 else "ended too early"
        raise HelperEnded(f"a process that helped {how}; --jobs 1 does without")

    def close(self) -> None:
        """End it, wherever it is, and leave nothing behind."""
        os.close(self._descriptor)
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)


def start(work: Callable[[], None]) -> int:
    """A process that does `work` and ends; it leaves Ctrl-C to this one."""
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = os.fork()
        if process:
            return process
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    finally:
        signal.signal(signal.SIGINT, interrupt)


class Sink(Protocol):
    """Takes the text of one block."""

    def write(self, part: bytes) -> None:
        """The next part of it."""

    def end(self) -> None:
        """That was all."""


class Place:
    """Where a block of the leader's own belongs."""

    def __init__(self, leader: Leader) -> None:
        self.parts: list[bytes] = []
        self.ended = False
        self._leader = leader

    def write(self, part: bytes) -> None:
        """The next part, which leaves at once if it can."""
        self._leader.pass_on(self, part)

    def end(self) -> None:
        """That was all."""
        self.ended = True


class Sending:
    """A block of a helper, on its way to the leader. number: of its first frame. packets, malformed: those in it, known
    when it ends."""

    def __init__(self, descriptor: int, number: int) -> None:
        self.packets = 0
        self.malformed = 0
        self._descriptor = descriptor
        self._head = HEAD.pack(number)

    def write(self, part: bytes) -> None:
        """The next part."""
        if part:
            self._write(self._head + SIZE.pack(len(part)), part)
            self._head = b""

    def end(self) -> None:
        """That was all."""
        self._write(self._head + SIZE.pack(0) + COUNTS.pack(self.packets, self.malformed))

    def _write(self, head: bytes, part: bytes = b"") -> None:
        done = os.writev(self._descriptor, [head, part])
        if done == len(head) + len(part):  # nearly always
            return
        view = memoryview(head + part)[done:]
        while view:
            view = view[os.write(self._descriptor, view) :]


class Turns:
    """Whose block is next: `mine()` once for each block."""

    def __init__(self, index: int, size: int) -> None:
        self._index = index
        self._size = size
        self.owner = -1

    def mine(self) -> bool:
        """Is the next block for this process?"""
        self.owner = (self.owner + 1) % self._size
        return self.owner == self._index


class Helper:
    """A process as it sees itself: `send` each of its own blocks."""

    def __init__(self, turns: Turns, descriptor: int) -> None:
        self.turns = turns
        self._descriptor = descriptor

    def send(self, number: int) -> Sending:
        """What takes the text of the block of which `number` is the first frame's."""
        return Sending(self._descriptor, number)


class Leader:
    """The process that the user started. `reserve` the place of what it has itself, `expect` the blocks of helpers:
    `put` is handed all of it, in that order, when `settle` finds that it is there. packets, malformed: those of
    helpers, so far.

    Raises `HelperEnded`, and what `put` raises.
    """

    def __init__(self, size: int, work: Callable[[Helper], None], put: Callable[[bytes | memoryview], object]) -> None:
        self.turns = Turns(0, size)
        self.packets = 0
        self.malformed = 0
        self._put = put
        self._queue: deque[Place | tuple[int, int]] = deque()  # a helper and its block's first frame
        self._held = 0
        self._children: list[Child] = []
        self._buffer = memoryview(bytearray(READ))
        try:
            for index in range(1, size):
                turns = Turns(index, size)
                self._children.append(Child(partial(helped, work, turns), self._children))
        except HelperEnded:
            self.close()
            raise

    def reserve(self) -> Place:
        """Here belongs the block that is this process's own."""
        place = Place(self)
        self._queue.append(place)
        return place

    def pass_on(self, place: Place, part: bytes) -> None:
        """The next part of what belongs there."""
        if self._queue[0] is place and not place.parts:
            self._put(part)
        else:
            place.parts.append(part)
            self._held += len(part)

    def expect(self, number: int) -> None:
        """Here belongs the block of another process, of which `number` is the first frame's."""
        self._queue.append((self.turns.owner - 1, number))

    def settle(self, wait: bool = False) -> None:
        """Hand on what can be. wait: for helpers, whatever time it takes."""
        queue = self._queue
        while queue:
            head = queue[0]
            if isinstance(head, Place):
                for part in head.parts:
                    self._held -= len(part)
                    self._put(part)
                head.parts = []
                if not head.ended:
                    return
            elif wait or self._held > MOST_HELD or self._children[head[0]].ready():
                self._receive(*head)
            else:
                return
            queue.popleft()

    def close(self) -> None:
        """End the helpers that are still there, and leave none behind."""
        for child in self._children:
            child.close()
        self._children = []

    def _receive(self, helper: int, number: int) -> None:
        """The next block of a helper, piece by piece."""
        child = self._children[helper]
        (found,) = child.unpacked(HEAD)
        if found != number:
            raise HelperEnded("the captures have changed while they were read")
        while True:
            (left,) = child.unpacked(SIZE)
            if not left:
                break
            while left:
                size = child.read(self._buffer[:left])
                left -= size
                self._put(self._buffer[:size])
        packets, malformed = child.unpacked(COUNTS)
        self.packets += packets
        self.malformed += malformed


def helped(work: Callable[[Helper], None], turns: Turns, descriptor: int) -> None:
    """What the process of a helper does."""
    work(Helper(turns, descriptor))


def detach() -> None:
    """A helper has no use for what the leader reads and writes."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def widen(descriptor: int) -> None:
    """Let a pipe hold more than usual, where that is possible: its writer waits less often."""
    try:
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)
    except (ImportError, AttributeError, OSError):
        pass
