"""Connections in a few words, for tests of rules and reports: a scripted flow → its session, or a capture file."""

from pathlib import Path

from sshpcap.analyzer import Analyzer
from sshpcap.model import Finding, Report, Session
from tests.support.captures import Recorded, pcap
from tests.support.sshbytes import identification, kexinit, packet, server_kexinit
from tests.support.wireflow import Flow, encode


def report_of(*flows: Flow, ports: tuple[int, ...] = (22,)) -> Report:
    """The report on some flows, one after the other."""
    analyzer = Analyzer(ports)
    for flow in flows:
        analyzer.feed(flow.block())
    return analyzer.finish()


def session_of(flow: Flow) -> Session:
    """The session of a flow that is one connection."""
    (session,) = report_of(flow).sessions
    return session


def findings_of(flow: Flow) -> list[str]:
    """Ids of the findings of a flow."""
    return [finding.id for finding in session_of(flow).findings]


def told(session: Session) -> list[Finding]:
    """The findings that say what went wrong: without remarks on safety and speed."""
    return [finding for finding in session.findings if finding.severity != "info"]


def write_pcap(path: Path, flow: Flow) -> Path:
    """The flow as a capture file."""
    frames = [encode(segment) for segment in flow.segments]
    path.write_bytes(pcap(Recorded(f.octets, f.time, f.original) for f in frames))
    return path


def greeted(flow: Flow | None = None, *, client: bytes | None = None, server: bytes | None = None) -> Flow:
    """An open connection with both identification strings."""
    flow = flow or Flow()
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1") if client is None else client)
    flow.server.acks()
    flow.server.sends(identification("OpenSSH_9.2p1") if server is None else server)
    flow.client.acks()
    return flow


def proposed(
    flow: Flow | None = None,
    *,
    client: dict[str, str] | None = None,
    server: dict[str, str] | None = None,
    software: str = "OpenSSH_9.2p1",
) -> Flow:
    """… and both proposals; `client` and `server` change name-lists, `software` is the server's."""
    flow = greeted(flow, server=identification(software))
    flow.client.sends(packet(kexinit(**(client or {}))))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit(**(server or {}))))
    flow.client.acks()
    return flow


def closed(flow: Flow, *, by: str = "client") -> Flow:
    """… and closed by one side, answered by the other."""
    first, second = (flow.client, flow.server) if by == "client" else (flow.server, flow.client)
    first.fin()
    second.fin()
    first.acks()
    return flow
