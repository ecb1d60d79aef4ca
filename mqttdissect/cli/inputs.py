"""The options that every command on captures has, and what they make: a source of frames, and a pipeline for them."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING, TypeVar

import click

from mqttdissect.cli.out import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from mqttdissect.cli.checked import Findings
    from mqttdissect.cli.recorder import Recorder
    from mqttdissect.cli.session import Consumer
    from mqttdissect.files import Listener, Source
    from mqttdissect.output.links import Holder
    from mqttdissect.pipeline import Dissector

VERSIONS = {"3.1": 3, "3.1.1": 4, "5.0": 5, "5": 5, "3": 3, "4": 4}
MIB = 1024 * 1024  # bytes
OVERLAPS = ("first", "last", "bsd", "linux", "windows")  # numbered as in net.overlap

Command = TypeVar("Command", bound="Callable[..., object]")


if TYPE_CHECKING:
    Port = click.ParamType[int]
else:
    Port = click.ParamType  # which older versions of click do not subscript


class DecodeAs(Port):
    """tcp.port==N,mqtt"""

    name = "tcp.port==N,mqtt"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The port."""
        match = re.fullmatch(r"\s*tcp\.port\s*==\s*(\d+)\s*,\s*mqtt\s*", str(value))
        if not match or not 0 < int(match[1]) < 65536:
            self.fail(f"{value!r} is not of the form tcp.port==1884,mqtt", param, ctx)
        return int(match[1])


def bound(
    name: str, unit: str, default: int, about: str, values: click.ParamType[float] | None = None
) -> Callable[[Command], Command]:
    """An option for a limit. values: those that it takes, whole numbers above 0 if nothing is said."""
    return click.option(
        name, type=values or click.IntRange(1), default=default, metavar=unit, help=f"{about} at most ({default})."
    )


OPTIONS = [
    click.argument("captures", nargs=-1, metavar="CAPTURE...", type=click.Path(readable=False)),
    click.option(
        "-r",
        "--read",
        "read",
        multiple=True,
        metavar="FILE",
        type=click.Path(readable=False),
        help="The same as naming the capture.",
    ),
    click.option(
        "--merge/--no-merge", default=True, help="Several captures in order of time (default), or one after the other."
    ),
    click.option(
        "-d",
        "--decode-as",
        "ports",
        multiple=True,
        type=DecodeAs(),
        metavar=DecodeAs.name,
        help="Take streams of this port for MQTT.",
    ),
    click.option(
        "-i", "--interface", metavar="IF", help="Capture live from an interface (needs scapy and privileges)."
    ),
    click.option(
        "-f", "--capture-filter", metavar="BPF", default="", help="With -i: only what this filter lets through."
    ),
    click.option("--follow", is_flag=True, help="Wait for more at the end of the capture, also when it is rotated."),
    click.option("--duration", type=click.FloatRange(0, min_open=True), metavar="S", help="Stop after S seconds."),
    click.option("-w", "--write", metavar="FILE", type=click.Path(), help="Write the frames to FILE too, as pcapng."),
    click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="Stop after N packets."),
    click.option("--check-checksums", is_flag=True, help="Leave out TCP segments whose checksum is wrong."),
    click.option(
        "--overlap",
        type=click.Choice(OVERLAPS),
        default="first",
        help="Whose bytes count where copies of a segment differ: the first or last, or as these systems do (first).",
    ),
    bound("--max-streams", "N", 32768, "TCP streams at a time", click.IntRange(16)),
    bound("--max-waiting", "MIB", 64, "MiB that wait behind lost segments"),
    bound("--max-incomplete", "MIB", 512, "MiB of MQTT packets that are not whole yet"),
    bound("--max-fragments", "N", 1024, "IP packets of which fragments wait for the rest"),
    bound("--max-fragment-memory", "MIB", 4, "MiB of IP fragments that wait"),
    bound(
        "--max-fragment-age", "S", 30, "Seconds of capture time that they wait", click.FloatRange(0, 1e9, min_open=True)
    ),
    click.option(
        "--mqtt-version",
        type=click.Choice(list(VERSIONS)),
        metavar="V",
        help="3.1, 3.1.1 or 5.0: for streams that do not tell theirs.",
    ),
]


FOR_PEOPLE = (None, "text", "tree", "summary")  # forms of output


def with_inputs(command: Command) -> Callable[..., object]:
    """Give a command these options; it is handed what they say as its keyword argument `inputs`."""

    @functools.wraps(command)
    def wrapped(
        captures: tuple[str, ...], read: tuple[str, ...], merge: bool, ports: tuple[int, ...], interface: str | None,
        capture_filter: str, follow: bool, duration: float | None, write: str | None, count: int | None,
        check_checksums: bool, overlap: str, max_streams: int, max_waiting: int, max_incomplete: int,
        max_fragments: int, max_fragment_memory: int, max_fragment_age: float, mqtt_version: str | None,
        **others: object,
    ) -> object:  # fmt: skip
        inputs = Inputs([*read, *captures])
        inputs.merge = merge
        inputs.ports = ports
        inputs.interface = interface
        inputs.capture_filter = capture_filter
        inputs.follow = follow
        inputs.duration = duration
        inputs.write = write
        inputs.count = count
        inputs.check_checksums = check_checksums
        inputs.overlap = OVERLAPS.index(overlap)
        inputs.max_streams = max_streams
        inputs.max_waiting = max_waiting * MIB
        inputs.max_incomplete = max_incomplete * MIB
        inputs.fragments = (max_fragment_memory * MIB, max_fragments, round(max_fragment_age * 1_000_000_000))
        inputs.version = VERSIONS.get(mqtt_version or "", 0)
        prepare(others.get("form") in FOR_PEOPLE, bool(others.get("path") or others.get("output")))
        return command(inputs=inputs, **others)

    decorated: Callable[..., object] = wrapped
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


class Inputs:
    """What the options say. Its methods raise `UsageError` if that is not one thing."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.merge = True
        self.ports: tuple[int, ...] = ()
        self.interface: str | None = None
        self.capture_filter = ""
        self.follow = False
        self.duration: float | None = None
        self.write: str | None = None
        self.count: int | None = None
        self.check_checksums = False
        self.overlap = 0
        self.max_streams = 32768
        self.max_waiting = 64 * MIB  # bytes
        self.max_incomplete = 512 * MIB  # bytes
        self.fragments = (4 * MIB, 1024, 30_000_000_000)  # bytes, packets, nanoseconds
        self.version = 0
        self.block = 0  # bytes of files that are read at once; 0 for the usual ones

    @property
    def live(self) -> bool:
        """Do frames come as they happen, or from a pipe, rather than from files that are there?"""
        return bool(self.interface) or self.follow or "-" in self.paths

    @property
    def at_rest(self) -> bool:
        """Is all that is read there, in files and directories?"""
        from mqttdissect.source import regular_size

        return not self.live and all(os.path.isdir(path) or regular_size(path) >= 0 for path in self.paths)

    def source(self, hosts: dict[bytes, str] | None = None) -> Callable[[Listener], Source]:
        """Where the frames come from. hosts: where to add names of IP addresses."""
        paths, interface, capture_filter = self.paths, self.interface, self.capture_filter
        if interface:
            if paths or self.follow:
                raise click.UsageError("-i captures live: it goes without a file and without --follow")
            from mqttdissect.live import Live

            return lambda listener: Live(interface, capture_filter)
        if capture_filter:
            raise click.UsageError("-f goes with -i; what a file holds was filtered when it was captured")
        if not paths:
            raise click.UsageError("name a capture, or - for standard input, or an interface with -i")
        if self.follow:
            if len(paths) != 1 or paths[0] == "-":
                raise click.UsageError("--follow takes one file")
            from mqttdissect.follow import Followed

            return lambda listener: Followed(paths[0], listener, hosts)
        from mqttdissect.files import Captures
        from mqttdissect.source import BLOCK

        def captures(listener: Listener) -> Source:
            source = Captures(paths, self.merge, listener, hosts, self.block or BLOCK)
            if hosts is not None:
                source.learn_hosts()
            return source

        return captures

    def dissector(self) -> Dissector:
        """The pipeline."""
        from mqttdissect.net.fragments import Fragments
        from mqttdissect.pipeline import Dissector

        return Dissector(
            frozenset([1883, *self.ports]),
            self.version,
            self.check_checksums,
            self.overlap,
            self.max_streams,
            self.max_waiting,
            Fragments(*self.fragments),
            self.max_incomplete,
        )

    def recorder(self) -> Recorder | None:
        """The writer of -w."""
        path = self.write
        if not path:
            return None
        from mqttdissect.capture.frame import CaptureError
        from mqttdissect.cli.recorder import Recorder

        if any(os.path.exists(one) and os.path.exists(path) and os.path.samefile(one, path) for one in self.paths):
            raise click.UsageError(f"-w {path} is the file that is read")
        try:
            return Recorder(path)
        except CaptureError as error:
            raise click.ClickException(str(error)) from None

    def run(
        self, dissector: Dissector, consumer: Consumer, jobs: int = 1, holder: Holder | None = None,
        hosts: bool = False, findings: Findings | None = None,
    ) -> int:  # fmt: skip
        """Dissect it all, and hand the packets to `consumer` as they complete, or as `holder` lets them go.
        Returns the exit status.

        jobs: processes that may share the work if `consumer` is a `Printer`, or wants findings; 0 for as many as make
        sense. hosts: does it want names of hosts? findings: where it wants to find those.
        """
        from mqttdissect.cli.session import Printer, Session

        source = self.source(dissector.notes.hosts if hosts else None)
        if jobs != 1 and self.count is None and not self.live and isinstance(consumer, Printer):
            from mqttdissect.cli.shared import SharedSession

            return SharedSession(dissector, consumer, jobs, self.duration, self.recorder(), holder).run(source)
        if findings is not None:
            from mqttdissect.cli.checked import CheckedSession

            checked = CheckedSession(dissector, consumer, findings, jobs, self.count, self.duration, self.recorder())
            return checked.run(source)
        return Session(dissector, consumer, self.count, self.duration, self.recorder(), holder).run(source)
