"""How many octets an encrypted packet takes, by cipher and MAC; and where the length of a packet stays readable.

An encrypted packet shows its size at best. With AES-GCM and the encrypt-then-MAC modes packet_length is in the clear,
so packets can be told apart exactly; with others only sizes of whole writes are seen. Sources: RFC 4253 §6 (block,
padding), RFC 4344 (CTR), RFC 5647 (AES-GCM), OpenSSH's PROTOCOL (…-etm@openssh.com, aes-gcm@openssh.com) and
PROTOCOL.chacha20poly1305. Must not know: segments, frames.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from sshpcap import limits
from sshpcap.model import Slot

_LENGTH_FIELD: Final = 4
_LEAST_PADDING: Final = 4

_MAC_OCTETS: Final = {
    "hmac-md5": 16,
    "hmac-md5-96": 12,
    "hmac-sha1": 20,
    "hmac-sha1-96": 12,
    "hmac-sha2-256": 32,
    "hmac-sha2-512": 64,
    "hmac-ripemd160": 20,
    "umac-64": 8,
    "umac-128": 16,
}
"""Octets of a MAC, by its name before `@` and without `-etm`."""

_SHORT_BLOCKS: Final = frozenset(("3des", "blowfish", "cast128", "idea", "arcfour", "arcfour128", "arcfour256"))
"""Ciphers whose packets are padded to 8 octets, not 16 (RFC 4253 §6)."""

_METHOD_LISTS: Final = (
    "publickey,password,keyboard-interactive",
    "publickey",
    "publickey,password",
    "password",
    "publickey,keyboard-interactive",
    "password,keyboard-interactive",
    "keyboard-interactive",
    "publickey,gssapi-with-mic",
    "publickey,gssapi-with-mic,password",
    "publickey,gssapi-keyex,gssapi-with-mic",
    "publickey,gssapi-keyex,gssapi-with-mic,password",
    "publickey,gssapi-keyex,gssapi-with-mic,keyboard-interactive",
    "publickey,gssapi-keyex,gssapi-with-mic,password,keyboard-interactive",
    "gssapi-keyex,gssapi-with-mic,password",
    "publickey,hostbased",
    "publickey,password,hostbased",
    "publickey,password,keyboard-interactive,hostbased",
)
"""Lists of methods that servers send, the common ones first; only the length of a list matters."""


class Sealing(NamedTuple):
    """The form of the encrypted packets of one direction."""

    block: int
    tag: int
    """Octets of the MAC behind a packet."""
    length_counts: bool
    """The length field is part of what is padded to whole blocks."""
    clear_length: bool
    """packet_length stays readable."""

    def size(self, payload: int) -> int:
        """Octets of a packet with so many octets of payload and the least padding (RFC 4253 §6)."""
        inner = 1 + payload + _LEAST_PADDING + (_LENGTH_FIELD if self.length_counts else 0)
        blocks = -(-inner // self.block) * self.block
        return blocks + self.tag + (0 if self.length_counts else _LENGTH_FIELD)

    @property
    def smallest(self) -> int:
        """Octets of a packet that carries a message number and nothing else."""
        return self.size(1)

    def fits(self, octets: int) -> bool:
        """So many octets can be one packet."""
        return _judged(self, octets)[0]

    def surely_one(self, octets: int) -> bool:
        """So many octets from the beginning of one packet to the end of one cannot be several.

        Two of the smallest would be longer; or (ChaCha20-Poly1305, some MACs) an even number of packets has another
        remainder.
        """
        return _judged(self, octets)[1]

    def packet_end(self, octets: bytes, start: int) -> int | None:
        """Where the packet at `start` ends, if its length is readable and can be one; else None."""
        field = octets[start : start + _LENGTH_FIELD]
        if not self.clear_length or len(field) < _LENGTH_FIELD:
            return None
        length = int.from_bytes(field, "big")
        if not self.block <= length <= limits.MAX_PACKET_LENGTH or length % self.block:
            return None
        return start + _LENGTH_FIELD + length + self.tag


@lru_cache(4096)
def _judged(seal: Sealing, octets: int) -> tuple[bool, bool]:
    """Whether so many octets can be one packet, and whether they cannot be several: sizes come again and again."""
    smallest, block = seal.smallest, seal.block
    if octets < smallest or (octets - smallest) % block:
        return False, False
    return True, not any(
        octets >= count * smallest and (octets - count * smallest) % block == 0
        for count in range(2, min(octets // smallest, block + 2) + 1)
    )


def sealing(cipher: Slot, mac: Slot) -> Sealing | None:
    """The form that a negotiated cipher and MAC give to packets; None where it is not known."""
    name = cipher.chosen or ""
    if name.startswith("chacha20-poly1305"):
        return Sealing(block=8, tag=16, length_counts=False, clear_length=False)
    if "-gcm" in name or name.startswith("AEAD_AES_"):
        return Sealing(block=16, tag=16, length_counts=False, clear_length=True)
    base = (mac.chosen or "").partition("@")[0]
    then_mac = base.endswith("-etm")
    tag = _MAC_OCTETS.get(base.removesuffix("-etm"))
    if tag is None or not name or name == "none":
        return None
    block = 8 if (name.rpartition("-")[0] or name) in _SHORT_BLOCKS else 16
    return Sealing(block=block, tag=tag, length_counts=not then_mac, clear_length=then_mac)


@lru_cache(256)
def method_lists(octets: int, seal: Sealing) -> tuple[str, ...]:
    """The lists of methods with which SSH_MSG_USERAUTH_FAILURE has so many octets (RFC 4252 §5.1)."""
    return tuple(names for names in _METHOD_LISTS if seal.size(1 + 4 + len(names) + 1) == octets)
