"""`mqttdissect topics`: the tree of topics, on a terminal as it grows."""

from __future__ import annotations

import sys
from threading import Lock
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable, RichCast
    from rich.live import Live

    from mqttdissect.analysis.statistics import Statistics
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.topics import LiveTopics, TopicTree
    from mqttdissect.pipeline import Dissector

FORMATS = ("text", "json", "csv")
SORTS = ("messages", "bytes", "retained", "publishers", "subscribers", "name")
REFRESHES = 4  # a second


class Watcher:
    """Shows the tree while a run goes on, where that is wanted, and prints it at the end: a `session.Consumer`.

    rich draws in a thread of its own, so that the picture stays right while nothing comes; hence the lock.
    """

    def __init__(self, statistics: Statistics, tree: TopicTree, form: str, color: str, watch: bool) -> None:
        self.prints = watch
        self.statistics = statistics
        self.tree = tree
        self.form = form
        self.color = color
        self._lock = Lock()
        self._live: Live | None = None

    def start(self) -> None:
        """Take the terminal."""
        if not self.prints:
            return
        from rich.live import Live

        from mqttdissect.output.topics import LiveTopics, live_console

        shown = LiveTopics(self.tree, live_console(sys.stdout, self.color))
        self._live = Live(
            console=shown.console, refresh_per_second=REFRESHES, transient=True, redirect_stdout=False,
            redirect_stderr=False, get_renderable=lambda: self._drawn(shown),
        )  # fmt: skip
        self._live.start()

    def _drawn(self, shown: LiveTopics) -> ConsoleRenderable | RichCast | str:
        with self._lock:
            return shown.renderable()

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """Count them."""
        with self._lock:
            if dissector.first_ns >= 0:
                self.statistics.start(dissector.first_ns)
            self.statistics.take(packets)

    def end(self, dissector: Dissector) -> int:
        """Give the terminal back, and print the tree."""
        from mqttdissect.cli.errors import DONE

        if self._live is not None:
            self._live.stop()
        self.statistics.end()
        sys.stdout.write(self._text(dissector))
        return DONE

    def _text(self, dissector: Dissector) -> str:
        from mqttdissect.cli.errors import complain
        from mqttdissect.output import statistics as view

        if self.form == "json":
            from mqttdissect.output.report import to_json

            return to_json(self.statistics, dissector, ("topics",), None)
        if self.form == "csv":
            from mqttdissect.output.tables import to_csv

            return to_csv(view.topics(self.statistics))
        if not self.statistics.topics:
            if self.statistics.packets:
                complain(f"no topics: none of the {self.statistics.packets:,} packets is a PUBLISH")
            return ""
        from mqttdissect.output.page import Page
        from mqttdissect.output.theme import page_width, theme_for

        theme = theme_for(sys.stdout, self.color)
        return Page(self.statistics, dissector, (), 0, page_width(sys.stdout), theme).table_text(self.tree.table())


@click.command(short_help="The tree of topics.", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--depth", type=click.IntRange(1, 64), metavar="N", help="Levels to show; what is below is summed up.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="Rows to show, those of the upper levels first (all).")
@click.option("--sort", type=click.Choice(SORTS), default="messages", help="What comes first (messages).")
@click.option("-T", "--format", "form", type=click.Choice(FORMATS), default="text", help="What to print (text).")
@click.option(
    "--max-topics", type=click.IntRange(1), default=50_000, metavar="N", help="Topics that are told apart (50000)."
)
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@with_inputs
def topics(
    inputs: Inputs, depth: int | None, top: int | None, sort: str, form: str, max_topics: int, color: str
) -> int:  # fmt: skip
    """Print the topics of captures as a tree: messages, bytes, rates, retained messages, publishers, subscribers.

    Live, or from a pipe, a terminal shows the tree as it grows, until Ctrl-C or the end; then it is printed whole.

    \b
      mqttdissect topics file.pcapng                 the tree
      mqttdissect topics --depth 2 --sort bytes file.pcapng
      mqttdissect topics -i eth0                     as it grows
      ssh gateway tcpdump -U -w - port 1883 | mqttdissect topics -

    Exit status: 0 done; 1 done, but the capture was damaged; 2 it could not be read.
    """
    if depth and form != "text":
        raise click.UsageError("--depth goes with -T text; JSON and CSV have the whole names")
    inputs.source()
    from mqttdissect.analysis.statistics import Statistics
    from mqttdissect.analysis.topictree import DEEPEST
    from mqttdissect.output.topics import EVERY_ROW, TopicTree

    statistics = Statistics(max_topics)
    tree = TopicTree(statistics, depth or DEEPEST, top or EVERY_ROW, sort)
    watch = form == "text" and inputs.live and sys.stdout.isatty()
    dissector = inputs.dissector()
    dissector.mqtt.glances = True
    return inputs.run(dissector, Watcher(statistics, tree, form, color, watch))
