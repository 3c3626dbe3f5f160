"""HASSH and hasshServer: MD5 over the algorithm lists of a proposal as sent (the definition published by
Salesforce)."""

import hashlib
from functools import lru_cache

from sshpcap.model import Hassh, KexInit


def hassh(kexinit: KexInit, *, client: bool) -> Hassh:
    """Fingerprint of a client's lists of its own direction, or of a server's of its own."""
    lists = (
        (
            kexinit.encryption_algorithms_client_to_server,
            kexinit.mac_algorithms_client_to_server,
            kexinit.compression_algorithms_client_to_server,
        )
        if client
        else (
            kexinit.encryption_algorithms_server_to_client,
            kexinit.mac_algorithms_server_to_client,
            kexinit.compression_algorithms_server_to_client,
        )
    )
    return _of_lists((kexinit.kex_algorithms, *lists))


@lru_cache(64)
def _of_lists(lists: tuple[tuple[str, ...], ...]) -> Hassh:
    string = ";".join(",".join(names) for names in lists)
    return Hassh(hash=hashlib.md5(string.encode(), usedforsecurity=False).hexdigest(), string=string)
