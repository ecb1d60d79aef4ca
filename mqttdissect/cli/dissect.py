"""`mqttdissect CAPTURE...`: dissect, the default command."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from mqttdissect.capture.notes import FrameNotes
    from mqttdissect.cli.recorder import Recorder
    from mqttdissect.files import Listener, Source
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.writer import Writer

FORMATS = ("tree", "summary", "json", "fields", "csv")
VERSIONS = {"3.1": 3, "3.1.1": 4, "5.0": 5, "5": 5, "3": 3, "4": 4}
OVERLAPS = ("first", "last", "bsd", "linux", "windows")  # numbered as in net.overlap
TIMES = ("r", "d", "e", "a", "ad", "u", "ud")


class DecodeAs(click.ParamType[int]):
    """tcp.port==N,mqtt"""

    name = "tcp.port==N,mqtt"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The port."""
        match = re.fullmatch(r"\s*tcp\.port\s*==\s*(\d+)\s*,\s*mqtt\s*", str(value))
        if not match or not 0 < int(match[1]) < 65536:
            self.fail(f"{value!r} is not of the form tcp.port==1884,mqtt", param, ctx)
        return int(match[1])


def make_writer(
    form: str, names: list[str], clock: Clock, notes: FrameNotes, color: str, fold: int, secrets: bool, dump: bool
) -> tuple[Writer, str]:
    """The writer of a format, and what it prints before the first packet."""
    from mqttdissect.output.theme import no_colour, terminal_width, theme_for

    if form == "json":
        from mqttdissect.output.ndjson import JsonWriter

        return JsonWriter(no_colour(), secrets, notes), ""
    if form in ("fields", "csv"):
        from mqttdissect.output.columns import Columns, FieldsWriter, UnknownField

        try:
            columns = FieldsWriter(Columns(names, clock, secrets), form == "csv")
        except UnknownField as error:
            raise click.UsageError(str(error)) from None
        return columns, columns.heading()
    theme = theme_for(sys.stdout, color)
    writer: Writer
    if form == "summary":
        from mqttdissect.output.summary import SummaryWriter

        writer = SummaryWriter(theme, clock)
    else:
        from mqttdissect.output.tree import TreeWriter

        writer = TreeWriter(theme, clock, terminal_width(sys.stdout), fold, secrets, notes)
    if dump:
        from mqttdissect.output.hexdump import WithDump

        return WithDump(writer, theme, secrets), ""
    return writer, ""


def chosen(
    paths: list[str], merge: bool, interface: str | None, capture_filter: str, follow: bool
) -> Callable[[Listener], Source]:
    """Where the frames come from. Raises `UsageError` if the options do not say one thing."""
    if interface:
        if paths or follow:
            raise click.UsageError("-i captures live: it goes without a file and without --follow")
        from mqttdissect.live import Live

        return lambda listener: Live(interface, capture_filter)
    if capture_filter:
        raise click.UsageError("-f goes with -i; what a file holds was filtered when it was captured")
    if not paths:
        raise click.UsageError("name a capture, or - for standard input, or an interface with -i")
    if follow:
        if len(paths) != 1 or paths[0] == "-":
            raise click.UsageError("--follow takes one file")
        from mqttdissect.follow import Followed

        return lambda listener: Followed(paths[0], listener)
    from mqttdissect.files import Captures

    return lambda listener: Captures(paths, merge, listener)


def recording(path: str, inputs: list[str]) -> Recorder:
    """The writer of -w. Raises `UsageError` if the file cannot be, or is one of those that are read."""
    from mqttdissect.capture.frame import CaptureError
    from mqttdissect.cli.recorder import Recorder

    if any(os.path.exists(one) and os.path.exists(path) and os.path.samefile(one, path) for one in inputs):
        raise click.UsageError(f"-w {path} is the file that is read")
    try:
        return Recorder(path)
    except CaptureError as error:
        raise click.UsageError(str(error)) from None


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
@click.argument("captures", nargs=-1, metavar="CAPTURE...", type=click.Path())
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), default="tree", help="What to print (tree).")
@click.option("-P", "--summary", "form", flag_value="summary", help="One line a packet: short for -T summary.")
@click.option("-V", "--tree", "form", flag_value="tree", help="Short for -T tree.")
@click.option(
    "-e", "--field", "names", multiple=True, metavar="NAME", help="A column for -T fields and csv; again for more."
)
@click.option("-x", "--hex", "dump", is_flag=True, help="With a hex dump, coloured by field.")
@click.option(
    "-r", "--read", "read", multiple=True, metavar="FILE", type=click.Path(), help="The same as naming the capture."
)
@click.option(
    "--merge/--no-merge", default=True, help="Several captures in order of time (default), or one after the other."
)
@click.option("-d", "--decode-as", "ports", multiple=True, type=DecodeAs(), help="Take streams of this port for MQTT.")
@click.option(
    "-t",
    "--time-format",
    "times",
    type=click.Choice(TIMES),
    default="r",
    help="r: since the first frame, d: since the packet before, e: since 1970, a/ad: local time/with date, u/ud: UTC.",
)
@click.option("-i", "--interface", metavar="IF", help="Capture live from an interface (needs scapy and privileges).")
@click.option("-f", "--capture-filter", metavar="BPF", default="", help="With -i: only what this filter lets through.")
@click.option("-D", "--list-interfaces", is_flag=True, help="List the interfaces that -i takes.")
@click.option("--follow", is_flag=True, help="Wait for more at the end of the capture, also when it is rotated.")
@click.option("--duration", type=click.FloatRange(0, min_open=True), metavar="S", help="Stop after S seconds.")
@click.option("-w", "--write", metavar="FILE", type=click.Path(), help="Write the frames to FILE too, as pcapng.")
@click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="Stop after N packets.")
@click.option(
    "--fold", type=click.IntRange(0), default=56, metavar="N", help="Show N bytes of a long field; 0 shows all (56)."
)
@click.option("--check-checksums", is_flag=True, help="Leave out TCP segments whose checksum is wrong.")
@click.option(
    "--overlap",
    type=click.Choice(OVERLAPS),
    default="first",
    help="Whose bytes count where copies of a segment differ: the first or last, or as these systems do (first).",
)
@click.option(
    "--max-streams", type=click.IntRange(16), default=32768, metavar="N", help="TCP streams at a time (32768)."
)
@click.option(
    "--max-waiting", type=click.IntRange(1), default=64, metavar="MIB", help="MiB that wait behind lost segments (64)."
)
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@click.option("--show-secrets", is_flag=True, help="Show passwords and authentication data.")
@click.option(
    "--mqtt-version",
    type=click.Choice(list(VERSIONS)),
    metavar="V",
    help="3.1, 3.1.1 or 5.0: for streams that do not tell theirs.",
)
def dissect(
    captures: tuple[str, ...], form: str, names: tuple[str, ...], dump: bool, read: tuple[str, ...], merge: bool,
    ports: tuple[int, ...], times: str, count: int | None, fold: int, color: str, show_secrets: bool,
    mqtt_version: str | None, interface: str | None, capture_filter: str, list_interfaces: bool, follow: bool,
    duration: float | None, write: str | None, check_checksums: bool, overlap: str, max_streams: int, max_waiting: int,
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
    open_source = chosen([*read, *captures], merge, interface, capture_filter, follow)
    if names and form not in ("fields", "csv"):
        raise click.UsageError("-e goes with -T fields or -T csv")
    if form in ("fields", "csv") and not names:
        raise click.UsageError(f"-T {form} needs the fields to print, such as -e frame.number -e mqtt.topic")
    from mqttdissect.cli.session import Session
    from mqttdissect.output.clock import Clock
    from mqttdissect.pipeline import Dissector

    clock = Clock(times)
    dissector = Dissector(
        frozenset([1883, *ports]),
        VERSIONS.get(mqtt_version or "", 0),
        check_checksums,
        OVERLAPS.index(overlap),
        max_streams,
        max_waiting * 1024 * 1024,
    )
    writer, heading = make_writer(form, list(names), clock, dissector.notes, color, fold, show_secrets, dump)
    recorder = recording(write, [*read, *captures]) if write else None
    return Session(writer, clock, dissector, count, duration, recorder).run(open_source, heading)
