"""An asyncssh server on PORT with the host key KEY that has no room: it sends DISCONNECT 12 soon after its proposal."""

import asyncio
import logging
import sys

import asyncssh

port, key = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")


class Full(asyncssh.SSHServer):  # type: ignore[misc, unused-ignore]
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        reason = (asyncssh.DISC_TOO_MANY_CONNECTIONS, "Too many connections")
        asyncio.get_running_loop().call_later(0.2, conn.disconnect, *reason)


async def main() -> None:
    async with await asyncssh.listen("", int(port), server_factory=Full, server_host_keys=[key]):
        await asyncio.sleep(60)


asyncio.run(main())
