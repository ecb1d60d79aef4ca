"""`mqttdissect sessions`: who connected, with what, for how long, and how it ended."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.errors import DONE
from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from mqttdissect.analysis.facts import Link
    from mqttdissect.analysis.finding import Finding
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.sessions import ClientRow
    from mqttdissect.output.theme import Theme
    from mqttdissect.pipeline import Dissector

MOST_ROWS = 20_000  # that wait to be sorted; with more, those that have ended are written as they come
MOST_FINDINGS = 20_000  # that wait for their connection to end


class SessionsView:
    """Collects connections as they end, and prints them."""

    prints = False

    def __init__(
        self, form: str, theme: Theme, clients: tuple[str, ...], streams: tuple[int, ...], by_client: bool, pages: bool
    ) -> None:
        self.form = form
        self.theme = theme
        self.wanted = clients
        self.streams = streams
        self.by_client = by_client
        self.pages = pages
        self._rows: list[tuple[int, list[str]]] = []
        self._clients: dict[tuple[str, str], ClientRow] = {}
        self._findings: dict[int, list[Finding]] = {}
        self._held = 0
        self._seen = 0

    def start(self) -> None:
        """Nothing is printed before anything has ended."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """The connections that have ended since."""
        analysis = dissector.analysis
        assert analysis is not None
        for finding in analysis.take():
            if self._held < MOST_FINDINGS and self._is_detailed():
                self._findings.setdefault(int(finding.stream), []).append(finding)
                self._held += 1
        for link in analysis.take_links():
            self._link(link, int(dissector.first_ns))

    def _is_detailed(self) -> bool:
        return self.pages or self.form == "json"

    def _link(self, link: Link, first_ns: int) -> None:
        from mqttdissect.output import sessions

        findings = self._findings.pop(int(link.number), [])
        self._held -= len(findings)
        if not self._is_wanted(link):
            return
        self._seen += 1
        if self.by_client:
            self._client(link)
        elif self.form == "json":
            import orjson

            sys.stdout.write(orjson.dumps(sessions.as_json(link, findings)).decode() + "\n")
        elif self.pages:
            if self._seen > 1:
                sys.stdout.write("\n")
            sys.stdout.write(sessions.page(link, findings, first_ns, self.theme))
        else:
            self._rows.append((int(link.number), sessions.row(link, first_ns)))
            if len(self._rows) > MOST_ROWS:
                self._print_rows(final=False)

    def _is_wanted(self, link: Link) -> bool:
        if self.streams and int(link.number) not in self.streams:
            return False
        return not self.wanted or any(fnmatchcase(link.client_id, one) for one in self.wanted)

    def _client(self, link: Link) -> None:
        from mqttdissect.output import sessions

        broker, address = sessions.broker_and_client(link)
        key = (broker, link.client_id or address)
        found = self._clients.get(key)
        if found is None:
            if len(self._clients) >= MOST_ROWS:
                key = (key[0], "(others)")
                found = self._clients.get(key)
            if found is None:
                found = self._clients[key] = sessions.ClientRow(key[1], broker, int(link.first_ns))
        found.add(link)

    def end(self, dissector: Dissector) -> int:
        """The capture has ended."""
        from mqttdissect.output import sessions

        self.take([], dissector)
        if self.by_client:
            first_ns = int(dissector.first_ns)
            rows = sorted(self._clients.values(), key=lambda one: one.first_ns)
            self._table(sessions.CLIENT_COLUMNS, [one.cells(first_ns) for one in rows])
        elif self._rows or (self.form != "json" and not self.pages):
            self._print_rows(final=True)
        if not self._seen and (self.wanted or self.streams):
            click.echo("mqttdissect: no session is of that client identifier or stream", err=True)
        return DONE

    def _print_rows(self, final: bool) -> None:
        from mqttdissect.output import sessions

        rows = [cells for _, cells in sorted(self._rows)]
        self._rows = []
        if rows:
            self._table(sessions.COLUMNS, rows)

    def _table(self, columns: tuple[str, ...], rows: list[list[str]]) -> None:
        """A table on a terminal, tab-separated lines elsewhere."""
        from mqttdissect.output import sessions

        if self.form == "csv":
            sys.stdout.write("".join(sessions.csv_line(cells) for cells in [list(columns), *rows]))
            return
        if not rows:
            return
        if not sys.stdout.isatty() and not self.theme.colour:
            sys.stdout.write("\n".join("\t".join(cells) for cells in [list(columns), *rows]) + "\n")
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold" if self.theme.colour else "")
        for name in columns:
            numeric = name not in ("client", "address", "broker", "version", "end", "ends")
            table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
        for cells in rows:
            table.add_row(*[Text(cell) for cell in cells])
        Console(no_color=not self.theme.colour, highlight=False, force_terminal=self.theme.colour or None).print(table)


@click.command(
    short_help="Who connected, with what, for how long, and how it ended.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--client", "clients", multiple=True, metavar="ID", help="Only this client identifier (* and ? match).")
@click.option("--stream", "streams", multiple=True, type=click.IntRange(0), metavar="N", help="Only this TCP stream.")
@click.option("--by-client", is_flag=True, help="One row a client identifier, across its connections.")
@click.option(
    "--pages/--table", default=None, help="All that is known, a page each; default with --client or --stream."
)
@click.option("-T", "--format", "form", type=click.Choice(("text", "json", "csv")), default="text", help="text")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@with_inputs
def sessions(
    inputs: Inputs, clients: tuple[str, ...], streams: tuple[int, ...], by_client: bool, pages: bool | None, form: str,
    color: str,
) -> int:  # fmt: skip
    """List the MQTT connections in captures: client identifier, version, how long, how much, how it ended and by whom.

    With --client or --stream a page on each: what was negotiated, the will and what became of it, subscriptions,
    traffic, and what is wrong with it. Numbers of streams are Wireshark's tcp.stream; ↑ is from the client.

    \b
      mqttdissect sessions file.pcapng
      mqttdissect sessions --client 'sensor-*' file.pcapng
      mqttdissect sessions --by-client file.pcapng
      mqttdissect sessions -T json file.pcapng | jq 'select(.end == "RST")'
    """
    inputs.source()
    from mqttdissect.analysis.analysis import Analysis
    from mqttdissect.output.theme import theme_for

    if by_client and form == "json":
        raise click.UsageError("--by-client goes with -T text or -T csv")
    wants_pages = (bool(clients or streams) if pages is None else pages) and not by_client and form == "text"
    dissector = inputs.dissector()
    dissector.analysis = Analysis()
    dissector.returns = inputs.count is not None
    return inputs.run(
        dissector, SessionsView(form, theme_for(sys.stdout, color), clients, streams, by_client, wants_pages)
    )
