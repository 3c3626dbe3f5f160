"""Replaces what tells who and where by consistent pseudonyms: in results, and in the frames of a slice.

Addresses keep their common prefixes (two hosts of one network stay in one network), everything else is replaced value
by value. With the same key the same value always becomes the same pseudonym; without it nothing leads back.
"""

from sshpcap.anonymize.frames import share
from sshpcap.anonymize.pseudonyms import Pseudonyms, new_key
from sshpcap.anonymize.results import Results

__all__ = ["Pseudonyms", "Results", "new_key", "share"]
