"""All tables of statistics as one JSON object: a key for each table, and what a table has besides its rows.

{"capture": {"frames": 1, ...}, "types": [{"type": "PUBLISH", ...}], "rates": {"interval_ns": 1, "rows": [...]}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from mqttdissect.output import statistics as view
from mqttdissect.output.ndjson import escaped
from mqttdissect.output.tables import to_json as rows_of

if TYPE_CHECKING:
    from mqttdissect.analysis.statistics import Statistics
    from mqttdissect.pipeline import Dissector


def to_json(statistics: Statistics, dissector: Dissector, names: tuple[str, ...], top: int | None) -> str:
    """The object, with line breaks. top: rows of each table; None for all."""
    report: dict[str, object] = {}
    for name in names:
        table = view.table(name, statistics, dissector)
        if top:
            table = table.first(top)
        if name == "capture":
            report[name] = {**{str(row[0]): row[2] for row in table.rows}, **table.extra}
        elif table.extra:
            report[name] = {**table.extra, "rows": rows_of(table)}
        else:
            report[name] = rows_of(table)
    text = orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()
    return "".join((line if line.isprintable() else escaped(line)) + "\n" for line in text.split("\n"))
