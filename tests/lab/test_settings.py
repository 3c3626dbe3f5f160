"""Settings that findings name for sshd and for clients: with the line from the finding the next attempt succeeds.

A failure is made, its finding gives the line, the line goes into the file that the remedy names, and the same client
tries again.
"""

import pytest

from tests.lab import proofs
from tests.lab.cases import PASSWORD
from tests.lab.host import USER, Host
from tests.lab.network import CLIENT, SERVER
from tests.lab.programs import missing_for_remedies
from tests.lab.site import LOGIN, Site, sample, take

_REASON = missing_for_remedies()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

PAM = ("PasswordAuthentication yes", "UsePAM yes")


def holding(host: Host, seconds: int, connections: int = 1) -> None:
    """Connections that do not log in, and stay."""
    one = f"(timeout {seconds} nc -d {SERVER} 22 > /run/held 2>&1 < /dev/null &)"
    host.shell("; ".join([one] * connections) + "; sleep 1")


def with_password(place: Site) -> None:
    """Gives the user a password."""
    place.server.shell(f"usermod -p $(openssl passwd -6 -salt sshlab '{PASSWORD}') {USER}")


def typing(place: Site, pause: float, line: str, *options: str) -> str:
    """A command whose questions a program answers with the password, after a pause."""
    place.client.write("/root/askpass", f"#!/bin/sh\nsleep {pause}\necho '{PASSWORD}'\n", "755")
    words = "".join(f" -o {option}" for option in options)
    return f"SSH_ASKPASS=/root/askpass SSH_ASKPASS_REQUIRE=force {line.replace('ssh', f'ssh{words}', 1)}"


ASKED = ("PubkeyAuthentication=no", "PreferredAuthentications=password", "NumberOfPasswordPrompts=1")


def test_a_patient_server_waits_for_a_client_that_was_stopped(place: Site) -> None:
    place.server.configure("ClientAliveInterval 1", "ClientAliveCountMax 3")
    stopped = f"ssh {USER}@{SERVER} 'sleep 11' & p=$!; sleep 2; kill -STOP $p; sleep 8; kill -CONT $p; wait $p"
    found = place.attempt(stopped).finding("client-alive-timeout")
    place.server.configure("ClientAliveInterval 1", take(found, "ClientAliveCountMax"))
    place.attempt(stopped).succeeded()


def test_a_patient_client_waits_for_a_server_that_was_stopped(place: Site) -> None:
    freezes = "sleep 1; (sleep 14; kill -CONT $PPID) & kill -STOP $PPID; sleep 15"
    asks = f"ssh -o ServerAliveInterval=2 -o OPTION {USER}@{SERVER} '{freezes}'"
    hurried = place.attempt(asks.replace("OPTION", "ServerAliveCountMax=3"))
    assert f"Timeout, server {SERVER} not responding." in hurried.output
    found = hurried.finding("server-alive-timeout")
    assert " T" in place.server.shell(take(found, "ps"))
    place.server.shell("sleep 8")  # its process goes on, and meets a client that has gone
    patient = take(found, "ServerAliveCountMax").replace(" ", "=")
    place.attempt(asks.replace("OPTION", patient)).succeeded()


def test_a_shorter_login_grace_time_frees_the_places(place: Site) -> None:
    place.server.configure("MaxStartups 1:100:1")
    holding(place.client, 5)
    found = place.attempt().finding("max-startups")
    place.server.configure("MaxStartups 1:100:1", take(found, "LoginGraceTime"))
    holding(place.client, 60)
    assert place.attempt().exit != 0
    place.client.shell("sleep 31")
    place.attempt().succeeded()


def test_no_source_takes_all_places(place: Site) -> None:
    place.server.configure("MaxStartups 12:100:12")
    holding(place.router, 4, 13)
    found = place.attempt().finding("max-startups")
    place.server.configure("MaxStartups 12:100:12", take(found, "PerSourceMaxStartups"))
    holding(place.router, 4, 13)
    place.attempt().succeeded()


def test_one_connection_for_many_commands(place: Site) -> None:
    place.server.configure("MaxStartups 1:100:1")
    holding(place.client, 3)
    found = place.attempt().finding("max-startups")
    place.client.shell("sleep 3")
    shared = take(found, "ControlMaster")
    place.attempt(f"{shared} true < /dev/null > /root/out 2>&1").succeeded()
    holding(place.client, 5)
    assert place.attempt().exit != 0
    assert place.client.attempt(f"{shared} true").returncode == 0


def test_a_retry_after_a_pause(place: Site) -> None:
    place.server.configure("MaxStartups 1:100:1")
    holding(place.client, 5)
    found = place.attempt().finding("max-startups")
    place.attempt(take(found, "for n in")).succeeded()


def test_more_time_to_log_in(place: Site) -> None:
    with_password(place)
    place.server.configure("LoginGraceTime 10", *PAM)
    slow = f"timeout 40 ssh -o ProxyCommand='sh -c \"(sleep 13; cat) | nc %h %p\"' {USER}@{SERVER} true"
    at_prompt = typing(place, 13, f"ssh {USER}@{SERVER} true", *ASKED)
    assert place.attempt(slow).exit != 0
    before = take(sample("login-grace-time"), "LoginGraceTime")
    prompt = take(place.attempt(at_prompt).finding("login-grace-time-at-prompt"), "LoginGraceTime")
    assert before == prompt
    place.server.configure(before, *PAM)
    place.attempt(slow)
    assert "Accepted publickey" in place.server.read("/var/log/sshd.log")
    place.attempt(at_prompt).succeeded()


def test_a_key_needs_no_prompt(place: Site) -> None:
    with_password(place)
    place.server.configure("LoginGraceTime 4", *PAM)
    found = place.attempt(typing(place, 7, f"ssh {USER}@{SERVER} true", *ASKED)).finding("login-grace-time-at-prompt")
    place.attempt(f"{take(found, 'ssh -i', KEY='id_ed25519')} true").succeeded()


def test_batch_mode_fails_at_once_where_nobody_is_to_be_asked(place: Site) -> None:
    with_password(place)
    place.server.configure(*PAM)
    place.client.shell("mv .ssh/id_ed25519 .ssh/other")
    asked = place.attempt(typing(place, 20, f"timeout -s INT 4 ssh {USER}@{SERVER} true"))
    at_once = place.attempt(take(asked.finding("login-aborted-by-user"), "BatchMode"), seconds=8)
    assert at_once.exit == 255
    assert "Permission denied" in at_once.output


def test_the_right_key_and_its_modes(place: Site) -> None:
    place.client.shell("ssh-keygen -q -t ed25519 -N '' -f .ssh/other; mv .ssh/id_ed25519 .ssh/right")
    found = place.attempt(f"ssh -o BatchMode=yes -i .ssh/other {USER}@{SERVER} true").finding("no-usable-public-key")
    right = f"{take(found, 'ssh -i', KEY='right')} true"
    place.attempt(right).succeeded()
    place.server.shell(f"chmod 777 /home/{USER} /home/{USER}/.ssh /home/{USER}/.ssh/authorized_keys")
    found = place.attempt(right.replace("ssh ", "ssh -o BatchMode=yes ")).finding("no-usable-public-key")
    place.server.configure(take(found, "LogLevel"))
    place.attempt(right)
    assert "Failed publickey for lab" in place.server.read("/var/log/sshd.log")
    place.server.shell(f"export HOME=/home/{USER}; {take(found, 'chmod')}")
    place.attempt(right).succeeded()


def test_more_attempts_or_fewer_keys(place: Site) -> None:
    place.server.configure("MaxAuthTries 3")
    make = "for n in 1 2 3 4 5 6; do ssh-keygen -q -t ed25519 -N '' -f .ssh/k$n; done"
    place.client.shell(f"{make}; ssh-agent -a /run/agent > /run/out; SSH_AUTH_SOCK=/run/agent ssh-add -q .ssh/k?")
    agent = "export SSH_AUTH_SOCK=/run/agent; "
    found = place.attempt(agent + LOGIN).finding("too-many-authentication-failures")
    only = take(found, "IdentitiesOnly", KEY="id_ed25519")
    # The same line; no sample has the finding for an agent with too many unknown keys.
    (line,) = (one.command for one in found.remedies if one.command and "IdentitiesOnly" in one.command)
    proofs.taken("no-usable-public-key", line)
    place.attempt(f"{agent}{only} true").succeeded()
    place.server.configure(take(found, "MaxAuthTries"))
    place.attempt(agent + LOGIN).succeeded()
    place.server.configure("MaxAuthTries 3")
    place.client.shell(agent + take(found, "ssh-add"))
    place.attempt(agent + LOGIN).succeeded()


def test_the_second_factor_is_asked_for(place: Site) -> None:
    with_password(place)
    place.server.configure("AuthenticationMethods publickey,password", *PAM)
    place.client.append("/root/.ssh/config", "  BatchMode yes")
    found = place.attempt().finding("second-factor-missing")
    asked = take(found, "KbdInteractive")
    place.attempt(f"{typing(place, 0, asked)} true").succeeded()


def test_sessions_and_forwardings_are_allowed(place: Site) -> None:
    place.server.configure("MaxSessions 0")
    found = place.attempt().finding("session-ended-at-once")
    place.server.configure(take(found, "MaxSessions"))
    place.attempt().succeeded()
    place.server.configure("AllowTcpForwarding no")
    through = f"ssh -o BatchMode=yes -o HostKeyAlias={SERVER} -J {USER}@{SERVER} {USER}@127.0.0.1 true"
    found = place.attempt(through).finding("session-ended-at-once")
    place.server.configure(take(found, "AllowTcpForwarding"))
    place.attempt(through).succeeded()


def test_the_directories_of_a_chroot_belong_to_root(place: Site) -> None:
    place.server.configure(f"ChrootDirectory /home/{USER}", "ForceCommand internal-sftp")
    transfer = f"echo pwd | sftp -q -b - {USER}@{SERVER}"
    found = place.attempt(transfer).finding("session-ended-at-once")
    place.server.shell(take(found, "chown", DIRECTORY=f"/home/{USER}"))
    place.attempt(transfer).succeeded()


def test_no_names_are_looked_up(place: Site) -> None:
    place.server.write("/etc/resolv.conf", f"nameserver {CLIENT}\noptions timeout:3 attempts:2\n")
    place.network.forbid("udp dport 53 drop")
    place.server.configure("UseDNS yes")
    found = place.attempt().succeeded().finding("slow-authentication")
    place.server.configure(take(found, "UseDNS"))
    quick = place.attempt().succeeded()
    assert "slow-authentication" not in [finding.id for finding in quick.sessions[-1].findings]


def test_a_proxy_that_keeps_the_connection_open(place: Site) -> None:
    half = "ProxyCommand=head -c 60 | nc -N %h %p"
    found = place.attempt(f"ssh -o '{half}' {USER}@{SERVER} true").finding("half-closed")
    place.client.append("/root/.ssh/config", f"  {take(found, 'ProxyCommand')}")
    place.attempt().succeeded()


def test_access_lists_of_tcp_wrappers(place: Site) -> None:
    place.server.write("/etc/hosts.deny", "sshd: ALL\n")
    refused = place.attempt()
    assert refused.exit != 0
    assert refused.finding("server-closed-before-identification")
    place.server.write("/etc/hosts.allow", take(sample("refused-before-identification"), "sshd: ") + "\n")
    place.attempt().succeeded()


def test_an_old_client_and_a_cipher_that_terrapin_does_not_touch(place: Site) -> None:
    old = f"ssh1 -o BatchMode=yes {USER}@{SERVER} true"
    found = place.attempt(old).finding("terrapin-exposed")
    place.server.configure(take(found, "Ciphers"))
    safe = place.attempt(old).succeeded()
    assert "terrapin-exposed" not in [finding.id for finding in safe.sessions[-1].findings]


def test_a_client_that_is_not_limited_to_ssh_1(place: Site) -> None:
    found = sample("ssh1-only-client")
    line = take(found, "Protocol 1")
    place.client.write("/root/old", f"{line}\n")
    old = f"ssh1 -F /root/old -o BatchMode=yes {USER}@{SERVER} true"
    assert place.attempt(old).exit != 0
    place.client.shell(f"sed -i '/^{line}$/d' /root/old")
    place.attempt(old).succeeded()


def test_new_groups_of_a_good_size_are_begun(place: Site) -> None:
    """To make them takes hours: ssh-keygen takes the words and sieves; the screening is done with known groups."""
    line = take(sample("group-out-of-range"), "ssh-keygen -M")
    generate, screen, install = line.split(" && ")
    begun = place.server.attempt(f"timeout 4 {generate}")
    assert begun.returncode == 124, begun.stdout
    assert "3071-bit" in begun.stdout
    # Of a known safe prime of 3,072 bits the candidate is (p - 1) / 2, of type 4, which nobody has tested yet.
    place.server.shell("awk '$5 == 3071 {print $7; exit}' /etc/ssh/moduli > prime; test -s prime")
    prime = int(place.server.read("/root/prime"), 16)
    candidate = f"20260101000000 4 2 0 3070 0 {prime >> 1:X}\n"
    place.server.write("/root/moduli.candidates", candidate)
    place.server.shell(f"{screen}; {install}")
    assert f"{prime:X}" in place.server.read("/etc/ssh/moduli")
    place.attempt(f"ssh -o KexAlgorithms=diffie-hellman-group-exchange-sha256 {USER}@{SERVER} true").succeeded()
