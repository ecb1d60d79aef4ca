"""Topic names and filters: what is well-formed, and which filters match a name (MQTT 3.1.1 and 5.0, section 4.7)."""

from mypy_extensions import i64


def wildcard(topic_filter: str) -> i64:
    """Where the first `+` or `#` is; -1 for none."""
    one = topic_filter.find("+")
    rest = topic_filter.find("#")
    return rest if one < 0 or 0 <= rest < one else one


def has_wildcard(topic_filter: str) -> bool:
    """Is there a `+` or `#` in it?"""
    return "+" in topic_filter or "#" in topic_filter


def matches(topic_filter: str, topic: str) -> bool:
    """Does the filter (without a $share prefix) match the topic name? `$SYS/...` is not matched by a first wildcard."""
    at = wildcard(topic_filter)
    if at < 0:
        return topic_filter == topic
    if at and not topic.startswith(topic_filter[:at]):
        return topic_filter[at - 1 :] == "/#" and topic_filter[: at - 1] == topic  # a/# matches a as well
    if at == 0 and topic.startswith("$"):
        return False
    if at == len(topic_filter) - 1 and topic_filter[at] == "#":
        return at == 0 or topic_filter[at - 1] == "/"
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
    last = len(topic_filter) - 1
    at = topic_filter.find("#")
    if at >= 0 and (at != last or (at and topic_filter[at - 1] != "/")):
        return False
    at = topic_filter.find("+")
    while at >= 0:
        if (at and topic_filter[at - 1] != "/") or (at != last and topic_filter[at + 1] != "/"):
            return False
        at = topic_filter.find("+", at + 1)
    return last >= 0
