"""The remedies that findings name are run as they stand, and then the same client connects.

A test plays a failure, takes the command from the finding, changes only what is a placeholder (HOST, a file that this
lab keeps elsewhere), runs it, and lets the client try again.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import sshpcap
from sshpcap.model import Finding
from sshpcap.rules import group_out_of_range
from tests.lab import before_newkeys as story
from tests.lab import programs as run
from tests.lab import proofs
from tests.lab.network import SERVER
from tests.lab.programs import missing
from tests.lab.scene import Program, Scene, scene
from tests.lab.site import sample

_REASON = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """A scene whose captures are thrown away."""
    with scene(tmp_path / "failure.pcap") as made:
        yield made


def finding(stage: Scene, id: str) -> Finding:
    """The finding that the failure was to have."""
    found = [f for s in sshpcap.analyze(stage.capture).sessions for f in s.findings if f.id == id]
    assert found, stage.facts.client_output
    return found[-1]


def command(found: Finding, *words: str) -> str:
    """The command of the remedy that has these words."""
    (line,) = [r.command for r in found.remedies if r.command and all(word in r.command for word in words)]
    proofs.taken(found.id, line)
    return line


def shell(stage: Scene, line: str) -> None:
    """Runs a remedy's command; it must succeed."""
    done = subprocess.run(["sh", "-ec", line], cwd=stage.home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def succeeds(stage: Scene, server: Program, client: Program, first: Program | None = None) -> None:
    """The same meeting again; now the client logs in."""
    stage.capture = stage.capture.with_name("success.pcap")
    stage.facts.client_output = ""
    stage.meet(server, client, first=first)
    assert stage.facts.client_exit == 0, stage.facts.client_output


def test_the_old_host_key_is_forgotten_and_the_new_one_accepted(stage: Scene) -> None:
    stage.meet(run.sshd(stage), run.ssh(stage, known="former_hosts"))
    found = finding(stage, "host-key-not-accepted")
    assert "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!" in stage.facts.client_output
    shell(stage, f"{command(found, 'ssh-keygen -R')} -f former_hosts")
    accept_new = command(found, "StrictHostKeyChecking").replace(" ", "=")
    succeeds(stage, run.sshd(stage), run.ssh(stage, accept_new, known="former_hosts"))


def test_accept_new_does_not_accept_a_changed_key(stage: Scene) -> None:
    stage.meet(run.sshd(stage), run.ssh(stage, "StrictHostKeyChecking=accept-new", known="former_hosts"))
    assert stage.facts.client_exit != 0
    assert finding(stage, "host-key-not-accepted")


def test_puttys_line_for_the_host_is_deleted_and_no_other(stage: Scene) -> None:
    stage.meet(run.sshd(stage), run.plink(stage, trusting=False))
    cache = stage.home / ".putty" / "sshhostkeys"
    cache.parent.mkdir(exist_ok=True)
    line = command(finding(stage, "host-key-not-accepted"), "~/.putty/sshhostkeys").replace("HOST", SERVER)
    other = "ssh-ed25519@22:other.example.org 0x1,0x2\n"
    cache.write_text(f"ssh-ed25519@22:{SERVER} 0x1,0x2\n{other}")
    stage.meet(run.sshd(stage), run.plink(stage, trusting=False))
    assert "POTENTIAL SECURITY BREACH" in stage.facts.client_output
    shell(stage, line.replace("~", str(stage.home)))
    assert cache.read_text() == other
    stage.meet(run.sshd(stage), run.plink(stage, trusting=False))
    assert "POTENTIAL SECURITY BREACH" not in stage.facts.client_output


def test_missing_host_keys_are_made_anew_and_sshd_restarted(stage: Scene) -> None:
    story.keys_removed(stage)
    found = finding(stage, "server-closed-before-identification")
    assert "no hostkeys available" in stage.facts.server_log
    assert "ssh-keygen -A" in command(found, "ssh-keygen -A")
    # -f makes the same keys below another root than /: this machine's own are left alone.
    (stage.home / "root" / "etc" / "ssh").mkdir(parents=True)
    shell(stage, f"ssh-keygen -A -f {stage.home}/root")
    made = sorted((stage.home / "root" / "etc" / "ssh").glob("ssh_host_*_key"))
    assert made
    restarted = run.sshd(stage, *(f"HostKey={key}" for key in made), host_keys=())
    succeeds(stage, restarted, run.ssh(stage, "StrictHostKeyChecking=accept-new", known="no_hosts"))


def test_a_longer_key_or_an_exception_for_one_host(stage: Scene) -> None:
    client = ("StrictHostKeyChecking=accept-new", "RequiredRSASize=2048")
    stage.meet(story.short_key(stage), run.ssh(stage, *client, known="no_hosts"))
    found = finding(stage, "host-key-too-short")
    assert "Invalid key length" in stage.facts.client_output
    exception = command(found, "RequiredRSASize").split()[2]
    server = run.sshd(stage, f"HostKey={stage.home}/short_key", host_keys=())
    succeeds(stage, server, run.ssh(stage, client[0], exception, known="no_hosts"))
    longer = command(found, "-b 3072").replace("/etc/ssh/ssh_host_rsa_key", f"{stage.home}/short_key")
    shell(stage, longer.rpartition(" && ")[0])
    (stage.home / "no_hosts").write_text("")
    succeeds(stage, server, run.ssh(stage, *client, known="no_hosts"))


def test_the_same_host_keys_behind_one_address(stage: Scene) -> None:
    story.two_keys(stage)
    assert finding(stage, "host-key-differs")
    one, other = (run.sshd_on(stage, port, host_keys=("ed25519",)) for port in (2203, 2204))
    server = run.haproxy(stage, one + other, "127.0.0.1:2203", "127.0.0.1:2204")
    succeeds(stage, server, run.ssh(stage), first=run.ssh(stage))


def test_haproxy_without_the_header(stage: Scene) -> None:
    story.with_header(stage, "send-proxy")
    line = command(finding(stage, "proxy-header-unexpected"), "check").partition(" 192.0.2.7:22 ")[2]
    server = run.haproxy(stage, run.sshd_on(stage, 2201), f"127.0.0.1:2201 {line}")
    succeeds(stage, server, run.ssh(stage))


def test_version_2_of_the_header_is_found_too(stage: Scene) -> None:
    story.with_header(stage, "send-proxy-v2")
    assert finding(stage, "proxy-header-unexpected").confidence == "medium"


def test_haproxys_check_of_the_identification_string(stage: Scene) -> None:
    """The check lets a real sshd through and takes a server that is none out."""
    stage.meet(run.sshd(stage), run.raw_client("", "close"))
    check = command(finding(stage, "health-check-or-scan"), "tcp-check")
    assert command(sample("http-client"), "tcp-check") == command(sample("server-silent"), "tcp-check") == check
    backends = run.sshd_on(stage, 2201) + "python3 -m http.server 2202 & "
    servers = ("127.0.0.1:2201 check inter 300 fall 1", "127.0.0.1:2202 check inter 300 fall 1")
    server = run.haproxy(stage, backends, *servers, options=f"option tcp-check\n{check}")
    succeeds(stage, server, run.ssh(stage), first=run.raw_client("", "hold", "2"))


def test_a_shorter_identification_string(stage: Scene) -> None:
    stage.meet(run.sshd(stage, f"VersionAddendum={'A' * 300}"), run.dbclient(stage))
    shorter = command(finding(stage, "identification-too-long"), "VersionAddendum").replace(" ", "=")
    known = stage.home / ".ssh" / "known_hosts"
    known.unlink()
    known.parent.rmdir()
    succeeds(stage, run.sshd(stage, shorter), run.dbclient(stage))


def test_more_places_for_connections_that_have_not_logged_in(stage: Scene) -> None:
    holder = run.raw_client("", "hold", "3")
    stage.meet(run.sshd(stage, "MaxStartups=1:100:1"), run.ssh(stage), first=holder)
    more = command(finding(stage, "max-startups"), "MaxStartups 100").replace(" ", "=")
    succeeds(stage, run.sshd(stage, more), run.ssh(stage), first=holder)


def test_another_method_than_the_group_exchange(stage: Scene) -> None:
    server = run.paramiko_server(stage, story.GEX, "late", str(story.small_moduli(stage)))
    stage.meet(server, run.ssh(stage, f"KexAlgorithms={story.GEX}"))
    found = finding(stage, "group-out-of-range")
    instead = command(found, "ssh -o KexAlgorithms").split()[2]
    # The server is paramiko, which has no sshd_config: the line is what the rule says before it is fitted to that.
    *_, of_sshd = (f for s in sshpcap.analyze(stage.capture).sessions for f in group_out_of_range.check(s))
    without = command(of_sshd, "KexAlgorithms -").replace(" ", "=")
    succeeds(stage, run.sshd(stage, without), run.ssh(stage, instead))


def test_the_port_of_the_real_server_behind_a_tarpit(stage: Scene) -> None:
    stage.meet(run.endlessh(40), run.dbclient(stage))
    right_port = command(finding(stage, "tarpit"), "ssh -p PORT").split()[1]
    tarpit = run.endlessh(40)
    both = ("sh", "-c", f"{run.sshd_on(stage, 2222)}exec {' '.join(tarpit.argv)}")
    client = run.ssh(stage, "StrictHostKeyChecking=accept-new", known="no_hosts")
    argv = (client.argv[0], right_port, "2222", *client.argv[1:])
    succeeds(stage, Program(both, tarpit.version), Program(argv, client.version))
