"""Which topic filters match a topic name (MQTT 3.1.1 and 5.0, section 4.7)."""

from mqttdissect.analysis.facts import Subscription


def matches(topic_filter: str, topic: str) -> bool:
    """Does the filter (without a $share prefix) match the topic name? `$SYS/...` is not matched by a first wildcard."""
    if topic_filter == topic:
        return True
    if topic.startswith("$") and topic_filter[:1] in ("#", "+"):
        return False
    filters, levels = topic_filter.split("/"), topic.split("/")
    for index in range(len(filters)):
        level = filters[index]
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(filters) == len(levels)


def is_valid(topic_filter: str) -> bool:
    """Do its wildcards stand where they may: `#` alone in the last level, `+` alone in any?"""
    if not topic_filter:
        return False
    levels = topic_filter.split("/")
    for index in range(len(levels)):
        level = levels[index]
        if "#" in level and (level != "#" or index != len(levels) - 1):
            return False
        if "+" in level and level != "+":
            return False
    return True


def matching(subscriptions: dict[str, Subscription], topic: str) -> list[Subscription]:
    """Those of a client's subscriptions that match a topic name."""
    return [one for one in subscriptions.values() if matches(one.topic, topic)]
