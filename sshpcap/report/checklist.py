"""What support still needs to act, by what was found: which end's capture, which log, which program's output.

A row for each cause that needs something particular; every other finding asks by the side that it names. Pure: values
in, values out.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sshpcap.model import Finding, Report, Session
from sshpcap.report.clock import Clock
from sshpcap.report.view import Options, told_in_full


class Item(NamedTuple):
    """One thing that is missing."""

    text: str
    command: str | None = None


class Section(NamedTuple):
    """What one cause needs, and the connections that have it."""

    cause: str
    connections: tuple[int, ...]
    items: tuple[Item, ...]


_OTHER_END = Item(
    "a capture of the same attempt from the other end (client or server, whichever this one is not from), with its"
    " clock compared to this one's",
    "tcpdump -i any -s 0 -w other-end.pcap 'host ADDRESS and (tcp port PORT or icmp or icmp6)'",
)
_CLIENT_RUN = Item(
    "the output of a verbose run of the client, started while the capture runs", "ssh -vvv -p PORT ADDRESS"
)
_SERVER_LOG = Item("the server's log of that time", "journalctl -u ssh -u sshd --since 'FROM' --until 'TO' --utc")
_SERVER_DEBUG = Item(
    "if the log says nothing: a second server in the foreground that logs all it does, and one attempt against it",
    "/usr/sbin/sshd -ddd -e -p 2222",
)
_SERVER_CONFIG = Item("the server's effective configuration", "sshd -T")
_CLIENT_CONFIG = Item("the client's effective configuration for this host", "ssh -G ADDRESS")
_CLIENT_OFFERS = Item("what the client's program can do", "ssh -Q kex; ssh -Q key; ssh -Q cipher; ssh -Q mac")
_KNOWN_HOSTS = Item("the client's entry for this host", "ssh-keygen -l -F ADDRESS")
_SERVER_KEYS = Item(
    "the fingerprints of the server's keys, read on the server itself",
    "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
)
_LISTENS = Item("what listens on the server's port, and since when", "ss -ltnp")
_FIREWALL = Item("the rules and counters of every firewall on the way", "nft list ruleset")
_LIMITS = Item(
    "how many connections were open, and the limits", "sshd -T | grep -iE 'maxstartups|persource|logingrace'"
)
_WHOLE_CAPTURE = Item(
    "a capture that begins before the connection is opened, has both directions and whole frames, and goes on until it"
    " has failed",
    "tcpdump -i any -s 0 -w ssh.pcap 'host ADDRESS and (tcp port PORT or icmp or icmp6)'",
)
_PATH_MTU = Item("the largest packet that passes without fragmentation, in both directions", "tracepath ADDRESS")

_NEGOTIATION: Final = (_SERVER_CONFIG, _CLIENT_CONFIG, _CLIENT_OFFERS)
_BY_CAUSE: Final[dict[str, tuple[Item, ...]]] = {
    "no-common-kex-algorithm": _NEGOTIATION,
    "no-common-host-key-algorithm": (*_NEGOTIATION, _SERVER_KEYS),
    "no-common-cipher": _NEGOTIATION,
    "no-common-mac": _NEGOTIATION,
    "no-common-compression": _NEGOTIATION,
    "host-key-not-accepted": (_CLIENT_RUN, _KNOWN_HOSTS, _SERVER_KEYS),
    "connection-refused": (_LISTENS, _FIREWALL, _OTHER_END),
    "no-answer-to-syn": (_OTHER_END, _FIREWALL, _LISTENS),
    "stalled": (_OTHER_END, _CLIENT_RUN, _SERVER_LOG, _PATH_MTU),
    "incomplete-capture": (_WHOLE_CAPTURE,),
    "login-grace-time": (_CLIENT_RUN, _SERVER_LOG, _LIMITS),
    "refused-before-identification": (_SERVER_LOG, _LIMITS),
    "server-closed-before-identification": (_SERVER_LOG, _SERVER_DEBUG, _LIMITS),
    "client-closed-before-identification": (_CLIENT_RUN, _CLIENT_CONFIG),
    "closed-during-handshake": (_OTHER_END, _CLIENT_RUN, _SERVER_LOG, _SERVER_DEBUG),
    "malformed-message": (_OTHER_END, _CLIENT_RUN, _SERVER_LOG),
    "not-an-ssh-server": (_LISTENS,),
    "not-an-ssh-client": (Item("which program opened the connection on the client", "ss -tnp"),),
}
_BY_PARTY: Final[dict[str, tuple[Item, ...]]] = {
    "client": (_CLIENT_RUN, _CLIENT_CONFIG),
    "server": (_SERVER_LOG, _SERVER_DEBUG),
    "network": (_OTHER_END, _FIREWALL),
    "unknown": (_CLIENT_RUN, _SERVER_LOG, _OTHER_END),
}
_ALWAYS: Final = (
    Item("what the user sees, word for word, and since when; what was changed before"),
    Item("whether it fails every time, for everybody, from every network"),
)


def checklist(report: Report, options: Options) -> tuple[Section, ...]:
    """What is missing, by cause; the first connection of a cause gives addresses and times to the commands."""
    found: dict[str, list[Session]] = {}
    for session in told_in_full(report, options):
        found.setdefault(session.verdict.cause or "", []).append(session)
    sections = [_section(cause, sessions) for cause, sessions in found.items() if cause]
    return (*sections, Section("in any case", (), _ALWAYS))


def _section(cause: str, sessions: list[Session]) -> Section:
    example = sessions[0]
    finding = next((f for f in example.findings if f.id == cause), None)
    items = tuple(_filled(item, example) for item in _wanted(cause, finding, example))
    return Section(cause, tuple(session.index for session in sessions), items)


def _wanted(cause: str, finding: Finding | None, session: Session) -> Iterable[Item]:
    wanted = _BY_CAUSE.get(cause) or _BY_PARTY[finding.party if finding else "unknown"]
    yield from wanted
    cover = session.coverage
    if _WHOLE_CAPTURE not in wanted and (
        cover.midstream or cover.one_sided or cover.gaps or cover.truncated_by_snaplen
    ):
        yield _WHOLE_CAPTURE


def _filled(item: Item, session: Session) -> Item:
    """The command with this connection's server and time (a minute around it)."""
    if item.command is None:
        return item
    clock, minute = Clock("utc"), 60_000_000_000
    values = {
        "ADDRESS": session.server.address,
        "PORT": str(session.server.port),
        "FROM": clock.moment(session.start.ns - minute)[:19],
        "TO": clock.moment(session.end.ns + minute)[:19],
    }
    command = item.command
    for name, value in values.items():
        command = command.replace(name, value)
    return item._replace(command=command)
