"""What all pictures share: the first steps of a ladder, so many, with the names of its columns.

A picture is drawn once everything is known, but holds no more than `most` arrows; those behind are counted. Its clients
have a column each, up to `MOST_CLIENTS`, in order of appearance; a client that comes back has its column again.
"""

from __future__ import annotations

from typing import Final

from mqttdissect.output.clock import Clock
from mqttdissect.output.ladder.scale import rows, spoken
from mqttdissect.output.ladder.step import ARROW, BROKER, JOIN, RENAME, SYMBOLS, Step
from mqttdissect.output.text import shortened

MOST_CLIENTS: Final = 25
MOST_BROKERS: Final = 5
LONGEST_NOTE: Final = 400  # characters
COLOURS: Final = 6  # that deliveries have in turn
NOTHING: Final = "There is nothing to draw: no MQTT packet was found that fits the selection."


class Picture:
    """`take(steps)` as they come; then `steps` is what to draw. most: arrows. left_out: arrows that are not drawn.

    clients, brokers: names of the columns. arrows: that are drawn.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self.most = most
        self.clock = clock
        self.steps: list[Step] = []
        self.clients: list[str] = []
        self.brokers: list[str] = []
        self.arrows = 0
        self.left_out = 0
        self._last_ns = -1

    def take(self, steps: list[Step]) -> None:
        """The next steps."""
        for step in steps:
            if step.kind == ARROW:
                if self.arrows == self.most:
                    self.left_out += 1
                    continue
                self.arrows += 1
            elif self.left_out or (self.arrows == self.most and step.kind in (JOIN, BROKER)):
                continue
            step.stamp = self.clock.text(step.time_ns) if step.frame else ""
            self.steps.append(step)
            self._name(step)

    def _name(self, step: Step) -> None:
        if step.kind == BROKER:
            self.brokers.append(step.text)
        elif step.kind in (JOIN, RENAME):
            self.clients += [""] * (step.lane + 1 - len(self.clients))
            self.clients[step.lane] = step.text

    def pause(self, step: Step) -> tuple[int, str]:
        """Rows and words for the time since the step before; 0 and nothing if that is not worth it. Once a step."""
        if step.time_ns == -1 or step.late:
            return 0, ""
        since = step.time_ns - self._last_ns if self._last_ns != -1 else 0
        self._last_ns = step.time_ns
        return int(rows(since)), spoken(since)

    def rest(self) -> str:
        """What is left out, in words; empty for nothing."""
        if not self.left_out:
            return ""
        packets = "1 more packet is" if self.left_out == 1 else f"{self.left_out:,} more packets are"
        return f"{packets} not in this picture: --most {self.arrows + self.left_out} draws all"


def words(step: Step) -> str:
    """An arrow's type, tag and details; a note with its symbol."""
    if step.kind == ARROW:
        tag = f" ⟨{step.tag}⟩" if step.tag else ""
        return f"{step.text}{tag}  {step.about}" if step.about else f"{step.text}{tag}"
    return f"{SYMBOLS[step.level]} {shortened(step.text, LONGEST_NOTE)}"
