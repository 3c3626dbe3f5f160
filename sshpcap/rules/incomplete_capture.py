"""The capture does not show enough.

What it means
    The connection is in the capture only in part: it was open before the capture began, the capture ended before it
    did, one direction is missing, frames were lost or cut short. What is shown is true; what is missing may matter.

How it is known
    No SYN at the beginning; no FIN or RST at the end; acknowledgements for octets that are not there; frames with
    fewer captured octets than they had on the link.

When it may be wrong
    An end of the capture looks like a stalled connection, and the other way round: the finding says how long was
    watched.

What to do
    Capture again, at an end of the connection, from before it opens until after it has failed, whole frames: `tcpdump
    -i any -s 0 -w ssh.pcap 'host ADDRESS and (tcp port 22 or icmp or icmp6)'`.

References
    tcpdump(1), -s, -i any; RFC 9293 §3.4
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, mixed_up, octets, with_close
from sshpcap.rules.path import SMALL, side_of, trouble

ID = "incomplete-capture"
TITLE = "The capture does not show enough"


def check(session: Session) -> Iterator[Finding]:
    """Fire when something is missing that could matter for this connection."""
    reasons = tuple(_reasons(session))
    if not reasons:
        return
    frame = session.close.frame or session.tcp.client.last_frame or session.tcp.server.last_frame
    decided = session.outcome in ("encrypted", "refused", "not_ssh")
    yield Finding(
        id=ID,
        severity="info" if decided else "warning",
        confidence="high",
        party="unknown",
        title=TITLE,
        summary=f"{'. '.join(reasons)}. What the capture does not show is not known.",
        evidence=with_close(session, Evidence(frame=frame, what="the last frame of the connection") if frame else None),
        causes=(
            "the capture began too late or ended too early",
            *(("captures of both ends were put together",) if mixed_up(session) else ()),
            "a filter, a sampling switch port or an overloaded host left frames out",
        ),
        remedies=(
            Remedy(
                side="capture",
                action="capture whole frames at an end of the connection, from before it opens until it has failed",
                command=(
                    f"tcpdump -i any -s 0 -w ssh.pcap 'host {session.server.address} and (tcp port"
                    f" {session.server.port} or icmp or icmp6)'"
                ),
            ),
        ),
    )


def _reasons(session: Session) -> Iterator[str]:
    cover = session.coverage
    if mixed_up(session):
        yield (
            f"Frame {cover.elsewhere_frame} is a SYN that the capture had before, and too late for a bridge or mirror:"
            " two places were captured, their clocks differ or they are far apart, and what comes once more is told as"
            " sent again. Waits and repetitions are unsure; read what was captured at each place by itself"
        )
    if session.outcome == "incomplete" and session.close.how == "capture_end":
        yield (
            f"The capture ends at frame {session.close.frame} while the connection is open, at the stage"
            f" {session.stage}"
        )
    if session.outcome == "incomplete" and session.close.how == "silence":
        yield f"The end of the connection is not in the capture, its last frame is {session.close.frame}"
    if session.close.how == "never_opened" and session.outcome == "incomplete":
        yield "The capture ends before an answer to the SYN could be expected"
    if cover.midstream:
        yield "The connection was open before its first captured frame"
    if cover.one_sided:
        yield f"Only frames of the {cover.one_sided} are in the capture"
    if cover.late_side:
        yield f"The first frames of the {cover.late_side} are not in the capture"
    if cover.gaps and not session.tcp.client.bytes and not session.tcp.server.bytes:
        yield (
            f"By the sequence numbers {cover.gaps:,} octets were sent, and none of them was captured: the capture has"
            " only TCP's opening and close, as a filter for SYN, FIN and RST leaves it"
        )
    elif cover.gaps:
        yield f"{octets(cover.gaps, 'the handshake')} sent but not captured"
    if session.close.how in ("capture_end", "silence") and trouble(session) is None:
        yield from _holes(session)
    if cover.truncated_by_snaplen:
        yield "Frames were cut short when they were captured (snaplen), so that octets of the handshake are missing"
    if cover.limit_hit:
        yield "A limit of this program was reached for this connection"


def _holes(session: Session) -> Iterator[str]:
    """What a path MTU black hole looks like at the receiver, where nothing more comes and the capture ends with it."""
    for missing in session.tcp.missing:
        size = missing.bytes[1] - missing.bytes[0] + 1
        if size > SMALL and size > side_of(session, missing.sender).largest:
            yield (
                f"{size:,} octets of the {missing.sender} never came by and were not acknowledged, although later,"
                f" smaller segments did (frame {missing.shown_by}): if the connection hung from there on, the path may"
                " swallow large packets (see path-mtu-black-hole)"
            )


RULE = Rule(ID, TITLE, "warning", check)
