"""Sequence diagrams of MQTT sessions: one model (`model`), one renderer for each kind of picture."""
