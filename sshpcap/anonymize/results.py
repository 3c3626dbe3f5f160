"""Results under pseudonym: the same report with other addresses, names and, if asked, ports and host keys.

Every string and every octet string of a session is gone through, whatever field it stands in, so that a new field
needs nothing here. Name-lists stay: they are the same for everybody. Must not know: frames, formats.
"""

import base64
import os
import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from sshpcap import limits
from sshpcap.anonymize import preambles
from sshpcap.anonymize.key_blobs import replaced
from sshpcap.anonymize.pseudonyms import ADDRESS_LIKE, Pseudonyms, host_names, masked
from sshpcap.excerpt.again import endpoint
from sshpcap.model import (
    Capture,
    ClientSaid,
    Hassh,
    HostKey,
    Identification,
    KexInit,
    KnownHost,
    Negotiation,
    Party,
    Report,
    Session,
    Slot,
)
from sshpcap.ssh.host_keys import read_public_key
from sshpcap.ssh.wire import Malformed, printable, unprinted
from sshpcap.tcp.community_id import community_id

_ADDRESS: Final = re.compile(
    r"(?P<open>\[)?(?P<address>(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)"
    r"|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?!\w))"
    r"(?P<close>\])?(?P<port>:\d{1,5}(?!\d))?"
)
_PORT: Final = re.compile(r"(?<=\bport )\d{1,5}\b|(?<=tcp\.port == )\d{1,5}\b|(?<=-p )\d{1,5}\b|(?<=\bPort )\d{1,5}\b")
_OUR_NAMES: Final = frozenset(
    ("id", "cause", "kind", "name", "code", "conn_state", "history", "implementation", "version", "signature_algorithm")
)
_UNTOUCHED: Final = (KexInit, Hassh, Slot, Negotiation)
_HIDDEN_KEY: Final = "SHA256:" + "x" * 43
"""Stands for a key of the user's own files that no server showed."""
_SHORTEST: Final = 4
"""Characters of a comment that is looked for by itself; a shorter one only with its identification string."""
_OUR_LISTS: Final = frozenset((20, 21, *range(30, 50)))
"""Messages without free text: proposals and the key exchange."""


class Results:
    """Makes results anonymous; remembers the names of files."""

    def __init__(self, names: Pseudonyms) -> None:
        self.names = names
        self._files: dict[str, str] = {}
        self._keys: dict[str, dict[str, str]] = {}
        """Server address → fingerprints of its keys, and what stands for them: connections speak of each other's."""

    def report(self, report: Report) -> Report:
        """The whole report."""
        captures = tuple(self._capture(capture) for capture in report.captures)
        for session in report.sessions:
            self._know(session)
        plain = _Rewriter(self.names, dict(self._files))
        return msgspec.structs.replace(
            report,
            captures=captures,
            sessions=tuple(self.session(session) for session in report.sessions),
            notices=plain.value(report.notices),
            client_said=_unsaid(report.client_said),
        )

    def session(self, session: Session) -> Session:
        """One connection."""
        self._know(session)
        found = _Rewriter(self.names, self._keys.get(session.server.address, {}) | _texts(session, self.names))
        made: Session = found.value(session)
        ends = [endpoint(party) for party in (made.client, made.server)]
        return msgspec.structs.replace(made, community_id=community_id(*ends))

    def _know(self, session: Session) -> None:
        key = session.host_key
        if key is not None and self.names.keys:
            known = self._keys.setdefault(session.server.address, {})
            if key.sha256 not in known and len(known) < limits.MAX_KEYS_OF_A_SERVER:
                known[key.sha256] = _host_key(key, self.names).sha256

    def file(self, path: str) -> str:
        """What a capture is called: its name may be that of a host or a customer."""
        if path == "-":
            return path
        if path not in self._files:
            ending = re.search(r"(?:\.(?:pcap|pcapng|cap|snoop|gz|bz2|xz|zst|lz4))*$", path)
            self._files[path] = f"capture-{len(self._files) + 1}{ending[0] if ending else ''}"
        return self._files[path]

    def _capture(self, capture: Capture) -> Capture:
        name = self.file(capture.path)
        self._files.setdefault(os.path.basename(capture.path), name)
        ports = {str(self.names.port(int(port))): count for port, count in capture.other_ports.items()}
        notices = _Rewriter(self.names, dict(self._files)).value(capture.notices)
        interfaces = tuple(
            msgspec.structs.replace(
                one, name=f"interface-{number}" if one.name else None, description=None, filter=None
            )
            for number, one in enumerate(capture.interfaces)
        )
        return msgspec.structs.replace(capture, path=name, other_ports=ports, notices=notices, interfaces=interfaces)


def _unsaid(said: ClientSaid | None) -> ClientSaid | None:
    """What a client printed may name anything; what was found by it stays."""
    return None if said is None else msgspec.structs.replace(said, text="(not shown: made anonymous)", notes=())


def comment_of(raw: bytes) -> bytes:
    """The comment of an identification string: what stands behind the first space (RFC 4253 §4.2)."""
    return raw.partition(b" ")[2]


def new_identification(raw: bytes, names: Pseudonyms) -> bytes:
    """An identification string with its comment under pseudonym, as long as before."""
    comment = comment_of(raw)
    return raw[: len(raw) - len(comment)] + names.letters(comment) if comment else raw


def _texts(session: Session, names: Pseudonyms) -> dict[str, str]:
    """What a peer wrote → what stands for it; looked for in every string of the session."""
    found: dict[str, str] = {}
    hosts: set[bytes] = set()
    for party in (session.client, session.server):
        hosts |= _hosts_of(party)
        if party.preamble is not None and party.first_octets:
            found[party.first_octets] = printable(_begun(unprinted(party.first_octets), party.preamble, names))
        if party.identification is None:
            continue
        raw = party.identification.raw
        found[party.identification.text] = printable(new_identification(raw, names))
        comment = comment_of(raw)
        if len(comment) >= _SHORTEST:
            found[printable(comment)] = printable(names.letters(comment))
    if session.close.disconnect is not None:
        hosts |= host_names(unprinted(session.close.disconnect.description))
    for message in session.messages:
        if message.kind == "preamble" and isinstance(message.fields.get("text"), str):
            party = session.client if message.sender == "client" else session.server
            octets = unprinted(str(message.fields["text"]))
            found[printable(octets)] = printable(preambles.replaced(octets, party.preamble, names))
        if message.number not in _OUR_LISTS and message.kind != "identification":
            texts = [unprinted(value) for value in message.fields.values() if isinstance(value, str)]
            hosts |= {name for text in texts for name in host_names(text)}
    # Behind a name that is masked as a whole nothing of it is left to be found by its form.
    found |= {printable(host): printable(_all_of(host)) for host in hosts}
    if session.host_key is not None:
        found |= _key_texts(session.host_key, names)
    found.pop("", None)
    return {old: new for old, new in found.items() if old != new}


def _begun(octets: bytes, preamble: str, names: Pseudonyms) -> bytes:
    """The beginning of a stream: a preamble, and what follows of an identification string."""
    before, sign, rest = octets.partition(b"SSH-")
    line, end, more = (sign + rest).partition(b"\r")
    return preambles.replaced(before, preamble, names) + new_identification(line, names) + end + masked(more)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@cache
def _words_of_ours(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Fields that hold one of our own words, never text of a peer."""
    hints = get_type_hints(kind)
    if kind is KnownHost:
        del hints["name"]  # what the user calls the server
    return frozenset(name for name, hint in hints.items() if name in _OUR_NAMES or _has_literal(hint))


def _has_literal(hint: Any) -> bool:
    return get_origin(hint) is Literal or any(_has_literal(part) for part in get_args(hint))


def _hosts_of(party: Party) -> set[bytes]:
    texts = [*party.pre_identification, party.first_octets or "", party.unreadable.text if party.unreadable else ""]
    return {name for text in texts if not text.startswith("SSH-") for name in host_names(unprinted(text))}


def _all_of(host: bytes) -> bytes:
    """As `masked` makes of it where it stands."""
    sign = b"0" if ADDRESS_LIKE.fullmatch(host) else b"h"
    return re.sub(rb"[A-Za-z0-9_\x80-\xff-]" if sign == b"h" else rb"[0-9A-Fa-f]", sign, host)


_COMMON: Final = frozenset(
    ("client", "connection", "frame", "host", "key", "localhost", "port", "server", "ssh", "sshd")
)
"""Words of every report that a user may have for a name, too; they tell nothing of anybody."""


def _of_the_user(host: str) -> str:
    return re.sub(r"[^\W]", "h", host)


def _host_key(key: HostKey, names: Pseudonyms) -> HostKey:
    """The key with everything that follows from its blob."""
    blob = replaced(key.blob, names)
    read = read_public_key(blob)
    if blob == key.blob or isinstance(read, Malformed):
        return key
    certificate = read.certificate
    if certificate is not None and key.certificate is not None:
        certificate = msgspec.structs.replace(certificate, when_shown=key.certificate.when_shown)
    return msgspec.structs.replace(
        key,
        blob=blob,
        bits=read.bits,
        sha256=read.sha256,
        md5=read.md5,
        certificate=certificate,
        sshfp=read.sshfp,
        randomart=read.randomart,
    )


def _key_texts(key: HostKey, names: Pseudonyms) -> dict[str, str]:
    """What stands for the forms of a key that are printed, and for what the user's files call its host."""
    new = _host_key(key, names)
    found = {key.sha256: new.sha256, key.md5: new.md5, **_hex_forms(key, new), **dict(_plain_forms(key, new))}
    if key.certificate is not None and new.certificate is not None:
        old, made = key.certificate, new.certificate
        named = {old.key_id: made.key_id, **dict(zip(old.principals, made.principals, strict=False))}
        found |= {name: new for name, new in named.items() if len(name) >= _SHORTEST and not _is_address(name)}
        found[old.ca_sha256] = made.ca_sha256
    known = key.known_hosts
    if known is not None:
        entries = (*known.differing, *known.other_names)
        hosts = [known.name, *(host for entry in entries for host in re.split(r"[,\s]", entry.hosts))]
        mine = {host for host in hosts if host and not _is_address(host.strip("[]").partition("]")[0])}
        found |= {host: _of_the_user(host) for host in mine if host.lower() not in _COMMON and host[0] != "|"}
        for file in filter(None, (known.file, *(entry.file for entry in entries))):
            found[file] = "ssh_known_hosts" if "ssh_known_hosts" in file else "known_hosts"
        if names.keys:
            found |= {entry.sha256: _HIDDEN_KEY for entry in entries if entry.sha256 not in found}
    return found


def _hex_forms(key: HostKey, new: HostKey) -> dict[str, str]:
    pairs = zip(key.sshfp, new.sshfp, strict=False)
    return {old.rpartition(" ")[2]: made.rpartition(" ")[2] for old, made in pairs}


def _plain_forms(key: HostKey, new: HostKey) -> Iterator[tuple[str, str]]:
    """The key as lines of known_hosts have it: in base64, of a certificate the plain key in it."""
    before, after = read_public_key(key.blob), read_public_key(new.blob)
    if not isinstance(before, Malformed) and not isinstance(after, Malformed) and before.plain and after.plain:
        yield base64.b64encode(before.plain).decode(), base64.b64encode(after.plain).decode()


class _Rewriter:
    """Goes through a value and everything in it."""

    def __init__(self, names: Pseudonyms, texts: dict[str, str]) -> None:
        self._names = names
        self._texts = texts
        longest_first = sorted(texts, key=len, reverse=True)
        whole_words = (rf"(?<!\w){re.escape(text)}(?!\w)" for text in longest_first)
        self._known = re.compile("|".join(whole_words)) if texts else None

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self._octets(value)
        if isinstance(value, tuple):
            return tuple(self.value(one) for one in value)
        if isinstance(value, dict):
            return {name: self.value(one) for name, one in value.items()}
        if isinstance(value, HostKey):
            key = _host_key(value, self._names)
            rewritten = ("known_hosts_line", "known_hosts", "shown_before")
            return msgspec.structs.replace(key, **{name: self.value(getattr(value, name)) for name in rewritten})
        if isinstance(value, Identification):
            return self._identification(value)
        if isinstance(value, _UNTOUCHED) or not isinstance(value, msgspec.Struct):
            return value
        ours = _words_of_ours(type(value))
        made = {
            name: getattr(value, name) if name in ours else self.value(getattr(value, name))
            for name in value.__struct_fields__
        }
        if isinstance(value, Party):
            made["port"] = self._names.port(value.port)
        return type(value)(**made)

    def _identification(self, line: Identification) -> Identification:
        """All but the comment, and what is read from it, is a program's own."""
        raw = new_identification(line.raw, self._names)
        comment = printable(comment_of(raw)) if line.comment is not None else None
        return msgspec.structs.replace(line, raw=raw, text=printable(raw), comment=comment, distribution=None)

    def text(self, text: str) -> str:
        """A string with everything known, and every address and port in it, replaced."""
        if self._known is not None:
            text = self._known.sub(lambda found: self._texts[found[0]], text)
            if "…" in text:
                text = self._cut_short(text)
        text = _ADDRESS.sub(self._address, text)
        return _PORT.sub(lambda found: str(self._names.port(int(found[0]))), text) if self._names.ports else text

    def _cut_short(self, text: str) -> str:
        """Where a text was shortened in the middle of something known."""
        for old, new in self._texts.items():
            for size in range(len(old) - 1, _SHORTEST - 1, -1):
                if f"{old[:size]}…" in text:
                    text = text.replace(f"{old[:size]}…", f"{new[:size]}…")
                    break
        return text

    def _address(self, found: re.Match[str]) -> str:
        written = found["address"]
        address = written.rstrip(":") if not written.endswith("::") else written
        try:
            ip_address(address)
        except ValueError:
            return found[0]
        behind = written[len(address) :]
        port = found["port"]
        if port is not None and self._names.ports:
            port = f":{self._names.port(int(port[1:]))}"
        new = self._names.address_text(address)
        return f"{found['open'] or ''}{new}{behind}{found['close'] or ''}{port or ''}"

    def _octets(self, octets: bytes) -> bytes:
        if octets.startswith(b"SSH-"):
            return new_identification(octets, self._names)
        return masked(octets)
