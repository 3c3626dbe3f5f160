"""An asyncssh server on PORT with the host key KEY, told what to offer: OPTIONS (JSON). Everybody may log in."""

import asyncio
import json
import sys

import asyncssh

port, key, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])


class Open(asyncssh.SSHServer):  # type: ignore[misc, unused-ignore]
    def begin_auth(self, username: str) -> bool:
        return False


def end(process: "asyncssh.SSHServerProcess[str]") -> None:
    process.exit(0)


async def main() -> None:
    about = {"server_factory": Open, "process_factory": end, "server_host_keys": [key]}
    async with await asyncssh.listen("", port, **about, **options):
        await asyncio.sleep(300)


asyncio.run(main())
