"""Measure the cold start: from the process's start to its first 200, against plain papermill.

Both serve the same notebook. Rounds alternate, because the machine is noisy, and the
ratio is of the medians. Where our time goes is read from the log and the record of
the median round.

    python benchmarks/cold_start.py [--rounds 7] [--notebook notebooks/serve_asgi.ipynb]
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from leftovers import leave_nothing
from service import free_port, until_answered

EXAMPLE = {
    "sepal length (cm)": 1,
    "sepal width (cm)": 1,
    "petal length (cm)": 1,
    "petal width (cm)": 1,
}
SPANS = ("until the run begins", "kernel up", "imports", "other cells", "first answer")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """One start: the seconds to the first 200, and the record it left."""

    seconds: float
    began: dt.datetime
    record: Any


def main() -> None:
    """Alternate the rounds and print the table."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--notebook", default="notebooks/serve_asgi.ipynb")
    given = options.parse_args()
    commands = {
        "runner serve": ["runner", "serve", given.notebook],
        "papermill": ["papermill", given.notebook],
    }
    starts: dict[str, list[Start]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, words in commands.items():
            starts[name].append(start(words))
    report(starts)


def start(words: list[str]) -> Start:
    """Start a service, wait for its first 200, and end it."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.ipynb"
        began, clock = dt.datetime.now(dt.UTC), time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *words, str(out), *port_words(words, port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until_answered(process, port, body=json.dumps(EXAMPLE))
            seconds = time.perf_counter() - clock
        finally:
            end(process, out)
        return Start(seconds=seconds, began=began, record=json.loads(out.read_text()))


def port_words(words: list[str], port: int) -> list[str]:
    """Say by which words a program is told the port."""
    return ["--port", str(port)] if "serve" in words else ["-p", "port", str(port)]


def end(process: subprocess.Popen[bytes], out: Path) -> None:
    """Stop a service and wait until its kernel, which papermill forgets, is gone too."""
    time.sleep(0.1)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    while any(str(out) in words for words in command_lines()):
        time.sleep(0.05)
    time.sleep(1.5)  # a kernel whose papermill died looks for its parent every second


def command_lines() -> list[str]:
    """The command lines of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def report(starts: dict[str, list[Start]]) -> None:
    """Print medians, their ratio, and where the time of the median rounds goes."""
    machine = f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
    print(f"cold start, process start to first 200; {machine}; {dt.date.today()}\n")
    print(f"{'':24}" + "".join(f"{name:>16}" for name in starts))
    medians = {
        name: statistics.median(run.seconds for run in runs) for name, runs in starts.items()
    }
    print(f"{'median of ' + str(len(starts['papermill'])) + ' rounds, s':24}" + row(medians))
    print(
        f"{'fastest, s':24}" + row({n: min(r.seconds for r in runs) for n, runs in starts.items()})
    )
    print("\nwhere the time goes (median round), s")
    spans = {name: spans_of(middle(runs)) for name, runs in starts.items()}
    for span in SPANS:
        print(f"  {span:22}" + row({name: found[span] for name, found in spans.items()}))
    print(f"\nrunner serve / papermill: {medians['runner serve'] / medians['papermill']:.2f}")


def row(figures: dict[str, float]) -> str:
    """One line of the table."""
    return "".join(f"{figure:16.2f}" for figure in figures.values())


def middle(runs: list[Start]) -> Start:
    """The round of the median time."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def spans_of(run: Start) -> dict[str, float]:
    """Split a start by the times that stand in its record."""
    cells = [cell for cell in run.record["cells"] if cell["cell_type"] == "code"]
    facts = [cell["metadata"]["papermill"] for cell in cells]
    marks = [
        run.began,
        moment(run.record["metadata"]["papermill"]["start_time"]),
        moment(facts[0]["start_time"]),
        moment(facts[0]["end_time"]),
        moment(facts[-1]["start_time"]),
        run.began + dt.timedelta(seconds=run.seconds),
    ]
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(marks)]
    return dict(zip(SPANS, gaps, strict=True))


def moment(text: str) -> dt.datetime:
    """Read a time as papermill writes it."""
    return dt.datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
