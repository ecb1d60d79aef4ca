"""What a sequence of packets means: sessions, handshakes, deliveries, and findings by the standard."""
