"""What a rule is, and the few words that all rules share.

A rule is a pure function from a session to findings. It sees results only, never packets, and one session; what the
connections to one server tell together it may look at in a second pass (`company.py`). Its module's docstring is
its page for `sshpcap explain` and docs/findings.md, in five parts: what it means, how it is known, when it may be
wrong, what to do, references. What programs print in its case (`Rule.messages`) is put in front of the references.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from sshpcap.model import Disconnect, Evidence, Finding, Message, Session, Severity, Who
from sshpcap.rules.company import Company


class Rule(NamedTuple):
    """One diagnosis."""

    id: str
    title: str
    severity: Severity
    check: Callable[[Session], Iterator[Finding]]
    fallback: bool = False
    """Only asked when no other rule has found an error: it describes rather than explains."""
    messages: Mapping[str, str] = MappingProxyType({})
    """What programs print in this case, by program (`printed.py`): names in braces stand for what differs."""
    instead_of: tuple[str, ...] = ()
    """Ids of broader findings that say nothing more where this one is found."""
    among: Callable[[Session, Company], Iterator[Finding]] | None = None
    """Asked again when all connections of the capture are known: its findings take the place of its earlier ones."""


def mixed_up(session: Session) -> bool:
    """Two places with different clocks were captured, and most frames of the second are taken for sent again. Where
    they were known for copies (by their IP identifications), no harm was done."""
    frames = session.tcp.client.frames + session.tcp.server.frames
    return session.coverage.elsewhere_frame is not None and 2 * session.coverage.duplicates < frames


def first(session: Session, sender: Who, *names: str) -> Message | None:
    """The first message of a side with one of these names."""
    for message in session.messages:
        if message.sender == sender and message.name in names:
            return message
    return None


def shown(message: Message, what: str) -> Evidence:
    """A message as evidence."""
    return Evidence(frame=message.frame, what=what, bytes=message.bytes)


def closing(session: Session) -> Evidence | None:
    """The frame that ended the connection as evidence."""
    close = session.close
    if close.frame is None:
        return None
    what = {
        "fin": f"a FIN of the {close.by} came before" if _unseen(session) else f"FIN from the {close.by}",
        "rst": "RST" if close.by in ("network", "unknown") else f"RST from the {close.by}",
        "icmp": "ICMP error",
        "silence": "the last frame of the connection",
        "capture_end": "the last frame of the connection",
        "never_opened": "the last SYN",
    }[close.how]
    return Evidence(frame=close.frame, what=what)


def _unseen(session: Session) -> bool:
    """The FIN that ended it is not in the capture; another frame tells of it."""
    return any(row.kind == "fin-unseen" and row.frame == session.close.frame for row in session.timeline)


def with_close(session: Session, *evidence: Evidence | None) -> tuple[Evidence, ...]:
    """Evidence in the order of the frames, the close included."""
    every = {item.frame: item for item in (closing(session), *evidence) if item is not None}
    return tuple(every[frame] for frame in sorted(every))


_SHOWN_REASON: Final = 300


def disconnect_text(said: Disconnect) -> str:
    """The text of a DISCONNECT for a sentence: of a Python traceback, which Twisted Conch sends, the last line."""
    text = said.description
    if "Traceback (most recent call last)" in text:
        lines = [line.strip() for line in text.split("\\x0a") if line.strip()]
        text = lines[-1]
    return text if len(text) <= _SHOWN_REASON else f"{text[:_SHOWN_REASON]}…"


def after_what(session: Session) -> str:
    """How long after the last step of the handshake, or the farewell, it was closed: " 0.4 ms after frame 9"."""
    waiting, close = session.awaited, session.close
    if waiting is None or close.how not in ("fin", "rst"):
        return ""
    since, waited = waiting.since_frame, waiting.waited.ns
    said = next((m for m in session.messages if close.disconnect and m.frame == close.disconnect.frame), None)
    if said is not None and close.time is not None and said.frame > since:
        since, waited = said.frame, close.time.ns - said.time.ns
    if close.frame is not None and since >= close.frame:
        return ""
    return f", {duration(waited)} after frame {since}"


def gave_up(session: Session) -> str:
    """Who ended it: whoever announced the end, else whoever's FIN or RST came first."""
    said, close = session.close.disconnect, session.close
    if said is not None and (close.frame is None or said.frame <= close.frame):
        return said.by
    return close.by


def began_unseen(session: Session) -> bool:
    """The capture begins in the middle of the connection, and not with the client's identification string, before
    which nothing of it stands (RFC 4253 §4.2)."""
    first = next((m for m in session.messages if m.sender == "client"), None)
    greeted = first is not None and first.kind == "identification" and first.bytes[0] == 1
    return session.coverage.midstream and not greeted


WAITED_NS: Final = 2_000_000_000
"""Steps of the handshake take milliseconds: who leaves after this long, while the other side has to move, gave up
waiting, whatever reason it gives."""


def patience_ended(session: Session) -> bool:
    """One side left with SSH_MSG_DISCONNECT when it had waited for the other's step in vain: there was nothing new
    that it could have complained of."""
    said, waiting = session.close.disconnect, session.awaited
    if said is None or waiting is None or waiting.party in (said.by, "unknown"):
        return False
    return waiting.waited.ns >= WAITED_NS and not lost_to_the_capture(session)


def announced(session: Session) -> Evidence | None:
    """SSH_MSG_DISCONNECT as evidence."""
    said = session.close.disconnect
    if said is None:
        return None
    text = f'"{said.description}"' if said.description else "no text"
    return Evidence(frame=said.frame, what=f"SSH_MSG_DISCONNECT {said.code}: {text}")


def farewell(session: Session) -> str:
    """SSH_MSG_DISCONNECT as a clause in front of `how_it_ended`."""
    said = session.close.disconnect
    if said is None:
        return ""
    text = f', "{disconnect_text(said)}"' if said.description else ""
    return f"the {said.by} sent SSH_MSG_DISCONNECT (frame {said.frame}, reason {said.code}{text}); "


def how_it_ended(session: Session) -> str:
    """The end of the connection as a clause."""
    close = session.close
    path = "something on the path" if close.confidence == "high" else "probably something on the path"
    who = {"network": path, "unknown": "one side"}.get(close.by, f"the {close.by}")
    if close.how == "fin" and _unseen(session):
        return f"{who} closed the connection (its FIN is not in the capture, but frame {close.frame} tells of it)"
    if close.how == "fin":
        return f"{who} closed the connection (FIN, frame {close.frame}{after_what(session)})"
    if close.how == "rst":
        return f"{who} reset the connection (RST, frame {close.frame}{after_what(session)})"
    if close.how == "icmp":
        return f"an ICMP error ended the attempt (frame {close.frame})"
    if close.how == "silence":
        return f"nobody closed it: frame {close.frame} is the last that was captured of it"
    if close.how == "never_opened":
        return "the connection never opened"
    return f"the capture ends at frame {close.frame} with the connection open"


def duration(ns: int) -> str:
    """A duration for people: two or three digits and a unit."""
    for size, unit in ((1, "ns"), (1_000, "µs"), (1_000_000, "ms")):
        if ns < 999.5 * size:
            return f"{ns / size:.3g} {unit}"
    # What is rounded up to the next unit is told in it.
    if ns < 119_950_000_000:
        return f"{ns / 1e9:.1f} s"
    minutes, seconds = divmod(round(ns / 1e9), 60)
    if minutes >= 120:
        return f"{ns / 3.6e12:.1f} h"
    return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"


def listed(names: tuple[str, ...], limit: int = 6) -> str:
    """A list of algorithm names for a sentence."""
    if not names:
        return "nothing"
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def server_place(session: Session) -> str:
    """Server address and port as OpenSSH's messages name them."""
    return f"{session.server.address} port {session.server.port}"


def client_place(session: Session) -> str:
    """Client address and port as sshd's log names them."""
    return f"{session.client.address} port {session.client.port}"


def octets(count: int, of: str) -> str:
    """So many octets of something, with the verb: "1 octet of it was"."""
    return f"1 octet of {of} was" if count == 1 else f"{count:,} octets of {of} were"


def server_said_nothing(session: Session) -> bool:
    """No octet of the server is in the capture, and none was lost by it."""
    if session.server.identification or session.server.pre_identification or session.tcp.server.bytes:
        return False
    if session.coverage.late_side == "server":
        return False  # its first octets may be missing, and a FIN does not tell how many they were
    return not session.tcp.server.undelivered and not session.coverage.gaps and session.coverage.one_sided is None


def server_closed_in_order(session: Session) -> bool:
    """A FIN or RST of the server follows directly on its last octet in the capture: nothing of it was lost before."""
    letters = "FR" if session.tcp.originator == "server" else "fr"
    return not session.tcp.server.undelivered and any(letter in session.tcp.history for letter in letters)


_ACKNOWLEDGED_WITHIN_NS: Final = 500_000_000
"""RFC 9293 §3.8.6.3: an acknowledgement is not held back for longer."""


def key_undelivered(session: Session) -> bool:
    """By the acknowledgements the message with the host key never reached the client whole, so nothing it did is an
    answer to the key; a RST at once may leave without acknowledging what had come."""
    key, close = session.host_key, session.close
    if key is None:
        return False
    reply = next((m for m in session.messages if m.frame == key.frame and m.sender == "server"), None)
    if reply is None or reply.acknowledged is not False:
        return False
    return close.time is None or close.time.ns - reply.time.ns >= _ACKNOWLEDGED_WITHIN_NS


def lost_to_the_capture(session: Session) -> bool:
    """Octets of the handshake are missing in the capture, so that absence proves nothing."""
    cover = session.coverage
    undelivered = session.tcp.client.undelivered or session.tcp.server.undelivered
    missing = cover.gaps or undelivered or cover.one_sided or cover.truncated_by_snaplen or cover.limit_hit
    return bool(missing) or began_unseen(session)
