"""Start a server, see that it answers rightly, and end it."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from checkout import CheckoutError, commit_of
from processes import MARK, Family
from recipes import FLOWERS, OURS, Recipe, class_of
from venvs import Environment

BOOT_SECONDS = 120


class ServerError(Exception):
    """A server cannot be measured."""


class Server:
    """One server with its workers, started and verified.

    Attributes:
        boot: Seconds from the start of its command to its first right answer.
        commit: Which commit it is of, if it is this project; else empty.
    """

    def __init__(self, recipe: Recipe, environment: Environment, workers: int, model: Path) -> None:
        if environment.fault:
            raise ServerError(environment.fault)
        self.commit = _commit(environment) if recipe.files == OURS else ""
        self.recipe = recipe
        self.port = free_port()
        self.family = Family(mark=uuid.uuid4().hex)
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{recipe.name}-"))
        self._fields = {
            "bin": str(environment.python.parent),
            "here": str(recipe.folder),
            "port": str(self.port),
            "workers": str(workers),
        }
        self._environ = self._surroundings(environment, workers, model)
        try:
            self._prepare(environment)
            self.boot = self._start()
            self.verify()
        except Exception:
            self.end()
            raise

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    def ask(self, row: tuple[float, ...]) -> bytes:
        """Ask about a row on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", self.recipe.path, self.recipe.content(row), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ServerError(f"it answered {response.status}: {content[:200]!r}")
        return content

    def verify(self) -> None:
        """See that three flowers get their classes."""
        if not self.recipe.predicts:
            return
        for row, expected in FLOWERS.items():
            found = class_of(self.ask(row))
            if found != expected:
                raise ServerError(f"it answered {found} for a flower of class {expected}")

    def end(self) -> None:
        """End it politely, then kill what is left."""
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=8)
        self.family.kill()
        if process is not None:
            process.wait(timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _surroundings(self, environment: Environment, workers: int, model: Path) -> dict[str, str]:
        given = dict(self.recipe.environment)
        if workers == 1:
            given |= self.recipe.environment_of_one_worker
        kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        kept.pop("PYTHONPATH", None)
        return {
            **kept,
            **{name: value.format(**self._fields) for name, value in given.items()},
            **{name: str(free_port()) for name in self.recipe.more_ports},
            "PATH": f"{environment.python.parent}{os.pathsep}{os.environ['PATH']}",
            "MODEL": str(model),
            "PORT": str(self.port),
            "WORKERS": str(workers),
            MARK: self.family.mark,
        }

    def _prepare(self, environment: Environment) -> None:
        if self.recipe.prepare:
            words = [environment.python, self.recipe.folder / self.recipe.prepare]
            self._run(words)

    def _run(self, words: list[Path]) -> None:
        done = subprocess.run(
            words, cwd=self.folder, env=self._environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ServerError(f"cannot be prepared: {done.stderr.strip().splitlines()[-1]}")

    def _start(self) -> float:
        words = [word.format(**self._fields) for word in self.recipe.command.split()]
        began = time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while time.monotonic() < began + BOOT_SECONDS:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException, ServerError):
                self.ask((6.3, 3.3, 6.0, 2.5))
                return time.monotonic() - began
            time.sleep(0.02)
        said = " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])
        raise ServerError(f"does not start: exit code {self._process.poll()}: {said}")


def _commit(environment: Environment) -> str:
    try:
        return commit_of(environment.python, environment.root)
    except CheckoutError as error:
        raise ServerError(str(error)) from error


def free_port() -> int:
    """Give a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
