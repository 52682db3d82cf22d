"""A cell that stops all threads."""

from __future__ import annotations

import signal
import subprocess
import sys

HANGS = """
import asyncio, re
from runner.cells.cell_thread import CellThread

def say(text):
    return lambda: text

async def main():
    cells = CellThread(
        timeout=0.3,
        grace=0.3,
        interrupt=KeyboardInterrupt,
        late=say("late"),
        refused=say("refused"),
        kills=True,
    )
    assert await cells.run(say("fine")) == "fine"
    await cells.run(lambda: str(re.match("(a+)+$", "a" * 60 + "b")))

asyncio.run(main())
"""


def test_code_that_stops_all_threads_is_killed() -> None:
    """No Python runs while a regular expression backtracks; the system's alarm does."""
    done = subprocess.run([sys.executable, "-c", HANGS], check=False, timeout=30)
    assert done.returncode == -signal.SIGALRM
