"""Benchmarks of mqttdissect: synthetic captures with known contents, and a comparison with tshark."""
