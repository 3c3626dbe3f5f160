"""A server on PORT with the host key KEY, told what to offer: OPTIONS (JSON), and made with asyncssh, or with MODULE.

OPTIONS of asyncssh are its own, and everybody may log in; of paramiko `set` (security options), and `run`: lines of
Python about `transport`, from a report, and nobody may log in.
"""

import asyncio
import json
import socket
import sys

import asyncssh
import paramiko

port, key, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])


class Open(asyncssh.SSHServer):  # type: ignore[misc, unused-ignore]
    def begin_auth(self, username: str) -> bool:
        return False


def end(process: "asyncssh.SSHServerProcess[str]") -> None:
    process.exit(0)


async def main() -> None:
    about = {"server_factory": Open, "process_factory": end, "server_host_keys": [key]}
    about["server_host_keys"] += options.pop("server_host_keys", [])
    async with await asyncssh.listen("", port, **about, **options):
        await asyncio.sleep(300)


def with_paramiko() -> None:
    """One connection after the other."""
    with socket.create_server(("", port)) as listener:
        while True:
            peer, _ = listener.accept()
            transport = paramiko.Transport(peer)
            transport.add_server_key(paramiko.PKey.from_path(key))
            for name, value in options.get("set", {}).items():
                setattr(transport.get_security_options(), name, value)
            for line in options.get("run", ()):
                exec(line)
            try:
                transport.start_server(server=paramiko.ServerInterface())
                transport.join(20)
            except (paramiko.SSHException, EOFError):
                transport.close()


if sys.argv[4:] == ["paramiko"]:
    with_paramiko()
else:
    asyncio.run(main())
