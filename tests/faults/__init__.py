"""Fault injection: real MQTT conversations in which one thing is made wrong, and what `check` must say of them."""
