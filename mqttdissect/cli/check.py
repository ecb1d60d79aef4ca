"""`mqttdissect check CAPTURE...`: what breaks the standard or good practice, as it is found."""

from __future__ import annotations

import fnmatch
import sys
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.errors import DAMAGED, DONE
from mqttdissect.cli.inputs import Inputs, with_inputs
from mqttdissect.cli.rules import rule_of

if TYPE_CHECKING:
    from mqttdissect.analysis.finding import Finding
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.findings import View
    from mqttdissect.pipeline import Dissector

FORMATS = ("text", "json", "sarif", "junit")
TIMES = ("r", "d", "e", "a", "ad", "u", "ud")
SEVERITIES = ("off", "note", "warning", "error")  # as in analysis.rule
NEVER = len(SEVERITIES)  # a threshold that nothing reaches
MOST = 20  # findings of one rule on one stream that are printed


class Checker:
    """Prints findings while the capture is read.

    clients: identifiers whose findings are wanted; none for all. lowest: severity. threshold: severity from which on
    the exit status is 1. most: findings of one rule on one stream that are printed; 0 for all. count: packets after
    which the run ends, and behind which nothing is said; None for all.
    """

    prints = True

    def __init__(
        self, view: View, clock: Clock, clients: tuple[str, ...], lowest: int, threshold: int, most: int,
        count: int | None,
    ) -> None:  # fmt: skip
        from mqttdissect.output.findings import Limiter, Tally

        self._view = view
        self._clock = clock
        self._clients = frozenset(clients)
        self._lowest = lowest
        self._threshold = threshold
        self._limiter = Limiter(most)
        self._tally = Tally()
        self._count = count
        self._last = -1  # frame of the last packet that is wanted; -1 while there may be more
        self._reached = False
        self._taken = 0  # packets, where they are handed on
        self._undecoded = 0  # of them, bytes that could not be cut into packets
        self._began = False

    def start(self) -> None:
        """Nothing, before it is known that there is something to read."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Print what was found since; it leaves at once."""
        if self._clock.first_ns < 0:
            self._clock.first_ns = dissector.first_ns
        analysis = dissector.analysis
        assert analysis is not None
        self._taken += len(packets)
        self._undecoded += sum(packet.type < 0 for packet in packets)
        if packets and self._taken == self._count:
            self._last = int(packets[-1].frame)
        found = [one for one in analysis.take() if self._last < 0 or one.frame <= self._last]
        if found:
            text = "".join([self._one(finding) for finding in found])
            if text:
                self._write(text)
                sys.stdout.flush()
        for link in analysis.take_links():
            wanted = not self._clients or link.client_id in self._clients
            if wanted and (self._last < 0 or link.first_frame <= self._last):
                self._tally.ended(link)
            self._limiter.ended(link)

    def _one(self, finding: Finding) -> str:
        """The finding, if it is wanted and not one of too many."""
        if finding.severity < self._lowest or (self._clients and finding.client not in self._clients):
            return ""
        tally = self._tally
        tally.count(finding)
        if finding.severity >= self._threshold:
            self._reached = True
        if self._limiter.passes(finding):
            return self._view.text(finding)
        tally.held_back[finding.rule.id] = tally.held_back.get(finding.rule.id, 0) + 1
        return ""

    def _write(self, text: str) -> None:
        if not self._began:
            self._began = True
            sys.stdout.write(self._view.head())
        sys.stdout.write(text)

    def end(self, dissector: Dissector) -> int:
        """The summary. 1 if findings reach the threshold."""
        self.take([], dissector)
        self._tally.packets = self._taken - self._undecoded if dissector.returns else int(dissector.mqtt.packets)
        self._write(self._view.tail(self._tally))
        return DAMAGED if self._reached else DONE


def wanted(options: tuple[str, ...]) -> dict[str, int]:
    """The severities that `--rule ID=SEVERITY` asks for, later ones over earlier ones; ID may have wildcards."""
    from mqttdissect.analysis.rules import RULES

    severities: dict[str, int] = {}
    for option in options:
        pattern, equals, severity = option.partition("=")
        pattern = pattern.strip().lower().replace("_", "-")
        severity = severity.strip().lower()
        if not equals or severity not in SEVERITIES:
            raise click.UsageError(f"--rule {option!r} is not of the form ID={'|'.join(SEVERITIES)}")
        if any(char in pattern for char in "*?["):
            ids = fnmatch.filter(RULES, pattern)
            if not ids:
                raise click.UsageError(f"--rule {option!r}: no rule is like that; `mqttdissect rules` lists them")
        else:
            ids = [rule_of(pattern).id]
        severities.update(dict.fromkeys(ids, SEVERITIES.index(severity)))
    return severities


@click.command(
    short_help="Say what breaks the standard, who and where.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), default="text", help="What to print (text).")
@click.option("--brief", is_flag=True, help="With -T text: one line a finding.")
@click.option(
    "--rule", "options", multiple=True, metavar="ID=SEVERITY",
    help="Severity of a rule: off, note, warning or error; '*=off' for all, later ones count. Again for more.",
)  # fmt: skip
@click.option(
    "--fail-on", type=click.Choice(("note", "warning", "error", "never")), default="error",
    help="Exit with 1 if there are findings of this severity or above (error).",
)  # fmt: skip
@click.option(
    "--min-severity", type=click.Choice(("note", "warning", "error")), default="note", help="Leave out what is below."
)
@click.option("--client", "clients", multiple=True, metavar="ID", help="Only findings of this client; again for more.")
@click.option("--all", "every", is_flag=True, help=f"Print more than {MOST} findings of one rule on one stream.")
@click.option(
    "-t", "--time-format", "times", type=click.Choice(TIMES), default="r",
    help="r: since the first frame, d: since the finding before, e: since 1970, a/ad: local time/with date, u/ud: UTC.",
)  # fmt: skip
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@with_inputs
def check(
    inputs: Inputs, form: str, brief: bool, options: tuple[str, ...], fail_on: str, min_severity: str,
    clients: tuple[str, ...], every: bool, times: str, color: str,
) -> int:  # fmt: skip
    """Check captures against MQTT 3.1, 3.1.1 and 5.0, and against good practice.

    Every finding says which rule was broken by whom, where the standard says so, in which bytes of which frames, what
    should have been and what usually causes it. `mqttdissect rules` lists the rules. Where the capture lacks part of a
    connection, nothing is said of what may be in that part.

    \b
      mqttdissect check file.pcapng
      mqttdissect check --brief --min-severity warning ring/
      mqttdissect check --rule 'keep-alive-*=off' --rule qos-downgrade=error file.pcapng
      mqttdissect check --rule '*=off' --rule second-connect=error file.pcapng
      mqttdissect check -T json file.pcapng | jq -r '[.frame, .rule, .what] | @tsv'
      mqttdissect check -T sarif file.pcapng > findings.sarif
      mqttdissect check --fail-on warning -T junit file.pcapng > report.xml
      tcpdump -U -w - port 1883 | mqttdissect check -

    Exit status: 0 done; 1 there are findings at or above --fail-on, or the capture was damaged; 2 it could not be read.
    """
    severities = wanted(options)
    if brief and form != "text":
        raise click.UsageError("--brief goes with -T text")
    inputs.source()
    from mqttdissect.analysis.analysis import Analysis
    from mqttdissect.output.clock import Clock

    clock = Clock(times)
    threshold = NEVER if fail_on == "never" else SEVERITIES.index(fail_on)
    dissector = inputs.dissector()
    dissector.analysis = Analysis(severities)
    dissector.returns = inputs.count is not None
    view = view_of(form, clock, brief, severities, threshold, dissector, inputs.paths, color)
    most = 0 if every or form == "json" else MOST
    lowest = SEVERITIES.index(min_severity)
    return inputs.run(dissector, Checker(view, clock, clients, lowest, threshold, most, inputs.count))


def view_of(
    form: str, clock: Clock, brief: bool, severities: dict[str, int], threshold: int, dissector: Dissector,
    paths: list[str], color: str,
) -> View:  # fmt: skip
    """The view of a format."""
    if form == "json":
        from mqttdissect.output.findings import JsonView

        return JsonView(dissector.notes)
    if form == "sarif":
        from mqttdissect.output.sarif import SarifView

        return SarifView(severities, dissector.notes)
    if form == "junit":
        from mqttdissect.output.junit import JunitView

        return JunitView(", ".join(paths) or "live", severities, threshold, clock)
    from mqttdissect.output.findings import TextView
    from mqttdissect.output.theme import terminal_width, theme_for

    return TextView(theme_for(sys.stdout, color), clock, terminal_width(sys.stdout), brief, dissector.notes)
