"""asyncssh: logs in to ADDRESS as USER with KEY, checks the host key against KNOWN_HOSTS, runs `true`."""

import asyncio
import sys

import asyncssh

address, user, key, known_hosts = sys.argv[1:]


async def main() -> None:
    options = {"username": user, "client_keys": [key], "known_hosts": known_hosts, "config": None, "agent_path": None}
    async with asyncssh.connect(address, **options) as connection:
        done = await connection.run("true")
        print("exit status", done.exit_status)


try:
    asyncio.run(asyncio.wait_for(main(), 20))
except (asyncssh.Error, OSError) as error:
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
