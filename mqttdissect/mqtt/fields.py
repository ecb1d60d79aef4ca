"""What a field of a control packet is: `FieldSpec` says it once for all packets, `Field` is one occurrence.

The tree, JSON, `-e`, the list of fields and the docs all come from the specs (in `registry`). Decoding records only
spec, place and value; bits, value names and texts are worked out when somebody asks.
"""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

# Kinds of fields, by how their bytes are read (MQTT 5.0, section 1.5)
BYTE: Final = 0  # an integer of one byte
UINT16: Final = 1  # Two Byte Integer
UINT32: Final = 2  # Four Byte Integer
VARINT: Final = 3  # Variable Byte Integer
TEXT: Final = 4  # the characters of a UTF-8 Encoded String; str, or bytes when they are not UTF-8
BINARY: Final = 5  # bytes
GROUP: Final = 6  # the fields that follow, as many as its value says
UNDECODED: Final = 7  # bytes without meaning here; the value says why
DERIVED: Final = 8  # no bytes: worked out from what came earlier

KIND_NAMES: Final[dict[int, str]] = {
    BYTE: "byte",
    UINT16: "two byte integer",
    UINT32: "four byte integer",
    VARINT: "variable byte integer",
    TEXT: "UTF-8 string",
    BINARY: "binary data",
    GROUP: "group",
    UNDECODED: "undecoded",
    DERIVED: "derived",
}


@final
class BitSpec:
    """Some bits of a byte. flag: one bit, shown as yes or no. names: what the values are called."""

    __slots__ = ("flag", "label", "mask", "name", "names", "shift")

    def __init__(
        self, name: str, label: str, mask: int, names: dict[int, str] | None = None, flag: bool = False
    ) -> None:
        self.name = name
        self.label = label
        self.mask = mask
        self.names = names
        self.flag = flag
        self.shift = (mask & -mask).bit_length() - 1

    def value(self, byte: int) -> int:
        """The bits' value in `byte`, shifted down."""
        return (byte & self.mask) >> self.shift


@final
class FieldSpec:
    """A field of the protocol.

    name: the filter name, Wireshark's where it has one. alias: a second name, more telling than Wireshark's.
    label: the standard's words. kind: one of the constants above. section: where MQTT 5.0 defines it.
    names: what values are called. bits: what a byte is made of. unit: of a number. length: the spec of the two-byte
    length before a string or binary data. secret: shown only on demand. text: bytes that
    Wireshark has as text under `name`; under `alias` they are bytes.
    """

    __slots__ = ("alias", "bits", "kind", "label", "length", "name", "names", "secret", "section", "text", "unit")

    def __init__(
        self,
        name: str,
        label: str,
        kind: int,
        section: str = "",
        *,
        alias: str = "",
        names: dict[int, str] | None = None,
        bits: tuple[BitSpec, ...] = (),
        unit: str = "",
        length: "FieldSpec | None" = None,
        secret: bool = False,
        text: bool = False,
    ) -> None:
        self.name = name
        self.label = label
        self.kind = kind
        self.section = section
        self.alias = alias
        self.names = names
        self.bits = bits
        self.unit = unit
        self.length = length
        self.secret = secret
        self.text = text

    def __repr__(self) -> str:
        return f"FieldSpec({self.name!r}, {self.label!r})"


@final
@mypyc_attr(acyclic=True)
class Field:
    """One field of one packet: bytes `start` to `end` of the packet, and their value.

    value: int, str, bytes; for `UNDECODED` the reason (str); for `GROUP` the number of fields in it (int). Packets
    share fields that are the same: nobody but the decoder changes one.
    """

    __slots__ = ("end", "spec", "start", "value")

    def __init__(self, spec: FieldSpec, start: i64, end: i64, value: object) -> None:
        self.spec = spec
        self.start = start
        self.end = end
        self.value = value

    def __repr__(self) -> str:
        return f"Field({self.spec.name!r}, {self.start}, {self.end}, {self.value!r})"


def number(value: object) -> i64:
    """A field's value as a number; 0 if it is none."""
    return value if isinstance(value, int) else 0


def words(value: object) -> str:
    """A field's value as text, bad bytes escaped."""
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else ""
