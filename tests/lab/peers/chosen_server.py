"""An asyncssh server on PORT with the host key KEY, told what to offer: OPTIONS (JSON)."""

import asyncio
import json
import sys

import asyncssh

port, key, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])


async def main() -> None:
    async with await asyncssh.listen("", port, server_host_keys=[key], **options):
        await asyncio.sleep(300)


asyncio.run(main())
