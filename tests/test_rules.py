"""The registry of rules: every rule says what it has to, in the words and places that a reader can look up."""

import re

import pytest

from mqttdissect import decode
from mqttdissect.analysis import rules
from mqttdissect.analysis.rule import BROKER, CAPTURE, CLIENT, NETWORK, SENDER, SEVERITIES, Rule
from mqttdissect.analysis.rules import RULES
from mqttdissect.mqtt import clauses
from mqttdissect.mqtt.clauses import Clause

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
