"""Which test of the lab runs which command of the findings, or why no program here can.

`PROOFS` has a row for every command in the rules (`tests/support/remedies.py`); `tests/rules/test_proofs.py` demands
that, and that the tests named exist. A test takes a command from the finding of the failure that it made (`site.take`), and
`tests/lab/conftest.py` holds what it took against its rows: a row cannot name a test that does not run the command.
"""

import os
from typing import Final

from tests.support.remedies import fits

LOOK: Final = "test_what_only_looks_runs_and_shows_it"
RECORD: Final = "test_a_capture_taken_as_the_remedy_says_shows_the_connection"
IDLE: Final = "test_idle_connections_are_kept"
_MINUTES: Final = "it ends a dead session after four to eight minutes; measured with shorter intervals"
_PENALTIES: Final = "PerSourcePenalties are of OpenSSH 9.8 and later; Debian 12 has 9.2"
_CISCO: Final = "a line for Cisco's IOS, which needs its hardware or a licence"
_SELINUX: Final = "the kernel of the lab has no SELinux"
_NOT_IN_DEBIAN: Final = "no Debian package has go-mmproxy"
_SSH1: Final = "no Debian package has a server for SSH-1"
_WINDOWS: Final = "a command for the registry of Windows"
_TAKEN: list[tuple[str, str]] = []


def taken(finding: str, command: str) -> None:
    """Notes that the test that runs now takes this command from a finding."""
    _TAKEN.append((finding, command))


def settle(test: str) -> list[str]:
    """What does not agree between the rows of a test and what it took; forgets what it took."""
    took, rows = list(_TAKEN), rows_of(test)
    _TAKEN.clear()
    if test in (LOOK, RECORD):
        return []  # these are made from their rows
    wrong = [
        f"{module}: {template} is not taken by {test}"
        for module, template in rows
        if not any(of(module, finding) and fits(template, command) for finding, command in took)
    ]
    return wrong + [
        f"{finding}: {command} is taken by {test}, which has no row for it"
        for finding, command in took
        if not any(of(module, finding) and fits(template, command) for module, template in rows)
    ]


def of(module: str, finding: str) -> bool:
    """Whether a rule's module may have given a finding's command."""
    return module == finding.replace("-", "_") or module in SHARED.get(finding, ())


def rows_of(test: str) -> list[tuple[str, str]]:
    """Modules and templates that a test is to run."""
    return [(module, template) for module, row in PROOFS.items() for template, proof in row.items() if proof == test]


def current_test() -> str:
    """The name of the test that runs now."""
    return os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].partition("[")[0].partition(" ")[0]


_SERVICES = ("http-server", "tls-server", "smtp-or-ftp-server", "tarpit", "not-an-ssh-server", "echo-service")
_KNOWN = (
    "host-key-changed",
    "host-key-unknown",
    "host-key-revoked",
    "certificate-expired",
    "certificate-for-another-name",
)
SHARED: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(_SERVICES, ("other_service",)),
    **dict.fromkeys(_KNOWN, ("known",)),
    "client-closed-before-identification": ("health_check_or_scan",),
    "login-grace-time": ("patience",),
    "login-grace-time-at-prompt": ("patience",),
    "not-allowed-at-this-time": ("max_startups",),
}
"""Findings whose remedies other modules make, too."""
PROOFS: Final[dict[str, dict[str, str]]] = {
    "authentication_failed": {
        "journalctl -u ssh --since '-10 min'": LOOK,
        "passwd -S USER; faillock --user USER": LOOK,
        "ssh -v USER@HOST": LOOK,
        "sshd -T -C user=USER,addr={} | grep -Ei 'allow|deny|permitroot|auth'": LOOK,
    },
    "bad_packet_length": {
        "tcpdump -i any -s 0 -w end.pcap host {} and tcp port {}": RECORD,
    },
    "certificate_expired": {
        "ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub": "test_host_certificates_are_signed_and_their_authority_is_known",
    },
    "certificate_for_another_name": {
        "ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub": "test_host_certificates_are_signed_and_their_authority_is_known",
    },
    "client_alive_timeout": {
        "ClientAliveCountMax 10": "test_a_patient_server_waits_for_a_client_that_was_stopped",
        "ServerAliveInterval 60": IDLE,
    },
    "client_closed_before_identification": {
        "sslh --listen 0.0.0.0:443 --ssh 127.0.0.1:22 --tls 127.0.0.1:8443 --timeout 2 --on-timeout ssh --numeric": "test_a_multiplexer_that_takes_silent_clients_for_ssh",
    },
    "closed_during_handshake": {
        "journalctl -u ssh --since '-10 min'; journalctl -k | grep -E 'sshd.*segfault|type=1326.*sshd'": LOOK,
        "ssh -vvv HOST 2>&1 | tee ssh.log": LOOK,
    },
    "closed_during_login": {
        "ethtool -K DEVICE rx off tx off tso off gso off gro off": "test_offloading_is_switched_off",
        "journalctl -u ssh --since '-10 min'": LOOK,
        "ssh -vvv USER@HOST": LOOK,
    },
    "connection_refused": {
        "ls /etc/ssh/ssh_host_*_key; ssh-keygen -A && systemctl restart ssh": "test_a_server_without_host_keys_and_one_on_another_address",
        "sshd -T | grep -E '^(port|listenaddress) '": "test_a_server_without_host_keys_and_one_on_another_address",
        "fail2ban-client status sshd": LOOK,
        "nft list ruleset": LOOK,
        "ssh -G HOST | grep -E '^(hostname|port) '": LOOK,
        "sshd -t": LOOK,
        "systemctl status ssh; ss -ltnp | grep sshd": LOOK,
    },
    "connection_unknown_to_peer": {
        "ServerAliveInterval 60": IDLE,
        "fail2ban-client status sshd; nft list ruleset": LOOK,
        "uptime -s; last -x reboot | head -3; journalctl -u keepalived --since '-1 h'": LOOK,
    },
    "disconnect_message": {
        "journalctl -u ssh --since '-10 min'": LOOK,
        "ssh -vvv HOST": LOOK,
    },
    "dropped_midflow": {
        "ping -M do -s 1472 HOST; tracepath HOST": "test_a_path_that_loses_large_packets",
        "conntrack -L -p tcp --dport {}; nft list ruleset": LOOK,
        "fail2ban-client status sshd": LOOK,
        "traceroute -T -p {} HOST": LOOK,
    },
    "group_out_of_range": {
        "KexAlgorithms -diffie-hellman-group-exchange-*": "test_another_method_than_the_group_exchange",
        "ssh -o KexAlgorithms=curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256 HOST": "test_another_method_than_the_group_exchange",
        "ssh-keygen -M generate -O bits=3072 moduli.candidates && ssh-keygen -M screen -f moduli.candidates moduli.new && cp moduli.new /etc/ssh/moduli": "test_new_groups_of_a_good_size_are_begun",
    },
    "half_closed": {
        "ProxyCommand nc %h %p": "test_a_proxy_that_keeps_the_connection_open",
    },
    "half_open_scan": {
        "nft add rule inet filter input tcp dport 22 ct state new limit rate over 10/minute drop": "test_new_connections_are_limited",
    },
    "handshake_not_completed": {
        "ss -ltn 'sport = :22'; nstat -az TcpExtListenDrops TcpExtListenOverflows; systemctl restart ssh": "test_a_stopped_sshd_is_restarted",
        "tcpdump -ni any -w ssh.pcap 'tcp port {} or icmp'": RECORD,
        "traceroute -T -p {} HOST; ip route get ADDRESS": LOOK,
    },
    "health_check_or_scan": {
        "PerSourcePenaltyExemptList 192.0.2.0/24": _PENALTIES,
        "tcp dport 22 ip saddr != 192.0.2.0/24 drop": "test_strangers_do_not_reach_the_port",
        "tcp-check expect rstring ^SSH-2\\.0-": "test_haproxys_check_of_the_identification_string",
    },
    "host_certificate_not_accepted": {
        "@cert-authority *.example.org CA_PUBLIC_KEY": "test_host_certificates_are_signed_and_their_authority_is_known",
        "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub": "test_host_certificates_are_signed_and_their_authority_is_known",
        "ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub; date -u": "test_host_certificates_are_signed_and_their_authority_is_known",
        "ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub": "test_host_certificates_are_signed_and_their_authority_is_known",
    },
    "host_key_collected": {
        "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done": LOOK,
    },
    "host_key_differs": {
        "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done": LOOK,
    },
    "host_key_not_accepted": {
        "StrictHostKeyChecking accept-new": "test_the_old_host_key_is_forgotten_and_the_new_one_accepted",
        "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done": LOOK,
        "reg delete HKCU\\Software\\SimonTatham\\PuTTY\\SshHostKeys /v {}@{}:HOST": _WINDOWS,
        "sed -i '/^{}@{}:HOST /d' ~/.putty/sshhostkeys": "test_puttys_line_for_the_host_is_deleted_and_no_other",
        "ssh-keygen -R '{}'": "test_the_old_host_key_is_forgotten_and_the_new_one_accepted",
    },
    "host_key_rejected_after_newkeys": {
        "curl --hostpubsha256 {} sftp://{}/": "test_curl_is_told_the_key",
        "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done": LOOK,
        "ssh-keygen -R '{}'; ssh-keyscan -p {} -t {} {} >> ~/.ssh/known_hosts": "test_a_library_learns_the_key",
    },
    "host_key_revoked": {
        "rm /etc/ssh/ssh_host_*_key*; ssh-keygen -A; systemctl restart ssh": "test_revoked_keys_are_made_anew",
    },
    "host_key_too_short": {
        "mv /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_rsa_key.old && ssh-keygen -q -t rsa -b 3072 -N '' -f /etc/ssh/ssh_host_rsa_key && systemctl restart ssh": "test_a_longer_key_or_an_exception_for_one_host",
        "ssh -o RequiredRSASize={} USER@{}": "test_a_longer_key_or_an_exception_for_one_host",
    },
    "host_key_unknown": {
        "StrictHostKeyChecking accept-new": "test_an_unknown_key_is_added_or_accepted",
        "echo '{}' >> ~/.ssh/known_hosts": "test_an_unknown_key_is_added_or_accepted",
    },
    "http_client": {
        "tcp-check expect rstring ^SSH-2\\.0-": "test_haproxys_check_of_the_identification_string",
    },
    "http_server": {
        "ssh -o ProxyCommand='nc -X connect -x PROXY:8080 %h %p' HOST": "test_ssh_through_an_http_proxy",
    },
    "identification_dropped": {
        "ssh -o ProxyCommand='openssl s_client -quiet -connect HOST:443' HOST": "test_ssh_inside_tls_goes_around_a_filter",
        "tcpdump -ni any -w ssh.pcap 'tcp port {}'": RECORD,
    },
    "identification_too_long": {
        "VersionAddendum none": "test_a_shorter_identification_string",
    },
    "incomplete_capture": {
        "tcpdump -i any -s 0 -w ssh.pcap 'host {} and (tcp port {} or icmp or icmp6)'": RECORD,
    },
    "inserted_message": {
        "tcpdump -i any -s 0 -w sender.pcap tcp port {}": RECORD,
    },
    "known": {
        "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done": LOOK,
        'reg delete {} /v "{}" /f': _WINDOWS,
        "sed -i {}d {}": "test_a_line_of_puttys_file_is_deleted",
        "ssh-keygen -f {} -R {}": "test_a_changed_key_is_forgotten_in_the_file_that_has_it",
    },
    "login_aborted_by_user": {
        "ssh -o BatchMode=yes USER@HOST": "test_batch_mode_fails_at_once_where_nobody_is_to_be_asked",
    },
    "login_grace_time": {
        "LoginGraceTime 300": "test_more_time_to_log_in",
        "ssh -vvv HOST": LOOK,
    },
    "login_grace_time_at_prompt": {
        "LoginGraceTime 300": "test_more_time_to_log_in",
        "ssh -i ~/.ssh/KEY USER@HOST": "test_a_key_needs_no_prompt",
    },
    "max_startups": {
        "LoginGraceTime 30": "test_a_shorter_login_grace_time_frees_the_places",
        "MaxStartups 100:30:200": "test_more_places_for_connections_that_have_not_logged_in",
        "PerSourceMaxStartups 10": "test_no_source_takes_all_places",
        "for n in 1 2 3 4 5; do ssh HOST true && break; sleep $((n * 5)); done": "test_a_retry_after_a_pause",
        "ss -tn state established '( sport = :22 )'; journalctl -u ssh | grep -i maxstartups": LOOK,
        "ssh -o ControlMaster=auto -o ControlPath=~/.ssh/%C -o ControlPersist=10m HOST": "test_one_connection_for_many_commands",
    },
    "no_answer_to_syn": {
        "nc -vz HOST PORT; traceroute -T -p PORT HOST": LOOK,
        "nft list ruleset; fail2ban-client status sshd; ss -ltn 'sport = :22'; nstat -az TcpExtListenDrops": LOOK,
        "tcpdump -i any -w server.pcap 'tcp port 22 or icmp'": RECORD,
    },
    "no_usable_public_key": {
        "LogLevel VERBOSE": "test_the_right_key_and_its_modes",
        "chmod go-w ~; chmod 700 ~/.ssh; chmod 600 ~/.ssh/authorized_keys": "test_the_right_key_and_its_modes",
        "restorecon -R ~/.ssh": _SELINUX,
        "ssh -i ~/.ssh/KEY USER@HOST": "test_the_right_key_and_its_modes",
        "ssh -o IdentitiesOnly=yes -i ~/.ssh/KEY USER@HOST": "test_more_attempts_or_fewer_keys",
        "ssh -v USER@HOST": LOOK,
        "sshd -T -C user=USER,addr={} | grep -Ei 'allow|deny|permitroot|auth'": LOOK,
    },
    "not_allowed_at_this_time": {
        "PerSourcePenalties authfail:1s noauth:0s max:30s": _PENALTIES,
        "PerSourcePenaltyExemptList 192.0.2.0/24": _PENALTIES,
        "journalctl -u ssh | grep -E 'drop connection|srclimit_penalise'": LOOK,
    },
    "not_an_ssh_client": {
        "journalctl -u ssh | grep -E 'invalid protocol identifier|invalid characters'": LOOK,
    },
    "other_service": {
        "ss -ltnp; sshd -T | grep -E '^(port|listenaddress)'": LOOK,
        "ssh -p PORT HOST": "test_the_port_of_the_real_server_behind_a_tarpit",
    },
    "patience": {
        "journalctl -u ssh --since '-10 min'": LOOK,
    },
    "path_mtu_black_hole": {
        "ip link set dev eth0 mtu 1400; sysctl -w net.ipv4.tcp_mtu_probing=1": "test_a_path_that_loses_large_packets",
        "nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu": "test_a_path_that_loses_large_packets",
        "ping -M do -s 1472 HOST; tracepath HOST": "test_a_path_that_loses_large_packets",
        "ssh -o KexAlgorithms=curve25519-sha256,ecdh-sha2-nistp256 HOST": "test_a_path_that_loses_large_packets",
    },
    "peer_vanished": {
        "ping -M do -s 1472 HOST; tracepath HOST": "test_a_path_that_loses_large_packets",
        "traceroute -T -p PORT HOST; ping -c 20 HOST": LOOK,
        "ClientAliveInterval 60": IDLE,
        "ServerAliveInterval 60": IDLE,
        "uptime; fail2ban-client status sshd; nft list ruleset": LOOK,
    },
    "port_reused": {
        "ClientAliveInterval 60": _MINUTES,
    },
    "proxy_header_unexpected": {
        "go-mmproxy -l 0.0.0.0:2222 -4 127.0.0.1:22 -6 '[::1]:22'": _NOT_IN_DEBIAN,
        "server ssh1 192.0.2.7:22 check": "test_haproxy_without_the_header",
        "tcpdump -i any -s 0 -w server.pcap tcp port {}": RECORD,
    },
    "receiver_stuck": {
        "ps -o pid,stat,wchan:20,args -C ssh,sshd,sftp-server,scp": LOOK,
    },
    "refused_before_identification": {
        "journalctl --since '-10 min' | grep -iE 'refused connect|xinetd|sshd'": LOOK,
        "sshd: 192.0.2.": "test_access_lists_of_tcp_wrappers",
    },
    "rejected_midflow": {
        "ServerAliveInterval 15": "test_a_ban_is_lifted_and_a_dead_connection_noticed",
        "fail2ban-client status sshd; fail2ban-client set sshd unbanip {}": "test_a_ban_is_lifted_and_a_dead_connection_noticed",
        "nft list ruleset": LOOK,
    },
    "reset_injected": {
        "fail2ban-client status sshd; nft list ruleset": LOOK,
        "nft list ruleset": LOOK,
        "tcpdump -ni any -w ssh.pcap 'tcp port {} or icmp or icmp6'": RECORD,
        "traceroute -T -p {} {}": LOOK,
    },
    "second_factor_missing": {
        "ssh -o BatchMode=no -o KbdInteractiveAuthentication=yes USER@HOST": "test_the_second_factor_is_asked_for",
        "ssh -v USER@HOST": LOOK,
        "sshd -T -C user=USER,addr={} | grep -i authenticationmethods": LOOK,
    },
    "server_alive_timeout": {
        "ServerAliveCountMax 10": "test_a_patient_client_waits_for_a_server_that_was_stopped",
        "ps -o pid,stat,wchan,cmd -C sshd; dmesg | tail; uptime": "test_a_patient_client_waits_for_a_server_that_was_stopped",
    },
    "server_closed_before_identification": {
        "cat /etc/hosts.deny /etc/hosts.allow; ls /etc/xinetd.d": LOOK,
        "journalctl -u ssh --since '-10 min'": LOOK,
        "mkdir -p /run/sshd && chmod 0755 /run/sshd": "test_the_directory_of_sshd_is_made_anew",
        "nc -w 5 BACKEND 22 < /dev/null": LOOK,
        "ssh -vvv HOST 2>&1 | tee ssh.log": LOOK,
        "ssh-keygen -A && systemctl restart ssh": "test_missing_host_keys_are_made_anew_and_sshd_restarted",
        "sshd -t; ls -l /etc/ssh/ssh_host_*_key": LOOK,
        "systemctl restart ssh": "test_sshd_is_restarted_after_its_files_were_replaced",
    },
    "server_sends_no_proposal": {
        "ping -M do -s 1472 {}": LOOK,
        "ps -o pid,stat,wchan,cmd -C sshd; dmesg | tail; systemctl restart ssh": "test_a_stopped_sshd_is_restarted",
        "ssh -o ServerAliveInterval=5 -o ServerAliveCountMax=3 HOST": "test_the_wait_is_limited",
    },
    "server_silent": {
        "ConnectTimeout 10": "test_the_wait_is_limited",
        "ps -o pid,stat,wchan,cmd -C sshd; dmesg | tail; systemctl restart ssh": "test_a_stopped_sshd_is_restarted",
        "tcp-check expect rstring ^SSH-2\\.0-": "test_haproxys_check_of_the_identification_string",
        "time getent hosts {}": LOOK,
    },
    "session_ended_at_once": {
        "AllowTcpForwarding yes": "test_sessions_and_forwardings_are_allowed",
        "MaxSessions 10": "test_sessions_and_forwardings_are_allowed",
        "chown root:root DIRECTORY; chmod 755 DIRECTORY": "test_the_directories_of_a_chroot_belong_to_root",
        "journalctl -u ssh --since '-10 min'": LOOK,
        "ssh -v USER@HOST": LOOK,
    },
    "session_ended_by_server": {
        "ServerAliveInterval 60": "test_a_proxy_that_ends_idle_sessions",
        "journalctl -u ssh --since '-10 min'": LOOK,
    },
    "slow_authentication": {
        "UseDNS no": "test_no_names_are_looked_up",
        "cat /etc/resolv.conf": LOOK,
        "time getent hosts {}; time getent passwd USER": LOOK,
    },
    "slow_handshake": {
        "nft list ruleset; ss -ltn 'sport = :22'; nstat -az TcpExtListenDrops": LOOK,
        "traceroute -T -p PORT HOST; ping -c 20 HOST": LOOK,
        "ssh -vvv HOST": LOOK,
        "time getent hosts CLIENT_ADDRESS; sshd -T | grep -i usedns; cat /etc/hosts.allow /etc/hosts.deny": LOOK,
        "uptime; vmstat 1 5": LOOK,
    },
    "smtp_or_ftp_server": {
        "sftp -P 22 USER@HOST": "test_sftp_goes_with_the_port_of_ssh",
    },
    "ssh1_in_use": {
        "ip ssh version 2": _CISCO,
    },
    "ssh1_only_client": {
        "Protocol 1": "test_a_client_that_is_not_limited_to_ssh_1",
    },
    "ssh1_only_server": {
        "crypto key generate rsa modulus 2048": _CISCO,
        "ip ssh version 2": _CISCO,
        "ssh1 -1 USER@{}": _SSH1,
    },
    "stalled": {
        "ConnectTimeout 10": "test_the_wait_is_limited",
        "journalctl -u ssh; dmesg | tail": LOOK,
        "ssh -o ServerAliveInterval=5 -o ServerAliveCountMax=3 HOST": "test_the_wait_is_limited",
    },
    "strict_kex_violation": {
        "tcpdump -i any -s 0 -w sender.pcap tcp port {}": RECORD,
    },
    "tarpit": {
        "ConnectTimeout 10": "test_the_wait_is_limited",
    },
    "terrapin_exposed": {
        "Ciphers -chacha20-poly1305@openssh.com,*-cbc": "test_an_old_client_and_a_cipher_that_terrapin_does_not_touch",
    },
    "tls_client": {
        "connect = 127.0.0.1:22": "test_ssh_inside_tls_goes_around_a_filter",
    },
    "tls_server": {
        "ssh -o ProxyCommand='openssl s_client -quiet -verify_return_error -connect %h:443 -servername %h' HOST": "test_ssh_inside_tls_goes_around_a_filter",
    },
    "too_many_authentication_failures": {
        "MaxAuthTries 10": "test_more_attempts_or_fewer_keys",
        "ssh -o IdentitiesOnly=yes -i ~/.ssh/KEY USER@HOST": "test_more_attempts_or_fewer_keys",
        "ssh-add -D": "test_more_attempts_or_fewer_keys",
    },
    "weak_algorithm_refused": {
        "{}={}": "test_above_the_line_it_is_taken",
    },
}
"""Module of a rule → command → the test that runs it, or the reason why none can (which has spaces in it)."""
