"""The rules for reading: a list, a page about one, objects, and the tables of `docs/`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable

from mqttdissect.analysis.peers import SURICATA, WIRESHARK, Peer, elsewhere
from mqttdissect.analysis.rule import SEVERITIES, STANDARDS, Rule
from mqttdissect.analysis.rules import GROUPS, RULES
from mqttdissect.analysis.statements import STATEMENTS, Statement
from mqttdissect.output.theme import Theme

PRACTICE = "practice: no standard forbids it"
INDENT = 12

RULES_HEAD = """\
# The rules

What `mqttdissect check` looks for. Made by `mqttdissect rules -T markdown`; a test holds the two equal.

The severity is the default, which `--rule ID=off|note|warning|error` changes. `sender` is whichever side sent the
packet. Places in brackets are normative statements of the standard, others its sections; a rule without any is about
practice: nothing forbids it, but it is known to break. `docs/statements.md` goes the other way, from each statement to
its rules.
"""
STATEMENTS_HEAD = """\
# The normative statements

Every numbered statement of MQTT 3.1.1 and 5.0 (appendix B of each), in a few words, with the rules that watch over it,
or why there is none. Made by `mqttdissect rules --statements -T markdown`; a test holds the two equal. The standards
themselves are at <https://docs.oasis-open.org/mqtt/mqtt/>; only they are binding.

A rule reports what the packets show. Where a statement is about a program's insides, the rules are those that tell of
its consequences: a broker that loses a session shows by a Session Present that does not fit.
"""


def row(rule: Rule) -> tuple[str, ...]:
    """id, severity, who is at fault, title, where MQTT 3.1, 3.1.1 and 5.0 state it."""
    return (rule.id, SEVERITIES[int(rule.severity)], rule.fault, rule.title, rule.v3, rule.v4, rule.v5)


def statement_row(one: Statement) -> tuple[str, ...]:
    """version, number, what it says, rules, why there are none."""
    return (STANDARDS[one.version].removeprefix("MQTT "), one.number, one.says, " ".join(one.rules), one.why)


def matching(words: Iterable[str]) -> list[Rule]:
    """The rules whose texts contain all words, whatever their case."""
    wanted = [word.lower() for word in words]
    return [rule for rule in RULES.values() if all(word in searched(rule) for word in wanted)]


def searched(rule: Rule) -> str:
    """All that a rule can be found by."""
    numbers = [one.number for one in statements_of(rule)]
    return " ".join([*row(rule), rule.expected, rule.cause, *numbers, *elsewhere(rule.id)]).lower()


def matching_statements(words: Iterable[str]) -> list[Statement]:
    """The statements whose texts contain all words, whatever their case."""
    wanted = [word.lower() for word in words]
    return [one for one in STATEMENTS if all(word in " ".join(statement_row(one)).lower() for word in wanted)]


def statements_of(rule: Rule) -> list[Statement]:
    """Those that it watches over."""
    return [one for one in STATEMENTS if rule.id in one.rules]


def record(rule: Rule) -> dict[str, object]:
    """The rule as an object."""
    return {
        "id": rule.id,
        "severity": SEVERITIES[int(rule.severity)],
        "fault": rule.fault,
        "title": rule.title,
        "expected": rule.expected,
        "cause": rule.cause,
        "practice": rule.practice,
        "clauses": {"3.1": rule.v3 or None, "3.1.1": rule.v4 or None, "5.0": rule.v5 or None},
        "statements": [
            {"version": STANDARDS[one.version].removeprefix("MQTT "), "number": one.number, "says": one.says}
            for one in statements_of(rule)
        ],
        "elsewhere": elsewhere(rule.id),
    }


def statement_record(one: Statement) -> dict[str, object]:
    """The statement as an object."""
    version = STANDARDS[one.version].removeprefix("MQTT ")
    return {
        "version": version,
        "number": one.number,
        "says": one.says,
        "rules": list(one.rules),
        "why": one.why or None,
    }


def line(thing: dict[str, object]) -> str:
    """One line of JSON."""
    return json.dumps(thing, ensure_ascii=False) + "\n"


def entry(label: str, text: str, width: int) -> str:
    """A label, and text beside it that is folded to `width` columns; 0 for one line."""
    if not width:
        return f"  {label:<{INDENT - 2}}{text}\n"
    return textwrap.fill(
        text, width, initial_indent=f"  {label:<{INDENT - 2}}", subsequent_indent=" " * INDENT,
        break_long_words=False, break_on_hyphens=False,
    ) + "\n"  # fmt: skip


def page(rule: Rule, theme: Theme, width: int = 0) -> str:
    """All about one rule."""
    severity = SEVERITIES[int(rule.severity)]
    parts = [f"{theme.paint(theme.heading, rule.id)}  {theme.paint(theme.severity(severity), severity)}\n"]
    parts.append(entry("what", f"{rule.title}.", width))
    parts.append(entry("fault", rule.fault, width))
    parts.append(entry("expected", rule.expected, width))
    parts.append(entry("cause", rule.cause, width))
    if rule.practice:
        parts.append(entry("standard", PRACTICE, width))
    statements = statements_of(rule)
    said = {(one.version, one.number): one.says for one in statements}
    label = "standard"
    for version in STANDARDS:
        place = rule.place(version)
        if place:
            says = said.get((version, rule.clause(version)))
            parts.append(entry(label, f"{place}: {says}." if says else f"{place}.", width))
            label = ""
    label = "also"
    for one in statements:
        if one.number != rule.clause(one.version):
            parts.append(entry(label, f"{STANDARDS[one.version]} {one.number}: {one.says}.", width))
            label = ""
    for peer in elsewhere(rule.id):
        parts.append(entry("elsewhere" if peer == elsewhere(rule.id)[0] else "", peer, width))
    return "".join(parts)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join([f"| {' | '.join(one)} |\n" for one in lines])


def code(names: Iterable[str]) -> str:
    """`one`, `another`"""
    return ", ".join(f"`{name}`" for name in names)


def markdown() -> str:
    """`docs/rules.md`."""
    parts = [RULES_HEAD, f"\n{len(RULES)} rules, {sum(rule.practice for rule in RULES.values())} of them practice.\n"]
    for title, rules in GROUPS:
        parts.append(f"\n## {title}\n\n")
        parts.append(table(("rule", "what", "at fault", "3.1", "3.1.1", "5.0"), [
            (f"[`{rule.id}`](#{rule.id})", rule.title, rule.fault, rule.v3, rule.v4, rule.v5) for rule in rules
        ]))  # fmt: skip
        for rule in rules:
            parts.append(f"\n### {rule.id}\n\n{rule.title}: {SEVERITIES[int(rule.severity)]}. {rule.expected}\n\n")
            parts.append(f"Usual cause: {rule.cause}\n")
    parts.append("\n## Coming from Suricata\n\n" + peers(SURICATA))
    parts.append("\n## Coming from Wireshark\n\n" + peers(WIRESHARK))
    return "".join(parts)


def peers(rows: list[Peer]) -> str:
    """The table of one other tool."""
    return table(
        ("there", "it says", "here", "what differs"),
        [(f"`{one.name}`", one.says, code(one.rules), one.but) for one in rows],
    )


def statements_markdown() -> str:
    """`docs/statements.md`."""
    parts = [STATEMENTS_HEAD]
    for version in (4, 5):
        rows = [one for one in STATEMENTS if one.version == version]
        watched = sum(1 for one in rows if one.rules)
        parts.append(f"\n## {STANDARDS[version]}\n\n{len(rows)} statements, {watched} of them with rules.\n\n")
        parts.append(table(("statement", "it says", "rules, or why there is none"), [
            (one.number, one.says, code(one.rules) or one.why)
            for one in rows
        ]))  # fmt: skip
    return "".join(parts)
