"""The same packets under any link type, tagged or not, through the columns or the slow way, give the same report."""

import re

import pytest

from sshpcap.analyzer import Analyzer
from sshpcap.frames import FrameBlock
from sshpcap.net.link import LINK_TYPES
from sshpcap.report.machine import to_json
from tests.support import frames
from tests.support.blocks import sliced
from tests.support.captures import Recorded
from tests.support.traffic import Conversation, frames_of, handshake_of, interleaved, web
from tests.support.wireflow import encode

PLAIN = "ethernet-without-padding"
SHORT = "no-common-kex-openssh"


def report_of(block: FrameBlock) -> bytes:
    analyzer = Analyzer()
    for part in sliced(block, [40]):
        analyzer.feed(part)
    return to_json(analyzer.finish())


CONVERSATIONS = {
    4: interleaved([handshake_of("ok-openssh"), handshake_of(SHORT), web(80)], 1),
    6: handshake_of("ok-openssh-ipv6"),
}


@pytest.mark.parametrize("link", frames.LINKS)
def test_the_same_report(link: str) -> None:
    for version in frames.LINKS[link].versions:
        conversation = CONVERSATIONS[version]
        assert _unnamed(report_of(frames_of(conversation, link))) == report_of(frames_of(conversation, PLAIN))


def _unnamed(report: bytes) -> bytes:
    """PPPoE and MPLS over Ethernet are named as tunnels; nothing else may differ."""
    return re.sub(rb'"tunnels":\[[^]]*\]', b'"tunnels":[]', report)


def test_every_link_type_is_here() -> None:
    assert {link.number for link in frames.LINKS.values()} >= set(LINK_TYPES)


@pytest.mark.parametrize("extensions", [1, 4])
def test_options_and_extension_headers_change_nothing(extensions: int) -> None:
    """Packets with more headers go the slow way."""
    for version, conversation in CONVERSATIONS.items():
        made = []
        for segment in conversation:
            octets = encode(segment).octets[14:]
            if version == 4:
                head = bytearray(octets[:20])
                head[0] += extensions
                head[2:4] = (len(octets) + 4 * extensions).to_bytes(2, "big")
                head[10:12] = bytes(2)
                options = b"\x01" * (4 * extensions)
                head[10:12] = frames.checksum(bytes(head) + options).to_bytes(2, "big")
                packet = bytes(head) + options + octets[20:]
            else:
                chain = (b"\x3c" + frames.options_header()) * (extensions - 1) + b"\x06" + frames.options_header()
                size = (len(octets) - 40 + len(chain)).to_bytes(2, "big")
                packet = octets[:4] + size + b"\x3c" + octets[7:40] + chain + octets[40:]
            made.append(Recorded(frames.ethernet(packet, pad=False), segment.time))
        assert report_of(frames_of(made)) == report_of(frames_of(conversation, PLAIN))


def test_an_offloaded_segment_that_was_cut() -> None:
    """A packet with total length 0 reaches to the end of its frame, also where the capture has less of it."""
    conversation: Conversation = handshake_of("ok-openssh")
    place = max(at for at, segment in enumerate(conversation) if segment.length)
    cut = conversation[place]._replace(payload=conversation[place].payload[:8])
    whole = encode(cut)
    offloaded = whole.octets[:16] + bytes(2) + whole.octets[18:]
    told = Recorded(offloaded, cut.time, whole.original)
    assert cut.length > 8
    before, after = conversation[:place], conversation[place + 1 :]
    assert report_of(frames_of([*before, told, *after])) == report_of(frames_of([*before, cut, *after]))
