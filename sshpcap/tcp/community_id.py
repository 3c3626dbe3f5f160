"""Community ID v1 (https://github.com/corelight/community-id-spec): a name for a flow that other tools share."""

import base64
import hashlib
import struct

from sshpcap.frames import Endpoint


def community_id(left: Endpoint, right: Endpoint) -> str:
    """The id of a TCP flow, seed 0; the order of the endpoints does not matter."""
    low, high = sorted((left, right))
    octets = struct.pack("!H", 0) + low.address + high.address + struct.pack("!BBHH", 6, 0, low.port, high.port)
    return "1:" + base64.b64encode(hashlib.sha1(octets, usedforsecurity=False).digest()).decode()
