"""A ladder as a Mermaid sequence diagram, for Markdown that renders it (GitHub, GitLab, wikis).

Only letters, digits and a few harmless signs of a text stand for themselves; everything else is written as `#NNN;`,
Mermaid's way to write a character by its number: quotes, colons, semicolons, `#`, `%%`, arrows and HTML would otherwise
be syntax. Mermaid refuses texts above 50,000 characters, so the picture ends before that.

Mermaid has one colour for all arrows. What has one colour elsewhere begins with a dot of that colour here, a character.
"""

from __future__ import annotations

from typing import Final

from mqttdissect.output.ladder.fold import abbreviated
from mqttdissect.output.ladder.picture import COLOURS, NOTHING, Picture, words
from mqttdissect.output.ladder.step import ARROW, BROKER, LEAVE, NOBODY, NOTE, Step

LARGEST: Final = 48_000  # characters
PLAIN: Final = frozenset(" /._,()+⟨⟩→·✗↻…")
DOTS: Final = "🔵🟠🟢🟣🟤🟡"  # of deliveries in turn; without red, for what is wrong
MOST_WORDS: Final = 160  # columns of one text


def mermaid(picture: Picture) -> str:
    """The whole diagram."""
    lines = ["sequenceDiagram"]
    middle = (len(picture.clients) + 1) // 2
    order = [(f"c{index}", name) for index, name in enumerate(picture.clients)]
    order[middle:middle] = [(f"b{index}", name) for index, name in enumerate(picture.brokers)]
    lines += [f"    participant {column} as {harmless(name)}" for column, name in order]
    if not order:
        return f"sequenceDiagram\n    participant nobody as {harmless(NOTHING)}\n"
    whole = f"{order[0][0]},{order[-1][0]}" if len(order) > 1 else order[0][0]
    size = sum(map(len, lines)) + len(lines)
    for index, step in enumerate(picture.steps):
        if step.kind == BROKER:
            continue
        count, said = picture.pause(step)
        more = [f"    Note over {whole}: {harmless(said)}"] if count else []
        more.append(f"    {statement(step, picture, whole)}")
        size += sum(map(len, more)) + len(more)
        if size > LARGEST:
            cut = sum(one.kind == ARROW for one in picture.steps[index:])
            picture.left_out += cut
            picture.arrows -= cut
            break
        lines += more
    rest = picture.rest()
    if rest:
        lines.append(f"    Note over {whole}: {harmless(rest)}")
    return "\n".join(lines) + "\n"


def statement(step: Step, picture: Picture, whole: str) -> str:
    """One step."""
    client, broker = f"c{step.lane}", f"b{step.broker}"
    if step.kind == ARROW:
        ends = f"{client}->>{broker}" if step.out else f"{broker}->>{client}"
        dot = f"{DOTS[step.tag % COLOURS]} " if step.tag else ""
        return f"{ends}: {dot}{harmless(f'{step.stamp} {words(step)}')}"
    if step.kind == NOTE:
        return f"Note over {client if step.lane != NOBODY else whole}: {harmless(words(step))}"
    if step.kind == LEAVE:
        return f"{client}--x{broker}: {harmless(f'{step.stamp} {step.text}')}"
    text = f"{step.text}  {step.about}" if step.about else step.text
    return f"Note over {client}: {harmless(text)}"


def harmless(text: str) -> str:
    """`text` with everything that could be syntax as `#NNN;`, and no longer than a diagram bears."""
    text = " ".join(abbreviated(text, MOST_WORDS).split()) or "-"
    return "".join([char if char.isalnum() or char in PLAIN else f"#{ord(char)};" for char in text])
