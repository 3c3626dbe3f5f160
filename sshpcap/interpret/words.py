"""A message in plain words, for the timeline: what it means first, its name behind it."""

from sshpcap import limits
from sshpcap.interpret.dialogue import Spoken
from sshpcap.model import HostKey
from sshpcap.ssh import implementations, numbers
from sshpcap.ssh.groups import SOUND_BITS
from sshpcap.ssh.messages import Fields
from sshpcap.ssh.wire import printable

_PREAMBLE = 100


def address_text(octets: bytes) -> str:
    """An IPv4 or IPv6 address as people write it."""
    if len(octets) == 4:
        return ".".join(map(str, octets))
    import socket  # a tenth of the imports of a small capture, and only needed here

    return socket.inet_ntop(socket.AF_INET6, octets)


def shorten(text: str, limit: int = limits.SHOWN_TEXT) -> str:
    """Text that fits in one place; what was left out is said."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def say(spoken: Spoken, host_key: HostKey | None) -> str:
    """One unit in words, as something that its sender does."""
    if spoken.unit.kind == "preamble":
        return f'begins with a preamble of a proxy: "{shorten(printable(spoken.octets), _PREAMBLE)}"'
    if spoken.unit.kind == "text":
        return f'sends a line of text: "{shorten(printable(spoken.octets))}"'
    if spoken.unit.kind == "identification":
        return _identification(spoken)
    parsed = spoken.parsed
    if parsed is None:
        return "sends something unreadable"
    if spoken.malformed is not None:
        problem = spoken.malformed
        return f"sends a malformed {parsed.name}: {problem.field}, {problem.reason}"
    if not spoken.unit.complete:
        return f"sends {parsed.name}, of which the capture misses octets"
    return _message(spoken, parsed.name, parsed.number, host_key)


def _identification(spoken: Spoken) -> str:
    line = spoken.identification
    if line is None:
        reason = spoken.malformed.reason if spoken.malformed else "unreadable"
        return f'sends a malformed identification string: "{shorten(printable(spoken.octets))}" ({reason})'
    name, version = implementations.recognise(line.software)
    shown = shorten(printable(line.raw))
    known = name and version and f"{name}_{version}" not in line.software and f"{name} {version}" not in shown
    return f"identifies itself: {shown}" + (f" ({name} {version})" if known else "")


def _message(spoken: Spoken, name: str, number: int, host_key: HostKey | None) -> str:
    fields = spoken.parsed.fields if spoken.parsed else {}
    octets = f"{spoken.unit.end - spoken.unit.start:,} octets"
    if name.startswith("SSH1"):
        return _ssh1(name, fields)
    if number == numbers.KEXINIT:
        more = ", and a guessed key exchange packet follows" if fields.get("first_kex_packet_follows") else ""
        again = " again, which it must not before encryption" if fields.get("again") else ""
        return f"proposes algorithms{again} ({name}, {octets}){more}"
    if number == numbers.NEWKEYS:
        early = ", before its part of the key exchange" if fields.get("early") else ""
        return f"switches to encryption ({name}){early}"
    if number == numbers.DISCONNECT:
        reason = fields["description"]
        said = f': "{shorten(str(reason))}"' if reason else ", without a text"
        return f"disconnects with reason {fields['reason']} {fields['name']}{said}"
    if fields.get("guess") == "wrong":
        return f"had sent a key exchange packet on a guess ({name}), which was wrong"
    if "guess" in fields:
        return f"sends a key exchange packet on a guess, before the other side's proposal is known ({name})"
    if spoken.kex is not None and "K_S" in spoken.kex:
        shown = f"{host_key.type} {host_key.sha256}" if host_key else "unreadable"
        signs = " and signs the exchange" if "signature" in spoken.kex else ""
        return f"shows its host key {shown}{signs} ({name}, {octets})"
    if spoken.kex is not None and "signature" in spoken.kex:
        return f"signs the exchange ({name}, {octets})"
    if name == "SSH_MSG_KEXGSS_ERROR" and "message" in fields:
        return f'reports a GSSAPI error: "{shorten(str(fields["message"]))}" ({name})'
    if "GEX_REQUEST" in name or name == "SSH_MSG_KEXGSS_GROUPREQ":
        return f"asks for a Diffie-Hellman group of {_sizes(fields)} ({name})"
    if "GEX_GROUP" in name or name == "SSH_MSG_KEXGSS_GROUP":
        return f"offers a group of {fields.get('p_bits')} bits{_doubts(fields)} ({name})"
    if numbers.KEX_FIRST <= number <= numbers.KEX_LAST and spoken.kex is not None:
        return f"sends its part of the key exchange ({name}, {octets})"
    if number == numbers.IGNORE:
        return f"sends a message to be ignored ({name}, {octets})"
    if number == numbers.DEBUG:
        return f'sends a debug message: "{shorten(str(fields["message"]))}" ({name})'
    if number == numbers.UNIMPLEMENTED:
        return f"did not understand packet {fields['sequence_number']} ({name})"
    return f"sends {name} ({octets})"


def _sizes(fields: Fields) -> str:
    if "min" in fields:
        return f"{fields['min']} to {fields['max']} bits, best {fields['n']}"
    return f"{fields.get('n')} bits"


def _doubts(fields: Fields) -> str:
    """What there is to say of a group besides its size."""
    bits, modulus = fields.get("p_bits"), fields.get("modulus")
    said = [str(fields["group"])] if "group" in fields else []
    if modulus in ("not prime", "prime, but no safe prime"):
        said.append(f"weak: its modulus is {modulus}")
    elif isinstance(bits, int) and bits < SOUND_BITS:
        said.append(f"weak: fewer than {SOUND_BITS}")
    if "generator" in fields:
        said.append("weak: its generator generates nothing")
    return "".join(f", {words}" for words in said)


def _ssh1(name: str, fields: Fields) -> str:
    if "host_key_bits" in fields:
        return (
            f"shows its host key of {fields['host_key_bits']} bits {fields['host_key_md5']} and a server key of"
            f" {fields['server_key_bits']} bits ({name})"
        )
    if "cipher" in fields:
        return f"takes {fields['cipher']} and sends the session key ({name}); from here on it encrypts"
    if "description" in fields:
        return f'says: "{shorten(str(fields["description"]))}" ({name})'
    return f"sends {name}"
