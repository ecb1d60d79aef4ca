"""Which streams carry MQTT, and what it rides in."""
