"""The registry of rules: every rule says what it has to, in the words and places that a reader can look up."""

import re

import pytest

from mqttdissect.analysis import rules
from mqttdissect.analysis.rule import BROKER, CAPTURE, CLIENT, NETWORK, SENDER, SEVERITIES, Rule
from mqttdissect.analysis.rules import RULES

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
