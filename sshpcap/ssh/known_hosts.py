"""What a user's file of known host keys says of a key: OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Pure: text in, verdict out; who opens files is `cli/`. PuTTY's two formats become the same entries in `putty_hosts.py`.
Verdicts are those of OpenSSH's `check_host_key`: a revoked key first, then a certificate by its authority, then the
plain key. The name that the user typed is not in a capture: the address is looked up, and the names given for it.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from sshpcap import limits
from sshpcap.model import Certificate, HostKey, KnownEntry, KnownHost, KnownStatus, Session, ShownKey, Timestamp
from sshpcap.ssh.host_keys import read_public_key
from sshpcap.ssh.wire import Malformed, printable

Marker = Literal["plain", "cert-authority", "revoked"]
_MARKERS: Final[dict[str, Marker]] = {"@cert-authority": "cert-authority", "@revoked": "revoked"}
_DEFAULT_PORT: Final = 22
_CERTIFICATE: Final = "-cert-v01@openssh.com"
_LONGEST_PATTERN: Final = 1023
"""Octets: OpenSSH's match_pattern_list has room for no more, and then nothing of the field fits."""
_GRAVITY: Final[tuple[KnownStatus, ...]] = (
    "revoked",
    "changed",
    "certificate-expired",
    "certificate-not-yet-valid",
    "certificate-for-another-name",
    "match",
    "unknown",
)


class Entry(NamedTuple):
    """One line: to whom which key belongs."""

    file: str
    line: int
    marker: Marker
    hosts: str
    """As in the file: patterns by commas, or one hashed name."""
    type: str
    sha256: str
    putty: bool = False
    """From PuTTY's cache: the name includes the type of the key, and keys of other types do not count."""


def read_known_hosts(text: str, file: str) -> Iterator[Entry]:
    """The lines of a known_hosts file that can be read; others are skipped, as OpenSSH does."""
    for number, line in enumerate(text.split("\n"), start=1):
        # Blanks and tabs part words, nothing else; what C reads ends at NUL.
        line = line.partition("\0")[0].lstrip(" \t")
        marker: Marker = "plain"
        if line.startswith("@"):
            # A tab ends the marker only where the line has no blank (OpenSSH hostfile.c, check_markers).
            word, _, line = line.partition(" " if " " in line else "\t")
            if word not in _MARKERS:
                continue
            marker = _MARKERS[word]
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if len(words) < 3 or words[0].startswith("#"):
            continue
        fingerprint = _fingerprint(words[1], words[2])
        if fingerprint is not None:
            yield Entry(file, number, marker, words[0], printable(words[1].encode()), fingerprint)


def _fingerprint(kind: str, encoded: str) -> str | None:
    try:
        blob = base64.b64decode(re.sub(r"[\r\v\f]", "", encoded), validate=True)
    except (binascii.Error, ValueError):
        return None
    key = read_public_key(blob)
    return None if isinstance(key, Malformed) or key.type != kind else key.sha256


def lookup_name(name: str, port: int) -> str:
    """A host as the file names it: `[name]:port` where the port is not 22."""
    return name.lower() if port == _DEFAULT_PORT else f"[{name.lower()}]:{port}"


def names_host(hosts: str, name: str) -> bool:
    """Whether the first field of a line means this name: hashed, or patterns with `*`, `?` and `!`."""
    if hosts.startswith("|"):
        return _hashed(hosts, name)
    found = False
    for pattern in hosts.split(","):
        negated = pattern.startswith("!")
        if len(pattern.encode()) > _LONGEST_PATTERN:
            return False
        if _matches(pattern.removeprefix("!").lower(), name):
            if negated:
                return False
            found = True
    return found


def _hashed(hosts: str, name: str) -> bool:
    """`|1|salt|HMAC-SHA1(salt, name)`, both base64 (OpenSSH hostfile.c)."""
    parts = hosts.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _matches(pattern: str, name: str) -> bool:
    """`*` and `?` as OpenSSH reads them (match.c). Every piece between two `*` is taken where it comes first and not
    looked for again: a file with many `*` in a line would otherwise cost more than anybody waits."""
    first, *rest = (_piece(piece) for piece in re.split(r"\*+", pattern))
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    last = f".*{rest[-1]}" if rest else ""
    return re.fullmatch(first + middle + last, name, re.DOTALL) is not None


def _piece(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)


class KnownHosts:
    """All entries of all files, and what they say of a key."""

    def __init__(self, entries: Iterable[Entry], names: dict[str, tuple[str, ...]] | None = None) -> None:
        """`names`: address → the names that users type for it."""
        self._entries = tuple(entries)
        self._names = names or {}
        self._found: dict[str, tuple[Entry, ...]] = {}

    def find(self, name: str) -> tuple[Entry, ...]:
        """The lines for a name, as `ssh-keygen -F` finds them."""
        if name not in self._found:
            self._found[name] = tuple(
                e for e in self._entries if (e.hosts.lower() == name if e.putty else names_host(e.hosts, name))
            )
        return self._found[name]

    def verdict(self, address: str, port: int, key: HostKey, at: Timestamp) -> KnownHost:
        """What the files say of the key that a server showed at a time."""
        given = self._names.get(address, ())
        # What the user typed decides, the gravest where there are several; the address where the names say nothing.
        every = [self._of_name(name, port, key, at) for name in given]
        found = min(every, key=lambda one: _GRAVITY.index(one.status), default=None)
        if found is None or found.status == "unknown":
            found = self._of_name(address, port, key, at)
        if not given and key.certificate is not None and found.status in ("unknown", "certificate-for-another-name"):
            found = self._by_principal(port, key, key.certificate, at) or found
        return found

    def _of_name(self, name: str, port: int, key: HostKey, at: Timestamp) -> KnownHost:
        found = self._of_host(lookup_name(name, port), key, at, name)
        if found.status == "unknown" and port != _DEFAULT_PORT:
            without = self._of_host(name.lower(), key, at, name)
            if without.status in ("match", "revoked") and not without.putty:
                return without
        return found

    def _of_host(self, host: str, key: HostKey, at: Timestamp, name: str) -> KnownHost:
        lines = self.find(host)
        revoked = next((e for e in lines if e.marker == "revoked" and e.sha256 in _fingerprints(key)), None)
        if revoked is not None:
            return _known("revoked", host, revoked)
        problem = None
        authority = next(
            (e for e in lines if e.marker == "cert-authority" and key.certificate
             and e.sha256 == key.certificate.ca_sha256 and not key.certificate.critical_options), None,
        )  # fmt: skip  # there is no critical option of host certificates that OpenSSH knows
        if authority is not None and key.certificate is not None:
            problem = _problem(key.certificate, name, at)
            if problem is None:
                return _known("match", host, authority)
        plain = [e for e in lines if e.marker == "plain" and not e.putty]
        # A whole certificate in the file is no plain key, though it has the fingerprint of one.
        same = next((e for e in plain if e.sha256 == key.sha256 and not e.type.endswith(_CERTIFICATE)), None)
        cached = self._cached(host, key)
        if same is None and cached is not None and cached.sha256 == key.sha256:
            same = cached
        if same is not None:
            return _known("match", host, same)
        others = (*plain, *([cached] if cached else []))
        if others:
            # OpenSSH names the last of the lines that differ.
            return _known("changed", host, others[-1], others)
        if problem is not None and authority is not None:
            return _known(problem, host, authority)
        return KnownHost(status="unknown", name=host, other_names=self._other_names(key))

    def _cached(self, host: str, key: HostKey) -> Entry | None:
        """PuTTY's entry for a host and the type of this key."""
        kind = _plain_type(key.type)
        return next((e for e in self._entries if e.putty and e.type == kind and e.hosts.lower() == host), None)

    def _by_principal(self, port: int, key: HostKey, certificate: Certificate, at: Timestamp) -> KnownHost | None:
        """No name was given: is the certificate good for a name that it has itself, and for which its CA is known?"""
        for principal in certificate.principals[:256]:
            host = lookup_name(principal, port)
            found = self._of_host(host, key, at, principal)
            if found.status != "unknown":
                return found
        return None

    def _other_names(self, key: HostKey) -> tuple[KnownEntry, ...]:
        """Lines with this very key under other names: OpenSSH tells them, too, when it asks."""
        same = [e for e in self._entries if e.marker == "plain" and e.sha256 == key.sha256]
        return tuple(_entry(e) for e in same[:16])


class ShownKeys:
    """The keys that servers showed, by address, port and type: connection after connection, as they are interpreted."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, int, str], dict[str, ShownKey]] = {}

    def before(self, session: Session) -> tuple[ShownKey, ...]:
        """Other keys of the same type that this server showed before; remembers this one."""
        key = session.host_key
        if key is None:
            return ()
        place = (session.server.address, session.server.port, _plain_type(key.type))
        if place not in self._servers and len(self._servers) >= limits.MAX_SERVERS:
            return ()
        keys = self._servers.setdefault(place, {})
        if key.sha256 not in keys and len(keys) < limits.MAX_KEYS_OF_A_SERVER:
            keys[key.sha256] = ShownKey(
                sha256=key.sha256, connection=session.index, frame=key.frame, time=session.start
            )
        return tuple(one for sha256, one in keys.items() if sha256 != key.sha256 and one.connection < session.index)


def _plain_type(kind: str) -> str:
    return kind.removesuffix(_CERTIFICATE)


def _fingerprints(key: HostKey) -> tuple[str, ...]:
    return (key.sha256, key.certificate.ca_sha256) if key.certificate else (key.sha256,)


def _problem(certificate: Certificate, name: str, at: Timestamp) -> KnownStatus | None:
    """Why OpenSSH does not accept a certificate of an authority that it knows. One without names is for all names."""
    if certificate.type != "host" or (certificate.principals and name.lower() not in certificate.principals):
        return "certificate-for-another-name"
    if certificate.valid_after is not None and at < certificate.valid_after:
        return "certificate-not-yet-valid"
    if certificate.valid_before is not None and at >= certificate.valid_before:
        return "certificate-expired"
    return None


def _entry(entry: Entry) -> KnownEntry:
    hosts = "(hashed)" if entry.hosts.startswith("|") else entry.hosts
    return KnownEntry(
        type=entry.type, sha256=entry.sha256, hosts=hosts, file=entry.file, line=entry.line, putty=entry.putty
    )


def _known(status: KnownStatus, name: str, entry: Entry, differing: Iterable[Entry] = ()) -> KnownHost:
    return KnownHost(
        status=status,
        name=name,
        file=entry.file,
        line=entry.line,
        differing=tuple(_entry(e) for e in differing),
        putty=entry.putty,
    )
