"""Remedies for the path, for firewalls, and for what stands in front of sshd: done as they stand, and then it works."""

import pytest

from tests.lab import proofs
from tests.lab.host import USER
from tests.lab.network import CLIENT, SERVER
from tests.lab.programs import missing_for_remedies
from tests.lab.scene import PEERS
from tests.lab.site import Site, sample, take

_REASON = missing_for_remedies()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]


def _debian_firewall(place: Site) -> None:
    """The rules with which Debian's nftables begins: chains that let everything pass."""
    place.server.shell("nft -f /etc/nftables.conf")


def _small_path(place: Site) -> None:
    """The router's way to the server carries 1,400 octets, and nobody is told."""
    place.router.shell(
        "ip link set dev server mtu 1400; nft add table inet quiet;"
        " nft 'add chain inet quiet output { type filter hook output priority 0; ip protocol icmp drop; }'"
        " && nft add table inet filter"
        " && nft 'add chain inet filter forward { type filter hook forward priority 0; }'"
    )


def test_a_path_that_loses_large_packets(place: Site) -> None:
    # Both proposals of 1,500 octets are too big; the server's host knows nothing of the small way either.
    _small_path(place)
    hangs = f"ssh -o ServerAliveInterval=3 -o ServerAliveCountMax=2 {USER}@{SERVER} true"
    found = place.attempt(hangs).finding("path-mtu-black-hole")
    (line,) = (one.command for one in found.remedies if one.command and one.command.startswith("ping"))
    # The same line; no sample has these findings for a transfer that hangs.
    proofs.taken("peer-vanished", line)
    proofs.taken("dropped-midflow", line)
    # For ever, and thirty hops long: both are ended.
    asked = (
        take(found, "ping").replace("ping ", "ping -c 1 -W 1 ").replace("tracepath", "timeout 20 stdbuf -oL tracepath")
    )
    measured = place.client.attempt(asked)
    assert "100% packet loss" in measured.stdout
    assert "pmtu" in measured.stdout, measured.stdout
    assert place.client.attempt(f"ping -c 1 -W 1 -M do -s 1372 {SERVER}").returncode == 0
    place.attempt(f"{take(found, 'KexAlgorithms')} true").succeeded()
    assert place.attempt(hangs).exit != 0
    clamp = take(found, "maxseg")
    place.router.shell(clamp)
    place.attempt().succeeded()
    place.router.shell("nft flush chain inet filter forward")
    place.client.shell(take(found, "mtu 1400"))
    place.attempt().succeeded()


def test_new_connections_are_limited(place: Site) -> None:
    _debian_firewall(place)
    scanner = place.attempt(f"python3 {PEERS}/half_open.py {SERVER} 22")
    place.server.shell(take(scanner.finding("half-open-scan"), "limit rate"))
    place.attempt().succeeded()
    knock = f"for n in $(seq 30); do nc -z -w 1 {SERVER} 22 & done; wait"
    place.client.shell(knock)
    assert place.client.attempt(f"nc -z -w 1 {SERVER} 22").returncode != 0
    dropped = place.server.shell("nft list ruleset")
    assert "limit rate over 10/minute" in dropped


def test_strangers_do_not_reach_the_port(place: Site) -> None:
    _debian_firewall(place)
    probe = place.attempt(f"nc -z {SERVER} 22")
    line = take(probe.finding("health-check-or-scan"), "ip saddr")
    stranger = f"nc -z -w 2 -s 203.0.113.1 {SERVER} 22"
    assert place.router.attempt(stranger).returncode == 0
    place.server.shell(f"nft add rule inet filter input {line}")
    assert place.router.attempt(stranger).returncode != 0
    place.attempt().succeeded()


def test_offloading_is_switched_off(place: Site) -> None:
    place.client.shell("ethtool -K eth0 tx on tso on gso on")
    place.client.shell(take(sample("closed-during-login"), "ethtool"))
    shown = place.client.shell("ethtool -k eth0")
    assert "tcp-segmentation-offload: off" in shown
    place.attempt().succeeded()


def test_a_ban_is_lifted_and_a_dead_connection_noticed(place: Site) -> None:
    _debian_firewall(place)
    jail = "[DEFAULT]\nbanaction = nftables\n[sshd]\nenabled = true\nbackend = polling\nlogpath = /var/log/auth.log\n"
    place.server.write("/etc/fail2ban/jail.local", jail)
    place.server.shell("touch /var/log/auth.log; fail2ban-client start > /dev/null; sleep 2")
    ban = f"(sleep 3; fail2ban-client set sshd banip {CLIENT}) > /run/ban 2>&1 < /dev/null &"
    place.server.shell(ban)
    typing = f"(sleep 6; echo; sleep 4; echo) | timeout 14 ssh {USER}@{SERVER} cat"
    found = place.attempt(typing).finding("rejected-midflow")
    refused = place.attempt()
    assert refused.finding("connection-refused")
    assert "Connection refused" in refused.output
    place.server.shell(take(found, "unbanip"))
    place.attempt().succeeded()
    place.client.append("/root/.ssh/config", f"  {take(found, 'ServerAliveInterval')}")
    place.server.shell(ban)
    noticed = place.attempt(f"timeout 80 ssh {USER}@{SERVER} sleep 100")
    assert noticed.exit == 255
    assert "not responding" in noticed.output


def _stunnel(place: Site) -> None:
    """TLS in front of sshd, by the line of tls-client's remedy, with a certificate that the client trusts."""
    names = f"-subj /CN={SERVER} -addext subjectAltName=IP:{SERVER}"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes {names} -keyout key.pem -out cert.pem 2> /dev/null"
    place.server.shell(f"{make}; cat key.pem cert.pem > both.pem")
    connect = take(sample("tls-client"), "connect = ")
    place.server.write(
        "/root/stunnel.conf", f"foreground = yes\npid =\n[ssh]\naccept = 443\ncert = /root/both.pem\n{connect}\n"
    )
    place.server.start("stunnel /root/stunnel.conf")
    place.client.write("/run/cert.pem", place.server.read("/root/cert.pem"))
    place.client.shell("cp /run/cert.pem /etc/ssl/certs/$(openssl x509 -hash -noout -in /run/cert.pem).0")


def test_ssh_inside_tls_goes_around_a_filter(place: Site) -> None:
    """What begins with SSH- does not pass the router."""
    _stunnel(place)
    place.network.forbid("tcp sport 22 @th,256,32 0x5353482d drop")
    found = place.attempt(f"ssh -o ConnectTimeout=8 {USER}@{SERVER} true").finding("identification-dropped")
    for line in (take(found, "ProxyCommand"), take(sample("tls-server"), "ProxyCommand")):
        done = place.client.attempt(f"{line} true")
        assert done.returncode == 0, done.stdout


def test_ssh_through_an_http_proxy(place: Site) -> None:
    place.router.write("/run/tinyproxy.conf", "Port 8080\nTimeout 60\nAllow 192.0.2.0/24\n")
    place.router.start("tinyproxy -d -c /run/tinyproxy.conf")
    done = place.client.attempt(f"{take(sample('http-server'), 'nc -X connect', PROXY='192.0.2.1')} true")
    assert done.returncode == 0, done.stdout


def test_a_multiplexer_that_takes_silent_clients_for_ssh(place: Site) -> None:
    _stopped(place)
    waiting = place.attempt(f"timeout -s INT 4 nc -d {SERVER} 22")
    line = take(waiting.finding("client-closed-before-identification"), "sslh")
    place.server.shell("systemctl restart ssh")
    place.server.start(f"{line} --foreground --user nobody")
    silent = place.client.attempt(f"timeout 5 nc -d {SERVER} 443")
    assert "SSH-2.0-OpenSSH" in silent.stdout
    done = place.client.attempt(f"ssh -o HostKeyAlias={SERVER} -p 443 {USER}@{SERVER} true")
    assert done.returncode == 0, done.stdout


def test_sftp_goes_with_the_port_of_ssh(place: Site) -> None:
    line = take(sample("smtp-or-ftp-server"), "sftp")
    place.attempt(f"echo pwd | {line}").succeeded()


def _stopped(place: Site) -> None:
    place.server.shell("kill -STOP $(cat /run/sshd.pid)")


def test_the_wait_is_limited(place: Site) -> None:
    """Where the step is the identification, ConnectTimeout ends it; behind it only ServerAliveInterval does."""
    _stopped(place)
    silent = place.attempt(f"timeout 90 ssh -o ConnectTimeout=3 {USER}@{SERVER} true").finding("server-silent")
    limit = take(silent, "ConnectTimeout")
    proofs.taken("stalled", limit)  # the same line; no capture here has that finding at this step
    assert take(sample("tarpit"), "ConnectTimeout") == limit
    place.client.append("/root/.ssh/config", f"  {limit}")
    waited = place.attempt(f"timeout 90 ssh {USER}@{SERVER} true")
    assert waited.exit == 255
    assert "timed out" in waited.output
    place.server.shell("kill -KILL $(cat /run/sshd.pid)")
    # No line is to come just when ten seconds are over: with -d 500 ssh once waited on for ever.
    place.server.start("endlessh -4 -p 22 -d 700 -f /dev/null")
    assert place.attempt(f"timeout 90 ssh {USER}@{SERVER} true").exit == 255
    place.server.shell("kill $(ss -ltnpH 'sport = :22' | grep -o 'pid=[0-9]*' | cut -d= -f2); sleep 1")
    place.server.start(f"python3 -u {PEERS}/raw_server.py 22 say 'SSH-2.0-Stuck\\r\\n'")
    stuck = place.attempt(f"timeout 14 ssh {USER}@{SERVER} true")
    assert stuck.exit == 124, "ConnectTimeout ends it, too: the remedy says that it does not"
    found = stuck.finding("server-sends-no-proposal")
    assert take(sample("stalled", "ServerAlive"), "ServerAliveInterval") == take(found, "ServerAliveInterval")
    place.server.start(f"python3 -u {PEERS}/raw_server.py 22 say 'SSH-2.0-Stuck\\r\\n'")
    ended = place.attempt(f"timeout 90 {take(found, 'ServerAliveInterval')} true")
    assert ended.exit == 255
    assert "not responding" in ended.output or "timed out" in ended.output


def test_a_stopped_sshd_is_restarted(place: Site) -> None:
    _stopped(place)
    silent = place.attempt(f"timeout 5 ssh -o ConnectTimeout=3 {USER}@{SERVER} true")
    shown = place.server.shell(take(silent.finding("server-silent"), "ps -o"))
    assert " T" in shown
    assert take(sample("server-sends-no-proposal"), "ps -o")
    place.attempt().succeeded()
    _stopped(place)
    place.server.shell(take(sample("handshake-not-completed"), "ss -ltn"))
    place.attempt().succeeded()


def test_the_directory_of_sshd_is_made_anew(place: Site) -> None:
    place.server.shell("rmdir /run/sshd")
    found = place.attempt().finding("server-closed-before-identification")
    assert "Missing privilege separation directory" in place.server.read("/var/log/sshd.log")
    place.server.shell(take(found, "mkdir"))
    place.attempt().succeeded()


def test_sshd_is_restarted_after_its_files_were_replaced(place: Site) -> None:
    """As after an upgrade: the listener runs on with settings whose files are no longer there."""
    place.server.shell("systemctl stop ssh; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/old_key")
    place.server.shell("/usr/sbin/sshd -h /etc/ssh/old_key -E /var/log/sshd.log; sleep 0.5; rm /etc/ssh/old_key")
    found = place.attempt().finding("server-closed-before-identification")
    place.server.shell(take(found, "systemctl restart ssh"))
    place.attempt().succeeded()


@pytest.mark.slow
def test_idle_connections_are_kept(place: Site) -> None:
    """A router that forgets after 130 s of silence and then drops, as a NAT does; three minutes are gone through."""
    line = take(sample("peer-vanished"), "ServerAliveInterval")
    assert take(sample("connection-unknown-to-peer"), "ServerAliveInterval") == line
    proofs.taken("client-alive-timeout", line)  # the same line; no sample has this finding for a path that is cut
    from_server = take(sample("peer-vanished"), "ClientAliveInterval")
    place.router.shell(
        "sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_tcp_timeout_established=130;"
        " nft add table inet nat; nft 'add chain inet nat forward { type filter hook forward priority 0;"
        " tcp flags & (syn|rst|fin) == 0 ct state new,invalid drop; ct state invalid drop; }'"
    )
    other = "-o StrictHostKeyChecking=accept-new -p 2222"
    place.server.shell(f"/usr/sbin/sshd -p 2222 -o PidFile=/run/2222 -o '{from_server}' -E /var/log/2222.log")
    idle = "sleep 170; echo still there"
    tried = {
        "plain": f"timeout 200 ssh {USER}@{SERVER} '{idle}'",
        "client": f"timeout 200 ssh -F /run/kept {USER}@{SERVER} '{idle}'",
        "server": f"timeout 200 ssh {other} {USER}@{SERVER} '{idle}'",
    }
    place.client.write("/run/kept", f"Host *\n  {line}\n")
    for name, words in tried.items():
        place.client.shell(f"({words}) > /run/{name}.out 2>&1 < /dev/null &")
    place.client.shell("sleep 190", seconds=220)
    assert "still there" not in place.client.read("/run/plain.out")
    assert "still there" in place.client.read("/run/client.out")
    assert "still there" in place.client.read("/run/server.out")


@pytest.mark.slow
def test_a_proxy_that_ends_idle_sessions(place: Site) -> None:
    """HAProxy with a patience of more than a minute, as the interval of the remedy is one."""
    config = (
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 70s\n timeout server 70s\n"
        "listen ssh\n bind :2223\n server one 127.0.0.1:22\n"
    )
    place.server.write("/run/haproxy.cfg", config)
    place.server.shell("haproxy -D -f /run/haproxy.cfg")
    line = take(sample("session-ended-by-server"), "ServerAliveInterval")
    place.client.write("/run/kept", f"Host *\n  {line}\n")
    other = "-o StrictHostKeyChecking=accept-new -p 2223"
    idle = f"{USER}@{SERVER} 'sleep 90; echo still there'"
    place.client.shell(f"(timeout 100 ssh -F /run/kept {other} {idle}) > /run/kept.out 2>&1 < /dev/null &")
    place.client.shell(f"(timeout 100 ssh -F /dev/null {other} {idle}) > /run/plain.out 2>&1 < /dev/null &")
    place.client.shell("sleep 96", seconds=120)
    assert f"Connection to {SERVER} closed by remote host." in place.client.read("/run/plain.out")
    assert "still there" in place.client.read("/run/kept.out")
