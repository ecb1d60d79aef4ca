"""`mqttdissect`: the group of commands, of which `dissect` is the one that needs no name."""

from __future__ import annotations

import importlib
import sys

import click

from mqttdissect import __version__

COMMANDS = {  # loaded when they are used: module, its function, and what it is for
    "check": ("mqttdissect.cli.check", "check", "Say what breaks the standard, who and where."),
    "dissect": ("mqttdissect.cli.dissect", "dissect", "Dissect captures: what happens without a command."),
    "sessions": ("mqttdissect.cli.sessions", "sessions", "Who connected, with what, for how long, and how it ended."),
    "deliveries": ("mqttdissect.cli.deliveries", "deliveries", "Where each message went, how fast, and who missed it."),
    "stats": ("mqttdissect.cli.stats", "stats", "What captures add up to: types, topics, clients, rates, times."),
    "diff": ("mqttdissect.cli.diff", "diff", "What differs in meaning between two captures: one works, one does not."),
    "topics": ("mqttdissect.cli.topics", "topics", "The tree of topics, as it grows where it is live."),
    "fields": ("mqttdissect.cli.fields", "fields", "List the fields that -e takes."),
    "ladder": ("mqttdissect.cli.ladder", "ladder", "Draw sessions as a sequence diagram."),
    "rules": ("mqttdissect.cli.rules", "rules", "List the rules that check looks for."),
}


class Commands(click.Group):
    """A group whose first argument may also be an option or a capture: then it is for `dissect`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, by name."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one."""
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the default command where the user did not; without any word, show the help."""
        args = args or ["--help"]
        if args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version"):
            args = ["dissect", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; that the reader of its output has gone (`| head`) is success."""
        from mqttdissect.cli.errors import closed_pipe

        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return closed_pipe()

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of `dissect`, then the other commands."""
        command = self.get_command(ctx, "dissect")
        assert command is not None
        with click.Context(command, info_name=ctx.info_name) as inner:
            command.format_help(inner, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in sorted(COMMANDS.items())])


def version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print the version, and which build runs."""
    if value:
        from mqttdissect.cli.build import build

        click.echo(f"mqttdissect {__version__} ({build()})")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=version, help="Show the version.")
def cli() -> None:
    """See and understand MQTT on the wire."""


def main() -> None:
    """The console script. Errors are one line; a closed pipe is none."""
    from mqttdissect.cli.errors import run

    sys.exit(run(cli))
