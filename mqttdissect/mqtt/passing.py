"""What is kept of packets that are only followed: another process prints them, but lines printed here later depend on
them all the same (widths of columns, the time since the packet before).

`Framer` finds where each packet ends and lets `Connection` decode those that change how later ones are decoded; of the
others no field is read. They are tied to their answers all the same (`answers`), from their bytes.
"""

from typing import final

from mypy_extensions import i64


@final
class Passing:
    """active: are packets being followed at the moment? count: those not even made so far. links: are they tied to what
    they answer? cost: for that, what all packets before the chunk at hand would take in memory, in bytes.

    The rest is what has been seen since `begin`. frame: the greatest of those that completed packets, 0 for none.
    earliest_ns, latest_ns: least and greatest time; least_step, greatest_step: the same of the time since the packet
    before. flows: of the streams that had packets, each named when its first one is followed.
    """

    def __init__(self) -> None:
        self.active = False
        self.links = False
        self.cost: i64 = 0
        self.count: i64 = 0
        self.last_ns: i64 = -1  # time of the last packet, followed or not; -1 before the first
        self.begin()

    def begin(self) -> None:
        """Forget what has been seen, but for the time of the last packet."""
        self.frame: i64 = 0
        self.earliest_ns: i64 = 0
        self.latest_ns: i64 = 0
        self.least_step: i64 = 0
        self.greatest_step: i64 = 0
        self.flows: list[bytes] = []

    def copy(self) -> "Passing":
        """What has been seen, to keep."""
        other = Passing()
        other.last_ns = self.last_ns
        other.frame = self.frame
        other.earliest_ns = self.earliest_ns
        other.latest_ns = self.latest_ns
        other.least_step = self.least_step
        other.greatest_step = self.greatest_step
        other.flows = self.flows
        return other

    def add(self, frame: i64, time_ns: i64) -> None:
        """Packets were completed by this frame, at this time."""
        if self.frame == 0:
            self.earliest_ns = time_ns
            self.latest_ns = time_ns
        elif time_ns < self.earliest_ns:
            self.earliest_ns = time_ns
        elif time_ns > self.latest_ns:
            self.latest_ns = time_ns
        step: i64 = 0
        if self.last_ns >= 0:
            step = time_ns - self.last_ns
        if step < self.least_step:
            self.least_step = step
        elif step > self.greatest_step:
            self.greatest_step = step
        if frame > self.frame:
            self.frame = frame
        self.last_ns = time_ns
