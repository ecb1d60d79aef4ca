"""TCP sequence numbers: 32 bits that wrap (RFC 9293, section 3.4), unfolded into 64 bits that do not."""

from mypy_extensions import i64


def unfold(sequence: i64, near: i64) -> i64:
    """The 64-bit position that `sequence` (0 to 2**32 - 1) stands for: of those congruent to it, the one closest to
    `near`, which may be negative."""
    difference = (sequence - near) & 0xFFFF_FFFF
    if difference >= 0x8000_0000:
        difference -= 0x1_0000_0000
    return near + difference
