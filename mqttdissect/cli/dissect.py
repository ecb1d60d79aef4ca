"""`mqttdissect CAPTURE...`: dissect, the default command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from mqttdissect.capture.notes import FrameNotes
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.links import Holder
    from mqttdissect.output.writer import Writer

FORMATS = ("tree", "summary", "json", "fields", "csv")
LIVE_PATIENCE_NS = 2_000_000_000  # for an answer, before a packet is printed without it
TIMES = ("r", "d", "e", "a", "ad", "u", "ud")


def make_writer(
    form: str, names: list[str], clock: Clock, notes: FrameNotes, color: str, fold: int, secrets: bool, dump: bool,
    links: int,
) -> tuple[Writer, str]:  # fmt: skip
    """The writer of a format, and what it prints before the first packet."""
    from mqttdissect.output.theme import terminal_width, theme_for

    if form == "json":
        from mqttdissect.output.ndjson import JsonWriter

        return JsonWriter(secrets, notes, links), ""
    if form in ("fields", "csv"):
        from mqttdissect.output.columns import Columns, FieldsWriter, UnknownField

        try:
            columns = FieldsWriter(Columns(names, clock, secrets, notes), form == "csv")
        except UnknownField as error:
            raise click.UsageError(str(error)) from None
        return columns, columns.heading()
    theme = theme_for(sys.stdout, color)
    writer: Writer
    if form == "summary":
        from mqttdissect.output.summary import SummaryWriter

        writer = SummaryWriter(theme, clock, links, notes.hosts)
    else:
        from mqttdissect.output.tree import TreeWriter

        writer = TreeWriter(theme, clock, terminal_width(sys.stdout), fold, secrets, notes, links)
    if dump:
        from mqttdissect.output.hexdump import WithDump

        return WithDump(writer, theme, secrets), ""
    return writer, ""


def choose_links(wanted: bool | None, form: str, names: tuple[str, ...], inputs: Inputs) -> tuple[int, Holder | None]:
    """What is said of other packets (`output.links`), and what keeps packets back for that. wanted: as the user says.

    Who asks for a field gets it. Otherwise what is live is not kept back, nor are lines that people watch go by.
    """
    from mqttdissect.mqtt.registry import RESPONSE_IN
    from mqttdissect.output.links import ALL_LINKS, LINK_FIELDS, NO_LINKS, REQUESTS, Holder

    if wanted is False:
        return NO_LINKS, None
    table = form in ("fields", "csv")
    if table and not any(name in LINK_FIELDS for name in names):
        return NO_LINKS, None
    hold = wanted or (RESPONSE_IN.name in names if table else form != "summary" and inputs.at_rest)
    if hold:
        return ALL_LINKS, Holder(0 if inputs.at_rest else LIVE_PATIENCE_NS)
    return (NO_LINKS if form == "summary" else REQUESTS), None


def print_interfaces() -> int:
    """-D"""
    from mqttdissect.capture.frame import CaptureError
    from mqttdissect.live import interfaces

    try:
        for name, addresses in interfaces():
            click.echo(f"{name}\t{addresses}" if addresses else name)
    except CaptureError as error:
        raise click.ClickException(str(error)) from None
    return 0


@click.command(
    short_help="Dissect captures: what happens without a command.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), default="tree", help="What to print (tree).")
@click.option("-P", "--summary", "form", flag_value="summary", help="One line a packet: short for -T summary.")
@click.option("-V", "--tree", "form", flag_value="tree", help="Short for -T tree.")
@click.option(
    "-e", "--field", "names", multiple=True, metavar="NAME", help="A column for -T fields and csv; again for more."
)
@click.option("-x", "--hex", "dump", is_flag=True, help="With a hex dump, coloured by field.")
@click.option(
    "-t",
    "--time-format",
    "times",
    type=click.Choice(TIMES),
    default="r",
    help="r: since the first frame, d: since the packet before, e: since 1970, a/ad: local time/with date, u/ud: UTC.",
)
@click.option(
    "--fold", type=click.IntRange(0), default=56, metavar="N", help="Show N bytes of a long field; 0 shows all (56)."
)
@click.option(
    "--links/--no-links",
    default=None,
    help="Say in each packet which one it answers and which answers it; by default in the tree and JSON, and the "
    "latter for files only, since packets wait for their answers.",
)
@click.option("--names", "hosts", is_flag=True, help="Show the names that the capture itself gives to addresses.")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@click.option("--show-secrets", is_flag=True, help="Show passwords and authentication data.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes that share the work (as many as cores, for files of some size).",
)
@click.option("-D", "--list-interfaces", is_flag=True, help="List the interfaces that -i takes.")
@with_inputs
def dissect(
    inputs: Inputs, form: str, names: tuple[str, ...], dump: bool, times: str, fold: int, color: str,
    show_secrets: bool, jobs: int | None, list_interfaces: bool, links: bool | None, hosts: bool,
) -> int:  # fmt: skip
    """Print the MQTT in captures as annotated trees of bytes.

    Captures are pcap, pcapng or snoop, perhaps compressed; a directory stands for the captures in it, and '-' for
    standard input. Several are read as one.

    \b
      mqttdissect file.pcapng                        every byte, every bit
      mqttdissect -P file.pcapng                     one line a packet
      mqttdissect -T json file.pcapng | jq .mqtt     one object a line
      mqttdissect -T fields -e frame.number -e mqtt.topic file.pcapng
      tcpdump -U -w - port 1883 | mqttdissect -      as it happens
      mqttdissect -P -i eth0 -f 'port 1883' -w seen.pcapng

    Exit status: 0 done; 1 done, but the capture was damaged; 2 it could not be read.
    """
    if list_interfaces:
        return print_interfaces()
    if names and form not in ("fields", "csv"):
        raise click.UsageError("-e goes with -T fields or -T csv")
    if form in ("fields", "csv") and not names:
        raise click.UsageError(f"-T {form} needs the fields to print, such as -e frame.number -e mqtt.topic")
    inputs.source()
    from mqttdissect.cli.session import Printer
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.links import NO_LINKS

    clock = Clock(times)
    dissector = inputs.dissector()
    said, holder = choose_links(links, form, names, inputs)
    dissector.mqtt.links = said != NO_LINKS
    writer, heading = make_writer(form, list(names), clock, dissector.notes, color, fold, show_secrets, dump, said)
    return inputs.run(dissector, Printer(writer, clock, heading), jobs or 0, holder, hosts)
