"""Unsigned integers of fixed width at an offset in `bytes`; the caller has checked that they are there.

Plain indexing, because mypyc turns it into a load from memory, while `struct` would box every value.
"""

from mypy_extensions import i64


def u16be(data: bytes, at: i64) -> i64:
    return i64(data[at]) << 8 | i64(data[at + 1])


def u32be(data: bytes, at: i64) -> i64:
    return i64(data[at]) << 24 | i64(data[at + 1]) << 16 | i64(data[at + 2]) << 8 | i64(data[at + 3])


def u16le(data: bytes, at: i64) -> i64:
    return i64(data[at + 1]) << 8 | i64(data[at])


def u32le(data: bytes, at: i64) -> i64:
    return i64(data[at + 3]) << 24 | i64(data[at + 2]) << 16 | i64(data[at + 1]) << 8 | i64(data[at])
