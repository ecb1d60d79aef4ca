"""Ladders as SVG, Mermaid and PlantUML: what they are made of, that they are well-formed whatever the wire holds, and
that they can be rendered. After a change of the SVG's structure that is meant, renew its snapshots:

    python tests/test_ladder_pictures.py
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support import packet, publish, text
from test_ladder import CAPTURES, DRAWN, SNAPSHOTS, Scene

from mqttdissect.output.clock import Clock
from mqttdissect.output.ladder.mermaid import LARGEST, mermaid
from mqttdissect.output.ladder.model import Ladder
from mqttdissect.output.ladder.parties import Columns
from mqttdissect.output.ladder.picture import MOST_BROKERS, MOST_CLIENTS, Picture
from mqttdissect.output.ladder.plantuml import plantuml
from mqttdissect.output.ladder.selection import Selection
from mqttdissect.output.ladder.svg import CHARACTER, svg
from mqttdissect.output.text import cells
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]
RSVG = shutil.which("rsvg-convert")
XML = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "a#b;c:d", "<script>alert(1)</script>", "]]>&amp;", "end", "->> -x ,", "%%{init: {}}%%", "note over c0", "wrap:x",
    '"quoted" as x', '//i// **b** __u__ ""m"" ~~w~~ --s--', "<img:/etc/passwd><b>&#65;<U+0041>", '%getenv("HOME") $x',
    "\\n\\t~", "[[http://x]] {{ }} |a|", "....", "== x ==", "@enduml", "'comment", "loop\nend", "x" * 60_000, "温度/é",
    "\x1b[31m\x07\u202e\u200b\ufeff", " ", "!include x", "#", ";",
]  # fmt: skip


def picture(capture: bytes, most: int = 500, selection: Selection | None = None) -> Picture:
    """What is to be painted of a capture."""
    dissector = Dissector()
    ladder = Ladder(selection or Selection(), Columns(MOST_CLIENTS, False), MOST_BROKERS, True)
    drawing = Picture(most, Clock())
    packets = dissector.feed(capture) + dissector.close()
    drawing.clock.first_ns = ladder.first_ns = dissector.first_ns
    for steps in (ladder.begin([]), ladder.add(packets), ladder.settle(), ladder.close()):
        drawing.take(steps)
    return drawing


def hostile() -> bytes:
    """A client of each name, which publishes on a topic of that name."""
    scene = Scene()
    for name in HOSTILE:
        stream = scene.open(name)
        topic = name.replace("#", "x").replace("+", "x")
        scene.keep(stream.client(publish(topic, b"x", 1, 7), packet(0x82, b"\x00\x01" + text(name) + b"\x00")))
        scene.at(scene.now / 1e6 + 300)
    return scene.pcap()


def structure(element: ElementTree.Element, depth: int = 0) -> list[str]:
    """Elements, their classes and their text, without coordinates."""
    name = element.tag.removeprefix(XML)
    kind = "".join(f".{one}" for one in element.get("class", "").split())
    inside = "" if name == "style" else (element.text or "").strip()
    lines = [f"{'  ' * depth}{name}{kind}{'  ' if inside else ''}{inside}"]
    for child in element:
        lines += structure(child, depth + 1)
    return lines


def stored(capture: str) -> Path:
    """Where the structure of its picture is."""
    return SNAPSHOTS / f"{Path(capture).stem}-svg.txt"


def snapshot(capture: str) -> str:
    """The structure of its picture."""
    return "\n".join(structure(ElementTree.fromstring(svg(picture((CAPTURES / capture).read_bytes()))))) + "\n"


@pytest.mark.parametrize("capture", DRAWN)
def test_the_structure_of_the_svg(capture: str) -> None:
    """As stored."""
    assert snapshot(capture) == stored(capture).read_text(encoding="utf-8")


def test_every_svg_is_well_formed_and_in_its_frame(capture: Path) -> None:
    """All text is inside the picture, and none needs anything from elsewhere."""
    drawn = svg(picture(capture.read_bytes()))
    root = ElementTree.fromstring(drawn)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for one in root.iter(f"{XML}text"):
        said = "".join(one.itertext())
        reach = cells(said) * CHARACTER * (-1 if one.get("text-anchor") == "end" else 1)
        assert float(one.get("x", -1)) + min(reach, 0) >= 0
        assert float(one.get("x", -1)) + max(reach, 0) <= width, said
        assert 0 < float(one.get("y", -1)) <= height
    assert not re.search(r"<script|href|url\(|@import|onload", drawn)


@pytest.mark.skipif(not RSVG, reason="rsvg-convert is not installed")
@pytest.mark.parametrize("name", [*DRAWN, "hostile"])
def test_the_svg_can_be_rendered(name: str, tmp_path: Path) -> None:
    """By librsvg, to a PNG of its size, on which something is drawn."""
    raw = hostile() if name == "hostile" else (CAPTURES / name).read_bytes()
    drawn = svg(picture(raw))
    done = subprocess.run([RSVG or "", "-o", tmp_path / "x.png"], input=drawn.encode(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    png = (tmp_path / "x.png").read_bytes()
    root = ElementTree.fromstring(drawn)
    assert abs(int.from_bytes(png[16:20], "big") - float(root.get("width", 0))) < 2
    assert abs(int.from_bytes(png[20:24], "big") - float(root.get("height", 0))) < 2
    assert len(png) > 20_000


def test_both_arrows_of_a_delivery_have_one_colour() -> None:
    """And another message has another one; what belongs to none has none."""
    scene = Scene()
    publisher, subscriber = scene.open("p"), scene.open("s")
    scene.keep(publisher.client(publish("a", b"1"), publish("b", b"1")))
    scene.keep(subscriber.server(publish("a", b"1"), publish("b", b"1"), publish("c", b"1")))
    raw = scene.pcap()
    kinds = re.findall(r'<g class="arrow( d\d)?"><title>[^<]*PUBLISH', svg(picture(raw)))
    assert kinds == [" d1", " d2", " d1", " d2", ""]
    colours = re.findall(r"-(\[#\w+\])?> \S+ : \S+ PUBLISH", plantuml(picture(raw)))
    assert colours[0] == colours[2] != colours[1] == colours[3]
    assert colours[4] == ""
    dots = re.findall(r": ([🔵🟠🟢🟣🟤🟡]?) ?\S+ PUBLISH", mermaid(picture(raw)))
    assert dots == ["🟠", "🟢", "🟠", "🟢", ""]


def test_a_long_topic_is_whole_in_the_tooltip() -> None:
    """Up to 1,000 characters, and at its arrow it has both ends; the diagrams have a bounded length."""
    for length in (150, 1_000, 60_000):
        topic = f"first/{'x' * (length - 11)}/last"
        scene = Scene()
        scene.keep(scene.open("c").client(publish(topic, b"x")))
        drawn = picture(scene.pcap())
        root = ElementTree.fromstring(svg(drawn))
        arrow = next(one for one in root.iter(f"{XML}g") if "PUBLISH" in "".join(one.itertext()))
        title = arrow.findtext(f"{XML}title") or ""
        assert (topic in title) == (length <= 1_000)
        assert len(title) < 1_100
        label = "".join(arrow.findall(f"{XML}text")[-1].itertext())
        assert "first/xxx" in label
        assert label.endswith("xxx/last")
        assert len(label) < 120
        assert all(len(line) < 1_200 for paint in (mermaid, plantuml) for line in paint(drawn).splitlines())


def test_hostile_text_is_harmless_in_svg() -> None:
    """Shown as it is where it can be, as an escape where not."""
    drawn = svg(picture(hostile()))
    said = "\n".join(ElementTree.fromstring(drawn).itertext())
    assert "<script>alert(1)</script>" in said
    assert "\\x1b[31m" in said
    assert "<script" not in drawn
    assert all(char.isprintable() or char in "\n\u00a0" for char in drawn)
    assert len(drawn) < 200_000


PLAIN = r"(?:[\w /._,()+⟨⟩→·✗↻…]|#\d+;)+"
MERMAID = re.compile(
    rf"sequenceDiagram|    (?:participant (?:[cb]\d+|nobody) as {PLAIN}"
    rf"|[cb]\d+(?:->>|--x)[cb]\d+: (?:[🔵🟠🟢🟣🟤🟡] )?{PLAIN}|Note over [cb]\d+(?:,[cb]\d+)?: {PLAIN})"
)


@pytest.mark.parametrize("name", [*DRAWN, "hostile"])
def test_mermaid_keeps_to_its_grammar(name: str) -> None:
    """Strictly: only these statements, and in texts only these characters and numbered ones."""
    drawing = picture(hostile() if name == "hostile" else (CAPTURES / name).read_bytes())
    drawn = mermaid(drawing)
    for line in drawn.splitlines():
        assert MERMAID.fullmatch(line), line
    assert len(drawn) < 50_000
    said = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), drawn)
    for client in drawing.clients:
        assert f" as {' '.join(client.split()) or '-'}"[:100] in said


def test_mermaid_ends_before_it_is_too_long() -> None:
    """And says how much is left out."""
    scene = Scene()
    stream = scene.open("c")
    scene.keep(
        stream.client(*[publish("a/rather/long/topic/with-dashes-in-it", bytes([index])) for index in range(250)] * 3)
    )
    drawing = picture(scene.pcap(), 10_000)
    drawn = mermaid(drawing)
    assert LARGEST * 0.9 < len(drawn) < 50_000
    assert drawn.count("->>") + drawing.left_out == 752
    assert "more packets are not in this picture" in drawn


UML_PLAIN = r"(?:[\w .,()⟨⟩→·✗↻…]|<U\+[0-9A-F]{4,5}>)+"
UML = re.compile(
    rf'@startuml|@enduml|skinparam \w+ \w+|participant "{UML_PLAIN}" as (?:[cb]\d+|nobody)'
    rf"|[cb]\d+ -(?:\[#\w+\])?> [cb]\d+ : {UML_PLAIN}|[cb]\d+ --x [cb]\d+ : {UML_PLAIN}"
    rf"|note over [cb]\d+(?:,[cb]\d+)?(?: #\w+)? : {UML_PLAIN}|\.\.\.{UML_PLAIN}\.\.\."
)


@pytest.mark.parametrize("name", [*DRAWN, "hostile"])
def test_plantuml_keeps_to_its_grammar(name: str) -> None:
    """Strictly, as for Mermaid; no two dots together in a text, which would be a line."""
    drawing = picture(hostile() if name == "hostile" else (CAPTURES / name).read_bytes())
    drawn = plantuml(drawing)
    for line in drawn.splitlines():
        assert UML.fullmatch(line), line
        assert line.startswith("...") or ".." not in line
    said = re.sub(r"<U\+([0-9A-F]+)>", lambda match: chr(int(match[1], 16)), drawn)
    for client in drawing.clients:
        assert f'participant "{client.strip() or "-"}" as' in said


@pytest.mark.parametrize("paint", [svg, mermaid, plantuml])
def test_what_is_left_out_is_said(paint: Callable[[Picture], str]) -> None:
    """With what draws all of it; nobody who only comes later has a column."""
    raw = (CAPTURES / "mosquitto-many-clients.pcapng").read_bytes()
    drawing = picture(raw, 7)
    said = html.unescape(re.sub(r"<U\+002D>|#45;", "-", paint(drawing)))
    assert (drawing.arrows, len(drawing.clients)) == (7, 4)
    assert "879 more packets are not in this picture" in said
    assert "--most 886 draws all" in said


@pytest.mark.parametrize("paint", [svg, mermaid, plantuml])
def test_ten_thousand_clients_have_so_many_columns(paint: Callable[[Picture], str]) -> None:
    """The others share one, with their names at their arrows."""
    scene = Scene()
    for index in range(40):
        scene.open(f"client {index}")
    drawing = picture(scene.pcap())
    assert len(drawing.clients) == MOST_CLIENTS
    assert drawing.clients[-1] == "others"
    assert "client 39: CONNECT" in re.sub(r"<U\+003A>|#58;|</?tspan[^>]*>", ":", paint(drawing)).replace("::", ":")


@pytest.mark.parametrize("paint", [svg, mermaid, plantuml])
def test_nothing_to_draw_is_said_in_the_picture(paint: Callable[[Picture], str]) -> None:
    """Rather than an empty one."""
    assert "There is nothing to draw" in paint(picture(Scene().pcap()))


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("x.svg", "<svg "),
        ("x.mmd", "sequenceDiagram"),
        ("x.puml", "@startuml"),
        ("x.txt", "  frame"),
        ("X.SVG", "<svg "),
    ],
)
def test_the_name_of_the_file_says_what_it_is(mqttdissect: Run, tmp_path: Path, name: str, starts: str) -> None:
    """-T says it where the name does not."""
    done = mqttdissect("ladder", "-o", name, CAPTURES / DRAWN[0], COLUMNS="120")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(starts)


def test_formats_on_standard_output(mqttdissect: Run) -> None:
    """With one line on standard error about what is left out."""
    done = mqttdissect("ladder", "-T", "mermaid", "--most", "5", CAPTURES / DRAWN[0])
    assert done.stdout.startswith("sequenceDiagram\n")
    assert done.stderr == "mqttdissect: 46 more packets are not in this picture: --most 51 draws all\n"


@pytest.mark.parametrize("form", ["mermaid", "plantuml"])
def test_the_diagrams_in_the_docs_are_those_that_are_drawn(mqttdissect: Run, form: str) -> None:
    """`python docs/picture.py ladder-sources` renews them."""
    page = (CAPTURES.parent / "docs" / "ladder.md").read_text(encoding="utf-8")
    options = ["-T", form, "--topic", "home/kitchen/#", "--to", "0.06"]
    assert f"```{form}\n{mqttdissect('ladder', *options, CAPTURES / 'mosquitto-3.1.1-qos.pcap').stdout}```" in page


def test_usage(mqttdissect: Run, tmp_path: Path) -> None:
    """One line that says what is wrong."""
    copy = tmp_path / "copy.svg"
    copy.write_bytes((CAPTURES / DRAWN[0]).read_bytes())
    for options, says in (
        (["-o", "x.png", copy], "name it .svg"),
        (["-o", copy, copy], "is the file that is read"),
        (["-o", "nowhere/x.svg", copy], "cannot write nowhere/x.svg"),
        (["-o", "nowhere/x.txt", copy], "cannot write nowhere/x.txt"),
        (["-T", "png", copy], "png"),
    ):
        done = mqttdissect("ladder", *options)
        assert done.returncode != 0
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    for one in DRAWN:
        stored(one).write_text(snapshot(one), encoding="utf-8")
