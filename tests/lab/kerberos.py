"""Owns the Kerberos realm of the lab: a KDC on the client's loopback, a ticket for the user, and two keytabs.

`keytab` has the server's key, `other_keytab` a key of the same name that the KDC does not have. Nothing of
the machine's own Kerberos is read: `KRB5_CONFIG` and the like name files of the lab.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.home import USER
from tests.lab.network import Network, stop, wait_until

REALM = "LAB.EXAMPLE"
SERVER_NAME = "server.lab.example"
_PORT = 18888
_CONFIG = f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{_PORT}
 }}
[domain_realm]
 .lab.example = {REALM}
"""


def environment(home: Path, keytab: str = "keytab") -> dict[str, str]:
    """What a program of the realm has in its environment."""
    return {
        "KRB5_CONFIG": f"{home}/krb5.conf",
        "KRB5_KDC_PROFILE": f"{home}/kdc.conf",
        "KRB5CCNAME": f"FILE:{home}/ticket",
        "KRB5_KTNAME": f"FILE:{home}/{keytab}",
        "KRB5RCACHENAME": "none:",
    }


@contextmanager
def realm(network: Network, home: Path) -> Iterator[None]:
    """The realm, for as long as the `with` block lasts; the user has a ticket."""
    (home / "krb5.conf").write_text(_CONFIG)
    listen = f"127.0.0.1:{_PORT}"
    (home / "kdc.conf").write_text(
        f"[kdcdefaults]\n kdc_listen = {listen}\n kdc_tcp_listen = {listen}\n[realms]\n {REALM} = {{\n"
        f"  database_name = {home}/principal\n  key_stash_file = {home}/stash\n  acl_file = {home}/acl\n }}\n"
    )
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(home), **environment(home)}
    host = f"host/{SERVER_NAME}"

    def run(*argv: str, typed: str = "") -> None:
        subprocess.run(argv, env=surroundings, input=typed, cwd=home, check=True, capture_output=True, text=True,
                       timeout=60)  # fmt: skip

    run("kdb5_util", "create", "-s", "-P", "master", "-r", REALM)
    other, own = (f"ktadd -k {home}/{keytab} {host}" for keytab in ("other_keytab", "keytab"))
    made = f"addprinc -randkey {host}"
    for query in (f"addprinc -pw secret {USER}", made, other, f"delprinc -force {host}", made, own):
        run("kadmin.local", "-q", query)
    process = network.popen("client", ("krb5kdc", "-n", "-P", f"{home}/kdc.pid"), env=surroundings, cwd=home,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait_until(lambda: network.listens(process, _PORT), "the KDC listens")
        ticket = network.popen("client", ("kinit", USER), env=surroundings, cwd=home, stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        ticket.communicate(b"secret\n", timeout=30)
        if ticket.returncode:
            raise RuntimeError("kinit got no ticket")
        yield
    finally:
        stop(process)
