"""What a ticket needs of a capture: its frames read once more, those that matter chosen, cut and written."""

from sshpcap.excerpt.again import Found, find
from sshpcap.excerpt.choice import Choice, Excerpted, choose, comments_of

__all__ = ["Choice", "Excerpted", "Found", "choose", "comments_of", "find"]
