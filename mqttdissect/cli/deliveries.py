"""`mqttdissect deliveries`: where each message went, how fast, and who should have got it and did not."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from mqttdissect.cli.errors import DONE, complain
from mqttdissect.cli.inputs import Inputs, with_inputs

if TYPE_CHECKING:
    from mqttdissect.mqtt.packet import Packet
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.theme import Theme
    from mqttdissect.pipeline import Dissector


class DeliveriesView:
    """Prints messages once they have been delivered, or could have been."""

    prints = True

    def __init__(self, form: str, clock: Clock, theme: Theme, topics: tuple[str, ...], clients: tuple[str, ...],
                 missed: bool) -> None:  # fmt: skip
        self.form = form
        self.clock = clock
        self.theme = theme
        self.topics = topics
        self.clients = clients
        self.missed = missed
        self._messages = 0
        self._shown = 0

    def start(self) -> None:
        """Nothing comes first."""

    def take(self, packets: list[Packet], dissector: Dissector) -> None:
        """The messages whose time is over."""
        from mqttdissect.mqtt.topics import matches
        from mqttdissect.output import deliveries

        analysis = dissector.analysis
        assert analysis is not None
        analysis.take()
        analysis.take_links()
        if self.clock.first_ns < 0:
            self.clock.first_ns = dissector.first_ns
        out: list[str] = []
        for message in analysis.take_messages():
            self._messages += 1
            if self.topics and not any(matches(one, message.topic) for one in self.topics):
                continue
            if self.missed and not message.missed():
                continue
            people = [message.publisher, *(one.client for one in message.delivered())]
            people += [client.id for client, _ in message.owed()]
            if self.clients and not any(fnmatchcase(who, one) for who in people for one in self.clients):
                continue
            if self.form == "json":
                import orjson

                out.append(orjson.dumps(deliveries.as_json(message)).decode() + "\n")
            else:
                out.append(deliveries.line(message, self.clock, self.theme))
        self._shown += len(out)
        if out:
            sys.stdout.write("".join(out))
            sys.stdout.flush()

    def end(self, dissector: Dissector) -> int:
        """The capture has ended. One line if there is nothing to tell."""
        self.take([], dissector)
        if self._messages and not self._shown:
            complain(f"none of the {self._messages:,} messages fits the selection")
        elif dissector.mqtt.packets and not self._messages:
            complain(f"no messages: a client's PUBLISH or will is none of the {dissector.mqtt.packets:,} packets")
        return DONE


@click.command(
    short_help="Where each message went, how fast, and who missed it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--topic", "topics", multiple=True, metavar="FILTER", help="Only messages on topics that it matches.")
@click.option("--client", "clients", multiple=True, metavar="ID", help="Only messages from or to it (* and ? match).")
@click.option("--missed", is_flag=True, help="Only messages that a subscriber should have got and did not.")
@click.option("-T", "--format", "form", type=click.Choice(("text", "json")), default="text", help="text")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour (auto).")
@with_inputs
def deliveries(
    inputs: Inputs, topics: tuple[str, ...], clients: tuple[str, ...], missed: bool, form: str, color: str
) -> int:
    """Follow each message from the client that published it, through the broker, to its subscribers.

    A message is known again by topic and payload. Who had subscribed to it, was connected, and did not get it within
    5 seconds is named. Retained messages that come with a new subscription, and wills, are tied to their origin too.

    \b
      mqttdissect deliveries file.pcapng
      mqttdissect deliveries --topic 'plant/#' --missed file.pcapng
      mqttdissect deliveries -T json file.pcapng | jq '.delivered[].after'
    """
    inputs.source()
    from mqttdissect.analysis.analysis import Analysis
    from mqttdissect.output.clock import Clock
    from mqttdissect.output.theme import theme_for

    dissector = inputs.dissector()
    dissector.analysis = Analysis()
    dissector.returns = inputs.count is not None
    dissector.analysis.deliveries.watching = True
    theme = theme_for(sys.stdout, color)
    return inputs.run(dissector, DeliveriesView(form, Clock("r"), theme, topics, clients, missed))
