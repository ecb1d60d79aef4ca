"""A field's value in words: names of numbers, units, text made harmless, secrets masked."""

from collections.abc import Callable
from typing import Final

from mqttdissect.mqtt.fields import TEXT, VARINT, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE, WILL_PAYLOAD
from mqttdissect.output.text import decoded, printable, printable_ascii, shortened, visible

MASK: Final = "********"
LONGEST: Final = 240  # characters of a value in the tree
LOADS: Final[list[Callable[[bytes], object]]] = []  # orjson's, once it is needed
LARGEST_JSON: Final = 65536  # bytes of a payload that is looked at whole to tell what it is


def number(spec: FieldSpec, value: int) -> str:
    """A number, with its name or unit if the field has one."""
    names = spec.names
    if names is not None:
        name = names.get(value)
        if name is not None:
            return f"{hexadecimal(value)} {name}" if value > 9 and value < 256 else f"{value} {name}"
        if not spec.unit:
            return f"{hexadecimal(value)} not defined"
    return f"{value} {spec.unit}" if spec.unit else str(value)


def hexadecimal(value: int) -> str:
    """0x8c"""
    return f"0x{value:02x}"


def bits(spec: BitSpec, byte: int) -> str:
    """The value of some bits of `byte`, with its name."""
    value = spec.value(byte)
    if spec.names is None:
        return str(value)
    name = spec.names.get(value, "not defined")
    return f"{name} ({value})" if spec.mask == 0xF0 else f"{value}  {name}"


def what_is(raw: bytes) -> str:
    """What an application message looks like: JSON, text or binary."""
    if raw[0] in (0x7B, 0x5B) and len(raw) <= LARGEST_JSON and is_json(raw):
        return "JSON"
    try:
        text = raw[:LARGEST_JSON].decode("utf-8", "ignore" if len(raw) > LARGEST_JSON else "strict")
    except UnicodeDecodeError:
        return "binary"
    return "text" if readable(text) else "binary"


def is_json(raw: bytes) -> bool:
    """Is an application message JSON, as a whole?"""
    if raw.rstrip()[-1:] not in (b"}", b"]"):  # cheaper than to have it read, and refused
        return False
    if not LOADS:
        import orjson  # not needed for a summary, and it loads a good deal

        LOADS.append(orjson.loads)
    try:
        LOADS[0](raw)
    except ValueError:
        return False
    return True


def readable(text: str) -> bool:
    """Is it made of printable characters, spaces and line ends?"""
    return printable(text) or text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable()


def size_of(count: int) -> str:
    """7 bytes, 300,000 bytes"""
    if count < 1000:
        return f"{count} bytes" if count != 1 else "1 byte"
    return f"{count:,} bytes"


def payload(raw: bytes) -> str:
    """An application message: its text or printable characters, its size, and what it looks like."""
    if not raw:
        return "(empty)"
    kind = what_is(raw)
    head = raw[: LONGEST + 1]
    if kind == "binary":
        shown = dots(raw[:LONGEST])
    elif printable_ascii(head):
        shown = head.decode("ascii")
    else:
        shown = visible(raw[: LONGEST * 4].decode("utf-8", "ignore"))
    return shortened(shown, LONGEST) + ending(len(raw), kind)


def ending(size: int, kind: str) -> str:
    """How large a message is, and what it looks like; short ones are kept once written."""
    if size >= 1000:
        return f"  ({size_of(size)}, {kind})"
    known = ENDINGS[kind]
    if not known[size]:
        known[size] = f"  ({size_of(size)}, {kind})"
    return known[size]


ENDINGS: Final[dict[str, list[str]]] = {kind: [""] * 1000 for kind in ("JSON", "text", "binary")}


def dots(raw: bytes) -> str:
    """The printable ASCII characters of `raw`, a dot for every other byte."""
    return raw.translate(PRINTABLE).decode("ascii")


PRINTABLE: Final = bytes([n if 0x20 <= n < 0x7F else 0x2E for n in range(256)])


def display(field: Field, secrets: bool) -> str:
    """The value as a person reads it. secrets: show passwords and authentication data."""
    spec = field.spec
    value = field.value
    if spec.secret and not secrets:
        return f"{MASK}  (hidden; --show-secrets shows it)"
    if isinstance(value, int):
        if spec.kind == VARINT and spec.names is not None:
            return f"{spec.names.get(value, 'not defined')} ({hexadecimal(value)})"
        return number(spec, value)
    if isinstance(value, bytes):
        if spec is APPLICATION_MESSAGE or spec is WILL_PAYLOAD:
            return payload(value)
        if spec.kind == TEXT:
            return f"{shortened(decoded(value), LONGEST)}  (not UTF-8)"
        if not value:
            return "(empty)"
        return payload(value)
    text = visible(str(value))
    return shortened(text, LONGEST) if text else "(empty)"


def plain(field: Field, secrets: bool) -> object:
    """The value for a machine: numbers and text as they are, bytes as lower-case hex; masked if secret."""
    spec = field.spec
    value = field.value
    if spec.secret and not secrets:
        return MASK
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace") if spec.kind == TEXT or spec.text else value.hex()
    return value


def under_alias(field: Field, secrets: bool) -> object:
    """The same under the field's alias, where bytes are bytes."""
    value = field.value
    if isinstance(value, bytes) and field.spec.text and (secrets or not field.spec.secret):
        return value.hex()
    return plain(field, secrets)
