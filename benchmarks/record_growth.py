"""Measure what a cell's output costs: the record's size, and the memory of run and kernel.

The same notebook prints 10 thousand and 1 million lines. Memory is resident (VmRSS, and
VmHWM for the peak), in MB of 10^6 bytes, asked for in a cell after the one that prints.

    python benchmarks/record_growth.py [--lines 10000 1000000] [--flush]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leftovers import leave_nothing
from service import notebook_of

MEMORY = """
import json, os
def memory(pid):
    fields = (line.split(":") for line in open(f"/proc/{pid}/status"))
    found = {name: value.split() for name, value in fields if name in ("VmRSS", "VmHWM")}
    return {name: int(value[0]) * 1024 / 1e6 for name, value in found.items()}
json.dump({"kernel": memory(os.getpid()), "run": memory(os.getppid())}, open(NAME, "w"))
"""


def main() -> None:
    """Run the notebook for each number of lines and print the table."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--lines", type=int, nargs="+", default=[10_000, 1_000_000])
    options.add_argument("--flush", action="store_true", help="send every line by itself")
    given = options.parse_args()
    print(f"{'lines':>10}{'out.ipynb, B':>14}{'seconds':>9}{'messages/s':>12}", end="")
    print(f"{'kernel RSS before':>19}{'after':>8}{'run RSS before':>16}{'after':>8}{'peak':>8}")
    sizes = [report(lines, given.flush) for lines in given.lines]
    print(f"\nlargest / smallest out.ipynb: {max(sizes) / min(sizes):.3f}")


def report(lines: int, flush: bool) -> int:
    """Run once, print a line of the table and give the record's size in bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code = f"for number in range({lines}): print('line', number, flush={flush})"
        sources = [f"NAME = 'before'{MEMORY}", code, f"NAME = 'after'{MEMORY}"]
        (folder / "print.ipynb").write_text(notebook_of(sources))
        words = [sys.executable, "-m", "runner", "run", "print.ipynb", "out.ipynb"]
        subprocess.run(words, cwd=folder, check=True, stderr=subprocess.DEVNULL, env=environment())
        record = json.loads((folder / "out.ipynb").read_text())
        before, after = (json.loads((folder / name).read_text()) for name in ("before", "after"))
        size = (folder / "out.ipynb").stat().st_size
    seconds = record["cells"][1]["metadata"]["papermill"]["duration"]
    rate = f"{lines / seconds:,.0f}" if flush else "-"
    print(f"{lines:10,}{size:14,}{seconds:9.2f}{rate:>12}", end="")
    print(f"{before['kernel']['VmRSS']:19.1f}{after['kernel']['VmRSS']:8.1f}", end="")
    print(f"{before['run']['VmRSS']:16.1f}{after['run']['VmRSS']:8.1f}", end="")
    print(f"{after['run']['VmHWM']:8.1f}", flush=True)
    if "were lost" in json.dumps(record["cells"][1]["outputs"], ensure_ascii=False):
        print("           (the record says that output was lost)")
    time.sleep(0.5)  # let the kernel's end be over before the next one is measured
    return size


def environment() -> dict[str, str]:
    """Have the run use the runner that this benchmark stands beside."""
    root = Path(__file__).resolve().parent.parent
    return {**os.environ, "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}"}


if __name__ == "__main__":
    main()
