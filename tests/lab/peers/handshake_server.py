"""An asyncssh server on PORT with the host keys KEY…, told what to offer: OPTIONS (JSON). Everybody may log in.

KEY is the file of a private key, with its certificate as `KEY+CERTIFICATE`. Keys of security keys (`sk_…`) are 32
octets of a secret: the authenticator is done here, as OpenSSH's PROTOCOL.u2f describes it, and the client verifies it.
"""

import asyncio
import hashlib
import importlib
import json
import sys
from pathlib import Path

import asyncssh
from asyncssh import sk_ecdsa, sk_eddsa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

APPLICATION = "ssh:"
PRESENT, COUNTER = 1, 7


def sk_sign(data: bytes, _: str, handle: bytes, *__: object) -> tuple[int, int, bytes, bytes]:
    """What an authenticator signs: application, flags, counter, and the hash of the message."""
    message = hashlib.sha256(APPLICATION.encode()).digest() + bytes((PRESENT,)) + COUNTER.to_bytes(4, "big")
    message += hashlib.sha256(data).digest()
    if handle.startswith(b"ed25519"):
        return PRESENT, COUNTER, ed25519.Ed25519PrivateKey.from_private_bytes(handle[7:]).sign(message), data
    return PRESENT, COUNTER, elliptic(handle).sign(message, ec.ECDSA(hashes.SHA256())), data


def elliptic(handle: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(handle[7:], "big"), ec.SECP256R1())


def sk_key(kind: str, secret: bytes) -> asyncssh.SSHKey:
    """The key of a security key, whose secret is its handle."""
    handle = kind.encode().ljust(7) + secret
    raw, point = serialization.Encoding.Raw, serialization.Encoding.X962
    if kind == "ed25519":
        public = ed25519.Ed25519PrivateKey.from_private_bytes(secret).public_key()
        octets = public.public_bytes(raw, serialization.PublicFormat.Raw)
        return sk_eddsa._SKEd25519Key(octets, APPLICATION, PRESENT, handle)
    octets = elliptic(handle).public_key().public_bytes(point, serialization.PublicFormat.UncompressedPoint)
    return sk_ecdsa._SKECDSAKey(b"nistp256", octets, APPLICATION, PRESENT, handle)


def key_of(word: str) -> object:
    name, _, certificate = word.partition("+")
    path = Path(name)
    kind = path.name.partition("sk_")[2]
    key = sk_key(kind.removesuffix("_key"), path.read_bytes()) if kind else asyncssh.read_private_key(path)
    return (key, asyncssh.read_certificate(certificate)) if certificate else key


class Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


def end(process: "asyncssh.SSHServerProcess[str]") -> None:
    process.exit(0)


async def main(port: int, options: dict[str, object], words: list[str]) -> None:
    for module in (sk_eddsa, sk_ecdsa):
        setattr(module, "sk_sign", sk_sign)  # noqa: B010
    if "gss_host" in options:
        gssapi = importlib.import_module("gssapi")

        gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False  # asyncssh waits for the error at once, to send it
    about = {"server_factory": Open, "process_factory": end, "server_host_keys": [key_of(word) for word in words]}
    async with await asyncssh.listen("", port, **about, **options):
        await asyncio.sleep(300)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
