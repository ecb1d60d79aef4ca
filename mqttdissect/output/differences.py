"""What `diff` prints: the first difference with both trees, all of them in a line each, a summary; or JSON.

Takes a `Result` and the packets that its differences are about (`Shown`, by their numbers in each capture).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from mqttdissect.comparison.difference import (
    KINDS,
    NOWHERE,
    SIDES,
    TIMING,
    UNSEEN_PARTS,
    Change,
    Difference,
    Result,
    Value,
)
from mqttdissect.comparison.facts import HASHES, Facts
from mqttdissect.comparison.marks import Marks, Payload, marks
from mqttdissect.mqtt.fields import TEXT, BitSpec, FieldSpec
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE
from mqttdissect.output import values
from mqttdissect.output.gist import Gist
from mqttdissect.output.ndjson import JsonWriter
from mqttdissect.output.sidebyside import SideBySide
from mqttdissect.output.tables import cut
from mqttdissect.output.text import cells, padded, shortened, visible, wrapped
from mqttdissect.output.theme import Theme, no_colour

LONGEST_ID: Final = 24  # columns of a client identifier in the list
SHORTEST_ID: Final = 8  # that are left to it on any terminal
GAP: Final = 2  # columns between two of the list
LONGEST_VALUE: Final = 48  # characters of a value in the list
CONTEXT: Final = 12  # bytes of a payload before the first that differs
EXCERPT: Final = 40  # bytes of a payload in the list
BELOW: Final = 6  # columns that the rest of a line is set in
NARROWEST: Final = 20
MOST_CHANGES: Final = 6  # of a packet in the list


class Shown:
    """Packets that are shown, by capture and number: whole ones, or what is said of them in a line, and payloads."""

    def __init__(self) -> None:
        self.packets: tuple[dict[int, Packet], dict[int, Packet]] = ({}, {})
        self.gists: tuple[dict[int, str], dict[int, str]] = ({}, {})
        self.payloads: tuple[dict[int, Payload], dict[int, Payload]] = ({}, {})

    def packet(self, side: int, difference: Difference) -> Packet | None:
        """The packet of a difference, if it is there whole."""
        return self.packets[side].get((difference.good, difference.bad)[side])

    def marks(self, difference: Difference) -> Marks | None:
        """Where the payloads of a difference differ, if both are there and that has a meaning."""
        good, bad = self.payloads[0].get(difference.good), self.payloads[1].get(difference.bad)
        counts = any(change.meaningful and change.spec is APPLICATION_MESSAGE for change in difference.changes)
        return marks(good, bad, difference.form) if counts and good is not None and bad is not None else None

    def excerpts(self, difference: Difference, first: tuple[int, int]) -> list[str]:
        """Parts of both payloads around the bytes where they begin to differ."""
        return [
            excerpt(self.payloads[side][number].data, first[side])
            for side, number in enumerate((difference.good, difference.bad))
        ]


class Text:
    """`parts(result, shown)`. trees: how many differences are shown with both trees. most: how many are listed."""

    def __init__(self, theme: Theme, width: int, fold: int, secrets: bool, trees: int, most: int) -> None:
        self._theme = theme
        self._width = width
        self._fold = fold
        self._secrets = secrets
        self._trees = trees
        self._most = most

    def parts(self, result: Result, shown: Shown) -> Iterator[str]:
        """The whole output, in parts."""
        yield from self._heading(result)
        listed = result.differences[: self._most]
        if listed:
            first_ns = result.captures[0].first_ns, result.captures[1].first_ns
            writer = SideBySide(self._theme, self._width, self._fold, self._secrets, first_ns)
            for number, difference in enumerate(listed[: self._trees], 1):
                yield "\n" + self._with_trees(number, difference, shown, writer)
            yield from self._list(result, listed, shown)
        yield "\n" + self._summary(result)

    def _heading(self, result: Result) -> Iterator[str]:
        """Which captures."""
        rows = [
            (side, visible(facts.name), contents(facts)) for side, facts in zip(SIDES, result.captures, strict=True)
        ]
        widest = max(cells(name) for _, name, _ in rows)
        for side, name, what in rows:
            yield self._wrapped(
                self._theme.paint(self._theme.heading, side.ljust(4)) + "  ", [padded(name, widest), what]
            )

    def _with_trees(self, number: int, difference: Difference, shown: Shown, writer: SideBySide) -> str:
        """One difference in full."""
        theme = self._theme
        title = "First difference" if number == 1 else f"Difference {number}"
        who = f", client {visible(shortened(difference.client, LONGEST_VALUE))}" if difference.client else ""
        head = f"{title}: {difference.kind}{who}: {difference.what}{frames_in_words(difference)}"
        lines = [theme.paint(theme.heading, line) + "\n" for line in self._folded(head)]
        for detail in self._details(difference, shown, 0):
            lines += [f"  {line}\n" for line in self._folded(detail)]
        good, bad = shown.packet(0, difference), shown.packet(1, difference)
        if good is not None or bad is not None:
            meaning = {change.spec for change in difference.changes if change.meaningful}
            lines += ["\n", *writer.lines(good, bad, meaning, shown.marks(difference))]
        return "".join(lines)

    def _details(self, difference: Difference, shown: Shown, most: int) -> list[str]:
        """What differs, a line each. most: of fields, 0 for all."""
        found: list[str] = []
        for change in [one for one in difference.changes if one.meaningful]:
            if change.spec is APPLICATION_MESSAGE:
                found.append(self._payload(difference, shown))
            else:
                found.append(f"{name_of(change)}: {' | '.join(self._values(change))}")
        if most and len(found) > most:
            found = [*found[:most], f"… and {len(found) - most} more fields"]
        if difference.says:
            found.append(difference.says)
        return found

    def _values(self, change: Change) -> list[str]:
        """Both, so far as they show what differs."""
        texts = [in_words(change.spec, value, self._secrets) for value in (change.good, change.bad)]
        alike = (one == two for one, two in zip(*texts, strict=False))
        same = sum(1 for _ in takewhile(bool, alike))
        hashes = HASHES.search(texts[0])
        if hashes is not None and same > hashes.start():
            return [shortened(texts[0], LONGEST_VALUE), f"the same for {hashes.start()} characters, then another"]
        start = max(0, same - CONTEXT) if same > LONGEST_VALUE - CONTEXT else 0
        shown = [f"…{text[start:]}" if start else text for text in texts]
        shown = [shortened(HASHES.sub("…", text), LONGEST_VALUE) for text in shown]
        return [f"{text} (default)" if change.implied == side else text for side, text in enumerate(shown)]

    def _payload(self, difference: Difference, shown: Shown) -> str:
        """The part of both payloads where they begin to differ in meaning."""
        found = shown.marks(difference)
        if found is None:
            return APPLICATION_MESSAGE.label
        place = " | ".join(dict.fromkeys(map(str, found.first)))
        return (
            f"{APPLICATION_MESSAGE.label}, from byte {place} on: {' | '.join(shown.excerpts(difference, found.first))}"
        )

    def _list(self, result: Result, listed: list[Difference], shown: Shown) -> Iterator[str]:
        """All, a line each, aligned."""
        total = sum(result.counts.values())
        title = f"All {total:,} differences" if total > 1 else "The only difference"
        yield "\n" + self._theme.paint(self._theme.heading, title) + "\n"
        places = [places_of(one) for one in listed]
        widths = [len(str(len(listed))), max(len(one.kind) for one in listed), 0, max(map(len, places))]
        room = LONGEST_ID
        if self._width:
            room = min(room, max(self._width - sum(widths) - 4 * GAP - NARROWEST, SHORTEST_ID))
        names = [cut(visible(shortened(one.client, LONGEST_ID)), room) or "–" for one in listed]
        widths[2] = max(map(cells, names))
        for number, (one, name, place) in enumerate(zip(listed, names, places, strict=True), 1):
            start = (
                f"{number:>{widths[0]}}  {one.kind.ljust(widths[1])}  {padded(name, widths[2])}  "
                f"{place.rjust(widths[3])}  "
            )
            yield self._wrapped(start, self._words(one, shown))
        if total > len(listed):
            yield f"… and {total - len(listed):,} more; --most shows more of them\n"

    def _wrapped(self, start: str, parts: list[str]) -> str:
        """A line; where that is too wide, the rest below its start."""
        line = start + "  ".join(parts)
        if not self._width or cells(line) <= self._width:
            return line + "\n"
        indent = " " * BELOW
        first, *others = parts
        lines = [start + first] if cells(start + first) <= self._width else [start.rstrip(), *self._folded(first)]
        for part in others:
            lines += self._folded(part)
        return "\n".join([lines[0], *[indent + line for line in lines[1:]]]) + "\n"

    def _folded(self, text: str) -> list[str]:
        """Text in lines of the width, less an indent."""
        return folded(text, max(self._width - BELOW, NARROWEST)) if self._width else [text]

    def _words(self, difference: Difference, shown: Shown) -> list[str]:
        """What a line of the list says."""
        what = self._theme.paint(self._theme.type, difference.what)
        if difference.answers:
            what += f" with {', '.join(difference.answers)}"
        elif difference.count > 1 and difference.what != "connection":
            what += f" and {count(difference.count - 1, 'more packet')}"
        details = self._details(difference, shown, MOST_CHANGES)
        if not difference.changes:
            side = 0 if difference.good != NOWHERE else 1
            gist = shown.gists[side].get((difference.good, difference.bad)[side], "")
            if gist and difference.what not in ("connection", "end of the connection"):
                details.insert(0, gist)
        return [what, *details]

    def _summary(self, result: Result) -> str:
        """Counts."""
        theme = self._theme
        lines: list[str] = []
        if result.same:
            lines.append("No differences in meaning.")
        else:
            counts = [f"{result.counts[kind]:,} {kind}" for kind in KINDS if result.counts[kind]]
            lines.append(f"Differences: {', '.join(counts)}")
        timings = len(result.timings)
        if timings:
            one = result.timings[0]
            lines.append(f"Not counted: {timings:,} {TIMING} (--times counts them), first {one.what}: {one.says}")
        lines.append(f"Compared: {compared(result)}")
        aside = [f"{count:,} {what}" for what, count in result.aside.most_common() if count and what != UNSEEN_PARTS]
        if aside:
            lines.append(f"Set aside: {'; '.join(aside)} (--all compares them too)")
        if result.aside[UNSEEN_PARTS]:
            lines.append(f"Not compared: {result.aside[UNSEEN_PARTS]:,} {UNSEEN_PARTS}")
        for side, facts in zip(SIDES, result.captures, strict=True):
            if facts.left_out:
                lines.append(f"Left out: the last {facts.left_out:,} packets of {side}, there are too many")
            if facts.damaged:
                lines.append(f"The capture of {side} is damaged: compared is what could be read of it")
            if facts.gap_bytes:
                lines.append(
                    f"The capture of {side} lacks {facts.gap_bytes:,} bytes of MQTT: what is missing may be due to that"
                )
        text = ""
        for line in lines:
            first, *others = self._folded(line)
            head, colon, rest = first.partition(":")
            text += f"{theme.paint(theme.heading, head + colon)}{rest}\n"
            text += "".join(f"  {other}\n" for other in others)
        return text


def folded(text: str, width: int) -> list[str]:
    """Text in lines of at most `width` columns, cut at spaces where there are any."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if not line or cells(line) + 1 + cells(word) <= width:
            line = f"{line} {word}" if line else word
        else:
            lines.append(line)
            line = word
        if cells(line) > width:
            *full, line = wrapped(line, width)
            lines += full
    return [*lines, line]


def contents(facts: Facts) -> str:
    """3 connections of 2 clients, 60 packets"""
    sessions = [one for one in facts.sessions if len(one)]
    clients = len({one.client_id or one.stream for one in sessions})
    parts = [count(len(sessions), "connection")]
    if clients != len(sessions):
        parts[0] += f" of {count(clients, 'client')}"
    return f"{parts[0]}, {count(facts.packets, 'packet')}"


def count(number: int, what: str) -> str:
    """1 packet, 2 packets"""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def compared(result: Result) -> str:
    """How much has its counterpart."""
    other = result.matched - result.by_id
    how = f"{result.by_id:,} by client identifier" if result.by_id else ""
    if other:
        how += f"{' and ' if how else ''}{other:,} by what they do"
    text = f"{count(result.matched, 'pair')} of connections" + (f" ({how})" if how else "")
    for side, only in zip(SIDES, result.only, strict=True):
        if only:
            text += f", {only:,} only in {side}"
    return f"{text}; {count(result.compared, 'pair')} of packets"


def places_of(difference: Difference) -> str:
    """#12 | #14"""
    good, bad = difference.frames
    return f"{f'#{good}' if good else '–'} | {f'#{bad}' if bad else '–'}"


def frames_in_words(difference: Difference) -> str:
    """#12 in GOOD, #14 in BAD"""
    parts = [f"#{frame} in {side}" for side, frame in zip(SIDES, difference.frames, strict=True) if frame]
    return " " + ", ".join(parts) if parts else ""


def name_of(change: Change) -> str:
    """Topic filter 2, User Property colour"""
    key = f" {visible(shortened(change.key, LONGEST_VALUE))}" if change.key else ""
    return f"{change.spec.label}{key}{f' {change.place}' if change.place else ''}"


def in_words(spec: FieldSpec | BitSpec, value: Value, secrets: bool) -> str:
    """A value as a person reads it."""
    if value is None:
        return "(none)"
    if isinstance(spec, BitSpec):
        number = int(value)
        return f"{number} {spec.names.get(number, 'not defined')}" if spec.names else str(number)
    if spec.secret:
        return values.MASK
    if isinstance(value, int):
        return values.number(spec, value)
    text = visible(value if isinstance(value, str) else value.decode("utf-8", "backslashreplace"))
    return text or "(empty)"


def excerpt(payload: bytes, at: int) -> str:
    """A part of a payload around a byte."""
    start = max(0, at - CONTEXT)
    part = payload[start : start + EXCERPT]
    if not part:
        return "(ends before)" if payload else "(empty)"
    text = values.dots(part) if values.what_is(part) == "binary" else visible(part.decode("utf-8", "ignore"))
    if values.what_is(part) == "binary":
        text = part.hex(" ")
    return f"{'…' if start else ''}{text}{'…' if start + EXCERPT < len(payload) else ''}"


class Json:
    """One object a line: the differences, then a summary."""

    def __init__(self, secrets: bool, most: int) -> None:
        self._secrets = secrets
        self._most = most
        self._packets = JsonWriter(secrets)

    def parts(self, result: Result, shown: Shown) -> Iterator[str]:
        """The lines."""
        import orjson

        from mqttdissect.output.ndjson import escaped

        for difference in result.differences[: self._most]:
            text = orjson.dumps(self._difference(difference, shown)).decode()
            yield (text if text.isprintable() else escaped(text)) + "\n"
        text = orjson.dumps({"summary": self._summary(result)}).decode()
        yield (text if text.isprintable() else escaped(text)) + "\n"

    def _difference(self, difference: Difference, shown: Shown) -> dict[str, object]:
        import orjson

        line: dict[str, object] = {
            "difference": difference.kind,
            "what": difference.what,
            "client": difference.client,
            "says": difference.says or None,
            "packets": difference.count,
            "answers": difference.answers,
            "fields": [self._change(change, difference, shown) for change in difference.changes],
        }
        for side, name in enumerate(("good", "bad")):
            packet = shown.packet(side, difference)
            stream = difference.connection[side]
            line[name] = None if packet is None else orjson.loads(self._packets.text(packet))
            line[f"{name}_stream"] = stream if stream >= 0 else None
        return line

    def _change(self, change: Change, difference: Difference, shown: Shown) -> dict[str, object]:
        spec = change.spec
        entry: dict[str, object] = {"name": spec.name, "label": spec.label, "counts": change.meaningful}
        if change.place:
            entry["place"] = change.place
        if change.key:
            entry["key"] = change.key
        if spec is APPLICATION_MESSAGE:
            found = shown.marks(difference)
            if found is not None:
                parts = shown.excerpts(difference, found.first)
                entry |= {"good_from": found.first[0], "bad_from": found.first[1], "good": parts[0], "bad": parts[1]}
        else:
            for name, value in (("good", change.good), ("bad", change.bad)):
                secret = isinstance(spec, FieldSpec) and spec.secret
                text = spec.kind == TEXT if isinstance(spec, FieldSpec) else False
                plain = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) and text else value
                entry[name] = values.MASK if secret and value is not None else plain
        return entry

    def _summary(self, result: Result) -> dict[str, object]:
        good, bad = result.captures
        return {
            "same": result.same,
            "differences": {kind: result.counts[kind] for kind in KINDS},
            "not_counted": {TIMING: len(result.timings)},
            "set_aside": dict(result.aside),
            "connections": {
                "matched": result.matched, "by_client_identifier": result.by_id,
                "only_good": result.only[0], "only_bad": result.only[1],
            },
            "packets": {"compared": result.compared, "good": good.packets, "bad": bad.packets,
                        "left_out": [good.left_out, bad.left_out]},
            "captures": [good.name, bad.name], "damaged": [good.damaged, bad.damaged],
            "bytes_not_captured": [good.gap_bytes, bad.gap_bytes],
        }  # fmt: skip


def gist_of(packet: Packet) -> str:
    """What a line of the list says of a packet."""
    return GIST.line(packet)


GIST: Final = Gist(no_colour())
