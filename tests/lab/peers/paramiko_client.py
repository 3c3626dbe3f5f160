"""paramiko: logs in to ADDRESS as USER with KEY, checks the host key against KNOWN_HOSTS, runs `true`."""

import sys

import paramiko

address, user, key, known_hosts = sys.argv[1:]
with paramiko.SSHClient() as client:
    client.load_host_keys(known_hosts)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(address, username=user, key_filename=key, allow_agent=False, look_for_keys=False, timeout=10)
        _, output, _ = client.exec_command("true", timeout=10)
        print("exit status", output.channel.recv_exit_status())
    except (paramiko.SSHException, OSError, EOFError) as error:
        sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
