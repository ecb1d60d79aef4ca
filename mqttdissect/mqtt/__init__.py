"""The protocol: fields, framing, one decoder per control packet, properties, reason codes. No I/O, no analysis."""
