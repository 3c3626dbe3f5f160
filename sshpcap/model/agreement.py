"""What two proposals lead to, and the key that the server showed."""

from typing import Literal

from sshpcap.model.base import Value, Who
from sshpcap.times import Timestamp

Grade = Literal["post-quantum", "good", "legacy", "weak", "broken"]


class Blocked(Value, frozen=True):
    """Names that a client would rather have had, and what stood against them."""

    names: tuple[str, ...]
    reason: str


class Graded(Value, frozen=True):
    """A name on offer that is not good."""

    name: str
    grade: Grade
    concern: str
    """Why, with the reference."""


class Slot(Value, frozen=True):
    """The result of one slot of the negotiation."""

    chosen: str | None
    client_offer: tuple[str, ...]
    server_offer: tuple[str, ...]
    reason: str
    passed_over: tuple[str, ...] = ()
    """What the client would rather have had, and the server does not have, in the client's order."""
    grade: Grade | None = None
    """How safe what was chosen is; None where nothing was, or it is not known here."""
    concern: str | None = None
    """What speaks against it, with the reference; None where nothing does."""
    blocked: tuple[Blocked, ...] = ()
    """Why: `passed_over` by reason; where nothing was chosen, all that the client offers."""
    doubtful: tuple[Graded, ...] = ()
    """Names in either offer that are not good, the worst first."""


class Guess(Value, frozen=True):
    """A guessed key exchange packet (first_kex_packet_follows, RFC 4253 §7)."""

    sent_by: Who
    right: bool
    reason: str


class Terrapin(Value, frozen=True):
    """Whether an attacker on the path could have cut off the beginning of the encrypted part (CVE-2023-48795)."""

    exposed: bool
    directions: tuple[Literal["client_to_server", "server_to_client"], ...]
    """Directions whose cipher and MAC allow it."""
    reason: str


class Negotiation(Value, frozen=True):
    """What two proposals lead to by RFC 4253 §7.1, one result per slot."""

    kex_algorithm: Slot
    server_host_key_algorithm: Slot
    encryption_client_to_server: Slot
    encryption_server_to_client: Slot
    mac_client_to_server: Slot
    mac_server_to_client: Slot
    compression_client_to_server: Slot
    compression_server_to_client: Slot
    agreed: bool
    failed: tuple[str, ...]
    """Names of all slots without a match."""
    guesses: tuple[Guess, ...]
    strict_kex: bool
    """Both sides announce strict key exchange."""
    terrapin: Terrapin | None = None
    """None where the two do not agree."""


Validity = Literal["valid", "not yet valid", "expired"]


class Certificate(Value, frozen=True):
    """The readable part of an OpenSSH certificate (PROTOCOL.certkeys)."""

    type: Literal["host", "user", "unknown"]
    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: Timestamp | None
    """None: valid from the beginning of time."""
    valid_before: Timestamp | None
    """None: valid for ever."""
    ca_type: str
    ca_sha256: str
    critical_options: tuple[str, ...] = ()
    """Their names; a client that does not know one must refuse the certificate."""
    ca_bits: int | None = None
    signed_with: str | None = None
    """The algorithm of the authority's signature: an RSA key signs with ssh-rsa (SHA-1), rsa-sha2-256 or -512."""
    when_shown: Validity = "valid"
    """Its times held against the capture's clock."""


KnownStatus = Literal[
    "match",
    "changed",
    "unknown",
    "revoked",
    "certificate-expired",
    "certificate-not-yet-valid",
    "certificate-for-another-name",
]


class KnownEntry(Value, frozen=True):
    """A line of a file of known host keys."""

    type: str
    sha256: str
    hosts: str
    """The names it is for, as in the file; "(hashed)" where that hides them."""
    file: str
    line: int
    putty: bool = False


class KnownHost(Value, frozen=True):
    """What the files of known host keys say of the key that a server showed."""

    status: KnownStatus
    name: str
    """The name that was looked up; the one that the user typed is not in a capture."""
    file: str | None = None
    """Where the line stands that decides; None where there is none."""
    line: int | None = None
    differing: tuple[KnownEntry, ...] = ()
    """Lines for this name with other keys."""
    other_names: tuple[KnownEntry, ...] = ()
    """Lines with this very key under other names."""
    putty: bool = False
    """The line that decides is in PuTTY's cache."""


class ShownKey(Value, frozen=True):
    """Another key of the same type that this server's address showed in a connection before."""

    sha256: str
    connection: int
    frame: int
    time: Timestamp


class HostKey(Value, frozen=True):
    """The key the server showed in its key exchange reply."""

    type: str
    bits: int | None
    sha256: str
    """Fingerprint as `ssh-keygen -l` prints it; of a certificate: that of the plain key in it."""
    md5: str
    """Fingerprint as `ssh-keygen -l -E md5` prints it."""
    blob: bytes
    frame: int
    signature_algorithm: str | None
    """Algorithm named in the signature the server made with it."""
    signature_as_agreed: bool | None = None
    """Whether that is what was agreed on; None where the capture does not show both."""
    certificate: Certificate | None = None
    sshfp: tuple[str, ...] = ()
    """Records for DNS, as `ssh-keygen -r` prints them (RFC 4255); of a certificate: those of the plain key in it."""
    known_hosts_line: str | None = None
    """The line that known_hosts would have for this address; None for types that are not known."""
    randomart: tuple[str, ...] = ()
    """The picture that `ssh-keygen -lv` draws, line by line."""
    known_hosts: KnownHost | None = None
    """What the user's files say of it; None where no file was given."""
    shown_before: tuple[ShownKey, ...] = ()
