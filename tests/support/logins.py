"""Scripts what follows NEWKEYS as sizes: packets of any payload, sealed as ciphers do, with octets that mean nothing.

The sizes are typed from RFC 4253 §6, RFC 5647 and OpenSSH's PROTOCOL files, not taken from sshpcap:

    login = Login(AES_GCM)
    login.begins()
    login.asks(40, login.refusal("publickey,password"), after=2.0)
    login.flow.client.fin()
"""

from typing import Final, NamedTuple

from tests.support.sessions import proposed
from tests.support.sshbytes import ecdh_init, ecdh_reply, newkeys, packet, string
from tests.support.wireflow import Flow, Side

HOST_KEY: Final = string("ssh-ed25519") + string(bytes(32))
SIGNATURE: Final = string("ssh-ed25519") + string(bytes(64))

SERVICE: Final = 1 + 4 + len("ssh-userauth")
SUCCESS: Final = 1


class Cipher(NamedTuple):
    """Names for the proposals, and the form of packets."""

    encryption: str
    mac: str
    block: int
    tag: int
    clear: bool
    """packet_length is readable."""
    apart: bool
    """The length field is not part of the blocks."""


CHACHA: Final = Cipher("chacha20-poly1305@openssh.com", "hmac-sha2-256", 8, 16, False, True)
AES_GCM: Final = Cipher("aes128-gcm@openssh.com", "hmac-sha2-256", 16, 16, True, True)
CTR_ETM: Final = Cipher("aes256-ctr", "hmac-sha2-256-etm@openssh.com", 16, 32, True, True)
CTR: Final = Cipher("aes256-ctr", "hmac-sha2-256", 16, 32, False, False)
CIPHERS: Final = (CHACHA, AES_GCM, CTR_ETM, CTR)


def sealed(cipher: Cipher, payload: int) -> bytes:
    """A packet with so many octets of payload: its length, readable or not, and noise."""
    padded = 1 + payload + (0 if cipher.apart else 4)
    padding = 4 + -(padded + 4) % cipher.block
    length = 1 + payload + padding
    head = length.to_bytes(4, "big") if cipher.clear else b"\xc3" * 4
    return head + b"\xa5" * (length + cipher.tag)


def encrypted(
    cipher: Cipher, flow: Flow | None = None, *, compression: str = "none", software: str = "OpenSSH_9.2p1"
) -> Flow:
    """A handshake to the end: both sides have sent NEWKEYS."""
    lists = {"encryption": cipher.encryption, "mac": cipher.mac, "compression": compression}
    flow = proposed(flow, client=lists, server=lists, software=software)
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.sends(packet(newkeys()))
    flow.server.acks()
    return flow


class Login:
    """The encrypted part of a connection, request by request."""

    def __init__(self, cipher: Cipher = CHACHA, flow: Flow | None = None, **changes: str) -> None:
        self.cipher = cipher
        self.flow = encrypted(cipher, flow, **changes)

    def says(self, side: Side, *payloads: int) -> None:
        """One write of a side with packets of these payloads, acknowledged by the other."""
        side.sends(b"".join(sealed(self.cipher, payload) for payload in payloads))
        side.peer.acks()

    def begins(self) -> None:
        """The service is asked for and accepted."""
        self.asks(SERVICE, SERVICE)

    def asks(self, request: int, *answer: int, after: float = 0.0) -> None:
        """A request, and the answer some seconds later."""
        self.says(self.flow.client, request)
        self.flow.wait(after)
        if answer:
            self.says(self.flow.server, *answer)

    @staticmethod
    def refusal(methods: str) -> int:
        """Octets of SSH_MSG_USERAUTH_FAILURE with a list of methods (RFC 4252 §5.1)."""
        return 1 + 4 + len(methods) + 1

    def wrong_passwords(self, count: int, methods: str = "publickey,password") -> None:
        """The question for the methods, then passwords that PAM refuses."""
        self.begins()
        self.asks(40, self.refusal(methods))
        for _ in range(count):
            self.asks(64, self.refusal(methods), after=2.1)

    def succeeds(self) -> None:
        """The question for the methods, a key that is taken, a command, its end."""
        self.begins()
        self.asks(40, self.refusal("publickey,password"))
        self.asks(280, SUCCESS)
        for request, answer in ((90, 700), (32, 52), (16, 100)):
            self.asks(request, answer)
        self.says(self.flow.client, 40)

    def ends(self, by: str = "client") -> Flow:
        """FIN of one side, then of the other."""
        first = self.flow.client if by == "client" else self.flow.server
        first.fin()
        first.peer.fin()
        first.acks()
        return self.flow
