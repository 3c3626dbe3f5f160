"""For every finding a recorded connection that looks alike, and where it must not fire.

A near miss has the same symptoms but one. Names are folders of samples/, of tests/cases/ (`cases/…`), or recordings
beside the checkout (`more/…`, skipped where they are not).
"""

import functools
from pathlib import Path
from typing import Final

import pytest

from sshpcap.model import Report
from sshpcap.rules import RULES
from tests import golden
from tests.support.captures import MORE_CAPTURES
from tests.support.worse import blocks_of, known_hosts_beside, told

NEAR: Final[dict[str, tuple[str, str]]] = {
    # finding: (capture, why it looks alike and is another thing)
    "connection-refused": ("half-open-scan", "a RST ends it before an octet, but the server had accepted"),
    "no-answer-to-syn": ("icmp-rejected", "two SYNs and no SYN-ACK, but the router answers with ICMP"),
    "max-startups": ("not-allowed-at-this-time", "a line of refusal in the place of the greeting, another line"),
    "not-allowed-at-this-time": ("max-startups", "a line of refusal in the place of the greeting, another line"),
    "handshake-not-completed": ("identification-dropped", "open for the client and then silent, but the server knows"),
    "half-open-scan": ("client-connect-and-close", "comes and leaves without an octet, but does come in"),
    "reset-injected": ("port-reused", "the client goes on after a RST in its name: it ended an older connection"),
    "path-mtu-black-hole": ("dropped-midflow", "the proposal is sent again and again, but nothing small passes either"),
    "identification-dropped": ("accept-and-silent", "no greeting comes, but nothing shows that one was sent"),
    "dropped-midflow": ("path-mtu-black-hole", "the proposal is sent again and again, but small segments pass"),
    "rejected-midflow": ("icmp-rejected", "ICMP rejects it, but there was no open connection"),
    "peer-vanished": ("client-alive-timeout", "questions without an answer until the end, but TCP acknowledges them"),
    "refused-before-identification": ("smtp-server", "text and a close in the place of a greeting: another service"),
    "ssh1-only-server": ("ssh3-server", "a greeting of a version that the client leaves for, but it is not 1"),
    "ssh1-only-client": ("ssh1-client", "the client speaks only SSH-1, but it left before it said so"),
    "malformed-identification": ("ssh3-server", "a greeting that the client leaves for, but it has a version"),
    "identification-too-long": ("tarpit-endlessh", "dbclient gives up over the server's lines, but none is a greeting"),
    "protocol-version-mismatch": ("ssh1-server", "a version that the client does not speak: SSH-1 has its own finding"),
    "http-server": ("cases/http-connect", "HTTP/1.1 comes before the greeting, but of a proxy that was asked"),
    "echo-service": ("ok-openssh", "both sides say the same of themselves, but each draws a cookie of its own"),
    "tls-server": ("tls-server-without-alert", "a TLS server closes, but nothing that it sent says TLS"),
    "smtp-or-ftp-server": ("vnc-server", "another service greets, but not as mail or FTP servers do"),
    "tarpit": ("too-many-sessions", "a line that is no greeting, but one only, and the server closes"),
    "not-an-ssh-server": ("smtp-server", "a greeting of no SSH server, but of a service that is known"),
    "proxy-header-unexpected": ("cases/proxy-protocol-v1", "a PROXY header, but the server expects it"),
    "http-client": ("cases/http-connect", "the client begins with HTTP, but a proxy takes it"),
    "tls-client": ("http-client-to-sshd", "the client's first octets are no greeting, and no TLS either"),
    "not-an-ssh-client": ("cases/proxy-protocol-v2", "the first octets are no greeting, but the server takes them"),
    "server-silent": ("server-sends-no-proposal", "the server stays silent, but only after its greeting"),
    "server-closed-before-identification": ("too-many-sessions", "closed without a greeting, but not without a word"),
    "health-check-or-scan": ("half-open-scan", "gone at once without an octet, but it never came in"),
    "client-closed-before-identification": ("client-connect-and-close", "left without an octet, but at once"),
    "no-common-kex-algorithm": ("no-common-cipher-openssh", "closed after both proposals, but for the ciphers"),
    "no-common-host-key-algorithm": ("no-common-kex-openssh", "closed after both proposals, for the methods"),
    "no-common-cipher": ("no-common-mac-openssh", "closed after both proposals, but for the MACs"),
    "no-common-mac": ("more/real_cipher_gcm_only_nomac_plink", "no MAC in common, and the cipher needs none"),
    "no-common-compression": ("no-common-mac-openssh", "closed after both proposals, but both compress alike"),
    "host-certificate-not-accepted": ("host-key-changed-openssh", "left after a host key, but a plain one"),
    "host-key-too-short": ("more/hk_rsa1024_plink", "an RSA key of 1024 bits, but the client takes it"),
    "strict-kex-violation": ("terrapin-attack", "SSH_MSG_IGNORE in the key exchange, but the client is not strict"),
    "signature-of-another-algorithm": ("host-certificate-expired", "certificates sign with a plain name"),
    "host-key-revoked": ("known-host-key-changed", "the file speaks against the key, but does not mark it"),
    "host-key-changed": ("known-host-key-unknown", "the file has another key, but for another server"),
    "certificate-for-another-name": ("known-authority-certificate-expired", "a certificate refused, but for its age"),
    "certificate-expired": ("known-authority-certificate-for-another-name", "a certificate refused, but for its names"),
    "host-key-unknown": ("known-host-key-changed", "the shown key is not in the file, but the server is"),
    "host-key-not-accepted": ("host-key-collected", "left after the host key, but that is all ssh-keyscan wants"),
    "host-key-collected": ("host-key-changed-openssh", "left after the host key, but the client is ssh"),
    "host-key-differs": ("port-reused", "two connections to one server, but one host key"),
    "host-key-rejected-after-newkeys": ("no-method-left", "left soon after NEWKEYS, but the login had begun"),
    "group-out-of-range": ("kex-group-exchange-plink", "a group of the server's choice, but of the size asked for"),
    "invalid-key-exchange-value": ("server-killed-in-key-exchange", "closed after a value, which has its size"),
    "unexpected-message": ("terrapin-attack", "a message that is no part of the key exchange, but allowed at any time"),
    "bad-packet-length": ("malformed-message", "the server closes over a packet, but its length is one"),
    "malformed-message": ("bad-packet-length", "octets that the server cannot read, but they are no message at all"),
    "disconnect-message": ("strict-kex-violation", "the client sends SSH_MSG_DISCONNECT, but encrypted"),
    "login-grace-time": ("login-grace-time-at-prompt", "LoginGraceTime runs out, but in the login"),
    "server-sends-no-proposal": ("accept-and-silent", "no proposal of the server comes, but no greeting either"),
    "too-many-authentication-failures": ("unknown-keys", "keys are refused one after the other, but the client leaves"),
    "authentication-failed": ("wrong-password-without-pam", "a wrong password, but refused as fast as a key"),
    "no-usable-public-key": ("wrong-password", "refused and left, but after a time that no key takes"),
    "second-factor-missing": ("unknown-keys", "keys are offered and the client leaves, but no key was known"),
    "login-grace-time-at-prompt": ("aborted-at-prompt", "closed at the password prompt, but by the client"),
    "login-aborted-by-user": ("login-grace-time-at-prompt", "closed at the password prompt, but by the server"),
    "session-ended-at-once": ("force-command-false", "the session ends at once, but it was used"),
    "client-alive-timeout": ("receiver-stuck", "the client's program is stopped, but comes back"),
    "server-alive-timeout": ("firewall-drops-session", "the client asks in vain, but nothing is acknowledged"),
    "session-ended-by-server": ("kex-mlkem1024nistp384-asyncssh", "the server closes first, but was asked to"),
    "slow-authentication": ("slow-answer-of-the-user", "seconds until the login, but the client took them"),
    "half-closed": ("client-connect-and-close", "the client closes first and the server speaks, but it said nothing"),
    "connection-unknown-to-peer": ("reset-injected", "a RST in the server's name, but not the server's"),
    "stalled": ("slow-answer-of-the-user", "the handshake stands still, but goes on"),
    "receiver-stuck": ("client-alive-timeout", "the client's program is stopped, but its window stays open"),
    "slow-handshake": ("server-stuck-in-key-exchange", "a step is late, but it never comes"),
    "port-reused": ("half-open-scan", "SYN and RST of the client, but no older connection and no SYN again"),
    "incomplete-capture": ("path-mtu-black-hole", "the capture ends with the connection open, but shows why"),
    "closed-during-handshake": ("invalid-key-exchange-value", "closed in the key exchange, but one sees why"),
    "closed-during-login": ("no-more-sessions", "closed soon after NEWKEYS, but the login had succeeded"),
    "inserted-message": ("strict-kex-violation", "SSH_MSG_IGNORE in the key exchange, but both sides are strict"),
    "ssh1-in-use": ("ssh1-server", "the server announces SSH-1, but nobody speaks it"),
    "weak-algorithm-refused": (
        "no-common-kex-plink-unsent",
        "PuTTY leaves after the server's proposal, but there was nothing to agree on",
    ),
    "weak-algorithms": ("kex-group15-plink", "a group of numbers modulo a prime, but of 3072 bits and with SHA-2"),
    "terrapin-exposed": ("ok-openssh", "chacha20-poly1305, but both sides are strict"),
}  # fmt: skip


def _capture(name: str) -> Path:
    kind, _, short = name.rpartition("/")
    if kind == "more":
        return MORE_CAPTURES / f"{short}.pcap"
    return golden.capture_of(golden.FOLDERS[1 if kind == "cases" else 0] / short)


@functools.cache
def _found(name: str) -> Report:
    capture = _capture(name)
    return told(blocks_of(capture), known_hosts_beside(capture))


def test_every_finding_has_a_near_miss() -> None:
    assert sorted(NEAR) == sorted(rule.id for rule in RULES)


@pytest.mark.parametrize("id", NEAR)
def test_it_does_not_fire_on_what_only_looks_alike(id: str) -> None:
    name, _ = NEAR[id]
    if name.startswith("more/") and not _capture(name).exists():
        pytest.skip("this recording is not here")
    report = _found(name)
    assert report.sessions
    fired = [finding.summary for session in report.sessions for finding in session.findings if finding.id == id]
    assert not fired
