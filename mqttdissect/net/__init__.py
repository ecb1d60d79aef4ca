"""From frames to ordered streams of bytes: link, IP and TCP headers off, TCP put in order. Knows nothing of MQTT."""
