"""Topic filters and the tables of them (MQTT 3.1.1 and 5.0, section 4.7), against the plainest way to say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqttdissect.analysis.audience import Audience
from mqttdissect.analysis.facts import Client, Subscription
from mqttdissect.analysis.matching import DEEPEST, Filters, Topics
from mqttdissect.mqtt.topics import has_wildcard, is_valid, matches

LEVELS = ["a", "b", "", "$x", "+", "#", "a+"]
FILTERS = st.lists(st.sampled_from(LEVELS), min_size=1, max_size=5).map("/".join)
TOPICS = st.lists(st.sampled_from(["a", "b", "", "$x", "ab"]), min_size=1, max_size=5).map("/".join)


def plainly_matches(topic_filter: str, topic: str) -> bool:
    """Level by level."""
    if topic.startswith("$") and topic_filter[:1] in ("#", "+"):
        return False
    filters, levels = topic_filter.split("/"), topic.split("/")
    for at, level in enumerate(filters):
        if level == "#":
            return True
        if at >= len(levels) or level not in ("+", levels[at]):
            return False
    return len(filters) == len(levels)


def subscription(topic_filter: str) -> Subscription:
    """With this filter."""
    return Subscription(topic_filter, 0, 5, 1, 1)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "yes"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),  # the standard's own examples
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/uptime", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
        ("a#", "ab", False),
    ],
)
def test_matches(topic_filter: str, topic: str, yes: bool) -> None:
    """One filter and one topic name."""
    assert matches(topic_filter, topic) is yes


@given(FILTERS, TOPICS)
def test_matches_as_the_plain_way(topic_filter: str, topic: str) -> None:
    """Short cuts change nothing, of filters that are valid."""
    if is_valid(topic_filter):
        assert matches(topic_filter, topic) == plainly_matches(topic_filter, topic)
    levels = topic_filter.split("/")
    assert is_valid(topic_filter) == (
        topic_filter != ""
        and all("+" not in level or level == "+" for level in levels)
        and all("#" not in level for level in levels[:-1])
        and ("#" not in levels[-1] or levels[-1] == "#")
    )


@given(st.lists(st.tuples(st.sampled_from("xyz"), FILTERS, st.booleans()), max_size=30), st.lists(TOPICS, max_size=5))
def test_filters_find_what_matches(steps: list[tuple[str, str, bool]], topics: list[str]) -> None:
    """After any sequence of subscribing and unsubscribing; and when all have gone, nothing is left."""
    filters = Filters()
    clients = {who: Client(who, b"") for who in "xyz"}
    stands: dict[tuple[str, str], Subscription] = {}
    for who, topic_filter, comes in steps:
        one = subscription(topic_filter)
        if comes:
            filters.add(clients[who], one)
            stands[who, topic_filter] = one
        else:
            filters.remove(clients[who], one)
            stands.pop((who, topic_filter), None)
    for topic in topics:
        found = sorted((who.id, one.filter) for who, one in filters.find(topic))
        valid = [key for key in stands if is_valid(key[1])]
        assert [key for key in found if is_valid(key[1])] == sorted(
            key for key in valid if plainly_matches(key[1], topic)
        )
    for (who, _), one in stands.items():
        filters.remove(clients[who], one)
    assert not any(filters.find(topic) for topic in topics)


@given(st.sets(TOPICS, max_size=30), FILTERS.filter(has_wildcard).filter(is_valid))
def test_topics_find_what_matches(topics: set[str], topic_filter: str) -> None:
    """Of all that are there, and no more when some are gone."""
    names = Topics()
    for topic in topics:
        names.add(topic)
    assert sorted(names.find(topic_filter, 100)) == sorted(one for one in topics if plainly_matches(topic_filter, one))
    for topic in topics:
        names.remove(topic)
    assert names.find(topic_filter, 100) == []


def test_very_deep_filters() -> None:
    """A filter and a topic of more levels than are looked up together."""
    deep = "/".join(["x"] * (3 * DEEPEST))
    filters, a, b = Filters(), Client("a", b""), Client("b", b"")
    filters.add(a, subscription(f"{deep}/+/#"))
    filters.add(b, subscription(f"{deep}/#"))
    assert sorted(who.id for who, _ in filters.find(f"{deep}/y/z")) == ["a", "b"]
    assert [who.id for who, _ in filters.find(deep)] == ["b"]
    assert filters.find(deep[2:]) == []
    filters.remove(b, subscription(f"{deep}/#"))
    assert filters.find(deep) == []


def test_levels_without_end_are_freed() -> None:
    """As many as a filter can have, one below the other."""
    filters, audience = Filters(), Audience(100_000)
    for topic_filter in ("+/" * 32_000 + "#", "a/" * 32_000 + "#"):
        filters.add(Client("a", b""), subscription(topic_filter))
        assert audience.subscribe(topic_filter, 1)
    audience.count_anew()
    assert audience.reached("a/" * 32_001) == 1
    assert len(filters.find("a/" * 32_001)) == 2
    del filters, audience
