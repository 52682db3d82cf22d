"""Compare an app that prints on every request with the same app that does not.

One process answers both, by the path, and wrk (Debian's package) asks for them in turns,
because the machine is noisy. The record must not grow.

    python benchmarks/printing.py [--rounds 9] [--seconds 2] [--workers 1 2]
"""

from __future__ import annotations

import argparse
import statistics

from leftovers import leave_nothing
from service import serving, wrk

APP = """
import uvicorn

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("http only")
    if scope["path"] == "/print":
        print("asked for", scope["path"])
    headers = [(b"content-type", b"application/json"), (b"content-length", b"10")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"val": 0}'})
"""
SERVE = "uvicorn.run(app)"


def main() -> None:
    """Run with each number of workers."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--seconds", type=float, default=2)
    options.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    given = options.parse_args()
    for workers in given.workers:
        compare(workers, given.rounds, given.seconds)


def compare(workers: int, rounds: int, seconds: float) -> None:
    """Print the ratio of the medians, and how the record has grown."""
    with serving("--no-standby", "--workers", str(workers), cells=(APP, SERVE)) as service:
        record = service.folder / "runs/a/out.ipynb"
        wrk(service.port, "/print", seconds=seconds)
        before = record.stat().st_size
        rates: dict[str, list[float]] = {"/quiet": [], "/print": []}
        for _ in range(rounds):
            for path, found in rates.items():
                found.append(wrk(service.port, path, seconds=seconds))
        grown = record.stat().st_size - before
        lines = sum("asked for" in line for line in service.log.read_text().splitlines())
    quiet, loud = (statistics.median(found) for found in rates.values())
    ratio = statistics.median(b / a for a, b in zip(*rates.values(), strict=True))
    print(f"{workers} worker(s): {quiet:.0f} req/s, printing {loud:.0f}; ratio {ratio:.3f}")
    print(f"  about {sum(rates['/print']) * seconds:.0f} prints: {lines} lines in the log")
    print(f"  out.ipynb grew by {grown} bytes")


if __name__ == "__main__":
    main()
