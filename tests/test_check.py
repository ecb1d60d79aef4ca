"""`mqttdissect check`: how findings are printed, chosen and counted, and what the exit status says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ACK, CONNACK, DISCONNECT, FIN, PINGREQ, PINGRESP, RST, Stream, connect, packet, pcap, publish, text

from mqttdissect.analysis import facts, rules
from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.facts import Link, Losses
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import CLIENT, ERROR, SEVERITIES, Rule
from mqttdissect.analysis.rules import RULES
from mqttdissect.analysis.statements import STATEMENTS
from mqttdissect.capture.notes import FrameNotes
from mqttdissect.net.stream import Stream as TcpStream
from mqttdissect.output.clock import Clock
from mqttdissect.output.findings import MOST_PARTIAL, JsonView, Limiter, Tally, TextView
from mqttdissect.output.junit import JunitView
from mqttdissect.output.sarif import SarifView
from mqttdissect.output.theme import no_colour
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
LIMITS = CAPTURES / "mosquitto-5.0-broker-limits.pcap"
MALFORMED = CAPTURES / "mosquitto-malformed-packets.pcapng"
QUIET = CAPTURES / "mosquitto-5.0-large-messages.pcapng"
EVIL = "\x1b[2J\u202e<b>&\x00"


def made(rule: Rule = rules.SECOND_CONNECT, what: str = "A second CONNECT on the same connection") -> Finding:
    """A finding with all that one can have."""
    finding = Finding(rule, rule.severity, CLIENT, what, 12, 1_204_312_000)
    finding.version = 5
    finding.stream = 3
    finding.client = "sensor"
    finding.packet = "CONNECT"
    finding.start, finding.end = 0, 2
    finding.frames = [11, 12]
    finding.related = [(4, "the first CONNECT")]
    return finding


def clock() -> Clock:
    """Seconds since the first frame, at 0."""
    one = Clock("r")
    one.first_ns = 0
    return one


def one_error(*packets: bytes) -> bytes:
    """A capture whose only error is a second CONNECT, or that has these packets of a client behind its CONNACK."""
    stream = Stream().handshake().client(connect("twice")).server(CONNACK)
    return pcap(stream.client(*(packets or (connect("twice"),))).fin().frames)


# --- text -----------------------------------------------------------------------------------------------------------


def test_a_finding_in_80_columns() -> None:
    """What should have been and what causes it is said once for a rule."""
    view = TextView(no_colour(), clock(), 80)
    first = """\
error    second-connect  frame 12  1.204312  stream 3  client sensor
  A second CONNECT on the same connection.
  fault     client, against MQTT 5.0 [MQTT-3.1.0-2]
  bytes     bytes 0 to 1 of CONNECT, in frames 11, 12
  see       frame 4: the first CONNECT
"""
    about = """\
  expected  A client sends CONNECT once on a network connection.
  cause     Reconnect code that runs on the socket which is still open, or two
            threads that share a client.
"""
    assert view.text(made()) == first + about + "\n"
    assert view.text(made()) == first + "\n"


def test_a_finding_of_practice_breaks_no_standard() -> None:
    finding = made(rules.KEEP_ALIVE_ZERO, "The client switches keep alive off")
    finding.related, finding.start = [], -1
    assert TextView(no_colour(), clock()).text(finding).splitlines()[:3] == [
        "note     keep-alive-zero  frame 12  1.204312  stream 3  client sensor",
        "  The client switches keep alive off.",
        "  fault     client (practice)",
    ]


def test_brief_is_a_line_a_finding() -> None:
    assert TextView(no_colour(), clock(), brief=True).text(made()) == (
        "error    12  1.204312  stream 3  sensor  second-connect [MQTT-3.1.0-2]  "
        "client: A second CONNECT on the same connection\n"
    )


def test_a_capture_as_text(mqttdissect: Run) -> None:
    done = mqttdissect("check", LIMITS)
    assert done.returncode == 1
    blocks = done.stdout.split("\n\n")
    assert (
        blocks[1]
        == """\
error    packet-too-large  frame 23  0.009072  stream 1  client loud
  PUBLISH of 3020 bytes; the broker takes up to 2048.
  fault     client, against MQTT 5.0 [MQTT-3.2.2-15]
  see       frame 21: CONNACK
  expected  No packet is larger than the Maximum Packet Size that the other side said.
  cause     A sender that does not read the property, or counts the payload only."""
    )
    assert (
        blocks[-1]
        == """\
9 findings in 5 connections and 24 packets: 4 errors, 5 notes
  error          1  maximum-qos-exceeded  QoS above the broker's Maximum QoS
  error          1  packet-too-large  Packet larger than the Maximum Packet Size
  error          1  retain-unavailable  RETAIN where the broker has no retained messages
  error          1  topic-alias-exceeded  Topic alias above the maximum
  note           4  disconnected-by-broker  Disconnected by the broker
  note           1  qos-downgrade  Lower QoS granted than requested
"""
    )


def test_no_findings(mqttdissect: Run) -> None:
    done = mqttdissect("check", QUIET)
    assert done.returncode == 0
    assert done.stdout.startswith("No findings in ") and len(done.stdout.splitlines()) == 1


def test_severities_have_colours(mqttdissect: Run) -> None:
    """And pipes have none."""
    assert "\x1b[1;31merror" in mqttdissect("check", "--color", "always", LIMITS).stdout
    assert "\x1b" not in mqttdissect("check", LIMITS).stdout


def test_what_is_not_whole_is_said_at_the_end(mqttdissect: Run) -> None:
    lines = mqttdissect("check", CAPTURES / "mosquitto-joined-midway.pcap").stdout.splitlines()
    at = lines.index("The capture lacks part of 2 connections; nothing is said there of what may be in that part:")
    assert lines[at + 1].startswith("  stream 0")


def test_several_captures_are_named(mqttdissect: Run) -> None:
    done = mqttdissect("check", "--no-merge", LIMITS, QUIET)
    assert f"client loud  {LIMITS}" in done.stdout


def test_findings_leave_while_the_capture_is_still_coming() -> None:
    """A pipe that stays open: the finding is printed before its end."""
    command = [sys.executable, "-m", "mqttdissect", "check", "--brief", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(one_error())
        process.stdin.flush()
        assert b"second-connect" in process.stdout.readline()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 1


# --- the bounds -----------------------------------------------------------------------------------------------------


def test_of_many_findings_of_a_rule_on_a_stream_the_first_are_printed(mqttdissect: Run, tmp_path: Path) -> None:
    """The others are counted; --all, and JSON, have all of them."""
    path = tmp_path / "many.pcap"
    path.write_bytes(one_error(*[connect("twice")] * 30))
    done = mqttdissect("check", "--brief", path)
    assert done.stdout.count("  second-connect [") == 20
    assert "error         30  second-connect  Second CONNECT (10 of them not printed: --all prints all)" in done.stdout
    assert mqttdissect("check", "--brief", "--all", path).stdout.count("  second-connect [") == 30
    assert mqttdissect("check", "-T", "json", path).stdout.count('"second-connect"') == 30


def test_the_limit_is_for_each_rule_and_stream() -> None:
    limiter = Limiter(2)
    other = made()
    other.stream = 4
    assert [limiter.passes(one) for one in (made(), made(), made(), other)] == [True, True, False, True]
    assert limiter.passes(made(rules.QOS_3))
    assert all(Limiter(0).passes(made()) for _ in range(50))


def test_connections_that_are_not_whole_are_counted_when_they_are_many() -> None:
    tally = Tally()
    for number in range(MOST_PARTIAL + 5):
        link = Link(TcpStream(number, b"", False), 1, 1, Losses())
        link.partial = ["the capture joined it in the middle"]
        tally.ended(link)
    assert len(tally.partial) == MOST_PARTIAL
    assert TextView(no_colour(), clock()).tail(tally).endswith("  … and 5 more\n")


# --- which findings -------------------------------------------------------------------------------------------------


def ids(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The rules of what was printed as JSON."""
    return {json.loads(line)["rule"] for line in done.stdout.splitlines()}


def test_one_client(mqttdissect: Run) -> None:
    assert ids(mqttdissect("check", "-T", "json", "--client", "loud", LIMITS)) == {
        "packet-too-large", "disconnected-by-broker",
    }  # fmt: skip
    done = mqttdissect("check", "--client", "nobody", LIMITS)
    assert (done.returncode, done.stdout) == (0, "No findings in 0 connections and 24 packets\n")


def test_what_is_found_in_a_connect_is_that_clients(mqttdissect: Run) -> None:
    done = mqttdissect("check", "-T", "json", "--client", "messages-reader", CAPTURES / "mosquitto-3.1.1-qos.pcap")
    assert ids(done) == {"password-in-clear"}


def test_lowest_severity(mqttdissect: Run) -> None:
    done = mqttdissect("check", "-T", "json", "--min-severity", "error", LIMITS)
    assert {json.loads(line)["severity"] for line in done.stdout.splitlines()} == {"error"}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["*=off", "qos-downgrade=error"], {"qos-downgrade": "error"}),
        (["*=off", "RETAIN_UNAVAILABLE = note"], {"retain-unavailable": "note"}),
        (["*=off", "*-unavailable=warning"], {"retain-unavailable": "warning"}),
        (["qos-downgrade=error", "*=off"], {}),
    ],
)
def test_severities_by_rule(mqttdissect: Run, options: list[str], found: dict[str, str]) -> None:
    """Later ones count; wildcards stand for many."""
    done = mqttdissect("check", "-T", "json", *[word for one in options for word in ("--rule", one)], LIMITS)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["rule"]: one["severity"] for one in lines} == found
    assert done.returncode == (1 if "error" in found.values() else 0)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("secnd-connect=off", "no rule 'secnd-connect'; near it: second-connect"),
        ("zzz=off", "no rule 'zzz'; `mqttdissect rules` lists them"),
        ("zzz*=off", "no rule is like that"),
        ("second-connect", "is not of the form ID=off|note|warning|error"),
        ("second-connect=fatal", "is not of the form ID=off|note|warning|error"),
    ],
)
def test_a_wrong_rule_option_is_one_line(mqttdissect: Run, option: str, says: str) -> None:
    done = mqttdissect("check", "--rule", option, LIMITS)
    assert done.returncode == 2
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("fail_on", "capture", "status"),
    [("error", LIMITS, 1), ("never", LIMITS, 0), ("note", LIMITS, 1), ("error", QUIET, 0), ("note", QUIET, 0),
     ("warning", CAPTURES / "mosquitto-3.1.1-qos.pcap", 0), ("note", CAPTURES / "mosquitto-3.1.1-qos.pcap", 1)],
)  # fmt: skip
def test_exit_status(mqttdissect: Run, fail_on: str, capture: Path, status: int) -> None:
    assert mqttdissect("check", "--fail-on", fail_on, capture).returncode == status


@pytest.mark.parametrize("form", ["json", "sarif", "junit"])
def test_exit_status_is_the_same_in_every_format(mqttdissect: Run, form: str) -> None:
    assert mqttdissect("check", "-T", form, LIMITS).returncode == 1
    assert mqttdissect("check", "-T", form, "--fail-on", "never", LIMITS).returncode == 0


def test_damaged_and_unreadable_input(mqttdissect: Run, tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    path.write_bytes(QUIET.read_bytes()[:-10])
    done = mqttdissect("check", path)
    assert done.returncode == 1 and "damaged at" in done.stderr and done.stdout
    for form in ("text", "json", "sarif", "junit"):
        done = mqttdissect("check", "-T", form, "nowhere.pcap")
        assert done.returncode == 2 and done.stdout == ""
        assert len(done.stderr.splitlines()) == 1


def test_stopped_after_some_packets(mqttdissect: Run) -> None:
    """What was seen until then is summed up; of what lies behind nothing is said."""
    assert mqttdissect("check", "-c", "3", LIMITS).stdout == "No findings in 1 connection and 3 packets\n"
    lines = mqttdissect("check", "--brief", "-c", "10", LIMITS).stdout.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["11", "23"]  # frames; the broker answers in 24
    assert lines[2] == "2 findings in 2 connections and 10 packets: 1 error, 1 note"
    assert (
        mqttdissect("check", "-c", "9999", MALFORMED).stdout == mqttdissect("check", MALFORMED).stdout
    )  # has UNDECODED


def test_a_reader_that_goes_away_is_success() -> None:
    command = f"{sys.executable} -m mqttdissect check {MALFORMED} | head -1"
    done = subprocess.run(["bash", "-c", command + "; echo ${PIPESTATUS[0]}"], capture_output=True, timeout=60)
    assert done.stdout.decode().splitlines()[-1] in ("0", "1")  # 1: all was written before the reader left
    assert done.stderr == b""


# --- programs -------------------------------------------------------------------------------------------------------

KEYS = [
    "rule", "severity", "fault", "what", "frame", "time", "stream", "client", "version", "clause", "packet", "start",
    "end", "frames", "related", "title", "expected", "cause", "file",
]  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, list[Finding]]:
    """The findings of every shipped capture."""
    every: dict[str, list[Finding]] = {}
    for path in sorted(CAPTURES.glob("*.pcap*")):
        dissector = Dissector()
        analysis = dissector.analysis = Analysis()
        dissector.feed(path.read_bytes())
        dissector.close()
        every[path.name] = analysis.take()
    return every


def test_json_has_the_same_keys_in_every_line(found: dict[str, list[Finding]], capture: Path) -> None:
    for finding in found[capture.name]:
        one = json.loads(JsonView().text(finding))
        assert list(one) == KEYS
        assert one["rule"] in RULES and one["severity"] in SEVERITIES[1:]
        assert one["fault"] in ("client", "broker", "network", "capture", "sender")
        assert (one["start"] is None) == (one["end"] is None)


def test_a_finding_as_json() -> None:
    one = json.loads(JsonView().text(made()))
    assert one == {
        "rule": "second-connect", "severity": "error", "fault": "client",
        "what": "A second CONNECT on the same connection", "frame": 12, "time": "1.204312000", "stream": 3,
        "client": "sensor", "version": "5.0", "clause": "[MQTT-3.1.0-2]", "packet": "CONNECT", "start": 0, "end": 2,
        "frames": [11, 12], "related": [{"frame": 4, "what": "the first CONNECT"}], "title": "Second CONNECT",
        "expected": rules.SECOND_CONNECT.expected, "cause": rules.SECOND_CONNECT.cause, "file": None,
    }  # fmt: skip


# What the schema of SARIF 2.1.0 allows of the objects used here (additionalProperties: false in all of them)
SARIF = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "artifacts", "results", "addresses", "invocations"},
    "driver": {"name", "version", "informationUri", "rules"},
    "rule": {
        "id",
        "name",
        "shortDescription",
        "fullDescription",
        "help",
        "helpUri",
        "defaultConfiguration",
        "properties",
    },
    "result": {"ruleId", "ruleIndex", "level", "message", "locations", "relatedLocations", "properties"},
    "location": {"id", "physicalLocation", "logicalLocations", "message"},
    "physical": {"artifactLocation", "address"},
    "address": {"parentIndex", "offsetFromParent", "length", "kind", "name", "relativeAddress"},
    "logical": {"name", "kind"},
    "notification": {"level", "message", "associatedRule"},
}


def checked_sarif(text: str) -> list[dict[str, object]]:
    """The results of a log that is as the schema wants it."""
    log = json.loads(text)
    assert set(log) == SARIF["log"] and log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert set(run) == SARIF["run"]
    driver = run["tool"]["driver"]
    assert set(driver) == SARIF["driver"]
    for rule in driver["rules"]:
        assert set(rule) == SARIF["rule"]
        assert rule["help"]["text"] and rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
    for address in run["addresses"]:
        assert set(address) <= SARIF["address"]
    for result in run["results"]:
        assert set(result) <= SARIF["result"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error")
        assert isinstance(result["message"]["text"], str)
        for location in result["locations"] + result.get("relatedLocations", []):
            assert set(location) <= SARIF["location"]
            physical = location["physicalLocation"]
            assert set(physical) <= SARIF["physical"]
            artifact = physical["artifactLocation"]
            assert run["artifacts"][artifact["index"]]["location"]["uri"] == artifact["uri"]
            address = physical.get("address", {"parentIndex": 0, "offsetFromParent": 0, "length": 0})
            assert set(address) <= SARIF["address"]
            assert all(address[key] >= 0 for key in ("parentIndex", "offsetFromParent", "length"))
            assert all(set(one) <= SARIF["logical"] for one in location["logicalLocations"])
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is True
    for notification in invocation["toolExecutionNotifications"]:
        assert set(notification) <= SARIF["notification"]
    results: list[dict[str, object]] = run["results"]
    return results


def test_sarif_of_every_capture(found: dict[str, list[Finding]], capture: Path) -> None:
    notes = FrameNotes()
    notes.files = [capture.name]
    view = SarifView({}, notes)
    text = view.head() + "".join([view.text(one) for one in found[capture.name]]) + view.tail(Tally())
    assert [result["ruleId"] for result in checked_sarif(text)] == [one.rule.id for one in found[capture.name]]


def test_sarif_and_junit_as_the_command_prints_them(mqttdissect: Run) -> None:
    assert len(checked_sarif(mqttdissect("check", "-T", "sarif", LIMITS, QUIET).stdout)) == 9
    suite = ET.fromstring(mqttdissect("check", "-T", "junit", "--fail-on", "note", LIMITS).stdout)[0]
    assert (suite.get("name"), suite.get("failures")) == (str(LIMITS), "6")


SCHEMA = """
const check = new (require("ajv"))({ schemaId: "auto", unknownFormats: "ignore", logger: false, meta: false });
const schema = require("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
for (const name of ["draft-04", "draft-07"]) check.addMetaSchema(require(`ajv/lib/refs/json-schema-${name}.json`));
const valid = check.compile(schema);
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\\n")) {
  if (!valid(JSON.parse(line))) console.log(JSON.stringify(valid.errors.slice(0, 3)));
}
"""


def test_sarif_fits_its_schema(found: dict[str, list[Finding]]) -> None:
    """That of OASIS, as npm's @microsoft/jest-sarif has it."""
    folder = os.environ.get("MQTTDISSECT_NODE_MODULES", "")
    if not Path(folder, "@microsoft", "jest-sarif").exists():
        pytest.skip("no @microsoft/jest-sarif in MQTTDISSECT_NODE_MODULES")
    logs = []
    for name, findings in found.items():
        notes = FrameNotes()
        notes.files = [name]
        view = SarifView({}, notes)
        text = view.head() + "".join([view.text(one) for one in findings]) + view.tail(Tally())
        logs.append(json.dumps(json.loads(text)))
    done = subprocess.run(
        ["node", "-e", SCHEMA], input="\n".join(logs), capture_output=True, text=True, timeout=60,
        env={**os.environ, "NODE_PATH": folder}, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_a_finding_as_sarif() -> None:
    notes = FrameNotes()
    notes.files = ["some capture.pcap"]
    view = SarifView({"qos-3": 0}, notes)
    tally = Tally()
    tally.held_back["second-connect"] = 3
    text = view.head() + view.text(made()) + view.text(made()) + view.tail(tally)
    results = checked_sarif(text)
    assert len(results) == 2
    assert results[0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "some%20capture.pcap", "index": 0},
                "address": {"parentIndex": 0, "offsetFromParent": 0, "length": 2, "kind": "data",
                            "name": "bytes 0 to 1 of CONNECT, in frames 11, 12"},
            },
            "logicalLocations": [{"name": "frame 12", "kind": "frame"}, {"name": "stream 3", "kind": "stream"},
                                 {"name": "sensor", "kind": "client"}],
        }
    ]  # fmt: skip
    run = json.loads(text)["runs"][0]
    off = [rule["id"] for rule in run["tool"]["driver"]["rules"] if not rule["defaultConfiguration"]["enabled"]]
    assert off == ["qos-3"]
    assert "3 more findings of second-connect" in json.dumps(run["invocations"])


def test_junit_of_every_capture(found: dict[str, list[Finding]], capture: Path) -> None:
    """A test case for each rule; the counts are those of the elements."""
    view = JunitView(capture.name, {}, ERROR, clock())
    tally = Tally()
    for one in found[capture.name]:
        tally.count(one)
        assert view.text(one) == ""
    root = ET.fromstring(view.tail(tally))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == list(RULES)
    assert suite.get("tests") == root.get("tests") == str(len(cases))
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    failed = {case.get("name") for case in cases if case.find("failure") is not None}
    assert failed == {one.rule.id for one in found[capture.name] if one.severity == ERROR}


def test_junit_counts_what_is_below_the_threshold_as_passed() -> None:
    view = JunitView("x", {"qos-3": 0}, ERROR, clock())
    tally = Tally()
    for finding in (made(), made(rules.KEEP_ALIVE_ZERO, "off")):
        tally.count(finding)
        view.text(finding)
    suite = ET.fromstring(view.tail(tally))[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    failure = suite.find("testcase[@name='second-connect']/failure")
    assert failure is not None and failure.get("message") == "Second CONNECT: 1 finding"
    assert suite.find("testcase[@name='keep-alive-zero']/failure") is None
    assert suite.find("testcase[@name='keep-alive-zero']/system-out") is not None
    assert suite.find("testcase[@name='qos-3']/skipped") is not None


@pytest.mark.parametrize("form", ["text", "brief", "json", "sarif", "junit"])
def test_text_from_the_wire_is_shown_not_obeyed(form: str) -> None:
    """Whatever a client calls itself."""
    finding = made(what=f"PUBLISH to {EVIL}")
    finding.client = EVIL
    finding.related = [(4, EVIL)]
    notes = FrameNotes()
    notes.files = [EVIL]
    views = {
        "text": TextView(no_colour(), clock()), "brief": TextView(no_colour(), clock(), brief=True),
        "json": JsonView(), "sarif": SarifView({}, notes), "junit": JunitView(EVIL, {}, ERROR, clock()),
    }  # fmt: skip
    view = views[form]
    text = view.head() + view.text(finding) + view.tail(Tally())
    assert text.replace("\n", "").isprintable()
    if form == "junit":
        ET.fromstring(text)
    elif form == "sarif":
        json.loads(text)


# --- clauses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "clause"), rules.SHARPER.items(), ids=["-".join(map(str, key)) for key in rules.SHARPER]
)
def test_the_statement_for_a_packet_or_side_names_the_rule(key: tuple[str, str, int], clause: str) -> None:
    id, _, version = key
    assert clause != RULES[id].clause(version)
    if clause.startswith("["):
        (statement,) = [one for one in STATEMENTS if (one.version, one.number) == (version, clause)]
        assert id in statement.rules


def test_the_statement_fits_the_side_and_the_packet() -> None:
    finding = made(rules.PACKET_TOO_LARGE)
    assert finding.clause == "[MQTT-3.2.2-15]"
    finding.fault = "broker"
    assert finding.clause == "[MQTT-3.1.2-24]"
    finding.rule, finding.packet = rules.RESERVED_FLAGS, "SUBSCRIBE"
    assert finding.place == "MQTT 5.0 [MQTT-3.8.1-1]"
    finding.rule, finding.packet, finding.version = rules.QOS_3, "PUBLISH", 3
    assert finding.place == "MQTT 3.1, section 2.1"


def test_a_quiet_conversation_has_no_findings(mqttdissect: Run) -> None:
    """Standard input too."""
    stream = Stream().handshake().client(connect()).server(CONNACK).client(publish("t", b"x"), PINGREQ)
    done = mqttdissect("check", "-", input=pcap(stream.server(PINGRESP).client(DISCONNECT).fin().frames))
    assert done.stdout == "No findings in 1 connection and 6 packets\n"


@pytest.mark.parametrize(("both", "found"), [(True, 1), (False, 0)])
def test_nothing_piles_up_where_one_side_was_not_captured(mqttdissect: Run, both: bool, found: int) -> None:
    """200 messages without an acknowledgement, a tenth of a second from each other; with the broker's side, or not."""
    stream = Stream().handshake().client(connect())
    if both:
        stream.server(CONNACK)
    for number in range(1, 201):
        stream.client(publish("t", b"x", 1, number))
        if both:
            stream.add(1)
    frames = [frame for frame in stream.frames if both or frame[26:30] == stream.frames[0][26:30]]
    done = mqttdissect("check", "-T", "json", "-", input=pcap(frames, step_ns=100_000_000))
    assert [json.loads(line)["rule"] for line in done.stdout.splitlines()].count("queue-build-up") == found


@pytest.mark.parametrize("closer", [0, 1])
@pytest.mark.parametrize("flags", [RST, FIN | ACK])
def test_what_is_sent_behind_the_end_of_a_connection_is_no_first_packet(
    mqttdissect: Run, closer: int, flags: int
) -> None:
    """Segments cross a RST on their way; and whatever goes on behind FINs is not the beginning of anything."""
    stream = Stream().handshake().client(connect()).server(CONNACK).client(publish("t", b"x", 1, 1))
    stream.add(closer, flags=flags)
    if flags & FIN:
        stream.add(1 - closer, flags=flags)
    stream.client(publish("t", b"y", 1, 2)).server(packet(0x40, b"\0\1")).client(PINGREQ)
    done = mqttdissect("check", "-T", "json", "-", input=pcap(stream.frames))
    rules_found = {json.loads(line)["rule"] for line in done.stdout.splitlines()}
    assert not rules_found & {"first-packet-not-connect", "answer-unexpected", "publish-unacknowledged"}
    assert done.returncode == 0


def test_shared_tables_stay_empty() -> None:
    """Whoever has something to remember makes a table of its own: those that all connections share stay as they are."""
    for path in sorted(CAPTURES.glob("*.pcap*")):
        dissector = Dissector()
        dissector.analysis = Analysis()
        dissector.feed(path.read_bytes())
        dissector.close()
    shared = {name: value for name, value in vars(facts).items() if name.startswith("NO_") and name != "NO_LIMITS"}
    assert len(shared) > 8
    assert not any(shared.values())
    said = facts.NO_LIMITS
    assert (said.receive_maximum, said.maximum_packet, said.alias_maximum, said.maximum_qos) == (65535, 0, 0, 2)


@pytest.mark.parametrize(
    ("version", "topic_filter", "clause"),
    [
        (4, "a#", "[MQTT-4.7.1-2]"), (4, "a/+b", "[MQTT-4.7.1-3]"), (5, "#/a", "[MQTT-4.7.1-1]"),
        (5, "a+/#", "[MQTT-4.7.1-2]"), (3, "a+", "MQTT 3.1, appendix A"),
        (5, "$share//a", "[MQTT-4.8.2-1]"), (5, "$share/g/", "[MQTT-4.8.2-2]"),
    ],
)  # fmt: skip
def test_the_statement_fits_the_wildcard(version: int, topic_filter: str, clause: str, mqttdissect: Run) -> None:
    """Of `#` and `+`, and of the name of a shared subscription, the standards have statements of their own."""
    options = b"\0\0\1" + (b"\0" if version == 5 else b"")
    asked = packet(0x82, options[1:] + text(topic_filter) + b"\0")
    answer = CONNACK if version < 5 else b"\x20\x03\0\0\0"
    frames = Stream().handshake().client(connect(level=version)).server(answer).client(asked).fin().frames
    lines = mqttdissect("check", "-T", "json", "-", input=pcap(frames)).stdout.splitlines()
    found = {one["rule"]: one["clause"] for one in map(json.loads, lines)}
    assert clause in (found.get("topic-filter-invalid"), found.get("share-name-invalid"))
