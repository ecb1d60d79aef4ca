"""`mqttdissect rules`: every rule that `check` looks for, and every statement of the standards with its rules."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mqttdissect.analysis.rule import Rule

FORMATS = ("list", "json", "markdown")


def rule_of(name: str) -> Rule:
    """The rule of an id. Raises `click.UsageError` with the ids that are near, if there is none."""
    from mqttdissect.analysis.rules import RULES

    rule = RULES.get(name.strip().lower().replace("_", "-"))
    if rule is None:
        raise click.UsageError(unknown(name))
    return rule


def unknown(name: str) -> str:
    """No such rule, and which may have been meant."""
    from mqttdissect.analysis.rules import RULES
    from mqttdissect.output.text import visible

    near = difflib.get_close_matches(name.lower(), RULES, 3, 0.5)
    near = near or [id for id in RULES if name and name.lower() in id][:3]
    hint = f"near it: {', '.join(near)}" if near else "`mqttdissect rules` lists them"
    return f"no rule {visible(name)!r}; {hint}"


@click.command(
    short_help="List the rules that check looks for.", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.argument("words", nargs=-1)
@click.option("--rule", "ids", multiple=True, metavar="ID", help="All about one rule; again for more.")
@click.option("--statements", is_flag=True, help="The statements of the standards, each with its rules.")
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), default="list", help="What to print (list).")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
def rules(words: tuple[str, ...], ids: tuple[str, ...], statements: bool, form: str, color: str) -> int:
    """List the rules that `mqttdissect check` looks for: id, severity, who is at fault, what is wrong, and where MQTT
    3.1, 3.1.1 and 5.0 state it. In a pipe the columns are separated by tabs.

    WORDS: only rules whose texts, statements or names in other tools contain all of them.

    \b
      mqttdissect rules
      mqttdissect rules retain broker
      mqttdissect rules MQTT-3.1.2-24
      mqttdissect rules --rule second-connect
      mqttdissect rules --statements 5.0 will
      mqttdissect rules -T json | jq -r .id
    """
    from mqttdissect.cli.out import prepare
    from mqttdissect.output import catalogue

    prepare(people=False)
    if ids and (words or statements or form == "markdown"):
        raise click.UsageError("--rule goes with -T list or json, without words and --statements")
    if form == "markdown":
        if words:
            raise click.UsageError("-T markdown prints all of it: it goes without words")
        click.echo(catalogue.statements_markdown() if statements else catalogue.markdown(), nl=False)
        return 0
    if ids:
        about([rule_of(one) for one in ids], form, color)
    elif statements:
        found = catalogue.matching_statements(words)
        if form == "json":
            click.echo("".join(catalogue.line(catalogue.statement_record(one)) for one in found), nl=False)
        else:
            listing(
                ("MQTT", "statement", "it says", "rules", "why not"), [catalogue.statement_row(one) for one in found]
            )
    else:
        chosen = catalogue.matching(words)
        if form == "json":
            click.echo("".join(catalogue.line(catalogue.record(one)) for one in chosen), nl=False)
        else:
            head = ("rule", "severity", "at fault", "what", "3.1", "3.1.1", "5.0")
            listing(head, [catalogue.row(one) for one in chosen])
    return 0


def about(chosen: list[Rule], form: str, color: str) -> None:
    """A page for each rule."""
    from mqttdissect.output import catalogue
    from mqttdissect.output.theme import terminal_width, theme_for

    if form == "json":
        click.echo("".join(catalogue.line(catalogue.record(one)) for one in chosen), nl=False)
        return
    theme = theme_for(sys.stdout, color)
    width = min(terminal_width(sys.stdout) or 80, 120)
    click.echo("\n".join(catalogue.page(one, theme, width) for one in chosen), nl=False, color=theme.colour)


def listing(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table on a terminal, tabs in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mqttdissect.output.theme import SEVERITY_STYLES

    console = Console()
    if len(head) == 7 and console.width < 150:  # the places are on the page of each rule
        head, rows = head[:4], [row[:4] for row in rows]
    table = Table(*head, box=None, pad_edge=False)
    for column in range(len(head)):
        table.columns[column].no_wrap = head[column] in ("rule", "severity", "statement")
    for row in rows:
        table.add_row(*[Text(cell, style=SEVERITY_STYLES.get(cell, "")) for cell in row])
    console.print(table)
