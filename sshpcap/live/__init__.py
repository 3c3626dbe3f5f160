"""Live: an analyzer that never ends and stays within its bounds, what it tells, and how it gives up its rights.

`watch` decides when a connection is told, `events` and `statistics` are what is told, `loop` drives them, the
others are where it goes. Must not know: the command line, the formats of reports for people.
"""
