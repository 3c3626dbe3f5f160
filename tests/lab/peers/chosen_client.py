"""asyncssh or paramiko, told what to offer: MODULE ADDRESS PORT OPTIONS (JSON). Only until the host key is accepted.

OPTIONS of asyncssh are its own; of paramiko `disabled` (disabled_algorithms), `set` (security options), and `run`:
lines of Python about `transport`, from a report.
"""

import asyncio
import json
import socket
import sys

module, address, port, options = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])

if module == "asyncssh":
    import asyncssh

    async def main() -> None:
        try:
            async with asyncssh.connect(address, port, username="lab", known_hosts=None, config=None, agent_path=None,
                                        client_keys=[], password="wrong", **options):  # fmt: skip
                pass
        except asyncssh.PermissionDenied:
            print("the login is reached")

    try:
        asyncio.run(asyncio.wait_for(main(), 20))
    except asyncssh.Error as error:
        sys.exit(f"{type(error).__qualname__}: {error}")
else:
    import paramiko

    with socket.create_connection((address, port), timeout=20) as peer:
        transport = paramiko.Transport(peer, disabled_algorithms=options.get("disabled", {}))
        try:
            for name, value in options.get("set", {}).items():
                setattr(transport.get_security_options(), name, value)
            for line in options.get("run", ()):
                exec(line)
            transport.start_client(timeout=20)
            print("the login is reached")
        except paramiko.SSHException as error:
            sys.exit(f"{type(error).__qualname__}: {error}")
        finally:
            transport.close()
