"""The supervisor's end of its kernels' connections: real Unix sockets."""

from __future__ import annotations

import asyncio
import os

from runner import wire
from runner.liveness import stacks
from runner.supervise.kernel_link import KernelLinks


def test_the_file_of_a_kernels_stacks_goes_with_its_connection() -> None:
    """One is not left for each swap, nor read as that of a later process of the same number."""

    async def connected() -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        links = KernelLinks(lambda run, message: heard.put_nowait(run) or message is not None)
        await links.open()
        try:
            file = stacks.path_for(links.path.parent, os.getpid())
            file.touch()
            _, writer = await asyncio.open_unix_connection(links.path)
            writer.write(wire.encode({"event": "hello", "run": "a", "pid": os.getpid()}))
            async with asyncio.timeout(10):
                assert await heard.get() == "a"
                assert file.exists()
                writer.close()
                assert await heard.get() == "a"
            assert not file.exists()
        finally:
            links.close()

    asyncio.run(connected())
