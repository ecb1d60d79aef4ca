"""Read captures: bytes in, `Frame`s out. Nothing here knows what a frame carries."""
