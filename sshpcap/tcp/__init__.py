"""Segments → two byte streams and the life of the connection around them. Must not know: SSH, files."""
