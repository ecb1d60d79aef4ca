"""`mqttdissect ladder CAPTURE...`: a sequence diagram of sessions, in the terminal or as a picture."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TextIO

import click

from mqttdissect.cli.errors import complain
from mqttdissect.cli.inputs import Inputs, with_inputs
from mqttdissect.cli.out import put, takes_utf_8, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from mqttdissect.cli.checked import Findings
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.ladder.model import Ladder
    from mqttdissect.output.ladder.picture import Picture
    from mqttdissect.output.ladder.selection import Selection
    from mqttdissect.output.ladder.step import Step
    from mqttdissect.output.ladder.terminal import TerminalLadder
    from mqttdissect.pipeline import Dissector

FORMATS = ("text", "svg", "mermaid", "plantuml")
SUFFIXES = {".txt": "text", ".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".puml": "plantuml"}
TIMES = ("r", "d", "e", "a", "ad", "u", "ud")
WIDTH = 120  # where there is no terminal to ask
BLOCK = 512 * 1024  # bytes read at once: what is known of connections, and of their columns, is in the cache by turns
PACKETS_AT_ONCE = 256  # in one write
MOST_ARROWS = 500  # in a picture
SECOND = 1_000_000_000


class Drawing:
    """Draws into the terminal, or a text file, while the capture is read."""

    def __init__(
        self, ladder: Ladder, view: TerminalLadder, clock: Clock, out: TextIO, count: int | None,
        findings: Findings,
    ) -> None:  # fmt: skip
        self.prints = out is sys.stdout
        self._ladder = ladder
        self._view = view
        self._clock = clock
        self._out = out
        self._utf_8 = takes_utf_8(out)
        self._left = count  # packets that are still wanted; None for all
        self._findings = findings

    def start(self) -> None:
        """Nothing yet."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Draw packets; the lines leave at once."""
        if self._clock.first_ns < 0:
            self._clock.first_ns = self._ladder.first_ns = dissector.first_ns
        ladder, draw = self._ladder, self._draw
        draw(ladder.begin(self._findings.take()))
        for at in range(0, len(packets), PACKETS_AT_ONCE):
            draw(ladder.add(packets[at : at + PACKETS_AT_ONCE]))
        self._left = after(self._left, packets)
        draw(ladder.settle(packets[-1].frame + 1 if self._left == 0 else dissector.held_from))
        self._out.flush()

    def _draw(self, steps: list[Step]) -> None:
        text = self._view.text(steps)
        if text:
            put(text if self._utf_8 else translated(text, self._out), self._out.buffer)

    def end(self, dissector: Dissector) -> int:
        """Say so if nothing was drawn."""
        if self._left != 0:
            self._draw(rest(self._ladder, self._findings))
        self._out.flush()
        say_if_empty(self._ladder, dissector)
        return 0


class Painting:
    """Collects what goes into a picture, and paints it at the end. path: of the file; empty for standard output."""

    prints = False

    def __init__(
        self, ladder: Ladder, picture: Picture, form: str, path: str, count: int | None, findings: Findings
    ) -> None:  # fmt: skip
        self._ladder = ladder
        self._picture = picture
        self._form = form
        self._path = path
        self._left = count
        self._findings = findings

    def start(self) -> None:
        """Nothing yet."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Keep what is drawn of them."""
        clock = self._picture.clock
        if clock.first_ns < 0:
            clock.first_ns = self._ladder.first_ns = dissector.first_ns
        ladder, keep = self._ladder, self._picture.take
        keep(ladder.begin(self._findings.take()))
        for at in range(0, len(packets), PACKETS_AT_ONCE):
            keep(ladder.add(packets[at : at + PACKETS_AT_ONCE]))
        self._left = after(self._left, packets)
        keep(ladder.settle(packets[-1].frame + 1 if self._left == 0 else dissector.held_from))

    def end(self, dissector: Dissector) -> int:
        """Paint it."""
        if self._left != 0:
            self._picture.take(rest(self._ladder, self._findings))
        text = painter(self._form)(self._picture)
        with opened(self._path) as out:
            out.write(text)
        say_if_empty(self._ladder, dissector)
        if self._picture.left_out:
            complain(self._picture.rest())
        return 0


def after(left: int | None, packets: list[Packet]) -> int | None:
    """How many packets are still wanted behind these."""
    return None if left is None else left - len(packets)


def rest(ladder: Ladder, findings: Findings) -> list[Step]:
    """What there is to draw behind the last packet: findings that its end has shown among them."""
    return ladder.begin(findings.take()) + ladder.settle() + ladder.close()


def painter(form: str) -> Callable[[Picture], str]:
    """What paints a kind of picture."""
    if form == "svg":
        from mqttdissect.output.ladder.svg import svg

        return svg
    if form == "mermaid":
        from mqttdissect.output.ladder.mermaid import mermaid

        return mermaid
    from mqttdissect.output.ladder.plantuml import plantuml

    return plantuml


def opened(path: str) -> AbstractContextManager[TextIO]:
    """A file to write, or standard output. Raises `ClickException` if it cannot be written."""
    if not path:
        return nullcontext(sys.stdout)
    try:
        return open(path, "w", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None


def say_if_empty(ladder: Ladder, dissector: Dissector) -> None:
    """One line if there is MQTT but nothing of it was selected."""
    if not ladder.drawn and dissector.mqtt.packets:
        complain(f"nothing to draw: none of the {dissector.mqtt.packets:,} packets fits the selection")


def selection(
    clients: tuple[str, ...], streams: tuple[int, ...], topics: tuple[str, ...], start: float | None, end: float | None
) -> Selection:
    """What the options select. Raises `UsageError` for what can select nothing."""
    from mqttdissect.mqtt.topics import is_valid
    from mqttdissect.output.ladder.selection import Selection

    for topic in topics:
        if not is_valid(topic):
            raise click.UsageError(f"--topic {topic} is no topic filter: # stands alone at the end, + alone in a level")
    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--from {start} is after --to {end}")
    start_ns = -1 if start is None else round(start * SECOND)
    end_ns = -1 if end is None else round(end * SECOND)
    return Selection(clients, streams, topics, start_ns, end_ns)


def form_of(path: str) -> str:
    """What the file of -o is to be, by the end of its name. Raises `UsageError` if that does not tell."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise click.UsageError(f"-o {path}: name it .svg, .mmd, .puml or .txt, or say with -T what it is to be")
    return SUFFIXES[suffix]


def refuse_inputs(path: str, inputs: Inputs) -> None:
    """Raises `UsageError` if the file to be written is one of those that are read."""
    if os.path.exists(path) and any(os.path.exists(one) and os.path.samefile(one, path) for one in inputs.paths):
        raise click.UsageError(f"-o {path} is the file that is read")


@click.command(
    short_help="Draw sessions as a sequence diagram.", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "-T", "--format", "form", type=click.Choice(FORMATS), help="What to draw (what the FILE of -o is named, or text)."
)
@click.option(
    "-o", "--output", "path", metavar="FILE", default="", type=click.Path(),
    help="Draw into FILE: .svg, .mmd (Mermaid), .puml (PlantUML) or .txt.",
)  # fmt: skip
@click.option(
    "--client", "clients", multiple=True, metavar="ID",
    help="Only this client, by identifier or address, as in sensor-*; again for more.",
)  # fmt: skip
@click.option(
    "--stream", "streams", multiple=True, type=click.IntRange(0), metavar="N",
    help="Only this TCP stream; again for more.",
)  # fmt: skip
@click.option(
    "--topic", "topics", multiple=True, metavar="FILTER",
    help="Only PUBLISHes that this topic filter matches, with their acknowledgements; again for more.",
)  # fmt: skip
@click.option("--from", "start", type=click.FloatRange(0), metavar="S", help="Only from S seconds on, as in -t r.")
@click.option("--to", "end", type=click.FloatRange(0), metavar="S", help="Only up to S seconds.")
@click.option(
    "--most", type=click.IntRange(1), default=MOST_ARROWS, metavar="N", help=f"Arrows in a picture ({MOST_ARROWS})."
)
@click.option("--no-findings", is_flag=True, help="Without what breaks the standard or good practice.")
@click.option("-t", "--time-format", "times", type=click.Choice(TIMES), default="r", help="As in mqttdissect -P (r).")
@click.option("--width", type=click.IntRange(60, 10_000), metavar="N", help="Columns (those of the terminal).")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N",
    help="With more than one process, a second one looks for findings (where it pays).",
)  # fmt: skip
@with_inputs
def ladder(
    inputs: Inputs, form: str | None, path: str, clients: tuple[str, ...], streams: tuple[int, ...],
    topics: tuple[str, ...], start: float | None, end: float | None, most: int, no_findings: bool, times: str,
    width: int | None, color: str, jobs: int | None,
) -> int:  # fmt: skip
    """Draw what clients and brokers said to one another, an arrow for each control packet.

    Clients are at the left, brokers at the right; what was delivered end to end has one colour and one number. Pauses,
    TCP segments sent again, bytes that are missing, and findings stand where they belong.

    \b
      mqttdissect ladder file.pcapng
      mqttdissect ladder --color always file.pcapng | less -R
      mqttdissect ladder --client 'sensor-*' --from 10 --to 20 file.pcapng
      mqttdissect ladder --topic 'home/+/light' file.pcapng
      mqttdissect ladder -o flow.svg file.pcapng
      mqttdissect ladder -T mermaid --client gateway file.pcapng

    Exit status: 0 done; 1 done, but the capture was damaged; 2 it could not be read.
    """
    inputs.source()
    if path:
        refuse_inputs(path, inputs)
    kind = form or (form_of(path) if path else "text")
    from mqttdissect.cli.checked import Findings
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.ladder.model import Ladder
    from mqttdissect.output.ladder.parties import Columns

    chosen = selection(clients, streams, topics, start, end)
    inputs.block = BLOCK
    dissector = inputs.dissector()
    dissector.mqtt.glances = True
    dissector.put_in_order()
    findings = Findings()
    wanted = None if no_findings else findings
    clock = Clock(times)
    if kind != "text":
        from mqttdissect.output.ladder.picture import MOST_BROKERS, MOST_CLIENTS, Picture

        model = Ladder(chosen, Columns(MOST_CLIENTS, False), MOST_BROKERS, no_findings)
        painting = Painting(model, Picture(most, clock), kind, path, inputs.count, findings)
        return inputs.run(dissector, painting, jobs or 0, findings=wanted)
    from mqttdissect.output.ladder.pieces import Shape
    from mqttdissect.output.ladder.terminal import TerminalLadder
    from mqttdissect.output.theme import reader_width, theme_for

    with opened(path) as out:
        shape = Shape(width or reader_width(out) or WIDTH)
        view = TerminalLadder(theme_for(out, color), clock, shape)
        model = Ladder(chosen, Columns(shape.lanes, True), shape.brokers, no_findings)
        drawing = Drawing(model, view, clock, out, inputs.count, findings)
        return inputs.run(dissector, drawing, jobs or 0, findings=wanted)
