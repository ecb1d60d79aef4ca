"""`mqttdissect stats`: what captures add up to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from mqttdissect.analysis.statistics import Statistics
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.theme import Theme
    from mqttdissect.pipeline import Dissector

    Names = click.ParamType[tuple[str, ...]]
else:
    Names = click.ParamType  # which older versions of click do not subscript

TABLES = ("capture", "types", "rates", "topics", "clients", "qos", "connections", "sizes", "times", "talkers")
FORMATS = ("text", "json", "csv")
PICTURES = ("svg", "png")
TOP = {"overview": 10, "text": 20}  # rows, unless the user says otherwise


class TableNames(Names):
    """types,topics"""

    name = "table[,table]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:  # fmt: skip
        """Their names."""
        names = tuple(str(value).replace(" ", "").split(",")) if not isinstance(value, tuple) else value
        for name in names:
            if name not in TABLES:
                self.fail(f"{name!r} is none of {', '.join(TABLES)}", param, ctx)
        return names


class Counter:
    """Takes a run's packets, and writes what they add up to at its end: a `session.Consumer`."""

    prints = False

    def __init__(
        self, statistics: Statistics, names: tuple[str, ...], form: str, output: str, top: int | None, theme: Theme
    ) -> None:
        self.statistics = statistics
        self.names = names
        self.form = form
        self.output = output
        self.top = top
        self.theme = theme

    def start(self) -> None:
        """Nothing is written yet."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Count them."""
        if dissector.first_ns >= 0:
            self.statistics.start(dissector.first_ns)
        self.statistics.take(packets)

    def end(self, dissector: Dissector) -> int:
        """Write it all."""
        from mqttdissect.cli.errors import DONE, UNUSABLE, complain

        self.statistics.end()
        if self.form in PICTURES:
            return self._picture()
        text = self._text(dissector)
        if self.output:
            try:
                with open(self.output, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            except OSError as error:
                complain(f"cannot write {self.output}: {error.strerror}")
                return UNUSABLE
        else:
            sys.stdout.write(text)
        return DONE

    def _text(self, dissector: Dissector) -> str:
        from mqttdissect.output import statistics as view

        if self.form == "json":
            from mqttdissect.output.report import to_json

            return to_json(self.statistics, dissector, self.names or view.NAMES, self.top)
        if self.form == "csv":
            from mqttdissect.output.tables import to_csv

            table = view.table(self.names[0], self.statistics, dissector)
            return to_csv(table.first(self.top) if self.top else table)
        if not self.statistics.packets:
            return ""
        from mqttdissect.output.page import Page
        from mqttdissect.output.theme import page_width

        rows = self.top or TOP["text" if self.names else "overview"]
        return Page(
            self.statistics, dissector, self.names, rows, 0 if self.output else page_width(sys.stdout), self.theme
        ).text()

    def _picture(self) -> int:
        from mqttdissect.cli.errors import DONE, UNUSABLE, complain
        from mqttdissect.output.pictures import draw

        try:
            rows = self.top or TOP["text" if self.names else "overview"]
            missing = draw(self.statistics, self.names, self.output, self.form, rows)
        except ValueError as error:
            complain(f"{self.output} is not written: {error}")
            return UNUSABLE
        except OSError as error:
            complain(f"cannot write {self.output}: {error.strerror}")
            return UNUSABLE
        if missing:
            complain(f"{self.output} shows {'; '.join(missing)}")
        return DONE


def form_of(form: str | None, output: str) -> str:
    """The format that is asked for: by the end of the file's name, if there is one."""
    ending = output.rpartition(".")[2].lower() if "." in output else ""
    known = ending in (*PICTURES, "json", "csv", "txt")
    if output and not form and not known:
        raise click.UsageError(f"-o {output}: the name has to end in .svg, .png, .json, .csv or .txt")
    if form and ending in PICTURES:
        raise click.UsageError(f"-o {output} is a picture; without -T")
    return form or {"": "text", "txt": "text"}.get(ending, ending)


def need(form: str, names: tuple[str, ...]) -> None:
    """Complain of what this format cannot do here."""
    if form == "csv" and len(names) != 1:
        raise click.UsageError(f"CSV is of one table: -s and one of {', '.join(TABLES)}")
    if form in PICTURES:
        from importlib.util import find_spec

        if find_spec("matplotlib") is None:
            raise click.UsageError("pictures need matplotlib: pip install 'mqttdissect[plots]'")
    if form == "text" and {"rates", "connections"} & set(names):
        from importlib.util import find_spec

        if find_spec("plotille") is None:
            raise click.UsageError("plots need plotille: pip install 'mqttdissect[plots]'; -T csv and json do not")


@click.command(short_help="What captures add up to.", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-s",
    "--table",
    "tables",
    type=TableNames(),
    multiple=True,
    metavar="TABLE,...",
    help=f"What to show: {', '.join(TABLES)}. Without it, an overview.",
)
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), help="What to print (text).")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    default="",
    help="Write to FILE.svg, .png, .json, .csv or .txt.",
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="Rows (text, picture: 20, overview: 10; else all).")
@click.option(
    "--interval",
    type=click.FloatRange(0.000_001),
    metavar="S",
    help="Seconds that rates are counted over (what fits the length of the capture).",
)
@click.option(
    "--max-topics", type=click.IntRange(1), default=50_000, metavar="N", help="Topics that are told apart (50000)."
)
@click.option(
    "--max-clients", type=click.IntRange(1), default=50_000, metavar="N", help="Clients that are told apart (50000)."
)
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@with_inputs
def stats(
    inputs: Inputs, tables: tuple[tuple[str, ...], ...], form: str | None, output: str, top: int | None,
    interval: float | None, max_topics: int, max_clients: int, color: str,
) -> int:  # fmt: skip
    """Print what captures add up to: packet types, topics, clients, QoS, rates, connections, sizes, response times.

    \b
      mqttdissect stats file.pcapng                      an overview
      mqttdissect stats -s times file.pcapng             response times, with a histogram of each handshake
      mqttdissect stats -s topics -T csv file.pcapng     one table, for a spreadsheet
      mqttdissect stats -T json file.pcapng | jq .types  all tables, for a program
      mqttdissect stats -s rates --interval 1 -o rates.svg file.pcapng

    Exit status: 0 done; 1 done, but the capture was damaged; 2 it could not be read, or nothing could be drawn.
    """
    names = tuple(dict.fromkeys(name for some in tables for name in some))
    form = form_of(form, output)
    need(form, names)
    inputs.source()
    from mqttdissect.analysis.statistics import Statistics
    from mqttdissect.output.theme import no_colour, theme_for

    theme = no_colour() if output else theme_for(sys.stdout, color)
    statistics = Statistics(max_topics, max_clients, round(interval * 1_000_000_000) if interval else 0)
    dissector = inputs.dissector()
    dissector.mqtt.glances = True
    dissector.put_in_order()
    dissector.mqtt.links = not names or "times" in names  # which response times are made from
    return inputs.run(dissector, Counter(statistics, names, form, output, top, theme))
