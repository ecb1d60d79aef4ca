"""`-T junit`: the rules as test cases, for CI systems. A rule with findings at or above the threshold has failed.

Source: the JUnit XML that Jenkins, GitLab and GitHub read: testsuites, testsuite, testcase, failure, skipped,
system-out.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import OFF, Rule
from mqttdissect.analysis.rules import GROUPS
from mqttdissect.output.clock import Clock
from mqttdissect.output.findings import Tally, TextView, plural, summary
from mqttdissect.output.sarif import places
from mqttdissect.output.text import visible
from mqttdissect.output.theme import no_colour

MOST = 100  # findings of one rule that are written out


class JunitView:
    """One suite; nothing is written before the end. threshold: the severity from which on a finding is a failure."""

    def __init__(self, name: str, severities: dict[str, int], threshold: int, clock: Clock) -> None:
        self._name = name
        self._severities = severities
        self._threshold = threshold
        self._lines = TextView(no_colour(), clock, brief=True)
        self._failures: dict[str, list[str]] = {}
        self._others: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}  # findings that are failures

    def head(self) -> str:
        """Nothing."""
        return ""

    def text(self, finding: Finding) -> str:
        """Kept for the end."""
        id = finding.rule.id
        fails = finding.severity >= self._threshold
        if fails:
            self._counts[id] = self._counts.get(id, 0) + 1
        kept = (self._failures if fails else self._others).setdefault(id, [])
        if len(kept) < MOST:
            kept.append(self._lines.text(finding))
        return ""

    def tail(self, tally: Tally) -> str:
        """The document."""
        rules = [rule for _, group in GROUPS for rule in group]
        skipped = sum(1 for rule in rules if self._severities.get(rule.id, int(rule.severity)) == OFF)
        numbers = f'tests="{len(rules)}" failures="{len(self._failures)}" errors="0" skipped="{skipped}"'
        cases = "".join([self._case(title, rule, tally) for title, group in GROUPS for rule in group])
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<testsuites name="mqttdissect check" {numbers}>\n'
            f'<testsuite name={quoteattr(visible(self._name))} {numbers} time="0">\n'
            f"{cases}<system-out>{escape(summary(tally) + partial(tally))}</system-out>\n"
            "</testsuite>\n</testsuites>\n"
        )

    def _case(self, title: str, rule: Rule, tally: Tally) -> str:
        """One rule."""
        head = f'<testcase classname={quoteattr(f"mqttdissect.{title}")} name={quoteattr(rule.id)} time="0"'
        held = tally.held_back.get(rule.id, 0)
        more = f"and {held:,} more\n" if held else ""
        body = ""
        if self._severities.get(rule.id, int(rule.severity)) == OFF:
            body = '<skipped message="switched off"/>\n'
        failures = self._failures.get(rule.id)
        if failures:
            message = f"{rule.title}: {plural(self._counts[rule.id] + held, 'finding')}"
            about = f"{rule.expected}\nUsual cause: {rule.cause}\nStandard: {places(rule)}\n\n"
            text = escape(about + "".join(failures) + more)
            body += f"<failure message={quoteattr(message)} type={quoteattr(rule.fault)}>{text}</failure>\n"
        others = self._others.get(rule.id)
        if others:
            body += f"<system-out>{escape(''.join(others) + (more if not failures else ''))}</system-out>\n"
        return f"{head}>\n{body}</testcase>\n" if body else f"{head}/>\n"


def partial(tally: Tally) -> str:
    """The connections that were not whole."""
    lines = [f"\nstream {stream} is not whole: {visible('; '.join(why))}" for stream, _, why in tally.partial]
    return "".join(lines) + (f"\n… and {tally.more_partial:,} more" if tally.more_partial else "")
