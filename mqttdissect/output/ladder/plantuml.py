"""A ladder as a PlantUML sequence diagram.

Only letters, digits and a few harmless signs of a text stand for themselves; everything else is written as `<U+NNNN>`,
PlantUML's way to write a character by its number: Creole markup (`//`, `**`, `__`), `<img>`, `\\n`, `%functions` and
`$variables` would otherwise be obeyed.
"""

from __future__ import annotations

from typing import Final

from mqttdissect.output.ladder.fold import abbreviated
from mqttdissect.output.ladder.picture import COLOURS, NOTHING, Picture, words
from mqttdissect.output.ladder.step import ARROW, ERROR, JOIN, LEAVE, NOBODY, NOTE, RENAME, WARNING, Step

LIGHT: Final = ("#0b62a8", "#a85400", "#0a7a4f", "#7a3db8", "#00717d", "#7a6a00")
PAPER: Final = {ERROR: " #ffd7d9", WARNING: " #fff1c2"}  # of notes; PlantUML's own for the others
MOST_WORDS: Final = 400  # columns of one text
PLAIN: Final = frozenset(" .,()⟨⟩→·✗↻…")


def plantuml(picture: Picture) -> str:
    """The whole diagram."""
    lines = ["@startuml", "skinparam shadowing false", "skinparam sequenceMessageAlign left"]
    middle = (len(picture.clients) + 1) // 2
    order = [(f"c{index}", name) for index, name in enumerate(picture.clients)]
    order[middle:middle] = [(f"b{index}", name) for index, name in enumerate(picture.brokers)]
    lines += [f'participant "{harmless(name.strip() or "-")}" as {column}' for column, name in order]
    if not order:
        lines.append(f'participant "{harmless(NOTHING)}" as nobody')
    whole = f"{order[0][0]},{order[-1][0]}" if len(order) > 1 else "c0"
    for step in picture.steps:
        count, said = picture.pause(step)
        if count:
            lines.append(f"...{harmless(said)}...")
        lines += statement(step, picture, whole)
    rest = picture.rest()
    if rest:
        lines.append(f"...{harmless(rest)}...")
    return "\n".join([*lines, "@enduml", ""])


def statement(step: Step, picture: Picture, whole: str) -> list[str]:
    """One step."""
    client, broker = f"c{step.lane}", f"b{step.broker}"
    if step.kind == ARROW:
        ends = (client, broker) if step.out else (broker, client)
        colour = f"[{LIGHT[step.tag % COLOURS]}]" if step.tag else ""
        return [f"{ends[0]} -{colour}> {ends[1]} : {harmless(f'{step.stamp} {words(step)}')}"]
    if step.kind == NOTE:
        place = client if step.lane != NOBODY else whole
        return [f"note over {place}{PAPER.get(step.level, '')} : {harmless(words(step))}"]
    if step.kind == LEAVE:
        return [f"{client} --x {broker} : {harmless(f'{step.stamp} {step.text}')}"]
    if step.kind in (JOIN, RENAME):
        text = f"{step.text}  {step.about}" if step.about else step.text
        return [f"note over {client} : {harmless(text)}"]
    return []


def harmless(text: str) -> str:
    """`text` with everything that could be markup as `<U+NNNN>`, and no longer than a diagram bears."""
    text = abbreviated(text, MOST_WORDS)
    text = "".join([char if char.isalnum() or char in PLAIN else f"<U+{ord(char):04X}>" for char in text])
    return text.replace("..", "<U+002E>.")  # more than one would be a line
