"""Octets of SSH as the RFCs write them, for tests: encoders typed from RFC 4251 §5, 4253 §4–§11, 4419, 5656 and 8731.

Nothing of sshpcap is imported here on purpose, so that a mistake of the parser cannot hide in the encoder.
"""

from collections.abc import Iterable

COOKIE = bytes(range(16))
SERVER_COOKIE = bytes(range(16, 32))
FOLLOWS = True  # a guessed key exchange packet follows

# RFC 4253 §7.1, in the order of the wire; the lists are those of a small modern peer.
KEXINIT_LISTS = {
    "kex_algorithms": "curve25519-sha256,ecdh-sha2-nistp256",
    "server_host_key_algorithms": "ssh-ed25519,rsa-sha2-512",
    "encryption_algorithms_client_to_server": "aes128-ctr,aes256-ctr",
    "encryption_algorithms_server_to_client": "aes128-ctr,aes256-ctr",
    "mac_algorithms_client_to_server": "hmac-sha2-256",
    "mac_algorithms_server_to_client": "hmac-sha2-256",
    "compression_algorithms_client_to_server": "none",
    "compression_algorithms_server_to_client": "none",
    "languages_client_to_server": "",
    "languages_server_to_client": "",
}


# --- RFC 4251 §5 -----------------------------------------------------------------------------------------------------


def boolean(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def uint32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def uint64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def string(octets: bytes | str) -> bytes:
    if isinstance(octets, str):
        octets = octets.encode()
    return uint32(len(octets)) + octets


def mpint(value: int) -> bytes:
    """Two's complement in as few octets as hold it; zero has none."""
    if value == 0:
        return uint32(0)
    size = (value if value > 0 else ~value).bit_length() // 8 + 1
    return string(value.to_bytes(size, "big", signed=True))


def name_list(names: Iterable[str]) -> bytes:
    return string(",".join(names))


# --- RFC 4253 §4.2, §6 -----------------------------------------------------------------------------------------------


def identification(software: str = "Test_1.0", *, version: str = "2.0", end: bytes = b"\r\n") -> bytes:
    return f"SSH-{version}-{software}".encode() + end


def packet(payload: bytes, *, padding: int | None = None, block: int = 8) -> bytes:
    """A clear packet: packet_length, padding_length, payload, padding of at least four octets up to whole blocks."""
    if padding is None:
        padding = 4 + -(4 + 1 + len(payload) + 4) % block
    return uint32(1 + len(payload) + padding) + bytes((padding,)) + payload + bytes(padding)


# --- RFC 4253 §7, §11 ------------------------------------------------------------------------------------------------


def kexinit(follows: bool = False, cookie: bytes = COOKIE, /, **lists: str) -> bytes:
    """SSH_MSG_KEXINIT; `lists` replace some of KEXINIT_LISTS: `encryption`, `mac`, `compression` both directions."""
    named = dict(KEXINIT_LISTS)
    for name, names in lists.items():
        if name in ("encryption", "mac", "compression"):
            for direction in ("client_to_server", "server_to_client"):
                named[f"{name}_algorithms_{direction}"] = names
        else:
            assert name in named, name
            named[name] = names
    return b"\x14" + cookie + b"".join(string(names) for names in named.values()) + boolean(follows) + uint32(0)


def server_kexinit(follows: bool = False, /, **lists: str) -> bytes:
    """The other side's: everything may be the same but the cookie, or it would be an echo."""
    return kexinit(follows, SERVER_COOKIE, **lists)


def newkeys() -> bytes:
    return b"\x15"


def disconnect(code: int, description: str = "", language: str = "") -> bytes:
    return b"\x01" + uint32(code) + string(description) + string(language)


def ignore(octets: bytes) -> bytes:
    return b"\x02" + string(octets)


def unimplemented(sequence_number: int) -> bytes:
    return b"\x03" + uint32(sequence_number)


def debug(message: str, *, always_display: bool = False) -> bytes:
    return b"\x04" + boolean(always_display) + string(message) + string("")


def ext_info(**extensions: str) -> bytes:
    """RFC 8308 §2.3."""
    pairs = b"".join(string(name.replace("_", "-")) + string(value) for name, value in extensions.items())
    return b"\x07" + uint32(len(extensions)) + pairs


# --- key exchange: RFC 4253 §8, RFC 4419 §3 and §5, RFC 5656 §4, RFC 8731 -------------------------------------------


def kexdh_init(e: int) -> bytes:
    return b"\x1e" + mpint(e)


def kexdh_reply(host_key: bytes, f: int, signature: bytes) -> bytes:
    return b"\x1f" + string(host_key) + mpint(f) + string(signature)


def gex_request_old(n: int) -> bytes:
    return b"\x1e" + uint32(n)


def gex_request(minimum: int, n: int, maximum: int) -> bytes:
    return b"\x22" + uint32(minimum) + uint32(n) + uint32(maximum)


def gex_group(p: int, g: int) -> bytes:
    return b"\x1f" + mpint(p) + mpint(g)


def gex_init(e: int) -> bytes:
    return b"\x20" + mpint(e)


def gex_reply(host_key: bytes, f: int, signature: bytes) -> bytes:
    return b"\x21" + string(host_key) + mpint(f) + string(signature)


def ecdh_init(public: bytes) -> bytes:
    """Also the hybrid methods' SSH_MSG_KEX_HYBRID_INIT: one string."""
    return b"\x1e" + string(public)


def ecdh_reply(host_key: bytes, public: bytes, signature: bytes) -> bytes:
    """Also SSH_MSG_KEX_HYBRID_REPLY: three strings."""
    return b"\x1f" + string(host_key) + string(public) + string(signature)


# Octets of the public strings of both sides (draft-ietf-sshm-mlkem-hybrid-kex, draft-ietf-sshm-ntruprime-ssh).
PUBLIC_SIZES = {
    "curve25519-sha256": (32, 32),
    "curve448-sha512": (56, 56),
    "ecdh-sha2-nistp256": (65, 65),
    "mlkem768x25519-sha256": (1184 + 32, 1088 + 32),
    "mlkem768nistp256-sha256": (1184 + 65, 1088 + 65),
    "mlkem1024nistp384-sha384": (1568 + 97, 1568 + 97),
    "sntrup761x25519-sha512": (1158 + 32, 1039 + 32),
    "sntrup761x25519-sha512@openssh.com": (1158 + 32, 1039 + 32),
}


def kexrsa_pubkey(host_key: bytes, transient: bytes) -> bytes:
    """RFC 4432 §4."""
    return b"\x1e" + string(host_key) + string(transient)


def kexrsa_secret(octets: bytes) -> bytes:
    return b"\x1f" + string(octets)


def kexrsa_done(signed: bytes) -> bytes:
    return b"\x20" + string(signed)


def kexgss_init(token: bytes, e: int | bytes) -> bytes:
    """RFC 4462 §2.1; RFC 8732 §5.1 has a string instead of e."""
    return b"\x1e" + string(token) + (mpint(e) if isinstance(e, int) else string(e))


def kexgss_continue(token: bytes) -> bytes:
    return b"\x1f" + string(token)


def kexgss_complete(f: int | bytes, mic: bytes, token: bytes | None = None) -> bytes:
    value = mpint(f) if isinstance(f, int) else string(f)
    return b"\x20" + value + string(mic) + boolean(token is not None) + (string(token) if token is not None else b"")


def kexgss_hostkey(host_key: bytes) -> bytes:
    return b"\x21" + string(host_key)


def kexgss_error(major: int, minor: int, message: str) -> bytes:
    return b"\x22" + uint32(major) + uint32(minor) + string(message) + string("")


def kexgss_groupreq(minimum: int, n: int, maximum: int) -> bytes:
    """RFC 4462 §2.2."""
    return b"\x28" + uint32(minimum) + uint32(n) + uint32(maximum)


def kexgss_group(p: int, g: int) -> bytes:
    return b"\x29" + mpint(p) + mpint(g)


# --- keys and signatures: RFC 4253 §6.6, RFC 8709 §4 and §6, RFC 5656 §3.1 -----------------------------------------


def ed25519_key(public: bytes = bytes(range(32))) -> bytes:
    return string("ssh-ed25519") + string(public)


def rsa_key(n: int, e: int = 65537) -> bytes:
    return string("ssh-rsa") + mpint(e) + mpint(n)


def ecdsa_key(curve: str, point: bytes) -> bytes:
    return string(f"ecdsa-sha2-{curve}") + string(curve) + string(point)


def signature(algorithm: str = "ssh-ed25519", blob: bytes = bytes(64)) -> bytes:
    return string(algorithm) + string(blob)


# --- both sides of a whole handshake --------------------------------------------------------------------------------


def clear_phase(**lists: str) -> tuple[list[bytes], list[bytes]]:
    """What client and server send up to NEWKEYS with curve25519-sha256, a unit each: line, KEXINIT, ECDH, NEWKEYS."""
    client = [identification("Client_1.0"), packet(kexinit(False, b"c" * 16, **lists))]
    server = [identification("Server_1.0"), packet(kexinit(False, b"s" * 16, **lists))]
    client += [packet(ecdh_init(b"C" * 32)), packet(newkeys())]
    server += [packet(ecdh_reply(ed25519_key(), b"S" * 32, signature())), packet(newkeys())]
    return client, server
