"""The registry of rules: every rule says what it has to, in the words and places that a reader can look up."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mqttdissect import decode
from mqttdissect.analysis import rules
from mqttdissect.analysis.peers import SURICATA, WIRESHARK, Peer
from mqttdissect.analysis.rule import BROKER, CAPTURE, CLIENT, NETWORK, SENDER, SEVERITIES, Rule
from mqttdissect.analysis.rules import RULES
from mqttdissect.analysis.statements import STATEMENTS, Statement
from mqttdissect.mqtt import clauses
from mqttdissect.mqtt.clauses import Clause

Run = Callable[..., subprocess.CompletedProcess[str]]
DOCS = Path(__file__).parent.parent / "docs"
STATEMENT = re.compile(r"\[MQTT-3-8\.3-4\]|\[MQTT(-\d+\.\d+\.\d+)-\d+\]")  # the first is 3.1.1's own slip
SECTION = re.compile(r"\d+(\.\d+)*|appendix A")


def test_every_constant_is_registered_under_its_own_name() -> None:
    constants = {name: value for name, value in vars(rules).items() if isinstance(value, Rule)}
    assert list(constants.values()) == list(RULES.values())
    assert [name.lower().replace("_", "-") for name in constants] == list(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_rule_says_what_it_has_to(rule: Rule) -> None:
    assert 0 < rule.severity < len(SEVERITIES)
    assert rule.fault in (CLIENT, BROKER, NETWORK, CAPTURE, SENDER)
    assert 5 < len(rule.title) <= 50 and not rule.title.endswith(".")
    for sentence in (rule.expected, rule.cause):
        assert sentence[0].isupper() or sentence[0] in "0#"
        assert sentence.endswith(".") and len(sentence) > 20
    for place in (rule.v3, rule.v4, rule.v5):
        assert not place or STATEMENT.fullmatch(place) or SECTION.fullmatch(place)
    assert not rule.v3.startswith("[")  # MQTT 3.1 numbers no statements


CLAUSES = [one for one in vars(clauses).values() if isinstance(one, Clause)]


@pytest.mark.parametrize("clause", CLAUSES, ids=[one.name for one in CLAUSES])
def test_what_the_decoder_notes_has_a_rule_that_states_the_same_places(clause: Clause) -> None:
    if clause.name:
        rule = RULES[clause.name]
        assert (clause.v3, clause.v4, clause.v5) == (rule.v3, rule.v4, rule.v5)


def test_clauses_without_a_rule_are_few() -> None:
    assert [name for name, one in vars(clauses).items() if isinstance(one, Clause) and not one.name] == ["STREAM"]


@pytest.mark.parametrize(
    ("data", "version", "rule"),
    [
        ("30 01 00", 4, "bytes-missing"),
        ("40 03 0001 00", 4, "bytes-left-over"),
        ("86 06 0001 0001 61 00", 3, "qos-3"),
        ("30 05 0009 61 6869", 4, "string-too-long"),
        ("30 06 0001 61 02 7f00", 5, "property-undefined"),
        ("30 07 0001 61 03 210001", 5, "property-not-allowed"),
        ("30 08 0001 61 04 0100 0100", 5, "property-repeated"),
        ("30 06 0001 61 02 0107", 5, "property-value"),
        ("90 03 0001 03", 4, "suback-return-code"),
        ("20 02 00 06", 4, "return-code"),
        ("20 03 00 7f 00", 5, "reason-code"),
    ],
)
def test_a_note_of_the_decoder_finds_its_rule(data: str, version: int, rule: str) -> None:
    packet = decode(bytes.fromhex(data), version=version)
    assert packet.notes is not None
    assert [note.clause.name for note in packet.notes] == [rule]


# --- the statements of the standards --------------------------------------------------------------------------------

NUMBERS = {(one.version, one.number): one for one in STATEMENTS}


def test_every_statement_of_both_standards_is_there() -> None:
    """So many are in appendix B of 3.1.1 and of 5.0, and in each section they are numbered without a gap."""
    assert [sum(1 for one in STATEMENTS if one.version == version) for version in (4, 5)] == [141, 251]
    assert len(NUMBERS) == len(STATEMENTS)
    sections: dict[tuple[int, str], list[int]] = {}
    for one in STATEMENTS:
        section, number = one.number.removeprefix("[MQTT-").removesuffix("]").rsplit("-", 1)
        sections.setdefault((one.version, section.replace("-", ".")), []).append(int(number))
    for key, numbers in sections.items():
        first = 2 if key == (5, "2.2.1") else 1  # 5.0 has no [MQTT-2.2.1-1]
        assert numbers == list(range(first, first + len(numbers))), key


@pytest.mark.parametrize("one", STATEMENTS, ids=[f"{one.version}-{one.number}" for one in STATEMENTS])
def test_a_statement_names_rules_that_exist_or_says_why_not(one: Statement) -> None:
    assert STATEMENT.fullmatch(one.number)
    assert bool(one.rules) != bool(one.why)
    assert set(one.rules) <= set(RULES)
    assert one.says[0].isupper() or one.says[0] in "#+"
    assert not one.says.endswith(".") and "|" not in one.says + one.why


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_statement_of_a_rule_names_the_rule(rule: Rule) -> None:
    for version in (4, 5):
        if rule.clause(version).startswith("["):
            assert rule.id in NUMBERS[version, rule.clause(version)].rules


@pytest.mark.parametrize("peer", SURICATA + WIRESHARK, ids=[one.name for one in SURICATA + WIRESHARK])
def test_what_other_tools_report_is_reported_by_rules_that_exist(peer: Peer) -> None:
    assert set(peer.rules) <= set(RULES)
    assert peer.rules or peer.but


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_documents_are_what_the_command_prints(mqttdissect: Run) -> None:
    assert mqttdissect("rules", "-T", "markdown").stdout == (DOCS / "rules.md").read_text()
    assert mqttdissect("rules", "--statements", "-T", "markdown").stdout == (DOCS / "statements.md").read_text()


def test_in_a_pipe_the_list_is_separated_by_tabs(mqttdissect: Run) -> None:
    lines = mqttdissect("rules").stdout.splitlines()
    assert len(lines) == len(RULES)
    assert "second-connect\terror\tclient\tSecond CONNECT\t3.1\t[MQTT-3.1.0-2]\t[MQTT-3.1.0-2]" in lines


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["second", "CONNACK"], ["second-connack"]),
        (["mqtt-3.12.4-1"], ["pingreq-unanswered"]),
        (["illegal_topic_length"], ["topic-empty", "topic-and-alias-missing", "topic-alias-zero"]),
        (["no such words"], []),
    ],
)
def test_words_choose(mqttdissect: Run, words: list[str], found: list[str]) -> None:
    """In texts, in statements, in names of other tools."""
    done = mqttdissect("rules", *words)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == found
    assert done.returncode == 0


def test_the_page_of_a_rule(mqttdissect: Run) -> None:
    assert (
        mqttdissect("rules", "--rule", "second-connect").stdout
        == """\
second-connect  error
  what      Second CONNECT.
  fault     client
  expected  A client sends CONNECT once on a network connection.
  cause     Reconnect code that runs on the socket which is still open, or two
            threads that share a client.
  standard  MQTT 3.1, section 3.1.
            MQTT 3.1.1 [MQTT-3.1.0-2]: A second CONNECT is a violation, and ends
            the connection.
            MQTT 5.0 [MQTT-3.1.0-2]: A second CONNECT is a protocol error, and
            ends the connection.
  elsewhere Suricata mqtt.double_connect
"""
    )


def test_a_rule_as_an_object(mqttdissect: Run) -> None:
    (line,) = mqttdissect("rules", "--rule", "pingresp_unasked", "-T", "json").stdout.splitlines()
    one = json.loads(line)
    assert list(one) == [
        "id", "severity", "fault", "title", "expected", "cause", "practice", "clauses", "statements", "elsewhere",
    ]  # fmt: skip
    assert one["id"] == "pingresp-unasked"
    assert one["clauses"] == {"3.1": "3.13", "3.1.1": "3.13", "5.0": "3.13"}


def test_a_misspelt_rule_is_answered_with_those_near_it(mqttdissect: Run) -> None:
    done = mqttdissect("rules", "--rule", "secnd-conect")
    assert done.returncode == 2
    assert done.stderr.startswith("mqttdissect: no rule 'secnd-conect'; near it: second-connect,")
    assert len(done.stderr.splitlines()) == 1


def test_statements_are_listed_with_their_rules(mqttdissect: Run) -> None:
    done = mqttdissect("rules", "--statements", "3.12.4-1")
    assert done.stdout.splitlines() == [
        f"{version}\t[MQTT-3.12.4-1]\tPINGREQ is answered with PINGRESP\tpingreq-unanswered\t"
        for version in ("3.1.1", "5.0")
    ]
