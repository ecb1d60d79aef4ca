"""`mqttdissect diff GOOD BAD`: what differs in meaning between two captures."""

from __future__ import annotations

import copy
import os
import sys
import tempfile
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.errors import DAMAGED, DONE, UNUSABLE
from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from mqttdissect.capture.frame import CaptureError
    from mqttdissect.comparison.difference import Result
    from mqttdissect.comparison.facts import Facts
    from mqttdissect.files import CaptureFile
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.differences import Shown
    from mqttdissect.pipeline import Dissector

DIFFERENT = 1
MOST_LISTED = 200
MOST_TREES = 1000
LONGEST_PAYLOAD = 1024 * 1024  # bytes that are kept for showing where payloads differ, of all of them


class Collector:
    """Takes the packets of a run, keeps facts."""

    prints = False

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def start(self) -> None:
        """Nothing to do."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Keep what matters."""
        if self._facts.first_ns < 0:
            self._facts.first_ns = dissector.first_ns
        self._facts.take(packets)

    def end(self, dissector: Dissector) -> int:
        """All is there."""
        self._facts.close()
        return DONE


class Silent:
    """Has been told already what there is to say of the files."""

    def failed(self, name: str, error: CaptureError) -> None:
        """Said when it was read first."""

    def passed_over(self, name: str, count: int) -> None:
        """Said when it was read first."""

    def ended(self, file: CaptureFile) -> None:
        """Said when it was read first."""


def two_inputs(inputs: Inputs) -> tuple[Inputs, Inputs]:
    """The same options for each capture."""
    if len(inputs.paths) != 2:
        raise click.UsageError("diff takes two captures: the one that works, and the one that does not")
    if inputs.interface or inputs.follow or inputs.write or inputs.duration:
        raise click.UsageError(
            "diff compares two captures that are there: it goes without -i, --follow, --duration, -w"
        )
    if inputs.paths == ["-", "-"]:
        raise click.UsageError("standard input holds one capture only")
    good, bad = copy.copy(inputs), copy.copy(inputs)
    good.paths, bad.paths = inputs.paths[:1], inputs.paths[1:]
    return good, bad


def read(inputs: Inputs, stack: ExitStack) -> tuple[Facts, int]:
    """The facts of a capture, and the exit status of reading it. What cannot be read twice is written to a file, which
    goes when `stack` does and is what `inputs` name from then on."""
    from mqttdissect.comparison.facts import Facts

    facts = Facts("standard input" if inputs.paths == ["-"] else inputs.paths[0])
    if not inputs.at_rest:
        inputs.write = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="mqttdissect-")), "frames")
    status = inputs.run(ordered(inputs), Collector(facts))
    if inputs.write:
        inputs.paths, inputs.write = [inputs.write], None
    facts.damaged = status == DAMAGED
    return facts, status


def ordered(inputs: Inputs) -> Dissector:
    """One that ends up with the same packets in the same order at each reading."""
    dissector = inputs.dissector()
    dissector.put_in_order()
    return dissector


def show(result: Result, both: tuple[Inputs, Inputs], whole: int, most: int) -> Shown:
    """Read the captures again, as far as needed, for the packets that are shown: `whole` differences with them, the
    others up to `most` with a line about them."""
    from mqttdissect.output.differences import Shown

    shown = Shown()
    for side in (0, 1):
        numbers = [(one.good, one.bad)[side] for one in result.differences[:most]]
        keep = {number for number in numbers[:whole] if number >= 0}
        wanted = {number for number in numbers if number >= 0}
        payloads = {
            (one.good, one.bad)[side]
            for one in result.differences[:most]
            if any(change.meaningful and change.spec.name == "mqtt.msg" for change in one.changes)
        }
        if wanted:
            again(both[side], side, wanted, keep, payloads, shown)
    return shown


def again(inputs: Inputs, side: int, wanted: set[int], keep: set[int], payloads: set[int], shown: Shown) -> None:
    """The packets with these numbers, from a second reading."""
    from mqttdissect.capture.frame import CaptureError
    from mqttdissect.comparison.marks import Payload
    from mqttdissect.mqtt.registry import APPLICATION_MESSAGE
    from mqttdissect.output.differences import gist_of

    dissector = ordered(inputs)
    last = max(wanted)
    number = 0
    room = LONGEST_PAYLOAD

    def take(packets: list[Packet]) -> None:
        nonlocal number, room
        for packet in packets:
            if number in wanted:
                shown.gists[side][number] = gist_of(packet)
                if number in keep:
                    shown.packets[side][number] = packet
                if number in payloads and room > 0:
                    payload = packet.value(APPLICATION_MESSAGE)
                    if isinstance(payload, bytes):
                        shown.payloads[side][number] = Payload(payload[:room], packet.time_ns)
                        room -= len(payload)
            number += 1

    try:
        for frames in inputs.source()(Silent()).frames():
            for packets in dissector.batches(frames):
                take(packets)
            if number > last:
                return
    except CaptureError:
        pass
    for packets in dissector.last_batches():
        take(packets)


@click.command(short_help="What differs in meaning between two captures.")
@click.option(
    "-T", "--format", "form", type=click.Choice(("text", "json")), default="text", help="What to print (text)."
)
@click.option("--ids", is_flag=True, help="Compare packet identifiers, client identifiers and random words too.")
@click.option("--payloads", is_flag=True, help="Compare payloads byte by byte.")
@click.option("--times", "--timing", "times", is_flag=True, help="Count other timing classes, PINGs, message expiry.")
@click.option("--all", "everything", is_flag=True, help="--ids, --payloads and --times.")
@click.option("--strict-order", is_flag=True, help="Compare the order of the client's and the broker's packets too.")
@click.option(
    "--client", "clients", multiple=True, metavar="ID", help="Only clients of this identifier; * and ? match."
)
@click.option(
    "--trees",
    type=click.IntRange(0, MOST_TREES),
    default=1,
    metavar="N",
    help="Show N differences with both trees (1).",
)
@click.option(
    "--most", type=click.IntRange(0), default=MOST_LISTED, metavar="N", help="List N differences; 0 for all (200)."
)
@click.option(
    "--fold", type=click.IntRange(0), default=56, metavar="N", help="Show N bytes of a long field; 0 shows all (56)."
)
@click.option(
    "--width", type=click.IntRange(60), metavar="N", help="Columns to use (those of the terminal, also before a pipe)."
)
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@click.option("--show-secrets", is_flag=True, help="Show passwords and authentication data.")
@with_inputs
def diff(
    inputs: Inputs, form: str, ids: bool, payloads: bool, times: bool, everything: bool, strict_order: bool,
    clients: tuple[str, ...], trees: int, most: int, fold: int, width: int | None, color: str, show_secrets: bool,
) -> int:  # fmt: skip
    """Compare two captures by what they mean: one that works, and one that does not.

    Connections are matched by client identifier and by what the client does, packets by what they say; addresses, times
    and the order of what may race play no part. Identifiers, times, counters and readings that vary by themselves are
    set aside. The first difference is shown with both trees, then all of them in a line each, then a summary.

    \b
      mqttdissect diff broker-a.pcap broker-b.pcap
      mqttdissect diff --trees 5 --client 'sensor-*' good.pcapng bad.pcapng
      mqttdissect diff -T json good.pcap bad.pcap | jq 'select(.difference == "only in GOOD")'
      ssh gateway cat good.pcap | mqttdissect diff - bad.pcap

    Exit status: 0 no differences; 1 differences; 2 a capture could not be read, or has no MQTT. A damaged capture is
    compared as far as it can be read: standard error and the summary say so.
    """
    from mqttdissect.comparison.compare import compare
    from mqttdissect.comparison.difference import Options
    from mqttdissect.output.differences import Json, Text
    from mqttdissect.output.theme import page_width, theme_for

    options = Options(ids or everything, payloads or everything, times or everything, strict_order)
    with ExitStack() as stack:
        both = two_inputs(inputs)
        good, good_status = read(both[0], stack)
        bad, bad_status = read(both[1], stack)
        if not good.packets or not bad.packets:
            return UNUSABLE
        result = compare(
            good, bad, options, lambda name: any(fnmatchcase(name, one) for one in clients) if clients else True
        )
        if clients and not result.matched and not any(result.only):
            raise click.ClickException("no connection in either capture is of that client identifier")
        limit = most or len(result.differences)
        shown = show(result, both, limit if form == "json" else trees, limit)
    if form == "json":
        parts = Json(show_secrets, limit).parts(result, shown)
    else:
        columns = width or page_width(sys.stdout)
        parts = Text(theme_for(sys.stdout, color), columns, fold, show_secrets, trees, limit).parts(result, shown)
    for part in parts:
        sys.stdout.write(part)
    if UNUSABLE in (good_status, bad_status):
        return UNUSABLE
    return DONE if result.same else DIFFERENT
