"""Packets as text: tree, one-line summary, JSON, fields and CSV, hex dump."""
