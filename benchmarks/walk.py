"""List the files of ours that one request enters, and those that `runner serve` enters.

What is executed is seen by Python's profiler hook, so nothing is guessed from imports.

    python benchmarks/walk.py
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from leftovers import leave_nothing

PORT = int(os.environ.get("WALK_PORT", "18321"))
REQUESTS = 3  # the first ones make what is made once

# Note each file of ours in which a function begins, while a file called `on` exists.
SPY = """
import os, sys, threading
_ours, _seen = os.sep + "runner" + os.sep, set()
def _note(frame, event, _):
    if event == "call" and os.path.exists({on!r}):
        path = frame.f_code.co_filename
        if _ours in path and path.endswith(".py") and "site-packages" not in path:
            _seen.add(path.rpartition(_ours)[2])
            loaded = [name for name in sys.modules if name.partition(".")[0] == "runner"]
            with open({out!r}, "w") as file:
                file.write("\\n".join([str(len(loaded)), *sorted(_seen)]))
threading.setprofile(_note)
sys.setprofile(_note)
"""
SERVES = """
from runner import serve
import numpy as np
from sklearn.svm import SVC
model = SVC().fit(np.array([[1.0, 2.0], [3.0, 4.0]]), [0, 1])
serve(model, example={"a": 1.0, "b": 2.0})
"""


def main() -> None:
    """Print both walks."""
    leave_nothing()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        request = _walk_of_a_request(place)
    _show("one request, in the worker", request)
    with tempfile.TemporaryDirectory() as folder:
        started = _walk_of_serve(Path(folder))
    _show("`runner serve`, from the command line to the socket", started)


def _show(title: str, found: list[str]) -> None:
    loaded, *entered = found
    print(f"{title}: {len(entered)} files entered, {loaded} modules of ours loaded")
    print("".join(f"    {name}\n" for name in entered))


def _walk_of_a_request(place: Path) -> list[str]:
    on, out = place / "on", place / "request.txt"
    _write(place / "a.ipynb", SPY.format(on=str(on), out=str(out)), SERVES)
    service = _start(place, [sys.executable, "-m", "runner"])
    try:
        _wait_until_ready()
        client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)  # urllib closes it
        for number in range(REQUESTS):
            if number == REQUESTS - 1:
                on.touch()
            client.request("POST", "/", b'{"a": 1, "b": 2}', {"Content-Type": "application/json"})
            client.getresponse().read()
        client.close()
        on.unlink()
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)
    return out.read_text().split()


def _walk_of_serve(place: Path) -> list[str]:
    on, out = place / "on", place / "serve.txt"
    on.touch()
    _write(place / "a.ipynb", SERVES)
    code = SPY.format(on=str(on), out=str(out)) + "from runner.{main} import main; main()"
    main = "cli.main" if Path(_package(), "cli", "main.py").exists() else "cli"
    service = _start(place, [sys.executable, "-c", code.replace("{main}", main)])
    try:
        _wait_until_ready()
        on.unlink()
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)
    return out.read_text().split()


def _package() -> str:
    said = subprocess.run(
        [sys.executable, "-c", "import runner; print(runner.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return said.stdout.strip()


def _start(place: Path, words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*words, "serve", "a.ipynb", "--port", str(PORT)], cwd=place)


def _wait_until_ready() -> None:
    url = f"http://127.0.0.1:{PORT}/"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url + "readyz", timeout=5).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the service did not come up")


def _write(path: Path, *cells: str) -> None:
    document = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"c{number}",
                "metadata": {},
                "outputs": [],
                "source": text,
            }
            for number, text in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))


if __name__ == "__main__":
    main()
