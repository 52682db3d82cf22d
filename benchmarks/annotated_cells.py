"""Measure the throughput of annotated cells against Jupyter Kernel Gateway's.

Both serve the same notebook, each with as many kernels or workers as the other. Rounds
alternate, because the machine is noisy, and the ratio is of the medians. Kernel Gateway
is installed into an environment of its own, which is kept for the next time. Needs wrk.

    python benchmarks/annotated_cells.py [--rounds 5] [--seconds 3] [--venv FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from leftovers import leave_nothing
from service import free_port, notebook_of, until_answered, wrk

PACKAGES = ["jupyter_kernel_gateway", "ipykernel"]
SHOWN = ["jupyter-kernel-gateway", "jupyter_server", "ipykernel", "tornado"]
PREDICT = """# POST /predict
features = json.loads(REQUEST)["body"]["features"]
score = sum(w * x for w, x in zip(weights, features))
print(json.dumps({"score": score}))"""
PREDICT_INFO = """# ResponseInfo POST /predict
print(json.dumps({"headers": {"Content-Type": "application/json"}, "status": 200}))"""
PATH = "/hello/world"
CELLS = [
    "import json",
    "weights = [0.25, 0.5, 1.0, 2.0]",
    "# GET /hello/:name\nrequest = json.loads(REQUEST)\nprint('hello', request['path']['name'])",
    PREDICT,
    PREDICT_INFO,
]
POST = """
wrk.method, wrk.path = "POST", "/predict"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"features": [1, 2, 3, 4]}'
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Say what is asked, and by how many clients of how many workers."""

    name: str
    workers: int
    clients: int
    is_post: bool = False


CASES = [
    Case(name="GET, 1 worker, 1 client", workers=1, clients=1),
    Case(name="GET, 1 worker, 16 clients", workers=1, clients=16),
    Case(name="POST with ResponseInfo, 1 worker, 16 clients", workers=1, clients=16, is_post=True),
    Case(name="GET, 2 workers, 16 clients", workers=2, clients=16),
]


def main() -> None:
    """Alternate the rounds and print the table."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3)
    kept = Path(tempfile.gettempdir()) / "runner-bench-kernel-gateway"
    options.add_argument("--venv", type=Path, default=kept)
    given = options.parse_args()
    python = installed(given.venv)
    print(f"{os.cpu_count()} cores; {dt.datetime.now(dt.UTC).date()}; requests per second")
    print("Kernel Gateway:", ", ".join(versions(python)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "api.ipynb"
        notebook.write_text(notebook_of(CELLS))
        script = Path(folder) / "post.lua"
        script.write_text(POST)
        for workers in sorted({case.workers for case in CASES}):
            cases = [case for case in CASES if case.workers == workers]
            with gateway(python, notebook, workers) as theirs, ours(notebook, workers) as mine:
                for case in cases:
                    compare(case, {"theirs": theirs, "ours": mine}, script, given)


def compare(case: Case, ports: dict[str, int], script: Path, given: argparse.Namespace) -> None:
    """Alternate the rounds of one case, and print its line."""
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(given.rounds):
        for name, port in ports.items():
            rates[name].append(rate(port, case, script, given.seconds))
    theirs, mine = statistics.median(rates["theirs"]), statistics.median(rates["ours"])
    lowest = min(rates["ours"]) / max(rates["theirs"])
    print(
        f"{case.name:46} Kernel Gateway {theirs:7.1f}   runner {mine:8.1f}"
        f"   ratio {mine / theirs:6.1f} (worst against best round {lowest:.1f})",
        flush=True,
    )


def rate(port: int, case: Case, script: Path, seconds: int) -> float:
    """Give the requests per second of one round."""
    words = ["-s", str(script)] if case.is_post else []
    return wrk(port, PATH, case.clients, seconds, "--timeout", "10s", *words)


def installed(folder: Path) -> Path:
    """Make the environment of Kernel Gateway, unless it is there, and give its Python."""
    python = folder / "bin/python"
    if not (folder / "bin/jupyter-kernelgateway").exists():
        print(f"installing Kernel Gateway into {folder}", flush=True)
        venv.create(folder, with_pip=True)
        words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        subprocess.run([python, *words], check=True, timeout=600)
    return python


def versions(python: Path) -> list[str]:
    """List what its environment has."""
    code = (
        "import sys, importlib.metadata as m\n"
        "print('Python', sys.version.split()[0])\n"
        f"for name in {SHOWN!r}: print(name, m.version(name))"
    )
    shown = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return shown.stdout.splitlines()


@contextlib.contextmanager
def gateway(python: Path, notebook: Path, kernels: int, path: str = PATH) -> Iterator[int]:
    """Serve by Kernel Gateway, until the body has ended; ``path`` answers when it does."""
    port = free_port()
    words = [
        str(python.with_name("jupyter-kernelgateway")),
        "--KernelGatewayApp.api=kernel_gateway.notebook_http",
        f"--KernelGatewayApp.seed_uri={notebook}",
        f"--KernelGatewayApp.prespawn_count={kernels}",
        f"--KernelGatewayApp.port={port}",
        "--KernelGatewayApp.log_level=ERROR",
    ]
    # Its kernel must be of its own environment, not of the one that runs this script.
    environ = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    environ.pop("PYTHONPATH", None)
    with running(words, port, environ, path):
        yield port


@contextlib.contextmanager
def ours(notebook: Path, workers: int, path: str = PATH) -> Iterator[int]:
    """Serve by runner, as it comes: with its access log."""
    port = free_port()
    words = [sys.executable, "-m", "runner", "serve", str(notebook), "--port", str(port)]
    with running([*words, "--workers", str(workers)], port, dict(os.environ), path):
        yield port


@contextlib.contextmanager
def running(words: list[str], port: int, environ: dict[str, str], path: str) -> Iterator[None]:
    """Run a server until the body has ended; wait for its first 200."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until_answered(process, port, path)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
