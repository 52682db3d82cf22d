"""What a supervised kernel is patched by, and one without a supervisor is not."""

from __future__ import annotations

import os
import subprocess
import sys

from support import reserved_port

# Instead of a supervisor: what `serve` was given.
SPY = """
import asyncio, sys, threading, runner.serving.serve
runner.serving.serve.serve_adopted = lambda app, asked, _: print("served", asked, file=sys.stderr)
from runner.serving import adoption
adoption.adopt()
"""


def execute(source: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SPY + source],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_a_supervisor_nothing_is_patched() -> None:
    """The same cell in plain papermill leaves uvicorn, asyncio and imports as they are."""
    source = "import uvicorn\nprint(uvicorn.Server.serve.__module__, asyncio.run.__module__)"
    assert execute(source).stdout == "uvicorn.server asyncio.runners\n"


def test_nest_asyncio_need_not_be_installed() -> None:
    """Importing and applying it is harmless under a supervisor, and an error elsewhere."""
    source = "\nimport nest_asyncio\nnest_asyncio.apply()"
    hide = "import importlib.util as u; f = u.find_spec\n"
    hide += "u.find_spec = lambda n, p=None: None if n == 'nest_asyncio' else f(n, p)\n"
    hide += "adoption.adopt()"
    assert execute(hide + source, RUNNER_CONTROL="/x").returncode == 0
    hide += "\nimport sys; sys.modules['nest_asyncio'] = None"
    assert execute(hide + source).returncode == 1


def test_a_thread_is_beside_the_cells() -> None:
    """What a thread calls is not served there."""
    port = reserved_port()
    source = (
        "import uvicorn\nserver = uvicorn.Server(uvicorn.Config('a:b', port=%d))\n"
        "server.config.app = lambda e, s: []\n"
        "one = threading.Thread(target=server.run)\none.start(); one.join()\n"
        "print(server.started)"
    )
    done = execute(source % port, RUNNER_CONTROL="/x")
    assert (done.stdout, done.stderr) == ("True\n", "")
