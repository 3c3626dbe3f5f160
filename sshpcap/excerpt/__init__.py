"""What a ticket needs of a capture: its frames read once more, those that matter chosen, cut and written."""

from sshpcap.excerpt.again import Found, find
from sshpcap.excerpt.choice import Choice, choose

__all__ = ["Choice", "Found", "choose", "find"]
