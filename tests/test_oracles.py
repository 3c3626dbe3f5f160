"""tshark as an independent reader: identification strings, proposals, messages, host key types, and the closing frame.

It is asked about every capture at hand (many of them only with `--lab`). Where it says nothing it proves nothing; where
it says something, we agree.
"""

import csv
import io
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

import sshpcap
from sshpcap.model import KexInit, Party, Session
from tests.golden import ROOT
from tests.support.captures import captures_at_hand, name_of, sampled

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")

_FIELDS = (
    "frame.number", "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "tcp.flags", "ssh.protocol", "ssh.message_code",
    "ssh.host_key.type", "ssh.kex_algorithms", "ssh.server_host_key_algorithms",
    "ssh.encryption_algorithms_client_to_server", "ssh.encryption_algorithms_server_to_client",
    "ssh.mac_algorithms_client_to_server", "ssh.mac_algorithms_server_to_client",
    "ssh.compression_algorithms_client_to_server", "ssh.compression_algorithms_server_to_client",
)  # fmt: skip
_LISTS = tuple(field.removeprefix("ssh.") for field in _FIELDS[9:])


class Seen(NamedTuple):
    """What tshark says of one side: values with the frames where it says them."""

    protocols: list[tuple[int, str]]
    messages: list[tuple[int, int]]
    proposals: list[dict[str, str]]
    host_key_types: list[str]
    closes: list[tuple[int, int]]


def _ask(capture: Path) -> dict[tuple[str, int], Seen]:
    command = [
        str(TSHARK),
        "-n",
        "-r",
        str(capture),
        "-Y",
        "tcp",
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "quote=d",
    ]
    for field in _FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    seen: dict[tuple[str, int], Seen] = defaultdict(lambda: Seen([], [], [], [], []))
    for row in csv.reader(io.StringIO(out), delimiter="\t"):
        values = dict(zip(_FIELDS, row, strict=True))
        frame = int(values["frame.number"])
        side = seen[(values["ip.src"] or values["ipv6.src"], int(values["tcp.srcport"]))]
        if values["ssh.protocol"]:
            side.protocols.append((frame, values["ssh.protocol"]))
        side.messages.extend((frame, int(code)) for code in values["ssh.message_code"].split(",") if code)
        if values["ssh.host_key.type"]:
            side.host_key_types.append(values["ssh.host_key.type"])
        if values["ssh.kex_algorithms"]:
            side.proposals.append({name: values[f"ssh.{name}"] for name in _LISTS})
        flags = int(values["tcp.flags"], 16)
        if flags & 5:
            side.closes.append((frame, flags))
    return seen


def _sole(report: sshpcap.Report) -> Session | None:
    """The session of a capture with one only: endpoints that are used twice cannot be told apart by address."""
    return report.sessions[0] if len(report.sessions) == 1 else None


@pytest.mark.parametrize("capture", sampled(captures_at_hand(), every=12, ours=4), ids=name_of)
def test_agrees_with_tshark(capture: Path) -> None:
    session = _sole(sshpcap.analyze(capture))
    if session is None:
        return
    seen = _ask(capture)
    for party in (session.client, session.server):
        said = seen.get((party.address, party.port))
        if said is None:
            continue
        _same_identification(party, said)
        if said.proposals and party.kexinit is not None:
            assert _shown(party.kexinit) == said.proposals[0]
    key_types = seen[(session.server.address, session.server.port)].host_key_types
    if key_types and session.host_key is not None:
        assert session.host_key.type == key_types[0]
    closes = [frame for side in seen.values() for frame, _ in side.closes]
    if session.close.how in ("fin", "rst"):
        assert session.close.frame in closes
        if not any("did not end it" in sentence for sentence in session.close.reasoning):
            assert session.close.frame == min(closes)


def _same_identification(party: Party, said: Seen) -> None:
    if party.identification is None or not said.protocols:
        return
    # tshark 4.0 calls every line of the phase a protocol; ours is the one that begins with SSH-.
    lines = [text for _, text in said.protocols if text.startswith("SSH-")]
    if lines and party.identification.text.isascii() and "\\" not in party.identification.text:
        assert lines[0].strip() == party.identification.text.strip()


def _shown(kexinit: KexInit) -> dict[str, str]:
    return {name: ",".join(getattr(kexinit, name)) for name in _LISTS}


@pytest.mark.parametrize(
    "name", ["ok-openssh", "ok-openssh-ipv6", "ok-plink", "ok-paramiko", "ok-asyncssh", "no-common-kex-openssh"]
)
def test_messages_stand_in_the_frames_that_tshark_names(name: str) -> None:
    """For connections without the shapes that tshark 4.0 gets wrong, message by message."""
    capture = ROOT / "samples" / name / "capture.pcap"
    session = _sole(sshpcap.analyze(capture))
    assert session is not None
    seen = _ask(capture)
    for party, who in ((session.client, "client"), (session.server, "server")):
        ours = [(m.frame, m.number) for m in session.messages if m.sender == who and m.number is not None]
        assert ours == seen[(party.address, party.port)].messages
