"""`mqttdissect fields`: every field that `-e` takes."""

from __future__ import annotations

import sys

import click


@click.command(short_help="List the fields that -e takes.", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1)
def fields(words: tuple[str, ...]) -> None:
    """List the fields that -e takes: name, type, meaning, section of MQTT 5.0.

    WORDS: only fields whose name or meaning contains all of them.

    \b
      mqttdissect fields
      mqttdissect fields reason code
    """
    from mqttdissect.cli.out import prepare
    from mqttdissect.output.columns import listing, specs

    prepare(people=False)
    rows = [row for row in listing(specs()) if all(word.lower() in " ".join(row).lower() for word in words)]
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "type", "meaning", "MQTT 5.0", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
