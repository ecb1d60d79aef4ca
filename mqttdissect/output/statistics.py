"""What `analysis.statistics` adds up, as tables: which columns, in which order, in which words.

Rates are per second of the time from the first packet to the last. Shares are of all control packets, messages or
bytes. Times of day are seconds since 1970, with nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mqttdissect.analysis.series import SECOND, Series
from mqttdissect.analysis.statistics import (
    BYTES,
    CLOSED,
    HANDSHAKES,
    MESSAGES,
    OPENED,
    PACKETS,
    PEAK,
    QOS_2_IN_ALL,
    REFUSED,
    SENDERS,
    TYPES,
    UNDECODED_TYPE,
    Client,
    Statistics,
    Topic,
)
from mqttdissect.mqtt.codes import CONNACK_REASONS, CONNACK_RETURN, FROM_CLIENT, FROM_SERVER, PACKET_TYPES, VERSIONS
from mqttdissect.output.clock import seconds
from mqttdissect.output.tables import TEXT, Cell, Column, Table
from mqttdissect.output.units import duration, size

if TYPE_CHECKING:
    from mqttdissect.analysis.histogram import Histogram
    from mqttdissect.analysis.talkers import Talker
    from mqttdissect.pipeline import Dissector

PERCENTILE_RANKS = {"p75": 5, "p90": 2, "p99": 1}
PERCENTILES = (("p50", 50.0), ("p75", 75.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9))
SENDER_NAMES = {FROM_CLIENT: "client", FROM_SERVER: "broker", 0: "unknown"}
UNKNOWN_TOPIC = "(topic not known: its alias was set before the capture, or never)"
OTHERS = "(others)"


def makers(statistics: Statistics, most: int = 0) -> dict[str, Callable[[], Table]]:
    """Every table by its name; each is made when it is asked for. most: intervals of those over time; 0 for all."""
    return {
        "types": lambda: types(statistics),
        "rates": lambda: rates(statistics, most),
        "topics": lambda: topics(statistics),
        "clients": lambda: clients(statistics, most),
        "qos": lambda: qos(statistics),
        "connections": lambda: connections(statistics, most),
        "sizes": lambda: sizes(statistics),
        "times": lambda: times(statistics),
        "talkers": lambda: talkers(statistics),
    }


def table(name: str, statistics: Statistics, dissector: Dissector, most: int = 0) -> Table:
    """The one of that name. most: intervals, if it is one over time, or rows that are asked for; 0 for all."""
    return capture(statistics, dissector) if name == "capture" else makers(statistics, most)[name]()


NAMES = ("capture", "types", "rates", "topics", "clients", "qos", "connections", "sizes", "times", "talkers")


def span_ns(statistics: Statistics) -> int:
    """From the first packet to the last."""
    return int(statistics.last_ns - statistics.first_ns)


def per_second(statistics: Statistics, count: int) -> float | None:
    """None where there is no time between the first packet and the last."""
    span = span_ns(statistics)
    return count * SECOND / span if span > 0 else None


def part(count: int, whole: int) -> float | None:
    """None of nothing."""
    return count / whole if whole else None


def moment(time_ns: int) -> str | None:
    """Seconds since 1970."""
    return seconds(int(time_ns), 9) if time_ns >= 0 else None


def capture(statistics: Statistics, dissector: Dissector) -> Table:
    """What there is in all, a row each."""
    tcp = dissector.tcp
    answers = statistics.answers.items()
    rows: list[list[Cell]] = [
        ["frames", "Frames", int(dissector.frames)],
        ["tcp_streams", "TCP streams", int(tcp.streams)],
        ["connections", "of which MQTT", int(statistics.opened)],
        ["packets", "Control packets", int(statistics.packets)],
        ["bytes", "Bytes of them", int(statistics.bytes)],
        ["malformed", "Malformed", int(statistics.malformed)],
        ["messages", "Messages (PUBLISH)", sum(statistics.qos_messages)],
        ["published", "from clients", sum(statistics.qos_messages[FROM_CLIENT * 4 : FROM_CLIENT * 4 + 4])],
        ["delivered", "from brokers", sum(statistics.qos_messages[FROM_SERVER * 4 : FROM_SERVER * 4 + 4])],
        ["topics", "Topics", len(statistics.topics)],
        ["messages_of_other_topics", "Messages of topics beyond --max-topics", int(statistics.topics_left_out)],
        ["clients", "Clients", len(statistics.clients)],
        [
            "connections_of_other_clients",
            "Connections of clients beyond --max-clients",
            int(statistics.clients_left_out),
        ],
        ["accepted", "Connections accepted", sum(count for (_, code), count in answers if code == 0)],
        ["refused", "Connections refused", sum(count for (_, code), count in answers if code)],
        ["gaps", "Gaps", int(tcp.gaps)],
        ["gap_bytes", "Bytes missing", int(tcp.gap_bytes)],
        ["first", "First packet", moment(statistics.first_ns)],
        ["last", "Last packet", moment(statistics.last_ns)],
        ["duration_ns", "Time between them", span_ns(statistics)],
    ]
    columns = [Column("key", "", TEXT), Column("what", "What", TEXT), Column("value", "Value")]
    table = Table("capture", "Capture", columns, rows)
    table.extra = {"versions": versions(statistics), "connack": outcomes(statistics)}
    return table


def versions(statistics: Statistics) -> dict[str, int]:
    """CONNECTs by protocol version; by their level, where that is no version's."""
    return {VERSIONS.get(level, f"level {level}"): count for level, count in sorted(statistics.versions.items())}


def outcomes(statistics: Statistics) -> dict[str, int]:
    """CONNACKs by what they say."""
    found: dict[str, int] = {}
    for (version, code), count in sorted(statistics.answers.items()):
        names = CONNACK_REASONS if version >= 5 else CONNACK_RETURN
        name = names.get(code, f"0x{code:02x}")
        found[name] = found.get(name, 0) + count
    return found


def types(statistics: Statistics) -> Table:
    """Packet types by direction."""
    columns = [
        Column("type", "Packet type", TEXT),
        Column("packets", "Packets"),
        Column("share", "Share", "share", 1),
        Column("bytes", "Bytes", "bytes"),
        Column("client_packets", "Client → broker"),
        Column("client_bytes", "bytes", "bytes", 3),
        Column("broker_packets", "Broker → client"),
        Column("broker_bytes", "bytes", "bytes", 3),
        Column("unknown_packets", "Unknown" if any(statistics.types[:TYPES]) else "", rank=2),
        Column("unknown_bytes", "", "bytes"),
    ]
    rows: list[list[Cell]] = []
    for kind in range(TYPES):
        counts = [statistics.types[sender * TYPES + kind] for sender in range(SENDERS)]
        lengths = [statistics.type_bytes[sender * TYPES + kind] for sender in range(SENDERS)]
        if not any(counts):
            continue
        name = "UNDECODED" if kind == UNDECODED_TYPE else PACKET_TYPES[kind]
        whole = None if kind == UNDECODED_TYPE else part(sum(counts), int(statistics.packets))
        rows.append([
            name, sum(counts), whole, sum(lengths), counts[FROM_CLIENT], lengths[FROM_CLIENT], counts[FROM_SERVER],
            lengths[FROM_SERVER], counts[0], lengths[0],
        ])  # fmt: skip
    return Table("types", "Packet types", columns, rows, bar="packets")


TOPIC_COLUMNS = [
    Column("topic", "Topic", TEXT),
    Column("messages", "Messages"),
    Column("published", "Published", rank=3),
    Column("delivered", "Delivered", rank=3),
    Column("bytes", "Bytes", "bytes", 1),
    Column("payload_bytes", "", "bytes"),
    Column("rate", "Rate", "rate", 1),
    Column("byte_rate", "Bytes/s", "byte_rate", 5),
    Column("retained", "Retained", rank=2),
    Column("repeated", "", rank=6),
    Column("qos0", "QoS 0", rank=4),
    Column("qos1", "QoS 1", rank=4),
    Column("qos2", "QoS 2", rank=4),
    Column("publishers", "Publishers", rank=1),
    Column("subscribers", "Subscribers", rank=1),
    Column("receivers", "Receivers", rank=5),
    Column("incomplete", ""),
    Column("first", "", TEXT),
    Column("last", "", TEXT),
]


def topic_row(statistics: Statistics, name: str, topic: Topic, subscribers: int | None) -> list[Cell]:
    """The sums of one topic."""
    return [
        name, int(topic.messages), int(topic.published), int(topic.delivered), int(topic.bytes), int(topic.payload),
        per_second(statistics, int(topic.messages)), per_second(statistics, int(topic.bytes)), int(topic.retained),
        int(topic.repeated), int(topic.qos0), int(topic.qos1), int(topic.qos2), len(topic.publishers), subscribers,
        len(topic.receivers), topic.publishers.more or topic.receivers.more, moment(topic.first_ns),
        moment(topic.last_ns),
    ]  # fmt: skip


def topics(statistics: Statistics) -> Table:
    """Every topic, those with the most messages first."""
    audience = statistics.audience
    audience.count_anew()
    rows: list[list[Cell]] = []
    ordered = sorted(statistics.topics.items(), key=lambda item: (-int(item[1].messages), item[0]))
    for name, topic in ordered:
        reached = audience.reached(name) if name else -1
        rows.append(topic_row(statistics, name or UNKNOWN_TOPIC, topic, reached if reached >= 0 else None))
    if statistics.topics_left_out:
        rows.append(topic_row(statistics, OTHERS, statistics.other_topics, None))
    return Table("topics", "Topics", TOPIC_COLUMNS, rows)


def clients(statistics: Statistics, most: int = 0) -> Table:
    """Every client identifier, those with the most bytes first."""
    columns = [
        Column("client", "Client", TEXT),
        Column("told", ""),
        Column("host", "Host", TEXT, 2),
        Column("version", "MQTT", TEXT, 3),
        Column("connections", "Connections", rank=1),
        Column("refused", "Refused", rank=3),
        Column("fin", "", rank=4),
        Column("rst", "Reset", rank=4),
        Column("disconnects", ""),
        Column("sent_packets", "Sent"),
        Column("received_packets", "Received"),
        Column("sent_bytes", "Bytes sent", "bytes", 5),
        Column("received_bytes", "received", "bytes", 5),
        Column("bytes", "Bytes", "bytes"),
        Column("published", "Published", rank=2),
        Column("delivered", "Delivered", rank=2),
        Column("subscriptions", "Subscriptions", rank=4),
        Column("rate", "Rate", "rate", 3),
        Column("first", "", TEXT),
        Column("last", "", TEXT),
    ]
    ordered = sorted(statistics.clients.values(), key=lambda one: (-one.bytes_sent - one.bytes_received, one.name))
    table = Table("clients", "Clients", columns, [])
    if most and len(ordered) > most and not statistics.clients_left_out:
        table.unmade = len(ordered) - most
        ordered = ordered[:most]
    table.rows = rows = [client_row(statistics, client) for client in ordered]
    if statistics.clients_left_out:
        other = client_row(statistics, statistics.other_clients)
        rows.append([OTHERS, *other[1:]])
    return table


def client_row(statistics: Statistics, client: Client) -> list[Cell]:
    """The sums of one client."""
    return [
        client.name, client.told, client.host, VERSIONS.get(int(client.version)), int(client.connections),
        int(client.refused), int(client.closed), int(client.reset), int(client.disconnects), int(client.sent),
        int(client.received), int(client.bytes_sent), int(client.bytes_received),
        int(client.bytes_sent + client.bytes_received), int(client.published), int(client.delivered),
        int(client.subscriptions), per_second(statistics, int(client.sent + client.received)),
        moment(client.first_ns), moment(client.last_ns),
    ]  # fmt: skip


def qos(statistics: Statistics) -> Table:
    """Messages by QoS and sender."""
    columns = [
        Column("qos", "QoS", TEXT),
        Column("sender", "From", TEXT),
        Column("messages", "Messages"),
        Column("share", "Share", "share"),
        Column("payload_bytes", "Payload", "bytes"),
        Column("retained", "Retained", rank=1),
        Column("repeated", "Repeated (DUP)", rank=2),
    ]
    total = sum(statistics.qos_messages)
    rows: list[list[Cell]] = []
    for level in range(4):
        for sender in (FROM_CLIENT, FROM_SERVER, 0):
            at = sender * 4 + level
            count = statistics.qos_messages[at]
            if count:
                rows.append([
                    str(level), SENDER_NAMES[sender], count, part(count, total), statistics.qos_payload[at],
                    statistics.qos_retained[at], statistics.qos_repeated[at],
                ])  # fmt: skip
    return Table("qos", "QoS of messages", columns, rows, bar="messages")


def offsets(series: Series) -> list[tuple[str | None, float]]:
    """When each interval starts: since 1970, and since the first."""
    starts = [int(series.start(index)) for index in range(len(series.rows))]
    return [(moment(start), (start - starts[0]) / SECOND) for start in starts]


def rates(statistics: Statistics, most: int = 0) -> Table:
    """What every interval brought; packets, bytes and messages by sender."""
    columns = [Column("time", "", TEXT), Column("offset_s", ""), Column("start_ns", "Start", "ns")]
    about = ((PACKETS, "packets", "count"), (BYTES, "bytes", "bytes"), (MESSAGES, "messages", "count"))
    for _, what, form in about:
        columns.append(Column(what, what.capitalize(), form))
        for sender in (FROM_CLIENT, FROM_SERVER, 0):
            label = SENDER_NAMES[sender] if sender else ""
            columns.append(Column(f"{what}_{SENDER_NAMES[sender]}", label, form, 2 if what == "packets" else 3))
    series = statistics.rates.coarse(most) if most else statistics.rates
    rows: list[list[Cell]] = []
    for (time, offset), row in zip(offsets(series), series.rows, strict=True):
        cells: list[Cell] = [time, offset, round(offset * SECOND)]
        for first, _, _ in about:
            cells += [sum(row[first : first + SENDERS]), row[first + FROM_CLIENT], row[first + FROM_SERVER], row[first]]
        rows.append(cells)
    table = Table("rates", f"Rates, in intervals of {duration(int(series.width))}", columns, rows, bar="packets")
    table.extra = {"interval_ns": int(series.width)}
    return table


def levels(series: Series) -> list[tuple[int, int]]:
    """Connections that were open in each interval: the most at a time, and at its end."""
    found: list[tuple[int, int]] = []
    level = 0
    for row in series.rows:
        most = level + row[PEAK]
        level += row[OPENED] - row[CLOSED]
        found.append((most, level))
    return found


def connections(statistics: Statistics, most: int = 0) -> Table:
    """TCP connections with MQTT over time: how many came and went, and were open, at most and at the end."""
    columns = [
        Column("time", "", TEXT),
        Column("offset_s", ""),
        Column("start_ns", "Start", "ns"),
        Column("opened", "Opened"),
        Column("closed", "Closed"),
        Column("refused", "Refused (CONNACK)", rank=1),
        Column("most_open", "Most open"),
        Column("open", "at the end"),
    ]
    series = statistics.connections.coarse(most) if most else statistics.connections
    rows: list[list[Cell]] = []
    level = 0
    for (time, offset), row, (highest, level) in zip(offsets(series), series.rows, levels(series), strict=True):
        rows.append([time, offset, round(offset * SECOND), row[OPENED], row[CLOSED], row[REFUSED], highest, level])
    refused = sum(count for (_, code), count in statistics.answers.items() if code)
    title = f"Connections, in intervals of {duration(int(series.width))}"
    told = [
        f"{statistics.opened:,} opened",
        f"{statistics.closed_by_fin:,} closed by FIN, {statistics.closed_by_reset:,} by RST",
        f"{level:,} open at the end",
        *(f"CONNECT of MQTT {name}: {count:,}" for name, count in versions(statistics).items()),
        *(f"CONNACK {name}: {count:,}" for name, count in outcomes(statistics).items()),
    ]
    table = Table("connections", title, columns, rows, "; ".join(told), "most_open")
    table.extra = {
        "interval_ns": int(series.width),
        "totals": {
            "opened": int(statistics.opened),
            "closed_by_fin": int(statistics.closed_by_fin),
            "closed_by_rst": int(statistics.closed_by_reset),
            "open_at_end": level,
            "refused": refused,
            "versions": versions(statistics),
            "connack": outcomes(statistics),
        },
    }
    return table


def distribution(form: str) -> list[Column]:
    """The columns that describe a histogram."""
    return [
        Column("count", "Count"),
        Column("min", "Min", form, 3),
        Column("mean", "Mean", form, 4),
        *(Column(name, name, form, PERCENTILE_RANKS.get(name, 0)) for name, _ in PERCENTILES),
        Column("max", "Max", form),
        Column("sum", "Sum" if form == "bytes" else "", form, 4),
    ]


def described(histogram: Histogram) -> list[Cell]:
    """Their values."""
    return [
        int(histogram.count), int(histogram.low), histogram.mean(),
        *(histogram.percentile(percent) for _, percent in PERCENTILES), int(histogram.high), histogram.total,
    ]  # fmt: skip


def sizes(statistics: Statistics) -> Table:
    """Sizes of application messages and of control packets, in bytes."""
    columns = [Column("of", "Bytes of", TEXT), Column("sender", "from", TEXT), *distribution("bytes")]
    rows: list[list[Cell]] = []
    histograms: list[dict[str, object]] = []
    for what, kept in (("payload", statistics.payloads), ("packet", statistics.sizes)):
        for sender in (FROM_CLIENT, FROM_SERVER, 0):
            if kept[sender].count:
                rows.append([what, SENDER_NAMES[sender], *described(kept[sender])])
                histograms.append({"of": what, "sender": SENDER_NAMES[sender], **kept[sender].to_json()})
    return Table("sizes", "Sizes", columns, rows, extra={"histograms": histograms})


def handshake(kind: int, sender: int) -> tuple[str, str, str]:
    """The name of what is timed, and who asks, and who answers."""
    request, answer = HANDSHAKES[kind]
    name = f"{request} → {answer}"
    if kind == QOS_2_IN_ALL:
        name = "QoS 2 in all"
    asker = {FROM_CLIENT: FROM_SERVER, FROM_SERVER: FROM_CLIENT, 0: 0}[sender]
    return name, SENDER_NAMES[asker], SENDER_NAMES[sender]


def in_order(statistics: Statistics) -> list[tuple[tuple[str, str, str], Histogram]]:
    """Every handshake that was timed: as `HANDSHAKES` lists them, those that clients begin first."""
    found: list[tuple[tuple[str, str, str], Histogram]] = []
    for kind in HANDSHAKES:
        for sender in (FROM_SERVER, FROM_CLIENT, 0):
            histogram = statistics.times.get((kind, sender))
            if histogram is not None:
                found.append((handshake(kind, sender), histogram))
    return found


def times(statistics: Statistics) -> Table:
    """From a request to its answer, as the capture saw them."""
    columns = [Column("handshake", "Handshake", TEXT), Column("asked_by", "asked by", TEXT), *distribution("ns")]
    rows: list[list[Cell]] = []
    histograms: list[dict[str, object]] = []
    for (name, asker, _), histogram in in_order(statistics):
        rows.append([name, asker, *described(histogram)])
        histograms.append({"handshake": name, "asked_by": asker, **histogram.to_json()})
    return Table("times", "Response times", columns, rows, extra={"unit": "ns", "histograms": histograms})


def talkers(statistics: Statistics) -> Table:
    """Hosts and clients by the bytes of their control packets, the greatest first."""
    columns = [
        Column("kind", "", TEXT),
        Column("name", "Top talker", TEXT),
        Column("bytes", "Bytes", "bytes"),
        Column("share", "Share", "share"),
        Column("sent_bytes", "Sent", "bytes", 1),
        Column("received_bytes", "Received", "bytes", 1),
        Column("sent_packets", "Packets sent", rank=2),
        Column("received_packets", "received", rank=2),
        Column("missing_bytes", ""),
    ]
    columns[0], columns[1] = columns[1], Column("kind", "is a", TEXT)
    rows = [talker_row(statistics, "host", one) for one in statistics.hosts.top()]
    rows += [talker_row(statistics, "client", one) for one in statistics.heavy_clients.top()]
    rows.sort(key=lambda row: -int(row[2] or 0))
    dropped = max(statistics.hosts.dropped, statistics.heavy_clients.dropped)
    more = f"of some that are not shown, or came late, up to {size(dropped)} may be missing" if dropped else ""
    return Table("talkers", "Top talkers", columns, rows, more, bar="bytes")


def talker_row(statistics: Statistics, kind: str, one: Talker) -> list[Cell]:
    """A host or client."""
    return [
        one.name, kind, one.all_bytes(), part(one.all_bytes(), int(statistics.bytes)), int(one.bytes_out),
        int(one.bytes_in), int(one.packets_out), int(one.packets_in), int(one.error),
    ]  # fmt: skip
