"""Kill a real S3 server for a while during a run, a sweep and a reload, and see what is lost.

    python benchmarks/storage_outage.py [--outage 20]

It needs what the extra `test-engines` has. Each of the three begins, the server is killed, the work
goes on, the server is started again; then what the bucket has is compared with what is here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from leftovers import leave_nothing
from s3_server import S3Server, s3_server
from service import free_port

RUN = """import time
for number in range({count}):
    print(number, flush=True)
    time.sleep(0.25)"""
POINT = """import time
from runner import record_metrics, save_model
time.sleep(4)
record_metrics(score=b)
save_model({"b": b}, model_path)"""
SERVE = """from runner import serve
def predict(x: int):
    return {number}
serve(predict)"""
WITHIN = 600.0


def notebook(*cells: str, parameters: str = "") -> bytes:
    """Make a notebook."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    if parameters:
        tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        made.cells.insert(0, tagged)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    return str(nbformat.writes(made)).encode()


class Command:
    """Be one command of ours, in a folder.

    Args:
        folder: Where it works.
        words: What follows `runner`.
        server: The storage.
    """

    def __init__(self, folder: Path, server: S3Server, *words: str) -> None:
        self._log = folder / "said.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runner", *words],
                cwd=folder,
                env={**os.environ, **server.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """All that it wrote."""
        return self._log.read_text()


def until(is_true: Callable[[], Any], command: Command) -> None:
    """Wait for something."""
    deadline = time.monotonic() + WITHIN
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(command.said()[-3000:])
        time.sleep(0.1)


@contextlib.contextmanager
def outage(server: S3Server, seconds: float) -> Iterator[float]:
    """Kill the server, and start it again after the body, and no sooner than that."""
    began = time.monotonic()
    server.kill()
    yield began
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    server.start()


def a_run(server: S3Server, folder: Path, seconds: float) -> str:
    """See a run through an outage in its middle."""
    count = int(4 * seconds) + 40
    server.put("run.ipynb", notebook(RUN.format(count=count)))
    command = Command(folder, server, "run", "s3://bucket/run.ipynb", "s3://bucket/out.ipynb")
    until(lambda: server.has("out.ipynb"), command)
    with outage(server, seconds):
        pass
    back = time.monotonic()
    newest = len(server.get("out.ipynb"))
    until(lambda: len(server.get("out.ipynb")) > newest, command)
    caught_up = time.monotonic() - back
    code = command.process.wait(WITHIN)
    record = json.loads(server.get("out.ipynb"))
    local = (folder / "runs/storage/s3/bucket/out.ipynb").read_bytes()
    printed = "".join(record["cells"][-1]["outputs"][0]["text"]).split()
    is_whole = printed == [str(number) for number in range(count)]
    return (
        f"run: exit {code}, caught up {caught_up:.1f} s after the server was back; lines"
        f" {len(printed)} of {count} in order: {is_whole}; same as here:"
        f" {local == server.get('out.ipynb')}; status {record['metadata']['runner']['status']}"
    )


def a_sweep(server: S3Server, folder: Path, seconds: float) -> str:
    """See a sweep through an outage, and what another machine would run of it then."""
    parameters = 'b: int = 1\nmodel_path: str = "m.joblib"'
    server.put("train.ipynb", notebook(POINT, parameters=parameters))
    words = ["sweep", "s3://bucket/train.ipynb", "--out", "s3://bucket/all", "-j", "2"]
    words += ["--grid", f"b={','.join(map(str, range(1, 13)))}"]
    command = Command(folder, server, *words)
    until(lambda: server.has("all/points/b=1/m.joblib"), command)
    with outage(server, seconds):
        pass
    code = command.process.wait(WITHIN)
    names = server.names()
    records = [name for name in names if name.endswith("out.ipynb") and name.startswith("all/")]
    states = [json.loads(server.get(name))["metadata"]["runner"]["status"] for name in records]
    models = [name for name in names if name.endswith("m.joblib")]
    (other := folder / "elsewhere").mkdir()
    again = Command(other, server, *words, "--dry-run")
    again.process.wait(WITHIN)
    return (
        f"sweep: exit {code}; records {len(records)}, completed {states.count('completed')} of 12,"
        f" models {len(models)}; elsewhere: {again.said().strip().splitlines()[-1]}"
    )


def a_reload(server: S3Server, folder: Path, seconds: float) -> str:
    """Save a new version right after an outage, and ask all the time."""
    server.put("serve.ipynb", notebook(SERVE.replace("{number}", "1")))
    port = free_port()
    words = ["serve", "s3://bucket/serve.ipynb", "--port", str(port), "--reload"]
    command = Command(folder, server, *words, "--reload-every", "2")
    answered = lost = 0

    def ask() -> Any:
        nonlocal answered, lost
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=b'{"x": 1}')
            request.add_header("Content-Type", "application/json")
            with urllib.request.urlopen(request, timeout=30) as answer:
                found = json.loads(answer.read())
        except OSError:
            lost += 1
            return None
        answered += 1
        return found

    try:
        until(lambda: ask() is not None, command)
        first, answered, lost = ask(), 0, 0
        with outage(server, seconds) as began:
            while time.monotonic() < began + seconds:
                ask()
                time.sleep(0.02)
        server.put("serve.ipynb", notebook(SERVE.replace("{number}", "2")))
        saved = time.monotonic()
        until(lambda: ask() != first, command)
        took = time.monotonic() - saved
    finally:
        command.process.terminate()
        code = command.process.wait(WITHIN)
    return (
        f"reload: {answered} answered, {lost} lost; the version saved when the server was back"
        f" served after {took:.1f} s; exit {code}"
    )


def main() -> None:
    """Be the command."""
    leave_nothing()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outage", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--only", choices=("run", "sweep", "reload"))
    given = parser.parse_args()
    cases = {"run": a_run, "sweep": a_sweep, "reload": a_reload}
    with tempfile.TemporaryDirectory() as name, s3_server(Path(name) / "s3") as server:
        for each, see in cases.items():
            if given.only in (None, each):
                (folder := Path(name) / each).mkdir()
                print(see(server, folder, given.outage), flush=True)


if __name__ == "__main__":
    main()
