"""The made cases are what their recipe makes, and mean what their story says."""

import json
from typing import Any

import pytest

from tests import golden
from tests.golden import ROOT, report
from tests.make_cases import CASES, MADE, commands, readme
from tests.support.recipes import COMPRESSIONS

Json = dict[str, Any]


def report_of(name: str, *files: str) -> Json:
    """The report on files of a case; without files on `capture.pcap`."""
    paths = [str(CASES / name / file) for file in files or ("capture.pcap",)]
    printed, code = golden.run(["--format", "json", *paths])
    assert code == 0
    made: Json = json.loads(printed)
    return made


def session_of(name: str) -> Json:
    (session,) = report_of(name)["sessions"]
    made: Json = session
    return made


def sample(name: str) -> Json:
    (session,) = json.loads(report(ROOT / "samples" / name))["sessions"]
    made: Json = session
    return made


def found(session: Json) -> list[str]:
    return [finding["id"] for finding in session["findings"]]


def plain(name: str, octets: bytes) -> bytes:
    """What is in a compressed file: other versions of a compressor pack the same octets in another way."""
    suffix = name.rsplit(".", 1)[-1]
    return COMPRESSIONS[suffix][1](octets) if suffix in COMPRESSIONS else octets


@pytest.mark.parametrize("name", MADE)
def test_the_files_are_what_the_recipe_makes(name: str) -> None:
    made = MADE[name].files()
    for file, octets in made.items():
        assert plain(file, (CASES / name / file).read_bytes()) == plain(file, octets), file
    assert (CASES / name / "README.md").read_text() == readme(name)
    others = {path.name for path in (CASES / name).iterdir()} - set(made)
    assert others <= {"README.md", "run.console", "report.json", "formats"}
    if commands(name):
        assert tuple(golden.commands(CASES / name)) == commands(name)


def test_no_case_without_a_recipe() -> None:
    assert {path.name for path in CASES.iterdir()} == set(MADE)


# --- one conversation, many ways to write it -------------------------------------------------------------------------

FAMILIES = [(name, file) for name, made in MADE.items() if made.same for file in sorted(made.files())]


@pytest.mark.parametrize("name, file", FAMILIES)
def test_every_file_of_a_family_gives_the_same_sessions_and_notices(name: str, file: str) -> None:
    """Only what names the tunnel may differ, and that stands in the transcript."""
    expected, made = report_of(name), report_of(name, file)
    for one in (*expected["sessions"], *made["sessions"]):
        one["tcp"].pop("tunnels")
    assert made["sessions"] == expected["sessions"]
    assert made["notices"] == expected["notices"] == []
    assert [capture["notices"] for capture in made["captures"]] == [[]]


TUNNELS = {
    "mpls-ethernet": "MPLS (100)",
    "pppoe-ethernet": "PPPoE",
    "gre": "GRE",
    "erspan-2": "ERSPAN II (session 42)",
    "erspan-3": "ERSPAN III (session 42)",
    "ip-in-ip": "IP in IP",
    "mpls-in-ip": "MPLS (20)",
    "vxlan": "VXLAN (42)",
    "geneve": "Geneve (42)",
    "gtp-u": "GTP-U (0x7)",
    "vxlan-in-gre": "GRE / VXLAN (42)",
}


@pytest.mark.parametrize("file", TUNNELS)
def test_tunnels_are_named(file: str) -> None:
    (session,) = report_of("tunnels", f"{file}.pcap")["sessions"]
    assert session["tcp"]["tunnels"] == [TUNNELS[file]]


@pytest.mark.parametrize("name", ["fragmented", "two-interfaces", "vxlan-in-gre", "wifi", "offloaded"])
def test_the_way_it_was_captured_changes_nothing_of_the_verdict(name: str) -> None:
    (session,) = report_of(name, MADE[name].name)["sessions"]
    expected = sample("no-common-kex-openssh")
    for field in ("outcome", "stage", "negotiation", "community_id"):
        assert session[field] == expected[field]
    assert session["verdict"]["cause"] == expected["verdict"]["cause"]
    assert session["close"]["by"] == expected["close"]["by"]


@pytest.mark.parametrize(
    "name, files",
    [
        ("rotated", ("capture.pcap2", "capture.pcap0", "capture.pcap1")),
        ("every-block", ("capture.pcapng",)),
        *((name, ("capture.pcap",)) for name in (
            "reordered", "clock-step", "proxy-protocol-v1", "proxy-protocol-v2", "socks4", "socks5")),
    ],
)  # fmt: skip
def test_the_handshake_is_read_whatever_the_capture_did_to_it(name: str, files: tuple[str, ...]) -> None:
    (session,) = report_of(name, *files)["sessions"]
    expected = sample("host-key-rejected-dbclient")
    for field in ("outcome", "stage", "negotiation"):
        assert session[field] == expected[field]
    assert session["verdict"]["cause"] == expected["verdict"]["cause"]
    assert session["host_key"]["sha256"] == expected["host_key"]["sha256"]
    for side in ("client", "server"):
        assert session[side]["identification"]["raw"] == expected[side]["identification"]["raw"]
        assert session[side]["kexinit"]["kex_algorithms"] == expected[side]["kexinit"]["kex_algorithms"]


def test_a_connection_in_ipv6_fragments() -> None:
    session, expected = session_of("fragmented-ipv6"), sample("ok-openssh-ipv6")
    for field in ("outcome", "stage", "negotiation", "host_key", "community_id"):
        left, right = session[field], expected[field]
        if field == "host_key":
            left, right = left | {"frame": 0}, right | {"frame": 0}
        assert left == right
    assert report_of("fragmented-ipv6")["captures"][0]["protocols"]["fragment"] > 0


# --- what was met is told --------------------------------------------------------------------------------------------


def test_frames_captured_twice_change_nothing() -> None:
    session, expected = session_of("captured-twice"), sample("host-key-changed-openssh")
    assert session["verdict"]["cause"] == expected["verdict"]["cause"] == "host-key-not-accepted"
    assert session["coverage"]["duplicates"] == 20
    assert session["tcp"]["history"] == expected["tcp"]["history"]
    assert session["tcp"]["client"]["retransmissions"] == 0


@pytest.mark.parametrize("name", ["lost-by-the-capture", "midstream", "server-side-only", "snaplen-96"])
def test_what_is_missing_is_said_and_nothing_is_made_of_it(name: str) -> None:
    session = session_of(name)
    assert "incomplete-capture" in found(session)
    assert session["outcome"] in ("incomplete", "encrypted")


def test_the_half_that_is_there_is_fully_read() -> None:
    expected = sample("host-key-rejected-dbclient")
    client = session_of("client-side-only")
    assert client["coverage"]["one_sided"] == "client"
    assert client["client"]["kexinit"]["kex_algorithms"] == expected["client"]["kexinit"]["kex_algorithms"]
    assert client["server"]["kexinit"] is None
    assert client["verdict"]["confidence"] == "low"
    start = session_of("half-duplex-at-the-start")
    assert start["server"]["identification"] is None
    assert start["coverage"]["late_side"] == "server"
    assert "incomplete-capture" in found(start)
    assert (start["host_key"]["sha256"], start["negotiation"]) == (
        expected["host_key"]["sha256"], expected["negotiation"])  # fmt: skip
    end = session_of("half-duplex-at-the-end")
    assert end["server"]["identification"] is not None
    assert end["server"]["kexinit"] is end["negotiation"] is None
    assert end["coverage"]["gaps"] > 800
    assert end["verdict"]["confidence"] == "low"
    assert "incomplete-capture" in found(end)


def test_what_is_strange_is_told() -> None:
    assert [one["code"] for one in report_of("overlapping-fragments")["notices"]] == ["overlapping-fragments"]
    assert session_of("clock-step")["coverage"]["clock_steps"] > 0
    offloaded, damaged = session_of("offloaded"), session_of("damaged-segment")
    assert offloaded["tcp"]["client"]["checksums"] == {"right": 0, "left_out": 7, "wrong": 0}
    assert offloaded["tcp"]["server"]["checksums"]["left_out"] == 0
    assert damaged["tcp"]["client"]["checksums"]["wrong"] == damaged["coverage"]["bad_checksums"] == 1
    (every,) = report_of("every-block", "capture.pcapng")["captures"]
    assert every["interface_drops"] == 4
    assert every["link_types"] == [1, 101]
    assert "frames-without-time" in [one["code"] for one in every["notices"]]


def test_roles_are_those_of_the_protocol() -> None:
    session = session_of("call-home")
    assert (session["tcp"]["originator"], session["client"]["port"], session["server"]["port"]) == (
        "server", 4334, 40830)  # fmt: skip
    session = session_of("midstream-on-an-odd-port")
    assert (session["client"]["port"], session["server"]["port"]) == (60022, 41022)
    assert "guess" not in session["roles_from"]


@pytest.mark.parametrize(
    "name, preamble",
    [
        ("proxy-protocol-v1", "PROXY protocol v1"),
        ("proxy-protocol-v2", "PROXY protocol v2"),
        ("http-connect", "HTTP CONNECT"),
        ("socks4", "SOCKS4"),
        ("socks5", "SOCKS5"),
    ],
)
def test_preambles_are_named(name: str, preamble: str) -> None:
    assert session_of(name)["client"]["preamble"] == preamble
