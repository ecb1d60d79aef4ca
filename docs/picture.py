"""Make the pictures of the README and of docs/: `python docs/picture.py` runs the commands below on shipped captures.

What a command prints to a terminal is drawn with rich; what it draws itself (`-o`) is kept as it is. With names of
pictures as arguments only those are made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html import escape, unescape
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parent.parent
COMMAND = "mqttdissect captures/mosquitto-5.0-properties.pcapng"
PACKET = "  PUBLISH  QoS 1"  # the packet whose tree is shown: the first with this in its first line
MANY = "captures/mosquitto-many-clients.pcapng"
TERMINALS = {  # name of the picture: columns, command
    "stats-overview": (100, f"mqttdissect stats {MANY}"),
    "stats-times": (100, f"mqttdissect stats -s times {MANY}"),
    "stats-connections": (100, f"mqttdissect stats -s connections {MANY}"),
    "stats-sizes": (100, "mqttdissect stats -s sizes captures/mosquitto-5.0-large-messages.pcapng"),
    "stats-clients": (120, f"mqttdissect stats -s clients,talkers --top 8 {MANY}"),
    "topics": (110, "mqttdissect topics captures/mosquitto-5.0-subscriptions.pcapng"),
    "ladder-terminal": (110, "mqttdissect ladder captures/mosquitto-5.0-wills.pcapng"),
    "ladder-narrow": (80, "mqttdissect ladder --to 2.5 captures/mosquitto-3.1.1-redelivery.pcap"),
}
DRAWN = {  # name of the picture: a command that is given `-o FILE`
    "stats-picture": f"mqttdissect stats {MANY}",
    "stats-picture-rates": f"mqttdissect stats -s rates {MANY}",
    "ladder": "mqttdissect ladder --to 2.2 captures/mosquitto-3.1.1-qos.pcap",
}
LADDER = "mqttdissect ladder --topic home/kitchen/# --to 0.06 captures/mosquitto-3.1.1-qos.pcap"  # for docs/ladder.md


def main() -> None:
    """Write them."""
    wanted = sys.argv[1:]
    if not wanted or "tree" in wanted:
        tree()
    for name, (width, command) in TERMINALS.items():
        if not wanted or name in wanted:
            write(name, command, Text.from_ansi(output_of(command, width)), width)
    for name, arguments in DRAWN.items():
        if not wanted or name in wanted:
            output_of(f"{arguments} -o docs/{name}.svg", 100)
    if not wanted or "ladder-sources" in wanted:
        sources()


def sources() -> None:
    """The diagrams in Mermaid and PlantUML, in docs/ladder.md; the latter as a picture too, where PlantUML is."""
    page = ROOT / "docs" / "ladder.md"
    text = page.read_text(encoding="utf-8")
    for language in ("mermaid", "plantuml"):
        source = output_of(f"{LADDER} -T {language}", 100)
        before, rest = text.split(f"```{language}\n", 1)
        text = f"{before}```{language}\n{source}```{rest.split('```', 1)[1]}"
    page.write_text(text, encoding="utf-8")
    if shutil.which("plantuml"):
        drawn = subprocess.run(["plantuml", "-tsvg", "-pipe"], input=source.encode(), capture_output=True, check=True)
        (ROOT / "docs" / "ladder-plantuml.svg").write_bytes(re.sub(rb"<!--.*?-->", b"", drawn.stdout, flags=re.DOTALL))


def tree() -> None:
    """The tree of one packet."""
    trees = [Text.from_ansi(tree) for tree in output_of(COMMAND, 0).split("\n\n")]
    shown = next(tree for tree in trees if PACKET in tree.plain.splitlines()[0])
    write("tree", COMMAND, Text("...\n") + shown, 132)


def output_of(command: str, width: int) -> str:
    """What a command prints to a terminal of that many columns; 0 for any."""
    color = [] if " -o " in command else ["--color", "always"]
    arguments = [sys.executable, "-m", "mqttdissect", *command.split()[1:], *color]
    environment = {**os.environ, "TERM": "xterm-256color", **({"COLUMNS": str(width)} if width else {})}
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True, env=environment).stdout.decode()


def write(name: str, command: str, shown: Text, width: int) -> None:
    """Draw a terminal."""
    console = Console(record=True, width=width, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(Text(f"$ {command}", style="bold"))
    console.print(shown)
    svg = console.export_svg(title="mqttdissect", theme=MONOKAI)
    # no fonts from elsewhere: the reader's own will do
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<text ([^>]*?) x="([\d.]+)" ([^>]*?)textLength="([\d.]+)"([^>]*)>([^<]*)</text>', words, svg)
    (ROOT / "docs" / f"{name}.svg").write_text(svg, encoding="utf-8")


def words(run: re.Match[str]) -> str:
    """A run of text as words, each in its place: renderers differ in how wide they draw spaces."""
    before, x, between, length, behind, escaped = run.groups()
    text = unescape(escaped).replace("\N{NO-BREAK SPACE}", " ")
    if not text.strip():
        return ""
    width = float(length) / len(text)  # rich counts characters here, and columns where the next run starts
    return "".join(
        f'<text {before} x="{float(x) + width * cell_len(text[: word.start()]):.1f}" {between}'
        f'textLength="{width * cell_len(word[0]):.1f}"{behind}>{escape(word[0])}</text>'
        for word in re.finditer(r"[^ ]+", text)
    )


if __name__ == "__main__":
    main()
