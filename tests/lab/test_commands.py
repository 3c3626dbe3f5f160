"""Commands of findings that look and change nothing: each runs on its host as it stands, and shows what it is for.

They are taken from the findings of the samples. The hosts are in the state in which somebody would look: connections of
all kinds came before, an address is banned, rules are loaded.
"""

import re
from collections.abc import Iterator

import pytest

import sshpcap
from tests.lab import proofs
from tests.lab.host import USER, Host
from tests.lab.network import CLIENT, SERVER
from tests.lab.programs import missing_for_remedies
from tests.lab.proofs import LOOK, RECORD, rows_of
from tests.lab.site import LOGIN, Site, filled, samples, site
from tests.support.remedies import fits

_REASON = missing_for_remedies()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

# The beginning of a command, the host where it is typed, and what it has to show.
SHOWN = (
    ("journalctl -u ssh --since '-10 min'; journalctl -k", "server", "Accepted publickey"),
    ("journalctl -u ssh | grep -E 'drop connection", "server", "drop connection"),
    ("journalctl -u ssh | grep -E 'invalid protocol", "server", "invalid protocol identifier"),
    ("journalctl --since", "server", r"sshd\[1\]: "),
    ("journalctl -u ssh", "server", "Accepted publickey"),
    ("sshd -T -C user=USER,addr={} | grep -Ei", "server", "permitrootlogin"),
    ("sshd -T -C user=USER,addr={} | grep -i authenticationmethods", "server", "authenticationmethods any"),
    ("passwd -S", "server", f"^{USER} "),
    ("systemctl status ssh; ss", "server", r"(?s)active \(running\).*:22 "),
    ("sshd -t; ls", "server", "ssh_host_ed25519_key\n"),
    ("sshd -t", "server", "^$"),
    ("ssh -G HOST", "client", f"hostname {SERVER}\n"),
    ("nft list ruleset; fail2ban-client", "server", r"(?s)table inet filter.*Currently banned:\s*1.*:22 .*ListenDrops"),
    ("nft list ruleset", "server", "table inet filter"),
    ("fail2ban-client status sshd; nft", "server", r"(?s)198\.51\.100\.1.*table inet filter"),
    ("fail2ban-client status sshd", "server", r"198\.51\.100\.1"),
    ("uptime -s", "server", r"^\d{4}-\d\d-\d\d"),
    ("uptime; fail2ban", "server", r"(?s)load average.*198\.51\.100\.1.*table inet filter"),
    ("uptime; vmstat", "server", r"(?s)load average.*\bid\b"),
    ("conntrack", "router", f"(?s)src={CLIENT} dst={SERVER}.*table inet"),
    ("traceroute -T -p {} HOST; ip route", "client", f"(?s){re.escape(SERVER)}.*{re.escape(SERVER)} via"),
    ("traceroute -T", "client", f"(?m)^ *\\d+ .*{re.escape(SERVER)}"),
    ("for f in", "server", r"SHA256:.*\(ED25519\)"),
    ("ss -tn state", "server", "(?s):22 .*axStartups"),
    ("ss -ltnp; sshd -T", "server", "(?s)sshd.*port 22"),
    ("nc -vz", "client", r"(?s)succeeded.*203\.0\.113\.7"),
    ("ps -o pid,stat,wchan:20", "server", r"sshd: /usr/sbin/sshd"),
    ("time getent hosts {}; time", "server", rf"(?s){re.escape(CLIENT)}.*real.*lab:"),
    ("time getent hosts CLIENT", "server", r"(?s)real.*usedns no"),
    ("time getent", "server", rf"(?s){re.escape(CLIENT)}.*real"),
    ("cat /etc/hosts.deny", "server", "sshd: 198.51.100.2"),
    ("cat /etc/resolv.conf", "server", "nameserver"),
    ("nc -w 5 BACKEND", "router", "SSH-2.0-OpenSSH"),
    ("ssh -vvv HOST 2>&1 | tee", "client", "SSH2_MSG_KEXINIT sent"),
    ("ssh -vvv", "client", "SSH2_MSG_KEXINIT sent"),
    ("ssh -v USER", "client", "Authentications that can continue"),
    ("ping -M do -s 1472 {}", "client", "1480 bytes from"),
)  # fmt: skip


@pytest.fixture(scope="module")
def used() -> Iterator[Site]:
    """Hosts with a past."""
    with site() as made:
        server, client = made.server, made.client
        server.shell("nft -f /etc/nftables.conf; mkdir -p /var/log /etc/xinetd.d; touch /var/log/auth.log")
        server.append("/etc/hosts", f"{CLIENT} client.example.org")
        ban = (
            "[DEFAULT]\nbanaction = nftables\n[sshd]\nenabled = true\nbackend = polling\nlogpath = /var/log/auth.log\n"
        )
        server.write("/etc/fail2ban/jail.local", ban)
        server.write("/etc/hosts.deny", "sshd: 198.51.100.2 192.0.2.1\n")
        server.configure("MaxStartups 2:100:2", "LogLevel VERBOSE")
        server.shell("fail2ban-client start > /dev/null; sleep 2; fail2ban-client set sshd banip 198.51.100.1")
        made.router.shell("nft add table inet filter; nft 'add chain inet filter forward { type filter hook forward "
                          "priority 1; ct state established accept; }'")  # fmt: skip
        client.shell(f"for n in 1 2 3; do (timeout 4 nc -d {SERVER} 22 > /run/held 2>&1 < /dev/null &) done; sleep 5")
        client.shell(f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 3 nc {SERVER} 22; true")
        made.router.shell(f"ip address add 192.0.2.99/32 dev lo; timeout 3 nc -d -s 192.0.2.1 {SERVER} 22; true")
        assert client.attempt(LOGIN).returncode == 0
        yield made


def _host(place: Site, name: str) -> Host:
    return {"client": place.client, "server": place.server, "router": place.router}[name]


_LOOKS = sorted({template for _, template in rows_of(LOOK)})


@pytest.mark.parametrize("template", _LOOKS, ids=lambda template: template[:40])
def test_what_only_looks_runs_and_shows_it(used: Site, template: str) -> None:
    rows = [module for module, other in rows_of(LOOK) if other == template]
    found = [finding for module in rows for finding in samples() if proofs.of(module, finding.id)]
    lines = {r.command for finding in found for r in finding.remedies if r.command and fits(template, r.command)}
    lines = lines or {template}  # no sample has it: without values of a session it is the command
    assert "{}" not in "".join(lines), f"no sample gives {template}"
    place, shows = next((where, shows) for begins, where, shows in SHOWN if template.startswith(begins))
    for line in dict.fromkeys(re.sub(r"\b192\.0\.2\.\d+|2001:db8:\S+", CLIENT, line) for line in sorted(lines)):
        typed = filled(line, BACKEND=SERVER)
        # What asks for ever is ended, as people do; ssh without a command runs one that ends.
        typed = re.sub(r"^(ssh -v+ \S+)", r"\1 true", typed).replace("ping ", "ping -c 1 ")
        done = _host(used, place).attempt(typed)
        assert re.search(shows, done.stdout), f"{typed}\n{done.stdout}"
        assert "not found" not in done.stdout, done.stdout


_RECORDINGS = sorted({template for _, template in rows_of(RECORD)})


@pytest.mark.parametrize("template", _RECORDINGS, ids=lambda template: template[:60])
def test_a_capture_taken_as_the_remedy_says_shows_the_connection(used: Site, template: str) -> None:
    rows = [module for module, other in rows_of(RECORD) if other == template]
    found = [finding for module in rows for finding in samples() if proofs.of(module, finding.id)]
    lines = sorted({r.command for f in found for r in f.remedies if r.command and fits(template, r.command)})
    line = (lines or [template.replace("{}", "22")])[0]
    file = line.split(" -w ")[1].split(" ")[0]
    host = used.server if "server" in file or "end" in file else used.client
    line = re.sub(r"(host) \S+", rf"\1 {SERVER}", line)
    host.shell(f"(timeout -s INT 4 {line} > /run/tcpdump 2>&1 &) ; sleep 1.5")
    assert used.client.attempt(LOGIN).returncode == 0
    host.shell("sleep 3")
    copied = used.home / "copied.pcap"
    copied.write_bytes(bytes.fromhex(host.shell(f"od -An -v -tx1 {file}")))
    outcomes = [session.outcome for session in sshpcap.analyze(copied).sessions]
    assert "encrypted" in outcomes, host.read("/run/tcpdump")
