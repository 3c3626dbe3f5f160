"""Octets of a frame → TCP segments: as columns where a frame has the common shape, one by one where it has not."""
