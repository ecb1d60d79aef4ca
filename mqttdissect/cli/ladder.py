"""`mqttdissect ladder CAPTURE...`: a sequence diagram of sessions, in the terminal or as a picture."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

import click

from mqttdissect.cli.errors import complain
from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.ladder.model import Ladder
    from mqttdissect.output.ladder.selection import Selection
    from mqttdissect.output.ladder.terminal import TerminalLadder
    from mqttdissect.pipeline import Dissector

FORMATS = ("text",)
TIMES = ("r", "d", "e", "a", "ad", "u", "ud")
WIDTH = 120  # where there is no terminal to ask
PACKETS_AT_ONCE = 256  # in one write
SECOND = 1_000_000_000


class Drawing:
    """Draws into the terminal while the capture is read."""

    prints = True

    def __init__(self, ladder: Ladder, view: TerminalLadder, clock: Clock, out: IO[str]) -> None:
        self._ladder = ladder
        self._view = view
        self._clock = clock
        self._out = out

    def start(self) -> None:
        """Nothing yet."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Draw packets; the lines leave at once."""
        if self._clock.first_ns < 0:
            self._clock.first_ns = self._ladder.first_ns = dissector.first_ns
        ladder, text, write = self._ladder, self._view.text, self._out.write
        analysis = dissector.analysis
        write(text(ladder.begin(analysis.take() if analysis is not None else [])))
        for at in range(0, len(packets), PACKETS_AT_ONCE):
            write(text(ladder.add(packets[at : at + PACKETS_AT_ONCE])))
        write(text(ladder.settle()))
        self._out.flush()

    def end(self, dissector: Dissector) -> int:
        """Say so if nothing was drawn."""
        self._out.write(self._view.text(self._ladder.close()))
        self._out.flush()
        say_if_empty(self._ladder, dissector)
        return 0


def say_if_empty(ladder: Ladder, dissector: Dissector) -> None:
    """One line if there is MQTT but nothing of it was selected."""
    if not ladder.drawn and dissector.mqtt.packets:
        complain(f"nothing to draw: none of the {dissector.mqtt.packets:,} packets fits the selection")


def selection(
    clients: tuple[str, ...], streams: tuple[int, ...], topics: tuple[str, ...], start: float | None, end: float | None
) -> Selection:
    """What the options select. Raises `UsageError` for what can select nothing."""
    from mqttdissect.analysis.matching import is_valid
    from mqttdissect.output.ladder.selection import Selection

    for topic in topics:
        if not is_valid(topic):
            raise click.UsageError(f"--topic {topic} is no topic filter: # stands alone at the end, + alone in a level")
    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--from {start} is after --to {end}")
    return Selection(
        clients,
        streams,
        topics,
        -1 if start is None else round(start * SECOND),
        -1 if end is None else round(end * SECOND),
    )


def width_of(stream: IO[str]) -> int:
    """Columns: as COLUMNS says, or those of the terminal of the output, or of the errors (as before `| less`)."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    for one in (stream, sys.stderr, sys.stdin):
        try:
            return os.get_terminal_size(one.fileno()).columns or WIDTH
        except (OSError, ValueError):
            continue
    return WIDTH


@click.command(
    short_help="Draw sessions as a sequence diagram.", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), default="text", help="What to draw (text).")
@click.option(
    "--client", "clients", multiple=True, metavar="ID", help="Only this client, as in sensor-*; again for more."
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    type=click.IntRange(0),
    metavar="N",
    help="Only this TCP stream; again for more.",
)
@click.option(
    "--topic", "topics", multiple=True, metavar="FILTER",
    help="Only PUBLISHes that this topic filter matches, with their acknowledgements; again for more.",
)  # fmt: skip
@click.option("--from", "start", type=click.FloatRange(0), metavar="S", help="Only from S seconds on, as in -t r.")
@click.option("--to", "end", type=click.FloatRange(0), metavar="S", help="Only up to S seconds.")
@click.option("-t", "--time-format", "times", type=click.Choice(TIMES), default="r", help="As in mqttdissect -P (r).")
@click.option("--no-findings", is_flag=True, help="Without what breaks the standard or good practice.")
@click.option("--width", type=click.IntRange(60, 10_000), metavar="N", help="Columns (those of the terminal).")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@with_inputs
def ladder(
    inputs: Inputs, form: str, clients: tuple[str, ...], streams: tuple[int, ...], topics: tuple[str, ...],
    start: float | None, end: float | None, times: str, no_findings: bool, width: int | None,
    color: str,
) -> int:  # fmt: skip
    """Draw what clients and brokers said to one another, an arrow for each control packet.

    Clients are at the left, brokers at the right; what was delivered end to end has one colour and one number. Pauses,
    TCP segments sent again, bytes that are missing, and findings stand where they belong.

    \b
      mqttdissect ladder file.pcapng
      mqttdissect ladder --color always file.pcapng | less -R
      mqttdissect ladder --client 'sensor-*' --from 10 --to 20 file.pcapng
      mqttdissect ladder --topic 'home/+/light' file.pcapng

    Exit status: 0 done; 1 done, but the capture was damaged; 2 it could not be read.
    """
    inputs.source()
    from mqttdissect.analysis.analysis import Analysis
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.ladder.model import Ladder
    from mqttdissect.output.ladder.parties import Columns
    from mqttdissect.output.ladder.terminal import Shape, TerminalLadder
    from mqttdissect.output.theme import theme_for

    chosen = selection(clients, streams, topics, start, end)
    dissector = inputs.dissector()
    if not no_findings:
        dissector.analysis = Analysis()
    clock = Clock(times)
    shape = Shape(width or width_of(sys.stdout))
    view = TerminalLadder(theme_for(sys.stdout, color), clock, shape)
    model = Ladder(chosen, Columns(shape.lanes, True), shape.brokers, no_findings)
    return inputs.run(dissector, Drawing(model, view, clock, sys.stdout))
