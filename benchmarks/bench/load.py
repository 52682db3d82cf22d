"""Load a server by wrk, and measure what the load cost."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

from server import Server
from traffic import Traffic, write

SCRIPT = Path(__file__).with_name("post.lua")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """Say what a server did in a few seconds of load.

    Attributes:
        rate: Good answers (2xx) a second.
        p50: The median latency in milliseconds, of all answers.
        p99: The 99th percentile of the latency, likewise.
        refused: Answers of another status.
        lost: Connections that failed, and requests that were not answered in 10 s.
        cost: Microseconds that all processes of the server computed for each answer.
        generator: How much of a core wrk itself used: near 1, it is what is measured.
    """

    rate: float
    p50: float
    p99: float
    refused: int
    lost: int
    cost: float
    generator: float


def check() -> None:
    """See that wrk is there."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing; Debian and Ubuntu have it: apt-get install wrk")


def load(server: Server, clients: int, seconds: int, traffic: Traffic = Traffic.VARIED) -> Window:
    """Ask by so many clients that keep their connections, for so long."""
    requests = server.folder / f"{traffic.name}.requests"
    if not requests.exists():
        write(requests, server.recipe, f"127.0.0.1:{server.port}", traffic)
    before, own = server.family.computed(), _own_seconds()
    words = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*words, "-s", str(SCRIPT), f"http://127.0.0.1:{server.port}{server.recipe.path}"],
        env={**os.environ, "REQUESTS": str(requests)},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    computed = server.family.computed() - before
    found = json.loads(re.findall(r"^JSON (.*)$", done.stdout, re.MULTILINE)[0])
    return Window(
        rate=(found["requests"] - found["refused"]) / found["microseconds"] * 1e6,
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
        refused=found["refused"],
        lost=found["lost"],
        cost=computed / max(1, found["requests"]) * 1e6,
        generator=(_own_seconds() - own) / found["microseconds"] * 1e6,
    )


def _own_seconds() -> float:
    """Sum what the programs have computed that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
